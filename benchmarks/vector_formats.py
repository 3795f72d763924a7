"""Two formats at a fixed rate that code many weights together: a codebook of E8, and a bitshift trellis.

Both take one scale for all weights, the best of a few, which is counted in float32.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable

import numpy as np
from scipy.spatial import KDTree
from scipy.stats import norm

# Weights that scales are tried on.
TRIED = 1 << 12
# Weights in one run of the trellis: its first state is stored whole.
RUN = 1 << 13


@functools.cache
def e8_points() -> np.ndarray:
    """65,536 points of E8 moved by a quarter, shape (65536, 8): QuIP#'s E8P (Tseng et al. 2024).

    Points of D8 + 1/2 are halves of odd numbers with an even sum. Up to squared length 10 they have 227
    patterns of sizes, and 29 of squared length 12 fill them up to 256; which does not matter by symmetry.
    Signs are free but for the parity of the sum, 128 for each pattern, and all are moved by +1/4 and by −1/4.
    """
    sizes = np.array(list(itertools.product((0.5, 1.5, 2.5), repeat=8)))
    length = np.sum(sizes**2, axis=1)
    patterns = np.concatenate([sizes[length <= 10], sizes[length == 12][:29]])
    signs = np.array(list(itertools.product((1.0, -1.0), repeat=8)))
    points = (patterns[:, None, :] * signs).reshape(-1, 8)
    points = points[np.sum(points, axis=1) % 2 == 0]
    return np.concatenate([points + 0.25, points - 0.25])


def nearest_points(blocks: np.ndarray) -> np.ndarray:
    """The nearest of ``e8_points`` to each row of eight numbers, without approximation."""
    tree = _tree()
    return tree.data[tree.query(blocks)[1]]


@functools.cache
def _tree() -> KDTree:
    return KDTree(e8_points())


def e8_codebook(weights: np.ndarray) -> tuple[np.ndarray, float]:
    """The nearest of 65,536 points of E8 to each eight weights: 16 bits for them, and a scale for all."""
    flat = np.asarray(weights, np.float64).ravel()
    blocks = np.pad(flat, (0, -flat.size % 8)).reshape(-1, 8)

    def rebuilt(part: np.ndarray) -> np.ndarray:
        return nearest_points(part.reshape(-1, 8)).ravel()

    found = _at_best_scale(blocks.ravel(), rebuilt, np.linspace(0.8, 1.2, 9))
    return found[: flat.size].reshape(np.shape(weights)), (16 * len(blocks) + 32) / flat.size


def bitshift_trellis(weights: np.ndarray, bits: int = 2, state_bits: int = 16) -> tuple[np.ndarray, float]:
    """The best path through a trellis whose state is the last ``state_bits`` bits, of which a weight has k.

    The value of a state is a normal quantile, permuted at random, as QTIP's trellises (Tseng et al. 2024) and
    Mao & Gray's (2010). The decoder draws the same from a seed, so the values cost nothing. Each run of 8,192
    weights stores its first state whole. A weight takes about 84 µs at 16 bits of state, 25 µs at 12.
    """
    flat = np.asarray(weights, np.float64).ravel()
    quantiles = norm.ppf((np.arange(1 << state_bits) + 0.5) / (1 << state_bits))
    values = np.random.default_rng(0).permutation(quantiles)

    def rebuilt(part: np.ndarray) -> np.ndarray:
        runs = [part[start : start + RUN] for start in range(0, part.size, RUN)]
        return np.concatenate([values[best_path(run, values, bits)] for run in runs])

    # Reproductions of a Gaussian are shorter than it by the error: values are as long at 1/√(1 − D).
    error = 1.13 * 4.0**-bits
    multiples = np.sqrt(1 / (1 - error)) * np.array([0.98, 1.0, 1.02])
    found = _at_best_scale(flat, rebuilt, multiples, TRIED >> 1)
    runs = -(-flat.size // RUN)
    total = bits * flat.size + runs * (state_bits - bits) + 32
    return found.reshape(np.shape(weights)), total / flat.size


def best_path(weights: np.ndarray, values: np.ndarray, bits: int) -> np.ndarray:
    """States of the path with the least squared error: after s, with the bits b, comes s·2ᵏ + b mod 2ᴸ."""
    w, ways = weights.astype(np.float32), 1 << bits
    of_bits = [values[new::ways].astype(np.float32) for new in range(ways)]
    shared = values.size // ways  # states that differ in their oldest bits alone have the same successors
    cost = (w[0] - values.astype(np.float32)) ** 2
    before = np.zeros((w.size, shared), np.uint8)
    for t in range(1, w.size):
        oldest = cost.reshape(ways, shared)
        least = oldest[0].copy()
        for way in range(1, ways):
            better = oldest[way] < least
            np.maximum(before[t], better.view(np.uint8) * np.uint8(way), out=before[t])
            np.minimum(least, oldest[way], out=least)
        least -= least.min()
        for new in range(ways):
            cost[new::ways] = np.square(w[t] - of_bits[new]) + least
    states = np.empty(weights.size, np.int64)
    states[-1] = np.argmin(cost)
    for t in range(weights.size - 1, 0, -1):
        parent = states[t] >> bits
        states[t - 1] = int(before[t, parent]) * shared + parent
    return states


def _at_best_scale(
    flat: np.ndarray,
    rebuilt: Callable[[np.ndarray], np.ndarray],
    multiples: np.ndarray,
    tried: int = TRIED,
) -> np.ndarray:
    """Weights divided by a scale, rebuilt and multiplied again, by the best of some multiples of their size.

    The scale that is stored is the best one for the points that were chosen.
    """
    size = float(np.sqrt(np.mean(flat**2)))
    if size == 0:
        return np.zeros_like(flat)

    def at(part: np.ndarray, multiple: float) -> np.ndarray:
        points = rebuilt(part * (multiple / size))
        scale = np.float32(points @ part / (points @ points))
        return float(scale) * points

    part = flat[:tried]
    errors = [np.sum((part - at(part, multiple)) ** 2) for multiple in multiples]
    return at(flat, float(multiples[int(np.argmin(errors))]))
