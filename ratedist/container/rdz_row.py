"""The row of one tensor in the index of a .rdz file.

A row has the name, a text; a byte for the dtype (its place in ``DTYPE_CODES``); number of dimensions and
dimensions; the SHA-256 of the data, 32 bytes; and a byte for the kind. Behind it are

- 0, a tensor as it is: nothing;
- 1, 2 or 5, one that is quantised, in Huffman code, in ANS, or packed: bytes for the dtypes of codebook and
  counts; K; m, or 0 where the codebook has one dimension; bytes of coded labels without their filling. Then
  its errors;
- 3, one that is factored: rows o of the matrix; rank r; for either factor what a quantised tensor has,
  beginning with the byte for its coder. Then the errors of the product;
- 4, one that is pruned: number of weights kept; a byte, 1, 2 or 3 for the coder of the runs in that order,
  plus 4 if the marks between them are the zeros; a byte for the dtype of their counts; the longest run A of
  one symbol; bytes of coded runs without their filling; what a quantised tensor has. Then the errors of all
  weights;
- 6, one along a trellis: number of states; a byte for the dtype of the levels; number of levels of either
  union; number of classes; for each class of union 0, then for each of union 1, a byte for the coder of its
  labels as above, and bytes of coded labels; bytes of the counts; bytes of the classes, if there are several.
  Then its errors. A union without levels has coder 1 and no bytes.

Errors are a byte: 1 if distortion and energy are known, plus 2 if importances weight them, or 4 if they do
not, plus 8 if the error of the bulk is known, plus 16 if the limit is; if known, both as 64-bit
floating-point numbers, NaN where only the other one is; then, if known, the error of the bulk, which may be
infinite; then, if known, the limit in 1/4096 bit a weight, an unsigned integer of 16 bits.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import struct
from typing import Any

from ratedist.codes.axis_classes import MOST_CLASSES
from ratedist.container.dtypes import CODEBOOK_DTYPES, NAMES
from ratedist.container.rdz_bytes import Cursor, number_bytes, text_bytes
from ratedist.container.rdz_entry import LIMIT_UNIT, RAW, RdzEntry, codebook_name
from ratedist.container.rdz_format import CODERS, PACKED, STORED_CODERS
from ratedist.container.rdz_forms import FACTOR_DTYPE, FACTORED, PRUNED, TRELLIS, Factors, Trellis, Zeros
from ratedist.container.tensor_reader import checked_shape

# A code is a place in this list, so that it can be added to at its end alone.
DTYPE_CODES = (
    *("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "U16", "I16", "F16", "BF16", "U32", "I32", "F32"),
    *("U64", "I64", "F64", "C64", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F4", "F6_E2M3", "F6_E3M2"),
)
DIGEST_BYTES = 32
KINDS = (RAW, *CODERS, FACTORED, PRUNED, PACKED, TRELLIS)
RUN_CODERS = (RAW, *STORED_CODERS)
NUMBERS, NUMBER, UNITS = struct.Struct("<dd"), struct.Struct("<d"), struct.Struct("<H")
WEIGHTED, BULK, LIMIT = {None: 0, True: 2, False: 4}, 8, 16
MARKS_ZEROS = 4


def encode_row(name: str, entry: RdzEntry) -> bytes:
    """The row of one tensor; ``places`` of the entry do not matter."""
    row = text_bytes(name) + bytes([DTYPE_CODES.index(entry.dtype), len(entry.shape)])
    row += b"".join(map(number_bytes, entry.shape)) + entry.digest
    if entry.kind == RAW:
        return row + b"\0"
    form = entry.form
    if form is None:
        row += _code(entry)
    elif form.kind == FACTORED:
        row += _factors(form)
    elif form.kind == PRUNED:
        row += _zeros(form)
    else:
        row += _trellis(form)
    return row + _errors(entry)


def decode_row(name: str, cursor: Cursor, position: int) -> RdzEntry:
    """The row behind its name, the data of its tensor from byte ``position`` of the file.

    Raises:
        ValueError: what cannot be the description of a tensor.
    """
    dtype, num_dimensions = _dtype(name, cursor), cursor.byte()
    shape = checked_shape(name, [cursor.number() for _ in range(num_dimensions)], dtype)
    digest, kind = cursor.take(DIGEST_BYTES), _kind(name, cursor)
    if kind == RAW:
        return RdzEntry(dtype, shape, digest, (position,))
    if kind == FACTORED:
        entry = RdzEntry(dtype, shape, form=_decode_factors(name, cursor, math.prod(shape)))
    elif kind == PRUNED:
        entry = RdzEntry(dtype, shape, form=_decode_zeros(name, cursor, dtype))
    elif kind == TRELLIS:
        entry = RdzEntry(dtype, shape, form=_decode_trellis(name, cursor))
    else:
        entry = _decode_code(name, cursor, kind, dtype, shape)
    entry = dataclasses.replace(entry, digest=digest, **_decode_errors(name, cursor))
    entry.check(name)
    places = tuple(itertools.accumulate(entry.part_bytes[:-1], initial=position))
    return dataclasses.replace(entry, places=places)


def _code(entry: RdzEntry) -> bytes:
    """What has to be known to decode a quantised tensor whose shape is known."""
    codebook = DTYPE_CODES.index(NAMES[CODEBOOK_DTYPES[entry.codebook_dtype]])
    head = bytes([KINDS.index(str(entry.coder)), codebook, DTYPE_CODES.index(entry.counts_dtype)])
    K, m = (*entry.codebook_shape, 0)[:2]
    return head + number_bytes(K) + number_bytes(m) + number_bytes(entry.coded_bytes)


def _decode_code(name: str, cursor: Cursor, coder: str, dtype: str, shape: tuple[int, ...]) -> RdzEntry:
    codebook_dtype, counts_dtype = codebook_name(_dtype(name, cursor)), _dtype(name, cursor)
    K, m, coded_bytes = cursor.number(), cursor.number(), cursor.number()
    return RdzEntry(
        dtype,
        shape,
        coder=_coder(name, coder),
        coded_bytes=coded_bytes,
        codebook_dtype=codebook_dtype,
        codebook_shape=(K, m) if m else (K,),
        counts_dtype=counts_dtype,
    )


def _factors(form: Factors) -> bytes:
    o, r = form.left.shape
    row = bytes([KINDS.index(FACTORED)]) + number_bytes(o) + number_bytes(r)
    return row + _code(form.left) + _code(form.right)


def _decode_factors(name: str, cursor: Cursor, num_weights: int) -> Factors:
    o, r = cursor.number(), cursor.number()
    if o == 0 or num_weights % o:
        raise ValueError(f"the {num_weights} weights of {name!r:.60} make no matrix of {o} rows")
    left, right = (
        _decode_code(name, cursor, _kind(name, cursor), FACTOR_DTYPE, shape)
        for shape in ((o, r), (r, num_weights // o))
    )
    return Factors(left, right)


def _zeros(form: Zeros) -> bytes:
    row = bytes([KINDS.index(PRUNED)]) + number_bytes(form.values.num_weights)
    row += bytes([RUN_CODERS.index(form.coder) + MARKS_ZEROS * form.marks_zeros])
    row += bytes([DTYPE_CODES.index(form.counts_dtype)])
    return row + number_bytes(form.longest_run) + number_bytes(form.coded_bytes) + _code(form.values)


def _decode_zeros(name: str, cursor: Cursor, dtype: str) -> Zeros:
    kept, flag = cursor.number(), cursor.byte()
    marks_zeros, coder = divmod(flag, MARKS_ZEROS)
    if marks_zeros > 1:
        raise ValueError(f"the description of {name!r:.60} is not that of a pruned tensor")
    counts_dtype, longest_run, coded_bytes = _dtype(name, cursor), cursor.number(), cursor.number()
    values = _decode_code(name, cursor, _kind(name, cursor), dtype, (kept,))
    return Zeros(
        bool(marks_zeros), _coder(name, RUN_CODERS[coder]), coded_bytes, longest_run, counts_dtype, values
    )


def _trellis(form: Trellis) -> bytes:
    row = bytes([KINDS.index(TRELLIS)]) + number_bytes(form.num_states)
    row += bytes([DTYPE_CODES.index(form.level_dtype)])
    row += b"".join(map(number_bytes, (*form.num_levels, form.num_classes)))
    for coder, size in zip(form.stream_coders, form.stream_bytes, strict=True):
        row += bytes([KINDS.index(coder)]) + number_bytes(size)
    row += number_bytes(form.count_bytes)
    return row if form.num_classes == 1 else row + number_bytes(form.class_bytes)


def _decode_trellis(name: str, cursor: Cursor) -> Trellis:
    num_states, level_dtype = cursor.number(), _dtype(name, cursor)
    num_levels, num_classes = (cursor.number(), cursor.number()), cursor.number()
    if not 1 <= num_classes <= MOST_CLASSES:
        raise ValueError(f"{name!r:.60} has weights of {num_classes} classes, not of 1 to {MOST_CLASSES}")
    streams = [(_coder(name, _kind(name, cursor)), cursor.number()) for _ in range(2 * num_classes)]
    coders, sizes = zip(*streams, strict=True)
    count_bytes = cursor.number()
    class_bytes = cursor.number() if num_classes > 1 else 0
    return Trellis(num_states, num_levels, level_dtype, coders, sizes, count_bytes, class_bytes)


def _errors(entry: RdzEntry) -> bytes:
    flag, packed = WEIGHTED[entry.weighted], b""
    if entry.distortion is not None or entry.energy is not None:
        numbers = (math.nan if number is None else number for number in (entry.distortion, entry.energy))
        flag, packed = flag + 1, NUMBERS.pack(*numbers)
    if entry.bulk_error is not None:
        flag, packed = flag + BULK, packed + NUMBER.pack(entry.bulk_error)
    if entry.limit is not None:
        flag, packed = flag + LIMIT, packed + UNITS.pack(round(entry.limit / LIMIT_UNIT))
    return bytes([flag]) + packed


def _decode_errors(name: str, cursor: Cursor) -> dict[str, Any]:
    """What an entry says of errors, by its names for them."""
    flag = cursor.byte()
    known, bulk_known, limit_known, code = flag & 1, flag & BULK, flag & LIMIT, flag & ~(1 | BULK | LIMIT)
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
    limit = UNITS.unpack(cursor.take(UNITS.size))[0] * LIMIT_UNIT if limit_known else None
    return {
        "distortion": distortion,
        "energy": energy,
        "weighted": weighted[code],
        "bulk_error": bulk_error,
        "limit": limit,
    }


def _kind(name: str, cursor: Cursor) -> str:
    code = cursor.byte()
    if code >= len(KINDS):
        raise ValueError(f"the description of {name!r:.60} is not that of a quantised tensor")
    return KINDS[code]


def _coder(name: str, kind: str) -> str:
    if kind not in STORED_CODERS:
        raise ValueError(f"the description of {name!r:.60} has {kind!r} in the place of a coder")
    return kind


def _dtype(name: str, cursor: Cursor) -> str:
    code = cursor.byte()
    if code >= len(DTYPE_CODES):
        raise ValueError(f"the index has a dtype for {name!r:.60} that this version does not know")
    return DTYPE_CODES[code]
