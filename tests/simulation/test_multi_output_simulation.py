"""Several outputs simulated: samplers against each other, one output against the model of one, the edges."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ratedist as rd
from ratedist.linear_model.quantities import RISK_NAMES
from tests.statistics import assert_agrees, assert_same

TRIALS = 4000
OUTPUTS, D = 3, 4
W_STAR = rd.planted_rank_weights(OUTPUTS, D, 2, seed=0)
NOISE = np.array([[1.0, 0.4, 0.0], [0.4, 0.5, -0.1], [0.0, -0.1, 0.2]])
LOSS = np.array([[1.0, 0.2, 0.0], [0.2, 2.0, 0.0], [0.0, 0.0, 0.5]])
SIGMA = rd.ar1_covariance(D, 0.6)
MODELS = {
    "matrices": rd.MultiOutputLinearModel(14, W_STAR, NOISE, SIGMA, LOSS),
    "fisher": rd.MultiOutputLinearModel(14, W_STAR, NOISE, SIGMA, "noise_precision"),
    # And more outputs than inputs.
    "diagonals": rd.MultiOutputLinearModel(
        14, W_STAR.T, [1.0, 0.5, 0.2, 0.3], [1.0, 2.0, 0.5], [0.5, 1.0, 3.0, 2.0]
    ),
    "numbers": rd.MultiOutputLinearModel(10, W_STAR.T[:, :2]),
}


def soft(key, weights, context):
    return rd.Compressed(jnp.sign(weights) * jnp.maximum(jnp.abs(weights) - 0.3, 0.0), {})


COMPRESSORS = {
    "erm": rd.ERM(),
    "codebook": rd.FixedCodebook([-1.0, 0.0, 1.0]),
    "soft": rd.compressor(soft, markov=True),
}


# Numbers are what one output is compared with below.
@pytest.fixture(
    scope="module",
    params=[*(name for name in MODELS if name != "numbers"), pytest.param("numbers", marks=pytest.mark.slow)],
)
def by_sampler(request):
    model = MODELS[request.param]
    keys = jax.random.split(jax.random.key(7), 3)
    return model, {
        sampler: rd.simulate(model, COMPRESSORS, TRIALS, key, sampler)
        for sampler, key in zip(("erm", "statistics", "dataset"), keys, strict=True)
    }


def test_every_sampler_agrees_with_every_other(by_sampler) -> None:
    model, results = by_sampler
    assert results["erm"].sampler == "erm"
    for first, second in (("erm", "statistics"), ("erm", "dataset"), ("statistics", "dataset")):
        for name in COMPRESSORS:
            for risk in RISK_NAMES:
                one, other = results[first][name].risks[risk], results[second][name].risks[risk]
                assert_same(one, other, 0.12 * (1 + model.bayes_risk))


def test_erm_has_the_risks_of_the_closed_forms(by_sampler) -> None:
    model, results = by_sampler
    cap = 0.05 * (1 + model.bayes_risk)
    for result in results.values():
        erm = result["erm"]
        assert_agrees(erm.population_risk, rd.theory.erm_population_risk(model), cap)
        assert_agrees(erm.generalization_error, rd.theory.erm_generalization_error(model), cap)
    assert_agrees(results["dataset"]["erm"].empirical_risk, rd.theory.erm_empirical_risk(model), cap)


def test_population_is_empirical_plus_generalisation(by_sampler) -> None:
    _, results = by_sampler
    for result in results.values():
        one = result["codebook"]
        total = one.empirical_risk.mean + one.generalization_error.mean
        assert one.population_risk.mean == pytest.approx(total, rel=1e-10)
    # Averaging the data out leaves no more variance than the statistics have.
    assert results["erm"]["soft"].distortion.sem < 1.05 * results["statistics"]["soft"].distortion.sem


def test_a_wrong_noise_turns_the_comparison_red() -> None:
    """What the tests above accept, they do not accept of a noise covariance without its correlation."""
    model, wrong = (
        MODELS["matrices"],
        rd.MultiOutputLinearModel(14, W_STAR, np.diag(np.diag(NOISE)), SIGMA, LOSS),
    )
    key = jax.random.key(3)
    right_one, wrong_one = (rd.simulate(one, COMPRESSORS, TRIALS, key, "dataset") for one in (model, wrong))
    with pytest.raises(AssertionError):
        assert_same(right_one["soft"].population_risk, wrong_one["soft"].population_risk, 1.0)
    with pytest.raises(AssertionError):
        assert_agrees(wrong_one["erm"].population_risk, rd.theory.erm_population_risk(model), 1.0)


PRIOR = rd.theory.MixturePrior.two_level(1.0)
# Of what sees the weights alone, which are the same, few, and of what sees the data one.
FEW = {
    "erm": rd.ERM(),
    "codebook": rd.FixedCodebook([-1.0, 1.0]),
    "posterior": rd.PosteriorMean(PRIOR),
}
SEEING = {"oracle": rd.Oracle(0.5)}
MANY = FEW | {
    "oracle": rd.Oracle(0.5),
    "shrunk": rd.Shrunk(rd.FixedCodebook([-1.0, 1.0]), 0.9),
    "kmeans": rd.KMeans(2, "lloyd", center_bits=8),
    "uniform": rd.UniformQuantizer(0.5, 1.0, dithered=True),
    "design": rd.EntropyConstrained(0.1, PRIOR),
    "oracle at a rate": rd.Oracle(rate=2.0),
}
RIDGE = {"sample": rd.Ridge(1.0, posterior_variance=0.7), "rounded": rd.QuantizedRidge(2.0, 0.3)}
MANY_SEEING = FEW | SEEING | RIDGE
# The Hessian's diagonal comes from the Gram matrix with either sampler: once.
WEIGHTED = {"weighted": rd.HessianWeightedKMeans(2, 0.5)}


@pytest.mark.parametrize(
    ("sampler", "compressors"),
    [
        ("statistics", SEEING),
        pytest.param("erm", FEW, marks=pytest.mark.slow),
        pytest.param("erm", MANY, marks=pytest.mark.slow),
        pytest.param("statistics", MANY_SEEING | WEIGHTED, marks=pytest.mark.slow),
        pytest.param("dataset", MANY_SEEING, marks=pytest.mark.slow),
    ],
)
def test_one_output_has_the_numbers_of_the_model_of_one(sampler, compressors) -> None:
    """From the same key the same draws, so every trial of every compressor is the same to rounding."""
    w_star = rd.two_level_weights(D)
    one = rd.GaussianLinearModel(12, w_star, 0.7, 2.0)
    several = rd.MultiOutputLinearModel(12, w_star[None], 0.7, 2.0)
    results = [
        rd.simulate(model, compressors, 256, jax.random.key(5), sampler, return_samples=True)
        for model in (one, several)
    ]
    for name in compressors:
        found, expected = (result[name] for result in reversed(results))
        assert found.rates.keys() == expected.rates.keys()
        assert found.infinite == expected.infinite
        assert found.population_risk.note == expected.population_risk.note
        for quantity, values in (expected.samples or {}).items():
            other = (found.samples or {})[quantity]
            np.testing.assert_allclose(other, values, rtol=1e-9, atol=1e-12, err_msg=f"{name} {quantity}")
    if "oracle" not in compressors:
        return
    bounds = [result["oracle"].generalization_bound("gaussian_bound") for result in results]
    assert bounds[1].mean == pytest.approx(bounds[0].mean, rel=1e-12)


def test_no_noise_draws_the_true_weights() -> None:
    model = rd.MultiOutputLinearModel(9, W_STAR, 0 * NOISE, SIGMA, LOSS)
    kinds = COMPRESSORS | {"codebook": rd.FixedCodebook([0.0, 0.0, 0.0])}
    result = rd.simulate(model, kinds, 256, jax.random.key(0))
    assert result["erm"].population_risk.mean == 0.0
    expected = float(model.squared_norm(model.w_star))
    assert result["codebook"].population_risk.mean == pytest.approx(expected, rel=1e-12)
    seen = rd.simulate(model, kinds, 4000, jax.random.key(0), "statistics")
    assert_agrees(seen["codebook"].distortion, expected, 0.1 * expected)


def test_outputs_whose_noise_is_one_and_the_same() -> None:
    """A singular Γ: two outputs share their noise, the difference of their rows is that of W*."""
    shared = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.5]])
    model = rd.MultiOutputLinearModel(14, W_STAR, shared, SIGMA, LOSS)

    def difference(key, weights, context):
        rows = weights.reshape(OUTPUTS, D)
        return rd.Compressed(jnp.concatenate([rows[0] - rows[1], jnp.zeros(2 * D)]), {})

    true = np.concatenate([W_STAR[0] - W_STAR[1], np.zeros(2 * D)])
    expected = model.bayes_risk + float(model.squared_norm(true - model.w_star))
    result = rd.simulate(
        model, {"d": rd.compressor(difference, markov=True), "erm": rd.ERM()}, 3000, jax.random.key(1)
    )
    assert result["d"].population_risk.mean == pytest.approx(expected, rel=1e-12)
    assert_agrees(result["erm"].population_risk, rd.theory.erm_population_risk(model), 0.1)


@pytest.mark.parametrize("n", [D, D + 1])
def test_few_samples_bound_what_is_bounded_and_refuse_the_rest(n: int) -> None:
    model = rd.MultiOutputLinearModel(n, W_STAR, NOISE, SIGMA, LOSS)
    keys = jax.random.split(jax.random.key(2), 2)
    first, second = (
        rd.simulate(model, COMPRESSORS, TRIALS, key, sampler)
        for key, sampler in zip(keys, ("erm", "statistics"), strict=True)
    )
    with pytest.raises(ValueError, match=r"ERM is infinite for n <= d \+ 1"):
        _ = first["erm"].population_risk
    for risk in RISK_NAMES:
        assert_same(first["codebook"].risks[risk], second["codebook"].risks[risk], 0.3)
    assert first["erm"].empirical_risk.mean == pytest.approx(model.bayes_risk * (n - D) / n, abs=1e-12)


def test_single_precision_and_a_badly_conditioned_noise() -> None:
    model, key = MODELS["fisher"], jax.random.key(4)
    with jax.enable_x64(False):
        result = rd.simulate(model, {"erm": rd.ERM()}, TRIALS, key)
        assert result.precision == "float32"
        assert_agrees(result["erm"].population_risk, rd.theory.erm_population_risk(model), 0.1)
    Q = np.linalg.qr(np.random.default_rng(0).standard_normal((OUTPUTS, OUTPUTS)))[0]
    noise = Q * np.array([1.0, 1e-6, 1e-12]) @ Q.T
    bad = rd.MultiOutputLinearModel(14, W_STAR, (noise + noise.T) / 2, SIGMA, "noise_precision")
    for one in (
        bad,
        rd.MultiOutputLinearModel(14, 0 * W_STAR, bad.noise_covariance, SIGMA, "noise_precision"),
    ):
        with jax.enable_x64(False), pytest.warns(UserWarning, match="the weights vary by about.*enable_x64"):
            rd.simulate(one, {"erm": rd.ERM()}, 256, key)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = rd.simulate(bad, COMPRESSORS, TRIALS, key)["erm"]
    assert_agrees(found.population_risk, rd.theory.erm_population_risk(bad), 0.1)


def test_a_run_goes_on_from_its_checkpoint_and_knows_another_model(tmp_path) -> None:
    path, model, key = tmp_path / "state", MODELS["matrices"], jax.random.key(0)
    kinds = {name: COMPRESSORS[name] for name in ("erm", "codebook")}

    def run(model, trials: int, **options):
        return rd.simulate(model, kinds, trials, key, **options)

    run(model, 300, checkpoint_path=path)
    whole, resumed = run(model, 600), run(model, 600, checkpoint_path=path)
    found, expected = (one["codebook"].population_risk.mean for one in (resumed, whole))
    assert found == pytest.approx(expected, rel=1e-13)
    for other in (
        rd.MultiOutputLinearModel(14, W_STAR, 2 * NOISE, SIGMA, LOSS),
        rd.MultiOutputLinearModel(14, W_STAR, NOISE, SIGMA, 2 * LOSS),
        rd.MultiOutputLinearModel(14, W_STAR.T, None),
    ):
        with pytest.raises(ValueError, match="belongs to another simulation"):
            run(other, 600, checkpoint_path=path)


def test_what_is_no_model_and_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="a MultiOutputLinearModel, got"):
        rd.simulate(W_STAR, {"erm": rd.ERM()}, 2, jax.random.key(0))  # type: ignore[arg-type]
    large = rd.MultiOutputLinearModel(1000, np.zeros((1000, 1000)))
    whole = rd.compressor(lambda key, w, c: rd.Compressed(w, {}), markov=False, needs={"hessian"})
    with pytest.raises(
        ValueError, match=r"a trial of the sampler 'statistics' at o = 1000, d = 1000, n = 1000 nee"
    ):
        rd.simulate(large, {"whole": whole}, 1, jax.random.key(0))
