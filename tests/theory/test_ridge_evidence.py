"""Ridge's evidence against the density of labels, its information bound against mixtures and draws."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import chi2, multivariate_normal

from ratedist.estimate import Estimate
from ratedist.linear_model.model import GaussianLinearModel, ar1_covariance
from ratedist.linear_model.weights import two_level_weights
from ratedist.theory import (
    gibbs_posterior,
    gibbs_symmetrized_information,
    ridge_bayes_information,
    ridge_best_penalty,
    ridge_evidence_penalty,
    ridge_expected_log_evidence,
    ridge_information_bound,
    ridge_information_bound_given_gram,
    ridge_log_evidence,
)
from tests.statistics import assert_agrees, assert_same

FIGURE2 = GaussianLinearModel(80, two_level_weights(50))


def mean(values: np.ndarray) -> Estimate:
    return Estimate(float(values.mean()), float(values.std(ddof=1) / math.sqrt(values.size)), values.size)


def data_set(seed: int, d: int = 4, n: int = 12, level: float = 1.0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((d, n))
    return X, X.T @ (level * rng.standard_normal(d)) + 0.7 * rng.standard_normal(n)


def statistics(X, Y):
    return X @ X.T, X @ Y, float(Y @ Y), Y.size


def divergence(mean, precision, prior_variance: float) -> np.ndarray:
    """KL(N(m, Λ⁻¹) ‖ N(0, τ²I)) by its textbook formula."""
    d = mean.shape[-1]
    inner = np.trace(np.linalg.inv(precision), axis1=-2, axis2=-1) + np.sum(mean**2, axis=-1)
    return (inner / prior_variance - d + d * math.log(prior_variance) + np.linalg.slogdet(precision)[1]) / 2


@pytest.mark.parametrize(("d", "n"), [(4, 12), (4, 4), (5, 3)])
@pytest.mark.parametrize(("penalty", "noise"), [(1.0, 0.5), (7.0, 2.0), (1e-3, 0.1)])
def test_evidence_is_the_density_of_the_labels(d, n, penalty, noise):
    X, Y = data_set(1, d, n)
    expected = multivariate_normal(np.zeros(n), noise * (np.eye(n) + X.T @ X / penalty)).logpdf(Y)
    assert ridge_log_evidence(*statistics(X, Y), penalty, noise) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
@pytest.mark.parametrize("level", [1.0, 0.2])
@pytest.mark.parametrize("noise", [0.49, None])
def test_no_other_penalty_has_more_evidence(seed, level, noise):
    X, Y = data_set(seed, level=level)
    data = statistics(X, Y)
    found = ridge_evidence_penalty(*data, noise)
    assert found.prior_variance == pytest.approx(found.noise_variance / found.penalty)
    assert found.log_evidence == pytest.approx(
        ridge_log_evidence(*data, found.penalty, found.noise_variance), rel=1e-12
    )
    noises = [0.49] if noise else np.geomspace(0.05, 5, 15)
    others = [ridge_log_evidence(*data, lam, s2) for lam in np.geomspace(1e-4, 1e6, 60) for s2 in noises]
    assert max(others) <= found.log_evidence + 1e-9
    if math.isfinite(found.penalty) and noise is None:  # the best σ² at the λ found
        near = [ridge_log_evidence(*data, found.penalty, found.noise_variance * f) for f in (0.99, 1.01)]
        assert max(near) < found.log_evidence


def test_labels_of_noise_alone_get_no_prior():
    X, _ = data_set(3)
    Y = 0.1 * np.random.default_rng(5).standard_normal(12)
    found = ridge_evidence_penalty(*statistics(X, Y), 0.49)
    assert found.penalty == math.inf
    assert found.prior_variance == 0


def test_expected_evidence_by_data_sets_and_the_penalty_that_they_choose():
    rng, trials = np.random.default_rng(0), 150
    X = rng.standard_normal((trials, 50, 80))
    Y = np.einsum("tin,i->tn", X, FIGURE2.w_star) + rng.standard_normal((trials, 80))
    data = [statistics(x, y) for x, y in zip(X, Y, strict=True)]
    values = np.array([ridge_log_evidence(*one, 0.5, 1.0) for one in data])
    assert_agrees(mean(values), float(ridge_expected_log_evidence(FIGURE2, 0.5)), max_sem=0.6)
    chosen = np.log([ridge_evidence_penalty(*one, 1.0).penalty for one in data[:60]])
    assert_agrees(mean(chosen), math.log(ridge_best_penalty(FIGURE2)), max_sem=0.02)


MODELS = [
    GaussianLinearModel(6, [1.0, -0.5, 0.3], 0.7, 1.3),
    GaussianLinearModel(6, [1.0, -0.5, 0.3], 0.7, ar1_covariance(3, 0.6)),
]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("lam", "s2", "tau2"), [pytest.param(0.7, 0.7, 1.0, marks=pytest.mark.slow), (2.0, 0.2, 3.0)]
)
def test_information_bound_is_the_mean_divergence_from_the_prior(model, lam, s2, tau2):
    """From data sets, Gibbs' posterior at γ = n/2s² and prior s²/λ, and the textbook divergence."""
    rng, trials = np.random.default_rng(2), 40_000
    sigma = np.eye(3) * model.covariance if np.ndim(model.covariance) == 0 else model.covariance
    X = np.linalg.cholesky(sigma) @ rng.standard_normal((trials, 3, 6))
    Y = np.einsum("tin,i->tn", X, model.w_star) + 0.7**0.5 * rng.standard_normal((trials, 6))
    gram = X @ X.swapaxes(1, 2)
    posterior = gibbs_posterior(gram, (X @ Y[:, :, None])[..., 0], 6, 3 / s2, s2 / lam)
    found = mean(divergence(posterior.mean, posterior.precision, tau2))
    fresh = np.linalg.cholesky(sigma) @ rng.standard_normal((trials, 3, 6))
    given = ridge_information_bound_given_gram(model, fresh @ fresh.swapaxes(1, 2), lam, s2, tau2)
    assert_same(found, mean(given), max_sem=0.05)
    if np.ndim(model.covariance) == 0:
        assert_agrees(found, float(ridge_information_bound(model, lam, s2, tau2)), max_sem=0.05)


