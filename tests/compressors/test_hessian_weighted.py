"""Hessian-weighted and diameter-regularised K-means against the NumPy quantiser, draw by draw."""

import dataclasses

import jax
import numpy as np
import pytest

import ratedist as rd
from ratedist import codes
from ratedist.compressors.base import Context
from ratedist.quantizers import quantization_objective
from ratedist.simulation import engine
from ratedist.units import nats_to_bits

D = 20
MODEL = rd.GaussianLinearModel(30, rd.gaussian_weights(D, seed=0), covariance=np.linspace(0.3, 3.0, D))
KEY = jax.random.key(3)
BETAS = (0.0, 0.5, 3.0, 40.0)


def draws(count: int = 8, d: int = D) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, d)), rng.exponential(size=(count, d)) + 0.05


@jax.jit
def compress(bound, weights, importance):
    def one(w, h):
        return bound.compress(KEY, w, Context(hessian_diagonal=h))

    return jax.vmap(one)(weights, importance)


@pytest.mark.parametrize("penalty", ["squared", pytest.param("linear", marks=pytest.mark.slow)])
@pytest.mark.parametrize("beta", [*BETAS[1:], pytest.param(BETAS[0], marks=pytest.mark.slow)])
def test_descent_equals_numpy_from_the_same_start(penalty, beta) -> None:
    weights, importance = draws()
    bound = rd.HessianWeightedKMeans(5, beta, rd.Lloyd("quantile"), penalty).prepare(MODEL)
    out = compress(bound, weights, importance)
    for w, h, reconstruction in zip(weights, importance, out.reconstruction, strict=True):
        expected = rd.kmeans(
            w, 5, h, method=rd.Lloyd(init="quantile"), diameter_penalty=beta, penalty=penalty
        )
        np.testing.assert_allclose(reconstruction, expected.reconstruction, atol=1e-9)


@pytest.mark.parametrize("beta", [0.0, 2.0])
@pytest.mark.slow
def test_optimal_is_the_certified_optimum(beta) -> None:
    weights, importance = draws(4)
    out = compress(rd.HessianWeightedKMeans(4, beta).prepare(MODEL), weights, importance)
    for w, h, reconstruction in zip(weights, importance, np.asarray(out.reconstruction), strict=True):
        expected = rd.kmeans(w, 4, h, method="optimal", diameter_penalty=beta)
        assert expected.converged
        value = quantization_objective(w, reconstruction, h, np.ptp(reconstruction), beta)
        assert value == pytest.approx(expected.objective, rel=1e-6)
        np.testing.assert_allclose(reconstruction, expected.reconstruction, atol=1e-6)


def test_two_centres_of_equal_mass_are_shrunk() -> None:
    """K = 2: the penalty draws both centres to the mean by 1/(1 + β(A + B)/(AB))."""
    rng = np.random.default_rng(1)
    weights = np.where(np.arange(D) % 2 == 0, 1.0, -1.0) + 0.01 * rng.normal(size=(3, D)) + 0.4
    importance = np.ones((3, D))
    beta = 1.7
    shrinkage = 1 / (1 + 4 * beta / D)
    regularized = compress(rd.HessianWeightedKMeans(2, beta).prepare(MODEL), weights, importance)
    shrunken = compress(rd.HessianWeightedKMeans(2, shrinkage=shrinkage).prepare(MODEL), weights, importance)
    np.testing.assert_allclose(regularized.reconstruction, shrunken.reconstruction, rtol=1e-12)
    collapsed = compress(rd.HessianWeightedKMeans(2, shrinkage=0.0).prepare(MODEL), weights, importance)
    means = np.average(weights, axis=1, weights=importance)
    np.testing.assert_allclose(
        collapsed.reconstruction, np.broadcast_to(means[:, None], weights.shape), rtol=1e-12
    )


def test_rates_are_those_of_the_codes() -> None:
    weights, importance = draws(5)
    out = compress(rd.HessianWeightedKMeans(4, 1.0, center_bits=16).prepare(MODEL), weights, importance)
    for trial, reconstruction in enumerate(np.asarray(out.reconstruction)):
        counts = np.unique(reconstruction, return_counts=True)[1]
        rates = {name: nats_to_bits(float(values[trial])) for name, values in out.rates.items()}
        assert rates["assignment_entropy"] == pytest.approx(
            nats_to_bits(D * codes.empirical_entropy(counts)), rel=1e-12
        )
        assert rates["huffman_length"] == pytest.approx(codes.huffman_payload_bits(counts))
        assert rates["description_length"] == pytest.approx(rates["huffman_length"] + 4 * 16)
        assert rates["decodable_length"] == pytest.approx(
            rates["description_length"] + codes.header_bits(4, 4)
        )
        np.testing.assert_array_equal(reconstruction, codes.round_to_bits(reconstruction, 16))


