"""The dtypes of the safetensors format as NumPy dtypes, and their bytes on every platform."""

from __future__ import annotations

import math
from collections.abc import Iterable

import ml_dtypes
import numpy as np

DTYPES = {
    "BOOL": np.dtype(np.bool_),
    "U8": np.dtype(np.uint8),
    "I8": np.dtype(np.int8),
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
    "F8_E8M0": np.dtype(ml_dtypes.float8_e8m0fnu),
    "F8_E4M3FNUZ": np.dtype(ml_dtypes.float8_e4m3fnuz),
    "F8_E5M2FNUZ": np.dtype(ml_dtypes.float8_e5m2fnuz),
    "U16": np.dtype(np.uint16),
    "I16": np.dtype(np.int16),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "U32": np.dtype(np.uint32),
    "I32": np.dtype(np.int32),
    "F32": np.dtype(np.float32),
    "U64": np.dtype(np.uint64),
    "I64": np.dtype(np.int64),
    "F64": np.dtype(np.float64),
    "C64": np.dtype(np.complex64),
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
# Bits of a value. Those of fewer than eight are packed, which no NumPy dtype is: copied, never computed with.
BITS = {name: 8 * dtype.itemsize for name, dtype in DTYPES.items()} | {"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6}
# What can be quantised, and what a codebook can be written in.
WEIGHT_DTYPES = ("F16", "BF16", "F32", "F64")
CODEBOOK_DTYPES = {"float32": DTYPES["F32"], "float16": DTYPES["F16"], "bfloat16": DTYPES["BF16"]}


def num_bytes(dtype: str, shape: Iterable[int]) -> int:
    """Bytes of an array of the safetensors dtype ``dtype``, rounded up to whole ones."""
    return -(-math.prod(shape) * BITS[dtype] // 8)


def dtype_name(dtype: np.dtype) -> str:
    """The safetensors name of a dtype, or ``ValueError``."""
    native = np.dtype(dtype).newbyteorder("=")
    if native not in NAMES:
        raise ValueError(f"dtype must be one of {', '.join(DTYPES)}; got {dtype}")
    return NAMES[native]


def from_bytes(raw: bytes | bytearray | memoryview, dtype: str) -> np.ndarray:
    """Flat array of little-endian data, in native byte order; no copy where that is the same.

    Raises:
        ValueError: a dtype whose values are packed into bytes.
    """
    if dtype not in DTYPES:
        raise ValueError(f"values of {dtype} are packed, {BITS[dtype]} bits each, and have no NumPy dtype")
    word = _word_bytes(DTYPES[dtype])
    return np.frombuffer(raw, f"<u{word}").astype(f"=u{word}", copy=False).view(DTYPES[dtype])


def to_bytes(array: np.ndarray) -> memoryview:
    """The data of an array in little-endian byte order; no copy where it lies so already."""
    native = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("=")).reshape(-1)
    word = _word_bytes(native.dtype)
    return native.view(f"=u{word}").astype(f"<u{word}", copy=False).view(np.uint8).data


def _word_bytes(dtype: np.dtype) -> int:
    """Bytes of what is swapped as one piece where the byte order differs."""
    return dtype.itemsize // 2 if dtype.kind == "c" else dtype.itemsize
