"""Corollary 1: its value, and that its minimiser is the global one."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist.linear_model.model import GaussianLinearModel
from ratedist.linear_model.weights import two_level_weights
from ratedist.theory.bounds.corollary1 import (
    DISTORTION_RATES,
    GENERALIZATION_BOUNDS,
    corollary1_bound,
    corollary1_minimizer,
    corollary1_stationary_rate,
    minimum_of_rising_plus_falling,
)
from ratedist.theory.bounds.generalization import exact_cgf_bound, proposition1_bound
from ratedist.theory.bounds.rate_distortion import distortion_rate_bound, distortion_rate_tight

FIGURE2 = GaussianLinearModel(80, two_level_weights(50))


def test_figure2_minimiser_is_rate_zero_even_with_radius_zero():
    minimum = corollary1_minimizer(FIGURE2, 0.0)
    assert minimum.rate == 0.0
    assert minimum.value == pytest.approx(1.7241, abs=5e-5)
    stationary = corollary1_stationary_rate(FIGURE2, 0.0)
    assert stationary is not None
    assert stationary == pytest.approx(30.742, abs=5e-4)
    assert float(corollary1_bound(FIGURE2, stationary, 0.0)) == pytest.approx(1.7439, abs=5e-5)


def test_the_exact_cgf_moves_the_minimiser_of_the_papers_curve_into_the_interior():
    minimum = corollary1_minimizer(FIGURE2, 0.0, generalization_bound="exact_cgf")
    assert minimum.rate == pytest.approx(132.498, abs=0.01)
    assert minimum.value == pytest.approx(0.99502, abs=5e-6)
    # and with the D(R) that is right at R = 0, no rate is better than none: the left side is dσ²/n at least
    for curve in ("tight", "envelope"):
        minimum = corollary1_minimizer(FIGURE2, 0.0, curve, "exact_cgf")
        assert minimum == (0.0, pytest.approx(0.625))


def test_bound_is_the_sum_of_its_terms():
    rates = np.array([0.0, 3.0, 40.0])
    np.testing.assert_allclose(
        corollary1_bound(FIGURE2, rates, 2.0),
        proposition1_bound(FIGURE2, rates, 2.0) + distortion_rate_bound(FIGURE2, rates),
    )
    np.testing.assert_allclose(
        corollary1_bound(FIGURE2, rates, 2.0, "tight", "exact_cgf", "covariance"),
        exact_cgf_bound(FIGURE2, rates, 2.0, "covariance") + distortion_rate_tight(FIGURE2, rates),
    )


models = st.builds(
    lambda d, excess, noise: GaussianLinearModel(d + excess, two_level_weights(d), noise),
    st.integers(1, 60),
    st.integers(2, 60),
    st.floats(1e-3, 1e3),
)


@settings(max_examples=25)
@given(
    model=models,
    relative_radius=st.one_of(st.just(0.0), st.floats(1e-3, 3.0)),
    curve=st.sampled_from(sorted(DISTORTION_RATES)),
    bound=st.sampled_from(sorted(GENERALIZATION_BOUNDS)),
)
def test_minimiser_against_brute_force(model, relative_radius, curve, bound):
    radius = relative_radius * math.sqrt(model.noise_variance)
    minimum = corollary1_minimizer(model, radius, curve, bound)
    attained = float(corollary1_bound(model, minimum.rate, radius, curve, bound))
    assert attained == pytest.approx(minimum.value, rel=1e-12)
    grid = model.d * np.concatenate([[0.0], np.geomspace(1e-9, 1e4, 10_000)])
    assert minimum.value <= corollary1_bound(model, grid, radius, curve, bound).min() * (1 + 1e-9)


@settings(max_examples=25)
@given(model=models, relative_radius=st.floats(0.0, 1.5))
def test_closed_form_stationary_point(model, relative_radius):
    radius = relative_radius * math.sqrt(model.noise_variance)
    rate = corollary1_stationary_rate(model, radius)
    grid = np.geomspace(1e-9, 1e3, 10_000) * model.d
    values = corollary1_bound(model, grid, radius)
    if rate is None:
        assert np.all(np.diff(values) > -1e-12 * values[1:])
        return
    at = float(corollary1_bound(model, rate, radius))
    beside = corollary1_bound(model, rate * np.array([0.999, 1.001]), radius)
    assert np.all(at <= beside * (1 + 1e-12))
    minimum = corollary1_minimizer(model, radius)
    expected = min(float(corollary1_bound(model, 0.0, radius)), at)
    assert minimum.value == pytest.approx(expected, rel=2e-9)


@pytest.mark.parametrize("dip", [0.1234567, 0.75, 0.999])
def test_branch_and_bound_finds_a_dip_far_narrower_than_its_first_intervals(dip):
    """falling drops by 1 just before the dip and rising climbs by 1 just after it: a dip 2e-7 wide."""

    def ramp(x, at):
        return np.clip((x - at) / 1e-8, 0.0, 1.0)

    point, value = minimum_of_rising_plus_falling(
        lambda x: x + ramp(x, dip + 1e-7), lambda x: 3 - ramp(x, dip - 1e-7), np.linspace(0.0, 2.0, 5)
    )
    assert point == pytest.approx(dip, abs=2e-7)
    assert value == pytest.approx(2 + dip, abs=3e-7)


def test_noiseless_model_has_nothing_to_minimise():
    model = GaussianLinearModel(10, two_level_weights(2), 0.0)
    assert corollary1_minimizer(model, 3.0) == (0.0, 0.0)
    assert corollary1_minimizer(model, 0.0) == (0.0, 0.0)
    assert corollary1_stationary_rate(model, 3.0) is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: corollary1_bound(FIGURE2, -1.0, 1.0), "rate"),
        (lambda: corollary1_bound(FIGURE2, 1.0, math.nan), "radius"),
        (lambda: corollary1_bound(FIGURE2, 1.0, 1.0, "exact"), "paper, tight, envelope"),
        (lambda: corollary1_minimizer(FIGURE2, 1.0, generalization_bound="best"), "proposition1, exact_cgf"),
        (lambda: corollary1_minimizer(GaussianLinearModel(3, two_level_weights(2)), 1.0), "n > d"),
    ],
)
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()
