"""The Gibbs algorithm: generalisation error by simulation, by closed form given A, and by symmetrised KL."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist.estimate import Estimate
from ratedist.linear_model.model import GaussianLinearModel, ar1_covariance
from ratedist.linear_model.weights import two_level_weights
from ratedist.theory.erm import erm_generalization_error
from ratedist.theory.gibbs import (
    gibbs_generalization_error,
    gibbs_generalization_given_gram,
    gibbs_posterior,
    gibbs_symmetrized_information,
    gibbs_symmetrized_information_given_gram,
)
from tests.statistics import assert_agrees, assert_same

WEIGHTS = np.array([1.0, -0.5, 0.3])
MODELS = [
    GaussianLinearModel(6, WEIGHTS, 0.7),
    GaussianLinearModel(6, WEIGHTS, 0.7, [0.5, 1.0, 2.0]),
    GaussianLinearModel(6, WEIGHTS, 0.7, ar1_covariance(3, 0.6)),
]
NUM_TRIALS = 30_000


def _mean(values: np.ndarray) -> Estimate:
    return Estimate(float(values.mean()), float(values.std(ddof=1) / math.sqrt(values.size)), values.size)


def _datasets(model: GaussianLinearModel, num_trials: int, seed: int):
    rng = np.random.default_rng(seed)
    factor = np.linalg.cholesky(_full(model))
    X = factor @ rng.standard_normal((num_trials, 3, model.n))
    noise = math.sqrt(model.noise_variance) * rng.standard_normal((num_trials, model.n))
    return X, np.einsum("tin,i->tn", X, model.w_star) + noise, rng


def _full(model: GaussianLinearModel) -> np.ndarray:
    sigma = np.asarray(model.covariance)
    return sigma if sigma.ndim == 2 else np.diag(np.broadcast_to(sigma, 3))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("gamma", "tau2"), [pytest.param(0.5, 1.0, marks=pytest.mark.slow), (20.0, 3.0)])
def test_simulation_closed_form_and_symmetrised_kl_agree(model, gamma, tau2):
    X, Y, rng = _datasets(model, NUM_TRIALS, seed=1)
    gram = X @ X.swapaxes(1, 2)
    posterior = gibbs_posterior(gram, (X @ Y[:, :, None])[:, :, 0], model.n, gamma, tau2)
    upper = np.linalg.cholesky(posterior.precision).swapaxes(1, 2)
    W = posterior.mean + np.linalg.solve(upper, rng.standard_normal((NUM_TRIALS, 3, 1)))[:, :, 0]
    empirical = np.mean((Y - np.einsum("tin,ti->tn", X, W)) ** 2, axis=1)
    simulated = _mean(model.noise_variance + model.squared_norm(W - model.w_star) - empirical)
    # Fresh A for the two conditional forms, so that all three estimates are independent.
    fresh = _datasets(model, NUM_TRIALS, seed=2)[0]
    direct = _mean(gibbs_generalization_given_gram(model, fresh @ fresh.swapaxes(1, 2), gamma, tau2))
    other = _datasets(model, NUM_TRIALS, seed=3)[0]
    information = gibbs_symmetrized_information_given_gram(model, other @ other.swapaxes(1, 2), gamma, tau2)
    assert_same(simulated, direct, max_sem=0.02)
    assert_same(direct, _mean(information / gamma), max_sem=0.02)


@settings(max_examples=25)
@given(
    d=st.integers(1, 30),
    excess=st.integers(0, 30),
    noise=st.floats(0.0, 10.0),
    covariance=st.floats(0.1, 10.0),
    gamma=st.floats(1e-2, 1e3),
    tau2=st.floats(1e-2, 1e2),
)
def test_generalisation_error_is_the_symmetrised_information_over_gamma(
    d, excess, noise, covariance, gamma, tau2
):
    """Two different spectral functions of A with one mean: an equality without any simulation."""
    model = GaussianLinearModel(d + excess, two_level_weights(d), noise, covariance)
    direct = gibbs_generalization_error(model, gamma, tau2)
    information = gibbs_symmetrized_information(model, gamma, tau2)
    assert direct > 0
    assert information == pytest.approx(gamma * direct, rel=1e-8, abs=1e-9 * (1 + gamma * direct))


@pytest.mark.parametrize(("gamma", "tau2"), [(0.5, 1.0), (20.0, 3.0)])
def test_exact_value_against_draws_of_the_gram_matrix(gamma, tau2):
    model = GaussianLinearModel(6, WEIGHTS, 0.7, 1.6)
    X = _datasets(model, NUM_TRIALS, seed=9)[0]
    conditional = _mean(gibbs_generalization_given_gram(model, X @ X.swapaxes(1, 2), gamma, tau2))
    assert_agrees(conditional, gibbs_generalization_error(model, gamma, tau2), max_sem=0.02)


def test_exact_value_tends_to_erm():
    model = GaussianLinearModel(80, two_level_weights(50))
    assert gibbs_generalization_error(model, 1e9, 1e6) == pytest.approx(
        erm_generalization_error(model), rel=1e-5
    )


def test_information_is_the_mean_divergence_between_posteriors_of_two_datasets():
    """I_SKL = E KL(P_{Ŵ|S} ‖ P_{Ŵ|S'}), from nothing but the posteriors."""
    model, gamma, tau2 = MODELS[2], 2.0, 1.5
    posteriors = []
    for seed in (4, 5):
        X, Y, _ = _datasets(model, NUM_TRIALS, seed)
        posteriors.append(
            gibbs_posterior(X @ X.swapaxes(1, 2), (X @ Y[:, :, None])[:, :, 0], model.n, gamma, tau2)
        )
    first, second = posteriors
    shift = first.mean - second.mean
    divergence = 0.5 * (
        np.trace(second.precision @ np.linalg.inv(first.precision), axis1=1, axis2=2)
        - 3
        + np.einsum("ti,tij,tj->t", shift, second.precision, shift)
        + np.linalg.slogdet(first.precision)[1]
        - np.linalg.slogdet(second.precision)[1]
    )
    X = _datasets(model, NUM_TRIALS, seed=6)[0]
    closed = gibbs_symmetrized_information_given_gram(model, X @ X.swapaxes(1, 2), gamma, tau2)
    assert_same(_mean(divergence), _mean(closed), max_sem=0.02)


def test_cold_limit_with_a_flat_prior_is_erm_and_infinite_temperature_is_the_prior():
    model = GaussianLinearModel(12, WEIGHTS, 0.7)
    X = _datasets(model, NUM_TRIALS, seed=7)[0]
    gram = X @ X.swapaxes(1, 2)
    cold = _mean(gibbs_generalization_given_gram(model, gram, 1e9, 1e9))
    assert_agrees(cold, erm_generalization_error(model), max_sem=0.01)
    hot = _mean(gibbs_generalization_given_gram(model, gram, 0.0, 1.0))
    assert_agrees(hot, 0.0, max_sem=0.01)
    np.testing.assert_allclose(
        gibbs_symmetrized_information_given_gram(model, gram[:5], 0.0, 1.0), 0.0, atol=1e-12
    )


def test_posterior_is_the_normalised_exponential_of_the_empirical_risk():
    X, Y, rng = _datasets(MODELS[0], 1, seed=8)
    X, Y, gamma, tau2 = X[0], Y[0], 1.7, 0.6
    posterior = gibbs_posterior(X @ X.T, X @ Y, 6, gamma, tau2)
    points = rng.standard_normal((5, 3))
    energy = [w @ w / (2 * tau2) + gamma * np.mean((Y - w @ X) ** 2) for w in points]
    quadratic = [(w - posterior.mean) @ posterior.precision @ (w - posterior.mean) / 2 for w in points]
    np.testing.assert_allclose(np.diff(energy), np.diff(quadratic), rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gibbs_posterior(np.eye(3), np.ones(2), 5, 1.0, 1.0), "shapes"),
        (lambda: gibbs_posterior(np.eye(3), np.ones(3), 5, -1.0, 1.0), "inverse_temperature"),
        (lambda: gibbs_posterior(np.eye(3), np.ones(3), 5, 1.0, 0.0), "prior_variance"),
        (lambda: gibbs_generalization_error(MODELS[1], 1.0, 1.0), "multiple of the identity"),
        (lambda: gibbs_generalization_given_gram(MODELS[0], np.eye(2), 1.0, 1.0), r"\(..., 3, 3\)"),
        (
            lambda: gibbs_symmetrized_information_given_gram(MODELS[0], np.full((3, 3), np.nan), 1.0, 1.0),
            "finite",
        ),
    ],
)
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()
