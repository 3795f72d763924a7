"""Writing a .rdz file, a tensor at a time."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from ratedist import _checks
from ratedist.codes.ans import require_constriction
from ratedist.container.compressed_tensor import CompressedTensor
from ratedist.container.dtypes import dtype_name, to_bytes
from ratedist.container.rdz_entry import RAW, RdzEntry
from ratedist.container.rdz_format import CODERS, DATA, entries_of, header_of
from ratedist.container.rdz_index import encode_index, version_of
from ratedist.container.rdz_reader import RdzFile
from ratedist.container.tensor_reader import CHUNK, METADATA, Entry
from ratedist.container.tensor_writer import write_tensor_file
from ratedist.files import scratch_file


class RdzWriter:
    """A .rdz file in the making; it takes its place when the ``with`` block ends without an error.

    Before that the file is read as any reader would: header, index, SHA-256 and what is decoded have to be
    what was given. If they are not, that is an error, and what stood at the place stays there.

    What is added is coded at once and kept in a file without a name beside the result. The header, which
    stands in front and knows all sizes, is written last. So memory is needed for one tensor at a time. The
    file depends on names, tensors, coder and metadata alone, not on the order in which they came.

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
        self._coded: dict[str, bytes] = {}
        self._ending = contextlib.ExitStack()
        self._spool: BinaryIO = self._ending.enter_context(scratch_file(self.path))

    def __enter__(self) -> RdzWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._ending:
            if kind is None:
                self._finish()

    def add(self, name: str, tensor: CompressedTensor) -> RdzEntry:
        """Add a compressed tensor; returns its entry.

        Raises:
            ValueError: a name that is taken, or the one that a safetensors file keeps its metadata under.
        """
        self._claim(name)
        stored = tensor.stored(self._coder)
        self._coded[name] = tensor.digest()
        self._put(name, stored.entry, stored.parts)
        return stored.entry

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
        self._put(name, RdzEntry(entry.dtype, tuple(entry.shape)), data)

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
            header_of(total, index, version_of(self._entries.values())),
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
            if entry.kind == RAW:
                for _ in written.raw_chunks(name):
                    pass  # compared with their SHA-256
        for name, tensor in written.read_many(self._coded):
            if isinstance(tensor, np.ndarray) or tensor.digest() != self._coded[name]:
                raise ValueError(f"{self.path}: {name!r} would not be decoded as it was given")
