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


def bits_back(mean: np.ndarray, scale: np.ndarray, seed: int, step: float | None = None) -> tuple[float, ...]:
    """KL/ln 2, the message's account, and seconds to code and decode; raises if it does not come back."""
    prior = theory.empirical_bayes_prior(mean, posterior_scale=scale)
    auxiliary = np.random.default_rng(seed).bytes(codes.bits_back_initial_bytes(scale, step))
    start = time.perf_counter()
    code = codes.bits_back_encode(mean, scale, prior, auxiliary, step)
    middle = time.perf_counter()
    weights, returned = codes.bits_back_decode(code.payload, prior, mean, scale)
    end = time.perf_counter()
    if not np.array_equal(weights, code.weights) or returned != auxiliary:
        raise RuntimeError("the message does not decode to what was sent")
    divergence = float(nats_to_bits(theory.bits_back_cost(mean, scale, prior).sum()))
    return (
        divergence,
        code.num_bits,
        code.initial_bits,
        code.drawn_bits,
        code.net_bits,
        middle - start,
        end - middle,
    )


def main() -> None:
    """Print a line for every seed, and one for every step and place."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--weights", type=int, default=100_000)
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    print(
        "seed  KL/ln 2    message  initial bits   of these drawn   net bits  net over KL  encode s  decode s"
    )
    for seed in range(options.seeds):
        generator = np.random.default_rng(seed)
        mean = generator.standard_normal(options.weights)
        scale = np.exp(generator.uniform(np.log(0.01), np.log(0.5), options.weights))
        kl, message, initial, drawn, net, encode, decode = bits_back(mean, scale, seed)
        print(
            f"{seed:4d} {kl:9.0f} {message:9d} {initial:13d} {drawn:16.0f} {net:10d} {net / kl - 1:12.3%}"
            f" {encode:9.1f} {decode:9.1f}",
            flush=True,
        )
    few = max(options.weights // 10, 1)
    unit = np.random.default_rng(0).standard_normal(few)
    print(f"\n{few} weights, posterior scale 0.1\nδ/s         KL/ln 2   initial bits   net bits  net over KL")
    for ratio in (2.0**-20, 2.0**-5, 2.0**-3, 0.25, 0.5, 1.0, 2.0, 12**0.5, 10.0):
        kl, _, initial, _, net, *_ = bits_back(unit, np.full(few, 0.1), 0, 0.1 * ratio)
        print(f"{ratio:10.3g} {kl:9.0f} {initial:13d} {net:10d} {net / kl - 1:12.3%}", flush=True)
    print(
        "\nposterior scale 0.01, all means at one place of the prior N(0, 1)\n"
        "mean        KL/ln 2   net bits  net over KL"
    )
    for place in (0.0, 2.0, 5.0, 10.0, 40.0):
        scale, prior = np.full(few, 0.01), theory.GaussianPrior(1.0)
        auxiliary = np.random.default_rng(0).bytes(codes.bits_back_initial_bytes(scale))
        code = codes.bits_back_encode(np.full(few, place), scale, prior, auxiliary)
        kl = float(nats_to_bits(theory.bits_back_cost(np.full(few, place), scale, prior).sum()))
        print(f"{place:5g} {kl:14.0f} {code.net_bits:10d} {code.net_bits / kl - 1:12.3%}", flush=True)


if __name__ == "__main__":
    main()
