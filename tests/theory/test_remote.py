"""Remote coding of w*: closed forms against draws, the posterior mean against an integral over w*."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ratedist as rd
from ratedist.estimate import Estimate
from tests.statistics import assert_agrees

theory, MixturePrior = rd.theory, rd.theory.MixturePrior
PRIORS = (
    MixturePrior.two_level(0.5),
    MixturePrior.gaussian(0.3),
    MixturePrior.sparse(0.3, 1.5),
    MixturePrior((0.2, 0.5, 0.3), (-1.0, 0.0, 2.0), (0.0, 0.1, 0.0)),
)


def erm_weights(model: rd.GaussianLinearModel, count: int, w_star: np.ndarray) -> np.ndarray:
    """ERM's weights from data sets that NumPy draws and fits."""
    rng = np.random.default_rng(1)
    sigma = (
        np.broadcast_to(np.asarray(model.covariance), (model.d,)) if np.ndim(model.covariance) < 2 else None
    )
    factor = np.diag(np.sqrt(sigma)) if sigma is not None else np.linalg.cholesky(model.covariance)
    X = rng.normal(size=(count, model.n, model.d)) @ factor.T
    noise = model.noise_variance**0.5 * rng.normal(size=(count, model.n, 1))
    gram = np.swapaxes(X, 1, 2) @ X
    return w_star + np.linalg.solve(gram, np.swapaxes(X, 1, 2) @ noise)[..., 0]


@pytest.mark.parametrize("sigma", [None, rd.ar1_covariance(4, 0.7)])
def test_the_shrunk_risk_is_that_of_fitted_data(sigma: np.ndarray | None) -> None:
    model = rd.GaussianLinearModel(14, [0.4, -0.2, 0.3, 0.1], noise_variance=0.8, covariance=sigma)
    W = erm_weights(model, 20_000, model.w_star)
    best = theory.shrinkage_factor(model)
    for factor in (best, 0.3, 1.0):
        risks = model.noise_variance + model.squared_norm(factor * W - model.w_star)
        estimate = Estimate(risks.mean(), risks.std(ddof=1) / len(W) ** 0.5, len(W))
        assert_agrees(estimate, float(theory.shrunk_population_risk(model, factor)), 0.01)
    around = theory.shrunk_population_risk(model, [best - 1e-3, best, best + 1e-3])
    assert around[1] < min(around[0], around[2])
    assert around[1] == pytest.approx(0.8 * (1 + best * 4 / 9), rel=1e-12)


def test_isotropic_remote_risk_is_the_scalar_curve() -> None:
    model = rd.GaussianLinearModel(80, rd.two_level_weights(50, 0.5), noise_variance=2.0)
    rates = np.array([0.0, 1.0, 30.0, 200.0])
    scalar = theory.remote_gaussian_distortion(1 / 16, 2 / 29, rates / 50)
    np.testing.assert_allclose(theory.remote_population_risk(model, rates), 2 + 50 * scalar, rtol=1e-12)
    np.testing.assert_allclose(
        theory.remote_population_risk(model, rates, 1 / 16), 2 + 50 * scalar, rtol=1e-12
    )
    # At an infinite rate nothing is lost but what linear shrinkage leaves.
    left = theory.shrunk_population_risk(model, theory.shrinkage_factor(model))
    assert theory.remote_population_risk(model, np.inf) == pytest.approx(left, rel=1e-12)


@pytest.mark.parametrize("covariance", [0.5, np.array([0.1, 1.0, 0.4]), rd.ar1_covariance(3, -0.6)])
def test_the_remote_risk_is_what_its_test_channel_does(covariance: np.ndarray | float) -> None:
    """A channel built from second moments alone, in other coordinates: its distortion and its information."""
    sigma = rd.ar1_covariance(3, 0.8)
    model = rd.GaussianLinearModel(12, [1.0, 2.0, 3.0], noise_variance=0.7, covariance=sigma)
    C = covariance if np.ndim(covariance) == 2 else np.diag(np.broadcast_to(covariance, 3))
    values, vectors = np.linalg.eigh(sigma)
    root = vectors * np.sqrt(values) @ vectors.T
    N = 0.7 / (12 - 3 - 1) * np.linalg.inv(sigma)
    seen = C + N
    wiener = C @ np.linalg.inv(seen)
    estimated = root @ wiener @ seen @ wiener.T @ root  # covariance of Σ^½ E[w*|W]
    lost = np.trace(sigma @ (C - wiener @ C))
    variances = np.linalg.eigvalsh(estimated)
    for level in (0.5, 0.02, 0.001):
        D = np.minimum(level, variances)
        rate = 0.5 * np.sum(np.log(variances / D))
        risk = theory.remote_population_risk(model, rate, covariance)
        assert risk == pytest.approx(0.7 + lost + D.sum(), rel=1e-9)


