"""Low rank as compressors: beside projections by LAPACK, real bytes, and by every sampler."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ratedist as rd
from ratedist.codes.cells import Grid, pop_cells, push_cells
from ratedist.codes.interval_masses import gaussian_log_mass
from ratedist.compressors.base import Context
from tests.statistics import assert_same

OUT, D, N = 3, 5, 9
NOISE = np.array([[1.0, 0.4, 0.0], [0.4, 0.5, 0.0], [0.0, 0.0, 3.0]])
MODEL = rd.MultiOutputLinearModel(
    N,
    rd.planted_rank_weights(OUT, D, 1, seed=0),
    noise_covariance=NOISE,
    covariance=rd.ar1_covariance(D, 0.8),
    loss_matrix="noise_precision",
)
ONE = rd.GaussianLinearModel(N, rd.two_level_weights(D), covariance=rd.ar1_covariance(D, 0.8))
METRICS = ("plain", "inputs", "information")
RANKS = range(OUT + 2)
KEY = jax.random.key(0)


def draws(o: int = OUT, num: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """W as vectors and A/n; the first are zero, of equal singular values, of rank 1, and far apart."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(num, N, D)) @ np.linalg.cholesky(rd.ar1_covariance(D, 0.8)).T
    W = rng.normal(size=(num, o, D))
    W[0], W[1], W[2] = 0, np.eye(o, D), np.outer(W[2, :, 0], W[2, 0])
    W[3] *= 10.0 ** np.arange(-4, 1)
    H = X.swapaxes(1, 2) @ X / N
    H[4:6, 2], H[4:6, :, 2] = 0, 0  # a dead feature
    return W.reshape(num, -1), H


@jax.jit
def compress(prepared, weights, hessians):
    """All prepared compressors, stacked along a first axis, on all weights."""

    def one(one, w, h):
        return one.compress(KEY, w, Context(input_hessian=h))

    return jax.vmap(jax.vmap(one, (None, 0, 0)), (0, None, None))(prepared, weights, hessians)


def stacked(compressors, model=MODEL):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *(one.prepare(model) for one in compressors))


@jax.jit
def on_grid(prepared, weights, hessian):
    """Both rounded factors of one W."""
    return prepared.factors(weights, Context(input_hessian=hessian))


STEPS = [0.1 * math.exp(-k) for k in range(6)]


@functools.cache
def quantized(metric):
    """Rank 2 at every step, on all weights."""
    compressors = [rd.QuantizedLowRank(2, metric, step, 1.0) for step in STEPS]
    return compress(stacked(compressors), *(jnp.asarray(one) for one in draws()))


def metric_of(name: str, hessian: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None]:
    right = None if name == "plain" else hessian
    return (np.linalg.inv(NOISE) if name == "information" else None), right


@pytest.mark.parametrize("metric", [pytest.param("plain", marks=pytest.mark.slow), *METRICS[1:]])
def test_every_rank_is_the_nearest_matrix_of_that_rank(metric) -> None:
    W, H = draws()
    found = compress(stacked([rd.LowRank(r, metric) for r in RANKS]), jnp.asarray(W), jnp.asarray(H))
    assert found.rates == {}
    for r in RANKS:
        for index, (w, h, ours) in enumerate(zip(W, H, np.asarray(found.reconstruction[r]), strict=True)):
            left, right = metric_of(metric, h)
            L, R = np.eye(OUT) if left is None else left, np.eye(D) if right is None else right
            best = rd.lowrank.project(w.reshape(OUT, D), r, left, right)
            e = (ours - w).reshape(OUT, D)
            assert np.linalg.matrix_rank(ours.reshape(OUT, D), tol=1e-9) <= r
            size = np.trace(L @ w.reshape(OUT, D) @ R @ w.reshape(OUT, D).T)
            assert np.trace(L @ e @ R @ e.T) == pytest.approx(best.distortion, rel=1e-9, abs=1e-12 * size)
            if index > 5:  # not where it is a choice
                np.testing.assert_allclose(ours.reshape(OUT, D), best.matrix(), atol=1e-9)
    np.testing.assert_array_equal(found.reconstruction[OUT], W)
    assert not found.reconstruction[0].any()


def test_one_output_keeps_its_weights() -> None:
    W, H = draws(1)
    for metric in METRICS:
        compressors = [rd.LowRank(r, metric) for r in (0, 1, 10**12)]
        found = np.asarray(compress(stacked(compressors, ONE), jnp.asarray(W), jnp.asarray(H)).reconstruction)
        np.testing.assert_array_equal(found, [0 * W, W, W])


