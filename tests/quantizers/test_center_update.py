"""The centres that minimise the objective under a penalty, given the clusters."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from ratedist.quantizers.center_update import confined_centers, printed_pair
from ratedist.quantizers.objective import PENALTIES, diameter_cost
from ratedist.quantizers.traced.center_update import confined_centers as confined_centers_in_jax
from tests.quantizers.brute_force import (
    cost_of_centers,
    least_cost,
)

CONFINED_IN_JAX = jax.jit(confined_centers_in_jax, static_argnums=3)


@st.composite
def updates(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    size = draw(st.sampled_from([1, 2, 8]))
    mass = rng.exponential(size=size) * (rng.random(size) < 0.8)
    mass[rng.integers(size)] = 1.0
    return np.sort(rng.normal(size=size)), mass, draw(st.sampled_from([0.0, 1e-3, 0.3, 5.0, 1e4]))


@settings(max_examples=settings().max_examples // 2)
@given(updates(), st.sampled_from(PENALTIES))
def test_confined_centers_minimise(update, penalty):
    means, mass, beta = update
    centers, (lo, hi) = confined_centers(means, mass, beta, penalty)
    assert np.all(np.diff(centers) >= 0)
    filled = mass > 0
    value = np.sum((mass * (centers - means) ** 2)[filled]) + diameter_cost(hi - lo, beta, penalty)
    assert value == pytest.approx(
        least_cost(means[filled], mass[filled], beta, penalty), rel=1e-10, abs=1e-13
    )
    in_jax = CONFINED_IN_JAX(means, mass, beta, penalty)
    np.testing.assert_allclose(in_jax, centers, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_confined_centers_against_a_quadratic_programme(penalty):
    rng = np.random.default_rng(0)
    for _ in range(10):
        means, mass, beta = np.sort(rng.normal(size=5)), rng.exponential(size=5), rng.exponential() * 2
        centers, _ = confined_centers(means, mass, beta, penalty)
        # Variables: the centres, then lo and hi around them.
        programme = minimize(
            lambda x: np.sum(mass * (x[:5] - means) ** 2) + diameter_cost(x[6] - x[5], beta, penalty),  # noqa: B023
            np.concatenate([means, means[[0, -1]]]),
            constraints={"type": "ineq", "fun": lambda x: np.concatenate([x[:5] - x[5], x[6] - x[:5]])},
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 500},
        )
        assert cost_of_centers(centers, means, mass, beta, penalty) <= programme.fun + 1e-9
        np.testing.assert_allclose(centers, programme.x[:5], atol=1e-4)


def test_printed_pair_solves_both_equations():
    rng = np.random.default_rng(1)
    a, b, A, B = rng.normal(size=3), rng.normal(size=3), rng.exponential(size=3), rng.exponential(size=3)
    A[2], beta = 0.0, 0.7
    x, y = printed_pair(a, b, A, B, beta)
    np.testing.assert_allclose((A + beta) * x, A * a + beta * y, rtol=1e-13)
    np.testing.assert_allclose((B + beta) * y, B * b + beta * x, rtol=1e-13)
    gap = A * B * (b - a) / (A * B + beta * (A + B))
    np.testing.assert_allclose(y - x, gap, rtol=1e-12, atol=1e-15)
