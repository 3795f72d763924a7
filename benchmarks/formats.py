"""Formats that people use for weights, as small reference quantisers: what they rebuild, and all their bits.

Each is a function from weights to ``Rebuilt``. Scales, zero points and levels are counted with the labels,
and of scales that a format leaves open the best is taken. ``FORMATS`` has those that tables list.
Trellis and lattice are in ``vector_formats.py``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from vector_formats import bitshift_trellis, e8_codebook

from ratedist.quantizers import kmeans

GROUP = 64
# The sixteen levels of NormalFloat4, as published with QLoRA (Dettmers et al. 2023, appendix E).
NF4_LEVELS = np.array(
    [
        -1.0,
        -0.6961928009986877,
        -0.5250730514526367,
        -0.39491748809814453,
        -0.28444138169288635,
        -0.18477343022823334,
        -0.09105003625154495,
        0.0,
        0.07958029955625534,
        0.16093020141124725,
        0.24611230194568634,
        0.33791524171829224,
        0.44070982933044434,
        0.5626170039176941,
        0.7229568362236023,
        1.0,
    ]
)
# Parts of the largest size that are tried as the range of a group.
RANGES = np.linspace(1.0, 0.6, 21)
# Scales of NF4 that share a range, when they are kept in eight bits.
SCALES_TOGETHER = 256


class Rebuilt(NamedTuple):
    """Weights as a format has them, and its bits a weight with everything counted."""

    reconstruction: np.ndarray
    bits_per_weight: float


def int4(weights: np.ndarray, group: int = GROUP, *, best_scale: bool = False) -> Rebuilt:
    """Multiples from −8 to 7 of a scale that each group has in float16: the largest size over 7.

    With ``best_scale`` each group takes the one of smallest error among scales up to 0.6 of that.
    """
    groups = _in_groups(weights, group)
    largest = np.max(np.abs(groups), axis=1, keepdims=True)
    best, error = np.zeros_like(groups), np.full(len(groups), np.inf)
    for part in RANGES if best_scale else RANGES[:1]:
        scale = _half(part * largest / 7)
        rebuilt = scale * np.clip(np.rint(groups / _divisor(scale)), -8, 7)
        errors = np.sum((groups - rebuilt) ** 2, axis=1)
        better = errors < error
        best[better], error[better] = rebuilt[better], errors[better]
    return _rebuilt(weights, best, 4 * weights.size + 16 * len(groups))


def int4_with_zero(weights: np.ndarray, group: int = GROUP) -> Rebuilt:
    """Sixteen steps from the least to the largest of a group: a scale in float16, a zero point of four bits.

    The range has zero in it, as is usual, since otherwise the zero point would need more bits.
    """
    groups = _in_groups(weights, group)
    low = np.minimum(groups.min(axis=1, keepdims=True), 0.0)
    high = np.maximum(groups.max(axis=1, keepdims=True), 0.0)
    scale = _half((high - low) / 15)
    zero = np.clip(np.rint(-low / _divisor(scale)), 0, 15)
    labels = np.clip(np.rint(groups / _divisor(scale)) + zero, 0, 15)
    return _rebuilt(weights, scale * (labels - zero), 4 * weights.size + (16 + 4) * len(groups))


def nf4(weights: np.ndarray, group: int = GROUP, *, double: bool = False) -> Rebuilt:
    """NormalFloat4: the level next to w over the largest size in its group, which is kept in float32.

    With ``double`` these largest sizes take eight bits each: 256 equal steps from the least to the largest of
    256 of them, with both in float32. (QLoRA's are not equal, and as many.)
    """
    groups = _in_groups(weights, group)
    largest = np.max(np.abs(groups), axis=1).astype(np.float32).astype(np.float64)
    bits_of_scales = 32.0 * len(groups)
    if double:
        sizes = _in_groups(largest, SCALES_TOGETHER, pad="edge")
        low = sizes.min(axis=1, keepdims=True)
        step = (sizes.max(axis=1, keepdims=True) - low) / 255
        largest = (low + step * np.rint((sizes - low) / _divisor(step))).ravel()[: len(groups)]
        bits_of_scales = 8.0 * len(groups) + 64.0 * len(sizes)
    between = (NF4_LEVELS[1:] + NF4_LEVELS[:-1]) / 2
    labels = np.searchsorted(between, groups / _divisor(largest[:, None]))
    return _rebuilt(weights, largest[:, None] * NF4_LEVELS[labels], 4 * weights.size + bits_of_scales)


def lloyd_max(weights: np.ndarray, bits: int) -> Rebuilt:
    """The levels of Lloyd and Max for these very weights, each in float32, and labels of a fixed length."""
    found = kmeans(weights.ravel(), 2**bits)
    levels = np.unique(found.reconstruction).size
    return Rebuilt(found.reconstruction.reshape(weights.shape), bits + 32 * levels / weights.size)


def _in_groups(weights: np.ndarray, group: int, pad: str = "constant") -> np.ndarray:
    """Rows of ``group`` weights in float64; the last is filled up, with zeros if not told otherwise."""
    flat = np.asarray(weights, np.float64).ravel()
    missing = -flat.size % group
    padded = np.pad(flat, (0, missing), mode="edge" if pad == "edge" else "constant")
    return padded.reshape(-1, group)


def _half(scale: np.ndarray) -> np.ndarray:
    return scale.astype(np.float16).astype(np.float64)


def _divisor(scale: np.ndarray) -> np.ndarray:
    """The scale, or 1 where it is zero and all weights are."""
    return np.where(scale > 0, scale, 1.0)


def _rebuilt(weights: np.ndarray, groups: np.ndarray, bits: float) -> Rebuilt:
    """What was filled up is taken away again, and its labels are not stored."""
    flat = groups.ravel()[: weights.size].reshape(weights.shape)
    return Rebuilt(flat, bits / weights.size)


def _lattice(weights: np.ndarray) -> Rebuilt:
    return Rebuilt(*e8_codebook(weights))


def _trellis(weights: np.ndarray) -> Rebuilt:
    return Rebuilt(*bitshift_trellis(weights))


FORMATS: dict[str, Callable[[np.ndarray], Rebuilt]] = {
    "Lloyd–Max, 2 bits": functools.partial(lloyd_max, bits=2),
    "E8 codebook, 2 bits": _lattice,
    "bitshift trellis, 2 bits": _trellis,
    "Lloyd–Max, 3 bits": functools.partial(lloyd_max, bits=3),
    "Lloyd–Max, 4 bits": functools.partial(lloyd_max, bits=4),
    "int4, groups of 64": int4,
    "int4, groups of 64, best scales": functools.partial(int4, best_scale=True),
    "int4, groups of 64, zero points": int4_with_zero,
    "NF4, blocks of 64": nf4,
    "NF4, blocks of 64, scales in 8 bits": functools.partial(nf4, double=True),
}
