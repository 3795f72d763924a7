"""Time scalar and vector K-means against what a user would otherwise take, in one run.

    python benchmarks/kmeans.py [--sizes 100000 1000000 10000000] [--clusters 4 16 256] [--json FILE]

Compares with scikit-learn, flash1dkmeans (Lloyd on sorted weights), ckwrap (the exact dynamic programme)
where they are installed, and with thirty passes over all weights in NumPy, as the code released with the
Entropy 2021 article does them. Competitors take turns, so that they meet the same load of the machine. What
would take longer than a minute is timed on a part of the weights and marked as extrapolated."""

from __future__ import annotations

import argparse
import functools
import importlib
import importlib.metadata
import json
import pathlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ratedist.quantizers import Lloyd, kmeans, optimal_scalar_path

MINUTE = 60.0
PASSES = 30
REPEATS = 5
# Seconds beyond which a run is not repeated.
SLOW = 10.0


class Row(NamedTuple):
    """One measurement: seconds of the fastest of a few runs, and the objective reached."""

    task: str
    method: str
    num_weights: int
    num_clusters: int
    seconds: float
    objective: float
    extrapolated: bool = False


def weighted_objective(weights: np.ndarray, importance: np.ndarray, centers: np.ndarray) -> float:
    """Objective with every weight at its nearest centre, the same for all competitors."""
    ordered = np.sort(np.asarray(centers, dtype=np.float64).ravel())
    nearest = ordered[np.searchsorted((ordered[1:] + ordered[:-1]) / 2, weights)]
    return float(np.sum(importance * (weights - nearest) ** 2))


def fastest(runs: dict[str, Callable[[], Any]], repeats: int) -> dict[str, tuple[float, Any]]:
    """Least time of a few runs of each, in turn, and the last result; what is slow runs once."""
    measured: dict[str, tuple[float, Any]] = {}
    for _ in range(repeats):
        for name, run in runs.items():
            seconds = measured[name][0] if name in measured else np.inf
            if name in measured and seconds > SLOW:
                continue
            start = time.perf_counter()
            result = run()
            measured[name] = min(seconds, time.perf_counter() - start), result
    return measured


def thirty_passes(weights: np.ndarray, importance: np.ndarray, num_clusters: int) -> np.ndarray:
    """K-means as thirty passes over all weights, distances to all centres each time, quantile start."""
    centers = np.quantile(weights, (np.arange(num_clusters) + 0.5) / num_clusters)
    for _ in range(PASSES):
        labels = np.argmin(np.abs(weights[:, None] - centers), axis=1)
        for k in range(num_clusters):
            mine = labels == k
            if np.any(mine):
                centers[k] = np.sum(importance[mine] * weights[mine]) / np.sum(importance[mine])
    return centers


def loop_over_weights(weights: np.ndarray, importance: np.ndarray, num_clusters: int) -> np.ndarray:
    """The same with a Python loop over the weights."""
    centers = np.quantile(weights, (np.arange(num_clusters) + 0.5) / num_clusters)
    for _ in range(PASSES):
        moments, masses = np.zeros(num_clusters), np.zeros(num_clusters)
        for w, h in zip(weights, importance, strict=True):
            k = np.argmin(np.abs(w - centers))
            moments[k] += h * w
            masses[k] += h
        centers = np.where(masses > 0, moments / np.where(masses > 0, masses, 1.0), centers)
    return centers


def on_a_part(
    run: Callable[[np.ndarray, np.ndarray, int], np.ndarray],
    weights: np.ndarray,
    importance: np.ndarray,
    num_clusters: int,
    seconds_each: float,
) -> tuple[float, bool]:
    """Seconds on all weights, or scaled up from as many as fit a minute (``seconds_each`` a distance)."""
    affordable = max(int(MINUTE / 3 / (seconds_each * num_clusters * PASSES)), 10 * num_clusters)
    part = min(weights.size, affordable)
    measured = fastest({"part": lambda: run(weights[:part], importance[:part], num_clusters)}, 1)
    seconds, _ = measured["part"]
    return seconds * weights.size / part, part < weights.size


def scalar_rows(num_weights: int, num_clusters: int) -> list[Row]:
    """Weighted scalar K-means by every method there is."""
    rng = np.random.default_rng(0)
    weights, importance = rng.normal(size=num_weights), rng.exponential(size=num_weights)
    rows = []

    def add(method: str, seconds: float, centers: np.ndarray | None, extrapolated: bool = False) -> None:
        objective = np.nan if centers is None else weighted_objective(weights, importance, centers)
        rows.append(Row("scalar lloyd", method, num_weights, num_clusters, seconds, objective, extrapolated))

    runs: dict[str, Callable[[], np.ndarray]] = {
        f"ratedist ({init})": functools.partial(our_centers, weights, num_clusters, importance, init)
        for init in ("coarse_optimum", "quantile", "kmeans++")
    }
    if flash := _optional("flash1dkmeans"):
        common = {"sample_weights": importance, "random_state": 0}
        flash.kmeans_1d(
            weights[:1000], num_clusters, **{**common, "sample_weights": importance[:1000]}
        )  # compiles
        runs["flash1dkmeans"] = lambda: flash.kmeans_1d(weights, num_clusters, **common)[0]
    if (cluster := _optional("sklearn.cluster")) and num_weights * num_clusters <= 20_000_000:
        model = cluster.KMeans(num_clusters, n_init=1, random_state=0)
        runs["scikit-learn"] = lambda: model.fit(weights[:, None], sample_weight=importance).cluster_centers_
    for method, (seconds, centers) in fastest(runs, REPEATS).items():
        add(method, seconds, centers)
    add("thirty NumPy passes", *_with_time(thirty_passes, weights, importance, num_clusters, 1.5e-8))
    add("thirty loops over weights", *_with_time(loop_over_weights, weights, importance, num_clusters, 1e-6))
    return rows


