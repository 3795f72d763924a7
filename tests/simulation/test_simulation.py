"""The engine: independence of batches, pairing, resuming, samplers that agree."""

import dataclasses
import pathlib
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ratedist as rd
from ratedist.compressors.base import Compressed, Context
from ratedist.linear_model.quantities import RISK_NAMES
from ratedist.simulation.results import SimulationResult
from tests.statistics import assert_agrees, assert_same

MODEL = rd.GaussianLinearModel(16, rd.two_level_weights(6), 0.5, rd.ar1_covariance(6, 0.5))
COMPRESSORS = {
    "erm": rd.ERM(),
    "oracle": rd.Oracle(alpha=0.3),
    "kmeans": rd.KMeans(2),
    "dithered": rd.UniformQuantizer(0.5, dithered=True),
    "fixed": rd.FixedCodebook([-1.0, 1.0]),
}
# Programs are compiled for each structure of a model and for each set of compressors: tests share these.
FEW = {name: COMPRESSORS[name] for name in ("erm", "fixed")}
DIAGONAL = rd.GaussianLinearModel(16, MODEL.w_star, 0.5, np.linspace(0.5, 2, 6))
KEY = jax.random.key(7)


def run(trials: int = 300, **options) -> SimulationResult:
    return rd.simulate(MODEL, options.pop("compressors", COMPRESSORS), trials, KEY, **options)


def all_estimates(result) -> dict[str, tuple[float, float]]:
    table = {}
    for name in result.compressors:
        for risk in RISK_NAMES:
            estimate = getattr(result[name], risk)
            table[f"{name} {risk}"] = (estimate.mean, estimate.sem)
        for rate, estimate in result[name].rates.items():
            table[f"{name} {rate}"] = (estimate.mean, estimate.sem)
    return table


def assert_equal_up_to_rounding(first, second) -> None:
    first, second = all_estimates(first), all_estimates(second)
    assert first.keys() == second.keys()
    for name, values in first.items():
        np.testing.assert_allclose(values, second[name], rtol=1e-9, atol=1e-13, err_msg=name)


DRAWING = {name: COMPRESSORS[name] for name in ("dithered", "oracle")}
LLOYD = {"lloyd": rd.KMeans(2, rd.Lloyd("random"))}


@pytest.mark.parametrize(
    ("trials", "sizes", "compressors"),
    # Each size of batch compiles all compressors; one trial at a time has that of two that draw.
    [
        pytest.param(256, (1, 256), DRAWING, marks=pytest.mark.slow),
        (300, (7, 256), COMPRESSORS),
        (256, (7, 1000), COMPRESSORS),
        # Its iterations end at different times; what is dithered draws as well.
        pytest.param(300, (7, 256), LLOYD, marks=pytest.mark.slow),
    ],
    ids=["one", "some", "too many", "lloyd"],
)
def test_results_do_not_depend_on_the_batch_size(trials: int, sizes: tuple[int, int], compressors) -> None:
    assert_equal_up_to_rounding(*(run(trials, batch_size=size, compressors=compressors) for size in sizes))


@pytest.mark.parametrize(
    "drawing", [DRAWING, pytest.param(LLOYD, marks=pytest.mark.slow)], ids=["dithered", "lloyd"]
)
def test_what_one_compressor_draws_does_not_depend_on_the_others(drawing) -> None:
    alone, together = run(compressors=drawing), run(compressors=COMPRESSORS | drawing)
    for name in drawing:
        assert alone[name].population_risk.mean == pytest.approx(
            together[name].population_risk.mean, rel=1e-12
        )


def test_differences_are_paired() -> None:
    result = run(2000)
    difference = result.difference("kmeans", "erm").population_risk
    means = result["kmeans"].population_risk, result["erm"].population_risk
    assert difference.mean == pytest.approx(means[0].mean - means[1].mean, rel=1e-12)
    assert difference.sem < (means[0].sem ** 2 + means[1].sem ** 2) ** 0.5
    assert result.difference("dithered", "kmeans").rates["assignment_entropy"].sem >= 0
    assert "fixed_length" not in result.difference("kmeans", "erm").rates
    with pytest.raises(ValueError, match="no compressor 'k'"):
        result.difference("k", "erm")


SAMPLERS = "erm", "statistics", "dataset"


