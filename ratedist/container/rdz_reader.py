"""Reading a .rdz file, a tensor at a time, and believing nothing it says."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import math
import os
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import numpy as np

from ratedist.codes.many_streams import decode_many
from ratedist.container import factored_decoding, pruned_decoding, quantized_decoding, trellis_decoding
from ratedist.container.compressed_tensor import CompressedTensor, Inspection
from ratedist.container.dtypes import from_bytes
from ratedist.container.rdz_entry import QUANTIZED, RAW, RdzEntry
from ratedist.container.rdz_format import (
    DATA,
    DIGEST_KEY,
    FORMAT_KEY,
    INDEX,
    TRELLIS_VERSION,
    VERSION,
    header_of,
)
from ratedist.container.rdz_forms import FACTORED, PRUNED, TRELLIS
from ratedist.container.rdz_index import decode_index, version_of
from ratedist.container.rdz_version1 import VERSION1, read_version1
from ratedist.container.tensor_reader import TensorFile, parse_json

# What streams a kind of tensor has, and what is made of their symbols.
DECODERS = {
    QUANTIZED: quantized_decoding,
    FACTORED: factored_decoding,
    PRUNED: pruned_decoding,
    TRELLIS: trellis_decoding,
}
# Labels, or bytes of the file, of tensors that are read and decoded together.
BATCH = 1 << 20


class RdzFile:
    """A .rdz file open for reading; nothing but its header is in memory.

    What a header and an index take there is some ten times their bytes. A tensor takes up to 1024 weights for
    each byte of its labels: ``entries`` say how many before any is read, ``decoded_bytes`` for all.

    Args:
        path: the file. Use it in a ``with`` statement, or close it.
        file: to read in place of opening ``path``, which then only names it; it is not closed.

    Attributes:
        entries: name → ``RdzEntry``, in alphabetical order.
        metadata: strings by name, as given to the writer.
        size: of the file, in bytes.
        header_bytes: what is not data: header, its length, and index.
        version: of the format, 1 to 5.

    Raises:
        ValueError: a file that cannot be read, is not whole, has been changed, is of another version, or
            claims more weights than its size justifies. Changes in the data of a tensor are found when that
            tensor is read, or by ``verify``.
    """

    def __init__(self, path: str | os.PathLike[str], file: BinaryIO | None = None) -> None:
        self._file = TensorFile(path, file)
        try:
            self.size = self._file.size
            self.version, self.metadata, self.entries = self._parse()
            self.header_bytes = self.size - sum(entry.num_bytes for entry in self.entries.values())
        except ValueError as error:
            self.close()
            raise ValueError(f"{self._file.path} is not a valid .rdz file: {error}") from None

    def __enter__(self) -> RdzFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def decoded_bytes(self) -> int:
        """Bytes of all tensors, reconstructed."""
        return sum(entry.decoded_bytes for entry in self.entries.values())

    def read(self, name: str) -> CompressedTensor | np.ndarray:
        """The tensor ``name``: compressed as it was given, or an array if it is stored as it was.

        Raises:
            ValueError: no such tensor, data that do not have their SHA-256 or do not decode to labels with
                the stored counts, ``constriction`` not installed where it is needed, a dtype that NumPy has
                not (``raw_chunks`` has them all).
        """
        entry = self._entry(name)
        parts = self._parts(name)
        if entry.kind == RAW:
            return from_bytes(parts[0], entry.dtype).reshape(entry.shape)
        decoder = DECODERS[entry.kind]
        try:
            symbols = [stream.decode() for stream in decoder.streams(entry, parts)]
            return decoder.assembled(entry, parts, symbols)
        except ValueError as error:
            raise ValueError(f"{self._file.path}, tensor {name!r}: {error}") from None

    def read_many(self, names: Iterable[str]) -> Iterator[tuple[str, CompressedTensor | np.ndarray]]:
        """Name and tensor of each, as ``read``, in the order of ``names``; small ones are decoded together.

        Memory is needed for a million labels and their codebooks beyond the largest tensor.
        """
        batch: list[str] = []
        together = 0
        for name in names:
            entry = self._entry(name)
            # A codebook of long blocks is larger than its labels.
            size = max(entry.num_labels, entry.num_bytes)
            if batch and together + size > BATCH:
                yield from self._batch(batch)
                batch, together = [], 0
            batch.append(name)
            together += size
        yield from self._batch(batch)

    def pieces(self, name: str) -> Iterator[np.ndarray]:
        """The tensor ``name`` reconstructed, in pieces of its row-major order; as ``read``."""
        yield from pieces(self.read(name))

    def raw_chunks(self, name: str) -> Iterator[bytes]:
        """The data of a tensor that is stored as it was, little-endian, in pieces.

        Raises:
            ValueError: a compressed tensor; data that do not have their SHA-256, found at their end.
        """
        entry = self._entry(name)
        if entry.kind != RAW:
            raise ValueError(f"{self._file.path}: {name!r} is compressed, and read by read")
        digest = hashlib.sha256()
        for piece in self._file.chunks_at(entry.places[0], entry.num_bytes):
            digest.update(piece)
            yield piece
        self._compare(name, digest.digest())

    def inspect(self, name: str, max_comparisons: float = math.inf) -> Inspection | None:
        """What can be told of a tensor without reconstructing it; ``None`` if it is stored as it was.

        Args:
            name: of the tensor.
            max_comparisons: of a centre with others on average, beyond which a diameter is left out.

        Raises:
            ValueError: as ``read``.
        """
        entry = self._entry(name)
        if entry.kind == RAW:
            return None
        try:
            return DECODERS[entry.kind].inspect(entry, self._parts(name), max_comparisons)
        except ValueError as error:
            raise ValueError(f"{self._file.path}, tensor {name!r}: {error}") from None

    def verify(self) -> None:
        """Compare all data with their SHA-256; ``ValueError`` where they differ."""
        for name, entry in self.entries.items():
            digest = hashlib.sha256()
            for start, size in zip(entry.places, entry.part_bytes, strict=True):
                for piece in self._file.chunks_at(start, size):
                    digest.update(piece)
            self._compare(name, digest.digest())

    def _entry(self, name: str) -> RdzEntry:
        if name not in self.entries:
            raise ValueError(f"{self._file.path} has no tensor {name!r}")
        return self.entries[name]

    def _batch(self, names: list[str]) -> Iterator[tuple[str, CompressedTensor | np.ndarray]]:
        """``read`` of each; what is in Huffman code of many tensors is decoded together."""
        found: dict[str, CompressedTensor] = {}
        in_huffman = [n for n in names if self.entries[n].coders and "ans" not in self.entries[n].coders]
        if len(in_huffman) > 1:
            # Where one cannot be decoded: one by one, to say which it is.
            with contextlib.suppress(ValueError):
                found = self._decoded_together(in_huffman)
        for name in names:
            yield name, found.pop(name) if name in found else self.read(name)

    def _decoded_together(self, names: list[str]) -> dict[str, CompressedTensor]:
        """Tensors all of whose streams are in Huffman code."""
        entries = {name: self.entries[name] for name in names}
        parts = {name: self._parts(name) for name in names}
        streams = {n: DECODERS[one.kind].streams(one, parts[n]) for n, one in entries.items()}
        symbols = iter(decode_many([stream.in_huffman() for own in streams.values() for stream in own]))
        return {
            name: DECODERS[entries[name].kind].assembled(
                entries[name], parts[name], list(itertools.islice(symbols, len(own)))
            )
            for name, own in streams.items()
        }

    def _parts(self, name: str) -> list[bytearray]:
        """The data of a tensor, once they have their SHA-256."""
        entry = self._entry(name)
        parts, digest = [], hashlib.sha256()
        for start, size in zip(entry.places, entry.part_bytes, strict=True):
            parts.append(self._file.bytes_at(start, size))
            digest.update(parts[-1])
        self._compare(name, digest.digest())
        return parts

    def _compare(self, name: str, found: bytes) -> None:
        if found != self.entries[name].digest:
            raise ValueError(f"{self._file.path}: the data of {name!r} are damaged, their SHA-256 is another")

    def _parse(self) -> tuple[int, dict[str, str], dict[str, RdzEntry]]:
        stored = self._file.metadata
        if stored.keys() != {FORMAT_KEY, DIGEST_KEY}:
            raise ValueError(
                "it is a safetensors file without the metadata of one; ratedist quantize makes one"
            )
        content = parse_json(stored[FORMAT_KEY])
        version = content.get("version")
        if type(version) is int and version == VERSION1:
            return version, *read_version1(self._file, content)
        if type(version) is not int or not VERSION <= version <= TRELLIS_VERSION:
            raise ValueError(
                f"its version is {version!r:.40}, this reader knows {VERSION1} to {TRELLIS_VERSION}"
            )
        parts = self._file.entries
        if parts.keys() != {DATA, INDEX}:
            raise ValueError("it does not consist of data and index")
        index = bytes(self._file.read_bytes(INDEX))
        if header_of(parts[DATA].num_bytes, index, version) != self._file.header:
            raise ValueError("its header or its index is damaged, the SHA-256 is another")
        metadata, entries = decode_index(index, parts[DATA].start, parts[DATA].num_bytes)
        if version != version_of(entries.values()):
            raise ValueError(f"its tensors are of kinds that version {version} is not written for")
        return version, metadata, entries


def pieces(tensor: CompressedTensor | np.ndarray) -> Iterator[np.ndarray]:
    """A tensor of a .rdz file in pieces of its row-major order, reconstructed."""
    yield from [tensor.reshape(-1)] if isinstance(tensor, np.ndarray) else tensor.pieces()
