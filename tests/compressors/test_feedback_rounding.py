"""Rounding with feedback: against enumeration, a plain loop, the law of its code, and what it refuses."""

import functools
import itertools

import jax
import numpy as np
import pytest
from scipy.stats import t

import ratedist as rd
from ratedist.compressors.multiples_code import expected_pivots, multiples_code, pivots_code
from ratedist.compressors.nearest_plane import ONE_STATE, nearest_plane, ordered_factor
from ratedist.linear_model.sampling import ModelArrays
from ratedist.quantizers.trellis.convolutional import trellis_of
from tests.statistics import assert_agrees

MODEL = rd.GaussianLinearModel(9, rd.two_level_weights(4), covariance=rd.ar1_covariance(4, 0.6))
COMPRESSORS = {
    "plain": rd.CenteredRounding(0.3),
    "plain cheaper": rd.CenteredRounding(0.3, multiplier=0.05),
    "feedback": rd.FeedbackRounding(0.3),
    "paths": rd.FeedbackRounding(0.3, num_paths=16),
    "expected": rd.FeedbackRounding(0.3, steps="expected_pivots"),
    "pivots": rd.FeedbackRounding(0.3, steps="pivots"),
}


@pytest.fixture(scope="module")
def result():
    return rd.simulate(MODEL, COMPRESSORS, 4000, jax.random.key(0))


def draws(seed=0):
    """Hessians of four weights and deviations, as many each time: one program for a number of paths."""
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(50, 4, 7)) * np.linspace(0.4, 1.5, 4)[:, None]
    return X @ X.transpose(0, 2, 1) / 7, generator.normal(size=(50, 4))


@functools.partial(jax.jit, static_argnames=("num_paths", "num_states"))
def rounded(hessians, deviations, steps, lengths, multiplier, num_paths, num_states=1):
    trellis = ONE_STATE if num_states == 1 else trellis_of(num_states)

    def one(hessian, x):
        factor = ordered_factor(hessian, False)
        return nearest_plane(factor, x, steps, lengths, multiplier, num_paths, trellis)

    return jax.vmap(one)(hessians, deviations)


def roundings(hessians, deviations, steps, lengths, multiplier, num_paths):
    found = rounded(hessians, deviations, steps, lengths[None], np.float64(multiplier), num_paths)
    return np.asarray(found[0])


def costs(hessian, x, steps, k, lengths, multiplier):
    """Of multiples ``(…, 4)``."""
    error, most = x - steps * k, lengths.shape[1] // 2
    nats = lengths[np.arange(4), k + most].sum(axis=-1)
    return np.sum(error @ hessian * error, axis=-1) + multiplier * nats


def test_one_path_is_the_plain_loop():
    """Babai's nearest plane as in the textbooks, on the triangular factor."""
    hessians, deviations = draws()
    steps, lengths = np.array([0.5, 0.7, 0.3, 0.4]), np.zeros((4, 65))
    found = roundings(hessians, deviations, steps, lengths, 0.0, 1)
    for H, x, k in zip(hessians, deviations, found, strict=True):
        R = np.linalg.cholesky(H).T
        y, expected = R @ x, np.zeros(4, int)
        for j in range(3, -1, -1):
            rest = y[j] - sum(R[j, i] * steps[i] * expected[i] for i in range(j + 1, 4))
            expected[j] = round(rest / (R[j, j] * steps[j]))
        np.testing.assert_array_equal(k, expected)


def test_the_smallest_pivot_is_taken_first():
    hessians, _ = draws()
    factors = jax.device_get(jax.jit(jax.vmap(lambda H: ordered_factor(H, True)))(hessians))
    for index, H in enumerate(hessians):
        factor = jax.tree.map(lambda leaf, index=index: leaf[index], factors)
        rest, left = H.copy(), list(range(4))
        for j in range(4):
            own = min(left, key=lambda i: rest[i, i])
            assert factor.order[j] == own
            assert factor.scale[own] * factor.pivots[j] == pytest.approx(rest[own, own] ** 0.5)
            rest = rest - np.outer(rest[own], rest[own]) / rest[own, own]
            left.remove(own)
        L = factor.scale[:, None] * factor.columns
        np.testing.assert_allclose(L @ L.T, H, atol=1e-12)


