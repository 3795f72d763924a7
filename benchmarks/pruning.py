"""Pruning on the linear model: risk against what is kept, greedy removal against the best, and seconds.

    python benchmarks/pruning.py [TRIALS]

First, for three kinds of true weights (d = 50, n = 80, unit noise, inputs independent or AR(1) of 0.7): the
excess population risk of ERM and of each method at every number of kept weights, its least over them, and the
paired difference to ERM there in standard errors. Values are real numbers: what is seen is pruning alone.

Then the distortion of the surgeon's greedy order over that of the best set of k weights, by trying all sets,
d = 12, n = 24, the same inputs.

Last, CPU seconds of 10,000 trials for several compressors together, over those of optimal K-means at K = 2;
the sampler that shows the Hessian draws for all of them, and what it takes is in every number. See
docs/compressors.md §8."""

from __future__ import annotations

import itertools
import sys
import time

import jax
import numpy as np

import ratedist as rd
from ratedist.compressors import Compressor
from ratedist.linear_model.base import LinearModel
from ratedist.quantizers import optimal_brain_surgeon

D, N = 50, 80
KEPT = (0, 2, 5, 8, 10, 12, 15, 20, 25, 30, 35, 40, 45, 48)
METHODS = ("magnitude", "hessian", "surgeon")
WEIGHTS = {
    "two levels": rd.two_level_weights(D),
    "gaussian": rd.gaussian_weights(D, seed=0),
    "sparse": rd.sparse_weights(D, seed=0),
}
COVARIANCES = {"independent": None, "AR(1) 0.7": rd.ar1_covariance(D, 0.7)}


def risks(trials: int) -> None:
    """Excess population risk against kept weights."""
    compressors = {f"{method} {k}": rd.Pruned(k, method=method) for method in METHODS for k in KEPT}
    for (name, w_star), (inputs, covariance) in itertools.product(WEIGHTS.items(), COVARIANCES.items()):
        model = rd.GaussianLinearModel(N, w_star, covariance=covariance)
        found = rd.simulate(model, compressors | {"erm": rd.ERM()}, trials, jax.random.key(0), "statistics")
        erm = found["erm"].population_risk
        print(f"\n{name} weights, {inputs} inputs: excess risk of ERM {erm.mean - 1:.3f} ± {erm.sem:.3f}")
        print("kept".ljust(10), *(f"{k:6d}" for k in KEPT))
        for method in METHODS:
            excess = {k: found[f"{method} {k}"].population_risk.mean - 1 for k in KEPT}
            best = min(excess, key=lambda k, excess=excess: excess[k])
            difference = found.difference(f"{method} {best}", "erm").population_risk
            print(method.ljust(10), *(f"{one:6.3f}" for one in excess.values()))
            print(
                f"{'':10} least {excess[best]:.3f} at {best} kept: {difference.mean:+.3f} ± "
                f"{difference.sem:.3f} to ERM"
            )


def greedy(draws: int = 100, d: int = 12, n: int = 24) -> None:
    """How far the surgeon's order is from the best set."""
    rng = np.random.default_rng(0)
    for inputs, rho in (("independent", 0.0), ("AR(1) 0.7", 0.7), ("AR(1) 0.95", 0.95)):
        factor = np.linalg.cholesky(rd.ar1_covariance(d, rho))
        ratios: dict[int, list[float]] = {3: [], 6: [], 9: []}
        for _ in range(draws):
            X = rng.normal(size=(n, d)) @ factor.T
            H, w = X.T @ X / n, rng.normal(size=d)
            for k, kept_ratios in ratios.items():
                best = min(cost(w, H, kept) for kept in itertools.combinations(range(d), k))
                kept_ratios.append(optimal_brain_surgeon(w, k, H).distortion / best)
        for k, kept_ratios in ratios.items():
            values = np.array(kept_ratios)
            print(
                f"{inputs:12} {k} of {d} kept: greedy is the best set in {np.mean(values < 1 + 1e-9):4.0%}, "
                f"mean ratio {values.mean():.3f}, largest {values.max():.2f}"
            )


def cost(w: np.ndarray, H: np.ndarray, kept: tuple[int, ...]) -> float:
    """``(ŵ − W)ᵀH(ŵ − W)`` of the best weights on this set: WᵀHW less what the set explains."""
    product = H @ w
    own = list(kept)
    return float(w @ product - product[own] @ np.linalg.solve(H[np.ix_(own, own)], product[own]))


def seconds(trials: int = 10_000) -> None:
    """CPU time by kind of compressor."""
    model = rd.GaussianLinearModel(N, WEIGHTS["sparse"])
    kept = (5, 10, 20, 30, 40)
    several = rd.MultiOutputLinearModel(N, rd.planted_rank_weights(5, 10, 2, seed=0))
    ranks = (1, 2, 3, 4, 5)
    groups: dict[str, tuple[LinearModel, dict[str, Compressor]]] = {
        "K-means, K = 2": (model, {"2": rd.KMeans(2)}),
        "ridge": (model, {"1": rd.Ridge(1.0)}),
        **{
            f"pruned, {method}, 5 numbers kept": (model, {f"{k}": rd.Pruned(k, method=method) for k in kept})
            for method in METHODS
        },
        "by magnitude, on a grid": (
            model, {f"{k}": rd.Pruned(k, step=0.25, prior_scale=1.0) for k in kept}
        ),
        "by magnitude, two means": (
            model, {f"{k}": rd.Pruned(k, num_clusters=2, center_bits=16) for k in kept}
        ),
        "5 × 10 weights: K-means, K = 2": (several, {"2": rd.KMeans(2)}),
        "5 × 10 weights: low rank, 5 ranks": (several, {f"{r}": rd.LowRank(r, "information") for r in ranks}),
        "5 × 10 weights: the same, quantised": (
            several, {f"{r}": rd.QuantizedLowRank(r, "information", 0.1, 1.0) for r in ranks}
        ),
    }  # fmt: skip
    first = None
    for name, (one, compressors) in groups.items():
        rd.simulate(one, compressors, trials, jax.random.key(0), "statistics")
        start = time.process_time()
        rd.simulate(one, compressors, trials, jax.random.key(1), "statistics")
        taken = time.process_time() - start
        first = first or taken
        print(f"{name:38} {taken:6.2f} s, {taken / first:5.2f} times K-means", flush=True)


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    risks(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
    print()
    greedy()
    print()
    seconds()
