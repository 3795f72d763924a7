"""Time scalar and vector K-means against what a user would otherwise take, in one run.

    python benchmarks/kmeans.py [--sizes 100000 1000000 10000000] [--clusters 4 16 256] [--json FILE]

Compares with scikit-learn, flash1dkmeans (Lloyd on sorted weights), ckwrap (the exact dynamic programme)
where they are installed, and with thirty passes over all weights in NumPy, as the code released with the
Entropy 2021 article does them. What would take longer than a minute is timed on a part of the weights and
marked as extrapolated."""

from __future__ import annotations

import argparse
import importlib
import json
import pathlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ratedist.quantizers import kmeans, optimal_scalar_path

MINUTE = 60.0
PASSES = 30


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


def fastest(run: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Least time of a few runs, and the last result."""
    seconds, result = np.inf, None
    for _ in range(repeats):
        start = time.perf_counter()
        result = run()
        seconds = min(seconds, time.perf_counter() - start)
        if seconds > 10:
            break
    return seconds, result


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
    seconds, _ = fastest(lambda: run(weights[:part], importance[:part], num_clusters), 1)
    return seconds * weights.size / part, part < weights.size


def scalar_rows(num_weights: int, num_clusters: int) -> list[Row]:
    """Weighted scalar K-means by every method there is."""
    rng = np.random.default_rng(0)
    weights, importance = rng.normal(size=num_weights), rng.exponential(size=num_weights)
    task, repeats = "scalar lloyd", 3
    rows = []

    def add(method: str, seconds: float, centers: np.ndarray | None, extrapolated: bool = False) -> None:
        objective = np.nan if centers is None else weighted_objective(weights, importance, centers)
        rows.append(Row(task, method, num_weights, num_clusters, seconds, objective, extrapolated))

    for init in ("high_rate", "quantile", "kmeans++"):
        seconds, ours = fastest(lambda: kmeans(weights, num_clusters, importance, init=init, key=0), repeats)  # noqa: B023
        add(f"ratedist ({init})", seconds, ours.centers)
    if flash := _optional("flash1dkmeans"):
        flash.kmeans_1d(
            weights[:1000], num_clusters, sample_weights=importance[:1000], random_state=0
        )  # compiles
        seconds, theirs = fastest(
            lambda: flash.kmeans_1d(weights, num_clusters, sample_weights=importance, random_state=0), repeats
        )
        add("flash1dkmeans", seconds, theirs[0])
    if cluster := _optional("sklearn.cluster"):
        model = cluster.KMeans(num_clusters, n_init=1, random_state=0)
        if num_weights * num_clusters <= 20_000_000:
            seconds, fitted = fastest(lambda: model.fit(weights[:, None], sample_weight=importance), 1)
            add("scikit-learn", seconds, fitted.cluster_centers_)
    add("thirty NumPy passes", *_with_time(thirty_passes, weights, importance, num_clusters, 1.5e-8))
    add("thirty loops over weights", *_with_time(loop_over_weights, weights, importance, num_clusters, 1e-6))
    return rows


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
    rows = []
    seconds, ours = fastest(lambda: kmeans(weights, num_clusters, importance, method="optimal"), 2)
    rows.append(Row("scalar optimal", "ratedist", num_weights, num_clusters, seconds, ours.objective))
    seconds, path = fastest(lambda: optimal_scalar_path(weights, num_clusters, importance), 1)
    rows.append(
        Row("scalar optimal", "ratedist, every K", num_weights, num_clusters, seconds, path[-1].objective)
    )
    if ckwrap := _optional("ckwrap"):
        seconds, theirs = fastest(lambda: ckwrap.ckmeans(weights, num_clusters, importance), 2)
        objective = weighted_objective(weights, importance, theirs.centers)
        rows.append(Row("scalar optimal", "ckwrap", num_weights, num_clusters, seconds, objective))
    return rows


def vector_rows(num_blocks: int, num_clusters: int, block_length: int) -> list[Row]:
    """Unweighted vector K-means from the same start, the same number of iterations."""
    rng = np.random.default_rng(0)
    blocks = rng.normal(size=(num_blocks, block_length))
    start, iterations = blocks[:num_clusters], 20
    rows, task = [], f"vector, m = {block_length}"
    seconds, ours = fastest(
        lambda: kmeans(
            blocks.ravel(), num_clusters, block_length=block_length, init=start, max_iterations=iterations
        ),
        2,
    )
    rows.append(Row(task, "ratedist", num_blocks, num_clusters, seconds, ours.objective))
    if cluster := _optional("sklearn.cluster"):
        model = cluster.KMeans(num_clusters, init=start, n_init=1, max_iter=iterations, tol=0.0)
        seconds, fitted = fastest(lambda: model.fit(blocks), 2)
        rows.append(Row(task, "scikit-learn", num_blocks, num_clusters, seconds, fitted.inertia_))
    return rows


def _optional(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def show(rows: list[Row]) -> None:
    """Print rows that compare like with like; the first is the reference."""
    reference = rows[0]
    for row in rows:
        mark = "extrapolated" if row.extrapolated else ""
        objective = "" if np.isnan(row.objective) else f"{row.objective / reference.objective:10.6f}"
        print(
            f"{row.task:16s} {row.num_weights:9d} {row.num_clusters:4d} {row.method:26s}"
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
    print(
        "task             weights    K  method                         seconds     times  objective",
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
            measured(vector_rows(num_weights, num_clusters, 2))
    ours = [row for row in everything if row.task == "scalar lloyd" and row.method == "ratedist (high_rate)"]
    for num_clusters in arguments.clusters:
        curve = [
            f"{row.num_weights:.0e}: {row.seconds:.4f} s" for row in ours if row.num_clusters == num_clusters
        ]
        print(f"scaling in N, K = {num_clusters}: " + ", ".join(curve))
    if arguments.json:
        arguments.json.write_text(json.dumps([row._asdict() for row in everything], indent=1))


if __name__ == "__main__":
    main()
