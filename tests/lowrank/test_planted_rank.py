"""Shrinking in the norm of two metrics, and planted ranks: found where theory says and not elsewhere."""

import math

import numpy as np
import pytest
import scipy.linalg

import ratedist as rd
from ratedist import theory
from ratedist.lowrank import (
    FixedRank,
    NuclearNorm,
    RankPenalty,
    SchattenPenalty,
    project,
    shrink,
    thresholding,
)

RANK, NUM_OUTPUTS, NUM_INPUTS, NUM_SAMPLES, NOISE = 3, 30, 40, 400, 0.5
BETA = NUM_OUTPUTS / NUM_INPUTS
UNIT = NOISE * math.sqrt(NUM_INPUTS)
THRESHOLD = float(theory.singular_value_hard_threshold(BETA)) * UNIT
TIE = math.sqrt(float(theory.worst_singular_value_error("hard", BETA)))


def hard(s):
    return RankPenalty(THRESHOLD**2 / 2).prox(s, 1.0)


def fitted(signal: float, correlation: float, seed: int):
    """W of least squares and its A, the signals in W*Σ^½√n all at one size in units of the noise."""
    rng = np.random.default_rng(seed)
    C = np.linalg.cholesky(rd.ar1_covariance(NUM_INPUTS, correlation))
    U, V = (np.linalg.qr(rng.normal(size=(size, RANK)))[0] for size in (NUM_OUTPUTS, NUM_INPUTS))
    W_star = signal * UNIT / math.sqrt(NUM_SAMPLES) * U @ V.T @ np.linalg.inv(C)
    X = C @ rng.normal(size=(NUM_INPUTS, NUM_SAMPLES))
    Y = W_star @ X + NOISE * rng.normal(size=(NUM_OUTPUTS, NUM_SAMPLES))
    A = X @ X.T
    return W_star, np.linalg.solve(A, X @ Y.T).T, A


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_the_planted_rank_is_found_above_the_tie_and_not_below(correlation: float) -> None:
    """In the metric A noise is white, whatever the inputs: the hard threshold says the rank."""
    for share, expected in ((1.5, RANK), (0.7, 0)):
        for seed in range(5):
            _, W, A = fitted(share * TIE, correlation, seed)
            assert shrink(W, hard, right=A).rank == expected


def test_one_iteration_on_white_weights_is_that_threshold() -> None:
    """W plus white noise, as for Σ = I and A near nI: thresholding at λ = τ²/2, and at too low a λ."""
    rng = np.random.default_rng(1)
    for share, expected in ((1.5, RANK), (0.7, 0)):
        for _ in range(5):
            U, V = (np.linalg.qr(rng.normal(size=(size, RANK)))[0] for size in (NUM_OUTPUTS, NUM_INPUTS))
            W = share * TIE * UNIT * U @ V.T + NOISE * rng.normal(size=(NUM_OUTPUTS, NUM_INPUTS))
            found = thresholding(W, RankPenalty(THRESHOLD**2 / 2))
            assert (found.rank, found.converged) == (expected, True)
            noise = float(theory.singular_value_bulk_edge(BETA)) * UNIT
            assert thresholding(W, RankPenalty((0.8 * noise) ** 2 / 2)).rank > RANK


@pytest.mark.parametrize("correlation", [0.0, 0.5])
def test_iterations_in_the_metric_of_the_inputs(correlation: float) -> None:
    """Schatten's penalty finds the rank of strong signals; a hard threshold stays near the W it starts in."""
    lam = 0.77 * (THRESHOLD / math.sqrt(NUM_SAMPLES)) ** 1.5
    for seed in range(2):
        W_star, W, A = fitted(3 * TIE, correlation, seed)
        options = {"right": A / NUM_SAMPLES, "accelerate": True, "tolerance": 1e-7}
        soft = thresholding(W, SchattenPenalty(lam, 0.5), **options)
        assert (soft.rank, soft.converged, soft.monotone) == (RANK, True, True)
        risk, risk_of_w = (np.sum((V - W_star) @ A * (V - W_star)) for V in (soft.weights, W))
        assert risk < 0.3 * risk_of_w
        plain = thresholding(W, RankPenalty(THRESHOLD**2 / 2 / NUM_SAMPLES), **options)
        assert plain.rank > RANK
        assert plain.monotone


