"""Penalties, importances and weights of extreme size: right answers, or bounds that stay bounds."""

import jax
import numpy as np
import pytest

from ratedist.quantizers import Optimal, kmeans
from ratedist.quantizers.blocks.centers import block_centers, farthest_pair
from ratedist.quantizers.center_update import confined_centers
from ratedist.quantizers.objective import PENALTIES
from ratedist.quantizers.scalar import branch_and_bound
from ratedist.quantizers.scalar.statistics import sorted_entries
from ratedist.quantizers.scalar.tilted_costs import TiltedCosts
from ratedist.quantizers.traced import center_update as traced

CONFINED_IN_JAX = jax.jit(traced.confined_centers, static_argnums=3)


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("beta", [1e-320, 1e-300, 1e12, 1e100, 1e307, 1.7e308])
def test_centres_for_any_penalty(beta, penalty):
    means, mass = np.array([-1.3, -0.2, 0.1, 0.8]), np.full(4, 0.01)
    centers, (lo, hi) = confined_centers(means, mass, beta, penalty)
    expected = means if beta < 1 else np.full(4, means.mean())
    np.testing.assert_allclose(centers, expected, rtol=0, atol=1e-13)
    in_jax = np.asarray(CONFINED_IN_JAX(means, mass, beta, penalty))
    np.testing.assert_allclose(in_jax, centers, rtol=0, atol=1e-15)
    if beta > 1:
        assert beta * (hi - lo) ** 2 < 1e-12
        assert beta * np.ptp(in_jax) ** 2 < 1e-12


@pytest.mark.parametrize("method", ["lloyd", "optimal"])
def test_linear_penalty_is_not_charged_on_rounding(method):
    weights = [1.0, 1.0, -1.0, 1.0, 1.0, 1.0, 1.0]
    for beta in (1e12, 1e14):
        result = kmeans(weights, 2, None, method=method, diameter_penalty=beta, penalty="linear")
        assert result.converged
        assert result.objective == pytest.approx(24 / 7, rel=1e-12)


def test_certificate_where_bins_are_fewer_than_centres(monkeypatch):
    monkeypatch.setattr(branch_and_bound, "MAX_ENTRIES", 10)
    weights = np.random.default_rng(0).normal(size=30)
    weights[3] = 1e14
    result = kmeans(weights, 12, None, method=Optimal(time_budget=0.2), diameter_penalty=1.0)
    assert 0 <= result.lower_bound <= result.objective


def test_importances_lost_in_the_sum_count():
    # The optimum gives 1e12 a centre of its own.
    result = kmeans([0.0, 1.0, 2.0, 1e12], 2, [1.0, 1.0, 1.0, 1e-17], method="optimal")
    assert result.lower_bound <= result.objective == 2.0
    assert result.converged
    free = kmeans([0.0, 1.0, 2.0, 1e12], 2, [1.0, 1.0, 1.0, 0.0], method="optimal")
    assert free.lower_bound <= free.objective == 0.5
    assert free.converged


@pytest.mark.parametrize("vanishing", [0.0, 1e-9])
@pytest.mark.parametrize("beta", [1e-8, 1e-6, 1e-3, 1.0])
def test_blocks_hardly_weighed_cost_hardly_anything(vanishing, beta):
    """One centre far away that nobody, or hardly anybody, holds there: against the exact scalar update."""
    means, mass = np.array([[0.0, 0.0], [1.0, 0.0], [1000.0, 0.0]]), np.full((3, 2), 100.0)
    mass[2] = vanishing
    centers = block_centers(means, mass, beta)
    value = np.sum(mass * (centers - means) ** 2) + beta * farthest_pair(centers)[2] ** 2
    scalar, (lo, hi) = confined_centers(means[:, 0], mass[:, 0], beta, "squared")
    least = np.sum(mass[:, 0] * (scalar - means[:, 0]) ** 2) + beta * (hi - lo) ** 2
    assert least * (1 - 1e-9) <= value <= least * (1 + 1e-4)


@pytest.mark.parametrize(
    "beta", [1e8, 1e17, 1e300, *(pytest.param(beta, marks=pytest.mark.slow) for beta in (1e9, 1e20))]
)
def test_blocks_under_an_enormous_penalty_are_one_cluster(beta):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        weights, importance = rng.normal(size=300), rng.exponential(size=300) * (rng.random(300) < 0.1)
        importance[0] = 1.0
        one, several = (
            kmeans(weights, K, importance, diameter_penalty=beta, block_length=3, key=0) for K in (1, 6)
        )
        assert several.objective == pytest.approx(one.objective, rel=1e-5)
        assert several.objective <= one.objective * (1 + 1e-12)


def test_error_of_a_linear_bound_whose_outer_weights_are_on_one_side():
    """Of second order; with weights on both sides of the outer centres it vanishes."""
    table = sorted_entries(np.array([0.0, 1.0]), None).table
    optimum = kmeans([0.0, 1.0], 2, None, method="optimal", diameter_penalty=0.8, penalty="linear")
    lowest, highest = optimum.centers
    errors = []
    for size in (0.1, 0.05, 0.025):
        low, high = (lowest - 0.6 * size, lowest + 0.4 * size), (highest - 0.4 * size, highest + 0.6 * size)
        costs = TiltedCosts(table, low, high, 0.8, "linear")
        [(least, _)] = branch_and_bound.optimal_runs(costs, range(2, 3))
        errors.append(optimum.objective - least - costs.constant)
    np.testing.assert_allclose(errors, [1.8e-3, 4.5e-4, 1.125e-4], rtol=1e-9)


@pytest.mark.parametrize("block_length", [1, 2])
def test_weights_too_large_for_squares_are_refused(block_length):
    with pytest.raises(ValueError, match="weights must be at most 1e"):
        kmeans([1e308, -1e308, 0.0], 2, block_length=block_length, key=0)
    result = kmeans([1e140, -1e140, 0.0, 1.0], 2, block_length=block_length, key=0)
    assert np.isfinite(result.objective)
