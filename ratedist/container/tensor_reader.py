"""Reading the safetensors format one tensor at a time.

The reference library hands out neither the bytes of the header, over which a .rdz file has its SHA-256, nor
a tensor in pieces. The two accept and read the same files (see the tests).
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import numpy as np

from ratedist.container.dtypes import BITS, from_bytes, num_bytes
from ratedist.container.file_kinds import kind_in_words
from ratedist.files import kind_of_file

LENGTH_BYTES = 8
MAX_HEADER = 100_000_000  # as in the reference library
MAX_DIMENSIONS = 32
METADATA = "__metadata__"
# Bytes read at once.
CHUNK = 1 << 22


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One tensor of a file: dtype by its safetensors name, shape, and where its data start."""

    dtype: str
    shape: tuple[int, ...]
    start: int = 0

    @property
    def num_bytes(self) -> int:
        """Size of the data."""
        return num_bytes(self.dtype, self.shape)


class TensorFile:
    """A safetensors file open for reading; nothing but its header is in memory.

    Args:
        path: the file. Use it in a ``with`` statement, or close it.
        file: to read in place of opening ``path``, which then only names it; it is not closed.

    Attributes:
        header: the bytes of the header.
        entries: name → ``Entry``, ``start`` counted from the beginning of the file.
        metadata: strings by name.
        size: of the file, in bytes.

    Raises:
        ValueError: what is no regular file; a file that cannot be read or breaks the format: lengths, JSON,
            names used twice, unknown dtypes, data that are not exactly the tensors one after another. A file
            of another kind is called what it is.
    """

    def __init__(self, path: str | os.PathLike[str], file: BinaryIO | None = None) -> None:
        self.path = pathlib.Path(path)
        self._owned = file is None
        self._file = _opened(self.path) if file is None else file
        try:
            self.size = os.fstat(self._file.fileno()).st_size
            self.header = self._read_header()
            self.entries, self.metadata = _parse(self.header, self.size)
        except UnknownDtypeError as error:
            self.close()
            raise ValueError(f"{self.path} cannot be read by this version: {error}") from None
        except ValueError as error:
            kind = kind_in_words(self._file)
            self.close()
            complaint = error if kind is None else f"it is {kind}"
            raise ValueError(f"{self.path} is not a valid safetensors file: {complaint}") from None

    def __enter__(self) -> TensorFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._owned:
            self._file.close()

    def read(self, name: str) -> np.ndarray:
        """The tensor ``name`` in its own dtype, native byte order.

        Raises:
            ValueError: no such tensor, a dtype that NumPy has not (``read_bytes`` has them all).
        """
        entry = self.entry(name)
        return from_bytes(self.read_bytes(name), entry.dtype).reshape(entry.shape)

    def read_bytes(self, name: str) -> bytearray:
        """The data of the tensor ``name``, little-endian as in the file."""
        entry = self.entry(name)
        return self.bytes_at(entry.start, entry.num_bytes)

    def chunks(self, name: str) -> Iterator[bytes]:
        """The data of the tensor ``name`` in pieces."""
        entry = self.entry(name)
        return self.chunks_at(entry.start, entry.num_bytes)

    def bytes_at(self, start: int, size: int) -> bytearray:
        """So many bytes from byte ``start`` of the file."""
        raw = bytearray(size)
        self._file.seek(start)
        if self._file.readinto(raw) != size:  # pyright: ignore[reportAttributeAccessIssue]
            raise ValueError(f"{self.path} ends at byte {start + size} at the latest: it has been cut")
        return raw

    def chunks_at(self, start: int, size: int) -> Iterator[bytes]:
        """So many bytes from byte ``start`` of the file, in pieces."""
        for position in range(start, start + size, CHUNK):
            yield bytes(self.bytes_at(position, min(CHUNK, start + size - position)))

    def entry(self, name: str) -> Entry:
        """What is known of the tensor ``name``; ``ValueError`` if there is none."""
        if name not in self.entries:
            raise ValueError(f"{self.path} has no tensor {name!r}")
        return self.entries[name]

    def _read_header(self) -> bytes:
        self._file.seek(0)
        length = int.from_bytes(self._file.read(LENGTH_BYTES), "little")
        if self.size < LENGTH_BYTES or length > min(MAX_HEADER, self.size - LENGTH_BYTES):
            raise ValueError(f"it claims a header of {length} bytes in a file of {self.size}")
        return self._file.read(length)


class UnknownDtypeError(ValueError):
    """A dtype of which nothing is known, hence not how many bytes its tensors take."""