def test_shrinkage_needs_no_rank_and_beats_the_projection_at_the_true_one() -> None:
    """Excess risks over data sets, paired: the best shrinkage in the metric A, and rank 3 that is known."""
    gains = []
    for seed in range(30):
        W_star, W, A = fitted(1.1 * TIE, 0.8, seed)
        estimates = (
            shrink(W, lambda s: theory.shrunk_singular_values(s / UNIT, BETA) * UNIT, right=A).matrix(),
            project(W, RANK, right=A).matrix(),
        )
        first, second = (np.sum((V - W_star) @ A * (V - W_star)) for V in estimates)
        gains.append(second - first)
    assert np.mean(gains) > 4 * np.std(gains, ddof=1) / math.sqrt(len(gains))


@pytest.mark.parametrize("singular", [False, True])
def test_shrinking_is_what_it_says(singular: bool) -> None:
    """Against symmetric square roots and an SVD of the product; metrics that see not everything."""
    rng = np.random.default_rng(0)
    W = rng.normal(size=(4, 6))
    L, R = (M @ M.T for M in (rng.normal(size=(4, 4)), rng.normal(size=(6, 3 if singular else 6))))
    P, Q = np.real(scipy.linalg.sqrtm(L)), np.real(scipy.linalg.sqrtm(R + 1e-15 * np.eye(6)))
    penalty = NuclearNorm(1.0)
    found = shrink(W, lambda s: penalty.prox(s, 1.0), left=L, right=R)
    U, s, Vt = np.linalg.svd(P @ W @ Q)
    expected = (U * penalty.prox(s, 1.0)) @ Vt[:4]
    np.testing.assert_allclose(found.singular_values, s, atol=1e-6)
    np.testing.assert_allclose(P @ found.matrix() @ Q, expected, atol=1e-6)
    np.testing.assert_allclose(
        np.linalg.norm(found.left, axis=0), np.linalg.norm(found.right, axis=1), rtol=1e-9
    )
    E = W - found.matrix()
    assert found.distortion == pytest.approx(np.trace(L @ E @ R @ E.T), rel=1e-6)
    near = shrink(W, lambda s: FixedRank(2).prox(s, 1.0), left=L, right=R)
    assert near.distortion == pytest.approx(project(W, 2, left=L, right=R).distortion, rel=1e-9)


@pytest.mark.parametrize("scale", [1e-200, 1e-20, 1e20, 1e140])
def test_weights_of_any_size(scale: float) -> None:
    W = scale * np.array([[3.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    found = shrink(W, lambda s: np.maximum(s - scale, 0), right=[1.0, 1e-40])
    np.testing.assert_allclose(found.matrix() / scale, [[2, 0], [0, 0], [0, 0]], atol=1e-12)
    assert shrink(0 * W, lambda s: s).rank == 0
    np.testing.assert_allclose(shrink(W, lambda s: s / 2).matrix() / scale, W / scale / 2, atol=1e-12)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda s: s - 10, "must return 2 numbers of at least 0"),
        (lambda s: s[:1], "must return 2 numbers of at least 0"),
        (lambda s: s * np.nan, "what rule returns must be finite"),
        (lambda s: s + 1, "it raised one"),
        (lambda s: s * 1e200, "whose squares float64 holds"),
    ],
)
def test_bad_rules(rule, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shrink(np.diag([1.0, 0.0]), rule)


def test_what_float64_does_not_hold() -> None:
    with pytest.raises(ValueError, match="W and its metrics must be smaller"):
        shrink(1e200 * np.eye(2), lambda s: s)


def test_what_is_no_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="rule must be a function of singular values, got 2"):
        shrink(np.eye(2), 2)