@pytest.mark.parametrize(
    "method",
    [pytest.param(rd.Lloyd("quantile"), marks=pytest.mark.slow), rd.Lloyd(), rd.Optimal(tolerance=1e-4)],
    ids=str,
)
def test_long_vectors_go_to_the_host(method) -> None:
    d = 300
    rng = np.random.default_rng(2)
    w, h = rng.normal(size=d), rng.exponential(size=d)
    model = rd.GaussianLinearModel(400, np.zeros(d))
    bound = rd.HessianWeightedKMeans(3, 5.0, method).prepare(model)
    out = jax.jit(bound.compress)(KEY, jax.numpy.asarray(w), Context(hessian_diagonal=jax.numpy.asarray(h)))
    expected = rd.kmeans(w, 3, h, method=method, diameter_penalty=5.0)
    np.testing.assert_allclose(out.reconstruction, expected.reconstruction, atol=1e-12)


def test_it_sees_the_data_and_says_so() -> None:
    compressor = rd.HessianWeightedKMeans(2)
    assert not compressor.markov
    assert compressor.needs == {"hessian_diagonal"}
    with pytest.raises(ValueError, match="must see the data's Hessian"):
        rd.simulate(MODEL, {"hw": compressor}, 5, KEY, "erm")
    with pytest.raises(ValueError, match=r"needs context\.hessian_diagonal"):
        compressor.prepare(MODEL).compress(KEY, jax.numpy.ones(D), Context())
    assert compressor.fixed_rates(MODEL) == {"fixed_length": pytest.approx(D * np.log(2))}
    risks = {"population_risk", "generalization_error"}
    assert compressor.heavy_tailed(MODEL) == {*risks, "distortion", "empirical_risk"}
    assert rd.HessianWeightedKMeans(D).heavy_tailed(MODEL) == risks
    assert len(rd.HessianWeightedKMeans(D, 1.0).heavy_tailed(MODEL)) == 4


@pytest.mark.usefixtures("none_dropped")
def test_a_sweep_over_beta_compiles_once() -> None:
    model = rd.GaussianLinearModel(30, rd.gaussian_weights(6, seed=0), covariance=np.linspace(0.3, 3.0, 6))

    def sweep(betas):
        kinds = {f"{index}": rd.HessianWeightedKMeans(2, beta) for index, beta in enumerate(betas)}
        return rd.simulate(model, kinds, 256, KEY)

    first = sweep((1.0, 5.0))
    assert first.sampler == "statistics"
    compiled = engine._compress.cache_size()
    second = sweep((0.5, 1.0))
    assert engine._compress.cache_size() == compiled
    assert first["0"].population_risk.mean == pytest.approx(second["1"].population_risk.mean, rel=1e-12)
    assert first["0"].population_risk.mean != second["0"].population_risk.mean


@pytest.mark.slow
def test_importance_lowers_the_distortion_where_the_hessian_is_uneven() -> None:
    model = rd.GaussianLinearModel(60, rd.gaussian_weights(6, seed=1), covariance=np.geomspace(0.1, 10, 6))
    kinds = {"hessian": rd.HessianWeightedKMeans(3), "plain": rd.KMeans(3)}
    gain = rd.simulate(model, kinds, 256, KEY).difference("hessian", "plain").distortion
    assert gain.mean < -4 * gain.sem


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_clusters": 0}, "num_clusters must be at least 1"),
        ({"diameter_penalty": -1.0}, "diameter_penalty must lie in"),
        ({"diameter_penalty": np.nan}, "diameter_penalty must lie in"),
        ({"diameter_penalty": np.inf}, "diameter_penalty must lie in"),
        ({"diameter_penalty": [1.0, 2.0]}, "diameter_penalty must be one number"),
        ({"shrinkage": 1.1}, "shrinkage must lie in"),
        ({"method": "algorithm1"}, "method must be one of optimal, lloyd"),
        ({"penalty": "cubic"}, "penalty must be one of"),
        ({"method": rd.Algorithm1()}, "or one of the names optimal, lloyd; got Algorithm1"),
        ({"method": rd.Lloyd("high_rate")}, "init for simulated trials must be one of"),
        ({"method": rd.Lloyd([0.0, 1.0])}, "init for simulated trials must be one of"),
        ({"method": rd.Lloyd(num_starts=3)}, "num_starts is for random initialisations"),
        ({"method": rd.Optimal(tolerance=1e-3)}, "are for a diameter_penalty above zero"),
        ({"center_bits": 100}, "center_bits must be at most 64, got 100"),
    ],
)
def test_bad_settings_are_refused_in_words(settings, message) -> None:
    with pytest.raises(ValueError, match=message):
        rd.HessianWeightedKMeans(**{"num_clusters": 2, **settings})


def test_more_clusters_than_weights() -> None:
    with pytest.raises(ValueError, match="at most the 20 weights, got 21"):
        dataclasses.replace(rd.HessianWeightedKMeans(2), num_clusters=21).prepare(MODEL)
