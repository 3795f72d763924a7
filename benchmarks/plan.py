"""What a simulation will take: the cost model fitted, checked on a larger run, and carried past this machine.

    python benchmarks/plan.py [--quick]

Processor seconds are measured, which other work on the machine changes little. Four parts are printed:

* the constants of ``ratedist/experiments/cost_model.py``, fitted to points of a sweep of several sizes;
* a run three times larger than any of these: predicted, measured, and their ratio;
* what processes exchange: bytes and seconds of a block's moments, of packing and of taking them;
* a simulation of rounds: what part of the time P processes compute, and 10^12 trials on 1,024 devices.

The network is not measured: a latency and a bandwidth are assumed, and printed.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import time

import jax

jax.config.update("jax_enable_x64", True)

import numpy as np
from scipy.optimize import nnls

from ratedist.estimate import Moments
from ratedist.experiments import cost_model
from ratedist.experiments.figure2_config import Figure2Config
from ratedist.experiments.sweep_points import point_rows
from ratedist.simulation.accumulation import BLOCK, Accumulation
from ratedist.simulation.checkpoint import packed, unpacked
from ratedist.simulation.shared_loop import MOST_APART, range_size

SIZES = ((10, 4), (25, 8), (50, 8), (50, 16), (60, 16))
LONG_SIZES = ((300, 4), (300, 16), (1000, 4), (1000, 16))
LONGEST_SIZES = ((3000, 4), (3000, 16), (6000, 4), (6000, 16))
FEW, MANY = 512, 16_384
LARGER = 3
COMPRESSORS, QUANTITIES = 22, 7
# Of a cluster's network: seconds a message, bytes a second.
LATENCY, BANDWIDTH = 50e-6, 1.25e9
# How processes differ, in logarithms: each all the time, and each round anew.
OWN_SPEED, EACH_ROUND = 0.03, 0.05


@dataclasses.dataclass(frozen=True)
class Exchange:
    """Of the moments of one block: bytes, and seconds to pack and to take them."""

    num_bytes: int
    pack: float
    take: float


def seconds(d: int, K: int, num_trials: int, seed: int) -> float:
    """Processor seconds of one point of a sweep."""
    begun = time.process_time()
    point_rows(Figure2Config(d=d, n=2 * d, max_clusters=K, num_trials=num_trials, seed=seed))
    return time.process_time() - begun


def fitted(sizes: tuple[tuple[int, int], ...], many: int) -> tuple[float, float, float]:
    """Seconds of a shape, of a trial, and of a trial's weight and cluster."""
    compiling, of_trials = [], []
    for d, K in sizes:
        cold, few = seconds(d, K, 2 * FEW, 0), min(seconds(d, K, 2 * FEW, seed) for seed in (1, 2))
        long = min(seconds(d, K, many, seed) for seed in (3, 4))
        compiling.append(cold - few)
        of_trials.append((long - few) / (many - 2 * FEW))
        print(f"  d = {d}, K to {K}: {compiling[-1]:.1f} s to compile, {1e6 * of_trials[-1]:.1f} µs a trial")
    products = np.array([d * K for d, K in sizes], float)
    # Relative errors: a small point counts as much as a large one.
    weights = 1 / np.array(of_trials)
    design = np.stack([np.ones_like(products), products], axis=1) * weights[:, None]
    (trial, each), _ = nnls(design, np.ones(len(sizes)))
    return float(np.mean(compiling)), float(trial), float(each)


def fitted_to_long(
    sizes: tuple[tuple[int, int], ...], many: int, trial: float, powers: tuple[int, int]
) -> float:
    """Seconds of a trial over powers of d and K: the mean of logarithms, since sizes differ a hundredfold."""
    found = []
    for d, K in sizes:
        seconds(d, K, many, 0)
        of_trial = min(seconds(d, K, many, seed) for seed in (1, 2)) / many
        found.append(np.log((of_trial - trial) / (d ** powers[0] * K ** powers[1])))
        print(f"  d = {d}, K to {K}: {1e6 * of_trial:.1f} µs a trial")
    return float(np.exp(np.mean(found)))


