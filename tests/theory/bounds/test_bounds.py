"""Bounds through the rate: golden values, ordering, and each against errors known exactly or simulated."""

import itertools
import math
from decimal import Decimal, getcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist.linear_model.model import GaussianLinearModel, ar1_covariance
from ratedist.linear_model.weights import two_level_weights
from ratedist.theory.bounds.generalization import (
    codebook_squared_radius,
    exact_cgf_bound,
    exact_cgf_factor,
    proposition1_bound,
    sub_gaussian_bound,
    worst_loss_variance,
)
from ratedist.theory.numerics import exp_remainder

getcontext().prec = 60
FIGURE2 = GaussianLinearModel(80, two_level_weights(50))
LARGE_RATES = st.floats(0, 1e4, allow_nan=False)


def test_exact_cgf_factor_golden_values():
    expected = [0.0198669, 0.186895, 0.506761, 0.947531]
    np.testing.assert_allclose(exact_cgf_factor([1e-4, 0.01, 0.1, 1.0]), expected, rtol=3e-6)


def test_exact_cgf_factor_ends():
    np.testing.assert_array_equal(exact_cgf_factor([0.0, np.inf, 1e4]), [0.0, 1.0, 1.0])


def test_exact_cgf_factor_against_sixty_digits():
    eta = np.concatenate([[1e-17], 10.0 ** np.arange(-30, 1.6, 0.25)])
    expected = [float(_factor_in_decimal(Decimal(float(one)))) for one in eta]
    np.testing.assert_allclose(exact_cgf_factor(eta), expected, rtol=1e-14)


def _factor_in_decimal(eta: Decimal) -> Decimal:
    z = (4 * eta).sqrt() + 2 * eta
    for _ in range(100):
        z -= (z - 1 + (-z).exp() - 2 * eta) / (1 - (-z).exp())
    return 1 - (-z).exp()


@given(st.floats(-30, 30).filter(lambda x: abs(x) > 1e-20))
def test_exp_remainder_against_sixty_digits(x: float):
    exact = Decimal(x).exp() - 1 - Decimal(x)
    assert float(exp_remainder(x)) == pytest.approx(float(exact), rel=1e-14, abs=1e-300)


@given(
    rate=LARGE_RATES,
    radius=st.floats(0, 100),
    noise=st.floats(0, 10),
    norm=st.sampled_from(["euclidean", "covariance"]),
)
def test_exact_cgf_is_below_proposition1_and_below_the_worst_loss_variance(rate, radius, noise, norm):
    model = GaussianLinearModel(9, np.array([1.0, 2.0]), noise, [0.5, 3.0])
    exact = exact_cgf_bound(model, rate, radius, norm)
    assert exact <= proposition1_bound(model, rate, radius, norm) * (1 + 1e-14)
    assert exact <= worst_loss_variance(model, radius, norm)


@given(st.floats(1e-8, 50), st.floats(1e-8, 50))
def test_exact_cgf_is_concave_and_increasing_in_the_rate(first, second):
    a, middle, b = exact_cgf_factor([first, (first + second) / 2, second])
    assert middle >= (a + b) / 2 - 1e-15
    assert (b - a) * (second - first) >= 0


def test_exact_cgf_is_the_infimum_over_slopes():
    eta, slopes = 0.37, np.geomspace(1e-3, 1e3, 200_001)
    values = (eta + slopes - np.log1p(2 * slopes) / 2) / slopes
    assert float(exact_cgf_factor(eta)) == pytest.approx(values.min(), rel=1e-9)


def test_codebook_radius_and_the_honest_proposition1_at_figure2():
    squared = codebook_squared_radius(FIGURE2, [-1.0, 1.0])
    assert squared == 200.0
    bound = proposition1_bound(FIGURE2, 50 * math.log(2), math.sqrt(squared))
    assert float(bound) == pytest.approx(264.6, abs=0.05)


@pytest.mark.parametrize("covariance", [None, [0.2, 1.0, 3.0], ar1_covariance(3, 0.6)])
def test_codebook_radius_against_enumeration(covariance):
    model = GaussianLinearModel(6, np.array([0.3, -2.0, 1.0]), 0.5, covariance)
    centers = np.array([-1.5, 0.2, 2.0])
    words = np.array(list(itertools.product(centers, repeat=3)))
    euclidean = np.max(np.sum((words - model.w_star) ** 2, axis=1))
    weighted = np.max(model.squared_norm(words - model.w_star))
    assert codebook_squared_radius(model, centers) == pytest.approx(euclidean, rel=1e-14)
    found = codebook_squared_radius(model, centers, norm="covariance")
    assert weighted * (1 - 1e-14) <= found <= euclidean * model.covariance_norm * (1 + 1e-14)
    if np.asarray(model.covariance).ndim < 2:
        assert found == pytest.approx(weighted, rel=1e-14)


