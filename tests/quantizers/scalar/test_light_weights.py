"""Lloyd's method where importances are decades apart, and weights between which there is no number."""

from fractions import Fraction
from itertools import combinations, pairwise

import numpy as np
import pytest

from ratedist.quantizers import Lloyd, kmeans, optimal_scalar_path

METHODS = ["optimal", "lloyd", *(Lloyd(init=name) for name in ("linear", "quantile", "random", "kmeans++"))]


def least_cost(weights, importance, num_clusters):
    """Over all runs of the weights, which ascend, in fractions."""
    best = None
    for cuts in combinations(range(1, len(weights)), num_clusters - 1):
        cost = Fraction(0)
        for i, j in pairwise((0, *cuts, len(weights))):
            w, h = ([Fraction(x) for x in side[i:j]] for side in (weights, importance))
            mean = sum(a * b for a, b in zip(w, h, strict=True)) / sum(h)
            cost += sum(b * (a - mean) ** 2 for a, b in zip(w, h, strict=True))
        best = cost if best is None else min(best, cost)
    return float(best)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("num_clusters", [2, 3, 4, 5])
@pytest.mark.parametrize(
    "importance", [[1, 1e-17, 1e-17, 1e-18, 1e-17], [1e-20, 1, 1e-25, 1, 1e-30], [1e-300, 1, 1e-200, 1e9, 1]]
)
def test_light_weights_are_clustered_too(importance, num_clusters, method) -> None:
    weights = [0.0, 1.0, 2.0, 10.0, 30.0]
    heavy = sum(h > 2**-52 * sum(importance) for h in importance)
    if num_clusters < heavy and method != "optimal":
        pytest.skip("a local minimum of the heavy weights")
    found = kmeans(weights, num_clusters, importance, method=method, key=0)
    assert np.unique(found.labels).size == num_clusters
    assert found.objective == pytest.approx(least_cost(weights, importance, num_clusters), rel=1e-12, abs=0)


@pytest.mark.parametrize("method", METHODS)
def test_a_centre_for_each_weight_is_that_weight(method) -> None:
    """Also beside others so far that the distance from the middle has lost it."""
    weights = np.array([-1e-20, 1e-20, 2e-20, 1.0, 2.0, 3e10])
    found = kmeans(weights, 6, method=method, key=0)
    np.testing.assert_array_equal(found.reconstruction, weights)
    assert found.objective == 0


@pytest.mark.parametrize("method", METHODS)
def test_neighbouring_numbers_are_two_clusters(method) -> None:
    """Halfway between them there is no number, and rounding to even may give the upper one."""
    weights = [1.0]
    for _ in range(5):
        weights.append(np.nextafter(weights[-1], 2))
    for pair in pairwise(weights):
        for found in (kmeans(pair, 2, method=method, key=0), optimal_scalar_path(pair, 2)[1]):
            np.testing.assert_array_equal(found.labels, [0, 1])
    np.testing.assert_array_equal(kmeans(weights, 6, method=method, key=0).labels, np.arange(6))
