"""Projections on low rank: what they attain, that nothing of that rank does better, and singular metrics."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

import ratedist as rd
from ratedist.lowrank import project
from tests.lowrank.problems import KINDS, distortion, full, metric

shapes = st.sampled_from([(1, 6), (6, 1), (1, 1), (4, 7), (7, 4), (5, 5)])
kinds = st.sampled_from(KINDS)
seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=settings().max_examples // 2)
@given(shapes, kinds, kinds, st.integers(0, 8), st.sampled_from([None, 0, 1, 3]), seeds)
def test_it_has_its_rank_and_the_distortion_that_it_says(shape, left, right, rank, rank_of_W, seed):
    rng = np.random.default_rng(seed)
    W = rng.standard_normal(shape)
    if rank_of_W is not None:
        W = rng.standard_normal((shape[0], rank_of_W)) @ rng.standard_normal((rank_of_W, shape[1]))
    L, R = metric(left, shape[0], rng), metric(right, shape[1], rng)
    factors = project(W, rank, L, R)
    used = min(rank, *shape)
    assert factors.left.shape == (shape[0], used)
    assert factors.right.shape == (used, shape[1])
    assert (factors.rank, factors.num_parameters) == (used, used * sum(shape))
    nothing = distortion(W, 0 * W, L, R)
    assert distortion(W, factors.matrix(), L, R) == pytest.approx(
        factors.distortion, rel=1e-9, abs=1e-13 * nothing
    )
    # Eckart–Young: the tail of the singular values of L^½WR^½, by another square root than the function's.
    roots = [
        vectors * np.sqrt(np.maximum(values, 0))
        for values, vectors in map(np.linalg.eigh, (full(L, shape[0]), full(R, shape[1])))
    ]
    sizes = np.linalg.svd(roots[0].T @ W @ roots[1], compute_uv=False)
    assert np.sum(sizes[used:] ** 2) == pytest.approx(factors.distortion, rel=1e-7, abs=1e-13 * nothing)
    if rank >= min(shape):
        np.testing.assert_array_equal(factors.matrix(), W)
        assert factors.distortion == 0


@settings(max_examples=settings().max_examples // 2)
@given(shapes, kinds, kinds, st.integers(0, 7), seeds)
def test_every_weighted_projection_beats_the_plain_one_in_its_own_norm(shape, left, right, rank, seed):
    rng = np.random.default_rng(seed)
    W, L, R = rng.standard_normal(shape), metric(left, shape[0], rng), metric(right, shape[1], rng)
    weighted, plain = project(W, rank, L, R), project(W, rank)
    allowed = 1e-13 * distortion(W, 0 * W, L, R)
    assert weighted.distortion <= distortion(W, plain.matrix(), L, R) + allowed
    assert plain.distortion <= distortion(W, weighted.matrix()) + 1e-13 * np.sum(W**2)


@settings(max_examples=settings().max_examples // 4)
@given(shapes, st.integers(0, 6), st.floats(1e-3, 1e3), seeds)
def test_it_is_the_plain_one_where_the_weighting_is_the_identity(shape, rank, size, seed):
    W = np.random.default_rng(seed).standard_normal(shape)
    U, sizes, Vt = np.linalg.svd(W, full_matrices=False)
    expected = (U[:, :rank] * sizes[:rank]) @ Vt[:rank]
    for L in (None, np.ones(shape[0]), size, size * np.eye(shape[0])):
        for R in (None, np.ones(shape[1]), size * np.eye(shape[1])):
            np.testing.assert_allclose(project(W, rank, L, R).matrix(), expected, atol=1e-10)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("none", "none"),
        ("full", "full"),
        ("diagonal", "few samples"),
        ("dead", "full"),
        ("few samples", "dead and few"),
    ],
)
@pytest.mark.parametrize("rank", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_no_search_over_factors_does_better(left, right, rank):
    """Eight starts of a quasi-Newton search over both factors, which knows the definition alone."""
    rng = np.random.default_rng(rank)
    W, L, R = rng.standard_normal((4, 5)), metric(left, 4, rng), metric(right, 5, rng)
    full_left, full_right = full(L, 4), full(R, 5)

    def objective(entries: np.ndarray) -> tuple[float, np.ndarray]:
        a, b = entries[: 4 * rank].reshape(4, rank), entries[4 * rank :].reshape(rank, 5)
        slope = -2 * full_left @ (W - a @ b) @ full_right
        return distortion(W, a @ b, L, R), np.concatenate([(slope @ b.T).ravel(), (a.T @ slope).ravel()])

    found = [
        minimize(objective, rng.standard_normal(9 * rank), jac=True, tol=1e-14, options={"maxiter": 3000}).fun
        for _ in range(8)
    ]
    least = project(W, rank, L, R).distortion
    assert min(found) == pytest.approx(least, rel=1e-6, abs=1e-9)
    assert min(found) >= least * (1 - 1e-9) - 1e-12


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("none", "few samples"),
        ("dead", "none"),
        ("full", "dead and few"),
        ("dead", "dead"),
        ("few samples", "few samples"),
    ],
)
def test_where_a_metric_is_singular_it_is_the_limit_of_regular_ones(left, right):
    """A solver that inverts square roots of regular metrics, nearer and nearer to the singular ones."""
    rng = np.random.default_rng(5)
    W, L, R = rng.standard_normal((6, 9)), metric(left, 6, rng), metric(right, 9, rng)
    seen = np.linalg.matrix_rank(full(L, 6) @ W @ full(R, 9))
    for rank in range(1, seen + 1):
        here = project(W, rank, L, R).matrix()
        distances = []
        for ridge in (1e-4, 1e-6):
            roots = []
            for one, size in ((L, 6), (R, 9)):
                values, vectors = np.linalg.eigh(
                    full(one, size) + (0 if one is None else ridge) * np.eye(size)
                )
                roots.append((vectors * np.sqrt(values)) @ vectors.T)
            U, sizes, Vt = np.linalg.svd(roots[0] @ W @ roots[1], full_matrices=False)
            near = (
                np.linalg.inv(roots[0]) @ (U[:, :rank] * sizes[:rank]) @ Vt[:rank] @ np.linalg.inv(roots[1])
            )
            distances.append(np.max(np.abs(near - here)))
        assert distances[1] < max(0.02 * distances[0], 1e-7)
        assert distances[1] < 1e-2


def test_a_dead_feature_keeps_its_weights_as_far_as_the_rank_reaches():
    rng = np.random.default_rng(0)
    W, X = rng.standard_normal((4, 6)), rng.standard_normal((6, 40))
    X[2] = 0
    kept = project(W, 2, right=X @ X.T)
    alive = np.arange(6) != 2
    # What is seen does not depend on what is not.
    other = W.copy()
    other[:, 2] = 1e6
    np.testing.assert_allclose(
        project(other, 2, right=X @ X.T).matrix()[:, alive], kept.matrix()[:, alive], rtol=1e-9
    )
    basis = np.linalg.qr(kept.matrix()[:, alive])[0][:, :2]
    np.testing.assert_allclose(kept.matrix()[:, 2], basis @ (basis.T @ W[:, 2]), rtol=1e-9)


def spent_otherwise(W: np.ndarray, X: np.ndarray, rank: int) -> np.ndarray:
    """By hand, for fewer samples than the rank: all outputs kept, and the rest truncated without a metric."""
    basis = np.linalg.qr(W @ X.T)[0]
    rest = W - basis @ (basis.T @ W)
    U, sizes, Vt = np.linalg.svd(rest)
    more = rank - len(X)
    return W - rest + (U[:, :more] * sizes[:more]) @ Vt[:more]


def test_what_is_left_of_a_rank_goes_where_the_metric_is_blind():
    """Whether Cholesky's decomposition of a singular mean breaks down or not, which is an accident."""
    succeeded = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        W, X = rng.standard_normal((12, 10)), rng.standard_normal((8, 10))
        X /= np.linalg.norm(X, axis=0)
        np.testing.assert_allclose(project(W, 9, right=X.T @ X).matrix(), spent_otherwise(W, X, 9), atol=1e-9)
        try:
            np.linalg.cholesky(X.T @ X)
            succeeded += 1
        except np.linalg.LinAlgError:
            pass
    assert 0 < succeeded < 40