@pytest.fixture(scope="module")
def by_sampler() -> dict[str, SimulationResult]:
    return {
        sampler: rd.simulate(MODEL, COMPRESSORS, 8000, jax.random.key(seed), sampler)  # type: ignore[arg-type]
        for seed, sampler in enumerate(SAMPLERS)
    }


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_identity_12_holds_in_every_simulation(by_sampler, sampler: str) -> None:
    result = by_sampler[sampler]
    erm_empirical = result["erm"].empirical_risk.mean
    for name in COMPRESSORS:
        parts = erm_empirical + result[name].distortion.mean + result[name].generalization_error.mean
        assert result[name].population_risk.mean == pytest.approx(parts, rel=1e-10)


SCALAR = rd.GaussianLinearModel(16, MODEL.w_star, 0.5, 0.3)
# Without a covariance: what tests of the claims compare at n = 80.
IDENTITY = rd.GaussianLinearModel(16, MODEL.w_star, 0.5)


@pytest.mark.parametrize(
    ("model", "kinds"),
    [
        pytest.param(DIAGONAL, FEW, id="diagonal"),
        pytest.param(SCALAR, COMPRESSORS, id="scalar"),
        pytest.param(IDENTITY, COMPRESSORS, id="identity"),
    ],
)
@pytest.mark.slow
def test_three_samplers_agree_whatever_the_covariance(model, kinds) -> None:
    assert_agree(
        [
            rd.simulate(model, kinds, 8000, jax.random.key(seed), sampler)  # type: ignore[arg-type]
            for seed, sampler in enumerate(SAMPLERS)
        ]
    )


def test_three_samplers_agree(by_sampler) -> None:
    assert_agree(list(by_sampler.values()))


def assert_agree(results: list[SimulationResult]) -> None:
    for name in results[0]:
        for risk in RISK_NAMES:
            by_weights, by_statistics, by_dataset = (getattr(result[name], risk) for result in results)
            assert_same(by_weights, by_dataset, 0.02)
            assert_same(by_statistics, by_dataset, 0.02)


@pytest.mark.slow
def test_averaging_the_data_out_lowers_the_variance() -> None:
    """At the papers' setting and K = 2: Rao-Blackwell against the residuals of drawn data sets."""
    model = rd.GaussianLinearModel(80, rd.two_level_weights(50))
    by_dataset, by_weights = (
        rd.simulate(model, {"two": rd.KMeans(2)}, 4000, jax.random.key(11), sampler)["two"]  # type: ignore[arg-type]
        for sampler in ("dataset", "erm")
    )
    for risk in RISK_NAMES:
        assert_same(getattr(by_dataset, risk), getattr(by_weights, risk), 0.01)
    # The law of a risk at n = 80 has heavy tails, so its sample variance moves by a tenth from key to key.
    for risk, factor in (("generalization_error", 3.5), ("empirical_risk", 3.0), ("distortion", 2.1)):
        ratio = (getattr(by_dataset, risk).sem / getattr(by_weights, risk).sem) ** 2
        assert ratio == pytest.approx(factor, rel=0.25), risk
        assert risk != "generalization_error" or ratio > 2.5


def test_without_noise_the_data_still_vary() -> None:
    """At σ = 0 the weights are w* but A varies: a fixed codebook's distortion averages ‖ŵ − w*‖²_Σ."""
    model = rd.GaussianLinearModel(16, np.tile([0.3, -0.2, 0.9], 2), 0.0, MODEL.covariance)
    exact = float(model.squared_norm(np.tile([1.0, -1.0, 1.0], 2) - model.w_star))
    for sampler in ("erm", "statistics", "dataset"):
        result = rd.simulate(model, {"fixed": COMPRESSORS["fixed"]}, 8000, KEY, sampler)["fixed"]  # type: ignore[arg-type]
        assert_agrees(result.distortion, exact, 0.02)
        assert result.population_risk.mean == pytest.approx(exact, rel=1e-12)


def test_an_interpolating_model_has_no_residual() -> None:
    model = rd.GaussianLinearModel(6, np.zeros(6), 1.0, DIAGONAL.covariance)
    kinds = {"erm": rd.ERM(), "fixed": rd.FixedCodebook([0.0, 0.0])}
    result = rd.simulate(model, kinds, 256, KEY, "statistics")
    assert result["erm"].empirical_risk.mean == 0.0
    assert result["fixed"].population_risk.mean == 1.0


