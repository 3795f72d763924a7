"""The checker: what is built in passes, and every check fails on a compressor broken for it."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ratedist as rd
from ratedist.compressors.check_claims import least_information
from tests.compressors.test_own import NoPytree

MODEL = rd.GaussianLinearModel(9, rd.two_level_weights(4), 0.5, rd.ar1_covariance(4, 0.5))
CHECKS = (
    "declaration", "model_answers", "structure", "output", "purity", "key", "batch", "family", "values",
    "rate_names", "bounds", "tails",
)  # fmt: skip


@pytest.mark.parametrize(
    "compressor",
    [
        rd.KMeans(2),
        # What they are by day is in what only just holds, and at few samples.
        pytest.param(rd.ERM(), marks=pytest.mark.slow),
        pytest.param(rd.Oracle(alpha=0.3), marks=pytest.mark.slow),
        pytest.param(rd.Oracle(rate=0.0), marks=pytest.mark.slow),
        pytest.param(rd.FixedCodebook([-1.0, 1.0]), marks=pytest.mark.slow),
        pytest.param(rd.KMeans(3, center_bits=8), marks=pytest.mark.slow),
        pytest.param(rd.HessianWeightedKMeans(2, 1.0), marks=pytest.mark.slow),
    ],
    ids=lambda one: type(one).__name__,
)
def test_what_is_built_in_passes(compressor) -> None:
    assert rd.check_compressor(compressor, MODEL) == CHECKS


@pytest.mark.slow
@pytest.mark.parametrize("covariance", [None, np.linspace(0.3, 3.0, 6)])
@pytest.mark.parametrize(
    "compressor",
    [
        *(rd.KMeans(2, rd.Lloyd(init)) for init in (None, "random", "kmeans++", "quantile", "linear")),
        *(rd.KMeans(6, rd.Lloyd(init)) for init in (None, "random", "kmeans++", "quantile", "linear")),
        *(rd.KMeans(K, center_bits=bits) for K in (1, 6) for bits in (None, 7, 64)),
        *(rd.HessianWeightedKMeans(K, beta) for K in (1, 6) for beta in (0.0, 2.0)),
        *(rd.HessianWeightedKMeans(K, beta, "lloyd") for K in (1, 6) for beta in (0.0, 2.0)),
        rd.HessianWeightedKMeans(6, shrinkage=0.5, center_bits=16),
        rd.Oracle(alpha=0.0),
    ],
    ids=str,
)  # fmt: skip
def test_every_setting_passes(compressor, covariance) -> None:
    model = rd.GaussianLinearModel(9, rd.gaussian_weights(6, seed=1), 2.0, covariance)
    assert rd.check_compressor(compressor, model) == CHECKS


class NewEveryTime(NoPytree):
    """Static by identity: every ``prepare`` compiles anew."""

    def prepare(self, model):
        return jax.tree_util.Partial(lambda key, weights, context: None)


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class StaticArray(NoPytree):
    """An array where only numbers and strings compare by value."""

    table: np.ndarray = dataclasses.field(default_factory=lambda: np.arange(3.0))

    def prepare(self, model):
        return StaticArray()


class NegativeRate(NoPytree):
    def fixed_rates(self, model):
        return {"r": -1.0}


class Contradictory(NoPytree):
    needs = frozenset({"hessian"})


def own(function, **declared):
    return rd.compressor(function, **{"markov": True, **declared})


def reconstruct(function, **declared):
    """A compressor without rates, from a function of the weights."""
    return own(lambda key, weights, context: rd.Compressed(function(weights), {}), **declared)


def rated(function, **declared):
    """A compressor to signs around w*, all 16 of them likely, from the rates as a function of the weights."""
    return own(
        lambda key, weights, context: rd.Compressed(jnp.sign(weights - MODEL.w_star), function(weights)),
        **{"heavy_tailed": (), **declared},
    )


COUNTER = itertools.count()
GENERATOR = np.random.default_rng(0)


def branching(weights):
    return weights if weights[0] > 0 else -weights


def mixing(weights):
    """A host callback that subtracts from every trial the mean of all."""

    def subtract(batch):
        values = np.asarray(batch)
        return values - values.mean(axis=tuple(range(values.ndim - 1)))

    return jax.pure_callback(
        subtract,
        jax.ShapeDtypeStruct(weights.shape, weights.dtype),
        weights,
        vmap_method="broadcast_all",
    )


def noisy(key, weights, context):
    return rd.Compressed(weights + jax.random.normal(key, weights.shape), {})


def nearly_all(key, weights, context):
    """W up to noise that hides nothing: its information is far above what 251 draws can show, ln 251."""
    return rd.Compressed(weights + 1e-6 * jax.random.normal(key, weights.shape), {})


def now_and_then(key, weights, context):
    """W in one trial of ten, else nothing: typical trials have no tails."""
    return rd.Compressed(jnp.where(jax.random.uniform(key) < 0.1, weights, 0.0 * weights), {})


def noisy_with_its_own_key(key, weights, context):
    return noisy(jax.random.key(0), weights, context)


SIGNS = 4 * float(np.log(2))


@pytest.mark.parametrize(
    ("compressor", "options", "message"),
    [
        (Contradictory(), {}, "markov must be False"),
        (rd.ERM, {}, "got the class"),
        (NegativeRate(), {}, "must be at least 0 nats, got -1.0"),
        (NoPytree(), {}, "must return a JAX pytree"),
        (NewEveryTime(), {}, "two calls of prepare must give equal structures"),
        (StaticArray(), {}, "two calls of prepare must give equal structures"),
        (reconstruct(lambda w: w[:2]), {}, "the shape"),
        (reconstruct(lambda w: w.astype(jnp.float32)), {}, "got float32"),
        (reconstruct(branching), {}, "fails when JAX traces it: TracerBool"),
        (own(lambda key, w, context: w), {}, "got an array of shape"),
        (
            own(lambda key, w, context: rd.Compressed(w * context.hessian_diagonal, {})),
            {},
            "because not declared in needs: hessian, hessian_diagonal, input_hessian, model",
        ),
        (reconstruct(lambda w: w + next(COUNTER)), {}, "^purity: the same key and weights must give"),
        (reconstruct(lambda w: w + GENERATOR.normal(size=4)), {}, "^purity: "),
        (own(noisy_with_its_own_key), {"draws": True}, "^key: another key must give another result"),
        (own(noisy), {"draws": False}, "^key: another key must give the same result"),
        (reconstruct(mixing), {}, "^batch: a trial must give the same alone"),
        (reconstruct(lambda w: w / jnp.std(w)), {}, "^values: reconstruction must be finite"),
        (rated(lambda w: {"r": jnp.log(w[0] ** 2)}), {}, "^values: r must be finite, got NaN or infinity"),
        (rated(lambda w: {"r": jnp.log(0.1 + w[0] ** 2)}), {}, "^values: rate 'r' must be at least 0 nats"),
        (rated(lambda w: {"r": -1.0}), {}, "^values: rate 'r' must be at least 0 nats .*, got -1"),
        (rated(lambda w: {"r": jnp.nan}), {}, "^values: r must be finite, got NaN"),
        (rated(lambda w: {"r": 1.0}, fixed_rates={"r": 1.0}), {}, "^rate_names: .* got both for r"),
        (rated(lambda w: {}, bounding_rates={"r": "code_length"}), {}, "^rate_names: .* reported, got r"),
        (
            rated(lambda w: {"r": SIGNS / 2}, bounding_rates={"r": "code_length"}),
            {},
            r"^bounds: rate 'r' is no code length: .* 16 different",
        ),
        (
            rated(lambda w: {"r": SIGNS / 4}, bounding_rates={"r": "information"}),
            {},
            r"^bounds: rate 'r' does not bound I\(W; Ŵ\)",
        ),
        (own(nearly_all, fixed_rates={"r": 5.0}, bounding_rates={"r": "information"}), {},
         r"^bounds: rate 'r' does not bound I\(W; Ŵ\): who guesses W .* at least 5.36 nats, got 5"),
        (own(now_and_then, heavy_tailed=()), {}, "^tails: generalization_error grows"),
        (reconstruct(lambda w: w, heavy_tailed={"population_risk"}), {}, "^tails: generalization_error grow"),
        (reconstruct(lambda w: jnp.full(4, jnp.mean(w)), heavy_tailed=()), {}, "^tails: distortion grows"),
    ],
)  # fmt: skip
def test_every_check_can_fail(compressor, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rd.check_compressor(compressor, MODEL, **options)


def test_what_only_just_holds_is_passed() -> None:
    """The next world to each broken one: the true code length, the entropy as information, tails declared."""
    signs = rated(lambda w: {"r": SIGNS, "i": SIGNS}, bounding_rates={"r": "code_length", "i": "information"})
    assert rd.check_compressor(signs, MODEL, draws=False) == CHECKS
    # A codebook that little noise hardly ever leaves has no tails either.
    quiet = rd.GaussianLinearModel(20, rd.two_level_weights(4), 0.01)
    assert rd.check_compressor(rd.FixedCodebook([-1.0, 1.0]), quiet) == CHECKS
    kept = {"population_risk", "generalization_error"}
    assert rd.check_compressor(reconstruct(lambda w: w, heavy_tailed=kept), MODEL) == CHECKS
    assert rd.check_compressor(own(noisy, heavy_tailed=kept), MODEL, draws=True) == CHECKS


# At n = d + 1 there is no Gaussian bound, and at the next n there is.
@pytest.mark.parametrize("n", [5, *(pytest.param(n, marks=pytest.mark.slow) for n in (4, 6))])
def test_what_the_oracle_says_it_bounds_it_reports_at_every_n(n: int) -> None:
    model = rd.GaussianLinearModel(n, rd.two_level_weights(4))
    assert rd.check_compressor(rd.Oracle(alpha=0.3), model) == CHECKS


def test_the_least_information_is_no_more_than_the_truth() -> None:
    """A Gaussian channel, I = (d/2) ln(1 + P/N), from none to more than the sample can show."""
    generator, count = np.random.default_rng(5), 251
    for noise in (0.01, 0.1, 0.3, 1.0, 10.0):
        w = generator.normal(size=(count, 4))
        first, second = (w + noise * generator.normal(size=w.shape) for _ in range(2))
        found = least_information(first, second)
        assert 0 <= found < min(2 * np.log1p(1 / noise**2), np.log(count))
        assert noise > 0.01 or found > 5.3


def test_arguments_of_another_kind_are_refused() -> None:
    with pytest.raises(ValueError, match=r"model must be a GaussianLinearModel.*, got None"):
        rd.check_compressor(rd.ERM(), None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="draws must be True, False or None, got 'yes'"):
        rd.check_compressor(rd.ERM(), MODEL, draws="yes")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^values: reconstruction must be finite"):
        rd.check_compressor(reconstruct(lambda w: w * jnp.nan), MODEL)
    large = rd.GaussianLinearModel(300_000, rd.two_level_weights(200_000))
    with pytest.raises(ValueError, match="256 Hessians at d = 200000 needs about"):
        rd.check_compressor(rd.ERM(), large)


def test_all_failures_are_reported_together() -> None:
    bad = rated(lambda w: {"r": -1.0}, fixed_rates={"r": 1.0})
    with pytest.raises(ValueError, match="values: ") as error:
        rd.check_compressor(bad, MODEL)
    assert [line.split(":")[0] for line in str(error.value).split("\n")] == ["values", "rate_names"]
