"""K-means of scalars without a penalty."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist.quantizers import (
    Lloyd,
    Optimal,
    kmeans,
    optimal_scalar_path,
    quantization_objective,
)
from ratedist.quantizers.methods import (
    INITIALIZATIONS,
    RANDOM_INITIALIZATIONS,
)
from ratedist.quantizers.scalar.lloyd import lloyd_centers
from ratedist.quantizers.scalar.statistics import sorted_statistics
from tests.quantizers.brute_force import (
    best_assignment,
    best_partition,
    partition_cost,
)


@st.composite
def problems(draw, max_size=40):
    """Weights with ties, importances with zeros."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    size = draw(st.integers(1, max_size))
    weights = rng.normal(size=size) * draw(st.sampled_from([1e-3, 1.0, 1e3])) + draw(
        st.sampled_from([0.0, 50.0])
    )
    if draw(st.booleans()):
        weights = np.round(weights, 1)
    importance = rng.exponential(size=size) * (rng.random(size) < draw(st.sampled_from([0.5, 1.0])))
    importance[rng.integers(size)] = 1.0
    return weights, importance, draw(st.integers(1, size))


def spread(weights, importance):
    return partition_cost(weights, importance, np.zeros(weights.size, dtype=int), 1)


@pytest.mark.parametrize("seed", range(12))
def test_optimal_equals_enumeration_of_all_assignments(seed):
    rng = np.random.default_rng(seed)
    size, num_clusters = [(9, 2), (8, 3), (7, 4), (6, 4)][seed % 4]
    weights, importance = rng.normal(size=size), rng.exponential(size=size)
    if seed % 3 == 0:
        weights = np.round(weights)
    result = kmeans(weights, num_clusters, importance, method="optimal")
    least = best_assignment(weights, importance, num_clusters)
    assert result.objective == pytest.approx(least, rel=1e-12, abs=1e-14)
    assert best_partition(weights, importance, num_clusters) == pytest.approx(least, rel=1e-12, abs=1e-14)


