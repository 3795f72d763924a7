"""Ridge as a compressor: the estimate itself, its rates, what they bound, and its risks by every sampler."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ratedist as rd
from ratedist.compressors.base import Context
from ratedist.compressors.inverse_factor import inverse_factor
from ratedist.compressors.tails import infinite_expectations
from tests.statistics import assert_agrees

D = 6
MODEL = rd.GaussianLinearModel(10, rd.gaussian_weights(D, seed=1), noise_variance=0.7)
SQUARE = rd.GaussianLinearModel(D, MODEL.w_star, noise_variance=0.7, covariance=rd.ar1_covariance(D, 0.5))
TRIALS = 4000
S2 = 0.7
COMPRESSORS = {
    "ridge": rd.Ridge(2.0),
    "sample": rd.Ridge(2.0, posterior_variance=S2),
    "rounded": rd.QuantizedRidge(2.0, 0.25),
    "unpenalised": rd.Ridge(0.0),
    "erm": rd.ERM(),
}


def draws(count: int = 30, n: int = 10):
    """W and A/n of data sets, and W_λ's right side XY."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((count, D, n))
    Y = np.einsum("tin,i->tn", X, MODEL.w_star) + 0.7**0.5 * rng.standard_normal((count, n))
    gram, product = X @ X.swapaxes(1, 2), (X @ Y[:, :, None])[..., 0]
    return np.linalg.solve(gram, product[..., None])[..., 0], gram, product


@jax.jit
def compress_all(prepared, keys, weights, hessians):
    return jax.vmap(lambda key, w, h: prepared.compress(key, w, Context(input_hessian=h)))(
        keys, weights, hessians
    )


def compress(compressor, weights, gram):
    keys = jax.random.split(jax.random.key(5), len(weights))
    return compress_all(compressor.prepare(MODEL), keys, jnp.asarray(weights), jnp.asarray(gram / MODEL.n))


@pytest.mark.parametrize("penalty", [0.0, 1e-8, 0.3, 20.0, 1e5, 1e12])
def test_the_estimate_solves_the_normal_equations(penalty) -> None:
    weights, gram, product = draws()
    found = np.asarray(compress(rd.Ridge(penalty), weights, gram).reconstruction)
    expected = np.linalg.solve(gram + penalty * np.eye(D), product[..., None])[..., 0]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10 * np.abs(expected).max())
    if penalty == 0:
        np.testing.assert_array_equal(found, weights)


def test_bits_back_is_the_divergence_of_the_posterior_from_the_prior() -> None:
    weights, gram, product = draws()
    for penalty, s2, tau2 in ((2.0, 0.7, None), (0.5, 0.1, 3.0), (0.0, 1.0, 2.0)):
        found = compress(rd.Ridge(penalty, s2, tau2), weights, gram)
        tau2 = tau2 or s2 / penalty
        shifted = gram + penalty * np.eye(D)
        mean = np.linalg.solve(shifted, product[..., None])[..., 0]
        inner = s2 * np.trace(np.linalg.inv(shifted), axis1=1, axis2=2) + np.sum(mean**2, axis=1)
        log_determinant = np.linalg.slogdet(shifted * tau2 / s2)[1]
        np.testing.assert_allclose(
            found.rates["bits_back"], (inner / tau2 - D + log_determinant) / 2, rtol=1e-9
        )


def test_a_sample_has_the_covariance_of_the_posterior() -> None:
    weights, gram, product = (np.repeat(one[:1], 40_000, axis=0) for one in draws())
    found = np.asarray(compress(rd.Ridge(2.0, S2), weights, gram).reconstruction)
    covariance = S2 * np.linalg.inv(gram[0] + 2 * np.eye(D))
    mean = np.linalg.solve(gram[0] + 2 * np.eye(D), product[0])
    scale = np.sqrt(np.diag(covariance))
    assert np.all(np.abs(found.mean(axis=0) - mean) < 4 * scale / 200)
    white = np.cov(found.T) / np.outer(scale, scale) - covariance / np.outer(scale, scale)
    assert np.all(np.abs(white) < 4 * math.sqrt(2) / 200)


