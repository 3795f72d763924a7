"""Which moments of a risk exist: from the law of W, a risk at a time."""

import jax
import numpy as np
import pytest
from scipy import stats

import ratedist as rd
from ratedist import theory
from ratedist.compressors import tails
from ratedist.linear_model.quantities import RISK_NAMES
from tests.statistics import assert_agrees

D = 6
KEY = jax.random.key(2)
ZERO = {"zero": rd.FixedCodebook([0.0])}
THREE = {"erm": rd.ERM(), "two": rd.KMeans(2), "half": rd.Oracle(alpha=0.5)}


def model_at(excess: int, d: int = D, noise_variance: float = 1.0) -> rd.GaussianLinearModel:
    return rd.GaussianLinearModel(d + excess, rd.two_level_weights(d), noise_variance)


@pytest.mark.parametrize("excess", range(13))
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_moments_exist_where_the_law_says(excess: int, order: int) -> None:
    """‖W − w*‖² is a multiple of an F variable: each decade of E x^k must weigh less than the one before."""
    model = model_at(excess)
    law = stats.f(D, model.degrees_of_freedom)
    decades = 10.0 ** np.arange(7, 9)
    weight = [one**order * one * law.pdf(one) for one in decades]
    converges = weight[1] < 0.97 * weight[0]
    assert converges == (order < tails.moment_limit(rd.ERM(), model, "population_risk"))
    assert converges == (excess > 2 * order - 1)
    assert tails.moment_limit(rd.ERM(), model, "distortion") == np.inf


@pytest.mark.parametrize(
    ("sampler", "excess"),
    [
        ("erm", 0),
        ("statistics", 1),
        *(pytest.param("erm", excess, marks=pytest.mark.slow) for excess in (1, 3)),
        pytest.param("dataset", 0, marks=pytest.mark.slow),
        *(pytest.param("statistics", excess, marks=pytest.mark.slow) for excess in (0, 3)),
    ],
)
def test_exact_and_light_tailed_risks_are_given_at_every_n(sampler, excess: int) -> None:
    """Ŵ = 0: population risk σ² + ‖w*‖², distortion ‖w*‖² + dσ²/n, gen 0; the oracle at rate 0: σ²."""
    model = model_at(excess)
    kinds = ZERO | {"oracle": rd.Oracle(rate=0), "half": rd.Oracle(alpha=0.5), "erm": rd.ERM()}
    result = rd.simulate(model, kinds, 4000, KEY, sampler)
    zero, oracle = result["zero"], result["oracle"]
    assert zero.population_risk.mean == pytest.approx(1 + D, rel=1e-12)
    assert_agrees(zero.distortion, D + D / model.n, 0.1)
    assert_agrees(zero.empirical_risk, 1 + D, 0.1)
    assert_agrees(zero.generalization_error, 0.0, 0.1)
    assert oracle.population_risk.mean == 1.0
    assert oracle.population_risk.sem == 0.0
    assert theory.oracle_population_risk(model, 1.0) == 1.0
    assert theory.oracle_generalization_error(model, 1.0) == 0.0
    assert_agrees(oracle.distortion, D / model.n, 0.02)
    assert_agrees(result["half"].distortion, 0.5 * D / model.n, 0.02)
    assert result["erm"].distortion.mean == pytest.approx(0.0, abs=1e-12)
    assert result["erm"].empirical_risk.mean == pytest.approx(excess / model.n, abs=0.1)
    for name in ("zero", "oracle"):
        assert [getattr(result[name], risk).note for risk in RISK_NAMES] == [""] * 4
    for name in ("half", "erm"):
        assert result[name].distortion.note == result[name].empirical_risk.note == ""
        if excess > 1:
            assert "not reliable" in result[name].population_risk.note
        else:
            for risk in ("population_risk", "generalization_error"):
                with pytest.raises(ValueError, match=rf"infinite for n <= d \+ 1 \(n = {model.n}, d = 6\)"):
                    getattr(result[name], risk)


def test_a_difference_of_infinite_risks_has_no_expectation() -> None:
    result = rd.simulate(model_at(1), THREE, 256, KEY)
    with pytest.raises(
        ValueError, match=r"generalization_error of KMeans has no expectation: .* both infinite"
    ):
        _ = result["two"].generalization_error
    with pytest.raises(ValueError, match="expected generalization_error of ERM is infinite"):
        _ = result["erm"].generalization_error


def test_averaging_the_data_out_keeps_the_moments_that_exist() -> None:
    """Given W the distortion is the averaged one times χ²_{n+1}/(n + 1): its square is (n + 3)/(n + 1) times
    the averaged one's, exactly, also at n = d."""
    model = model_at(0)
    codebook = {"signs": rd.FixedCodebook([-1.0, 1.0])}
    squares = []
    for seed, sampler in enumerate(("erm", "statistics")):
        result = rd.simulate(model, codebook, 8000, jax.random.key(seed), sampler, return_samples=True)  # type: ignore[arg-type]
        values = result["signs"].samples["distortion"] ** 2
        squares.append((values.mean(), values.std() / 8000**0.5))
    factor = (model.n + 3) / (model.n + 1)
    error = np.hypot(factor * squares[0][1], squares[1][1])
    assert error < 0.04 * squares[1][0]
    assert abs(factor * squares[0][0] - squares[1][0]) < 4 * error


