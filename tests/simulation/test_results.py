"""What a simulation returns: a mapping, a table, values of every trial, and the bound from them."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import ratedist as rd
from ratedist import theory
from ratedist.linear_model.quantities import RISK_NAMES
from ratedist.simulation import trials
from tests.statistics import assert_agrees

MODEL = rd.GaussianLinearModel(16, rd.two_level_weights(6), 0.5, rd.ar1_covariance(6, 0.5))
COMPRESSORS = {
    "erm": rd.ERM(),
    "oracle": rd.Oracle(alpha=0.5),
    "two": rd.KMeans(2, center_bits=16),
    "fixed": rd.FixedCodebook([-1.0, 1.0]),
    "real": rd.KMeans(2),
}
KEY = jax.random.key(1)


@pytest.fixture(scope="module")
def result():
    return rd.simulate(MODEL, COMPRESSORS, 4000, KEY, return_samples=True)


def test_a_result_is_a_mapping(result) -> None:
    assert "two" in result
    assert "three" not in result
    assert 3 not in result
    assert len(result) == 5
    assert list(result) == list(result.keys()) == list(COMPRESSORS)
    assert dict(result)["two"] == result["two"]
    assert next(one.distortion.mean for one in result.values()) == 0.0
    assert result.get("three") is None


def test_unknown_names_say_what_there_is(result) -> None:
    names = "erm, oracle, two, fixed, real"
    for call in (lambda: result["three"], lambda: result.difference("two", "three")):
        with pytest.raises(KeyError, match=f"no compressor 'three' in this result, it has {names}"):
            call()
        with pytest.raises(ValueError, match="no compressor 'three'"):  # what it was before
            call()
    with pytest.raises(KeyError, match="no rate of 'two' 'mutual' in this result, it has fixed_length, ass"):
        _ = result["two"].rates["mutual"]
    with pytest.raises(KeyError, match="it has none"):
        _ = result["erm"].rates["mutual_information"]
    with pytest.raises(KeyError, match="no quantity of 'two' 'risk'"):
        _ = result["two"].samples["risk"]
    assert result["two"].rates.get("mutual") is None
    assert dataclasses.asdict(result["two"])["rates"].keys() == result["two"].rates.keys()


def test_a_frame_holds_every_estimate(result) -> None:
    frame = result.to_frame().set_index(["compressor", "quantity"])
    assert len(frame) == sum(4 + len(one.rates) for one in result.values())
    for name, estimates in result.items():
        for risk in RISK_NAMES:
            assert frame.loc[(name, risk), "mean"] == getattr(estimates, risk).mean
            assert frame.loc[(name, risk), "sem"] == getattr(estimates, risk).sem
        for rate, estimate in estimates.rates.items():
            assert frame.loc[(name, f"rate/{rate}"), "mean"] == estimate.mean
    assert set(frame["num_trials"]) == {4000}


def test_a_frame_says_what_is_infinite() -> None:
    model = dataclasses.replace(MODEL, n=7)
    frame = rd.simulate(model, {"erm": rd.ERM()}, 256, KEY).to_frame().set_index("quantity")
    assert np.isnan(frame.loc["population_risk", "mean"])
    assert np.isnan(frame.loc["population_risk", "sem"])
    assert "infinite for n <= d + 1" in frame.loc["population_risk", "note"]
    assert frame.loc["distortion", "mean"] == 0.0
    assert frame.loc["distortion", "note"] == ""


def test_texts_are_short(result) -> None:
    assert repr(result) == (
        "SimulationResult(erm, oracle, two, fixed, real: 4000 trials, sampler 'erm', float64)"
    )
    text = repr(result["two"])
    assert text.startswith(f"RiskEstimates(population_risk={result['two'].population_risk}, ")
    assert "rates: fixed_length, assignment_entropy" in text
    assert len(text) < 400
    many = rd.simulate(MODEL, {f"c{k}": rd.ERM() for k in range(12)}, 256, KEY)
    assert "c7 and 4 more: 256 trials" in repr(many)


def test_samples_are_the_trials_behind_the_estimates(result) -> None:
    for name, estimates in result.items():
        for risk in RISK_NAMES:
            values, estimate = estimates.samples[risk], getattr(estimates, risk)
            assert values.shape == (4000,)
            assert values.mean() == pytest.approx(estimate.mean, rel=1e-10, abs=1e-13)
            assert values.std(ddof=1) / 4000**0.5 == pytest.approx(estimate.sem, rel=1e-8, abs=1e-13), name
    rates = result["two"].samples["rate/decodable_length"]
    assert rates.mean() == pytest.approx(result["two"].rates["decodable_length"].mean, rel=1e-12)
    assert result["two"].samples["squared_distance"].max() == result["two"].max_squared_distance
    pair = result["two"].samples["distortion"] - result["real"].samples["distortion"]
    assert pair.mean() == pytest.approx(result.difference("two", "real").distortion.mean, rel=1e-9)
    assert rd.simulate(MODEL, {"erm": rd.ERM()}, 256, KEY)["erm"].samples is None


def test_samples_do_not_depend_on_the_batch_size(result) -> None:
    kinds = {name: COMPRESSORS[name] for name in ("oracle", "fixed")}
    again = rd.simulate(MODEL, kinds, 100, KEY, batch_size=7, return_samples=True)
    for name in kinds:
        np.testing.assert_allclose(
            again[name].samples["population_risk"], result[name].samples["population_risk"][:100], rtol=1e-12
        )


def test_samples_are_bounded_in_memory_and_refuse_a_checkpoint(tmp_path, monkeypatch) -> None:
    with pytest.raises(ValueError, match="a checkpoint holds none"):
        rd.simulate(MODEL, {"e": rd.ERM()}, 256, KEY, checkpoint_path=tmp_path / "s", return_samples=True)
    with pytest.raises(ValueError, match=r"at most 1 GiB, got 1000000000 trials of 5 values, 37\.3 GiB"):
        rd.simulate(MODEL, {"e": rd.ERM()}, 10**9, KEY, batch_size=256, return_samples=True)
    needed = 256 * (2 * 5 + 1) * 8  # two compressors of five quantities, one of them with a rate
    kinds = {"e": rd.ERM(), "f": rd.FixedCodebook([0.0])}
    monkeypatch.setattr(trials, "SAMPLES_BYTES", needed)
    kept = rd.simulate(MODEL, kinds, 256, KEY, return_samples=True).samples
    assert sum(values.nbytes for values in kept.values()) == needed
    monkeypatch.setattr(trials, "SAMPLES_BYTES", needed - 1)
    with pytest.raises(ValueError, match="trials of 11 values"):
        rd.simulate(MODEL, kinds, 256, KEY, return_samples=True)


def test_bound_of_the_oracle_is_that_of_the_quadrature(result) -> None:
    exact = theory.oracle_conditional_cgf_bound(MODEL, 0.5).value
    bound = result["oracle"].generalization_bound("mutual_information")
    assert_agrees(bound, exact, 0.01)
    assert bound.num_trials == 2000
    assert result["oracle"].generalization_bound("gaussian_bound").mean > bound.mean
    truth = float(theory.oracle_generalization_error(MODEL, 0.5))
    assert_agrees(result["oracle"].generalization_error, truth, 0.01)
    assert truth < bound.mean


@pytest.mark.parametrize("rate", ["decodable_length", "description_length"])
def test_bound_from_code_lengths_against_brute_force(result, rate: str) -> None:
    """λ that minimises B on the first half, B there on the second, trial by trial."""
    two = result["two"]
    variance = two.samples["population_risk"]
    eta = two.samples[f"rate/{rate}"] / MODEL.n

    def terms(slope: float, part: slice) -> np.ndarray:
        s = variance[part]
        return eta[part] / slope + s - np.log1p(2 * slope * s) / (2 * slope)

    first, second = slice(0, 2000), slice(2000, None)
    best = minimize_scalar(lambda x: terms(np.exp(x), first).mean(), bounds=(-9, 9), method="bounded").x
    expected = terms(np.exp(best), second)
    bound = two.generalization_bound(rate)
    assert bound.mean == pytest.approx(expected.mean(), rel=1e-6)
    assert bound.sem == pytest.approx(expected.std(ddof=1) / 2000**0.5, rel=1e-4)
    assert bound.mean > two.generalization_error.mean


def seeing(key, weights, context):
    """A sign for each weight, in one bit; to take the Hessian's part makes it no shorter."""
    signs = jnp.sign(weights * context.hessian_diagonal)
    return rd.Compressed(signs, {"bits": jnp.asarray(weights.size * math.log(2)), "entropy": jnp.zeros(())})