def test_code_length_is_that_of_the_prior_and_of_a_real_code() -> None:
    weights, gram, _ = draws()
    found = compress(rd.QuantizedRidge(2.0, 0.25), weights, gram)
    prior = rd.theory.GaussianPrior((0.7 / 2.0) ** 0.5)
    reconstruction = np.asarray(found.reconstruction)
    np.testing.assert_allclose(reconstruction / 0.25, np.rint(reconstruction / 0.25), atol=1e-12)
    lengths = rd.theory.code_length(reconstruction, 0.25, prior).sum(axis=1)
    np.testing.assert_allclose(found.rates["code_length"], lengths, rtol=1e-10)
    ridge = np.asarray(compress(rd.Ridge(2.0), weights, gram).reconstruction)
    assert np.max(np.abs(ridge - reconstruction)) <= 0.125 * (1 + 1e-12)
    grid = 0.25 * np.arange(-40, 41)
    assert np.exp(-rd.theory.code_length(grid, 0.25, prior)).sum() == pytest.approx(1.0, abs=1e-12)


@functools.cache
def simulated(sampler):
    """All kinds at once, which LAPACK calls in each of them would not survive on two processors."""
    return rd.simulate(MODEL, COMPRESSORS, TRIALS, jax.random.key(3), sampler, return_samples=True)


@pytest.mark.parametrize("sampler", ["statistics", pytest.param("dataset", marks=pytest.mark.slow)])
def test_risks_are_those_of_quadrature(sampler) -> None:
    for name, penalty, s2 in (("ridge", 2.0, 0.0), ("sample", 2.0, S2)):
        risks, found = rd.theory.ridge_risks(MODEL, penalty, s2), simulated(sampler)[name]
        for risk, cap in (
            ("population_risk", 0.05),
            ("empirical_risk", 0.02),
            ("generalization_error", 0.06),
        ):
            assert_agrees(getattr(found, risk), float(getattr(risks, risk)), max_sem=cap)
    bound = float(rd.theory.ridge_information_bound(MODEL, 2.0))
    assert_agrees(simulated(sampler)["sample"].rates["bits_back"], bound, max_sem=0.05)
    assert simulated(sampler).difference("unpenalised", "erm").population_risk.mean == 0


def test_bounds_hold_for_what_they_are_said_of() -> None:
    result = simulated("statistics")
    truth = float(rd.theory.ridge_risks(MODEL, 2.0, S2).generalization_error)
    bound = result["sample"].generalization_bound("bits_back")
    assert bound.mean - 4 * bound.sem > truth
    rounded = result["rounded"].generalization_bound("code_length")
    own = result["rounded"].generalization_error
    assert rounded.mean - own.mean > 4 * math.hypot(rounded.sem, own.sem)
    with pytest.raises(ValueError, match="no rate of 'ridge' 'bits_back'"):
        result["ridge"].generalization_bound("bits_back")


def test_square_and_correlated_inputs_have_finite_risks() -> None:
    """At n = d ERM's expectation is infinite, and that of ridge is not."""
    compressors = {"ridge": rd.Ridge(1.5), "unpenalised": rd.Ridge(0.0)}
    result = rd.simulate(SQUARE, compressors, 8000, jax.random.key(4))
    X = np.linalg.cholesky(SQUARE.covariance) @ np.random.default_rng(1).standard_normal((8000, D, D))
    given = rd.theory.ridge_risks_given_gram(SQUARE, X @ X.swapaxes(1, 2), 1.5)
    for risk in ("population_risk", "empirical_risk"):
        expected, found = getattr(given, risk), getattr(result["ridge"], risk)
        error = math.hypot(found.sem, expected.std() / math.sqrt(expected.size))
        assert error < 0.05
        assert abs(found.mean - expected.mean()) < 4 * error
    with pytest.raises(ValueError, match="infinite for n <= d"):
        _ = result["unpenalised"].population_risk


def test_tails_are_light_with_a_penalty_alone() -> None:
    for one in (rd.Ridge(1e-3), rd.Ridge(1e-3, 1.0), rd.QuantizedRidge(1e-3, 1.0)):
        assert infinite_expectations(one, SQUARE) == {}
    heavy = {"population_risk", "generalization_error"}
    for one in (rd.Ridge(0.0), rd.Ridge(0.0, 1.0, 1.0), rd.QuantizedRidge(0.0, 1.0, 1.0)):
        assert infinite_expectations(one, SQUARE).keys() == heavy
    silent = rd.GaussianLinearModel(D, MODEL.w_star, noise_variance=0.0)
    assert infinite_expectations(rd.Ridge(0.0), silent) == {}
    # The posterior spreads by s²A⁻¹ without any noise in the labels.
    assert infinite_expectations(rd.Ridge(0.0, 1.0, 1.0), silent).keys() == heavy


