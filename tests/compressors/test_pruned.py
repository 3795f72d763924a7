"""Pruning as a compressor: beside its NumPy twins, real codes, an order statistic, and by every sampler."""

import math
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

import ratedist as rd
from ratedist.compressors.base import Context
from ratedist.compressors.kept_values import descending_ranks
from ratedist.compressors.scalar_codes import FEW_WEIGHTS
from ratedist.compressors.surgeon import surgeon, surgeon_values
from ratedist.quantizers import optimal_brain_surgeon, pruning_mask
from tests.statistics import assert_agrees, assert_same

D, N = 6, 9
MODEL = rd.GaussianLinearModel(N, rd.sparse_weights(D, 2, seed=1), covariance=rd.ar1_covariance(D, 0.8))
METHODS = ("magnitude", "hessian", "surgeon")
KEYS = jax.random.split(jax.random.key(0), 16)


def draws(num_samples: int = N, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """W and A/n; the first weights are zeros, ties, and far apart."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(len(KEYS), num_samples, D)) @ np.asarray(MODEL.covariance_cholesky).T
    W = rng.normal(size=(len(KEYS), D))
    W[:4] = [[0] * D, [1, -1, 1, -1, 1, 1], [0, 2, 0, -2, 2, 0], [1e6, 1e-6, 1, -1e3, 1e-3, 0]]
    return W, np.swapaxes(X, 1, 2) @ X / num_samples


@jax.jit
def compress(prepared, weights, hessians):
    """All prepared compressors, stacked along a first axis, on all weights."""

    def one(one, w, h):
        return one.compress(KEYS[0], w, Context(hessian_diagonal=jnp.diag(h), hessian=h))

    return jax.vmap(jax.vmap(one, (None, 0, 0)), (0, None, None))(prepared, weights, hessians)


def compressed(counts, *given, model=MODEL, **settings):
    prepared = [rd.Pruned(k, **settings).prepare(model) for k in counts]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *prepared)
    return jax.device_get(compress(stacked, *(jnp.asarray(one) for one in given)))


def twin(method: str, w: np.ndarray, h: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Kept weights and their values in NumPy."""
    if method == "surgeon":
        pruned = optimal_brain_surgeon(w, k, h)
        return pruned.kept, pruned.weights
    kept = pruning_mask(w, k, np.diag(h) if method == "hessian" else None)
    return kept, np.where(kept, w, 0.0)


@pytest.mark.parametrize("method", METHODS)
def test_every_number_of_kept_weights_is_as_in_numpy(method) -> None:
    W, H = draws()
    found = compressed(range(D + 1), W, H, method=method)
    assert found.rates == {}
    for k in range(D + 1):
        for w, h, reconstruction in zip(W, H, found.reconstruction[k], strict=True):
            kept, values = twin(method, w, h, k)
            if method == "surgeon":
                np.testing.assert_allclose(reconstruction, values, atol=1e-9 * max(1, np.abs(w).max()))
                assert not reconstruction[~kept].any()
            else:
                np.testing.assert_array_equal(reconstruction, values)
    np.testing.assert_array_equal(found.reconstruction[D], W)


@pytest.mark.parametrize("dtype", [np.float32, pytest.param(np.float64, marks=pytest.mark.slow)])
def test_the_surgeon_next_to_singular_and_with_dead_inputs(dtype) -> None:
    """As many samples as inputs, and fewer, one of them dead: no NaN, and no worse than the free answer."""
    run = jax.jit(
        jax.vmap(
            lambda w, h: jax.vmap(lambda k: surgeon_values(surgeon(w, h), w, h, k))(jnp.arange(D + 1)), (0, 0)
        )
    )
    for num_samples in (D, D - 2):
        W, H = draws(num_samples)
        # The first are ties of zeros, and far apart.
        W, H = W[3:], H[3:]
        if num_samples < D:
            H[:, 2], H[:, :, 2] = 0, 0
        values = np.asarray(run(jnp.asarray(W, dtype), jnp.asarray(H, dtype)), np.float64)
        assert np.isfinite(values).all()
        np.testing.assert_array_equal(values[:, D], W.astype(dtype))
        for w, h, ours in zip(W, H, values, strict=True):
            size = w @ h @ w
            for k in range(D + 1):
                assert np.count_nonzero(ours[k]) <= k
                cost = (ours[k] - w) @ h @ (ours[k] - w)
                kept = ours[k] != 0
                best = rd.quantizers.surgeon_values(w, kept, h) - w
                tolerance = 2e-5 if dtype == np.float32 else 1e-11
                assert cost <= best @ h @ best + tolerance * size
                if num_samples < D and k >= D - 2:
                    assert cost <= tolerance * size


@pytest.mark.parametrize("method", [pytest.param("magnitude", marks=pytest.mark.slow), "surgeon"])
def test_grids_cost_what_places_and_the_prior_say(method: str) -> None:
    W, H = draws()
    W = W[4:]
    found = compressed((0, 2, D), W, H[4:], method=method, step=0.25, prior_scale=0.8)
    for row, k in enumerate((0, 2, D)):
        for w, h, ours, length, entropy in zip(
            W, H[4:], found.reconstruction[row], found.rates["code_length"][row],
            found.rates["assignment_entropy"][row], strict=True,
        ):  # fmt: skip
            kept, values = twin(method, w, h, k)
            rounded = 0.25 * np.rint(values / 0.25)
            np.testing.assert_allclose(ours, rounded, atol=1e-12)
            prior = rd.theory.GaussianPrior(0.8)
            expected = rd.theory.code_length(rounded[kept], 0.25, prior).sum() if k else 0.0
            assert length == pytest.approx(math.log(math.comb(D, k)) + expected, rel=1e-9, abs=1e-12)
            _, counts = np.unique(rounded + 0.0, return_counts=True)
            assert float(entropy) == pytest.approx(D * rd.codes.empirical_entropy(counts), abs=1e-12)


@pytest.mark.parametrize("method", [pytest.param("magnitude", marks=pytest.mark.slow), "surgeon"])
def test_means_are_those_of_the_kept_weights_and_have_a_real_code(method) -> None:
    """Optimal K-means of the kept weights in NumPy; bits by functions that write bytes."""
    W, H = draws()
    W, H = W[4:], H[4:]
    found = compressed((4,), W, H, method=method, num_clusters=2, center_bits=16)
    fixed = rd.Pruned(4, method=method, num_clusters=2, center_bits=16).fixed_rates(MODEL)
    assert fixed == {"position_length": pytest.approx(math.log(math.comb(D, 4)))}
    for w, h, ours, length, entropy in zip(
        W, H, found.reconstruction[0], found.rates["decodable_length"][0],
        found.rates["assignment_entropy"][0], strict=True,
    ):  # fmt: skip
        kept, values = twin(method, w, h, 4)
        quantized = rd.kmeans(values[kept], 2, None if method == "magnitude" else np.diag(h)[kept])
        expected = rd.codes.round_to_bits(quantized.reconstruction, 16)
        np.testing.assert_allclose(ours[kept], expected, rtol=1e-9)
        assert not ours[~kept].any()
        bits = rd.codes.decodable_length(quantized.counts, 16) + rd.codes.position_bits(D, 4)
        assert length == pytest.approx(bits * math.log(2), rel=1e-12)
        labels = [D - 4, *quantized.counts]
        assert entropy == pytest.approx(D * rd.codes.empirical_entropy(np.array(labels)), rel=1e-12)
        payload = rd.codes.encode_positions(kept)
        assert 0 <= 8 * len(payload) - rd.codes.position_bits(D, 4) - D.bit_length() < 9


@pytest.mark.parametrize(
    ("num_kept", "settings"),
    [
        (3, {"step": 0.25, "prior_scale": 1.0}),
        (3, {"method": "surgeon", "step": 0.25, "prior_scale": 1.0}),
        (3, {"num_clusters": 2, "center_bits": 8}),
        (D, {"num_clusters": 2, "center_bits": 8}),
        (3, {"method": "hessian"}),
        (0, {"method": "hessian", "step": 0.25}),
        (D, {"method": "surgeon"}),
    ],
)
@pytest.mark.slow
def test_what_it_says_of_itself_stands_every_check(num_kept, settings) -> None:
    """Tails, Kraft's inequality, purity: on typical and extreme trials."""
    assert len(rd.check_compressor(rd.Pruned(num_kept, **settings), MODEL, draws=False)) == 12


def test_risks_that_follow_the_weights() -> None:
    every = {"population_risk", "empirical_risk", "distortion", "generalization_error"}
    two = {"population_risk", "generalization_error"}
    for num_kept, settings, expected in (
        (0, {}, set()),
        (0, {"method": "surgeon"}, set()),
        (3, {}, every),
        (3, {"method": "hessian", "step": 1.0}, every),
        (3, {"method": "surgeon"}, two),
        (3, {"method": "surgeon", "step": 1.0}, two),
        (3, {"method": "surgeon", "num_clusters": 2}, every),
        (D, {}, two),
        (D, {"step": 1.0}, two),
        (D, {"num_clusters": 2}, every),
    ):
        assert rd.Pruned(num_kept, **settings).heavy_tailed(MODEL) == expected
    noiseless = rd.GaussianLinearModel(N, MODEL.w_star, 0.0)
    assert rd.Pruned(3).heavy_tailed(noiseless) == set()


COMPRESSORS = {method: rd.Pruned(2, method=method) for method in METHODS}
COMPRESSORS |= {"none": rd.Pruned(0), "all": rd.Pruned(D, method="surgeon"), "erm": rd.ERM()}


def simulated(sampler: str, seed: int):
    model = rd.GaussianLinearModel(16, MODEL.w_star, covariance=MODEL.covariance)
    return rd.simulate(model, COMPRESSORS, 4000, jax.random.key(seed), sampler)


@pytest.mark.slow
def test_samplers_agree() -> None:
    first, second = simulated("statistics", 0), simulated("dataset", 1)
    for method in METHODS:
        for risk in ("population_risk", "empirical_risk", "distortion"):
            assert_same(getattr(first[method], risk), getattr(second[method], risk), max_sem=0.05)


def test_the_ends_are_erm_and_nothing() -> None:
    result = simulated("statistics", 2)
    assert result.difference("all", "erm").population_risk.mean == 0
    excess = float(MODEL.squared_norm(MODEL.w_star))
    assert result["none"].population_risk.mean == pytest.approx(1 + excess, rel=1e-12)
    # What the surgeon leaves costs less than zeros: paired, on the same draws.
    better = result.difference("surgeon", "magnitude").distortion
    assert better.mean < -4 * better.sem


def test_risks_on_a_certain_set_are_exact() -> None:
    """Two weights that nobody prunes: what is left out is noise to the surgeon's fit, and nothing to W_K."""
    n, k, rest = 16, 2, np.array([1.0, -1.0, 0.5, 2.0])
    model = rd.GaussianLinearModel(n, [1e4, *rest, -1e4], covariance=np.eye(D))
    found = rd.simulate(model, COMPRESSORS, 4000, jax.random.key(2), "statistics")
    left_out = float(rest @ rest)
    for method, expected in (
        ("magnitude", left_out + k / (n - D - 1)),
        ("hessian", left_out + k / (n - D - 1)),
        ("surgeon", left_out + (1 + left_out) * k / (n - k - 1)),
    ):
        assert_agrees(found[method].population_risk, 1 + expected, max_sem=0.05)


def test_pruning_pure_noise_leaves_the_largest_normals() -> None:
    """w* = 0: W = σz/√g, so that the risk is ``σ²(1 + S_k E 1/g)``, S_k the mean sum of the k largest z²."""
    d, n, k = D, 16, 2

    def kept_square(z: float) -> float:
        above = 2 * stats.norm.sf(z)
        return 2 * z**2 * stats.norm.pdf(z) * stats.binom.cdf(k - 1, d - 1, above)

    total = d * integrate.quad(kept_square, 0, 10)[0]
    # A matrix and these compressors, as above: the same programs.
    model = rd.GaussianLinearModel(n, np.zeros(d), noise_variance=0.5, covariance=np.eye(d))
    found = rd.simulate(model, COMPRESSORS, 8000, jax.random.key(1), "statistics")
    expected = 0.5 * (1 + total / (n - d - 1))
    assert_agrees(found["magnitude"].population_risk, expected, max_sem=0.01)
    # Most of the noise stays, though it is all that there is.
    assert total / d > 0.7


def test_more_weights_than_the_table_holds() -> None:
    """K-means on the host, ranks by sorting; several outputs are one vector."""
    d = FEW_WEIGHTS + 44
    w = np.round(4 * np.random.default_rng(3).normal(size=d)) / 4
    np.testing.assert_array_equal(
        np.asarray(descending_ranks(jnp.abs(w))) < 60, pruning_mask(w, 60)
    )  # ties of many weights
    model = SimpleNamespace(num_weights=d)
    prepared = rd.Pruned(60, num_clusters=3, center_bits=16).prepare(model)
    found = jax.jit(lambda one: prepared.compress(KEYS[0], one, Context()))(jnp.asarray(w))
    kept = pruning_mask(w, 60)
    quantized = rd.kmeans(w[kept], 3)
    np.testing.assert_allclose(
        np.asarray(found.reconstruction)[kept], rd.codes.round_to_bits(quantized.reconstruction, 16)
    )
    bits = rd.codes.decodable_length(quantized.counts, 16) + rd.codes.position_bits(d, 60)
    assert float(found.rates["decodable_length"]) == pytest.approx(bits * math.log(2))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "either num_kept or fraction"),
        ({"num_kept": 2, "fraction": 0.5}, "either num_kept or fraction"),
        ({"num_kept": -1}, "num_kept must be at least 0"),
        ({"fraction": 1.5}, "fraction"),
        ({"num_kept": 2, "method": "random"}, "method must be one of magnitude, hessian, surgeon"),
        ({"num_kept": 2, "num_clusters": 2, "step": 1.0}, "either num_clusters or step"),
        ({"num_kept": 2, "center_bits": 8}, "center_bits needs num_clusters"),
        ({"num_kept": 2, "prior_scale": 1.0}, "prior_scale needs step"),
        ({"num_kept": 2, "step": 0.0}, "step must be one number above zero"),
        ({"num_kept": 2, "num_clusters": 1, "center_bits": 6}, "center_bits must be at least 7"),
    ],
)
def test_settings_that_say_nothing_are_refused(settings, message) -> None:
    with pytest.raises(ValueError, match=message):
        rd.Pruned(**settings)


def test_settings_that_do_not_fit_the_model_are_refused() -> None:
    with pytest.raises(ValueError, match="at most the 6 weights, got 7"):
        rd.Pruned(7).prepare(MODEL)
    with pytest.raises(ValueError, match="at most the 2 weights that are kept, got 3"):
        rd.Pruned(fraction=1 / 3, num_clusters=3).prepare(MODEL)
    assert [rd.Pruned(fraction=share).kept_of(MODEL) for share in (0, 0.1, 0.25, 0.5, 1)] == [0, 1, 2, 3, 6]
