"""Estimate, then compress: the compressors of remote coding against theory, and what they refuse."""

from typing import Any

import jax
import numpy as np
import pytest

import ratedist as rd
from ratedist.codes.entropy import empirical_entropy
from tests.statistics import assert_agrees

MixturePrior = rd.theory.MixturePrior
LEVELS, GAUSSIAN = MixturePrior.two_level(0.5), MixturePrior.gaussian(0.25)
MODEL = rd.GaussianLinearModel(20, rd.two_level_weights(6, separation=1.0))
COMPRESSORS: dict[str, Any] = {
    "shrunk": rd.Shrunk(rd.ERM(), rd.theory.shrinkage_factor(MODEL)),
    "shrunk rounded": rd.Shrunk(rd.UniformQuantizer(0.4, 0.5), 0.8),
    "posterior mean": rd.PosteriorMean(LEVELS),
    "posterior mean coded": rd.PosteriorMean(MixturePrior.sparse(0.4, 0.5), rd.FixedCodebook([-0.5, 0.5])),
    "uniform": rd.UniformQuantizer(0.3),
    "uniform coded": rd.UniformQuantizer(0.3, 0.5),
    "dithered": rd.UniformQuantizer(0.7, 0.5, dithered=True),
    "designed": rd.EntropyConstrained(0.02, LEVELS),
}


@jax.jit
def compress_rows(prepared, key, weights):
    return jax.vmap(lambda W: prepared.compress(key, W, rd.Context()))(weights)


def compressed(compressor: rd.Compressor, weights: np.ndarray) -> rd.Compressed:
    """What it makes of each row of weights."""
    return jax.device_get(compress_rows(compressor.prepare(MODEL), jax.random.key(0), weights))


@pytest.fixture(scope="module")
def result() -> rd.SimulationResult:
    return rd.simulate(MODEL, COMPRESSORS, 4000, jax.random.key(0), return_samples=True)


@pytest.mark.parametrize(
    "name",
    [
        "dithered",
        *(pytest.param(one, marks=pytest.mark.slow) for one in ("posterior mean coded", "designed")),
    ],
)
def test_each_keeps_what_a_simulation_presumes(name: str) -> None:
    model = rd.GaussianLinearModel(12, rd.two_level_weights(4))
    assert "tails" in rd.check_compressor(COMPRESSORS[name], model, draws=name == "dithered")


def test_the_shrunk_risk_is_the_closed_form(result: rd.SimulationResult) -> None:
    factor = rd.theory.shrinkage_factor(MODEL)
    risk = float(rd.theory.shrunk_population_risk(MODEL, factor))
    assert_agrees(result["shrunk"].population_risk, risk, 0.02)


def test_a_dithered_grid_errs_uniformly_wherever_the_weights_are(result: rd.SimulationResult) -> None:
    exact = float(rd.theory.erm_population_risk(MODEL)) + 6 * 0.7**2 / 12
    assert_agrees(result["dithered"].population_risk, exact, 0.03)
    assert rd.UniformQuantizer(0.7, 0.5, dithered=True).bounding_rates(MODEL) == {
        "code_length": "information"
    }


def test_under_the_law_of_the_design_risk_and_length_are_its_own() -> None:
    compressor, rng = COMPRESSORS["designed"], np.random.default_rng(0)
    design = compressor.design(MODEL)
    w_star = rng.choice([-0.5, 0.5], (5000, 6))
    W = w_star + rng.normal(size=w_star.shape) / 13**0.5
    made = compressed(compressor, W)
    errors = np.sum((made.reconstruction - w_star) ** 2, axis=1)
    for values, expected in ((made.rates["code_length"], design.rate), (errors, design.distortion)):
        estimate = rd.Estimate(values.mean(), values.std(ddof=1) / 5000**0.5, 5000)
        assert_agrees(estimate, 6 * expected, 0.02)


def test_the_estimate_is_that_of_the_reference(result: rd.SimulationResult) -> None:
    draws = np.random.default_rng(0).standard_t(15, (6, 6)) * 0.3 + MODEL.w_star
    for prior in (LEVELS, GAUSSIAN, MixturePrior.sparse(0.3, 0.4)):
        ours = compressed(rd.PosteriorMean(prior), draws).reconstruction
        np.testing.assert_allclose(ours, rd.theory.remote_posterior_mean(MODEL, draws, prior), atol=1e-9)
    # No estimate from W alone is better in the mean over w*, and here every w* of ±½ is as good as any.
    others = ("shrunk", "designed", "uniform")
    for gain in (result.difference("posterior mean", other).population_risk for other in others):
        assert gain.mean < -4 * gain.sem