@given(st.floats(0.01, 100), st.floats(1e-3, 10), st.floats(0, 200), st.integers(1, 6), st.integers(2, 40))
def test_more_bits_never_hurt_and_shrinking_never_costs(
    signal: float, noise: float, rate: float, d: int, extra: int
) -> None:
    model = rd.GaussianLinearModel(d + extra, np.full(d, signal**0.5), noise_variance=noise)
    risks = theory.remote_population_risk(model, [0.0, rate, 2 * rate, np.inf])
    assert np.all(np.diff(risks) <= 1e-12 * risks[0])
    assert risks[0] == pytest.approx(noise + d * signal, rel=1e-9)
    assert risks[-1] <= theory.erm_population_risk(model) * (1 + 1e-12)


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize(
    "weights", [(0.3, -0.9), pytest.param((5.0, -0.1), marks=pytest.mark.slow), (100.0, 0.2)]
)
def test_the_posterior_mean_is_an_integral_over_the_true_weights(
    prior: MixturePrior, weights: tuple[float, float]
) -> None:
    """With the density of the multivariate t law as it is printed, which knows no g."""
    model = rd.GaussianLinearModel(6, [0.0, 0.0], noise_variance=0.7, covariance=[1.0, 2.0])
    W, nu = np.asarray(weights), 5
    z = np.linspace(-12, 12, 601)
    shares = np.exp(-(z**2) / 2) / np.exp(-(z**2) / 2).sum()
    laws = []
    for pi, m, s in zip(prior.probabilities, prior.means, prior.variances, strict=True):
        laws.append((pi, m + s**0.5 * z, shares) if s else (pi, np.array([m]), np.ones(1)))
    total, moment = 0.0, np.zeros(2)
    for pi, first, p in laws:
        for rho, second, q in laws:
            w = np.stack(np.meshgrid(first, second, indexing="ij"), axis=-1)
            squared = np.sum((W - w) ** 2 * [1.0, 2.0], axis=-1)
            mass = pi * rho * np.outer(p, q) * (1 + squared / 0.7) ** (-(nu + 2) / 2)
            total, moment = total + mass.sum(), moment + np.sum(mass[..., None] * w, axis=(0, 1))
    np.testing.assert_allclose(theory.remote_posterior_mean(model, W, prior), moment / total, atol=1e-10)


def test_no_estimate_of_a_draw_from_the_prior_is_better() -> None:
    """Against linear shrinkage and the posterior mean at one noise variance, paired."""
    model = rd.GaussianLinearModel(11, np.full(8, 0.3))
    prior = MixturePrior.two_level(0.3)
    w_star = np.random.default_rng(5).choice([-0.3, 0.3], (400, 8))
    W = erm_weights(model, 400, w_star)
    ours = theory.remote_posterior_mean(model, W, prior)
    for other in (
        theory.shrinkage_factor(model) * W,
        theory.posterior_mean(prior, W, theory.erm_weight_variance(model)),
    ):
        gain = np.sum((other - w_star) ** 2 - (ours - w_star) ** 2, axis=1)
        assert gain.mean() > 4 * gain.std(ddof=1) / 20


def test_what_has_no_remote_coding_is_refused() -> None:
    correlated = rd.GaussianLinearModel(6, [0.0, 1.0], covariance=rd.ar1_covariance(2, 0.5))
    with pytest.raises(ValueError, match="needs a diagonal covariance"):
        theory.remote_posterior_mean(correlated, [0.0, 1.0], PRIORS[0])
    with pytest.raises(ValueError, match="must be above zero"):
        theory.remote_posterior_mean(rd.GaussianLinearModel(6, [1.0], 0.0), [1.0], PRIORS[0])
    with pytest.raises(ValueError, match="last axis of length d = 2"):
        theory.remote_posterior_mean(rd.GaussianLinearModel(6, [0.0, 1.0]), [1.0], PRIORS[0])
    with pytest.raises(ValueError, match="n > d \\+ 1"):
        theory.remote_population_risk(rd.GaussianLinearModel(3, [0.0, 1.0]), 1.0)
    with pytest.raises(ValueError, match="no factor is best"):
        theory.shrinkage_factor(rd.GaussianLinearModel(6, [0.0, 0.0], 0.0))
    for wrong in (-1.0, np.ones(3), np.array([[1.0, 2.0], [2.0, 1.0]])):
        with pytest.raises(ValueError, match="covariance must"):
            theory.remote_population_risk(rd.GaussianLinearModel(6, [0.0, 1.0]), 1.0, wrong)


def test_nothing_to_estimate_costs_nothing() -> None:
    zero = rd.GaussianLinearModel(6, [0.0, 0.0])
    np.testing.assert_array_equal(theory.remote_population_risk(zero, [0.0, 5.0]), [1.0, 1.0])
    assert theory.shrinkage_factor(zero) == 0
    noiseless = rd.GaussianLinearModel(6, [1.0, 1.0], 0.0)
    assert theory.shrinkage_factor(noiseless) == 1
    assert theory.remote_population_risk(noiseless, np.inf) == 0