def information_of_one_weight(n: int, w: float, lam: float, s2: float, noise: float):
    """I(S; Ŵ) for d = 1 and fixed w*: the law of Ŵ is a mixture over A ~ χ²_n, integrated on two grids."""
    u, du = np.polynomial.legendre.leggauss(400)
    root = (1 + u) / 2 * (math.sqrt(n) + 9)
    a = root**2
    p = chi2.pdf(a, n) * 2 * root * du / 2 * (math.sqrt(n) + 9)
    spread = noise * a / (a + lam) ** 2 + s2 / (a + lam)
    x = np.linspace(-12, 12, 12_001) * math.sqrt(spread.max()) + w / 2
    density = np.exp(-((x[:, None] - a / (a + lam) * w) ** 2) / 2 / spread) / np.sqrt(2 * np.pi * spread) @ p
    positive = density > 0
    entropy = -np.sum(density[positive] * np.log(density[positive])) * (x[1] - x[0])
    return entropy - p @ np.log(2 * np.pi * math.e * s2 / (a + lam)) / 2, x, density


@pytest.mark.parametrize("n", [pytest.param(1, marks=pytest.mark.slow), 5])
@pytest.mark.parametrize(("lam", "s2", "tau2"), [(1.0, 0.5, 0.5), (0.2, 0.5, 1.0), (3.0, 2.0, 0.7)])
def test_bound_is_the_information_and_how_far_the_prior_is_off(n, lam, s2, tau2):
    """``E KL(P_{Ŵ|S} ‖ Q) − I(S; Ŵ) = KL(P_Ŵ ‖ Q)``, each of the three by itself."""
    model = GaussianLinearModel(n, [0.8], 0.5)
    information, x, density = information_of_one_weight(n, 0.8, lam, s2, 0.5)
    prior = -(x**2) / 2 / tau2 - math.log(2 * math.pi * tau2) / 2
    inside = density > 0
    off = np.sum(density[inside] * (np.log(density[inside]) - prior[inside])) * (x[1] - x[0])
    bound = float(ridge_information_bound(model, lam, s2, tau2))
    assert bound == pytest.approx(information + off, rel=2e-4)
    assert bound > information > 0


