"""Masks and the surgeon's update, beside exact fractions, brute force over all sets, and hostile inputs."""

import itertools
from fractions import Fraction

import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest

from ratedist.quantizers import (
    optimal_brain_surgeon,
    pruning_mask,
    surgeon_order,
    surgeon_values,
)

SMALL_INTEGERS = hnp.arrays(np.int64, st.integers(1, 8), elements=st.integers(-4, 4))


def hessian(d: int, seed: int = 0, samples: int | None = None) -> np.ndarray:
    correlated = np.linalg.cholesky(0.9 ** np.abs(np.subtract.outer(range(d), range(d))))
    X = np.random.default_rng(seed).normal(size=(samples or d + 2, d)) @ correlated.T
    return X.T @ X


def subsets(d: int, k: int):
    for kept in itertools.combinations(range(d), k):
        mask = np.zeros(d, bool)
        mask[list(kept)] = True
        yield mask


def exact_distortion(w, H, kept) -> Fraction:
    """Least of eᵀHe with ŵ = 0 outside ``kept``, by elimination in exact fractions."""
    order = [*np.flatnonzero(kept), *np.flatnonzero(~kept)]
    S = [[Fraction(float(H[i, j])) for j in order] for i in order]
    for step in range(int(kept.sum())):
        for i in range(step + 1, len(order)):
            factor = S[i][step] / S[step][step]
            S[i] = [a - factor * b for a, b in zip(S[i], S[step], strict=True)]
    rest = range(int(kept.sum()), len(order))
    v = [Fraction(float(w[i])) for i in order]
    return sum((v[i] * S[i][j] * v[j] for i in rest for j in rest), Fraction(0))


@hypothesis.given(SMALL_INTEGERS, st.data())
def test_a_mask_keeps_the_largest_and_of_equals_the_first(w, data) -> None:
    """Integers, of which many are equal: the order is that of sorting by exact products."""
    h = data.draw(hnp.arrays(np.int64, w.size, elements=st.sampled_from([0, 1, 4])))
    k = data.draw(st.integers(0, w.size))
    for importance in (None, np.where(h.any(), h, 1)):
        sizes = np.ones(w.size, int) if importance is None else importance
        order = sorted(range(w.size), key=lambda j: (-sizes[j] * w[j] ** 2, j))
        mask = pruning_mask(w, k, importance)
        assert sorted(np.flatnonzero(mask)) == sorted(order[:k])


@pytest.mark.parametrize("scale", [1.0, 1e-200, 1e-300, 1e130])
def test_masks_do_not_depend_on_the_unit(scale) -> None:
    w = np.random.default_rng(1).normal(size=40)
    h = 10.0 ** np.random.default_rng(2).uniform(-20, 20, 40)
    expected = np.argsort(-h * w**2)[:13]
    np.testing.assert_array_equal(np.flatnonzero(pruning_mask(w * scale, 13, h)), np.sort(expected))


def test_no_other_set_costs_less_where_weights_do_not_answer() -> None:
    """Brain damage is optimal for a diagonal H, and magnitude for the identity."""
    w, h = np.random.default_rng(3).normal(size=(2, 7))
    for importance in (np.ones(7), h**2):
        for k in range(8):
            least = min(float(importance @ np.where(mask, 0, w) ** 2) for mask in subsets(7, k))
            mask = pruning_mask(w, k, importance)
            assert float(importance @ np.where(mask, 0, w) ** 2) == pytest.approx(least, rel=1e-12, abs=1e-15)


def test_values_are_the_exact_optimum_of_their_set() -> None:
    w, H = np.random.default_rng(4).integers(-9, 9, 6).astype(float), np.rint(10 * hessian(6))
    for k in range(7):
        for mask in subsets(6, k):
            values = surgeon_values(w, mask, H)
            assert not values[~mask].any()
            e = values - w
            assert e @ H @ e == pytest.approx(float(exact_distortion(w, H, mask)), rel=1e-9, abs=1e-12)
            # The gradient is zero along what is kept.
            np.testing.assert_allclose((H @ e)[mask], 0, atol=1e-9 * np.abs(H).max())


def test_one_weight_costs_what_hassibi_and_stork_say() -> None:
    """w_q²/[H⁻¹]_qq, and −(w_q/[H⁻¹]_qq) H⁻¹e_q is how the others answer."""
    w, H = np.random.default_rng(5).normal(size=5), hessian(5)
    inverse = np.linalg.inv(H)
    costs = w**2 / np.diag(inverse)
    q = int(np.argmin(costs))
    pruned = optimal_brain_surgeon(w, 4, H)
    assert surgeon_order(w, H)[0] == q
    assert not pruned.kept[q]
    assert pruned.distortion == pytest.approx(costs[q], rel=1e-10)
    np.testing.assert_allclose(pruned.weights, w - w[q] / inverse[q, q] * inverse[q], atol=1e-10)


