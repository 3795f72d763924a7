"""Which k of d places: the enumerative code, and for many places an entropy code.

All sets of k places are numbered 0 … C(d, k) − 1 in lexicographic order. A set is sent as k and its number.
No code is shorter on the mean if all sets of a size are equally likely.
"""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.codes.ans import ans_decode, ans_encode

PositionCoder = Literal["enumerative", "ans"]

# Places of which sets are numbered by one integer; its size makes the time quadratic, and seconds here.
MOST_ENUMERATED = 1 << 17
# Kept or left places whose factors are multiplied one by one; of more Stirling's series has all digits.
FEW = 10_000
# Places whose number a float holds.
MOST_COUNTED = 10**300


def position_bits(num_weights: int, num_kept: int) -> float:
    """``log₂ C(d, k)``, what it takes to say which k of d weights are kept if k is known.

    Args:
        num_weights: d, at least 0.
        num_kept: k, from 0 to d.

    Returns:
        Bits, to a part in 10¹², for d up to 10³⁰⁰.

    Raises:
        ValueError: numbers out of range.

    Source: Cover, IEEE Transactions on Information Theory 19 (1973) 73–77.

    Example:
        >>> import ratedist as rd
        >>> round(rd.codes.position_bits(50, 10), 3)
        33.258
    """
    d = _checks.integer("num_weights", num_weights, 0, MOST_COUNTED)
    k = _checks.integer("num_kept", num_kept, 0, d)
    few = min(k, d - k)
    if few <= FEW:
        i = np.arange(float(few))
        return float(np.sum(np.log2((d - few + 1 + i) / (1 + i))))
    # Stirling's series with the entropy in front: differences of logarithms of factorials lose digits.
    share, many = few / d, d - few
    entropy = -few * math.log(share) - many * math.log1p(-share)
    series = (1 / d - 1 / few - 1 / many) / 12
    return (entropy - math.log(2 * math.pi * few * (1 - share)) / 2 + series) / math.log(2)


def enumerative_bits(num_weights: int, num_kept: int) -> int:
    """Bits of the enumerative code: ``⌈log₂(d + 1)⌉`` for k and ``⌈log₂ C(d, k)⌉`` for the number of the set.

    ``encode_positions`` fills them up to whole bytes.

    Args:
        num_weights: d, at least 0.
        num_kept: k, from 0 to d.

    Raises:
        ValueError: numbers out of range.

    Example:
        >>> import ratedist as rd
        >>> rd.codes.enumerative_bits(50, 10)  # 6 bits for one of 51 counts, 34 for one of 10,272,278,170
        40
    """
    d = _checks.integer("num_weights", num_weights, 0)
    k = _checks.integer("num_kept", num_kept, 0, d)
    return d.bit_length() + _index_bits(math.comb(d, k))


