"""Bits back on 100,000 weights: net bits against KL/ln 2, initial bits, and whether all comes back exactly.

python benchmarks/bits_back.py [--weights 100000] [--seeds 10]

Weights are N(0, 1); their posterior scales are from 0.01 to 0.5, uniform in the logarithm; the prior is
N(0, τ²) by empirical Bayes. Then, on fewer weights, the step is varied, and the place of
the posterior."""

from __future__ import annotations

import argparse
import time

import numpy as np

from ratedist import codes, theory
from ratedist.units import nats_to_bits


def bits_back(
    mean: np.ndarray, scale: np.ndarray, prior: theory.GaussianPrior, seed: int, step: float | None = None
) -> tuple[codes.BitsBackCode, float, float]:
    """The message, and seconds to code and decode it; raises if it does not come back."""
    auxiliary = np.random.default_rng(seed).bytes(codes.bits_back_initial_bytes(scale, step))
    start = time.perf_counter()
    code = codes.bits_back_encode(mean, scale, prior, auxiliary, step)
    middle = time.perf_counter()
    weights, returned = codes.bits_back_decode(code.payload, prior, mean, scale)
    end = time.perf_counter()
    if not np.array_equal(weights, code.weights) or returned != auxiliary:
        raise RuntimeError("the message does not decode to what was sent")
    return code, middle - start, end - middle


def divergence_bits(mean: np.ndarray, scale: np.ndarray, prior: theory.GaussianPrior) -> float:
    """KL/ln 2 of all weights."""
    return float(nats_to_bits(theory.bits_back_cost(mean, scale, prior).sum()))


def main() -> None:
    """Print a line for every seed, for every step, and for every place."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--weights", type=int, default=100_000)
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    print("seed  KL/ln 2   message  initial bits  of these drawn  net bits  net over KL  encode s  decode s")
    for seed in range(options.seeds):
        generator = np.random.default_rng(seed)
        mean = generator.standard_normal(options.weights)
        scale = np.exp(generator.uniform(np.log(0.01), np.log(0.5), options.weights))
        prior = theory.GaussianPrior(theory.empirical_bayes_scale(mean, scale))
        code, encode, decode = bits_back(mean, scale, prior, seed)
        kl = divergence_bits(mean, scale, prior)
        print(
            f"{seed:4d} {kl:8.0f} {code.num_bits:9d} {code.initial_bits:13d} {code.drawn_bits:15.0f}"
            f" {code.net_bits:9d} {code.net_bits / kl - 1:12.3%} {encode:9.1f} {decode:9.1f}",
            flush=True,
        )
    few, prior = max(options.weights // 10, 1), theory.GaussianPrior(1.0)
    scale = np.full(few, 0.1)
    print(f"\n{few} weights of the prior N(0, 1), posterior scale 0.1, header left out")
    print("   δ/s  KL/ln 2  drawn bits  net bits  net over KL")
    for ratio in (2.0**-20, 2.0**-5, 2.0**-3, 0.25, 0.5, 1.0, 2.0, 12**0.5, 10.0):
        mean = np.random.default_rng(0).standard_normal(few)
        code, *_ = bits_back(mean, scale, prior, 0, 0.1 * ratio)
        kl, net = divergence_bits(mean, scale, prior), code.spent_bits - code.drawn_bits
        print(f"{ratio:6.2g} {kl:8.0f} {code.drawn_bits:11.0f} {net:9.0f} {net / kl - 1:12.3%}", flush=True)
    scale = np.full(few, 0.01)
    print(f"\n{few} posteriors of scale 0.01 at one place of the prior N(0, 1), header left out")
    print("  mean   KL/ln 2  net bits  net over KL")
    for place in (0.0, 2.0, 5.0, 6.0, 7.0, 10.0, 40.0):
        mean = np.full(few, place)
        code, *_ = bits_back(mean, scale, prior, 0)
        kl, net = divergence_bits(mean, scale, prior), code.spent_bits - code.drawn_bits
        print(f"{place:6g} {kl:9.0f} {net:9.0f} {net / kl - 1:12.3%}", flush=True)


if __name__ == "__main__":
    main()