# By day several outputs have a sample's.
@pytest.mark.parametrize(
    ("compressor", "drawn"),
    [
        (rd.Ridge(1.0), False),
        (rd.Ridge(1e-6), False),
        (rd.Ridge(1.0, posterior_variance=1.0), True),
        (rd.QuantizedRidge(1.0, 0.3), False),
        (rd.Ridge(0.0, 1.0, 1.0), True),
    ],
)
@pytest.mark.slow
def test_they_pass_every_check(compressor, drawn) -> None:
    assert len(rd.check_compressor(compressor, MODEL, draws=drawn)) == 12


def test_a_rate_that_is_too_small_and_tails_that_are_hidden_are_found_out() -> None:
    sample = rd.Ridge(1e-3, posterior_variance=1e-3).prepare(MODEL)

    def cheap(key, weights, context):
        reconstruction, rates = sample.compress(key, weights, context)
        return rd.Compressed(reconstruction, {"bits_back": rates["bits_back"] / 100})

    kinds = {"bits_back": "data_information"}
    false = rd.compressor(cheap, markov=False, needs={"hessian"}, heavy_tailed=(), bounding_rates=kinds)
    with pytest.raises(ValueError, match="bounds: rate 'bits_back' does not bound"):
        rd.check_compressor(false, MODEL)
    light = rd.compressor(
        lambda key, weights, context: rd.Compressed(weights * (1 + 0 * context.hessian[0, 0]), {}),
        markov=False,
        needs={"hessian"},
        heavy_tailed=(),
    )
    with pytest.raises(ValueError, match="tails: generalization_error grows"):
        rd.check_compressor(light, MODEL)


def test_the_inverse_factor() -> None:
    rng = np.random.default_rng(2)
    root = rng.standard_normal((5, 9, 12))
    matrices = root @ root.swapaxes(1, 2)
    factors = np.asarray(jax.jit(jax.vmap(inverse_factor))(jnp.asarray(matrices)))
    np.testing.assert_allclose(
        factors @ factors.swapaxes(1, 2), np.linalg.inv(matrices), rtol=1e-8, atol=1e-10
    )
    np.testing.assert_array_equal(np.tril(factors, -1), 0.0)
    indefinite = jnp.asarray([[1.0, 2.0], [2.0, 1.0]])
    assert np.isnan(np.asarray(jax.jit(inverse_factor)(indefinite))).any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rd.Ridge(-1.0), "penalty"),
        (lambda: rd.Ridge([1.0, 2.0]), "penalty"),
        (lambda: rd.Ridge(1.0, posterior_variance=0.0), "posterior_variance"),
        (lambda: rd.Ridge(1.0, prior_variance=1.0), "posterior_variance too"),
        (lambda: rd.Ridge(0.0, posterior_variance=1.0), "prior_variance must be given"),
        (lambda: rd.QuantizedRidge(1.0, 0.0), "step"),
        (lambda: rd.QuantizedRidge(0.0, 1.0), "prior_variance must be given"),
        (lambda: rd.QuantizedRidge(1.0, 1.0, -1.0), "prior_variance"),
        (lambda: rd.Ridge(1e-320).prepare(MODEL), "penalty / n must lie within"),
        (lambda: rd.Ridge(1e-300, posterior_variance=1e100).prepare(MODEL), "prior_variance must lie within"),
        (lambda: rd.UniformQuantizer(1e-310).prepare(MODEL), "step must lie within"),
        (
            lambda: rd.QuantizedRidge(1.0, 1.0).prepare(rd.GaussianLinearModel(6, MODEL.w_star, 0.0)),
            "without noise",
        ),
    ],
)
def test_bad_settings_are_refused_in_words(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_settings_that_single_precision_does_not_hold() -> None:
    with jax.enable_x64(False):
        for one in (
            rd.Ridge(1e50),
            rd.Ridge(1.0, 1e-50),
            rd.QuantizedRidge(1.0, 1e50),
            rd.UniformQuantizer(1e-50),
        ):
            with pytest.raises(ValueError, match="which is what float32 holds"):
                one.prepare(MODEL)
