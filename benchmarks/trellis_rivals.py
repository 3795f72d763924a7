"""What stands beside a trellis: scalars in equal steps, K-means, entropy-constrained scalars, blocks of two.

Each is a function from weights and bits a weight to ``Coded``, near those bits. Their labels are coded by
asymmetric numeral systems, and levels in half precision and counts are counted as those of a trellis.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ratedist.codes import empirical_entropy
from ratedist.codes.ans import ans_encode
from ratedist.quantizers import Lloyd, entropy_constrained_quantizer, kmeans
from ratedist.quantizers.trellis.header import LEVEL_BITS, header_bits, rounded_levels
from ratedist.units import nats_to_bits

# Bits that a result may differ from those asked for; its gap is at the bits that it has.
NEAR = 0.005
# Turns for blocks: their error moves by less than a thousandth after them.
BLOCK_TURNS = 40
# Bits a weight beyond log₂(K)/2 that blocks of two do not use, for a Gaussian.
UNUSED_BITS = 0.12


class Coded(NamedTuple):
    """Bits a weight of the labels at their entropy, and of the bytes with all else; mean squared error."""

    labels: float
    everything: float
    error: float


def coded(weights: np.ndarray, labels: np.ndarray, levels: np.ndarray) -> Coded:
    """Labels as bytes; levels, rows of ``levels``, are rounded to half precision first."""
    used, labels, counts = np.unique(labels, return_inverse=True, return_counts=True)
    block = levels.shape[1]
    stored = rounded_levels(levels[used], LEVEL_BITS[0])
    error = float(np.mean((weights - stored[labels].ravel()[: weights.size]) ** 2))
    header = header_bits(counts, LEVEL_BITS[0]) + counts.size * (block - 1) * LEVEL_BITS[0]
    own = nats_to_bits(empirical_entropy(counts)) * labels.size / weights.size
    return Coded(own, (8 * len(ans_encode(labels, counts)) + header) / weights.size, error)


def equal_steps(weights: np.ndarray, bits: float) -> Coded:
    """Multiples of a step, and in their place the means of the weights next to them."""

    def at(log_step: float) -> Coded:
        near = np.rint(weights / math.exp(log_step)).astype(np.int64)
        near -= near.min()
        counts = np.bincount(near)
        means = np.bincount(near, weights) / np.maximum(counts, 1)
        return coded(weights, near, means[:, None])

    return _near(at, bits, math.log(0.02), math.log(4.0))


def entropy_constrained(weights: np.ndarray, bits: float) -> Coded:
    """Levels and lengths of an ideal code by turns, at a price of a nat."""

    def at(log_price: float) -> Coded:
        price = math.exp(log_price)
        clusters = int(min(max(12.0 / math.sqrt(6 * price), 12), 1000))
        found = entropy_constrained_quantizer(weights, clusters, price, max_iterations=200)
        return coded(weights, found.labels, found.centers[:, None])

    return _near(at, bits, math.log(1e-5), math.log(4.0))


def k_means(weights: np.ndarray, bits: float) -> Coded:
    """The number of clusters whose labels are nearest to the bits."""

    def at(clusters: int) -> Coded:
        found = kmeans(weights, clusters)
        return coded(weights, found.labels, found.centers[:, None])

    low, high = 1, 4 * math.ceil(2**bits)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if at(middle).labels <= bits else (low, middle)
    return min((at(low), at(high)), key=lambda one: abs(one.labels - bits))


def blocks_of_two(weights: np.ndarray, bits: float) -> Coded:
    """K-means of pairs, with K near that for the bits: entropy says after the fact how near it was."""
    clusters = max(round(2 ** (2 * (bits + UNUSED_BITS))), 2)
    found = kmeans(weights, clusters, method=Lloyd(max_iterations=BLOCK_TURNS), block_length=2, key=0)
    return coded(weights, found.labels, found.centers)


RIVALS: dict[str, Callable[[np.ndarray, float], Coded]] = {
    "equal steps": equal_steps,
    "K-means": k_means,
    "entropy-constrained": entropy_constrained,
    "blocks of two": blocks_of_two,
}


def _near(at: Callable[[float], Coded], bits: float, low: float, high: float) -> Coded:
    """Where the bits of the labels, which fall, are met."""
    found = at((low + high) / 2)
    for _ in range(24):
        middle = (low + high) / 2
        found = at(middle)
        if abs(found.labels - bits) < NEAR:
            break
        low, high = (middle, high) if found.labels > bits else (low, middle)
    return found
