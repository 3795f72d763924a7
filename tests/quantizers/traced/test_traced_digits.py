"""The traced optimum keeps its digits in either precision: against a dynamic programme in fractions."""

from fractions import Fraction

import jax
import numpy as np
import pytest

from ratedist.quantizers import kmeans
from ratedist.quantizers.traced.assignment import nearest_labels
from ratedist.quantizers.traced.optimal import optimal_path
from tests.quantizers.traced.problems import KINDS, beside_a_far_one, problem

D = 14
PATH = jax.jit(jax.vmap(lambda w, h: optimal_path(w, D, h)))


def scatter(weights, importance):
    mass = sum(importance)
    mean = sum(h * w for w, h in zip(weights, importance, strict=True)) / mass
    return sum(h * (w - mean) ** 2 for w, h in zip(weights, importance, strict=True))


def least_costs(weights, importance):
    """Least cost in at most K = 1 … d runs, exactly."""
    pairs = sorted(zip(map(Fraction, weights.tolist()), map(Fraction, importance.tolist()), strict=True))
    # Sums of h, hw and hw² up to each weight: what is lost in floats is not in fractions.
    sums = [(Fraction(0),) * 3]
    for w, h in pairs:
        sums.append(tuple(s + h * w**power for power, s in enumerate(sums[-1])))

    def cost_of(i, j):
        mass, first, second = (b - a for a, b in zip(sums[i], sums[j], strict=True))
        return second - first * first / mass

    cost = {(i, j): cost_of(i, j) for j in range(1, D + 1) for i in range(j)}
    layer = [Fraction(0)] + [cost[0, j] for j in range(1, D + 1)]
    costs = []
    for _ in range(D):
        costs.append(layer[D])
        layer = [Fraction(0)] + [min(layer[i] + cost[i, j] for i in range(j)) for j in range(1, D + 1)]
    return costs


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_partitions_are_optimal_and_none_is_empty(kind, dtype) -> None:
    weights, importance = problem(kind, dtype, D)
    found = PATH(weights, importance)
    labels, reconstruction = np.asarray(found.labels), np.asarray(found.reconstruction)
    assert found.centers.dtype == reconstruction.dtype == dtype
    for trial in range(0, len(weights), 3):
        w, h, rows, values = (one[trial] for one in (weights, importance, labels, reconstruction))
        distinct = np.unique(w).size
        np.testing.assert_array_equal(values[-1], w)
        for K, (row, least) in enumerate(zip(rows, least_costs(w, h), strict=True), 1):
            used = np.unique(row)
            assert used.size == min(K, distinct)
            exact = [[list(map(Fraction, x[row == k].tolist())) for x in (w, h)] for k in used]
            total = sum(scatter(*own) for own in exact)
            assert least <= total <= least * (1 + 20 * D * Fraction(float(np.finfo(dtype).eps)))


def test_a_weight_far_from_all_others_costs_the_rest_no_digits_in_single_precision() -> None:
    w, h, _ = beside_a_far_one(D)
    for one, own, values in zip(w, h, np.asarray(PATH(w, h).reconstruction[:, 4], np.float64), strict=True):
        exactly, importance = one.astype(np.float64), own.astype(np.float64)
        objective = np.sum(importance * (exactly - values) ** 2)
        least = kmeans(exactly, 5, importance, method="optimal").objective
        assert least * (1 - 1e-6) <= objective <= least * (1 + 1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_neighbouring_numbers_are_two_clusters(dtype) -> None:
    """Halfway between them there is no number, and rounding to even may give the upper one."""
    start = np.array(1.0, dtype)
    for _ in range(4):
        pair = np.array([start, np.nextafter(start, dtype(2))])
        np.testing.assert_array_equal(nearest_labels(pair, pair), [0, 1])
        start = pair[1]