def test_all_ranks_share_one_decomposition() -> None:
    """The loop of rotations has no axis for the ranks."""
    W, H = draws()
    prepared = stacked([rd.LowRank(r, "information") for r in range(11)])

    def ranks(w, h):
        return jax.vmap(lambda one: one.compress(KEY, w, Context(input_hessian=h)))(prepared)

    text = jax.make_jaxpr(ranks)(jnp.asarray(W[0]), jnp.asarray(H[0]))
    loops = [equation for equation in text.jaxpr.eqns if equation.primitive.name == "while"]
    assert loops
    assert all(value.aval.shape[:1] != (11,) for loop in loops for value in loop.outvars)


@pytest.mark.parametrize("metric", ["plain", pytest.param("inputs", marks=pytest.mark.slow), METRICS[2]])
def test_factors_are_balanced(metric) -> None:
    """To round an entry of one factor costs what it costs to round one of the other: step nearly 0."""
    W, H = draws()
    w, h = W[7], H[7]
    left, right = metric_of(metric, h)
    L, R = np.eye(OUT) if left is None else left, np.eye(D) if right is None else right
    prepared = rd.QuantizedLowRank(2, metric, 1e-12, 1.0).prepare(MODEL)
    factors = jax.jit(prepared.factors)(jnp.asarray(w), Context(input_hessian=jnp.asarray(h)))
    F, G = (np.asarray(one) for one in factors)
    np.testing.assert_allclose(F @ G, w.reshape(OUT, D), atol=1e-9)
    of_left = np.trace(L) / OUT * np.diag(G @ R @ G.T)
    of_right = np.trace(R) / D * np.diag(F.T @ L @ F)
    np.testing.assert_allclose(of_left, of_right, rtol=1e-8)
    if metric == "plain":
        np.testing.assert_allclose(np.sum(F**2, axis=0), np.sum(G**2, axis=1), rtol=1e-8)


def test_isotropic_metrics_change_nothing() -> None:
    """A/n = 9I and Γ = I/4 are no reason to round otherwise than W alone."""
    W, _ = draws()
    H = np.broadcast_to(9 * np.eye(D), (3, D, D))
    model = rd.MultiOutputLinearModel(N, MODEL.W_star, noise_covariance=0.25)
    for w, h in zip(W[6:9], H, strict=False):
        plain, *others = (
            on_grid(rd.QuantizedLowRank(2, metric, 0.1, 1.0).prepare(model), jnp.asarray(w), jnp.asarray(h))
            for metric in METRICS
        )
        for other in others:
            # Singular vectors have a sign to choose.
            for ours, theirs in zip(other, plain, strict=True):
                np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=1e-12)


@pytest.mark.parametrize("metric", [pytest.param("plain", marks=pytest.mark.slow), "information"])
def test_the_rate_is_the_length_of_real_bytes(metric) -> None:
    """Both factors through an entropy coder with the agreed laws, and back, at the length that was said."""
    constriction = pytest.importorskip("constriction")
    W, H = draws()
    step, tau, rank = STEPS[1], 1.0, 2
    found, prepared = quantized(metric), rd.QuantizedLowRank(rank, metric, step, tau).prepare(MODEL)
    scales = (tau / rank**0.5) ** 0.5 * (D / OUT) ** 0.25, (tau / rank**0.5) ** 0.5 / (D / OUT) ** 0.25
    for index in (2, 7, 8):
        F, G = (np.asarray(one) for one in on_grid(prepared, jnp.asarray(W[index]), jnp.asarray(H[index])))
        F, G = F[:, :rank], G[:rank]
        grid = Grid(step, 12)
        laws = [
            lambda centers, width, part, scale=scale: gaussian_log_mass(centers, width, scale)
            for scale in scales
        ]
        coder = constriction.stream.stack.AnsCoder()
        for values, law in zip((F, G), laws, strict=True):
            push_cells(coder, grid.cells(values.ravel()), grid, law)
        length = float(found.rates["code_length"][1, index])
        assert coder.num_bits() <= length / math.log(2) + 64 + 1
        assert coder.num_bits() >= length / math.log(2) - 32
        G2 = grid.values(pop_cells(coder, G.size, grid, laws[1])[0]).reshape(G.shape)
        F2 = grid.values(pop_cells(coder, F.size, grid, laws[0])[0]).reshape(F.shape)
        np.testing.assert_allclose(
            (F2 @ G2).ravel(), found.reconstruction[1, index], atol=1e-12 * np.abs(W[index]).max()
        )
        lengths = sum(
            rd.theory.code_length(values, step, rd.theory.GaussianPrior(scale)).sum()
            for values, scale in zip((F, G), scales, strict=True)
        )
        assert length == pytest.approx(lengths, rel=1e-9)