def our_centers(weights: np.ndarray, num_clusters: int, importance: np.ndarray, init: str) -> np.ndarray:
    """Centres from one start."""
    return kmeans(weights, num_clusters, importance, method=Lloyd(init=init), key=0).centers


def _with_time(
    run: Callable[[np.ndarray, np.ndarray, int], np.ndarray],
    weights: np.ndarray,
    importance: np.ndarray,
    num_clusters: int,
    seconds_each: float,
) -> tuple[float, None, bool]:
    seconds, extrapolated = on_a_part(run, weights, importance, num_clusters, seconds_each)
    return seconds, None, extrapolated


def optimal_rows(num_weights: int, num_clusters: int) -> list[Row]:
    """The exact optimum, weighted, and all K at once."""
    rng = np.random.default_rng(0)
    weights, importance = rng.normal(size=num_weights), rng.exponential(size=num_weights)
    runs: dict[str, Callable[[], float]] = {
        "ratedist": lambda: kmeans(weights, num_clusters, importance, method="optimal").objective,
        "ratedist, every K": lambda: optimal_scalar_path(weights, num_clusters, importance)[-1].objective,
    }
    if ckwrap := _optional("ckwrap"):
        runs["ckwrap"] = lambda: weighted_objective(
            weights, importance, ckwrap.ckmeans(weights, num_clusters, importance).centers
        )
    return [
        Row("scalar optimal", method, num_weights, num_clusters, seconds, objective)
        for method, (seconds, objective) in fastest(runs, 3).items()
    ]


def vector_rows(num_blocks: int, num_clusters: int, block_length: int, weighted: bool) -> list[Row]:
    """Vector K-means from the same start, the same number of iterations.

    Weighted means an importance for every weight here, one for every block with scikit-learn, which knows no
    other: the objectives do not compare. The first call in a process compiles, which has a line of its own.
    """
    rng = np.random.default_rng(0)
    blocks = rng.normal(size=(num_blocks, block_length))
    importance = rng.exponential(size=blocks.shape) if weighted else None
    by_block = None if importance is None else importance.mean(axis=1)
    start, iterations = blocks[:num_clusters], 20
    runs: dict[str, Callable[[], float]] = {
        "ratedist": lambda: (
            kmeans(
                blocks.ravel(),
                num_clusters,
                None if importance is None else importance.ravel(),
                method=Lloyd(init=start, max_iterations=iterations),
                block_length=block_length,
            ).objective
        )
    }
    if cluster := _optional("sklearn.cluster"):
        model = cluster.KMeans(num_clusters, init=start, n_init=1, max_iter=iterations, tol=0.0)
        runs["scikit-learn"] = lambda: model.fit(blocks, sample_weight=by_block).inertia_
    task = f"vector, m = {block_length}" + (", h" if weighted else "")
    first = fastest({"ratedist, first call": runs["ratedist"]}, 1)
    return [
        Row(task, method, num_blocks, num_clusters, seconds, np.nan if weighted else objective)
        for method, (seconds, objective) in (fastest(runs, REPEATS) | first).items()
    ]


def _optional(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _versions() -> list[tuple[str, str]]:
    names = ("scikit-learn", "flash1dkmeans", "ckwrap")
    installed = {distribution.name for distribution in importlib.metadata.distributions()}
    return [(name, importlib.metadata.version(name)) for name in names if name in installed]


def show(rows: list[Row]) -> None:
    """Print rows that compare like with like; the first is the reference."""
    reference = rows[0]
    for row in rows:
        mark = "extrapolated" if row.extrapolated else ""
        objective = "" if np.isnan(row.objective) else f"{row.objective / reference.objective:10.6f}"
        print(
            f"{row.task:18s} {row.num_weights:9d} {row.num_clusters:4d} {row.method:26s}"
            f"{row.seconds:12.4f} s {row.seconds / reference.seconds:9.2f}x {objective:10s} {mark}",
            flush=True,
        )


def main() -> None:
    """Run everything and print it, one line a measurement."""
    parser = argparse.ArgumentParser(description="Time K-means against its alternatives.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10**5, 10**6, 10**7])
    parser.add_argument("--clusters", type=int, nargs="+", default=[4, 16, 256])
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    print("numpy " + np.__version__, *(f"{name} {version}" for name, version in _versions()), sep=", ")
    print(
        "task               weights    K  method                         seconds     times  objective",
        flush=True,
    )
    everything: list[Row] = []

    def measured(rows: list[Row]) -> None:
        show(rows)
        everything.extend(rows)

    for num_weights in arguments.sizes:
        for num_clusters in arguments.clusters:
            measured(scalar_rows(num_weights, num_clusters))
    for num_weights in (size for size in arguments.sizes if size <= 10**6):
        for num_clusters in (k for k in arguments.clusters if k <= 16):
            measured(optimal_rows(num_weights, num_clusters))
    for num_weights in (size for size in arguments.sizes if size <= 10**6):
        for num_clusters in arguments.clusters:
            for weighted in (False, True):
                measured(vector_rows(num_weights, num_clusters, 2, weighted))
    ours = [
        row for row in everything if row.task == "scalar lloyd" and row.method == "ratedist (coarse_optimum)"
    ]
    for num_clusters in arguments.clusters:
        curve = [
            f"{row.num_weights:.0e}: {row.seconds:.4f} s" for row in ours if row.num_clusters == num_clusters
        ]
        print(f"scaling in N, K = {num_clusters}: " + ", ".join(curve))
    if arguments.json:
        arguments.json.write_text(json.dumps([row._asdict() for row in everything], indent=1))


if __name__ == "__main__":
    main()
