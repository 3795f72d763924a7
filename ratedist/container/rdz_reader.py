"""Reading a .rdz file, a tensor at a time, and believing nothing it says."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import numpy as np

from ratedist.codes.ans import ans_decode
from ratedist.codes.bitstream import huffman_decode
from ratedist.codes.many_streams import huffman_decode_many
from ratedist.container.dtypes import CODEBOOK_DTYPES, DTYPES, NAMES, from_bytes
from ratedist.container.quantized_tensor import QuantizedTensor, require_finite
from ratedist.container.rdz_entry import RdzEntry
from ratedist.container.rdz_format import DATA, DIGEST_KEY, FORMAT_KEY, INDEX, VERSION, header_of
from ratedist.container.rdz_index import decode_index
from ratedist.container.rdz_version1 import VERSION1, read_version1
from ratedist.container.tensor_reader import TensorFile, parse_json

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
        version: of the format, 1 or 2.

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

    def read(self, name: str) -> QuantizedTensor | np.ndarray:
        """The tensor ``name``: a ``QuantizedTensor``, or an array if it is stored as it was.

        Raises:
            ValueError: no such tensor, data that do not have their SHA-256 or do not decode to labels with
                the stored counts, ``constriction`` not installed where it is needed, a dtype that NumPy has
                not (``raw_chunks`` has them all).
        """
        entry = self._entry(name)
        if entry.coder is None:
            return from_bytes(self._parts(name)[0], entry.dtype).reshape(entry.shape)
        payload, codebook, counts = self._tables(name)
        try:
            decode = huffman_decode if entry.coder == "huffman" else ans_decode
            return _tensor(entry, decode(payload, counts), codebook)
        except ValueError as error:
            raise ValueError(f"{self._file.path}, tensor {name!r}: {error}") from None

    def read_many(self, names: Iterable[str]) -> Iterator[tuple[str, QuantizedTensor | np.ndarray]]:
        """Name and tensor of each, as ``read``, in the order of ``names``; small ones are decoded together.

        Memory is needed for a million labels and their codebooks beyond the largest tensor.
        """
        batch: list[str] = []
        together = 0
        for name in names:
            entry = self._entry(name)
            labels = -(-entry.num_weights // max(entry.block_length, 1))
            size = max(labels, entry.num_bytes)  # a codebook of long blocks is larger than its labels
            if batch and together + size > BATCH:
                yield from self._batch(batch)
                batch, together = [], 0
            batch.append(name)
            together += size
        yield from self._batch(batch)

    def pieces(self, name: str) -> Iterator[np.ndarray]:
        """The tensor ``name`` reconstructed, in pieces of its row-major order; as ``read``."""
        tensor = self.read(name)
        if isinstance(tensor, QuantizedTensor):
            yield from tensor.pieces()
        else:
            yield tensor.reshape(-1)

    def raw_chunks(self, name: str) -> Iterator[bytes]:
        """The data of a tensor that is not quantised, little-endian, in pieces.

        Raises:
            ValueError: a quantised tensor; data that do not have their SHA-256, found at their end.
        """
        entry = self._entry(name)
        if entry.coder is not None:
            raise ValueError(f"{self._file.path}: {name!r} is quantised, and read by read")
        digest = hashlib.sha256()
        for piece in self._file.chunks_at(entry.places[0], entry.num_bytes):
            digest.update(piece)
            yield piece
        self._compare(name, digest.digest())

    def codebook_and_counts(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Codebook and counts of a quantised tensor, without decoding its labels; raises as ``read``."""
        _, codebook, counts = self._tables(name)
        return codebook, counts

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

    def _batch(self, names: list[str]) -> Iterator[tuple[str, QuantizedTensor | np.ndarray]]:
        """``read`` of each; where the labels of many are in Huffman code, all are decoded together."""
        together = [name for name in names if self.entries[name].coder == "huffman"]
        found: dict[str, QuantizedTensor] = {}
        if len(together) > 1:
            tables = {name: self._tables(name) for name in together}
            try:
                labels = huffman_decode_many(
                    [payload for payload, _, _ in tables.values()],
                    [counts for _, _, counts in tables.values()],
                )
                for one, (name, (_, codebook, _)) in zip(labels, tables.items(), strict=True):
                    found[name] = _tensor(self.entries[name], one, codebook)
            except ValueError:
                found = {}  # one by one, to say which it is
        for name in names:
            yield name, found.pop(name) if name in found else self.read(name)

    def _tables(self, name: str) -> tuple[memoryview, np.ndarray, np.ndarray]:
        """Coded labels, codebook and counts (int64) of a quantised tensor."""
        entry = self._entry(name)
        if entry.coder is None:
            raise ValueError(f"{self._file.path}: {name!r} is not quantised")
        payload, codebook, counts = self._parts(name)
        centers = from_bytes(codebook, NAMES[CODEBOOK_DTYPES[entry.codebook_dtype]]).reshape(
            entry.codebook_shape
        )
        frequencies = from_bytes(counts, entry.counts_dtype)
        try:
            _check_counts(frequencies, entry)
            require_finite(centers, DTYPES[entry.dtype])
        except ValueError as error:
            raise ValueError(f"{self._file.path}, tensor {name!r}: {error}") from None
        return memoryview(payload)[: entry.coded_bytes], centers, frequencies.astype(np.int64)

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
        if type(version) is not int or version != VERSION:
            raise ValueError(f"its version is {version!r:.40}, this reader knows {VERSION1} and {VERSION}")
        parts = self._file.entries
        if parts.keys() != {DATA, INDEX}:
            raise ValueError("it does not consist of data and index")
        index = bytes(self._file.read_bytes(INDEX))
        if header_of(parts[DATA].num_bytes, index) != self._file.header:
            raise ValueError("its header or its index is damaged, the SHA-256 is another")
        return version, *decode_index(index, parts[DATA].start, parts[DATA].num_bytes)


def _tensor(entry: RdzEntry, labels: np.ndarray, codebook: np.ndarray) -> QuantizedTensor:
    return QuantizedTensor(
        labels,
        codebook,
        entry.shape,
        DTYPES[entry.dtype],
        math.nan if entry.distortion is None else entry.distortion,
        entry.weighted,
        math.nan if entry.energy is None else entry.energy,
    )


def _check_counts(counts: np.ndarray, entry: RdzEntry) -> None:
    """Whether the counts add up to the labels of the tensor, without trusting their sum not to overflow."""
    num_labels = -(-entry.num_weights // entry.block_length)
    if num_labels == 0 or int(counts.max()) > num_labels or int(counts.astype(object).sum()) != num_labels:
        raise ValueError(f"the counts do not add up to the {num_labels} labels of the tensor")