def test_each_step_of_the_order_is_the_cheapest_one() -> None:
    """Every next weight is found again by trying all, in exact fractions; at k = d − 1 greedy is optimal."""
    gaps = []
    for seed in range(4):
        w, H = np.random.default_rng(seed).normal(size=6), hessian(6, seed)
        order = surgeon_order(w, H)
        kept = np.ones(6, bool)
        for step, q in enumerate(order):
            costs = {}
            for one in np.flatnonzero(kept):
                trial = kept.copy()
                trial[one] = False
                costs[one] = exact_distortion(w, H, trial)
            assert min(costs, key=lambda one: costs[one]) == q
            kept[q] = False
            least = min(exact_distortion(w, H, mask) for mask in subsets(6, 5 - step))
            gaps.append(float(costs[q] / least))
            assert step > 0 or gaps[-1] == 1
    # Greedy is not optimal: the test would not see it if it tried all sets.
    assert max(gaps) > 1.5
    assert min(gaps) == 1.0


def test_the_surgeon_is_never_worse_than_leaving_the_others_alone() -> None:
    for seed in range(20):
        w, H = np.random.default_rng(seed).normal(size=12), hessian(12, seed)
        for k in (0, 3, 8, 12):
            mask = pruning_mask(w, k, np.diag(H))
            e, better = np.where(mask, 0.0, -w), surgeon_values(w, mask, H) - w
            assert better @ H @ better <= e @ H @ e * (1 + 1e-12)
    assert optimal_brain_surgeon(w, 12, H).distortion == 0
    np.testing.assert_array_equal(optimal_brain_surgeon(w, 12, H).weights, w)


def test_a_diagonal_hessian_makes_the_surgeon_brain_damage_ties_too() -> None:
    w = np.array([1.0, -1.0, 2.0, 0.0, 1.0, 0.0, -2.0])
    for h in (np.ones(7), np.array([1.0, 4.0, 0.25, 1.0, 1.0, 9.0, 1.0])):
        for k in range(8):
            found = optimal_brain_surgeon(w, k, np.diag(h))
            np.testing.assert_array_equal(found.kept, pruning_mask(w, k, h))
            np.testing.assert_array_equal(found.weights, np.where(found.kept, w, 0))


def test_dead_and_dependent_inputs_go_first_and_for_nothing() -> None:
    """Four samples of seven inputs, one of them dead: four weights describe the fit."""
    rng = np.random.default_rng(6)
    X, w = rng.normal(size=(4, 7)), rng.normal(size=7)
    X[:, 2] = 0
    H = X.T @ X
    assert surgeon_order(w, H)[0] == 2
    for k in range(7):
        pruned = optimal_brain_surgeon(w, k, H)
        assert pruned.kept.sum() == k
        residual = X @ (pruned.weights - w)
        assert pruned.distortion == pytest.approx(float(residual @ residual), abs=1e-12)
        assert (pruned.distortion < 1e-12) == (k >= 4)
    nothing = optimal_brain_surgeon(w, 3, np.zeros((7, 7)))
    assert nothing.distortion == 0
    assert nothing.kept.sum() == 3


@pytest.mark.parametrize("unit", [1e-150, 1e120])
def test_units_of_weights_and_inputs_change_nothing(unit) -> None:
    """Inputs of forty decades, and weights in another unit."""
    w, H = np.random.default_rng(7).normal(size=9), hessian(9, samples=30)
    scale = 10.0 ** np.linspace(-20, 20, 9)
    order = surgeon_order(w, H)
    np.testing.assert_array_equal(surgeon_order(unit * w / scale, scale[:, None] * H * scale), order)
    kept = ~np.isin(range(9), order[:5])
    expected = surgeon_values(w, kept, H)
    found = surgeon_values(unit * w / scale, kept, scale[:, None] * H * scale)
    np.testing.assert_allclose(found * scale / unit, expected, rtol=1e-9)


def test_what_is_no_hessian_is_refused() -> None:
    for hessian_, message in (
        ([[1.0, 2.0], [2.0, 1.0]], "positive semidefinite"),
        ([[0.0, 1.0], [1.0, 1.0]], "positive semidefinite"),
        ([[-1.0, 0.0], [0.0, 1.0]], "positive semidefinite"),
        ([[1.0, 0.5], [0.4, 1.0]], "symmetric"),
        ([1.0, 1.0], r"shape \(2, 2\)"),
        ([[1.0, np.nan], [np.nan, 1.0]], "finite"),
    ):
        with pytest.raises(ValueError, match=message):
            surgeon_order([1.0, 2.0], hessian_)
    with pytest.raises(ValueError, match="booleans"):
        surgeon_values([1.0, 2.0], [1, 0], np.eye(2))
    with pytest.raises(ValueError, match="kept must have no masked entries"):
        surgeon_values([1.0, 2.0], np.ma.array([True, False], mask=[True, False]), np.eye(2))
    for call in (pruning_mask, lambda w, k: optimal_brain_surgeon(w, k, np.eye(2))):
        for num_kept in (-1, 3, 1.5):
            with pytest.raises(ValueError, match="num_kept"):
                call([1.0, 2.0], num_kept)
