"""Priors as mixtures: the two-level tanh, Bayes' rule by numerical integration, and soft K-means."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

import ratedist as rd

theory, MixturePrior = rd.theory, rd.theory.MixturePrior


def test_two_levels_give_the_hyperbolic_tangent() -> None:
    W = np.linspace(-3, 3, 13)
    for c, v in ((1.0, 0.3), (0.25, 2.0), (4.0, 1e-3)):
        expected = c * np.tanh(c * W / v)
        np.testing.assert_allclose(
            theory.posterior_mean(MixturePrior.two_level(c), W, v), expected, atol=1e-15 * c, rtol=1e-12
        )


@pytest.mark.parametrize("W", [-1.3, 0.05, 2.2, 9.0])
def test_spike_and_slab_by_bayes_rule(W: float) -> None:
    share, variance, v = 0.2, 1.7, 0.4

    def joint(w: float, power: int) -> float:
        slab = np.exp(-(w**2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
        return w**power * share * slab * np.exp(-((W - w) ** 2) / (2 * v))

    mass, moment = (integrate.quad(joint, -12, 12, args=(k,), epsabs=1e-13, points=[W])[0] for k in (0, 1))
    mass += (1 - share) * np.exp(-(W**2) / (2 * v))
    prior = MixturePrior.sparse(share, variance)
    assert theory.posterior_mean(prior, W, v) == pytest.approx(moment / mass, abs=1e-10)
    log_density = theory.log_marginal_density(prior, W, v)
    assert np.exp(log_density) == pytest.approx(mass / np.sqrt(2 * np.pi * v), rel=1e-9)


@given(st.floats(-50, 50), st.floats(0, 20), st.floats(1e-3, 100), st.sampled_from((0.0, 0.5)))
def test_the_posterior_mean_rises_with_the_weight(W: float, step: float, v: float, width: float) -> None:
    prior = MixturePrior((0.3, 0.3, 0.4), (-2.0, 0.0, 1.0), (0.0, width, width))
    low, high = theory.posterior_mean(prior, [W, W + step], v)
    assert high >= low - 1e-12 * max(1.0, abs(low))


def log_likelihood(weights: np.ndarray, centers: np.ndarray, temperature: float) -> float:
    prior = MixturePrior((0.5, 0.5), tuple(centers.tolist()), (0.0, 0.0))
    return float(theory.log_marginal_density(prior, weights, temperature).sum())


def test_soft_kmeans_is_expectation_maximisation_and_cold_it_is_lloyd() -> None:
    weights = rd.two_level_weights(40) + 0.6 * np.random.default_rng(3).normal(size=40)
    for temperature in (0.05, 0.36, 2.0):
        centers = np.array([-0.2, 0.7])
        before = log_likelihood(weights, centers, temperature)
        for _ in range(60):
            responsibilities, new = theory.soft_kmeans_step(weights, centers, temperature)
            np.testing.assert_allclose(responsibilities.sum(axis=1), 1, rtol=1e-12)
            after = log_likelihood(weights, new, temperature)
            assert after >= before - 1e-12 * abs(before)
            before, centers = after, new
        # At the fixed point the gradient of the likelihood, by differences, is zero.
        for k in range(2):
            move = 1e-5 * np.eye(2)[k]
            up, down = (log_likelihood(weights, centers + sign * move, temperature) for sign in (1, -1))
            assert abs(up - down) / 2e-5 < 1e-3
        # The mean responsible centre is the estimate under the prior of these spikes.
        prior = MixturePrior((0.5, 0.5), tuple(new.tolist()), (0.0, 0.0))
        responsibilities, _ = theory.soft_kmeans_step(weights, new, temperature)
        np.testing.assert_allclose(
            responsibilities @ new, theory.posterior_mean(prior, weights, temperature), rtol=1e-12, atol=1e-14
        )
    centers = np.array([-0.2, 0.7])
    for _ in range(20):
        _, centers = theory.soft_kmeans_step(weights, centers, 1e-7)
    lloyd = rd.kmeans(weights, 2, method=rd.Lloyd(init="linear"))
    np.testing.assert_allclose(centers, lloyd.centers, rtol=1e-12)


def test_priors_that_are_none_are_refused() -> None:
    for arguments, words in (
        (((0.5, 0.4), (0.0, 1.0), (0.0, 0.0)), "add up to 1"),
        (((0.5, 0.5), (0.0,), (0.0, 0.0)), r"one shape \(K,\)"),
        (((1.0, 0.0), (0.0, 1.0), (0.0, 0.0)), "probabilities must lie"),
        (((1.0,), (0.0,), (-1.0,)), "variances must lie"),
        (((), (), ()), "add up to 1"),
    ):
        with pytest.raises(ValueError, match=words):
            MixturePrior(*arguments)
    for make, words in (
        (lambda: MixturePrior.two_level(0.0), "level must be"),
        (lambda: MixturePrior.gaussian(-1.0), "variance must be"),
        (lambda: MixturePrior.sparse(1.0, 1.0), "strictly between 0 and 1"),
        (lambda: theory.posterior_mean(MixturePrior.two_level(1.0), 0.0, 0.0), "noise_variance must lie"),
        (lambda: theory.soft_kmeans_step([1.0], [1.0], 0.0), "temperature must be"),
        (lambda: theory.soft_kmeans_step([[1.0]], [1.0], 1.0), "must have shapes"),
    ):
        with pytest.raises(ValueError, match=words):
            make()
    assert MixturePrior((0.5, 0.5), (-1, 1), (0, 0)) == MixturePrior.two_level(1)


def test_far_out_nothing_overflows() -> None:
    for prior in (MixturePrior.two_level(1.0), MixturePrior.sparse(0.1, 1.0)):
        for W in (1e8, -1e8):
            assert np.isfinite(theory.posterior_mean(prior, W, 1e-8))


@pytest.mark.parametrize(
    ("W", "level", "v"),
    [
        (1e9, 1e-8, 10.0),
        (1e16, 1.0, 1.0),
        (1e17, 1.0, 1e17),
        (-1e300, 1.0, 1e300),
        (1e155, 1.0, 1.0),
        (0.5, 1e8, 1e8),
    ],
)
def test_the_tangent_where_the_weight_is_large_beside_the_levels_or_small(W, level, v) -> None:
    prior = rd.theory.MixturePrior.two_level(level)
    assert rd.theory.posterior_mean(prior, W, v) == pytest.approx(level * np.tanh(W / v * level), rel=1e-14)
    responsibilities, _ = rd.theory.soft_kmeans_step([W], [-level, level], v)
    assert responsibilities @ [-level, level] == pytest.approx(level * np.tanh(W / v * level), rel=1e-14)


def test_a_component_far_away_does_not_blur_those_that_are_near() -> None:
    near = rd.theory.MixturePrior((0.5, 0.5), (0.0, 1.0), (0.0, 1e-3))
    with_far = rd.theory.MixturePrior((0.2, 0.4, 0.4), (-1e12, 0.0, 1.0), (2e-3, 0.0, 1e-3))
    for W in (0.3, 0.5, 0.9):
        expected = rd.theory.posterior_mean(near, W, 0.01)
        assert rd.theory.posterior_mean(with_far, W, 0.01) == pytest.approx(expected, rel=1e-13)