def test_where_neither_side_sees_the_rest_nothing_that_is_seen_changes():
    """W is 0 where both metrics see, so that its rank is spent between what one of them sees."""
    rng = np.random.default_rng(2)
    W, seen = rng.standard_normal((6, 8)), np.arange(8) < 4
    W[np.ix_(seen[:6], seen)] = 0
    previous = np.linalg.norm(W)
    for rank in range(1, 6):
        factors = project(W, rank, seen[:6].astype(float), seen.astype(float))
        assert np.abs(factors.matrix()[np.ix_(seen[:6], seen)]).max() < 1e-14
        error = np.linalg.norm(W - factors.matrix())
        assert error < previous
        previous = error


@pytest.mark.parametrize("scale", [1e-200, 1.0, 2.0, 3e6])
def test_columns_are_as_long_as_the_rows_they_are_multiplied_by(scale):
    rng = np.random.default_rng(0)
    for left, right in (("none", "none"), ("graded", "graded"), ("none", "few samples")):
        W = scale * rng.standard_normal((7, 9))
        factors = project(W, 6, metric(left, 7, rng), metric(right, 9, rng))
        lengths = np.linalg.norm(factors.left, axis=0), np.linalg.norm(factors.right, axis=1)
        np.testing.assert_allclose(*lengths, rtol=1e-12)