def exchange() -> Exchange:
    """Measured on the moments of a block of Figure 2's size."""
    names = tuple(f"kmeans_optimal {K}" for K in range(COMPRESSORS))
    values = np.random.default_rng(0).normal(size=(BLOCK, COMPRESSORS))
    block = Accumulation({f"quantity {i}": Moments.of(names, values) for i in range(QUANTITIES)})
    begun, repeats, text = time.process_time(), 50, b""
    for _ in range(repeats):
        text = json.dumps(packed(block)).encode()
    pack = (time.process_time() - begun) / repeats
    total, begun = Accumulation(), time.process_time()
    for _ in range(repeats):
        total.add_whole(unpacked(json.loads(text)).whole)
    return Exchange(len(text), pack, (time.process_time() - begun) / repeats)


def share_computing(
    count: int, block: float, one: Exchange, generator: np.random.Generator, num_trials: int
) -> float:
    """What part of the time ``count`` processes compute: rounds end with the slowest, then all exchange."""
    apart = num_trials <= MOST_APART
    blocks = range_size(num_trials, count, apart=apart) // BLOCK
    parts = blocks if apart else 1
    own = np.exp(OWN_SPEED * generator.normal(size=count))
    row = 1 << int(parts * one.num_bytes - 1).bit_length()
    exchanging = 0.0
    if count > 1:
        exchanging = (
            parts * one.pack + LATENCY * np.log2(count) + count * (row / BANDWIDTH + parts * one.take)
        )
    computing = ending = 0.0
    for _ in range(30):
        times = blocks * block * own * np.exp(EACH_ROUND * generator.normal(size=count))
        computing, ending = computing + float(times.mean()), ending + float(times.max()) + exchanging
    return computing / ending


def hours(num_trials: float, num_devices: int, share: float, trial: float, start: float) -> float:
    """Of a run, by the model."""
    return (start + num_trials * trial / num_devices / share) / 3600


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="two sizes and few trials, to see that it runs")
    quick = parser.parse_args().quick
    sizes, many = (SIZES[:2], 2048) if quick else (SIZES, MANY)
    start = time.process_time()  # of the imports
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )

    print("\nfitted to points of a sweep, in processor seconds:")
    shape, trial, each = fitted(sizes, many)
    few = 1 if quick else None
    pair = fitted_to_long(LONG_SIZES[:few], 64 if quick else 256, trial, (2, 1))
    with_fast = fitted_to_long(LONGEST_SIZES[:few], 16, trial, (1, 1))
    found = {
        "START": start,
        "SHAPE": shape,
        "TRIAL": trial,
        "WEIGHT_AND_CLUSTER": each,
        "PAIR_AND_CLUSTER": pair,
        "LONG_WEIGHT_AND_CLUSTER": with_fast,
    }
    for name, value in found.items():
        print(f"  {name} = {value:.2g} (in cost_model.py {getattr(cost_model, name):.2g})")

    d, K = sizes[-1] if quick else (50, 16)
    predicted, measured = LARGER * many * (trial + each * d * K), seconds(d, K, LARGER * many, 5)
    print(f"\n{LARGER * many:,} trials at d = {d}, K to {K}, three times the largest fitted:")
    print(f"  predicted {predicted:.2f}, measured {measured:.2f}, ratio {predicted / measured:.2f}")

    one = exchange()
    print(f"\nmoments of a block of {BLOCK} trials, {COMPRESSORS} compressors: {one.num_bytes:,} bytes,")
    print(f"  {1e3 * one.pack:.2f} ms to pack, {1e3 * one.take:.2f} ms to take")

    of_trial = trial + each * 50 * 16
    generator = np.random.default_rng(0)
    print("\nshare of the time that is computing, and not waiting or exchanging;")
    print(f"assumed are {1e6 * LATENCY:.0f} µs a message and {BANDWIDTH / 1e9:g} GB/s:")
    print(f"{'':>10}{'10^12 trials':>27}{'10^6 trials':>27}")
    print(f"{'processes':>10}" + f"{'1 core':>9}{'8 cores':>9}{'64 cores':>9}" * 2)
    shares = {}
    for count in (1, 2, 4, 8, 32, 128, 1024, 4096):
        row = f"{count:>10}"
        for num_trials in (10**12, 10**6):
            for devices in (1, 8, 64):
                block = BLOCK * of_trial / devices
                found = share_computing(count, block, one, generator, num_trials)
                shares[count, devices, num_trials] = found
                row += f"{found:>9.0%}"
        print(row)
    print("\n10^12 trials of Figure 2's K-means on 1,024 cores:")
    for count, devices in ((1024, 1), (128, 8)):
        took = hours(1e12, 1024, shares[count, devices, 10**12], of_trial, start + shape)
        print(f"  {count} processes of {devices}: {took:.1f} hours")


if __name__ == "__main__":
    main()
