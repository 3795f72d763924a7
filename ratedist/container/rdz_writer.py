"""Writing a .rdz file, a tensor at a time."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import math
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from ratedist import _checks
from ratedist.codes.ans import ans_encode, require_constriction
from ratedist.codes.bitstream import huffman_encode
from ratedist.container.dtypes import NAMES, dtype_name, to_bytes
from ratedist.container.quantized_tensor import QuantizedTensor
from ratedist.container.rdz_entry import RdzEntry, codebook_name
from ratedist.container.rdz_format import CODERS, DATA, entries_of, header_of, least_label_bytes
from ratedist.container.rdz_index import encode_index
from ratedist.container.rdz_reader import RdzFile
from ratedist.container.tensor_reader import CHUNK, METADATA, Entry
from ratedist.container.tensor_writer import write_tensor_file
from ratedist.files import scratch_file


class RdzWriter:
    """A .rdz file in the making; it takes its place when the ``with`` block ends without an error.

    Before that the file is read as any reader would: header, index, SHA-256 and decoded labels have to be
    what was given. If they are not, that is an error, and what stood at the place stays there.

    What is added is coded at once and kept in a file without a name beside the result until the header,
    which stands in front and knows all sizes, can be written: memory is needed for one tensor at a time.
    The file depends on names, tensors, coder and metadata alone, not on the order in which they came.

    Args:
        path: the file, replaced if it exists; see ``ratedist.files.written_beside``. Its folder is not made.
        coder: "huffman", or "ans" for the entropy coder of the package ``constriction``.
        metadata: strings by name, to be handed back by the reader.

    Attributes:
        num_bytes: size of the file, once it is written.

    Raises:
        ValueError: a place that cannot be written to, an unknown coder, ``constriction`` not installed.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        coder: str = "huffman",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        self.path = pathlib.Path(path)
        self.num_bytes = 0
        self._coder = _checks.one_of("coder", coder, CODERS)
        if coder == "ans":
            require_constriction()
        self._metadata = dict(metadata or {})
        self._entries: dict[str, RdzEntry] = {}
        self._labels: dict[str, bytes] = {}
        self._ending = contextlib.ExitStack()
        self._spool: BinaryIO = self._ending.enter_context(scratch_file(self.path))

    def __enter__(self) -> RdzWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._ending:
            if kind is None:
                self._finish()

    def add(self, name: str, tensor: QuantizedTensor) -> int:
        """Add a quantised tensor; returns the bytes that its labels take.

        Raises:
            ValueError: a name that is taken, or the one that a safetensors file keeps its metadata under.
        """
        self._claim(name)
        payload = coded_labels(tensor, self._coder)
        padding = least_label_bytes(tensor.num_weights) - len(payload)
        counts = tensor.counts.astype(np.min_scalar_type(int(tensor.counts.max())))
        entry = described(tensor, self._coder, len(payload))
        self._labels[name] = _label_digest(tensor)
        self._put(
            name, entry, [payload, b"\0" * max(padding, 0), to_bytes(tensor.codebook), to_bytes(counts)]
        )
        return len(payload)

    def add_raw(self, name: str, tensor: np.ndarray) -> None:
        """Add a tensor as it is, of any dtype that the safetensors format and NumPy have.

        Raises:
            ValueError: a name that is taken, another dtype.
        """
        array = np.asarray(tensor)
        self.add_raw_bytes(name, Entry(dtype_name(array.dtype), array.shape), [to_bytes(array)])

    def add_raw_bytes(self, name: str, entry: Entry, data: Iterable[Any]) -> None:
        """Add a tensor as it is, of any dtype of the safetensors format.

        Args:
            name: of the tensor.
            entry: its dtype and shape.
            data: its bytes as in a safetensors file, in pieces.

        Raises:
            ValueError: a name that is taken, bytes that are more or fewer than the entry says.
        """
        self._claim(name)
        self._put(name, RdzEntry(entry.dtype, tuple(entry.shape), b""), data)

    def _claim(self, name: str) -> None:
        if name in self._entries:
            raise ValueError(f"there is a tensor {name!r} already")
        if name == METADATA:  # as a model, the file could not be written back
            raise ValueError(f"no tensor can have the name {METADATA!r}")

    def _put(self, name: str, entry: RdzEntry, data: Iterable[Any]) -> None:
        start, digest = self._spool.seek(0, os.SEEK_END), hashlib.sha256()
        for piece in data:
            digest.update(piece)
            self._spool.write(piece)
        if self._spool.tell() - start != entry.num_bytes:
            raise ValueError(f"the data of {name!r} have not the size of its shape and dtype")
        self._entries[name] = dataclasses.replace(entry, digest=digest.digest(), places=(start,))

    def _finish(self) -> None:
        index = encode_index(self._metadata, self._entries)
        total = sum(entry.num_bytes for entry in self._entries.values())
        self.num_bytes = write_tensor_file(
            self.path,
            entries_of(total, index),
            header_of(total, index),
            lambda part: self._sorted_data() if part == DATA else [index],
            self._verify,
        )

    def _sorted_data(self) -> Iterator[bytes]:
        """All data in the order of the names."""
        for name in sorted(self._entries):
            start, size = self._entries[name].places[0], self._entries[name].num_bytes
            for position in range(start, start + size, CHUNK):
                self._spool.seek(position)
                yield self._spool.read(min(CHUNK, start + size - position))

    def _verify(self, file: BinaryIO) -> None:
        """Read what was written as any reader would, and compare it with what was given."""
        written = RdzFile(self.path, file)
        expected = {name: dataclasses.replace(one, places=()) for name, one in self._entries.items()}
        found = {name: dataclasses.replace(one, places=()) for name, one in written.entries.items()}
        if found != expected or written.metadata != self._metadata:
            raise ValueError(f"{self.path} would not be read as it was to be written")
        for name, entry in found.items():
            if entry.coder is None:
                for _ in written.raw_chunks(name):
                    pass  # compared with their SHA-256
        for name, tensor in written.read_many(self._labels):
            if not isinstance(tensor, QuantizedTensor) or _label_digest(tensor) != self._labels[name]:
                raise ValueError(
                    f"{self.path}: the labels of {name!r} would not be decoded as they were given"
                )


def _label_digest(tensor: QuantizedTensor) -> bytes:
    """SHA-256 of the labels, whatever their type."""
    labels = tensor.labels.astype(np.min_scalar_type(tensor.num_clusters - 1), copy=False)
    return hashlib.sha256(np.ascontiguousarray(labels).data).digest()


def coded_labels(tensor: QuantizedTensor, coder: str) -> bytes:
    """The labels of a tensor in Huffman or ANS code."""
    return (huffman_encode if coder == "huffman" else ans_encode)(tensor.labels, tensor.counts)


def described(tensor: QuantizedTensor, coder: str, coded_bytes: int) -> RdzEntry:
    """What the index says of a tensor whose labels take so many bytes; digest and places are missing."""
    return RdzEntry(
        dtype_name(tensor.dtype),
        tuple(tensor.shape),
        b"",
        (),
        coder,
        coded_bytes,
        codebook_name(NAMES[tensor.codebook.dtype]),
        tensor.codebook.shape,
        NAMES[np.min_scalar_type(int(tensor.counts.max()))],
        None if math.isnan(tensor.distortion) else tensor.distortion,
        None if math.isnan(tensor.energy) else tensor.energy,
        tensor.weighted,
    )
