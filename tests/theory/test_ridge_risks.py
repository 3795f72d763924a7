"""Ridge's risks against data sets, integrals by hand, Gibbs' closed form and the limit of many weights."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.stats import chi2

from ratedist.estimate import Estimate
from ratedist.linear_model.model import GaussianLinearModel, ar1_covariance
from ratedist.linear_model.weights import two_level_weights
from ratedist.theory import (
    erm_empirical_risk,
    erm_generalization_error,
    erm_population_risk,
    gibbs_generalization_error,
    marchenko_pastur_resolvent,
    ridge_best_penalty,
    ridge_expected_log_evidence,
    ridge_risks,
    ridge_risks_asymptotic,
    ridge_risks_given_gram,
)
from ratedist.units import nats_to_bits
from tests.statistics import assert_agrees, assert_same

D, TRIALS = 6, 15_000
WEIGHTS = np.array([1.0, -0.5, 0.3, 0.0, 2.0, -1.0])
RISKS = ("population_risk", "empirical_risk", "generalization_error")
FIGURE2 = GaussianLinearModel(80, two_level_weights(50))


def model_of(covariance=None, noise: float = 0.7) -> GaussianLinearModel:
    return GaussianLinearModel(10, WEIGHTS, noise, covariance)


def mean(values: np.ndarray) -> Estimate:
    return Estimate(float(values.mean()), float(values.std(ddof=1) / math.sqrt(values.size)), values.size)


def simulated(model, n: int, penalty: float, posterior_variance: float, seed: int, X=None):
    """The three risks from whole data sets: W_λ by solving, its losses from residuals."""
    rng = np.random.default_rng(seed)
    factor = np.linalg.cholesky(
        np.eye(D) * model.covariance if np.ndim(model.covariance) == 0 else model.covariance
    )
    if X is None:
        X = factor @ rng.standard_normal((TRIALS, D, n))
    Y = np.einsum("tin,i->tn", X, model.w_star) + model.noise_variance**0.5 * rng.standard_normal((TRIALS, n))
    A = X @ X.swapaxes(1, 2) + penalty * np.eye(D)
    W = np.linalg.solve(A, X @ Y[:, :, None])[..., 0]
    upper = np.linalg.cholesky(A).swapaxes(1, 2)
    z = rng.standard_normal((TRIALS, D, 1))
    W = W + posterior_variance**0.5 * np.linalg.solve(upper, z)[..., 0]
    population = model.noise_variance + model.squared_norm(W - model.w_star)
    empirical = np.mean((Y - np.einsum("tin,ti->tn", X, W)) ** 2, axis=1)
    return [mean(values) for values in (population, empirical, population - empirical)]


@pytest.mark.parametrize(
    ("n", "penalty", "posterior_variance"),
    [
        (10, 0.5, 0.0),
        (10, 4.0, 0.7),
        (6, 2.0, 0.0),
        (6, 1.0, 0.3),
        (4, 3.0, 0.0),
        (4, 1.0, 0.7),
        (1, 1.0, 0.5),
    ],
)
def test_risks_by_simulated_data_sets(n, penalty, posterior_variance):
    """Isotropic inputs, n above, at and below d."""
    model = model_of(1.3)
    risks = ridge_risks(model, penalty, posterior_variance, n)
    for name, estimate in zip(RISKS, simulated(model, n, penalty, posterior_variance, n), strict=True):
        assert_agrees(estimate, float(getattr(risks, name)), max_sem=0.06)


@pytest.mark.parametrize(
    ("n", "penalty", "posterior_variance"),
    [(10, 0.5, 0.7), pytest.param(6, 2.0, 0.0, marks=pytest.mark.slow), (4, 3.0, 0.7)],
)
def test_risks_of_correlated_inputs(n, penalty, posterior_variance):
    """Given A against that one A with many noises, and the mean over A against whole data sets."""
    model = model_of(ar1_covariance(D, 0.6))
    rng = np.random.default_rng(7)
    X = np.linalg.cholesky(model.covariance) @ rng.standard_normal((TRIALS, D, n))
    given = ridge_risks_given_gram(model, X @ X.swapaxes(1, 2), penalty, posterior_variance, n)
    for name, estimate in zip(RISKS, simulated(model, n, penalty, posterior_variance, 8), strict=True):
        assert_same(estimate, mean(getattr(given, name)), max_sem=0.06)
    one = np.broadcast_to(X[0], X.shape)
    for name, estimate in zip(RISKS, simulated(model, n, penalty, posterior_variance, 9, one), strict=True):
        assert_agrees(estimate, float(getattr(given, name)[0]), max_sem=0.06)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_one_dimension_by_an_integral(n):
    model, lam, c = GaussianLinearModel(1, [0.8], 0.5, 2.0), 1.7, 2.0

    def integrand(x: float, what: str) -> float:
        a = c * x
        squared = (lam**2 * 0.64 + 0.5 * a) / (a + lam) ** 2
        fit = 0.5 * (1 - 2 * a / (a + lam) / n) + a / n * squared
        return chi2.pdf(x, n) * {"population_risk": 0.5 + c * squared, "empirical_risk": fit}[what]

    risks = ridge_risks(model, lam, num_samples=n)
    for what in ("population_risk", "empirical_risk"):
        # χ²_1 has an integrable pole at 0.
        value = quad(lambda t, what=what: 2 * t * integrand(t * t, what), 0, 15, epsabs=1e-12)[0]
        assert getattr(risks, what) == pytest.approx(value, rel=1e-9)


@settings(max_examples=25)
@given(
    d=st.integers(1, 30),
    n=st.integers(1, 40),
    noise=st.floats(0.0, 10.0),
    covariance=st.floats(0.1, 10.0),
    lam=st.floats(1e-3, 1e4),
    s2=st.floats(0.0, 10.0),
)
def test_identities(d, n, noise, covariance, lam, s2):
    model = GaussianLinearModel(d, two_level_weights(d), noise, covariance)
    risks = ridge_risks(model, lam, s2, n)
    scale = float(risks.population_risk)
    assert risks.population_risk - risks.empirical_risk == pytest.approx(
        float(risks.generalization_error), abs=1e-9 * scale
    )
    assert noise * (1 - 1e-9) <= risks.population_risk
    assert risks.empirical_risk >= 0
    assert 0 <= risks.degrees_of_freedom <= min(n, d) * (1 + 1e-9)
    if n >= d and s2 > 1e-3:
        gibbs = gibbs_generalization_error(
            GaussianLinearModel(n, model.w_star, noise, covariance), n / 2 / s2, s2 / lam
        )
        assert float(risks.generalization_error) == pytest.approx(gibbs, rel=1e-8, abs=1e-9 * scale)


@settings(max_examples=6)
@given(d=st.integers(1, 20), n=st.integers(1, 40), noise=st.floats(0.1, 5.0), level=st.floats(0.1, 5.0))
def test_the_best_penalty_is_best_at_every_n(d, n, noise, level):
    """Least population risk, and largest mean evidence, by a search that knows no formula."""
    model = GaussianLinearModel(d, level * two_level_weights(d), noise)
    best = ridge_best_penalty(model)
    assert best == pytest.approx(noise / level**2)

    def found(value) -> float:
        bounds = (math.log(best) - 2.3, math.log(best) + 1.9)
        return math.exp(minimize_scalar(value, bounds=bounds, method="bounded", options={"xatol": 1e-9}).x)

    assert found(
        lambda x: float(ridge_risks(model, math.exp(x), num_samples=n).population_risk)
    ) == pytest.approx(best, rel=1e-4)
    assert found(lambda x: -float(ridge_expected_log_evidence(model, math.exp(x), n))) == pytest.approx(
        best, rel=1e-4
    )


@pytest.mark.parametrize(("n", "below"), [(2, True), (20, False)])
def test_the_best_penalty_of_unequal_inputs_is_another(n, below):
    """For w* along the stronger input it depends on n; in the mean over two axes it is σ²d/‖w*‖² = 1."""
    covariance = np.diag([4.0, 0.25])
    X = np.sqrt(covariance) @ np.random.default_rng(0).standard_normal((4000, 2, n))
    grid = np.geomspace(0.2, 5.0, 11)

    def best(*weights) -> float:
        models = [GaussianLinearModel(20, w, 1.0, covariance) for w in weights]
        risks = [[ridge_risks_given_gram(m, X @ X.swapaxes(1, 2), x, 0.0, n) for m in models] for x in grid]
        return float(grid[np.argmin([np.mean([one.population_risk for one in row]) for row in risks])])

    strong, weak = np.array([2**0.5, 0.0]), np.array([0.0, 2**0.5])
    assert best(strong, weak) == pytest.approx(1.0, rel=0.2)
    assert best(strong) < 0.7 if below else best(strong) > 2.0


def test_no_penalty_is_erm_and_an_endless_one_is_zero():
    risks = ridge_risks(FIGURE2, [0.0, 1e-10, 1e300], 0.0)
    for k in (0, 1):
        assert risks.population_risk[k] == pytest.approx(erm_population_risk(FIGURE2), rel=1e-9)
        assert risks.empirical_risk[k] == pytest.approx(erm_empirical_risk(FIGURE2), rel=1e-9)
        assert risks.generalization_error[k] == pytest.approx(erm_generalization_error(FIGURE2), rel=1e-9)
        assert risks.degrees_of_freedom[k] == pytest.approx(50, rel=1e-9)
    assert risks.population_risk[2] == pytest.approx(51.0)
    assert risks.degrees_of_freedom[2] == pytest.approx(0.0, abs=1e-290)
    sample = ridge_risks(FIGURE2, [0.0, 1e-10], 2.0)
    for name in (*RISKS, "degrees_of_freedom"):
        assert getattr(sample, name)[0] == pytest.approx(getattr(sample, name)[1], rel=1e-9)


def test_numbers_at_the_setting_of_figure_2():
    from ratedist.theory import ridge_information_bound

    grid = np.geomspace(0.05, 50, 400)
    assert ridge_risks(FIGURE2, grid).population_risk.min() == pytest.approx(2.5791, abs=1e-4)
    quarter = GaussianLinearModel(80, 0.25 * two_level_weights(50))
    assert ridge_risks(quarter, grid).population_risk.min() == pytest.approx(1.8478, abs=2e-4)
    assert nats_to_bits(ridge_information_bound(FIGURE2, 1.0)) == pytest.approx(144.04, abs=0.01)
    # ‖W_1‖²/2τ² by its own means: E‖W_λ‖² = E Σ (a² + a)/(a + 1)² = dof for λ = σ² = ‖w*‖²/d = 1.
    freedom = float(ridge_risks(FIGURE2, 1.0).degrees_of_freedom)
    assert nats_to_bits(freedom / 2) == pytest.approx(34.93, abs=0.01)


def test_a_sample_at_the_best_penalty_has_twice_the_excess_and_the_noise_as_empirical_risk():
    for n in (3, 20, 50):
        model = GaussianLinearModel(20, 0.7 * two_level_weights(20), 0.6)
        lam = ridge_best_penalty(model)
        own, sample = (ridge_risks(model, lam, s2, n) for s2 in (0.0, 0.6))
        assert sample.population_risk - 0.6 == pytest.approx(2 * float(own.population_risk - 0.6), rel=1e-11)
        assert sample.empirical_risk == pytest.approx(0.6, rel=1e-11)


@pytest.mark.parametrize("ratio", [0.625, 1.0, 2.5])
@pytest.mark.parametrize("s2", [0.0, 1.0])
def test_the_limit_is_approached_at_a_fixed_ratio(ratio, s2):
    sizes, errors = (20, 80, 320), []
    for d in sizes:
        model = GaussianLinearModel(d, two_level_weights(d) / d**0.5 * 7, 1.0)
        n, lam = round(d / ratio), 0.05 * d
        exact, limit = ridge_risks(model, lam, s2, n), ridge_risks_asymptotic(model, lam, s2, n)
        errors.append([abs(getattr(limit, name) / getattr(exact, name) - 1) for name in RISKS])
    errors = np.array(errors)
    # A share of about 1/d: a quarter at each step.
    assert np.all(errors[1:] < 0.35 * errors[:-1])
    assert np.all(errors[-1] < 0.01)


def test_the_limit_of_correlated_inputs():
    model = GaussianLinearModel(120, two_level_weights(60), 1.0, ar1_covariance(60, 0.9))
    X = np.linalg.cholesky(model.covariance) @ np.random.default_rng(0).standard_normal((150, 60, 120))
    for lam in (1.0, 30.0):
        given = ridge_risks_given_gram(model, X @ X.swapaxes(1, 2), lam, 1.0)
        limit = ridge_risks_asymptotic(model, lam, 1.0)
        for name in RISKS:
            assert getattr(limit, name) == pytest.approx(getattr(given, name).mean(), rel=0.03)


@pytest.mark.parametrize("gamma", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("z", [0.05, 1.0, 30.0])
def test_marchenko_pastur_by_the_integral_of_its_density(gamma, z):
    low, high = (1 - gamma**0.5) ** 2, (1 + gamma**0.5) ** 2
    middle, radius = (low + high) / 2, (high - low) / 2

    def integrand(angle: float) -> float:
        x = middle + radius * math.cos(angle)
        return (radius * math.sin(angle)) ** 2 / (2 * math.pi * gamma * x) / (x + z)

    value = quad(integrand, 0, math.pi, epsabs=1e-12)[0] + max(1 - 1 / gamma, 0) / z
    assert marchenko_pastur_resolvent(gamma, z) == pytest.approx(value, rel=1e-8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: ridge_risks(GaussianLinearModel(6, WEIGHTS), 0.0),
            r"penalty must be above 0 for n <= d \+ 1",
        ),
        (lambda: ridge_risks(FIGURE2, -1.0), "penalty"),
        (lambda: ridge_risks(FIGURE2, math.inf), "penalty"),
        (lambda: ridge_risks(FIGURE2, 1.0, -1.0), "posterior_variance"),
        (lambda: ridge_risks(FIGURE2, 1.0, num_samples=0), "num_samples"),
        (lambda: ridge_risks(model_of([1.0, 2, 3, 4, 5, 6]), 1.0), "multiple of the identity"),
        (lambda: ridge_best_penalty(model_of(ar1_covariance(D, 0.5))), "multiple of the identity"),
        (lambda: ridge_risks_given_gram(FIGURE2, np.eye(3), 1.0), r"\(..., 50, 50\)"),
        (lambda: ridge_risks_given_gram(model_of(), np.zeros((D, D)), 0.0), "invertible"),
        (lambda: ridge_risks_asymptotic(FIGURE2, 0.0, num_samples=50), "penalty must be above 0"),
        (lambda: marchenko_pastur_resolvent([1.0, 2.0], [1.0, 2.0, 3.0]), "broadcast"),
    ],
)
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("n", [10**6, 10**9, 10**12])
def test_the_limit_of_the_generalization_error_does_not_cancel(n) -> None:
    found = ridge_risks_asymptotic(GaussianLinearModel(n, np.ones(5)), 0.0, posterior_variance=2.0)
    expected = 5 / n * (2 - 5 / n) / (1 - 5 / n) + 2 * (5 / (n - 5) - 5 / n)
    assert found.generalization_error == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(("n", "d"), [(3, 3), (4, 3), (2, 3)])
def test_next_to_as_many_samples_as_weights_the_least_penalty_is_said(n: int, d: int) -> None:
    model = GaussianLinearModel(d, np.ones(d), covariance=2.0)
    assert np.isfinite(ridge_risks(model, 2e-14, num_samples=n).population_risk)
    with pytest.raises(ValueError, match=r"penalty must be at least 2e-14 where n = \d is next to d = 3"):
        ridge_risks(model, [1.0, 1e-14], num_samples=n)


def test_one_weight_and_one_sample_down_to_the_least_penalty() -> None:
    """``E (σ²a + λ²)/(a + λ)²`` over a ~ χ²₁, by quadrature in ln a."""
    logarithm = np.linspace(-80, 8, 200_001)
    root = np.exp(logarithm / 2)
    density = root * np.exp(-(root**2) / 2) / np.sqrt(2 * np.pi)
    for penalty in (1e-2, 1e-8, 1e-14):
        values = (root**2 + penalty**2) / (root**2 + penalty) ** 2 * density
        expected = 1 + np.sum(values) * (logarithm[1] - logarithm[0])
        found = ridge_risks(GaussianLinearModel(1, np.ones(1)), penalty).population_risk
        assert found == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("penalty", [1e-6, 1e-3, 1.0])
def test_the_empirical_risk_of_an_interpolating_fit_keeps_its_digits(penalty: float) -> None:
    """With fewer samples than weights it is of the order of λ², and in the n residuals themselves."""
    generator = np.random.default_rng(3)
    X, w, noise = generator.normal(size=(6, 4)), generator.normal(size=6), 0.7
    found = ridge_risks_given_gram(GaussianLinearModel(6, w, noise), X @ X.T, penalty, 0.0, 4).empirical_risk
    # Residuals are λ(XᵀX + λI)⁻¹Y, and Y = Xᵀw* + noise.
    shrunk = penalty * np.linalg.inv(X.T @ X + penalty * np.eye(4))
    expected = (noise * np.sum(shrunk**2) + np.sum((shrunk @ X.T @ w) ** 2)) / 4
    assert found == pytest.approx(expected, rel=1e-6)