@pytest.mark.parametrize("exponent", [-290, -160, 0, 140])
@pytest.mark.parametrize("metric_exponent", [-300, 0, 300])
def test_any_scale_gives_the_same_matrix(exponent, metric_exponent):
    """By powers of four, so that nothing is rounded."""
    rng = np.random.default_rng(3)
    W, R = rng.standard_normal((4, 6)), metric("full", 6, rng)
    scale, weight = 4.0 ** round(exponent * 1.66), 4.0 ** round(metric_exponent * 1.66)
    here = project(W, 2, right=R)
    if 2 * exponent + metric_exponent > 300:
        with pytest.raises(ValueError, match="W and its metrics must be smaller"):
            project(scale * W, 2, right=weight * R)
        return
    there = project(scale * W, 2, right=weight * R)
    np.testing.assert_array_equal(there.matrix(), scale * here.matrix())
    expected = np.ldexp(here.distortion, int(2 * np.log2(scale) + np.log2(weight)))
    assert there.distortion == pytest.approx(expected, rel=1e-12, abs=0)


def test_features_of_forty_decades_keep_their_own_accuracy():
    """A metric that is graded is that of a graded matrix: the same directions are kept."""
    rng = np.random.default_rng(4)
    W, R = rng.standard_normal((5, 8)), metric("full", 8, rng)
    scales = 10.0 ** np.linspace(-20, 20, 8)
    for left in (None, metric("full", 5, rng)):
        for rank in (1, 2, 4):
            here = project(W, rank, left, R)
            there = project(W / scales, rank, left, R * np.outer(scales, scales))
            np.testing.assert_allclose(there.matrix() * scales, here.matrix(), rtol=1e-9, atol=1e-12)
            assert there.distortion == pytest.approx(here.distortion, rel=1e-12)


def test_single_precision_means_are_semidefinite_up_to_their_own_rounding():
    rng = np.random.default_rng(6)
    X = rng.standard_normal((5, 12)).astype(np.float32)
    W = rng.standard_normal((6, 12))
    moment = X.T @ X
    assert np.linalg.eigvalsh(moment)[0] < 0
    factors = project(W, 5, right=moment)
    assert np.linalg.norm((W - factors.matrix()) @ X.T) < 1e-5 * np.linalg.norm(W @ X.T)
    # Rank 5 is all that is seen: the rest is spent on what is not. Doubles show rounding by its sign.
    W = rng.standard_normal((8, 12))
    for one in (moment, moment.astype(np.float64)):
        np.testing.assert_allclose(project(W, 7, right=one).matrix(), spent_otherwise(W, X, 7), atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"W": np.ones(3)}, r"W must have shape \(o, d\) with o, d >= 1, got shape \(3,\)"),
        ({"W": np.ones((0, 3))}, r"W must have shape \(o, d\)"),
        ({"W": [[np.nan, 1.0]]}, "W must be finite"),
        ({"rank": -1}, "rank must be at least 0, got -1"),
        ({"rank": 1.0}, "rank must be an integer"),
        ({"left": np.ones(3)}, r"left must be a number or have shape \(2,\) or \(2, 2\), got \(3,\)"),
        ({"right": [1.0, np.inf, 1.0]}, "right must be finite"),
        ({"right": [1.0, -1.0, 1.0]}, "right must be positive semidefinite, its diagonal has -1"),
        ({"left": [[1.0, 0.5], [0.0, 1.0]]}, "left must be symmetric"),
        ({"left": [[1.0, 2.0], [2.0, 1.0]]}, "left must be positive semidefinite.*eigenvalue -1"),
        ({"left": [[0.0, 1.0], [1.0, 1.0]]}, "left must be positive semidefinite, it has a zero"),
        ({"W": 1e200 * np.ones((2, 3))}, "W and its metrics must be smaller"),
    ],
)
def test_bad_input_is_refused_in_words(arguments, words):
    given = {"W": np.ones((2, 3)), "rank": 1, **arguments}
    with pytest.raises(ValueError, match=words):
        rd.lowrank.project(**given)


@pytest.mark.parametrize("metric", [0.0, [0.0, 0.0, 0.0], [4.0, 0.0, 0.0]])
def test_no_singular_value_is_below_zero_by_its_sign(metric):
    factors = project(np.arange(12.0).reshape(3, 4), 1, left=metric)
    assert not np.any(np.signbit(factors.singular_values))
