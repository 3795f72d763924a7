"""Lower bounds of boxes of outer centres, and the certificate that they add up to."""

import numpy as np
import pytest

from ratedist.quantizers import (
    Optimal,
    kmeans,
)
from ratedist.quantizers.objective import PENALTIES, diameter_cost
from ratedist.quantizers.scalar import branch_and_bound
from ratedist.quantizers.scalar.bins import binned
from ratedist.quantizers.scalar.statistics import sorted_entries
from ratedist.quantizers.scalar.tilted_costs import TiltedCosts


@pytest.mark.parametrize("dense_size", [0, 1000])
def test_bound_of_a_box_is_below_every_quantiser_in_it(dense_size, monkeypatch):
    monkeypatch.setattr("ratedist.quantizers.scalar.statistics.DENSE_SIZE", dense_size)
    rng = np.random.default_rng(2)
    for trial in range(100):
        weights, importance = rng.normal(size=12), rng.exponential(size=12)
        num_clusters, beta = int(rng.integers(2, 6)), rng.exponential() * 5
        penalty = PENALTIES[trial % 2]
        table = sorted_entries(weights, importance).table
        centers = np.sort(rng.normal(size=num_clusters)) * 0.7
        width = rng.exponential() * 0.3
        middle = (centers[0] + centers[-1]) / 2
        low = (centers[0] - width * rng.random(), min(centers[0] + width * rng.random(), middle))
        high = (max(centers[-1] - width * rng.random(), middle), centers[-1] + width * rng.random())
        costs = TiltedCosts(table, low, high, beta, penalty)
        [(least, _)] = branch_and_bound.optimal_runs(costs, range(num_clusters, num_clusters + 1))
        distance = np.min((weights[:, None] - centers) ** 2, axis=1)
        objective = np.sum(importance * distance) + diameter_cost(np.ptp(centers), beta, penalty)
        assert least + costs.constant <= objective + 1e-12


@pytest.mark.parametrize("penalty", PENALTIES)
def test_bound_of_a_box_around_the_optimum_is_wrong_by_the_square_of_its_size(penalty):
    """With the linear penalty not at all, if the outer centres have weights on both sides."""
    rng = np.random.default_rng(0)
    weights, importance = rng.normal(size=60), rng.exponential(size=60)
    beta = {"squared": 3.0, "linear": 20.0}[penalty]
    optimum = kmeans(
        weights, 5, importance, method=Optimal(tolerance=1e-10), diameter_penalty=beta, penalty=penalty
    )
    table = sorted_entries(weights, importance).table
    lowest, highest = optimum.centers[[0, -1]]
    errors = []
    for size in (0.1, 0.05, 0.025):
        low, high = (lowest - 0.4 * size, lowest + 0.6 * size), (highest - 0.7 * size, highest + 0.3 * size)
        costs = TiltedCosts(table, low, high, beta, penalty)
        [(least, _)] = branch_and_bound.optimal_runs(costs, range(5, 6))
        errors.append(optimum.objective - least - costs.constant)
    if penalty == "linear":
        np.testing.assert_allclose(errors, 0.0, atol=1e-11)
    else:
        np.testing.assert_allclose(errors[0] / np.array(errors), [1, 4, 16], rtol=1e-3)


def test_divide_and_conquer_equals_dense_programme(monkeypatch):
    rng = np.random.default_rng(3)
    for _ in range(20):
        weights, importance = rng.normal(size=60), rng.exponential(size=60)
        low, high = (-1.0, -0.6 + 0.3 * rng.random()), (0.5, 1.5)
        values = []
        for dense_size in (0, 1000):
            monkeypatch.setattr("ratedist.quantizers.scalar.statistics.DENSE_SIZE", dense_size)
            costs = TiltedCosts(sorted_entries(weights, importance).table, low, high, 4.0, "squared")
            values.append([value for value, _ in branch_and_bound.optimal_runs(costs, range(1, 9))])
        np.testing.assert_allclose(values[0], values[1], rtol=1e-12)


def test_certificate_with_bins(monkeypatch):
    rng = np.random.default_rng(6)
    weights, importance = rng.normal(size=600), rng.exponential(size=600)
    for penalty in PENALTIES:
        exact = kmeans(weights, 4, importance, method="optimal", diameter_penalty=20.0, penalty=penalty)
        assert exact.converged
        with monkeypatch.context() as patch:
            patch.setattr(branch_and_bound, "MAX_ENTRIES", 100)
            binned = kmeans(weights, 4, importance, method="optimal", diameter_penalty=20.0, penalty=penalty)
        assert not binned.converged
        assert binned.lower_bound <= exact.objective
        assert exact.lower_bound <= binned.objective * (1 + 1e-12)
        assert binned.objective - binned.lower_bound < 0.02 * binned.objective


def test_binning_costs_no_more_than_it_says():
    rng = np.random.default_rng(7)
    for trial in range(50):
        weights, importance = rng.laplace(size=300), rng.exponential(size=300)
        entries = sorted_entries(weights, importance)
        bins = binned(entries, int(rng.integers(2, 60)))
        centers = np.sort(rng.choice(entries.position, int(rng.integers(1, 8)), replace=False))
        position, mass, scatter = bins.entries.position, bins.entries.mass, bins.entries.scatter
        by_bin = scatter + mass * np.min((position[:, None] - centers) ** 2, axis=1)
        distance = np.min((weights[:, None] - centers) ** 2, axis=1)
        excess = np.sum(by_bin) - np.sum(importance * distance)
        assert -1e-10 <= excess <= bins.loss(np.ptp(centers), np.sum(importance * distance)), trial


def test_a_certificate_survives_an_exhausted_time_budget():
    weights = np.random.default_rng(8).normal(size=100)
    result = kmeans(weights, 5, None, method=Optimal(time_budget=0.0), diameter_penalty=3.0)
    assert not result.converged
    assert 0 <= result.lower_bound <= result.objective
    assert result.objective == kmeans(weights, 5, None, diameter_penalty=3.0).objective
