"""Bits a weight above Shannon's limit: trellis-coded quantisation beside entropy-coded scalars.

python benchmarks/trellis.py [--quick] [--weights 262144] [--states 4 8 32 256] [--speed-weights 10000000]

Each source is drawn once, of variance 1. The limit is R(D) of the law at the error that was reached, for the
mean square (Gaussian) or mean size (Laplace) of these very weights. For the Laplace it is certified below
1.25 bits, and the Shannon lower bound from there on. "labels" is the gap of the entropies of both streams,
"all" counts levels and counts too, "bytes" is what asymmetric numeral systems really take, header and all.
Scalars are entropy-constrained, at the entropy of their labels alone.
"""

from __future__ import annotations

import argparse
import functools
import math
import os
import resource
import time
from typing import NamedTuple

import numpy as np

from ratedist import theory
from ratedist.quantizers import (
    TrellisQuantized,
    decode_trellis,
    entropy_constrained_quantizer,
    quantize_trellis,
)
from ratedist.units import nats_to_bits

RATES = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
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


def scalar_at(weights: np.ndarray, bits: float) -> tuple[float, float]:
    """Bits and error of the entropy-constrained scalar quantiser near a rate."""
    low, high = math.log(1e-6), math.log(4.0)
    got = error = math.nan
    for _ in range(14):
        middle = (low + high) / 2
        price = math.exp(middle)
        clusters = int(min(max(8.0 / math.sqrt(6 * price) * 1.5, 12), 600))
        found = entropy_constrained_quantizer(weights, clusters, price, max_iterations=200)
        counts = found.counts[found.counts > 0] / weights.size
        got = float(-(counts @ np.log2(counts)))
        error = float(np.mean((weights - found.reconstruction) ** 2))
        if abs(got - bits) < 0.005:
            break
        low, high = (middle, high) if got > bits else (low, middle)
    return got, error


def standard_error(source: Source, found: TrellisQuantized) -> float:
    """Of the gap of the labels, from groups of lanes; bits and errors are in it."""
    error = (source.weights - found.reconstruction) ** 2
    second = np.isin(found.reconstruction, found.levels[1])
    bits = np.empty(error.size)
    for union, stream in enumerate(found.streams):
        bits[second == bool(union)] = nats_to_bits(found.code_lengths[union][stream])
    share = source.weights**2 / np.mean(source.weights**2)
    if source.name != "gaussian":
        share = 2 * np.abs(source.weights) / np.mean(np.abs(source.weights))
    parts = bits + (error / error.mean() - share) / (2 * math.log(2))
    return float(np.std([parts[first::PARTS].mean() for first in range(PARTS)]) / math.sqrt(PARTS))


def row(source: Source, bits: float, states: int) -> str:
    """One line of the table."""
    start = time.process_time()
    found = quantize_trellis(source.weights, states, bits_per_weight=bits)
    seconds = time.process_time() - start
    again = decode_trellis(found.streams, found.levels, found.branches, states)
    if not np.array_equal(again, found.reconstruction):
        raise RuntimeError("the decoder has other weights")
    limit, size = source.limit(found.mean_squared_error), source.weights.size
    coded = (8 * sum(map(len, found.payloads())) + found.header_bits) / size
    labels, everything = found.label_bits / size - limit, found.bits_per_weight - limit
    return (
        f"{source.name:9} {bits:4.1f}  {states:6}  {found.bits_per_weight:7.4f}  "
        f"{found.mean_squared_error:9.3e}   {labels:.4f} ± {standard_error(source, found):.4f}  "
        f"{everything:7.4f}  {coded - limit:7.4f}  {seconds:8.1f}"
    )


def speed(num_weights: int, states: int) -> str:
    """Weights a second, encode with the search for a rate and decode, and the memory of both."""
    weights = np.random.default_rng(1).normal(size=num_weights)
    quantize_trellis(weights[: min(num_weights, 1 << 18)], states, bits_per_weight=2.0)  # compiles
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    found = quantize_trellis(weights, states, bits_per_weight=2.0)
    encoded = time.process_time()
    decode_trellis(found.streams, found.levels, found.branches, states)
    decoded = time.process_time()
    memory = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / weights.nbytes
    return (
        f"{num_weights:,} weights, {states} states, 2 bits: {num_weights / (encoded - start) / 1e6:.2f} "
        f"million a second of processor time encoded (search and all, {encoded - start:.1f} s), "
        f"{num_weights / (decoded - encoded) / 1e6:.0f} million decoded ({decoded - encoded:.2f} s); "
        f"memory beyond the input {memory:.1f} times it"
    )


def main() -> None:
    """Print the tables of both sources, and how fast it was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rates, states and weights: half a minute")
    parser.add_argument("--weights", type=int, default=1 << 18)
    parser.add_argument("--states", type=int, nargs="+", default=[4, 8, 32, 256])
    parser.add_argument("--rates", type=float, nargs="+", default=RATES)
    parser.add_argument("--speed-weights", type=int, default=10**7)
    options = parser.parse_args()
    if options.quick:
        options.weights, options.states, options.rates = 1 << 16, [4, 8], [0.5, 2.0]
        options.speed_weights = 1 << 20
    rng = np.random.default_rng(0)
    sources = [
        Source("gaussian", rng.normal(size=options.weights)),
        Source("laplace", rng.laplace(scale=SCALE, size=options.weights)),
    ]
    print(f"{options.weights:,} weights a source; gaps are bits a weight above the limit")
    print("source    bits  states  bits got      error   gap, labels        all    bytes   seconds")
    for source in sources:
        for bits in options.rates:
            got, error = scalar_at(source.weights, bits)
            gap = got - source.limit(error)
            print(f"{source.name:9} {bits:4.1f}  scalar  {got:7.4f}  {error:9.3e}   {gap:.4f}")
            for states in options.states:
                print(row(source, bits, states), flush=True)
    print(speed(options.speed_weights, 8), flush=True)
    if not options.quick:
        print(speed(options.speed_weights // 10, 256))
    print(
        "load of the machine in the last 1, 5 and 15 minutes:", *(f"{load:.2f}" for load in os.getloadavg())
    )


if __name__ == "__main__":
    main()
