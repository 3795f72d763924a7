"""Weights of two laws, what no code of them goes below, and how sure a gap to that is."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np

from ratedist import theory
from ratedist.quantizers import TrellisQuantized
from ratedist.quantizers.trellis.decoder import symbols_in_order
from ratedist.units import nats_to_bits

# Bits from which the Shannon lower bound of the Laplace stands for R(D): lower by less than 0.0015 bit there.
HIGH_RATE = 1.25
SCALE = math.sqrt(0.5)
PARTS = 64


class Source(NamedTuple):
    """Weights, and R(D) of their law in bits."""

    name: str
    weights: np.ndarray

    def limit(self, error: float) -> float:
        """Bits a weight that no code of such weights with this error goes below, in the long run."""
        if self.name == "gaussian":
            return 0.5 * math.log2(float(np.mean(self.weights**2)) / error)
        # An error relative to the mean size of these very weights, so that their luck cancels.
        own = float(np.mean(np.abs(self.weights))) / SCALE
        return laplace_bits(error / own**2)


@functools.cache
def laplace_bits(error: float) -> float:
    """R(D) of the Laplace source of variance 1, in bits."""
    bound = nats_to_bits(float(theory.shannon_lower_bound(theory.laplace_entropy(SCALE), error)))
    if bound > HIGH_RATE:
        return bound
    # R(D) is convex: its tangent at a slope near the right one is a lower bound that hardly differs.
    slope, best = 1 / (2 * error), 0.0
    for _ in range(3):
        point = theory.laplace_rate_distortion(SCALE, slope)
        best = max(best, point.rate - slope * (error - point.distortion))
        slope *= point.distortion / error
    return nats_to_bits(best)


def standard_error(source: Source, found: TrellisQuantized) -> float:
    """Of the gap of the labels, from groups of lanes; bits and errors are in it."""
    error = (source.weights - found.reconstruction) ** 2
    # By the states, since levels of both unions may be equal.
    second = symbols_in_order(found.streams, found.branches, found.num_states) >= found.levels[0].size
    bits = np.empty(error.size)
    for union, stream in enumerate(found.streams):
        bits[second == bool(union)] = nats_to_bits(found.code_lengths[union][stream])
    share = source.weights**2 / np.mean(source.weights**2)
    if source.name != "gaussian":
        share = 2 * np.abs(source.weights) / np.mean(np.abs(source.weights))
    parts = bits + (error / error.mean() - share) / (2 * math.log(2))
    return float(np.std([parts[first::PARTS].mean() for first in range(PARTS)]) / math.sqrt(PARTS))


@functools.cache
def drawn(name: str, num_weights: int) -> Source:
    """The weights of a source, single precision in float64."""
    rng = np.random.default_rng(0)
    gaussian = rng.normal(size=num_weights)
    weights = gaussian if name == "gaussian" else rng.laplace(scale=SCALE, size=num_weights)
    return Source(name, weights.astype(np.float32).astype(np.float64))
