"""What trellises of this package reach at the bits of published numbers: real bytes and their errors.

python benchmarks/field_trellis.py [--weights 1048576] [--states 256]

Prints the table of ratedist/claims/field_trellis.py. Each source of variance 1 is drawn once. Bits are those
of the asymmetric numeral systems, with levels and counts. The error is in units of the variance of these very
weights (Laplace: of their mean size squared), so that their luck cancels. "±" is its relative standard error.
"""

from __future__ import annotations

import argparse
import math

import numpy as np

from ratedist.claims.field_numbers import FIELD
from ratedist.quantizers import decode_trellis, quantize_trellis

# The target is on ideal code lengths; the coder needs a little more.
LESS = 5e-4
MOST_BITS = 8.0
PARTS = 64


def weights_of(source: str, size: int) -> np.ndarray:
    """Drawn once, of variance 1."""
    generator = np.random.default_rng(16)
    if source == "gaussian":
        return generator.standard_normal(size)
    if source == "laplace":
        return generator.laplace(scale=math.sqrt(0.5), size=size)
    return generator.uniform(-math.sqrt(3), math.sqrt(3), size)


def row(weights: np.ndarray, source: str, bits: float, states: int) -> str:
    """One line of the table."""
    target = bits - LESS
    for _ in range(8):
        found = quantize_trellis(weights, states, bits_per_weight=target)
        spent = (8 * sum(map(len, found.payloads())) + found.header_bits) / weights.size
        if spent <= bits:
            break
        target -= LESS
    else:
        raise RuntimeError(f"{source}: no trellis at {bits} bits")
    again = decode_trellis(found.streams, found.levels, found.branches, states)
    if not np.array_equal(again, found.reconstruction):
        raise RuntimeError("the decoder has other weights")
    own = 2 * np.mean(np.abs(weights)) ** 2 if source == "laplace" else np.mean(weights**2)
    errors = (weights - found.reconstruction) ** 2
    relative = errors / errors.mean()
    size = np.abs(weights) if source == "laplace" else weights**2
    share = (2 if source == "laplace" else 1) * size / size.mean()
    parts = [(relative - share)[first::PARTS].mean() for first in range(PARTS)]
    sem = np.std(parts) / math.sqrt(PARTS)
    return f'    ("{source}", {spent:.6f}, {errors.mean() / own:.6g}),  # ± {sem:.1g}'


def main() -> None:
    """Print a line for each number of bits that somebody stated."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=int, default=1 << 20)
    parser.add_argument("--states", type=int, default=256)
    options = parser.parse_args()
    for source in ("gaussian", "laplace", "uniform"):
        weights = weights_of(source, options.weights)
        stated = {one.spent or one.bits for one in FIELD if one.source == source}
        for bits in sorted(one for one in stated if one <= MOST_BITS):
            print(row(weights, source, bits, options.states), flush=True)


if __name__ == "__main__":
    main()