def encode_positions(kept: ArrayLike, coder: PositionCoder = "enumerative") -> bytes:
    """Which places are kept, as bytes; the decoder has to know how many places there are.

    Args:
        kept: booleans of shape ``(d,)``.
        coder: "enumerative" is exact, for d up to 131,072, in time that grows with d²: a second or two at the
            end. "ans" has no limit and takes a few words more; it needs the package ``constriction``.

    Returns:
        ``⌈enumerative_bits(d, k)/8⌉`` bytes, most significant bit first; by "ans" a count and 4-byte words.

    Raises:
        ValueError: what is no such array, too many places, ``constriction`` not installed.

    Example:
        >>> import ratedist as rd
        >>> payload = rd.codes.encode_positions([True, False, False, True, False])
        >>> payload.hex(), rd.codes.decode_positions(payload, 5)
        ('4e', array([ True, False, False,  True, False]))
    """
    _checks.unmasked("kept", kept)
    mask = np.asarray(kept)
    if mask.ndim != 1 or mask.dtype != bool:
        raise ValueError(f"kept must be booleans of shape (d,), got {mask.dtype} of shape {mask.shape}")
    d, k = mask.size, int(np.count_nonzero(mask))
    if _checked_coder(coder, d) == "ans":
        head = k.to_bytes(_count_bytes(d), "big")
        return head + (ans_encode(mask.astype(np.uint8), [d - k, k]) if d else b"")
    number, sets = 0, math.comb(d, k)
    width = _index_bits(sets)
    places, left = d, k
    for one in mask.tolist():
        if left in (0, places):
            break
        without = sets * (places - left) // places
        if one:
            number, sets, left = number + without, sets - without, left - 1
        else:
            sets = without
        places -= 1
    bits = d.bit_length() + width
    return ((k << width | number) << (-bits % 8)).to_bytes((bits + 7) // 8, "big")


def decode_positions(
    payload: bytes | memoryview, num_weights: int, coder: PositionCoder = "enumerative"
) -> np.ndarray:
    """Inverse of ``encode_positions``.

    Args:
        payload: what it returned.
        num_weights: d, at least 0.
        coder: the one that it was given.

    Returns:
        bool of shape ``(d,)``.

    Raises:
        ValueError: bytes that are no set of d places, too many or too few of them, too many places,
            ``constriction`` not installed. Changed bits may be another set: keep a checksum.

    Example:
        >>> import ratedist as rd
        >>> rd.codes.decode_positions(bytes([0b010_0111_0]), 5)  # two of five places: set 7 of 0 … 9
        array([ True, False, False,  True, False])
    """
    d = _checks.integer("num_weights", num_weights, 0)
    if not isinstance(payload, bytes | bytearray | memoryview):
        raise ValueError(f"payload must be bytes, got {type(payload).__name__}")
    content = bytes(payload)
    if _checked_coder(coder, d) == "ans":
        return _decode_ans(content, d)
    value, size = int.from_bytes(content, "big"), 8 * len(content)
    k = value >> (size - d.bit_length()) if size >= d.bit_length() else d + 1
    if k > d:
        raise ValueError(f"these {len(content)} bytes are no set of {d} places: they begin with no count")
    sets = math.comb(d, k)
    bits = d.bit_length() + _index_bits(sets)
    if len(content) != (bits + 7) // 8:
        raise ValueError(f"a set of {k} of {d} places takes {(bits + 7) // 8} bytes, got {len(content)}")
    number = (value >> (size - bits)) & ((1 << _index_bits(sets)) - 1)
    if number >= sets or value & ((1 << (size - bits)) - 1):
        raise ValueError(
            f"these {len(content)} bytes are no set of {k} of {d} places: there is no such number"
        )
    mask = np.zeros(d, bool)
    places, left = d, k
    for place in range(d):
        if left in (0, places):
            mask[place:] = left > 0
            break
        without = sets * (places - left) // places
        if number >= without:
            mask[place] = True
            number, sets, left = number - without, sets - without, left - 1
        else:
            sets = without
        places -= 1
    return mask


def _decode_ans(content: bytes, d: int) -> np.ndarray:
    head = _count_bytes(d)
    k = int.from_bytes(content[:head], "big")
    if len(content) < head or k > d:
        raise ValueError(f"these {len(content)} bytes are no set of {d} places: they begin with no count")
    if d == 0:
        if len(content) > head:
            raise ValueError(f"a set of no places takes {head} bytes, got {len(content)}")
        return np.zeros(0, bool)
    return ans_decode(content[head:], [d - k, k]).astype(bool)


def _index_bits(sets: int) -> int:
    return (sets - 1).bit_length()


def _count_bytes(d: int) -> int:
    return (d.bit_length() + 7) // 8


def _checked_coder(coder: Any, d: int) -> str:
    _checks.one_of("coder", coder, get_args(PositionCoder))
    if coder == "enumerative" and d > MOST_ENUMERATED:
        raise ValueError(
            f'the coder "enumerative" takes at most {MOST_ENUMERATED} places, got {d}: "ans" takes all'
        )
    return coder
