"""Reduced-rank regression in the limit: against data sets, exact ends, and Gavish and Donoho's thresholds."""

import numpy as np
import pytest

import ratedist as rd
from ratedist.estimate import Estimate
from tests.statistics import assert_agrees


def fitted_excess(
    signals: tuple[float, ...], n: int, o: int, d: int, num_trials: int, seed: int
) -> np.ndarray:
    """Excess at every rank of the fit to data sets by definition; noise is unequal, inputs correlated."""
    rng = np.random.default_rng(seed)
    noise, root = rng.uniform(0.3, 3.0, o), np.linalg.cholesky(rd.ar1_covariance(d, 0.6))
    left, _ = np.linalg.qr(rng.standard_normal((o, len(signals))))
    right, _ = np.linalg.qr(rng.standard_normal((d, len(signals))))
    W_star = np.sqrt(noise)[:, None] * (left * signals) @ right.T @ np.linalg.inv(root)
    found = np.empty((num_trials, min(o, d) + 1))
    for trial in found:
        X = rng.standard_normal((n, d)) @ root.T
        Y = X @ W_star.T + rng.standard_normal((n, o)) * np.sqrt(noise)
        solve = np.linalg.pinv(X)
        W = (solve @ Y).T
        # Ranks of the fitted values, which need no root of A: Y's projection on the inputs.
        U, sizes, Vt = np.linalg.svd((X @ W.T) / np.sqrt(noise), full_matrices=False)
        for rank in range(len(trial)):
            fitted = (U[:, :rank] * sizes[:rank]) @ Vt[:rank] * np.sqrt(noise)
            error = (solve @ fitted).T - W_star
            trial[rank] = np.sum((error @ root) ** 2 / noise[:, None])
    return found


def test_data_sets_come_near_the_limit() -> None:
    signals = (6.0, 4.0, 3.0)
    found = fitted_excess(signals, 200, 30, 60, 30, seed=0)
    limit = rd.theory.reduced_rank_excess_asymptotic(signals, 200, 30, 60)
    assert np.argmin(limit) == 3
    for rank in (0, 1, 2, 3, 4, 10, 30):
        one = Estimate(found[:, rank].mean(), found[:, rank].std(ddof=1) / 30**0.5, 30)
        assert one.sem < 0.03 * one.mean
        assert abs(one.mean - limit[rank]) < 4 * one.sem + 0.03 * limit[rank], rank


def test_ends_are_exact() -> None:
    signals = (3.0, 2.0)
    limit = rd.theory.reduced_rank_excess_asymptotic(signals, 40, 5, 12)
    assert limit[0] == pytest.approx(13.0)
    assert limit[-1] == pytest.approx(5 * 12 / 27)
    found = fitted_excess(signals, 40, 5, 12, 60, seed=1)[:, -1]
    assert_agrees(Estimate(found.mean(), found.std(ddof=1) / 60**0.5, 60), limit[-1], max_sem=0.15)


@pytest.mark.parametrize(("o", "d"), [(20, 50), (50, 20), (30, 30), (1, 40)])
def test_with_many_samples_the_threshold_is_that_for_errors_on_the_data(o: int, d: int) -> None:
    known = float(rd.theory.singular_value_hard_threshold(min(o, d) / max(o, d))) * max(o, d) ** 0.5
    assert rd.theory.reduced_rank_threshold(10**9, o, d) == pytest.approx(known, rel=1e-6)
    assert rd.theory.reduced_rank_threshold(d + 20, o, d) > known


@pytest.mark.parametrize("n", [60, 100, 1000])
def test_at_the_threshold_keeping_and_losing_cost_the_same(n: int) -> None:
    """Found anew from the curve: the signal at which ranks 0 and 1 have one risk, and as what it is seen."""
    o, d = 20, 50
    low, high = (o * d) ** 0.25 / n**0.5 * 1.000001, 1e3
    for _ in range(200):
        b = (low + high) / 2
        lost, kept = rd.theory.reduced_rank_excess_asymptotic([b], n, o, d)[:2]
        low, high = (b, high) if kept > lost else (low, b)
    theta2 = n * low**2
    seen = ((theta2 + o) * (theta2 + d) / theta2) ** 0.5
    assert rd.theory.reduced_rank_threshold(n, o, d) == pytest.approx(seen, rel=1e-8)


def test_signals_of_any_size_and_none() -> None:
    limit = rd.theory.reduced_rank_excess_asymptotic
    assert limit([], 9, 2, 3)[0] == 0
    np.testing.assert_allclose(limit([1e140], 80, 20, 50)[1:], limit([1e12], 80, 20, 50)[1:], rtol=1e-9)
    # A signal that drowns is lost, and what is kept in its place is noise.
    drowned = limit([1e-200], 80, 20, 50)
    np.testing.assert_allclose(drowned, limit([], 80, 20, 50))
    assert np.all(np.diff(drowned) > 0)
    # What is kept of noise adds up to all of it.
    assert limit([], 1000, 20, 50)[-2] == pytest.approx(limit([], 1000, 20, 50)[-1], rel=0.02)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([1.0], 51, 20, 50), "num_samples must be at least 52"),
        (([1.0, 2.0], 9, 1, 3), r"at most min\(o, d\) = 1"),
        (([-1.0], 9, 2, 3), "signals"),
        (([np.nan], 9, 2, 3), "signals"),
        (([1.0], 9, 0, 3), "num_outputs"),
        (([1.0], 10**400, 2, 3), "num_samples must be at most"),
        (([1.0], 9, 10**400, 3), "num_outputs must be at most"),
    ],
)
def test_what_is_no_problem_is_refused(arguments: tuple, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        rd.theory.reduced_rank_excess_asymptotic(*arguments)


def test_a_threshold_for_sizes_beyond_floats_is_refused() -> None:
    with pytest.raises(ValueError, match="num_samples must be at most"):
        rd.theory.reduced_rank_threshold(10**160, 2, 3)