def test_without_noise_nothing_has_tails() -> None:
    model = model_at(0, noise_variance=0.0)
    assert rd.HessianWeightedKMeans(2).heavy_tailed(model) == frozenset()
    result = rd.simulate(model, THREE, 256, KEY)
    for name, estimates in result.items():
        assert estimates.population_risk.mean == pytest.approx(0.0, abs=1e-20), name
        assert [getattr(estimates, risk).note for risk in RISK_NAMES] == [""] * 4


def test_as_many_clusters_as_weights_are_lossless_only_if_no_weight_is_missed_or_rounded() -> None:
    model = model_at(0)
    everything = frozenset(RISK_NAMES)
    of_weights = {"population_risk", "generalization_error"}
    for kind in (rd.KMeans, rd.HessianWeightedKMeans):
        assert kind(D).heavy_tailed(model) == of_weights
        assert kind(D, method="lloyd").heavy_tailed(model) == of_weights
        assert kind(D, method=rd.Lloyd("linear")).heavy_tailed(model) == everything
        assert kind(D, center_bits=16).heavy_tailed(model) == everything
        assert kind(D - 1).heavy_tailed(model) == everything
    # And so it is: the distortion of rounded centres grows with the weights.
    stretched = rd.two_level_weights(D, 2e4)
    weights = jax.numpy.asarray(stretched + np.arange(D))
    compress = jax.jit(rd.KMeans(D, center_bits=8).prepare(model).compress)
    rounded = compress(KEY, weights, rd.compressors.Context())
    assert np.max(np.abs(rounded.reconstruction - weights)) > 10


@pytest.mark.parametrize("excess", range(2, 14))
def test_notes_say_what_the_law_says(excess: int) -> None:
    model = model_at(excess)
    few, many = tails.interval_note(model, 100), tails.interval_note(model, 10**6)
    if excess <= 3:
        assert few == many
        assert "variance of one trial is infinite for n <= d + 3" in few
    elif excess <= 7:
        order, bound = ("third", 5) if excess <= 5 else ("fourth", 7)
        assert few == many
        assert f"the {order} moment of one trial is infinite for n <= d + {bound}" in few
    else:
        assert many == ""
        assert "heavy tails" in few
        assert "100 trials are few" in few


@pytest.mark.parametrize(("d", "excess"), [(1, 8), (6, 9), (50, 30), (3, 100)])
def test_skewness_and_kurtosis_are_those_of_the_law(d: int, excess: int) -> None:
    """E x^k of χ²_d/χ²_ν from the gamma function, against the closed form in use."""
    model = model_at(excess, d)
    nu = model.degrees_of_freedom

    def moment(k: int) -> float:
        return np.prod([(d + 2 * j) / (nu - 2 * j - 2) for j in range(k)])

    m = [moment(k) for k in range(5)]
    variance = m[2] - m[1] ** 2
    third = m[3] - 3 * m[1] * m[2] + 2 * m[1] ** 3
    fourth = m[4] - 4 * m[1] * m[3] + 6 * m[1] ** 2 * m[2] - 3 * m[1] ** 4
    skewness, kurtosis = tails._shape(model)
    assert skewness == pytest.approx(third / variance**1.5, rel=1e-9)
    assert kurtosis == pytest.approx(fourth / variance**2 - 3, rel=1e-9)


def test_the_papers_setting_needs_no_note() -> None:
    assert tails.interval_note(model_at(30, 50), 10_000) == ""


@pytest.mark.slow
@pytest.mark.parametrize("excess", [4, 5, 6, 7, 8, 12, 30])
@pytest.mark.parametrize(("num_trials", "count"), [(100, 200_000), (300, 60_000), (3000, 20_000)])
def test_coverage_of_two_standard_errors(excess: int, num_trials: int, count: int) -> None:
    """ERM's population risk: intervals cover less where a note says so, and what they should elsewhere."""
    model = model_at(excess)
    truth = 1 + D / (excess - 1)
    rng = np.random.default_rng(excess)
    inside = 0
    for _ in range(20):
        shape = (count // 20, num_trials)
        risks = 1 + rng.chisquare(D, shape) / rng.chisquare(model.degrees_of_freedom, shape)
        sem = risks.std(axis=1, ddof=1) / num_trials**0.5
        inside += np.sum(np.abs(risks.mean(axis=1) - truth) <= 2 * sem)
    coverage = inside / count
    error = (0.95 * 0.05 / count) ** 0.5
    student = 2 * stats.t.cdf(2, num_trials - 1) - 1
    note = tails.interval_note(model, num_trials)
    print(f"\nn = d + {excess}, {num_trials} trials: {coverage:.4f} ± {error:.4f} ({note or 'no note'})")
    if note:
        assert coverage < student + 4 * error
    else:
        assert abs(coverage - student) < tails.COVERAGE_TOLERANCE + 4 * error
    if excess <= 8 and num_trials <= 300:
        assert coverage < 0.947
    if excess >= 12:
        predicted = student - tails.coverage_lost(model, num_trials)
        assert abs(coverage - predicted) < 0.25 * tails.coverage_lost(model, num_trials) + 4 * error
