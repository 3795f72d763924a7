"""Closed forms and quadratures where digits run out: many samples, silent channels, large numbers."""

import numpy as np
import pytest

import ratedist as rd
from ratedist.theory import (
    blahut_arimoto,
    conditional_cgf_relaxation,
    erm_gaussian_divergence,
    oracle_alpha,
    oracle_alpha_at_rate,
    oracle_gaussian_rate,
    oracle_rate,
    remote_gaussian_distortion,
    remote_gaussian_rate,
    time_sharing_rate,
    water_filling_at_distortion,
    water_filling_at_rate,
)


def model(d: int, n: int, noise_variance: float = 1.0) -> rd.GaussianLinearModel:
    return rd.GaussianLinearModel(n, np.ones(d), noise_variance)


@pytest.mark.parametrize(("d", "n"), [(1, 67), (1, 10**6), (2, 1234), (50, 236848), (50, 10**9)])
def test_oracle_rate_stays_below_the_gaussian_one(d: int, n: int) -> None:
    for alpha in (1e-3, 0.5, 1 - 1e-9, 1 - 1e-15):
        rate, gaussian = oracle_rate(model(d, n), alpha), oracle_gaussian_rate(model(d, n), alpha)
        assert 0 <= rate <= gaussian
        assert rate == pytest.approx(float(gaussian), rel=max(40 * d / n, 1e-9), abs=1e-9)
    for rate in (0.03, 1.0, 100.0):
        alpha = oracle_alpha_at_rate(model(d, n), rate)
        assert oracle_rate(model(d, n), alpha) == pytest.approx(rate, rel=1e-9)


def test_no_channel_without_noise() -> None:
    with pytest.raises(ValueError, match="noise_variance must be above zero"):
        oracle_alpha(model(3, 9, 0.0), 0.0)


@pytest.mark.parametrize("size", [10, 100, 1000])
def test_water_filling_at_the_largest_distortion(size: int) -> None:
    for seed in range(50):
        variances = np.random.default_rng(seed).exponential(size=size)
        for distortion in (variances.sum(), 2 * variances.sum()):
            filled = water_filling_at_distortion(variances, distortion)
            assert filled.distortion == pytest.approx(variances.sum(), rel=1e-12)
            assert filled.rate == pytest.approx(0.0, abs=1e-12)


def test_water_filling_at_a_rate_beyond_the_smallest_float() -> None:
    filled = water_filling_at_rate([1.0, 2.0], 1e6)
    assert filled.rate == 1e6
    assert filled.distortion == 0.0


def test_source_letter_that_never_occurs() -> None:
    point = blahut_arimoto([0.5, 0.5, 0.0], 1 - np.eye(3), 1e3)
    assert point.distortion == pytest.approx(0.0, abs=1e-12)
    assert point.rate == pytest.approx(np.log(2), rel=1e-9)
    assert point.rate_lower == pytest.approx(np.log(2), rel=1e-9)


@pytest.mark.parametrize("slope", [1e2, 1e10, 1e15])
def test_rate_of_a_distortion_far_from_zero(slope: float) -> None:
    """Only what is beyond each row's minimum matters, however large the minimum and the slope."""
    point = blahut_arimoto([0.3, 0.7], [[5.1, 6.3], [6.7, 5.3]], slope)
    assert point.rate == pytest.approx(-0.3 * np.log(0.3) - 0.7 * np.log(0.7), rel=1e-9)
    assert point.rate_lower == pytest.approx(point.rate, rel=1e-6)
    assert point.distortion == pytest.approx(0.3 * 5.1 + 0.7 * 5.3, rel=1e-12)


@pytest.mark.parametrize("unit", [1e-200, 1.0, 1e200, 1e300])
def test_relaxed_bound_has_the_units_of_the_loss(unit: float) -> None:
    one = conditional_cgf_relaxation(model(2, 80), 10.0, [1.0, 2.0], [0.5, 0.5]).value
    scaled = conditional_cgf_relaxation(model(2, 80, unit), 10.0, [unit, 2 * unit], [0.5, 0.5]).value
    assert scaled / unit == pytest.approx(one, rel=1e-12)


@pytest.mark.parametrize("d", [1000, 10**4, 10**5, 10**6])
def test_time_sharing_close_to_its_end(d: int) -> None:
    """At n = 2d + 1 the rate tends to ¾: 0.74962524 at d = 1000, 0.749996 at 10⁵."""
    assert time_sharing_rate(model(d, 2 * d + 1)) == pytest.approx(
        0.75 * (1 - 0.5 / d), abs=0.5 / d**2 + 1e-9
    )


def test_divergence_from_the_gaussian_of_many_samples() -> None:
    for d in (1, 50):
        below, above = (erm_gaussian_divergence(model(d, n)) for n in (d + 998, d + 999))
        assert above == pytest.approx(below * (999 / 1000) ** 2, rel=5e-4)
        nu = 10**9 - d + 1
        assert erm_gaussian_divergence(model(d, 10**9)) == pytest.approx(d * (d + 2) / (4 * nu**2), rel=1e-6)


def test_remote_source_of_any_size() -> None:
    assert remote_gaussian_rate(1.0, 1e17, 1.0) == 0.0
    assert remote_gaussian_rate(1.0, 1e3, 1.0) == 0.0
    assert remote_gaussian_distortion(1e200, 1e210, 0.0) == pytest.approx(1e200)


def test_estimate_without_error() -> None:
    assert rd.Estimate(1.0, 0.0, 10).standard_errors_from(2.0) == -np.inf
    assert rd.Estimate(1.0, 0.0, 10).standard_errors_from(1.0) == 0.0


@pytest.mark.parametrize("size", [1e155, 1e200, 1e300])
def test_a_signal_beyond_floating_point_is_refused(size: float) -> None:
    """Before anything is squared: no warning of overflow, no infinite risk."""
    loud = rd.GaussianLinearModel(20, size * rd.two_level_weights(4))
    calls = [
        lambda: rd.theory.shrinkage_factor(loud),
        lambda: rd.theory.shrunk_population_risk(loud, 0.5),
        lambda: rd.theory.ridge_risks(loud, 1.0),
        lambda: rd.theory.ridge_risks_asymptotic(loud, 1.0),
        lambda: rd.theory.ridge_risks_given_gram(loud, np.eye(4), 1.0),
        lambda: rd.theory.ridge_best_penalty(loud),
        lambda: rd.theory.ridge_expected_log_evidence(loud, 1.0),
        lambda: rd.theory.ridge_information_bound(loud, 1.0),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"w_star must have a squared norm.*rescale"):
            call()
    quiet = rd.GaussianLinearModel(20, 1e144 * rd.two_level_weights(4))
    assert rd.theory.shrinkage_factor(quiet) == 1.0