def test_rounding_and_its_code_by_hand() -> None:
    W = np.array([0.1, 0.14, 0.16, -0.74, -0.76, 3.0])
    made = compressed(rd.UniformQuantizer(0.3, 0.5), W[None])
    np.testing.assert_allclose(made.reconstruction[0], [0, 0, 0.3, -0.6, -0.9, 3.0], atol=1e-15)
    assert made.rates["assignment_entropy"][0] == pytest.approx(6 * empirical_entropy([2, 1, 1, 1, 1]))
    prior = rd.theory.GaussianPrior(0.5)
    expected = rd.theory.code_length([0, 0, 0.3, -0.6, -0.9, 3.0], 0.3, prior).sum()
    assert made.rates["code_length"][0] == pytest.approx(expected, rel=1e-11)


def test_a_design_of_many_levels_is_looked_up_the_same() -> None:
    compressor = rd.EntropyConstrained(2e-3, GAUSSIAN)
    design = compressor.design(MODEL)
    assert design.levels.size > 64
    W = np.linspace(-2, 2, 101)
    made = compressed(compressor, W[None])
    labels = np.sum(W[:, None] > design.thresholds, axis=1)
    np.testing.assert_array_equal(made.reconstruction[0], design.levels[labels])
    assert made.rates["code_length"][0] == pytest.approx(design.code_lengths[labels].sum())


def test_what_bounds_an_information_is_passed_on_only_where_it_does(result: rd.SimulationResult) -> None:
    assert result["shrunk rounded"].generalization_bound("code_length").mean > 0
    assert rd.PosteriorMean(LEVELS, rd.KMeans(2, center_bits=8)).bounding_rates(MODEL).keys() == {
        "decodable_length",
        "description_length",
    }

    def keep(key: jax.Array, weights: jax.Array, context: rd.Context) -> rd.Compressed:
        return rd.Compressed(weights, {})

    told = rd.compressor(
        keep, markov=True, fixed_rates={"told": 99.0}, bounding_rates={"told": "information"}
    )
    assert rd.Shrunk(told, 0.5).bounding_rates(MODEL) == {}


def test_what_sees_more_than_the_weights_is_refused() -> None:
    for seeing in (rd.Oracle(alpha=0.5), rd.Ridge(1.0)):
        with pytest.raises(ValueError, match="nothing but the weights"):
            rd.Shrunk(seeing, 0.5)
        with pytest.raises(ValueError, match="nothing but the weights"):
            rd.PosteriorMean(LEVELS, seeing)


def test_bad_settings_are_refused() -> None:
    for make, words in (
        (lambda: rd.Shrunk(rd.ERM(), 1.5), "factor must lie"),
        (lambda: rd.Shrunk(lambda: None, 0.5), "rd.compressor"),
        (lambda: rd.UniformQuantizer(0.0), "step must be"),
        (lambda: rd.UniformQuantizer(0.1, -1.0), "prior_scale must be"),
        (lambda: rd.UniformQuantizer(0.1, 1.0, "yes"), "dithered must be True or False"),
        (lambda: rd.EntropyConstrained(0.0, LEVELS), "multiplier must be"),
        (lambda: rd.EntropyConstrained(0.1, 1.0), "must be a MixturePrior"),
        (lambda: rd.PosteriorMean(rd.ERM()), "must be a MixturePrior"),
    ):
        with pytest.raises(ValueError, match=words):
            make()
    diagonal = rd.GaussianLinearModel(20, [1.0, 2.0], covariance=[1.0, 2.0])
    with pytest.raises(ValueError, match="multiple of the identity"):
        rd.EntropyConstrained(0.1, LEVELS).prepare(diagonal)
    with pytest.raises(ValueError, match="n > d \\+ 1"):
        rd.EntropyConstrained(0.1, LEVELS).prepare(rd.GaussianLinearModel(3, [1.0, 2.0]))
    for compressor in (rd.EntropyConstrained(0.1, LEVELS), rd.PosteriorMean(LEVELS)):
        with pytest.raises(ValueError, match="noise_variance must be above zero"):
            compressor.prepare(rd.GaussianLinearModel(20, [1.0, 2.0], 0.0))
    rd.PosteriorMean(LEVELS).prepare(diagonal)
