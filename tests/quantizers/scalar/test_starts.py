"""Where descents of scalars start: what is drawn, from which key, and how good it is."""

import jax
import numpy as np

from ratedist.quantizers import (
    Lloyd,
    kmeans,
)
from ratedist.quantizers.scalar.coarse_optimum import PartCosts
from ratedist.quantizers.scalar.dense_table import DenseTable
from ratedist.quantizers.scalar.dynamic_programming import optimal_runs
from ratedist.quantizers.scalar.initialization import initial_centers
from ratedist.quantizers.scalar.statistics import sorted_statistics


def test_kmeans_plus_plus_draws_by_squared_distance():
    # Three weights; the second centre is drawn with probability h·D², enumerated here by hand.
    weights, importance = np.array([0.0, 1.0, 3.0]), np.array([1.0, 2.0, 1.0])
    expected = {(0.0, 1.0): 0.0, (0.0, 3.0): 0.0, (1.0, 3.0): 0.0}
    for first, probability in zip(weights, importance / 4, strict=True):
        mass = importance * (weights - first) ** 2
        for second, share in zip(weights, mass / mass.sum(), strict=True):
            if share > 0:
                expected[(min(first, second), max(first, second))] += probability * share
    rng = np.random.default_rng(5)
    statistics = sorted_statistics(weights, importance)
    draws = (
        np.array([initial_centers("kmeans++", statistics, 2, rng) for _ in range(5000)]) + statistics.shift
    )
    for pair, probability in expected.items():
        frequency = np.mean(np.all(np.isclose(draws, pair), axis=1))
        assert abs(frequency - probability) < 4 * np.sqrt(0.25 / 5000) < 0.03


def test_keys():
    weights = np.random.default_rng(6).normal(size=200)
    runs = [
        kmeans(weights, 9, method=Lloyd(init="random", max_iterations=1), key=key).centers
        for key in (jax.random.key(1), jax.random.PRNGKey(1), jax.random.key(2), 5, 5)
    ]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert np.any(runs[0] != runs[2])
    np.testing.assert_array_equal(runs[3], runs[4])


def test_high_rate_start_is_near_the_optimum_for_many_centres():
    rng = np.random.default_rng(9)
    weights, importance = rng.normal(size=20_000), rng.exponential(size=20_000)
    optimal = kmeans(weights, 64, importance, method="optimal").objective
    started, quantile = (
        kmeans(weights, 64, importance, method=Lloyd(init=init, max_iterations=10)).objective
        for init in ("high_rate", "quantile")
    )
    assert started < 1.05 * optimal
    assert started < 0.8 * quantile


def test_a_part_is_divided_as_by_the_general_programme():
    """Bit for bit, ties and importances of sixteen decades included, whatever was asked before."""
    rng = np.random.default_rng(8)
    for size in (1, 2, 5, 40, 90):
        for weights in (rng.standard_t(1, size), rng.permutation(size) * 1.0):
            for importance in (None, 10.0 ** rng.integers(-8, 8, size)):
                part = sorted_statistics(weights, importance)
                masses = np.diff(part.mass)
                solutions = optimal_runs(DenseTable(part.values, masses), range(1, part.size + 1))
                costs = PartCosts(part)
                assert costs.totals(1)[0] == solutions[0][0]
                np.testing.assert_array_equal(costs.totals(part.size), [cost for cost, _ in solutions])
                for number, (_, edges) in enumerate(solutions, 1):
                    np.testing.assert_array_equal(costs.edges(number), edges)
