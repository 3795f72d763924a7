"""The same numbers on an accelerator as on the processor, and how long each takes, in one run.

    python benchmarks/devices.py [--trials 200000] [--batches 512 4096 32768] [--trellis-weights 1000000]

A trial is that of ``benchmarks/trial.py``: ERM weights (d = 50, n = 80) and optimal K-means for K = 1…16 with
the risks of each. Both kinds of device draw the same random numbers, so their means differ by rounding alone.
"Apart" is the largest difference of a mean, relative to it. It is compared with what the same precision
allows between two orders of summation, and the exit status is 1 where it is more.

Without an accelerator the processor is compared with itself in batches of another size.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

import ratedist as rd
from ratedist.units import nats_to_bits

# Relative differences of means that orders of summation explain, in double and in single precision.
ALLOWED = {True: 1e-11, False: 2e-4}
MAX_CLUSTERS = 16


def problem() -> tuple[rd.GaussianLinearModel, dict[str, Any]]:
    """Figure 2's model and compressors."""
    kinds = {"erm": rd.ERM()} | {f"{K} values": rd.KMeans(K) for K in range(1, MAX_CLUSTERS + 1)}
    return rd.GaussianLinearModel(80, rd.two_level_weights(50)), kinds


def means(result: rd.SimulationResult) -> np.ndarray:
    """Mean population and empirical risk and distortion of every compressor."""
    quantities = ("population_risk", "empirical_risk", "distortion")
    _, kinds = problem()
    found = [[getattr(result[name], one).mean for one in quantities] for name in kinds]
    return np.array(found)


def timed(devices: Sequence[Any], num_trials: int, batch: int) -> tuple[float, float, np.ndarray]:
    """Seconds of a first call beyond a second one, microseconds a trial of the second, and its means."""
    model, kinds = problem()

    def run() -> tuple[float, rd.SimulationResult]:
        start = time.perf_counter()
        found = rd.simulate(model, kinds, num_trials, jax.random.key(0), batch_size=batch, devices=devices)
        return time.perf_counter() - start, found

    (first, _), (second, found) = run(), run()
    return first - second, second / num_trials * 1e6, means(found)


def trials(args: argparse.Namespace, accelerator: Sequence[Any], processor: Sequence[Any]) -> bool:
    """A table of trials; whether all means agree."""
    agree = True
    for x64 in (True, False):
        with jax.enable_x64(x64):
            print(f"\n{'double' if x64 else 'single'} precision, {args.trials} trials", flush=True)
            _, own, reference = timed(processor, args.trials // 10, 512)
            print(f"  {processor[0].device_kind:28s} batch    512 {own:9.2f} µs a trial", flush=True)
            for batch in args.batches:
                _, _, again = timed(accelerator, args.trials // 10, batch)
                apart = float(np.max(np.abs(again - reference) / np.maximum(np.abs(reference), 1e-300)))
                first, each, _ = timed(accelerator, args.trials, batch)
                agree &= apart <= ALLOWED[x64]
                print(
                    f"  {accelerator[0].device_kind:28s} batch {batch:6d} {each:9.2f} µs a trial, "
                    f"{own / each:6.1f} times as fast; first call {first:4.1f} s more; apart {apart:.1e}",
                    flush=True,
                )
    return agree


def trellis(num_weights: int, accelerator: Sequence[Any], processor: Sequence[Any]) -> None:
    """Seconds of trellis-coded quantisation on each kind of device."""
    weights = np.random.default_rng(0).normal(size=num_weights)
    print(f"\ntrellis, {num_weights} weights at 2 bits", flush=True)
    for devices in dict.fromkeys((accelerator[0], processor[0])):
        for states in (8, 256):
            if devices == processor[0] and states == 256:
                continue  # minutes
            with jax.default_device(devices):
                rd.quantize_trellis(weights[: num_weights // 8], states, bits_per_weight=2.0)
                start = time.perf_counter()
                found = rd.quantize_trellis(weights, states, bits_per_weight=2.0)
                took = time.perf_counter() - start
            gap = found.bits_per_weight - nats_to_bits(0.5 * np.log(1 / found.mean_squared_error))
            print(f"  {devices.device_kind:28s} {states:4d} states {took:8.2f} s, {gap:.4f} bit above R(D)")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--trials", type=int, default=200_000)
    parser.add_argument("--batches", type=int, nargs="+", default=[512, 4096, 32768])
    parser.add_argument("--trellis-weights", type=int, default=1_000_000)
    args = parser.parse_args()
    accelerator, processor = jax.local_devices(), jax.local_devices(backend="cpu")
    print(f"JAX {jax.__version__}, {len(accelerator)} × {accelerator[0].device_kind}, {os.cpu_count()} cores")
    agree = trials(args, accelerator, processor)
    if args.trellis_weights:
        trellis(args.trellis_weights, accelerator, processor)
    print(f"\nmeans agree: {agree}")
    sys.exit(not agree)


if __name__ == "__main__":
    main()
