"""Figure 2's cost: against three other programmes, and against n, d and the number of trials.

    python benchmarks/figure2.py [--quick]

Everything is timed in one run and compared as a ratio; compilation is timed apart. A ratio belongs to its
machine, which is printed with the threads of each library. All estimate the same risks for K = 1…16:

* a script: X and Y drawn by NumPy, the normal equations solved, scikit-learn's KMeans (n_init=1) for each K;
* the same script with the exact K-means in one dimension of ckwrap or kmeans1d (extra ``peers``);
* a careful programme: the ERM weights drawn from their own law, and the exact dynamic programme for all K at
  once, vectorised over trials, in NumPy;
* ours: ERM and optimal K-means, with the Rao-Blackwell sampler, from statistics and from data sets.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import pathlib
import platform
import resource
import time
import warnings
from collections.abc import Callable

import jax

jax.config.update("jax_enable_x64", True)

import numpy as np
from sklearn.cluster import KMeans as ScikitKMeans
from threadpoolctl import threadpool_info, threadpool_limits

import ratedist as rd

MAX_CLUSTERS = 16


Quantizer = Callable[[np.ndarray, int], np.ndarray]


def by_scikit_learn(W: np.ndarray, K: int) -> np.ndarray:
    kmeans = ScikitKMeans(K, n_init=1)  # pyright: ignore[reportArgumentType]
    kmeans.fit(W[:, None])
    return kmeans.cluster_centers_[kmeans.labels_, 0]


def by_ckwrap(W: np.ndarray, K: int) -> np.ndarray:
    found = importlib.import_module("ckwrap").ckmeans(W, K)
    return found.centers[found.labels]


def by_kmeans1d(W: np.ndarray, K: int) -> np.ndarray:
    labels, centers = importlib.import_module("kmeans1d").cluster(W, K)
    return np.asarray(centers)[labels]


def script_of_a_user(num_trials: int, model: rd.GaussianLinearModel, quantizer: Quantizer) -> np.ndarray:
    """Mean population risk, distortion and empirical risk per K, shape ``(3, K_max)``."""
    rng = np.random.default_rng(0)
    totals = np.zeros((3, MAX_CLUSTERS))
    for _ in range(num_trials):
        X = rng.normal(size=(model.n, model.d))
        Y = X @ model.w_star + rng.normal(size=model.n)
        W = np.linalg.solve(X.T @ X, X.T @ Y)
        for K in range(1, MAX_CLUSTERS + 1):
            W_hat = quantizer(W, K)
            empirical = np.mean((Y - X @ W_hat) ** 2)
            totals[0, K - 1] += 1 + np.sum((W_hat - model.w_star) ** 2)
            totals[1, K - 1] += empirical - np.mean((Y - X @ W) ** 2)
            totals[2, K - 1] += empirical
    return totals / num_trials


def careful_programme(num_trials: int, model: rd.GaussianLinearModel, batch: int = 100) -> np.ndarray:
    """The same means, shape ``(3, K_max)``, without a data set and without a loop over trials.

    W is multivariate t, the distortion is averaged over the data given W (docs/derivations.md §2), and the
    dynamic programme over sorted weights serves all K. Arrays have the trials along their last axis.
    """
    rng = np.random.default_rng(0)
    n, d = model.n, model.d
    i, j = np.arange(d)[:, None], np.arange(1, d + 1)[None, :]
    length = np.where(j > i, j - i, np.inf)[..., None]
    totals = np.zeros((3, MAX_CLUSTERS))
    for _ in range(num_trials // batch):
        v = rng.normal(size=(d, batch)) / np.sqrt(rng.chisquare(n - d + 1, batch))
        W = model.w_star[:, None] + v
        order = np.argsort(W, axis=0)
        W, v = np.take_along_axis(W, order, 0), np.take_along_axis(v, order, 0)
        true = model.w_star[order]
        sums = np.concatenate([np.zeros((1, batch)), np.cumsum(W, axis=0)])
        squares = np.concatenate([np.zeros((1, batch)), np.cumsum(W**2, axis=0)])
        runs = sums[None, 1:] - sums[:-1, None]
        cost = squares[None, 1:] - squares[:-1, None] - runs**2 / length
        cost[length[..., 0] == np.inf] = np.inf
        best, starts = cost[0], [np.zeros((d, batch), int)]
        for _ in range(1, MAX_CLUSTERS):
            candidates = best[:-1, None] + cost[1:]
            start = np.argmin(candidates, axis=0)
            best = np.take_along_axis(candidates, start[None], 0)[0]
            starts.append(start + 1)
        for K in range(1, MAX_CLUSTERS + 1):
            W_hat = _reconstruction(sums, starts[:K])
            error = W_hat - W
            inner, norm = np.sum(v * error, axis=0), np.sum(v**2, axis=0)
            distortion = (n + 1) / n * (np.sum(error**2, axis=0) - inner**2 / (1 + norm))
            totals[0, K - 1] += np.sum(1 + np.sum((W_hat - true) ** 2, axis=0))
            totals[1, K - 1] += np.sum(distortion)
            totals[2, K - 1] += np.sum((n - d) / n + distortion)
    return totals / (num_trials // batch * batch)


def _reconstruction(sums: np.ndarray, starts: list[np.ndarray]) -> np.ndarray:
    """Each sorted weight's centre, going back through the first weights of the last run, the one before…"""
    d, batch = starts[0].shape
    trial, place = np.arange(batch), np.arange(d)[:, None]
    W_hat, end = np.empty((d, batch)), np.full(batch, d)
    for start in reversed(starts):
        first = start[end - 1, trial]
        center = (sums[end, trial] - sums[first, trial]) / (end - first)
        W_hat = np.where((place >= first) & (place < end), center, W_hat)
        end = first
    return W_hat


