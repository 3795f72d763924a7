"""What a decoder has to be told besides the labels, in bits."""

from __future__ import annotations

# Bits of a level: single precision, or double where an outlier has to be met in steps of the others.
SINGLE, DOUBLE = 32, 64
# Bits of the branch of a level, of the offset and the common exponent, and of each number of levels.
BRANCH_BITS, OFFSET_BITS, EXPONENT_BITS, NUMBER_BITS = 1, 64, 16, 16


def header_bits(num_levels: int, num_weights: int, level_bits: int) -> int:
    """Levels with their branches and counts, offset, exponent and two numbers of levels."""
    own = bits_of_a_level(num_weights, level_bits)
    return num_levels * own + OFFSET_BITS + EXPONENT_BITS + 2 * NUMBER_BITS


def bits_of_a_level(num_weights: int, level_bits: int) -> int:
    """A level with its branch and its count."""
    return level_bits + BRANCH_BITS + num_weights.bit_length()