@pytest.mark.parametrize("n", [2, 5])
def test_bound_is_an_equality_for_the_prior_of_bayes(n):
    """In the mean over w* ~ N(0, τ²): it is linear in w*², so that the mean is its value at w* = τ."""
    tau2, noise = 0.8, 0.5
    lam = noise / tau2
    bayes = float(ridge_information_bound(GaussianLinearModel(n, [tau2**0.5], noise), lam))
    marginal = quad(lambda t: 2 * t * chi2.pdf(t * t, n) * math.log1p(t * t / lam) / 2, 0, 15)[0]
    assert bayes == pytest.approx(marginal, rel=1e-9)
    assert float(ridge_bayes_information(GaussianLinearModel(n, [3.0]), lam)) == pytest.approx(
        marginal, rel=1e-9
    )
    # Any other prior costs more, by its divergence from the marginal N(0, τ²).
    other = float(ridge_information_bound(GaussianLinearModel(n, [tau2**0.5], noise), lam, noise, 2 * tau2))
    assert other - marginal == pytest.approx((1 / 2 - 1 + math.log(2)) / 2, rel=1e-9)


@pytest.mark.parametrize("n", [20, 50, 80])
def test_bound_at_matched_norm_is_the_information_of_bayes(n):
    """‖w*‖² = dτ² does what the mean over w* does."""
    model = GaussianLinearModel(50, 0.6 * two_level_weights(50), 0.9)
    lam = ridge_best_penalty(model)
    assert ridge_information_bound(model, lam, num_samples=n) == pytest.approx(
        float(ridge_bayes_information(model, lam, n)), rel=1e-11
    )


def test_two_bounds_on_one_information():
    """γ·gen = I + L ≥ I bounds it too: larger than the divergence at the setting of Figure 2."""
    for lam in (0.3, 1.0, 3.0):
        divergence_bound = float(ridge_information_bound(FIGURE2, lam))
        assert divergence_bound < gibbs_symmetrized_information(FIGURE2, 40.0, 1 / lam)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ridge_information_bound(FIGURE2, 0.0), "prior_variance must be given"),
        (
            lambda: ridge_information_bound(FIGURE2, 0.0, 1.0, 1.0, 50),
            r"penalty must be above 0 for n <= d \+ 1",
        ),
        (lambda: ridge_information_bound(FIGURE2, 1.0, -1.0), "posterior_variance"),
        (lambda: ridge_information_bound(GaussianLinearModel(3, [1.0], 0.0), 1.0), "without noise"),
        (
            lambda: ridge_information_bound_given_gram(MODELS[0], np.zeros((3, 3)), 0.0, 1.0, 1.0),
            "invertible",
        ),
        (lambda: ridge_bayes_information(FIGURE2, 0.0), "above 0"),
        (lambda: ridge_expected_log_evidence(GaussianLinearModel(3, [1.0], 0.0), 1.0), "must have noise"),
        (
            lambda: ridge_evidence_penalty(np.eye(3), np.ones(3), 4.0, 3),
            "num_samples must be above the rank 3",
        ),
        (lambda: ridge_evidence_penalty(np.eye(3), np.ones(3), 3.0, 9), "no residual"),
        (lambda: ridge_evidence_penalty(np.eye(3), np.ones(3), 2.0, 9), "squared_labels must be at least"),
        (lambda: ridge_evidence_penalty(-np.eye(3), np.ones(3), 2.0, 9), "negative eigenvalue"),
        (lambda: ridge_log_evidence(np.eye(3), np.ones(2), 4.0, 3, 1.0, 1.0), "shapes"),
        (lambda: ridge_log_evidence(np.eye(3), np.ones(3), 4.0, 3, 0.0, 1.0), "penalty"),
    ],
)
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()
