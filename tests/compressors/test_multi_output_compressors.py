"""Compressors on weights of several outputs: each against NumPy or its closed form, or refused in words."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ratedist as rd
from ratedist.compressors.base import Context
from ratedist.linear_model.multi_output_sampling import MultiOutputArrays
from tests.statistics import assert_agrees

OUTPUTS, D, N = 3, 4, 14
W_STAR = rd.planted_rank_weights(OUTPUTS, D, 2, seed=0)
NOISE = np.array([[1.0, 0.4, 0.0], [0.4, 0.5, -0.1], [0.0, -0.1, 0.2]])
LOSS = np.array([[1.0, 0.2, 0.0], [0.2, 2.0, 0.0], [0.0, 0.0, 0.5]])
MODEL = rd.MultiOutputLinearModel(N, W_STAR, NOISE, rd.ar1_covariance(D, 0.6), LOSS)
FISHER = rd.MultiOutputLinearModel(N, W_STAR, NOISE, rd.ar1_covariance(D, 0.6), "noise_precision")
PRIOR = rd.theory.MixturePrior.two_level(1.0)
LOSSES = {"matrix": LOSS, "diagonal": np.array([1.0, 2.0, 0.5]), "number": np.asarray(3.0)}


def one_trial(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Weights ``(o·d,)``, and the Hessian A/n of a data set."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((N, D))
    return rng.standard_normal(OUTPUTS * D), X.T @ X / N


@jax.jit
def compress_one(prepared, key, weights, context):
    return prepared.compress(key, weights, context)


def compress(compressor, model, weights, gram):
    """As a simulation does it, in one program."""
    arrays, A = MultiOutputArrays.of(model), jnp.asarray(gram)
    context = Context(arrays, arrays.hessian_diagonal(A), arrays.hessian(A), A).only(compressor.needs)
    return compress_one(compressor.prepare(model), jax.random.key(0), jnp.asarray(weights), context)


def with_loss(form: str) -> tuple[rd.MultiOutputLinearModel, np.ndarray]:
    loss = LOSSES[form]
    full = loss if loss.ndim == 2 else np.diag(np.broadcast_to(loss, OUTPUTS))
    return rd.MultiOutputLinearModel(N, W_STAR, NOISE, MODEL.covariance, loss), full


@pytest.mark.parametrize("form", LOSSES)
def test_the_hessian_is_that_of_the_loss(form) -> None:
    model, loss = with_loss(form)
    weights, gram = one_trial()
    arrays = MultiOutputArrays.of(model)
    expected = np.kron(loss, gram)
    np.testing.assert_allclose(arrays.hessian(jnp.asarray(gram)), expected, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(arrays.hessian_diagonal(jnp.asarray(gram)), np.diag(expected), rtol=1e-13)
    error = weights.reshape(OUTPUTS, D)
    assert weights @ expected @ weights == pytest.approx(np.trace(loss @ error @ gram @ error.T))


@pytest.mark.parametrize("form", LOSSES)
@pytest.mark.parametrize("penalty", [0.0, 1e-6, 2.0, 1e6])
def test_ridge_solves_the_normal_equations_of_all_weights(form, penalty) -> None:
    model, loss = with_loss(form)
    weights, gram = one_trial()
    H = N * np.kron(loss, gram)
    expected = np.linalg.solve(H + penalty * np.eye(OUTPUTS * D), H @ weights)
    found = compress(rd.Ridge(penalty), model, weights, gram)
    np.testing.assert_allclose(found.reconstruction, expected, rtol=1e-9, atol=1e-10 * np.abs(expected).max())
    rounded = compress(rd.QuantizedRidge(penalty, 0.25, 1.5), model, weights, gram)
    np.testing.assert_allclose(rounded.reconstruction, 0.25 * np.round(expected / 0.25), atol=1e-12)


# Each compiles programs of its own; that of a matrix knows no less of the others than ridge's estimate does.
@pytest.mark.parametrize(
    "form", ["matrix", *(pytest.param(form, marks=pytest.mark.slow) for form in ("diagonal", "number"))]
)
def test_a_sample_of_the_posterior_and_what_bits_back_pays_for_it(form) -> None:
    model, loss = with_loss(form)
    weights, gram = one_trial()
    penalty, s2, size = 2.0, 0.7, OUTPUTS * D
    shifted = N * np.kron(loss, gram) + penalty * np.eye(size)
    mean = np.linalg.solve(shifted, N * np.kron(loss, gram) @ weights)
    covariance, tau2 = s2 * np.linalg.inv(shifted), s2 / penalty
    ridge = rd.Ridge(penalty, posterior_variance=s2)
    inner = (np.trace(covariance) + mean @ mean) / tau2
    expected = (inner - size - np.linalg.slogdet(covariance / tau2)[1]) / 2
    assert compress(ridge, model, weights, gram).rates["bits_back"] == pytest.approx(expected, rel=1e-10)
    prepared, context = ridge.prepare(model), Context(input_hessian=jnp.asarray(gram))
    keys = jax.random.split(jax.random.key(3), 20_000)
    samples = jax.jit(jax.vmap(lambda k: prepared.compress(k, jnp.asarray(weights), context).reconstruction))(
        keys
    )
    white = np.linalg.solve(np.linalg.cholesky(covariance), (np.asarray(samples) - mean).T)
    found = white @ white.T / len(keys)
    np.testing.assert_allclose(found, np.eye(size), atol=5 * (2 / len(keys)) ** 0.5)


def test_the_prior_that_a_rounded_ridge_is_coded_by() -> None:
    assert rd.QuantizedRidge(2.0, 0.25).prepare(FISHER).prior_scale == pytest.approx(0.5**0.5)
    with pytest.raises(ValueError, match="loss_matrix is no multiple of the noise precision"):
        rd.QuantizedRidge(2.0, 0.25).prepare(MODEL)
    with pytest.raises(ValueError, match="a model without noise"):
        rd.QuantizedRidge(2.0, 0.25).prepare(rd.MultiOutputLinearModel(N, W_STAR, 0.0))


def test_quantisers_see_all_weights_in_a_row() -> None:
    weights, gram = one_trial(1)
    found = compress(rd.KMeans(3), MODEL, weights, gram)
    np.testing.assert_allclose(found.reconstruction, rd.kmeans(weights, 3).reconstruction, rtol=1e-12)
    importance = np.kron(np.diag(LOSS), np.diag(gram))
    found = compress(rd.HessianWeightedKMeans(3), MODEL, weights, gram)
    np.testing.assert_allclose(
        found.reconstruction, rd.kmeans(weights, 3, importance).reconstruction, rtol=1e-12
    )
    assert rd.KMeans(3).fixed_rates(MODEL)["fixed_length"] == pytest.approx(12 * np.log(3))
    assert rd.FixedCodebook([0.0, 1.0]).fixed_rates(MODEL)["fixed_length"] == pytest.approx(12 * np.log(2))
    assert rd.KMeans(12).prepare(MODEL)
    with pytest.raises(ValueError, match="num_clusters must be at most the 12 weights, got 13"):
        rd.KMeans(13).prepare(MODEL)
    assert rd.KMeans(12).heavy_tailed(MODEL) == rd.ERM().heavy_tailed(MODEL)


@pytest.mark.parametrize(
    ("model", "samplers"),
    [
        (MODEL, ("erm",)),
        *(pytest.param(one, ("erm", "statistics"), marks=pytest.mark.slow) for one in (MODEL, FISHER)),
    ],
    ids=["loss, quickly", "loss", "fisher"],
)
def test_the_oracle_has_the_risks_and_rates_of_its_closed_forms(model, samplers) -> None:
    oracles = {"0.3": rd.Oracle(0.3), "1": rd.Oracle(1.0), "0": rd.Oracle(0.0)}
    for sampler in samplers:
        result = rd.simulate(model, oracles, 4000, jax.random.key(2), sampler)
        for name, oracle in oracles.items():
            a, one = oracle.alpha, result[name]
            assert_agrees(one.population_risk, float(rd.theory.oracle_population_risk(model, a)), 0.1)
            if name != "1" and sampler == "erm":
                expected = float(rd.theory.oracle_generalization_error(model, a))
                assert_agrees(one.generalization_error, expected, 0.1)
        assert_agrees(result["0.3"].distortion, float(rd.theory.oracle_distortion(model, 0.3)), 0.05)
    assert rd.Oracle(0.3).fixed_rates(model).keys() == {"gaussian_bound"}
    expected = OUTPUTS * D / 2 * np.log1p(0.7 * N / (0.3 * (N - D - 1)))
    assert rd.Oracle(0.3).fixed_rates(model)["gaussian_bound"] == pytest.approx(expected)
    assert rd.Oracle(0.3).bounding_rates(model) == {"gaussian_bound": "information"}
    assert rd.Oracle(0.3).heavy_tailed(model) == rd.ERM().heavy_tailed(model) != frozenset()
    assert rd.Oracle(1.0).heavy_tailed(model) == frozenset()
    few = rd.MultiOutputLinearModel(D + 1, W_STAR)
    assert rd.Oracle(0.3).fixed_rates(few) == {}


@pytest.mark.parametrize(
    ("compressor", "message"),
    [
        (rd.PosteriorMean(PRIOR), r"E\[w\*\|W\] is known for one output only, got a model of 3"),
        (rd.Oracle(rate=2.0), "an oracle's rate is known for one output only, got a model of 3"),
        (rd.EntropyConstrained(0.1, PRIOR), r"covariance must be a multiple of the identity.*\(4, 4\)"),
    ],
)
def test_what_is_not_known_for_several_outputs_is_refused_before_anything_is_computed(
    compressor, message, monkeypatch
) -> None:
    monkeypatch.setattr("ratedist.simulation.runner.run_batch", None)
    with pytest.raises(ValueError, match=message):
        rd.simulate(MODEL, {"it": compressor}, 2, jax.random.key(0))
    with pytest.raises(ValueError, match=message):
        rd.check_compressor(compressor, MODEL)


def test_one_scalar_design_needs_one_noise() -> None:
    design = rd.EntropyConstrained(0.1, PRIOR)
    with pytest.raises(ValueError, match=r"noise_covariance must be a multiple of the identity.*\(3,\)"):
        design.prepare(rd.MultiOutputLinearModel(N, W_STAR, [1.0, 1.0, 0.5]))
    several = design.design(rd.MultiOutputLinearModel(N, W_STAR, 0.5, 2.0))
    one = design.design(rd.GaussianLinearModel(N, W_STAR[0], 0.5, 2.0))
    np.testing.assert_array_equal(several.levels, one.levels)


def mixed(key, weights, context):
    scale = jnp.trace(context.input_hessian) / D
    shares = context.hessian_diagonal / (context.hessian_diagonal + 1.0)
    return rd.Compressed(weights * shares * scale / scale + 0.0 * context.hessian[0], {})


@pytest.mark.parametrize(
    "compressor",
    [
        # Quantisers see the same weights in a row, and a sample is drawn around ridge's estimate.
        pytest.param(rd.KMeans(2), marks=pytest.mark.slow),
        pytest.param(rd.HessianWeightedKMeans(2, 0.5, center_bits=9), marks=pytest.mark.slow),
        pytest.param(rd.Ridge(2.0), marks=pytest.mark.slow),
        rd.Ridge(1.0, posterior_variance=1.0),
        pytest.param(rd.Shrunk(rd.UniformQuantizer(0.5, 1.0, dithered=True), 0.9), marks=pytest.mark.slow),
        # Its risks and rates are in closed form above.
        pytest.param(rd.Oracle(0.5), marks=pytest.mark.slow),
        rd.compressor(mixed, markov=False, needs={"input_hessian", "hessian", "hessian_diagonal"}),
    ],
    ids=lambda one: type(one).__name__,
)
def test_every_check_is_passed(compressor) -> None:
    assert len(rd.check_compressor(compressor, MODEL)) == 12


def test_tails_that_are_not_declared_are_seen() -> None:
    same = rd.compressor(lambda key, w, c: rd.Compressed(w, {}), markov=True, heavy_tailed=())
    with pytest.raises(ValueError, match=r"tails: .*must be in heavy_tailed"):
        rd.check_compressor(same, MODEL)
