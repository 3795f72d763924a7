"""The traced optimum keeps its digits in either precision: against a dynamic programme in fractions."""

from fractions import Fraction

import jax
import numpy as np
import pytest

from ratedist.quantizers.traced.assignment import nearest_labels
from ratedist.quantizers.traced.diameter import optimal_under_diameter_penalty
from ratedist.quantizers.traced.optimal import optimal_path

D, TRIALS = 14, 6
PATH = jax.jit(jax.vmap(lambda w, h: optimal_path(w, D, h)))
PENALIZED = jax.jit(jax.vmap(lambda w, h, beta: optimal_under_diameter_penalty(w, 5, h, beta).reconstruction))


def problem(kind, dtype):
    rng = np.random.default_rng(3)
    weights, importance = rng.normal(size=(TRIALS, D)), np.ones((TRIALS, D))
    if kind == "near one":
        weights = 1 + 1e-4 * weights if dtype == np.float32 else 1 + 1e-13 * weights
    if kind == "mask":
        weights[:, 3] = -1e9
    if kind == "ties":
        weights = np.round(2 * weights)
    if kind in ("importances", "both"):
        importance = 10.0 ** rng.uniform(-12, 12, weights.shape)
    if kind == "both":
        weights = np.sign(weights) * 10.0 ** rng.uniform(-4, 4, weights.shape)
    if kind == "tiny":
        weights, importance = 1e-22 * weights, 1e-30 * importance
    if kind == "huge":
        weights, importance = 1e25 * weights, 1e30 * importance
    return weights.astype(dtype), importance.astype(dtype)


KINDS = ["plain", "near one", "mask", "ties", "importances", "both", "tiny", "huge"]


def scatter(weights, importance):
    mass = sum(importance)
    mean = sum(h * w for w, h in zip(weights, importance, strict=True)) / mass
    return sum(h * (w - mean) ** 2 for w, h in zip(weights, importance, strict=True))


def least_costs(weights, importance):
    """Least cost in at most K = 1 … d runs, exactly."""
    pairs = sorted(zip(map(Fraction, weights.tolist()), map(Fraction, importance.tolist()), strict=True))
    cost = {(i, j): scatter(*zip(*pairs[i:j], strict=True)) for j in range(1, D + 1) for i in range(j)}
    layer = [Fraction(0)] + [cost[0, j] for j in range(1, D + 1)]
    costs = []
    for _ in range(D):
        costs.append(layer[D])
        layer = [Fraction(0)] + [min(layer[i] + cost[i, j] for i in range(j)) for j in range(1, D + 1)]
    return costs


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_partitions_are_optimal_and_none_is_empty(kind, dtype) -> None:
    weights, importance = problem(kind, dtype)
    found = PATH(weights, importance)
    labels, reconstruction = np.asarray(found.labels), np.asarray(found.reconstruction)
    for w, h, rows, values in zip(weights, importance, labels, reconstruction, strict=True):
        distinct = np.unique(w).size
        np.testing.assert_array_equal(values[-1], w)
        for K, (row, least) in enumerate(zip(rows, least_costs(w, h), strict=True), 1):
            used = np.unique(row)
            assert used.size == min(K, distinct)
            exact = [[list(map(Fraction, x[row == k].tolist())) for x in (w, h)] for k in used]
            total = sum(scatter(*own) for own in exact)
            assert least <= total <= least * (1 + 20 * D * Fraction(float(np.finfo(dtype).eps)))


@pytest.mark.parametrize("kind", KINDS)
def test_under_the_penalty_single_precision_finds_what_double_does(kind) -> None:
    weights, importance = problem(kind, np.float32)
    # A penalty that matters beside the spread.
    beta = 0.1 * np.median(importance, axis=1) if kind != "mask" else np.full(TRIALS, 1e-20, np.float32)
    arguments = weights, importance, beta.astype(np.float32)
    in_double = [array.astype(np.float64) for array in arguments]
    single, double = PENALIZED(*arguments), PENALIZED(*in_double)
    w, h, b = in_double

    def objectives(values):
        return np.sum(h * (w - values) ** 2, axis=1) + b * np.ptp(values, axis=1) ** 2

    found, least = (objectives(np.asarray(x, np.float64)) for x in (single, double))
    # Centres are single-precision numbers.
    rounding = np.sum(h * (2e-7 * np.abs(w)) ** 2, axis=1) + b * np.max(np.abs(w), axis=1) ** 2 * 4e-14
    assert np.all(found <= least * (1 + 1e-4) + 4 * np.sqrt(least * rounding) + rounding)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_neighbouring_numbers_are_two_clusters(dtype) -> None:
    """Halfway between them there is no number, and rounding to even may give the upper one."""
    start = np.array(1.0, dtype)
    for _ in range(4):
        pair = np.array([start, np.nextafter(start, dtype(2))])
        np.testing.assert_array_equal(nearest_labels(pair, pair), [0, 1])
        start = pair[1]