@pytest.mark.parametrize("num_centers", [1, 2, 4])
@pytest.mark.parametrize("covariance", [None, ar1_covariance(3, 0.7)])
def test_bounds_hold_for_a_fixed_codebook(num_centers, covariance):
    model = GaussianLinearModel(6, np.array([1.0, -1.0, 0.4]), 0.8, covariance)
    centers = np.linspace(-1.5, 1.5, num_centers) if num_centers > 1 else np.array([0.5])
    generalization = _simulated_generalization_error(model, centers, num_trials=40_000)
    sem = generalization.std(ddof=1) / math.sqrt(generalization.size)
    assert sem < 0.05
    rate = 3 * math.log(num_centers)
    for norm in ("euclidean", "covariance"):
        radius = math.sqrt(codebook_squared_radius(model, centers, norm))
        for bound in (exact_cgf_bound, proposition1_bound):
            assert generalization.mean() <= bound(model, rate, radius, norm) + 4 * sem


def _simulated_generalization_error(model, centers, num_trials):
    rng = np.random.default_rng(7)
    factor = (
        np.broadcast_to(model.covariance_cholesky, (3, 3)) if model.covariance_cholesky.ndim else np.eye(3)
    )
    X = factor @ rng.standard_normal((num_trials, 3, model.n))
    noise = math.sqrt(model.noise_variance) * rng.standard_normal((num_trials, model.n))
    Y = np.einsum("tin,i->tn", X, model.w_star) + noise
    W = np.linalg.solve(X @ X.swapaxes(1, 2), X @ Y[:, :, None])[:, :, 0]
    compressed = centers[np.argmin(np.abs(W[:, :, None] - centers), axis=2)]
    empirical = np.mean((Y - np.einsum("tin,ti->tn", X, compressed)) ** 2, axis=1)
    return model.noise_variance + model.squared_norm(compressed - model.w_star) - empirical


@pytest.mark.parametrize("num_samples", [1, 2, 3, 5])
@pytest.mark.parametrize("flip", [0.0, 0.2])
def test_sub_gaussian_bound_on_a_problem_solved_by_enumeration(num_samples, flip):
    """Fair bits, hypotheses 0 and 1, Hamming loss (s = ½), the majority vote through a noisy channel."""
    datasets = np.array(list(itertools.product([0, 1], repeat=num_samples)))
    vote = (datasets.mean(axis=1) > 0.5).astype(float)
    one = vote * (1 - flip) + (1 - vote) * flip  # P(Ŵ = 1 | S)
    empirical = np.mean(one * (1 - datasets.mean(axis=1)) + (1 - one) * datasets.mean(axis=1))
    generalization = 0.5 - empirical
    conditional = np.stack([one, 1 - one])
    marginal = conditional.mean(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.nansum(conditional * np.log(conditional / marginal)) / len(datasets)
    assert 0 < abs(generalization) <= sub_gaussian_bound(0.5, information, num_samples)


def test_sub_gaussian_bound_value_and_shape():
    np.testing.assert_allclose(sub_gaussian_bound(3.0, [0.0, 2.0, 8.0], 4), [0.0, 3.0, 6.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: proposition1_bound(FIGURE2, -1.0, 1.0), "rate"),
        (lambda: proposition1_bound(FIGURE2, 1.0, math.inf), "radius"),
        (lambda: exact_cgf_bound(FIGURE2, math.nan, 1.0), "rate"),
        (lambda: exact_cgf_bound(FIGURE2, 1.0, 1.0, "sigma"), "euclidean, covariance"),
        (lambda: exact_cgf_factor(-1e-9), "rate_per_sample"),
        (lambda: sub_gaussian_bound(-1.0, 1.0, 3), "sub_gaussian_parameter"),
        (lambda: sub_gaussian_bound(1.0, 1.0, 0), "num_samples"),
        (lambda: codebook_squared_radius(FIGURE2, []), r"shape \(K,\)"),
        (lambda: codebook_squared_radius(FIGURE2, [math.nan]), "finite"),
    ],
)
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@settings(max_examples=25)
@given(st.floats(1e-3, 1e3))
def test_bounds_scale_with_the_noise(scale):
    small, large = (GaussianLinearModel(8, np.ones(1), noise) for noise in (1.0, scale**2))
    np.testing.assert_allclose(
        exact_cgf_bound(large, 2.0, 1.5 * scale), scale**2 * exact_cgf_bound(small, 2.0, 1.5), rtol=1e-12
    )