@settings(max_examples=settings().max_examples // 2)
@given(problems(max_size=14), st.integers(1, 5))
def test_optimal_path_equals_enumeration_of_runs(problem, max_clusters):
    weights, importance, _ = problem
    path = optimal_scalar_path(weights, min(max_clusters, weights.size), importance)
    for num_clusters, result in enumerate(path, 1):
        assert result.centers.size == num_clusters
        least = best_partition(weights, importance, num_clusters)
        tolerance = 1e-11 * spread(weights, importance) + 1e-24 * np.max(np.abs(weights)) ** 2
        assert result.objective == pytest.approx(least, rel=1e-9, abs=tolerance)
        alone = kmeans(weights, num_clusters, importance, method="optimal")
        np.testing.assert_array_equal(alone.reconstruction, result.reconstruction)


@settings(max_examples=settings().max_examples // 2)
@given(problems(), st.sampled_from(["optimal", *INITIALIZATIONS]))
def test_what_every_result_satisfies(problem, how):
    weights, importance, num_clusters = problem
    method = how if how == "optimal" else Lloyd(how, num_starts=2 if how in RANDOM_INITIALIZATIONS else 1)
    result = kmeans(weights, num_clusters, importance, method=method, key=1)
    assert result.centers.shape == (num_clusters,)
    assert np.all(np.diff(result.centers) >= 0)
    np.testing.assert_array_equal(result.reconstruction, result.centers[result.labels])
    assert result.counts.sum() == weights.size
    nearest = np.min(np.abs(weights[:, None] - result.centers), axis=1)
    scale = np.max(np.abs(weights))
    np.testing.assert_allclose(np.abs(weights - result.reconstruction), nearest, atol=1e-13 * scale)
    assert result.objective == quantization_objective(weights, result.reconstruction, importance)
    optimal = kmeans(weights, num_clusters, importance, method="optimal")
    tolerance = 1e-11 * spread(weights, importance) + 1e-24 * scale**2
    assert result.objective >= optimal.lower_bound - tolerance
    if result.converged:
        own = partition_cost(weights, importance, result.labels, num_clusters)
        assert result.objective == pytest.approx(
            own, rel=1e-9, abs=tolerance + 1e-24 * scale**2 * weights.size
        )


@settings(max_examples=settings().max_examples // 2)
@given(problems(), st.sampled_from(INITIALIZATIONS))
def test_lloyd_never_ascends(problem, init):
    weights, importance, num_clusters = problem
    objectives = [
        kmeans(
            weights, num_clusters, importance, method=Lloyd(init=init, max_iterations=steps), key=3
        ).objective
        for steps in (1, 2, 3, 4, 7)
    ]
    slack = 1e-12 * spread(weights, importance) + 1e-26 * np.max(np.abs(weights)) ** 2
    assert np.all(np.diff(objectives) <= slack)


@settings(max_examples=settings().max_examples // 2)
@given(problems())
def test_optimal_objective_decreases_in_the_number_of_clusters(problem):
    weights, importance, num_clusters = problem
    objectives = [result.objective for result in optimal_scalar_path(weights, num_clusters, importance)]
    assert np.all(np.diff(objectives) <= 1e-12 * spread(weights, importance))


@settings(max_examples=settings().max_examples // 2)
@given(
    problems(), st.sampled_from(["optimal", "lloyd"]), st.sampled_from([-3.0, 0.25, 1e4]), st.floats(-5, 5)
)
def test_scale_and_shift_equivariance(problem, method, scale, shift):
    weights, importance, num_clusters = problem
    result = kmeans(weights, num_clusters, importance, method=method)
    moved = kmeans(scale * weights + shift, num_clusters, 7.0 * importance, method=method)
    if method == "lloyd" and scale < 0:
        return  # the quantile start sits on one side of ties
    tolerance = 1e-9 * scale**2 * spread(weights, importance) + 1e-20 * (scale * np.max(np.abs(weights))) ** 2
    assert moved.objective / 7.0 == pytest.approx(scale**2 * result.objective, rel=1e-9, abs=tolerance)


@pytest.mark.parametrize("size", [40, 300, 1500])
def test_divide_and_conquer_equals_the_dense_minimum(size, monkeypatch):
    rng = np.random.default_rng(size)
    weights, importance = rng.laplace(size=size), rng.exponential(size=size) ** 3
    objectives = []
    for dense_size in (0, 300):
        monkeypatch.setattr("ratedist.quantizers.scalar.statistics.DENSE_SIZE", dense_size)
        monkeypatch.setattr(
            "ratedist.quantizers.scalar.dynamic_programming.CHUNK", 64 if dense_size else 1 << 15
        )
        objectives.append([result.objective for result in optimal_scalar_path(weights, 12, importance)])
    np.testing.assert_allclose(objectives[0], objectives[1], rtol=1e-11)
    for num_clusters in (2, 5, 12):
        local = kmeans(weights, num_clusters, importance, method=Lloyd(init="kmeans++", num_starts=20), key=0)
        assert objectives[0][num_clusters - 1] <= local.objective * (1 + 1e-12)


def test_order_of_the_weights_does_not_matter():
    rng = np.random.default_rng(0)
    weights, importance, order = rng.normal(size=500), rng.exponential(size=500), rng.permutation(500)
    for method in ("lloyd", "optimal"):
        straight = kmeans(weights, 7, importance, method=method)
        shuffled = kmeans(weights[order], 7, importance[order], method=method)
        np.testing.assert_allclose(shuffled.centers, straight.centers, rtol=1e-12)
        np.testing.assert_array_equal(shuffled.labels, straight.labels[order])


def test_integer_importance_counts_copies():
    rng = np.random.default_rng(1)
    weights, copies = rng.normal(size=60), rng.integers(0, 5, 60)
    for method in ("lloyd", "optimal"):
        weighted = kmeans(weights, 5, copies, method=method)
        repeated = kmeans(np.repeat(weights, copies), 5, method=method)
        np.testing.assert_allclose(weighted.centers, repeated.centers, rtol=1e-12)
        assert weighted.objective == pytest.approx(repeated.objective, rel=1e-12)


def test_zero_importance_goes_to_the_nearest_centre_and_costs_nothing():
    weights = np.array([-1.0, -1.1, 1.0, 1.1, 0.1, -0.1, 40.0])
    importance = np.array([1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    for method in ("lloyd", "optimal"):
        result = kmeans(weights, 2, importance, method=method)
        np.testing.assert_allclose(result.centers, [-1.05, 1.05])
        np.testing.assert_array_equal(result.labels, [0, 0, 1, 1, 1, 0, 1])
        assert result.objective == pytest.approx(4 * 0.05**2)


@pytest.mark.parametrize(
    "method", ["optimal", *(Lloyd(init) for init in ("quantile", "kmeans++", "random", "linear"))], ids=str
)
def test_more_clusters_than_distinct_weights(method):
    weights = np.array([2.0, 2.0, -1.0, 0.5, 2.0, -1.0])
    for num_clusters in (3, 4, 6):
        result = kmeans(weights, num_clusters, method=method, key=0)
        assert result.centers.size == num_clusters
        np.testing.assert_allclose(result.reconstruction, weights, rtol=1e-15)
        assert result.objective < 1e-30


def test_constant_weights():
    result = kmeans(np.full(5, 0.1), 3, method="optimal")
    np.testing.assert_allclose(result.reconstruction, 0.1, rtol=1e-15)
    assert result.converged


def test_far_from_zero_nothing_cancels():
    rng = np.random.default_rng(2)
    weights = rng.normal(size=1000)
    near, far = kmeans(weights, 8, method="optimal"), kmeans(weights + 2.0**27, 8, method="optimal")
    assert far.objective == pytest.approx(near.objective, rel=1e-6)


def test_optimal_is_never_above_many_starts_of_lloyd_and_sometimes_below_one():
    rng = np.random.default_rng(3)
    weights, importance = rng.laplace(size=3000), rng.exponential(size=3000)
    optimal = kmeans(weights, 12, importance, method="optimal").objective
    one = kmeans(weights, 12, importance, method=Lloyd(init="random"), key=0).objective
    many = kmeans(weights, 12, importance, method=Lloyd(init="kmeans++", num_starts=50), key=0).objective
    assert optimal <= many * (1 + 1e-12)
    assert many < one
    assert many < 1.01 * optimal


def test_statistics_edges_and_means_agree_with_plain_loops():
    rng = np.random.default_rng(4)
    weights, importance = np.round(rng.normal(size=200), 1), rng.exponential(size=200)
    statistics = sorted_statistics(weights, importance)
    centers, converged, _ = lloyd_centers(statistics, np.array([-2.0, -0.1, 0.2, 2.5]), 1)
    labels = np.argmin(np.abs(weights[:, None] - statistics.shift - [-2.0, -0.1, 0.2, 2.5]), axis=1)
    for k in range(4):
        expected = np.average(weights[labels == k], weights=importance[labels == k])
        assert centers[k] + statistics.shift == pytest.approx(expected, rel=1e-12)
    assert not converged


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"weights": []}, "weights must have shape"),
        ({"weights": [[1.0, 2.0]]}, "weights must have shape"),
        ({"weights": 3.0}, "weights must have shape"),
        ({"weights": [1.0, np.nan]}, "weights must be finite"),
        ({"num_clusters": 0}, "num_clusters must be at least 1"),
        ({"num_clusters": 4}, "num_clusters must be at most"),
        ({"num_clusters": 2.0}, "num_clusters must be an integer"),
        ({"importance": [1.0, 2.0]}, "importance must have the shape"),
        ({"importance": [1.0, -2.0, 1.0]}, "importance must be at least 0"),
        ({"importance": [0.0, 0.0, 0.0]}, "importance must be positive"),
        ({"importance": [1.0, np.inf, 1.0]}, "importance must be finite"),
        ({"method": "best"}, "method must be one of"),
        ({"method": Lloyd}, r"method must be a record such as rd.Lloyd\(\), got the class itself"),
        ({"method": 3}, "or one of the names lloyd, optimal, algorithm1; got 3"),
        ({"method": Lloyd([1.0])}, "init must have shape"),
        ({"method": Lloyd("random")}, "needs a key"),
        ({"method": Lloyd("random"), "key": "secret"}, "key must be"),
        ({"method": Lloyd("kmeans++"), "key": -1}, "key must be"),
        ({"method": Lloyd(num_starts=2)}, "num_starts is for random initialisations"),
        ({"method": Optimal(tolerance=0.1)}, "tolerance and time_budget of Optimal are for"),
        ({"method": Optimal(time_budget=0.1)}, "tolerance and time_budget of Optimal are for"),
    ],
)
def test_bad_input(arguments, match):
    with pytest.raises(ValueError, match=match):
        kmeans(**{"weights": [1.0, 2.0, 4.0], "num_clusters": 2, **arguments})
