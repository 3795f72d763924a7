"""Centres rounded to b bits, so that a code length that charges b bits for a centre is true."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks

MINIMUM_BITS = 7
MAXIMUM_BITS = 64


def format_bits(bits: int) -> tuple[int, int]:
    """Exponent and mantissa bits of the b-bit format: 5 exponent bits to b = 16, 8 to 32, then 11.

    One bit is the sign; b = 16, 32 and 64 are IEEE half, single and double precision.

    Raises:
        ValueError: b outside 7 … 64.
    """
    bits = _checks.integer("bits", bits, MINIMUM_BITS, MAXIMUM_BITS)
    exponent_bits = 5 if bits <= 16 else 8 if bits <= 32 else 11
    return exponent_bits, bits - 1 - exponent_bits


def largest_finite(exponent_bits: int, mantissa_bits: int) -> float:
    """Largest finite number of an IEEE-like format, ``(2 − 2^−M)·2^(2^(E−1) − 1)``."""
    return (2.0 - 2.0**-mantissa_bits) * 2.0 ** (2 ** (exponent_bits - 1) - 1)


def smallest_normal(exponent_bits: int) -> float:
    """Smallest number with a full mantissa, ``2^(2 − 2^(E−1))``."""
    return 2.0 ** (2 - 2 ** (exponent_bits - 1))


def round_to_bits(values: ArrayLike, bits: int) -> np.ndarray:
    """Round numbers to the nearest one that a b-bit floating-point format has, ties to even.

    The formats are IEEE's with another number of mantissa bits (see ``format_bits``), subnormal numbers
    included. But what would round to infinity becomes the largest finite number, since a centre has to stay
    one.

    Args:
        values: real numbers of any shape.
        bits: b, from 7 (one mantissa bit) to 64 (double precision: nothing changes).

    Returns:
        float64 of the shape of ``values``.

    Raises:
        ValueError: values that are not finite, b outside 7 … 64.

    Example:
        >>> import ratedist as rd
        >>> rd.codes.round_to_bits([1 / 3, 1e10], bits=16)  # beyond half precision is its largest number
        array([3.33251953e-01, 6.55040000e+04])
    """
    exponent_bits, mantissa_bits = format_bits(bits)
    exact = _checks.real_array("values", values)
    lowest_exponent = 2 - 2 ** (exponent_bits - 1)
    spacing = np.maximum(np.frexp(exact)[1] - 1, lowest_exponent) - mantissa_bits
    with np.errstate(over="ignore"):
        rounded = np.ldexp(np.rint(np.ldexp(exact, -spacing)), spacing)
    limit = largest_finite(exponent_bits, mantissa_bits)
    return np.clip(rounded, -limit, limit)