@pytest.mark.parametrize(
    ("n", "finite"), [pytest.param(6, False, marks=pytest.mark.slow), (7, False), (8, True)]
)
def test_infinite_expectations_are_an_error_that_says_why(n: int, finite: bool) -> None:
    result = rd.simulate(dataclasses.replace(MODEL, n=n), COMPRESSORS, 256, KEY)
    assert np.isfinite(result["fixed"].population_risk.mean)
    assert_agrees(result["oracle"].distortion, 0.3 * 0.5 * 6 / n, 0.1)
    assert "not reliable" in result["erm"].risks["population_risk"].note
    assert "not reliable" in result["kmeans"].risks["distortion"].note
    assert result["erm"].distortion.note == result["oracle"].distortion.note == ""
    assert result["fixed"].population_risk.note == ""
    if finite:
        assert np.isfinite(result["erm"].population_risk.mean)
    else:
        for name, risk in (("erm", "population_risk"), ("kmeans", "distortion")):
            with pytest.raises(ValueError, match=r"infinite for n <= d \+ 1"):
                getattr(result[name], risk)
        with pytest.raises(ValueError, match="infinite"):
            _ = result.difference("fixed", "erm").population_risk


def test_checkpoint_resumes_to_the_same_numbers(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "state.npz"
    run(40, batch_size=7, checkpoint_path=path)  # so many are left that their batch is one of others
    resumed = run(300, checkpoint_path=path)
    assert_equal_up_to_rounding(resumed, run(300))
    assert_equal_up_to_rounding(run(300, checkpoint_path=path), resumed)  # nothing left to do
    assert [file.name for file in tmp_path.iterdir()] == ["state.npz"]
    with pytest.raises(ValueError, match="already holds 300 trials"):
        run(200, checkpoint_path=path)


def test_checkpoint_of_another_run_is_refused(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "state.npz"
    run(300, checkpoint_path=path)
    for change in (
        {"sampler": "statistics"},
        {"compressors": COMPRESSORS | {"oracle": rd.Oracle(alpha=0.31)}},
        {"compressors": {"erm": rd.ERM()}},
    ):
        with pytest.raises(ValueError, match="belongs to another simulation"):
            run(300, checkpoint_path=path, **change)
    path.write_bytes(b"not a zip file")
    with pytest.raises(ValueError, match="is not a simulation checkpoint"):
        run(300, checkpoint_path=path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="is not a simulation checkpoint"):
        run(300, checkpoint_path=path)


def test_an_interrupted_run_goes_on_where_it_was(tmp_path: pathlib.Path, monkeypatch) -> None:
    from ratedist.simulation import runner

    path, batches = tmp_path / "state.npz", []
    monkeypatch.setattr(runner, "CHECKPOINT_SECONDS", 0.0)
    original = runner.run_batch

    def interrupted(*arguments):
        if len(batches) == 3:
            raise KeyboardInterrupt
        batches.append(1)
        return original(*arguments)

    monkeypatch.setattr(runner, "run_batch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(300, batch_size=7, checkpoint_path=path)
    monkeypatch.setattr(runner, "run_batch", original)
    resumed = run(300, batch_size=7, checkpoint_path=path)
    assert all_estimates(resumed) == all_estimates(run(300, batch_size=7))  # bit for bit
    assert resumed.num_trials == 300


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Curious:
    """Asks for the diagonal of the Hessian and reports its mean."""

    markov: ClassVar[bool] = False
    needs: ClassVar[frozenset[str]] = frozenset({"hessian_diagonal"})

    def prepare(self, model):
        return self

    def heavy_tailed(self, model):
        return frozenset()

    def fixed_rates(self, model):
        return {}

    def compress(self, key: jax.Array, weights: jax.Array, context: Context) -> Compressed:
        assert context.model is None
        assert context.hessian is None
        assert context.hessian_diagonal is not None
        return Compressed(weights, {"mean_hessian": jnp.mean(context.hessian_diagonal)})


def test_compressors_see_what_they_declare_and_the_sampler_follows() -> None:
    assert run().sampler == "erm"
    for sampler in ("auto", "dataset"):
        result = run(2000, compressors={"curious": Curious(), "erm": rd.ERM()}, sampler=sampler)
        assert result.sampler == ("statistics" if sampler == "auto" else "dataset")
        assert_agrees(result["curious"].rates["mean_hessian"], 1.0, 0.01)  # E diag(A/n) = diag Σ = 1
    with pytest.raises(ValueError, match="'erm' draws the weights alone, but curious must see"):
        run(compressors={"curious": Curious()}, sampler="erm")


@pytest.mark.parametrize(
    "method",
    [
        rd.Lloyd("random", num_starts=2),
        pytest.param(rd.Lloyd("quantile"), marks=pytest.mark.slow),
    ],
    ids=["random", "quantile"],
)
def test_long_vectors_take_the_host_path_to_the_same_numbers(method: rd.Lloyd, monkeypatch) -> None:
    from ratedist.compressors import kmeans as module

    short = run(256, return_samples=True)
    monkeypatch.setattr(module, "SHORT_VECTOR", 3)
    monkeypatch.setattr(module, "quantized_side_by_side", lambda *arguments: False)
    few = 64
    long = run(few, compressors={"kmeans": COMPRESSORS["kmeans"], "lloyd": rd.KMeans(2, method)})
    for risk in RISK_NAMES:
        in_trial = short["kmeans"].samples[risk][:few].mean()
        assert getattr(long["kmeans"], risk).mean == pytest.approx(in_trial, rel=1e-10)
    assert long["lloyd"].distortion.mean >= long["kmeans"].distortion.mean - 4 * long["kmeans"].distortion.sem


def test_description_length_rounds_the_centres() -> None:
    kinds = {
        "coarse": rd.KMeans(2, center_bits=8),
        "fine": rd.KMeans(2, center_bits=32),
        "real": rd.KMeans(2),
    }
    result = run(500, compressors=kinds)
    assert result.difference("fine", "real").population_risk.mean == pytest.approx(0, abs=1e-6)
    assert abs(result.difference("coarse", "real").distortion.mean) > 1e-5
    ln2 = np.log(2)
    for name, bits in (("coarse", 8), ("fine", 32)):
        rates = result[name].rates
        # Two symbols: one bit a weight, and the codebook; the header is 2 lengths of a bit and log2 K.
        assert rates["description_length"].mean == pytest.approx((6 + 2 * bits) * ln2, rel=0.02)
        header = rates["decodable_length"].mean - rates["description_length"].mean
        assert header == pytest.approx(3 * ln2, rel=1e-9)
        assert rates["assignment_entropy"].mean <= rates["fixed_length"].mean == pytest.approx(6 * ln2)
    assert "description_length" not in result["real"].rates


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trials": 0}, "num_trials must be at least 1"),
        ({"compressors": {}}, "at least one compressor"),
        ({"compressors": rd.KMeans(2)}, "compressors must be a mapping"),
        ({"compressors": {"k": rd.KMeans}}, "compressor 'k' must be one such as"),
        ({"compressors": {"k": "kmeans"}}, "compressor 'k' must be one such as"),
        ({"sampler": "fast"}, "sampler must be one of auto, erm, statistics, dataset; got 'fast'"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"compressors": {"k": rd.KMeans(7)}}, "num_clusters must be at most the 6 weights, got 7"),
    ],
)
def test_bad_arguments_are_refused_before_any_computing(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(**options)


@pytest.mark.parametrize("key", [0, None, "0", np.random.default_rng(0), jax.random.split(KEY, 2)])
def test_what_is_no_key_is_refused(key) -> None:
    with pytest.raises(ValueError, match="key must be one JAX random key"):
        rd.simulate(MODEL, {"erm": rd.ERM()}, 5, key)


def test_raw_keys_are_keys() -> None:
    typed = rd.simulate(MODEL, {"erm": rd.ERM()}, 256, jax.random.key(3))
    raw = rd.simulate(MODEL, {"erm": rd.ERM()}, 256, jax.random.PRNGKey(3))
    assert typed["erm"] == raw["erm"]
    assert typed.precision == "float64"


@pytest.mark.slow
def test_as_many_clusters_as_weights_distort_nothing_at_any_n() -> None:
    result = rd.simulate(dataclasses.replace(MODEL, n=7), {"all": rd.KMeans(6)}, 256, KEY)["all"]
    assert abs(result.distortion.mean) < 1e-20
    with pytest.raises(ValueError, match="infinite"):
        _ = result.population_risk


def test_risks_too_large_for_their_standard_error_are_refused() -> None:
    """All risks are in proportion to the noise where w* is zero, until their squares are beyond float64."""

    def risks(noise_variance: float) -> rd.Estimate:
        model = rd.GaussianLinearModel(16, np.zeros(6), noise_variance)
        return rd.simulate(model, {"erm": rd.ERM()}, 300, KEY, sampler="statistics")["erm"].empirical_risk

    small, large = risks(1.0), risks(2.0**400)
    np.testing.assert_allclose(
        [large.mean, large.sem], np.array([small.mean, small.sem]) * 2.0**400, rtol=1e-9
    )
    with pytest.raises(ValueError, match="must be at most 1e\\+140 in size, for its standard error"):
        risks(2.0**520)
