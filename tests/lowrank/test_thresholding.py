"""Iterative thresholding: descent for every η ≤ 1/ℓ, stationary limits, hostile weights and metrics."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ratedist as rd
from ratedist.lowrank.penalties import (
    DampedRank,
    FirmPenalty,
    FixedRank,
    NuclearNorm,
    Penalty,
    RankPenalty,
    SchattenPenalty,
)
from ratedist.lowrank.proximal_gradient import thresholding, thresholding_path

KINDS = {
    "nuclear": NuclearNorm(1.0),
    "rank": RankPenalty(1.0),
    "schatten": SchattenPenalty(1.0, 0.5),
    "nearly-nuclear": SchattenPenalty(1.0, 0.95),
    "firm": FirmPenalty(1.0, 1.5),
    "fixed": FixedRank(2),
    "damped": DampedRank(1, 1.0),
}
SHORT = "ignore:not converged"


def problem(seed: int, spread: float = 1.0):
    """W, L and R, the metrics of condition numbers of about e^spread; with one dead feature now and then."""
    rng = np.random.default_rng(seed)
    o, d = rng.integers(1, 7, 2)
    W = rng.normal(size=(o, d)) * np.exp(spread * rng.normal(size=d))
    left, right = (
        [None, np.exp(spread * rng.normal(size=size)), moments(rng, size, spread)][rng.integers(3)]
        for size in (o, d)
    )
    if right is not None and d > 1 and rng.random() < 0.3:
        right = right.copy()
        right[0] = 0
        right.T[0] = 0
    return W, left, right


def moments(rng, size: int, spread: float) -> np.ndarray:
    X = rng.normal(size=(size, size + 2)) * np.exp(spread * rng.normal(size=(size, 1)) / 2)
    return X @ X.T / X.shape[1]


def full(metric, size: int) -> np.ndarray:
    metric = np.ones(size) if metric is None else np.asarray(metric)
    return np.diag(np.broadcast_to(metric, size)) if metric.ndim < 2 else metric


def objective(X, W, left, right, penalty: Penalty) -> float:
    """As it is written: with the trace, and the singular values of X, those of rounding left out."""
    E, s = X - W, np.linalg.svd(X, compute_uv=False)
    quadratic = np.trace(full(left, len(W)) @ E @ full(right, W.shape[1]) @ E.T) / 2
    return float(quadratic) + penalty.value(np.where(s > 1e-11 * max(s[0], np.abs(W).max()), s, 0.0))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("accelerate", [False, True])
@pytest.mark.filterwarnings(SHORT)
@settings(max_examples=settings().max_examples // 8)
@given(
    seed=st.integers(0, 2**32 - 1),
    part=st.one_of(st.just(1.0), st.floats(0.01, 1.0)),
    strength=st.one_of(st.just(0.0), st.floats(1e-6, 1e3)),
    far=st.booleans(),
)
def test_the_objective_falls_for_every_step_up_to_the_inverse_lipschitz_constant(
    kind: str, accelerate: bool, seed: int, part: float, strength: float, far: bool
) -> None:
    W, left, right = problem(seed)
    penalty = KINDS[kind]
    if not isinstance(penalty, FixedRank):
        penalty = dataclasses.replace(penalty, strength=strength)
    ell = np.linalg.eigvalsh(full(left, len(W)))[-1] * np.linalg.eigvalsh(full(right, W.shape[1]))[-1]
    if ell < 1e-9:
        return  # the only feature is dead
    start = 3 * np.random.default_rng(seed).normal(size=W.shape) if far else None
    options = {"left": left, "right": right, "start": start, "accelerate": accelerate}
    found = thresholding(W, penalty, step=part / ell * (1 - 1e-12), max_iterations=25, **options)
    assert found.lipschitz == pytest.approx(ell, rel=1e-9)
    assert found.monotone
    F = found.objective
    assert np.all(F[1:] <= F[:-1] * (1 + 1e-11) + 1e-13 * ell * np.sum(W**2) * 1e-6)
    assert np.all(found.rounding <= 1e-9 * (F[1:] + ell * np.sum(W**2)))
    assert F[-1] == pytest.approx(objective(found.weights, W, left, right, penalty), rel=1e-7, abs=1e-9 * ell)


@pytest.mark.parametrize("kind", ["nuclear", "rank", "schatten", "firm", "damped"])
def test_a_wrong_step_is_found_out(kind: str) -> None:
    """Above 2/ℓ the same checks fail: what says that it is monotone can say that it is not."""
    rng = np.random.default_rng(5)
    W, right = rng.normal(size=(4, 5)), np.array([1.0, 0.5, 0.3, 0.2, 0.1])
    penalty = dataclasses.replace(KINDS[kind], strength=1e-3)
    options = {"right": right, "start": W + rng.normal(size=W.shape), "max_iterations": 30}
    with pytest.warns(UserWarning, match="not converged"):
        right_step = thresholding(W, penalty, step=1.0, **options)
    assert right_step.monotone
    with pytest.warns(UserWarning, match="not converged"), pytest.warns(UserWarning, match="objective rose"):
        wrong = thresholding(W, penalty, step=2.2, **options)
    assert not wrong.monotone
    assert not wrong.converged
    assert wrong.objective[-1] > wrong.objective[0]


def test_diverging_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="step must be smaller: the iteration diverges"):
        thresholding([[1.0]], NuclearNorm(0.0), step=1e6, start=[[2.0]], max_iterations=10_000)


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.slow if kind == "nearly-nuclear" else ()) for kind in KINDS]
)
@pytest.mark.parametrize("accelerate", [pytest.param(False, marks=pytest.mark.slow), True])
def test_limits_are_stationary(kind: str, accelerate: bool) -> None:
    """No matrix near the limit is lower; and for the nuclear norm −∇ lies in λ times its subdifferential."""
    rng = np.random.default_rng(2)
    W, left, right = rng.normal(size=(4, 6)), moments(rng, 4, 0.5), moments(rng, 6, 0.5)
    lam = 0.3
    penalty = KINDS[kind] if kind == "fixed" else dataclasses.replace(KINDS[kind], strength=lam)
    found = thresholding(W, penalty, left=left, right=right, accelerate=accelerate, tolerance=1e-11)
    assert found.converged
    assert found.stationarity <= 1e-11
    X, r = found.weights, found.rank
    F = found.objective[-1]
    for size in (1e-3, 1e-2):
        for _ in range(80):
            # Along matrices of the same rank, and along any.
            U, V = rng.normal(size=(4, 4)), rng.normal(size=(6, 6))
            same = (np.eye(4) + size * U) @ X @ (np.eye(6) + size * V)
            assert objective(same, W, left, right, penalty) >= F - 1e-9
            if kind != "fixed":
                other = X + size * rng.normal(size=X.shape)
                assert objective(other, W, left, right, penalty) >= F - 1e-9
    if kind == "nuclear":
        A, _, Bt = np.linalg.svd(X)
        G = -A.T @ (left @ (X - W) @ right) @ Bt.T
        np.testing.assert_allclose(G[:r, :r], lam * np.eye(r), atol=1e-8)
        np.testing.assert_allclose([*G[:r, r:].ravel(), *G[r:, :r].ravel()], 0, atol=1e-8)
        assert np.linalg.norm(G[r:, r:], 2) <= lam * (1 + 1e-8)


@pytest.mark.filterwarnings(SHORT)
def test_stationarity_is_the_length_of_the_last_step() -> None:
    rng = np.random.default_rng(6)
    W, left, right = 7 * rng.normal(size=(3, 4)), np.array([1.0, 2.0, 5.0]), moments(rng, 4, 0.5)
    options = {"left": left, "right": right, "step": 0.02}
    one, two = (thresholding(W, NuclearNorm(3.0), max_iterations=k, **options) for k in (4, 5))
    scale = np.linalg.norm(left[:, None] * W @ right)
    assert two.stationarity == pytest.approx(np.linalg.norm(two.weights - one.weights) / 0.02 / scale)
    stopped = thresholding(W, NuclearNorm(3.0), tolerance=two.stationarity * 1.001, **options)
    assert stopped.iterations == 5
    assert stopped.converged


def test_a_convex_limit_does_not_depend_on_the_start() -> None:
    rng = np.random.default_rng(3)
    W, right = rng.normal(size=(3, 5)), moments(rng, 5, 1.0)
    ends = [
        thresholding(W, NuclearNorm(0.2), right=right, start=start, accelerate=True, tolerance=1e-10)
        for start in (None, np.zeros((3, 5)), 10 * rng.normal(size=(3, 5)))
    ]
    for end in ends[1:]:
        np.testing.assert_allclose(end.weights, ends[0].weights, atol=1e-6)
    warm = thresholding(W, NuclearNorm(0.2), right=right, start=ends[0].weights, tolerance=1e-8)
    assert warm.iterations == 1
    assert ends[0].iterations > 20


@pytest.mark.parametrize("kind", KINDS)
def test_without_metrics_one_step_is_the_minimum(kind: str) -> None:
    W = np.random.default_rng(0).normal(size=(4, 3))
    U, s, Vt = np.linalg.svd(W, full_matrices=False)
    found = thresholding(W, KINDS[kind])
    assert found.converged
    np.testing.assert_allclose(found.objective[1:], found.objective[-1], rtol=1e-12)
    np.testing.assert_allclose(found.weights, (U * KINDS[kind].prox(s, 1.0)) @ Vt, atol=1e-12)


def test_the_rank_of_information_projection_is_where_it_ends() -> None:
    """Iterative hard thresholding at a fixed rank reaches the closed form of the weighted projection."""
    rng = np.random.default_rng(4)
    W = rng.normal(size=(6, 2)) @ rng.normal(size=(2, 8)) + 0.3 * rng.normal(size=(6, 8))
    left, right = moments(rng, 6, 0.5), moments(rng, 8, 0.5)
    best = rd.lowrank.project(W, 2, left=left, right=right)
    found = thresholding(W, FixedRank(2), left=left, right=right, accelerate=True, tolerance=1e-9)
    assert found.objective[-1] == pytest.approx(best.distortion / 2, rel=1e-6)
    np.testing.assert_allclose(found.weights, best.matrix(), atol=1e-4)
    plain = rd.lowrank.project(W, 2).matrix()
    first = objective(plain, W, left, right, FixedRank(2))
    assert found.objective[-1] < 0.9 * first


@pytest.mark.filterwarnings(SHORT)
def test_a_hard_threshold_below_all_singular_values_moves_nothing() -> None:
    """In W the gradient is zero: an iteration that starts there thresholds W itself. Annealing gets away."""
    W, right, lam = np.diag([3.0, 1.0]), np.array([1.0, 0.05]), 0.1
    stuck = thresholding(W, RankPenalty(lam), right=right)
    assert (stuck.rank, stuck.iterations, stuck.converged) == (2, 1, True)
    stages = thresholding_path(W, rd.lowrank.strength_path(RankPenalty(lam), 2.0, 8), right=right)
    assert stages[-1].rank == 1
    # Rank 1 costs ½·0.05 and saves λ.
    assert stages[-1].objective[-1] == pytest.approx(lam + 0.025, rel=1e-6)
    assert stuck.objective[-1] == pytest.approx(2 * lam)


def test_stages_start_where_the_last_one_ended() -> None:
    W, right = np.random.default_rng(0).normal(size=(5, 5)), np.linspace(0.2, 1, 5)
    stages = thresholding_path(W, rd.lowrank.rank_path(4, 1, 4), right=right, accelerate=True)
    assert [stage.rank for stage in stages] == [4, 3, 2, 1]
    by_hand = thresholding(W, FixedRank(4), right=right, accelerate=True)
    np.testing.assert_array_equal(stages[0].weights, by_hand.weights)
    by_hand = thresholding(W, FixedRank(3), right=right, accelerate=True, start=by_hand.weights)
    np.testing.assert_array_equal(stages[1].weights, by_hand.weights)
    assert all(math.isinf(stage.objective[0]) for stage in stages)  # the last stage had a higher rank
    assert all(stage.monotone for stage in stages)


HOSTILE = {
    "zero": np.zeros((3, 2)),
    "equal": np.eye(3),
    "constant": np.ones((2, 4)),
    "decades": np.diag([1e20, 1.0, 1e-20]),
    "small": 1e-150 * np.eye(2),
    "large": 1e100 * np.eye(2),
    "float32": np.float32([[3.0, 0.1], [0.1, 0.1]]),
    "scalar": np.array([[5.0]]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings(SHORT)
def test_hostile_weights(kind: str) -> None:
    for (name, W), strength in itertools.product(HOSTILE.items(), (0.0, 1.0, 1e200)):
        penalty = KINDS[kind] if kind == "fixed" else dataclasses.replace(KINDS[kind], strength=strength)
        right = np.linspace(0.0, 1.0, W.shape[1]) if W.shape[1] > 1 else None
        for metric in (None, right):
            here = f"{name} at strength {strength}, right {metric}"
            found = thresholding(W, penalty, right=metric, max_iterations=50)
            assert found.monotone, here
            assert np.all(np.isfinite(found.weights)), here
            if kind not in ("fixed", "damped") and strength == 1e200:
                assert found.rank == 0, here
            if metric is None:
                assert found.converged, here
                if strength == 0 and kind != "fixed":
                    np.testing.assert_allclose(found.weights, W, atol=1e-14 * np.abs(W).max(), err_msg=here)


@pytest.mark.parametrize("penalty", [FirmPenalty(1.5e-160, 5e-160), DampedRank(1, 0.5)], ids=repr)
def test_objectives_of_few_digits_do_not_rise(penalty) -> None:
    """Around 10⁻³²⁰ float64 has three digits: their rounding is no ascent, and no warning."""
    W = 1e-160 * np.random.default_rng(1).normal(size=(4, 6))
    found = thresholding(W, penalty, right=np.geomspace(0.1, 1.0, 6))
    assert found.monotone
    assert found.converged is True


def test_everything_the_same_in_other_units() -> None:
    """W in millionths, the metrics in millions: powers of two change no bit of the path."""
    rng = np.random.default_rng(1)
    W, left, right = rng.normal(size=(3, 4)), moments(rng, 3, 1.0), moments(rng, 4, 1.0)
    one = thresholding(W, NuclearNorm(0.25), left=left, right=right)
    other = thresholding(
        W * 2.0**-20, NuclearNorm(0.25 * 2.0**60), left=left * 2.0**40, right=right * 2.0**40
    )
    assert other.iterations == one.iterations
    np.testing.assert_allclose(other.weights * 2.0**20, one.weights, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(other.objective, one.objective * 2.0**40, rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"W": np.ones(3)}, "W must have shape"),
        ({"W": np.full((2, 2), np.nan)}, "W must be finite"),
        ({"penalty": 0.3}, "penalty must be a penalty such as"),
        ({"right": np.ones(3)}, "right must"),
        ({"left": [[1.0, 2.0], [2.0, 1.0]]}, "left must be positive semidefinite"),
        ({"right": [0.0, 0.0]}, "left and right must see something"),
        ({"start": np.ones((3, 2))}, "start must have the shape of W"),
        ({"step": -1.0}, "step must be one number above zero"),
        ({"max_iterations": 0}, "max_iterations must be at least 1"),
        ({"tolerance": -1e-3}, "tolerance must lie in"),
        ({"tolerance": np.inf}, "tolerance must lie in"),
        ({"accelerate": "no"}, "accelerate must be True or False"),
    ],
)
def test_bad_input(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        thresholding(**({"W": np.eye(2), "penalty": NuclearNorm(0.1)} | change))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: thresholding_path(np.eye(2), []), "penalties must have at least one"),
        (lambda: rd.lowrank.strength_path(FixedRank(2), 1.0, 3), "must have a strength"),
        (lambda: rd.lowrank.strength_path(NuclearNorm(0.0), 1.0, 3), "the strength of penalty must be"),
        (lambda: rd.lowrank.strength_path(NuclearNorm(1.0), 1.0, 1), "num_stages must be at least 2"),
        (lambda: rd.lowrank.rank_path(2, 3, 4), "first_rank must be at least 3"),
        (lambda: rd.lowrank.rank_path(10**30, 1, 3), "first_rank must be at most"),
    ],
)
def test_bad_schedules(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