def test_finer_steps_come_nearer_and_cost_a_nat_a_number_each_time() -> None:
    W, H = draws()
    found = quantized("information")
    every_rank = stacked([rd.LowRank(r, "information") for r in RANKS])
    exact = np.asarray(compress(every_rank, jnp.asarray(W), jnp.asarray(H)).reconstruction)[2, 6:]
    errors = np.sqrt(np.mean((np.asarray(found.reconstruction)[:, 6:] - exact) ** 2, axis=(1, 2)))
    np.testing.assert_allclose(errors[1:] / errors[:-1], math.exp(-1), rtol=0.25)
    more = np.diff(np.asarray(found.rates["code_length"])[:, 6:].mean(axis=1))
    np.testing.assert_allclose(more, 2 * (OUT + D), rtol=0.02)


@pytest.mark.parametrize(
    ("compressor", "model"),
    [
        (rd.LowRank(1, "information"), MODEL),
        (rd.LowRank(2), MODEL),
        (rd.LowRank(0, "inputs"), MODEL),
        (rd.LowRank(OUT, "inputs"), MODEL),
        (rd.LowRank(1), ONE),
        (rd.QuantizedLowRank(1, "information", 0.1, 1.0), MODEL),
        (rd.QuantizedLowRank(9, "plain", 0.1, 1.0), MODEL),
        (rd.QuantizedLowRank(1, "inputs", 0.1, 1.0), ONE),
    ],
)
@pytest.mark.slow
def test_what_they_say_of_themselves_stands_every_check(compressor, model) -> None:
    assert len(rd.check_compressor(compressor, model, draws=False)) == 12


def test_risks_that_follow_the_weights() -> None:
    every = {"population_risk", "empirical_risk", "distortion", "generalization_error"}
    two = {"population_risk", "generalization_error"}
    for compressor, expected in (
        (rd.LowRank(0), set()),
        (rd.LowRank(1), every),
        (rd.LowRank(1, "inputs"), two),
        (rd.LowRank(OUT), two),
        (rd.QuantizedLowRank(0, "inputs", 1.0, 1.0), set()),
        (rd.QuantizedLowRank(OUT, "inputs", 1.0, 1.0), every),
    ):
        assert compressor.heavy_tailed(MODEL) == expected
    assert rd.LowRank(1).heavy_tailed(ONE) == two


def simulated(sampler: str, seed: int):
    compressors = {metric: rd.LowRank(1, metric) for metric in METRICS}
    compressors |= {"all": rd.LowRank(OUT, "information"), "erm": rd.ERM()}
    model = rd.MultiOutputLinearModel(16, MODEL.W_star, NOISE, MODEL.covariance, "noise_precision")
    return rd.simulate(model, compressors, 3000, jax.random.key(seed), sampler)


@pytest.mark.slow
def test_samplers_agree() -> None:
    first, second = simulated("statistics", 0), simulated("dataset", 1)
    for metric in METRICS:
        for risk in ("population_risk", "empirical_risk", "distortion"):
            assert_same(getattr(first[metric], risk), getattr(second[metric], risk), max_sem=0.1)


@pytest.mark.slow
def test_the_better_the_metric_the_less_the_risk_at_the_true_rank() -> None:
    """Paired; and all of the rank is ERM itself."""
    result = simulated("statistics", 2)
    assert result.difference("all", "erm").population_risk.mean == 0
    for better, worse in (("information", "inputs"), ("inputs", "plain"), ("information", "erm")):
        difference = result.difference(better, worse).population_risk
        assert difference.mean < -4 * difference.sem


def test_what_makes_no_sense_is_refused() -> None:
    for call, message in (
        (lambda: rd.LowRank(-1), "rank must be at least 0"),
        (lambda: rd.LowRank(1, "outputs"), "metric must be one of plain, inputs, information"),
        (lambda: rd.QuantizedLowRank(1, "plain", 0.0, 1.0), "step"),
        (lambda: rd.QuantizedLowRank(1, "plain", 1.0, -1.0), "prior_scale"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    for noise in ([1.0, 0.0, 1.0], np.ones((OUT, OUT)), 0.0):
        silent = rd.MultiOutputLinearModel(N, MODEL.W_star, noise_covariance=noise)
        with pytest.raises(ValueError, match="noise_covariance must be positive definite"):
            rd.LowRank(1, "information").prepare(silent)
