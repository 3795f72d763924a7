"""Time K-means of blocks of two weights against scikit-learn, from the same start and for as long.

    python benchmarks/kmeans_blocks.py [--sizes 100000 1000000] [--clusters 4 16 256]

Each runs a few times in turn, and the least CPU time counts."""

from __future__ import annotations

import argparse
import importlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ratedist.quantizers import Lloyd, kmeans

REPEATS = 5
ITERATIONS = 20


class Row(NamedTuple):
    """One measurement: CPU seconds of the fastest of a few runs, and the objective reached."""

    method: str
    seconds: float
    objective: float


def fastest(runs: dict[str, Callable[[], float]], repeats: int) -> list[Row]:
    """Least CPU time of a few runs of each, in turn, and the last objective."""
    measured: dict[str, Row] = {}
    for _ in range(repeats):
        for name, run in runs.items():
            start = time.process_time()
            objective = run()
            seconds = time.process_time() - start
            before = measured[name].seconds if name in measured else np.inf
            measured[name] = Row(name, min(seconds, before), objective)
    return list(measured.values())


def rows(num_blocks: int, num_clusters: int, weighted: bool) -> list[Row]:
    """Both programmes.

    Weighted means an importance for every weight here, one for every block with scikit-learn, which knows no
    other: the objectives do not compare. The first call in a process compiles, which has a line of its own.
    """
    rng = np.random.default_rng(0)
    blocks = rng.normal(size=(num_blocks, 2))
    importance = rng.exponential(size=blocks.shape) if weighted else None
    by_block = None if importance is None else importance.mean(axis=1)
    start = blocks[:num_clusters]
    method = Lloyd(init=start, max_iterations=ITERATIONS)
    flat = None if importance is None else importance.ravel()
    runs: dict[str, Callable[[], float]] = {
        "ratedist": lambda: (
            kmeans(blocks.ravel(), num_clusters, flat, method=method, block_length=2).objective
        )
    }
    cluster: Any
    try:
        cluster = importlib.import_module("sklearn.cluster")
    except ImportError:
        cluster = None
    if cluster is not None:
        model = cluster.KMeans(num_clusters, init=start, n_init=1, max_iter=ITERATIONS, tol=0.0)
        runs["scikit-learn"] = lambda: model.fit(blocks, sample_weight=by_block).inertia_
    first = fastest({"ratedist, first call": runs["ratedist"]}, 1)
    return fastest(runs, REPEATS) + first


def main() -> None:
    """Run everything and print it, one line a measurement."""
    parser = argparse.ArgumentParser(description="Time K-means of blocks against scikit-learn.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10**5, 10**6], help="numbers of blocks")
    parser.add_argument("--clusters", type=int, nargs="+", default=[4, 16, 256], help="numbers of clusters")
    arguments = parser.parse_args()
    print("   blocks    K  importance  method                 CPU seconds   times  objective")
    for num_blocks in arguments.sizes:
        for num_clusters in arguments.clusters:
            for weighted in (False, True):
                found = rows(num_blocks, num_clusters, weighted)
                for row in found:
                    objective = "" if weighted else f"{row.objective / found[0].objective:10.6f}"
                    times = row.seconds / found[0].seconds
                    print(
                        f"{num_blocks:9d} {num_clusters:4d}  {'yes' if weighted else 'no':10s}  "
                        f"{row.method:22s} {row.seconds:11.4f} {times:7.2f} {objective}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
