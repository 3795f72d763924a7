import jax
import numpy as np
import pytest

import ratedist as rd
from ratedist.compressors.base import Context
from ratedist.compressors.together import compress_all
from ratedist.compressors.tracing import full_context
from ratedist.linear_model.samplers import arrays_of
from ratedist.linear_model.sampling import ModelArrays

KEY = jax.random.key(9)
compress = jax.jit(lambda prepared, weights, context: prepared.compress(KEY, weights, context))
MODEL = rd.GaussianLinearModel(12, rd.two_level_weights(5))


def test_erm_and_the_uncompressed_oracle_are_the_same() -> None:
    weights = np.random.default_rng(0).normal(size=5)
    context = Context(model=ModelArrays.of(MODEL))
    for compressor in (rd.ERM(), rd.Oracle(alpha=0.0), rd.Oracle(rate=np.inf)):
        out = compress(compressor.prepare(MODEL), weights, context)
        np.testing.assert_allclose(out.reconstruction, weights, rtol=1e-14)
    nothing_sent = compress(rd.Oracle(alpha=1.0).prepare(MODEL), weights, context)
    np.testing.assert_array_equal(nothing_sent.reconstruction, MODEL.w_star)


def test_fixed_codebook_takes_the_nearest_centre() -> None:
    weights = np.array([-3.0, 0.4, 0.6, 2.0, 0.5])
    out = compress(rd.FixedCodebook([1.0, 0.0]).prepare(MODEL), weights, Context())
    np.testing.assert_array_equal(out.reconstruction, [0, 0, 1, 1, 0])
    entropy = -5 * (0.6 * np.log(0.6) + 0.4 * np.log(0.4))
    assert float(out.rates["assignment_entropy"]) == pytest.approx(entropy)


def test_optimal_kmeans_alone_and_in_a_family_agree() -> None:
    weights = np.random.default_rng(3).normal(size=5)
    kinds = {f"{K}": rd.KMeans(K).prepare(MODEL) for K in (3, 5)} | {
        "b": rd.KMeans(3, center_bits=16).prepare(MODEL)
    }
    nothing = dict.fromkeys(kinds, frozenset())
    together = jax.jit(lambda kinds: compress_all(kinds, KEY, weights, Context(), nothing))(kinds)
    for names, group in together.items():
        for index, name in enumerate(names):
            alone = compress(kinds[name], weights, Context())
            np.testing.assert_allclose(group.reconstruction[index], alone.reconstruction, rtol=1e-13)
            for rate, value in alone.rates.items():
                assert float(group.rates[rate][index]) == pytest.approx(float(value), rel=1e-12)
    np.testing.assert_allclose(compress(kinds["5"], weights, Context()).reconstruction, weights, rtol=1e-12)


def test_every_compressor_declares_what_it_is() -> None:
    for compressor in (rd.ERM(), rd.Oracle(alpha=0.5), rd.KMeans(2), rd.FixedCodebook([0.0])):
        assert compressor.markov
        assert compressor.needs <= {"model", "hessian_diagonal", "hessian"}
    assert rd.Oracle(alpha=0.5).needs == {"model"}
    assert rd.ERM().fixed_rates(MODEL) == {}
    assert rd.FixedCodebook([0.0, 1.0]).fixed_rates(MODEL) == {"fixed_length": pytest.approx(5 * np.log(2))}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rd.Oracle(), "give either alpha or rate"),
        (lambda: rd.Oracle(alpha=0.1, rate=3.0), "give either alpha or rate"),
        (lambda: rd.Oracle(alpha=1.5), "alpha must lie in"),
        (lambda: rd.Oracle(rate=-1.0), "rate must lie in"),
        (lambda: rd.KMeans(0), "num_clusters must be at least 1, got 0"),
        (lambda: rd.KMeans(2.5), "num_clusters must be an integer"),  # type: ignore[arg-type]
        (lambda: rd.KMeans(2, "best"), "method must be one of optimal, lloyd"),  # type: ignore[arg-type]
        (lambda: rd.KMeans(2, rd.Lloyd("zero")), "init must be one of"),
        (lambda: rd.KMeans(2, rd.Lloyd("high_rate")), "init for simulated trials must be one of"),
        (lambda: rd.KMeans(2, center_bits=3), "center_bits must be at least 7"),
        (lambda: rd.KMeans(2, rd.Lloyd(num_starts=3)), "num_starts is for random"),
        (lambda: rd.Oracle(rate=[1.0, 2.0]), "rate must be one number"),  # type: ignore[arg-type]
        (lambda: rd.KMeans(True), "num_clusters must be an integer"),
        (lambda: rd.KMeans(2, rd.Optimal(time_budget=1.0)), "are for a diameter_penalty above zero"),
        (lambda: rd.FixedCodebook([]), "centers must have shape"),
        (lambda: rd.FixedCodebook([[0.0]]), "centers must have shape"),
        (lambda: rd.FixedCodebook([0.0, np.inf]), "centers must be finite"),
    ],
)
def test_bad_settings_are_refused_in_words(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


PRIOR = rd.theory.MixturePrior.two_level(0.5)


@pytest.mark.parametrize(
    "compressor",
    [
        rd.ERM(), rd.Oracle(alpha=0.3), rd.FixedCodebook([-1.0, 1.0]), rd.KMeans(2),
        rd.KMeans(3, rd.Lloyd("random"), center_bits=8),
        rd.HessianWeightedKMeans(3, shrinkage=0.5, center_bits=16),
        rd.UniformQuantizer(0.5, 1.0), rd.EntropyConstrained(0.02, PRIOR),
        rd.Pruned(2, step=0.25, prior_scale=0.8), rd.Pruned(3, num_clusters=2, center_bits=16),
        rd.LowRank(1), rd.QuantizedLowRank(1, "plain", 0.2, 1.0), rd.Ridge(1.0), rd.QuantizedRidge(1.0, 0.5),
        rd.PosteriorMean(PRIOR), rd.Shrunk(rd.KMeans(2), 0.8),
        rd.FeedbackRounding(0.5), rd.CenteredRounding(0.5),
    ],
    ids=lambda one: type(one).__name__,
)  # fmt: skip
def test_nothing_is_computed_in_less_than_the_precision_of_the_weights(compressor) -> None:
    """JAX takes the quotient of two integers of 32 bits in single precision, whatever is switched on."""
    prepared, model = compressor.prepare(MODEL), arrays_of(MODEL)
    traced = jax.make_jaxpr(
        lambda weights, factor: compress_all(
            {"one": prepared}, KEY, weights, full_context(model, factor), {"one": compressor.needs}
        )
    )(MODEL.w_star, np.eye(5))
    assert "f32[" not in str(traced)
    assert "f64[" in str(traced)


def test_every_compressor_is_tried_for_its_precision() -> None:
    (tried,) = (
        mark.args[1] for mark in test_nothing_is_computed_in_less_than_the_precision_of_the_weights.pytestmark
    )
    kinds = {
        name
        for name in dir(rd)
        if isinstance(getattr(rd, name), type) and hasattr(getattr(rd, name), "prepare")
    }
    assert kinds - {"Compressor", "FamilyCompressor", "LinearModel"} == {type(one).__name__ for one in tried}