@pytest.mark.parametrize("multiplier", [0.0, 0.03])
def test_many_paths_find_the_best_of_all_multiples(multiplier):
    hessians, deviations = draws(seed=1)
    deviations, steps = deviations / 2, np.full(4, 0.5)
    # A code of five multiples in a table of 64: what it has not is not taken.
    lengths = np.full((4, 65), np.inf)
    lengths[:, 30:35] = 1.7 + 0.2 * np.abs(np.arange(-2, 3)) ** 1.5
    found = roundings(hessians, deviations, steps, lengths, multiplier, 64)
    one = roundings(hessians, deviations, steps, lengths, multiplier, 1)
    everything = np.array(list(itertools.product(range(-2, 3), repeat=4)))
    better = 0
    for H, x, k, single in zip(hessians, deviations, found, one, strict=True):
        best = costs(H, x, steps, everything, lengths, multiplier).min()
        own = costs(H, x, steps, k, lengths, multiplier)
        assert own == pytest.approx(best, rel=1e-9)
        better += own < costs(H, x, steps, single, lengths, multiplier) * (1 - 1e-9)
    assert better > 0


def test_dead_and_repeated_inputs():
    """A weight without effect is sent as zero; of two equal inputs one takes what the other leaves."""
    H = np.zeros((4, 4))
    H[:2, :2], H[2, 2] = 1.0, 0.25
    x = np.array([0.31, 0.31, 0.9, 1e30])
    many = np.broadcast_to(H, (50, 4, 4)), np.broadcast_to(x, (50, 4))
    k = roundings(*many, np.full(4, 0.5), np.zeros((4, 65)), 0.0, 64)[0]
    assert k[3] == 0
    assert abs(0.62 - 0.5 * (k[0] + k[1])) == pytest.approx(0.12)
    assert k[2] == 2


