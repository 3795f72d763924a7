"""What a decoder has to be told besides the labels, in bits; and levels in as few of them as pay."""

from __future__ import annotations

import math

import numpy as np

from ratedist.codes.rounding import round_to_bits

# Bits that levels may be stored in: half, single and double precision.
LEVEL_BITS = (16, 32, 64)
LEVEL_DTYPES = (np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64))
# How far below half precision's 1 the largest level is put: none is then finer than half precision itself has
# at ordinary scales, for a largest level from 2⁻⁶ to 2¹⁵.
HALF_SHIFT = 6
# Of the branch of a level, and of the numbers of states and levels of both unions.
BRANCH_BITS, NUMBERS_BITS = 1, 8 + 2 * 16
# What a level costs that few weights have: half precision, its branch, and a count of one byte.
RARE_LEVEL_BITS = LEVEL_BITS[0] + BRANCH_BITS + 8


def header_bits(counts: np.ndarray, level_bits: int) -> int:
    """Levels with their branches and counts, and the numbers of levels and states.

    Counts are written seven bits a byte, as in a .rdz file.

    Args:
        counts: how often each level occurs, integers above 0.
        level_bits: bits that a level is stored in.
    """
    count_bytes = np.searchsorted(2 ** np.arange(7, 63, 7), counts, side="right") + 1
    return counts.size * (level_bits + BRANCH_BITS) + 8 * int(count_bytes.sum()) + NUMBERS_BITS


def rounded_levels(levels: np.ndarray, level_bits: int) -> np.ndarray:
    """Levels rounded to 11, 24 or 53 bits, ties to even, at a scale that the largest of them sets."""
    if level_bits == LEVEL_BITS[-1]:
        return levels
    exponent = int(np.frexp(np.abs(levels).max())[1]) + (HALF_SHIFT if level_bits == LEVEL_BITS[0] else 0)
    # Adding 0 makes −0 of a level that vanished 0.
    return np.ldexp(round_to_bits(np.ldexp(levels, -exponent), level_bits), exponent) + 0.0


def cheapest_level_bits(levels: np.ndarray, mass: np.ndarray, distortion: float, num_weights: int) -> int:
    """The number of bits at which those of the levels, and those that their rounding costs, are fewest.

    Error e beside a distortion D costs each weight ½ ln(1 + e/D) nats, at high rate.

    Args:
        levels: the means of their weights.
        mass: importances that each level has, in all.
        distortion: D, of the levels as they are, summed over the weights with their importances.
        num_weights: N.
    """

    def nats(level_bits: int) -> float:
        added = float(mass @ (rounded_levels(levels, level_bits) - levels) ** 2)
        lost = 0.0 if added == 0 else math.log1p(added / distortion) if distortion > 0 else math.inf
        return levels.size * level_bits * math.log(2) + num_weights / 2 * lost

    return min(LEVEL_BITS, key=nats)
