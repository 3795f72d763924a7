"""One process that does everything over and over in other shapes: does what it holds stop growing?

    python benchmarks/soak.py [--minutes 30] [--kept 40] [--leak files|programs|memory]

Rounds take turns: simulations of random sizes by every sampler, some with a checkpoint; K-means of scalars
and of blocks; a model quantised, written and read again; curvature of a random network; points of the exact
curve; a figure by the command line. After each round five gauges are read: resident memory, open files,
memory maps, threads and compiled programs that are alive.

Bounded means: the largest value of the last third is at most a tenth, and a little room, above the largest
before. So ends that saw-tooth pass, and ends that grow steadily do not. ``--kept`` is the number of
simulations whose programs are kept: it has to be reached in the first third, so short runs need few. With
``--leak`` each round leaks something, and the verdict has to be false. The exit status is 1 where a gauge
grows, 2 where the run was too short to say.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import jax

jax.config.update("jax_enable_x64", True)

import numpy as np

import ratedist as rd
from ratedist.cli import main as command_line
from ratedist.simulation import engine

PROC = pathlib.Path("/proc/self")
# Room above a tenth more: of MiB, files, maps, threads and programs.
ROOM = {"memory, MiB": 64, "files": 4, "maps": 500, "threads": 4, "programs": 12}
FEWEST_ROUNDS = 60


def gauges() -> dict[str, int]:
    resident = next(line for line in (PROC / "status").read_text().splitlines() if line.startswith("VmRSS"))
    return {
        "memory, MiB": int(resident.split()[1]) // 1024,
        "files": len(os.listdir(PROC / "fd")),
        "maps": (PROC / "maps").read_text().count("\n"),
        "threads": len(os.listdir(PROC / "task")),
        "programs": len(jax.devices()[0].client.live_executables()),
    }


def simulated(rng: np.random.Generator, folder: pathlib.Path) -> None:
    d = int(rng.integers(2, 30))
    model = rd.GaussianLinearModel(
        2 * d + int(rng.integers(2, 9)), rd.two_level_weights(d), rng.uniform(0.5, 2)
    )
    compressors = {"erm": rd.ERM(), "oracle": rd.Oracle(alpha=0.5), "k": rd.KMeans(int(rng.integers(1, d)))}
    sampler = rng.choice(["erm", "statistics", "dataset"])
    checkpoint = folder / "state" if rng.random() < 0.5 else None
    rd.simulate(model, compressors, 64, jax.random.key(0), sampler, checkpoint_path=checkpoint)


def clustered(rng: np.random.Generator, folder: pathlib.Path) -> None:
    weights = rng.normal(size=int(rng.integers(1000, 50_000)))
    clusters = int(rng.integers(2, 40))
    rd.kmeans(weights, clusters, rng.exponential(size=weights.size), method="optimal")
    rd.kmeans(weights, clusters, block_length=2, key=0)


def written(rng: np.random.Generator, folder: pathlib.Path) -> None:
    weights = {"a": rng.normal(size=(int(rng.integers(40, 200)), 64)), "b": rng.normal(size=2048)}
    tree = rd.quantize_tree(weights, int(rng.integers(2, 20)))
    tree.save(folder / "model.rdz")
    rd.load_tree(folder / "model.rdz", weights)


def curved(rng: np.random.Generator, folder: pathlib.Path) -> None:
    inputs, hidden = (int(x) for x in rng.integers(2, 12, size=2))
    network = rd.networks.mlp(inputs, (hidden,), 3)
    parameters = {
        layer.name: {"weight": rng.normal(size=layer.weight_shape), "bias": np.zeros(layer.outputs)}
        for layer in network.layers
    }
    rd.networks.gauss_newton_diagonal(network, parameters, rng.normal(size=(64, inputs)))


def certified(rng: np.random.Generator, folder: pathlib.Path) -> None:
    d = int(rng.integers(1, 6))
    model = rd.GaussianLinearModel(d + int(rng.integers(4, 30)), np.zeros(d), rng.uniform(0.5, 2))
    rd.theory.rate_distortion(model, 2 * rd.theory.critical_slope(model))


def drawn(rng: np.random.Generator, folder: pathlib.Path) -> None:
    d = int(rng.integers(4, 9))
    command = ["figure2", "--d", d, "--n", 2 * d + 3, "--trials", 64, "--max-clusters", 3, "--out", folder]
    if command_line([str(one) for one in command]):
        raise RuntimeError("the command failed")


def leaks(kind: str, held: list[Any]) -> None:
    """One more of what is never given back."""
    if kind == "files":
        held.append(open(os.devnull))  # noqa: SIM115
    elif kind == "programs":
        held.append(jax.jit(lambda x: 2 * x))
        held[-1](1.0)
    elif kind == "memory":
        held.append(np.ones(1 << 20))


def verdicts(rows: list[dict[str, int]]) -> dict[str, bool]:
    """Of each gauge, whether the last third stays about where it was."""
    cut = 2 * len(rows) // 3
    return {
        name: max(row[name] for row in rows[cut:]) <= 1.1 * max(row[name] for row in rows[:cut]) + room
        for name, room in ROOM.items()
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="One process over many shapes: what it holds stays bounded.")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument(
        "--kept", type=int, default=engine.MAX_KEPT, help="simulations whose programs are kept"
    )
    parser.add_argument("--leak", choices=("files", "programs", "memory"), help="leak one of these a round")
    options = parser.parse_args()
    engine.MAX_KEPT = options.kept
    jobs: list[Callable[[np.random.Generator, pathlib.Path], None]] = [
        simulated, clustered, simulated, written, simulated, curved, simulated, certified,
    ]  # fmt: skip
    rng, rows, held = np.random.default_rng(0), [], []
    begun, shown = time.monotonic(), 0.0
    print("minutes  rounds  " + "  ".join(f"{name:>11}" for name in ROOM), flush=True)
    while (minutes := (time.monotonic() - begun) / 60) < options.minutes:
        job = drawn if len(rows) % 40 == 39 else jobs[len(rows) % len(jobs)]
        with tempfile.TemporaryDirectory() as folder:
            job(rng, pathlib.Path(folder))
        if options.leak:
            leaks(options.leak, held)
        rows.append(gauges())
        if minutes >= shown:
            shown += options.minutes / 15
            print(
                f"{minutes:7.1f}  {len(rows):6d}  " + "  ".join(f"{x:11d}" for x in rows[-1].values()),
                flush=True,
            )
    holds, half = verdicts(rows), len(rows) // 2
    for name in ROOM:
        late = [row[name] for row in rows[half:]]
        rate = np.polyfit(np.arange(len(late)), late, 1)[0] * len(rows) / options.minutes
        largest = max(row[name] for row in rows)
        told = "bounded" if holds[name] else "GROWS"
        print(f"{name:12s} largest {largest:6d}, growth of the second half {rate:+8.2f} a minute: {told}")
    print(f"{len(rows)} rounds in {options.minutes:g} minutes, load {os.getloadavg()[0]:.1f}")
    if len(rows) < FEWEST_ROUNDS:
        print(f"fewer than {FEWEST_ROUNDS} rounds say nothing: more minutes")
        return 2
    return int(not all(holds.values()))


if __name__ == "__main__":
    sys.exit(main())