def _opened(path: pathlib.Path) -> BinaryIO:
    """A regular file open for reading; nothing is waited for, as opening a pipe would."""
    if str(path) == "-":
        raise ValueError("cannot read -: give the name of a file, standard input cannot be read in any order")
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    kind = kind_of_file(os.fstat(descriptor).st_mode)
    if kind is None:
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise ValueError(f"cannot read {path}: it is a {kind}, not a file")


def parse_json(
    text: str | bytes, hook: Callable[[list[tuple[str, Any]]], Any] | None = None
) -> dict[str, Any]:
    """An object in JSON without repeated names, or ``ValueError``; ``hook`` makes an object of its pairs."""
    try:
        content = json.loads(text, object_pairs_hook=hook or _without_repetition, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("its header is nested too deeply") from None
    if not isinstance(content, dict):
        raise ValueError("its header is not an object")
    return content


def checked_integers(name: str, value: Any, least: int, most: int) -> tuple[int, ...]:
    """A list of ``least`` to ``most`` integers between 0 and 2^63, or ``ValueError``."""
    if (
        not isinstance(value, list | tuple)
        or not least <= len(value) <= most
        or not all(type(number) is int and 0 <= number < 1 << 63 for number in value)
    ):
        raise ValueError(f"the entry {name!r:.60} has something else than sizes: {value!r:.60}")
    return tuple(value)


def checked_shape(name: str, value: Any, dtype: Any) -> tuple[int, ...]:
    """A shape that an array of the safetensors dtype ``dtype`` can have, or ``ValueError``."""
    if not isinstance(dtype, str):
        raise ValueError(f"the dtype {dtype!r:.40} of {name!r:.60} is not a name")
    if dtype not in BITS:
        raise UnknownDtypeError(f"the dtype {dtype!r:.40} of {name!r:.60} is not one of {', '.join(BITS)}")
    if isinstance(value, list | tuple) and len(value) > MAX_DIMENSIONS:
        raise ValueError(f"{name!r:.60} has {len(value)} dimensions, more than {MAX_DIMENSIONS}")
    shape = checked_integers(name, value, 0, MAX_DIMENSIONS)
    # NumPy refuses sizes beyond this even where another dimension is zero.
    if num_bytes(dtype, (length or 1 for length in shape)) >= 1 << 63:
        raise ValueError(f"the shape of {name!r:.60} is too large")
    if math.prod(shape) * BITS[dtype] % 8:
        raise ValueError(f"the values of {name!r:.60} do not fill whole bytes")
    return shape


def _parse(header: bytes, size: int) -> tuple[dict[str, Entry], dict[str, str]]:
    """Entries and metadata of a header in a file of ``size`` bytes."""
    content = parse_json(header, _compact)
    metadata = content.pop(METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError(f"its {METADATA} are not strings by name")
    base = LENGTH_BYTES + len(header)
    for name, fields in content.items():
        if not isinstance(fields, tuple):
            raise ValueError(f"the entry {name!r:.60} does not consist of dtype, shape and data_offsets")
        checked_integers(name, fields[2], 2, 2)
    entries, position = {}, 0
    for name in sorted(content, key=lambda name: content[name][2]):
        dtype, shape, (start, end) = content.pop(name)
        entry = Entry(dtype, checked_shape(name, shape, dtype), base + start)
        if start != position or end - start != entry.num_bytes:
            raise ValueError(f"the data of {name!r:.60} have not the place or the size they should have")
        entries[name], position = entry, end
    if base + position != size:
        raise ValueError(f"its tensors end at byte {base + position}, the file has {size}")
    return entries, metadata


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a name occurs twice in its header")
    for name in content:
        name.encode()  # fails on half of a surrogate pair, which JSON can spell and UTF-8 cannot
    return content


def _no_constant(name: str) -> Any:
    raise ValueError(f"its header has the number {name}, which is no JSON")


def _compact(pairs: list[tuple[str, Any]]) -> Any:
    """The entry of a tensor as a tuple of dtype, shape and offsets, which takes a third of the memory."""
    content = _without_repetition(pairs)
    if content.keys() != {"dtype", "shape", "data_offsets"}:
        return content
    dtype, shape, offsets = content["dtype"], content["shape"], content["data_offsets"]
    if not isinstance(shape, list) or not isinstance(offsets, list):
        return content
    return sys.intern(dtype) if isinstance(dtype, str) else dtype, tuple(shape), tuple(offsets)