def compressors(max_clusters: int = MAX_CLUSTERS) -> dict:
    return {"erm": rd.ERM()} | {f"{K}": rd.KMeans(K) for K in range(1, max_clusters + 1)}


def timed(function, *arguments) -> float:
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def best_of_three(function, *arguments) -> float:
    """Other work on the machine makes a time longer, never shorter."""
    return min(timed(function, *arguments) for _ in range(3))


def first_and_second(model, kinds, num_trials, sampler="auto") -> tuple[float, float]:
    """Seconds of the first call, with compilation, and of the best of three more with another key."""
    first = timed(rd.simulate, model, kinds, num_trials, jax.random.key(0), sampler)
    return first, best_of_three(rd.simulate, model, kinds, num_trials, jax.random.key(1), sampler)


def machine() -> str:
    """Processor, cores that this process may use, and the threads of each library."""
    information = pathlib.Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    pools = {pool["internal_api"]: pool["num_threads"] for pool in threadpool_info()}
    threads = ", ".join(f"{name} {count}" for name, count in sorted(pools.items()))
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    processor = names[0] if names else platform.processor()
    return f"{processor}, {allowed} of {os.cpu_count()} cores; threads: {threads}, JAX one a core"


def peak_gigabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description="Figure 2's cost")
    parser.add_argument("--quick", action="store_true", help="a tenth of the trials, and d up to 10,000")
    quick = parser.parse_args().quick
    warnings.filterwarnings("ignore", module="sklearn")
    model = rd.GaussianLinearModel(80, rd.two_level_weights(50))
    trials = 1_000 if quick else 10_000

    print(machine())
    print("d = 50, n = 80, ERM and K-means for K = 1…16, microseconds a trial; how many times ours")
    few = 5 if quick else 20
    scripts = {"scikit-learn": (few, by_scikit_learn)}
    for name, quantizer in (("ckwrap", by_ckwrap), ("kmeans1d", by_kmeans1d)):
        if importlib.util.find_spec(name):
            scripts[name] = (20 * few, quantizer)
    others = {
        f"NumPy and {name}": best_of_three(script_of_a_user, count, model, quantizer) / count
        for name, (count, quantizer) in scripts.items()
    }
    with threadpool_limits(1):
        name = "NumPy and scikit-learn, one thread"
        others[name] = best_of_three(script_of_a_user, few, model, by_scikit_learn) / few
    others["careful NumPy, no data set"] = best_of_three(careful_programme, trials, model) / trials
    for name, seconds in others.items():
        print(f"  {name:34s}{seconds * 1e6:12.0f}")
    for sampler in ("erm", "statistics", "dataset"):
        first, second = first_and_second(model, compressors(), trials, sampler)
        ratios = ", ".join(f"{seconds / (second / trials):.1f}" for seconds in others.values())
        print(f"  ratedist, sampler {sampler:16s}{second / trials * 1e6:12.1f}   {ratios}; ", end="")
        print(f"compilation {first - second:.1f} s")

    print("cost against n (d = 50, sampler erm), microseconds a trial")
    for n in (80, 800, 8_000, 80_000, 800_000):
        larger = rd.GaussianLinearModel(n, rd.two_level_weights(50))
        rd.simulate(larger, compressors(), 300, jax.random.key(0))
        seconds = timed(rd.simulate, larger, compressors(), trials, jax.random.key(1))
        print(f"  n = {n:9,d}   {seconds / trials * 1e6:10.1f}")

    print("cost against d (n = 1.6 d; ERM, oracle, K-means K = 2), microseconds a trial and weight")
    kinds = {"erm": rd.ERM(), "oracle": rd.Oracle(alpha=0.5), "2": rd.KMeans(2)}
    for d in (50, 500, 5_000) if quick else (50, 500, 5_000, 50_000, 1_000_000):
        wide = rd.GaussianLinearModel(int(1.6 * d), rd.two_level_weights(d))
        count = max(5, 200_000 // d)
        first, second = first_and_second(wide, kinds, count)
        print(
            f"  d = {d:9,d}   {second / count / d * 1e6:10.4f}   ({second / count:.4f} s a trial, "
            f"first call {first - second:+.1f} s, peak memory so far {peak_gigabytes():.2f} GiB)"
        )

    print("cost against trials (d = 50, n = 80), microseconds a trial")
    for count in (1_000, 10_000) if quick else (1_000, 10_000, 100_000):
        # Of many trials the batches are longer, and compiled the first time.
        _, seconds = first_and_second(model, compressors(), count)
        print(
            f"  {count:9,d}   {seconds / count * 1e6:10.1f}   (peak memory so far {peak_gigabytes():.2f} GiB)"
        )


if __name__ == "__main__":
    main()
