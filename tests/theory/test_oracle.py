from fractions import Fraction

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

import ratedist as rd
from ratedist import theory
from ratedist.theory import oracle_information
from ratedist.theory.bounds import oracle_cgf
from tests.statistics import assert_agrees

MODEL = rd.GaussianLinearModel(80, rd.two_level_weights(50))


def test_golden_rates() -> None:
    np.testing.assert_allclose(theory.oracle_rate(MODEL, [0.5, 0.02]), [32.9586, 122.4906], atol=5e-5)
    gaussian = theory.oracle_gaussian_rate(MODEL, [0.5, 0.02])
    np.testing.assert_allclose(gaussian, [33.1013, 122.8480], atol=5e-5)
    np.testing.assert_array_equal(theory.oracle_rate(MODEL, [0.0, 1.0]), [np.inf, 0.0])


def test_golden_generalization_errors() -> None:
    errors = theory.oracle_generalization_error(MODEL, [0.1, 0.5])
    np.testing.assert_allclose(errors, [2.0153, 0.8998], atol=5e-5)


def test_rate_in_one_dimension_by_a_plain_double_integral() -> None:
    """h(Ŵ) from a density tabulated by one quadrature and integrated by another, knowing nothing of radii."""
    model, alpha = rd.GaussianLinearModel(5, np.zeros(1)), 0.3

    nodes, weights = np.polynomial.legendre.leggauss(400)
    g, weights = 30 * (nodes + 1), 30 * weights * chi2.pdf(30 * (nodes + 1), 5)
    v = (1 - alpha) ** 2 / g + alpha * (1 - alpha) / 5
    x = np.linspace(-12, 12, 1201)
    p = np.exp(-(x[:, None] ** 2) / (2 * v)) / np.sqrt(2 * np.pi * v) @ weights
    entropy = -np.sum(p * np.log(p)) * (x[1] - x[0])
    noise_entropy = 0.5 * np.log(2 * np.pi * np.e * alpha * (1 - alpha) / 5)
    assert float(theory.oracle_rate(model, alpha)) == pytest.approx(entropy - noise_entropy, abs=2e-4)


@settings(max_examples=25)
@given(st.integers(1, 30), st.integers(2, 60), st.floats(0.001, 0.999))
def test_exact_rate_is_below_the_gaussian_bound(d: int, surplus: int, alpha: float) -> None:
    model = rd.GaussianLinearModel(d + surplus, np.zeros(d))
    exact, bound = theory.oracle_rate(model, alpha), theory.oracle_gaussian_rate(model, alpha)
    assert 0 < exact < bound * (1 + 1e-9)
    # The bound is the tight curve at the channel's own distortion.
    tight = theory.rate_distortion_tight(model, theory.oracle_distortion(model, alpha))
    assert bound == pytest.approx(tight, rel=1e-9)


@settings(max_examples=15)
@given(st.integers(1, 30), st.integers(2, 60), st.floats(0.01, 300))
def test_alpha_at_rate_inverts_the_rate(d: int, surplus: int, rate: float) -> None:
    model = rd.GaussianLinearModel(d + surplus, np.zeros(d))
    alpha = theory.oracle_alpha_at_rate(model, rate)
    if alpha > 1e-300:
        assert theory.oracle_rate(model, alpha) == pytest.approx(rate, rel=1e-9)


@pytest.mark.parametrize("n", [8, 9])
def test_rate_exists_where_the_weights_have_no_variance(n: int) -> None:
    """n = d and n = d + 1: infinite variance, finite rate."""
    model = rd.GaussianLinearModel(n, np.zeros(8))
    alpha = theory.oracle_alpha_at_rate(model, 20.0)
    assert 0 < alpha < 1
    assert theory.oracle_rate(model, alpha) == pytest.approx(20.0, rel=1e-9)


def test_ends_of_the_channel() -> None:
    assert theory.oracle_alpha_at_rate(MODEL, np.inf) == 0.0
    assert theory.oracle_alpha_at_rate(MODEL, 0.0) == 1.0
    assert theory.oracle_population_risk(MODEL, 0.0) == theory.erm_population_risk(MODEL)
    erm = theory.erm_generalization_error(MODEL)
    assert theory.oracle_generalization_error(MODEL, 0.0) == pytest.approx(erm)
    assert theory.oracle_population_risk(MODEL, 1.0) == MODEL.noise_variance
    assert theory.oracle_alpha(MODEL, 0.3125) == 0.5


@pytest.mark.parametrize("alpha", [1e-9, 0.3, 1 - 1e-9, 1 - 2.0**-53])
def test_generalization_error_against_fractions(alpha: float) -> None:
    a = Fraction(alpha)
    expected = (1 - a) ** 2 * Fraction(50, 29) + (1 - a * a) * Fraction(50, 80)
    assert float(theory.oracle_generalization_error(MODEL, alpha)) == pytest.approx(
        float(expected), rel=1e-15
    )


@pytest.mark.slow
@pytest.mark.parametrize("covariance", [None, rd.ar1_covariance(6, 0.7)])
def test_closed_forms_against_simulation(covariance) -> None:
    model = rd.GaussianLinearModel(15, rd.gaussian_weights(6, seed=2), 0.5, covariance)
    oracles = {f"{alpha}": rd.Oracle(alpha=alpha) for alpha in (0.05, 0.4, 0.9)}
    result = rd.simulate(model, oracles, 20_000, jax.random.key(3), "statistics")
    for name in oracles:
        alpha, estimates = float(name), result[name]
        assert_agrees(estimates.distortion, float(theory.oracle_distortion(model, alpha)), 0.002)
        assert_agrees(estimates.population_risk, float(theory.oracle_population_risk(model, alpha)), 0.005)
        assert_agrees(
            estimates.generalization_error, float(theory.oracle_generalization_error(model, alpha)), 0.008
        )
        assert_agrees(estimates.rates["information_density"], float(theory.oracle_rate(model, alpha)), 0.03)


@pytest.mark.parametrize("alpha", [-0.1, 1.1, np.nan])
def test_alpha_outside_the_unit_interval_is_refused(alpha: float) -> None:
    for function in (theory.oracle_rate, theory.oracle_distortion, theory.oracle_population_risk):
        with pytest.raises(ValueError, match="alpha must lie in"):
            function(MODEL, alpha)
    with pytest.raises(ValueError, match="alpha must lie in"):
        rd.Oracle(alpha=alpha)


@pytest.mark.parametrize(("d", "n"), [(2, 6), (50, 80)])
def test_finer_quadrature_changes_nothing_that_is_printed(d: int, n: int, monkeypatch) -> None:
    """Twice the nodes and wider tails: 1e-9 nats, and a share of 5e-9 of the bound, as documented."""
    model = rd.GaussianLinearModel(n, np.ones(d))
    alphas = np.array([1e-3, 0.1, 0.9])
    rates = theory.oracle_rate(model, alphas)
    bounds = [theory.oracle_conditional_cgf_bound(model, alpha).value for alpha in alphas]
    for module in (oracle_information, oracle_cgf):
        monkeypatch.setattr(module, "NODES_PER_WIDTH", 2 * module.NODES_PER_WIDTH)
        monkeypatch.setattr(module, "TAIL_PROBABILITY", 1e-22)
    np.testing.assert_allclose(theory.oracle_rate(model, alphas), rates, rtol=0, atol=1e-9)
    finer = [theory.oracle_conditional_cgf_bound(model, alpha).value for alpha in alphas]
    np.testing.assert_allclose(finer, bounds, rtol=5e-9)
