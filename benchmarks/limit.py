"""How long the limit of a tensor takes, and how far files are from it: a million Gaussian weights.

    python benchmarks/limit.py [--trellis 8 256]

Seconds are those of the processor. The trellises take longer than the rest together.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Callable

import numpy as np

import ratedist as rd
from ratedist.tensors.limit import limit_of, with_limit

WEIGHTS = np.random.default_rng(0).normal(size=(1000, 1000)).astype(np.float32)
REPEATS = 3


def seconds(function: Callable[[], object]) -> float:
    """The least of some runs."""
    taken = []
    for _ in range(REPEATS):
        start = time.process_time()
        function()
        taken.append(time.process_time() - start)
    return min(taken)


def limits() -> None:
    """At several rates, with importances and without."""
    for bits in (2, 4, 6, 8):
        print(f"limit at {bits} bits: {seconds(lambda D=4.0**-bits: limit_of(WEIGHTS, D)):.3f} s")
    for spread in (0.5, 2.0):
        h = np.random.default_rng(1).lognormal(0.0, spread, size=WEIGHTS.shape).astype(np.float32)
        for bits in (2, 4, 8):
            taken = seconds(lambda h=h, D=4.0**-bits: limit_of(WEIGHTS, D, h))
            found = limit_of(WEIGHTS, 4.0**-bits, h)
            assert found is not None
            print(
                f"limit at {bits} bits, importances log-normal with σ = {spread}: {taken:.3f} s, "
                f"{found.lower / math.log(2):.4f} bits"
            )


def tensors() -> None:
    """Quantisers with the limit and without, and their distance to it."""
    for K in (4, 16, 64, 256):
        config = rd.QuantizationConfig(num_clusters=K)

        def quantised(config: rd.QuantizationConfig = config) -> rd.container.QuantizedTensor:
            found = rd.tensors.quantize_tensor(WEIGHTS, config)
            found.stored("huffman")
            return found

        tensor = quantised()
        alone, limit = seconds(quantised), seconds(lambda tensor=tensor: with_limit(tensor, WEIGHTS))
        print(f"K-means, {K} clusters: {alone:.3f} s, limit {limit:.3f} s, longer by {limit / alone:.0%}")
        told("huffman", f"K-means, {K} clusters", tensor)
        told("ans", f"K-means, {K} clusters", tensor)


def told(coder: str, name: str, tensor: rd.container.QuantizedTensor) -> None:
    """One line: bits with everything that is stored of the tensor, and the limit."""
    bits = 8 * tensor.stored(coder).entry.num_bytes / WEIGHTS.size
    limit = with_limit(tensor, WEIGHTS).limit
    print(f"{name}, {coder}: {bits:.4f} bits, limit {limit:.4f}, gap {bits - limit:.4f}")


def main() -> None:
    """Print all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trellis", type=int, nargs="*", default=[], help="numbers of states")
    arguments = parser.parse_args()
    print("load:", *(f"{one:.1f}" for one in os.getloadavg()))
    limits()
    tensors()
    for states in arguments.trellis:
        config = rd.QuantizationConfig(trellis=states, bits_per_weight=2.0, coder="ans")
        told("ans", f"trellis, {states} states", rd.quantize_tree({"w": WEIGHTS}, config).quantized["w"])


if __name__ == "__main__":
    main()
