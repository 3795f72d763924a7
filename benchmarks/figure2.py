"""Figure 2's cost: against the script a user would write, and against n, d and the number of trials.

    python benchmarks/figure2.py [--quick]

Everything is timed in one run and compared as a ratio; compilation is timed apart. The script draws X and Y
with NumPy, solves the normal equations and runs scikit-learn's KMeans (n_init=1) for K = 1…16; ours estimates
the same quantities for ERM and optimal K-means, K = 1…16, with the Rao-Blackwell sampler and from data sets.
"""

from __future__ import annotations

import argparse
import resource
import time
import warnings

import jax

jax.config.update("jax_enable_x64", True)

import numpy as np
from sklearn.cluster import KMeans as ScikitKMeans

import ratedist as rd

MAX_CLUSTERS = 16


def script_of_a_user(num_trials: int, model: rd.GaussianLinearModel) -> np.ndarray:
    """Mean population risk, distortion and empirical risk per K, shape ``(3, K_max)``."""
    rng = np.random.default_rng(0)
    totals = np.zeros((3, MAX_CLUSTERS))
    for _ in range(num_trials):
        X = rng.normal(size=(model.n, model.d))
        Y = X @ model.w_star + rng.normal(size=model.n)
        W = np.linalg.solve(X.T @ X, X.T @ Y)
        for K in range(1, MAX_CLUSTERS + 1):
            kmeans = ScikitKMeans(K, n_init=1)  # pyright: ignore[reportArgumentType]
            kmeans.fit(W[:, None])
            W_hat = kmeans.cluster_centers_[kmeans.labels_, 0]
            empirical = np.mean((Y - X @ W_hat) ** 2)
            totals[0, K - 1] += 1 + np.sum((W_hat - model.w_star) ** 2)
            totals[1, K - 1] += empirical - np.mean((Y - X @ W) ** 2)
            totals[2, K - 1] += empirical
    return totals / num_trials


def compressors(max_clusters: int = MAX_CLUSTERS) -> dict:
    return {"erm": rd.ERM()} | {f"{K}": rd.KMeans(K) for K in range(1, max_clusters + 1)}


def timed(function, *arguments, **options) -> float:
    start = time.perf_counter()
    function(*arguments, **options)
    return time.perf_counter() - start


def first_and_second(model, kinds, num_trials, sampler="auto") -> tuple[float, float]:
    """Seconds of the first call, with compilation, and of the second with another key."""
    first = timed(rd.simulate, model, kinds, num_trials, jax.random.key(0), sampler)
    return first, timed(rd.simulate, model, kinds, num_trials, jax.random.key(1), sampler)


def peak_gigabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description="Figure 2's cost")
    parser.add_argument("--quick", action="store_true", help="a tenth of the trials, and d up to 10,000")
    quick = parser.parse_args().quick
    warnings.filterwarnings("ignore", module="sklearn")
    model = rd.GaussianLinearModel(80, rd.two_level_weights(50))
    trials = 1_000 if quick else 10_000

    print("d = 50, n = 80, ERM and K-means for K = 1…16, microseconds a trial")
    theirs = timed(script_of_a_user, 10 if quick else 50, model) / (10 if quick else 50)
    print(f"  NumPy and scikit-learn            {theirs * 1e6:12.0f}")
    for sampler in ("erm", "statistics", "dataset"):
        first, second = first_and_second(model, compressors(), trials, sampler)
        print(
            f"  ratedist, sampler {sampler:10s}      {second / trials * 1e6:12.1f}"
            f"   {theirs / (second / trials):8.0f} times faster; compilation {first - second:.1f} s"
        )

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
        seconds = timed(rd.simulate, model, compressors(), count, jax.random.key(2))
        print(
            f"  {count:9,d}   {seconds / count * 1e6:10.1f}   (peak memory so far {peak_gigabytes():.2f} GiB)"
        )


if __name__ == "__main__":
    main()
