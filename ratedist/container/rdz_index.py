"""The index of a .rdz file of version 2 as bytes.

Numbers are in LEB128: seven bits a byte, lowest first, the highest bit set in all bytes but the last, no byte
too many. A text is its length in bytes and its UTF-8. The index has the number of metadata and the pairs of
texts, in the order of the keys; then the number of tensors and a row for each, in the order of the names:

- the name, a text; a byte for the dtype (its place in ``DTYPE_CODES``); number of dimensions and dimensions;
- the SHA-256 of the data, 32 bytes;
- a byte for the coder, 0 where the tensor is not quantised. Then the row ends here;
- bytes for the dtypes of codebook and counts; K; m, or 0 where the codebook has one dimension; bytes of
  coded labels without their filling;
- a byte: 1 if distortion and energy are known, plus 2 if importances weight them, or 4 if they do not, plus
  8 if the error of the bulk is known;
- if known, both as 64-bit floating-point numbers, NaN where only the other one is; then, if known, that of
  the bulk, which may be infinite.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import struct
from collections.abc import Mapping
from typing import Any

from ratedist.container.dtypes import CODEBOOK_DTYPES, NAMES
from ratedist.container.names import utf8
from ratedist.container.rdz_entry import RAW, RdzEntry, codebook_name
from ratedist.container.rdz_format import CODERS
from ratedist.container.tensor_reader import checked_shape

# A code is a place in this list, so that it can be added to at its end alone.
DTYPE_CODES = (
    *("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "U16", "I16", "F16", "BF16", "U32", "I32", "F32"),
    *("U64", "I64", "F64", "C64", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F4", "F6_E2M3", "F6_E3M2"),
)
DIGEST_BYTES = 32
NUMBERS, NUMBER = struct.Struct("<dd"), struct.Struct("<d")
WEIGHTED, BULK = {None: 0, True: 2, False: 4}, 8
MOST_BYTES = 9  # of a number below 2^63


def encode_index(metadata: Mapping[str, str], entries: Mapping[str, RdzEntry]) -> bytes:
    """The index of a file with these metadata and tensors; ``places`` of the entries do not matter."""
    parts = [_number(len(metadata))]
    parts += [_text(text) for pair in sorted(metadata.items()) for text in pair]
    parts.append(_number(len(entries)))
    parts += [encode_row(name, entries[name]) for name in sorted(entries)]
    return b"".join(parts)


def encode_row(name: str, entry: RdzEntry) -> bytes:
    """The row of one tensor."""
    row = _text(name) + bytes([DTYPE_CODES.index(entry.dtype), len(entry.shape)])
    row += b"".join(map(_number, entry.shape)) + entry.digest
    if entry.kind == RAW or entry.coder is None:
        return row + b"\0"
    codebook = NAMES[CODEBOOK_DTYPES[entry.codebook_dtype]]
    row += bytes(
        [1 + CODERS.index(entry.coder), DTYPE_CODES.index(codebook), DTYPE_CODES.index(entry.counts_dtype)]
    )
    row += _number(entry.num_clusters) + _number(
        entry.codebook_shape[1] if len(entry.codebook_shape) == 2 else 0
    )
    row += _number(entry.coded_bytes)
    flag, packed = WEIGHTED[entry.weighted], b""
    if entry.distortion is not None or entry.energy is not None:
        numbers = (math.nan if number is None else number for number in (entry.distortion, entry.energy))
        flag, packed = flag + 1, NUMBERS.pack(*numbers)
    if entry.bulk_error is not None:
        flag, packed = flag + BULK, packed + NUMBER.pack(entry.bulk_error)
    return row + bytes([flag]) + packed


def decode_index(index: bytes, start: int, size: int) -> tuple[dict[str, str], dict[str, RdzEntry]]:
    """Metadata and tensors of an index whose data are the ``size`` bytes from byte ``start`` of the file.

    Raises:
        ValueError: an index that ``encode_index`` would not have written, tensors that do not take exactly
            the data there are.
    """
    cursor = _Cursor(index)
    metadata: dict[str, str] = {}
    for _ in range(cursor.count(2)):
        key = _next_name(cursor, metadata)
        metadata[key] = cursor.text()
    entries: dict[str, RdzEntry] = {}
    position = start
    for _ in range(cursor.count(DIGEST_BYTES + 4)):
        name = _next_name(cursor, entries)
        entries[name] = entry = _row(name, cursor, position)
        position += entry.num_bytes
        if position > start + size:
            raise ValueError(
                f"{name!r:.60} claims {entry.num_weights} weights and {entry.coded_bytes} bytes of code, "
                f"which are not in its {size} bytes of data"
            )
    if position != start + size or not cursor.at_end:
        raise ValueError("it has data that belong to no tensor")
    return metadata, entries


class _Cursor:
    """What is next in the bytes of an index."""

    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes) -> None:
        self._data, self._position = data, 0

    @property
    def at_end(self) -> bool:
        return self._position == len(self._data)

    def take(self, size: int) -> bytes:
        piece = self._data[self._position : self._position + size]
        if len(piece) != size:
            raise ValueError("its index ends too early")
        self._position += size
        return piece

    def number(self) -> int:
        value = 0
        for place in range(MOST_BYTES):
            byte = self.take(1)[0]
            value |= (byte & 127) << (7 * place)
            if byte < 128:
                if place and not byte:
                    break
                return value
        raise ValueError("its index has a number that is not written as it should be")

    def count(self, least_bytes: int) -> int:
        """A number of things that take at least so many bytes each."""
        value = self.number()
        if value * least_bytes > len(self._data) - self._position:
            raise ValueError("its index ends too early")
        return value

    def text(self) -> str:
        try:
            return self.take(self.number()).decode()
        except UnicodeDecodeError:
            raise ValueError("its index has a text that is not UTF-8") from None


def _next_name(cursor: _Cursor, before: dict[str, Any]) -> str:
    """A text that comes behind all before it."""
    name = cursor.text()
    if before and name <= next(reversed(before)):
        raise ValueError("the names in its index are not in order")
    return name


def _row(name: str, cursor: _Cursor, position: int) -> RdzEntry:
    """The rest of a row, the data of its tensor from byte ``position`` of the file."""
    dtype, num_dimensions = _dtype(name, cursor), cursor.take(1)[0]
    shape = checked_shape(name, [cursor.number() for _ in range(num_dimensions)], dtype)
    digest, coder = cursor.take(DIGEST_BYTES), cursor.take(1)[0]
    if coder == 0:
        return RdzEntry(dtype, shape, digest, (position,))
    if coder > len(CODERS):
        raise ValueError(f"the description of {name!r:.60} is not that of a quantised tensor")
    codebook_dtype, counts_dtype = codebook_name(_dtype(name, cursor)), _dtype(name, cursor)
    K, m, coded_bytes = cursor.number(), cursor.number(), cursor.number()
    flag = cursor.take(1)[0]
    known, bulk_known, code = flag & 1, flag & BULK, flag & ~(1 | BULK)
    weighted = {code: value for value, code in WEIGHTED.items()}
    if code not in weighted:
        raise ValueError(f"the description of {name!r:.60} is not that of a quantised tensor")
    distortion, energy = (
        None if math.isnan(number) else number
        for number in (NUMBERS.unpack(cursor.take(NUMBERS.size)) if known else (math.nan, math.nan))
    )
    if known and distortion is None and energy is None:
        raise ValueError(f"the distortion of {name!r:.60} is not a number")
    bulk_error = NUMBER.unpack(cursor.take(NUMBER.size))[0] if bulk_known else None
    entry = RdzEntry(
        dtype,
        shape,
        digest,
        (),
        CODERS[coder - 1],
        coded_bytes,
        codebook_dtype,
        (K, m) if m else (K,),
        counts_dtype,
        distortion,
        energy,
        weighted[code],
        bulk_error,
    )
    entry.check(name)
    places = tuple(itertools.accumulate(entry.part_bytes[:-1], initial=position))
    return dataclasses.replace(entry, places=places)


def _dtype(name: str, cursor: _Cursor) -> str:
    code = cursor.take(1)[0]
    if code >= len(DTYPE_CODES):
        raise ValueError(f"the index has a dtype for {name!r:.60} that this version does not know")
    return DTYPE_CODES[code]


def _text(text: str) -> bytes:
    in_bytes = utf8(text)
    return _number(len(in_bytes)) + in_bytes


def _number(value: int) -> bytes:
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