def test_the_code_is_that_of_the_law():
    """Its masses sum to one; under plain rounding its mean length is the entropy of Student's cells."""
    (lengths,) = multiples_code(MODEL, np.full(4, 0.3), None)
    np.testing.assert_allclose(np.exp(-lengths).sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(lengths, lengths[:, ::-1])
    for spacing in (1e-3, 0.2, 50.0, 1e9):
        np.testing.assert_allclose(np.exp(-pivots_code(MODEL, spacing)).sum(axis=1), 1.0, rtol=1e-9)


def test_code_length_of_plain_rounding_is_the_entropy(result):
    nu, entropy = MODEL.degrees_of_freedom, 0.0
    variances = np.diagonal(np.linalg.inv(rd.ar1_covariance(4, 0.6)))
    for variance in variances:
        k = np.arange(-40_000, 40_001)
        edges = (np.append(k, 40_001) - 0.5) * 0.3 / (variance / nu) ** 0.5
        masses = np.diff(t.cdf(edges, nu))
        masses = masses[masses > 0]
        entropy -= float(masses @ np.log(masses))
    assert_agrees(result["plain"].rates["code_length"], entropy, 0.05)


def test_expected_pivots_by_simulation():
    generator = np.random.default_rng(3)
    X = np.linalg.cholesky(rd.ar1_covariance(4, 0.6)) @ generator.normal(size=(20_000, 4, 9))
    pivots = np.diagonal(np.linalg.cholesky(X @ X.transpose(0, 2, 1) / 9), axis1=1, axis2=2)
    np.testing.assert_allclose(expected_pivots(MODEL) ** 2, (pivots**2).mean(axis=0), rtol=0.03)


def test_feedback_lowers_the_distortion_and_paths_more(result):
    one = rd.theory.rate_given_gram(MODEL, result["paths"].distortion.mean)
    assert result["paths"].rates["code_length"].mean > one
    for worse, better in (("plain", "feedback"), ("feedback", "paths")):
        gain = result.difference(worse, better).distortion
        assert gain.mean > 4 * gain.sem
    saved = result.difference("plain", "plain cheaper").rates["code_length"]
    assert saved.mean > 4 * saved.sem
    # Pivots in the file cost far more than they save.
    assert result["pivots"].rates["code_length"].mean > result["expected"].rates["code_length"].mean + 1


@pytest.mark.slow
def test_the_numbers_known_beforehand():
    """d = 50, n = 80, step 0.15: distortions 0.0939 plain and 0.0653 with feedback, of runs of their own."""
    model = rd.GaussianLinearModel(80, rd.two_level_weights(50))
    compressors = {"plain": rd.CenteredRounding(0.15), "feedback": rd.FeedbackRounding(0.15)}
    found = rd.simulate(model, compressors, 4000, jax.random.key(1))
    for name, distortion, rate in (("plain", 0.0939, 82.57), ("feedback", 0.0653, 83.22)):
        assert_agrees(found[name].distortion, distortion, 5e-4)
        assert_agrees(found[name].rates["code_length"], rate, 0.2)


@pytest.mark.parametrize(
    "name", ["paths", *(pytest.param(name, marks=pytest.mark.slow) for name in ("plain cheaper", "pivots"))]
)
def test_each_keeps_what_a_simulation_presumes(name):
    rd.check_compressor(COMPRESSORS[name], rd.GaussianLinearModel(12, rd.two_level_weights(4)))


def test_a_code_of_ones_own():
    lengths = 2.0 + 0.5 * np.abs(np.arange(-20, 21))
    prepared = rd.CenteredRounding(0.3, code_lengths=tuple(lengths)).prepare(MODEL)
    with pytest.raises(ValueError, match=r"context\.model"):
        prepared.compress(jax.random.key(0), jax.numpy.zeros(4), rd.Context())
    W = MODEL.w_star + np.array([0.31, -0.95, 100.0, 0.0])
    compress = jax.jit(
        lambda W: prepared.compress(jax.random.key(0), W, rd.Context(model=ModelArrays.of(MODEL)))
    )
    found = compress(W)
    np.testing.assert_allclose(found.reconstruction - MODEL.w_star, [0.3, -0.9, 6.0, 0.0], atol=1e-12)
    assert float(found.rates["code_length"]) == pytest.approx(4 * 2.0 + 0.5 * (1 + 3 + 20))


def test_without_noise_nothing_is_sent():
    model = rd.GaussianLinearModel(9, rd.two_level_weights(4), noise_variance=0.0)
    found = rd.simulate(model, {"plain": rd.CenteredRounding(0.3)}, 256, jax.random.key(0))
    assert found["plain"].rates["code_length"].mean == 0
    assert found["plain"].distortion.mean == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step": 0.0}, "step must"),
        ({"step": 0.3, "multiplier": -1.0}, "multiplier"),
        ({"step": 0.3, "multiplier": np.inf}, "multiplier must be one finite number at least 0, got inf"),
        ({"step": 0.3, "multiplier": (0.1, 0.2)}, "multiplier must be one number"),
        ({"step": 0.3, "num_paths": 0}, "num_paths"),
        ({"step": 0.3, "num_paths": 2000}, "num_paths must be at most 1024, got 2000"),
        ({"step": 0.3, "order": "largest"}, "order"),
        ({"step": 0.3, "steps": "pivots", "order": "smallest_pivot_first"}, "need the order 'given'"),
        ({"step": 0.3, "code_lengths": (1.0, 2.0)}, "odd number"),
        ({"step": 0.3, "code_lengths": "abc"}, "code_lengths must be numbers, nats for .*; got 'abc'"),
        ({"step": 0.3, "code_lengths": (1.0, "abc", 1.0)}, "code_lengths must be numbers"),
        ({"step": 0.3, "code_lengths": ((1.0,), (1.0, 2.0))}, "code_lengths must be numbers"),
        ({"step": 0.3, "num_states": 8, "code_lengths": (1.0, 1.0, 1.0)}, "must be a pair"),
        (
            {"step": 0.3, "num_states": 8, "code_lengths": ((1.0,), (0.1,) * 3)},
            r"no code has code_lengths\[1\]",
        ),
        ({"step": 0.3, "num_states": 2}, "num_states must"),
        (
            {"step": 0.3, "num_states": 8, "order": "smallest_pivot_first"},
            "a trellis needs the order 'given'",
        ),
        ({"step": 0.3, "code_lengths": (0.1, 0.1, 0.1)}, "no code has"),
        ({"step": 0.3, "code_lengths": (1.0, np.inf, 1.0)}, "finite"),
        ({"step": 0.3, "steps": "pivots", "pivot_spacing": 0.0}, "pivot_spacing"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        rd.FeedbackRounding(**options)


def test_a_step_too_small_for_a_table():
    with pytest.raises(ValueError, match="at most 16384 multiples"):
        rd.CenteredRounding(1e-6).prepare(MODEL)
    with pytest.raises(ValueError, match="degrees of freedom"):
        rd.FeedbackRounding(0.3).prepare(rd.GaussianLinearModel(4, rd.two_level_weights(4)))