@pytest.mark.parametrize(
    ("compressor", "bounding", "other"),
    [
        (
            rd.compressor(
                seeing,
                markov=False,
                needs={"hessian_diagonal"},
                heavy_tailed=(),
                bounding_rates={"bits": "code_length"},
            ),
            "bits",
            "entropy",
        ),
        pytest.param(
            rd.HessianWeightedKMeans(2, center_bits=16),
            "decodable_length",
            "assignment_entropy",
            marks=pytest.mark.slow,
        ),
    ],
    ids=["signs", "clusters"],
)
def test_bound_of_a_compressor_that_sees_the_data_by_its_code_length(compressor, bounding, other) -> None:
    result = rd.simulate(MODEL, {"h": compressor}, 500, KEY, return_samples=True)["h"]
    assert result.generalization_bound(bounding).mean > result.generalization_error.mean
    with pytest.raises(ValueError, match="S → W → Ŵ does not hold, so nothing else bounds"):
        result.generalization_bound(other)


@pytest.mark.parametrize(
    ("name", "rate", "message"),
    [
        ("two", "rate", "no rate of 'two' 'rate'"),
        (
            "two",
            "assignment_entropy",
            r"not an upper bound on I\(W; Ŵ\), nor .* decodable_length, description",
        ),
        ("two", "fixed_length", "those of 'two' that do are decodable_length, description_length"),
        ("two", "huffman_length", "those of 'two' that do are"),
        ("real", "assignment_entropy", "give it center_bits and take decodable_length"),
        ("oracle", "information_density", "those of 'oracle' that do are mutual_information, gaussian_bound"),
        ("fixed", "assignment_entropy", "those of 'fixed' that do are fixed_length"),
        ("erm", "entropy", "it has none"),
    ],
)
def test_rates_that_bound_nothing_are_refused(result, name: str, rate: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        result[name].generalization_bound(rate)


def test_a_bound_needs_samples_and_an_expectation(result) -> None:
    kinds = {name: COMPRESSORS[name] for name in ("oracle", "fixed")}
    without = rd.simulate(MODEL, COMPRESSORS, 256, KEY)
    with pytest.raises(ValueError, match="return_samples=True"):
        without["fixed"].generalization_bound("fixed_length")
    few = rd.simulate(MODEL, {"fixed": COMPRESSORS["fixed"]}, 3, KEY, return_samples=True)
    with pytest.raises(ValueError, match="at least 4 samples"):
        few["fixed"].generalization_bound("fixed_length")
    with pytest.raises(ValueError, match="for one compressor, got the difference of two"):
        result.difference("two", "fixed").generalization_bound("fixed_length")
    edge = rd.simulate(dataclasses.replace(MODEL, n=7), kinds, 256, KEY, return_samples=True)
    with pytest.raises(ValueError, match="population_risk of Oracle is infinite"):
        edge["oracle"].generalization_bound("mutual_information")
    assert edge["fixed"].generalization_bound("fixed_length").note == ""
    heavy = rd.simulate(dataclasses.replace(MODEL, n=9), kinds, 256, KEY, return_samples=True)
    assert "variance" in heavy["oracle"].generalization_bound("mutual_information").note
