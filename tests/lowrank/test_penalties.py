"""Proximal maps against brute force: no number that anybody tries has a lower objective."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist.lowrank.penalties import (
    DampedRank,
    FirmPenalty,
    FixedRank,
    NuclearNorm,
    Penalty,
    RankPenalty,
    SchattenPenalty,
    require_penalty,
)

SEPARABLE = [
    NuclearNorm(1.3),
    RankPenalty(0.7),
    SchattenPenalty(1.1, 0.5),
    SchattenPenalty(0.4, 2 / 3),
    SchattenPenalty(2.0, 1e-3),
    SchattenPenalty(1.0, 1 - 1e-9),
    FirmPenalty(1.0, 2.5),
    FirmPenalty(3.0, 0.2),
]
BY_RANK = [FixedRank(0), FixedRank(2), FixedRank(9), DampedRank(0, 2.0), DampedRank(2, 0.3), DampedRank(9, 1)]
ALL = SEPARABLE + BY_RANK
STRENGTHS = st.one_of(st.just(0.0), st.floats(1e-20, 1e20), st.floats(0.1, 10))
SIZES = st.one_of(st.just(0.0), st.floats(1e-20, 1e20), st.floats(0.1, 10))
wide = np.longdouble


def phi(penalty: Penalty, x: np.ndarray) -> np.ndarray:
    """The penalty of single values as it is written in papers, in extended precision."""
    lam = wide(getattr(penalty, "strength", 0))
    if isinstance(penalty, NuclearNorm):
        return lam * x
    if isinstance(penalty, RankPenalty):
        return lam * (x > 0)
    if isinstance(penalty, SchattenPenalty):
        return lam * x ** wide(penalty.exponent)
    assert isinstance(penalty, FirmPenalty)
    mu = wide(penalty.saturation)
    return np.where(x <= mu, lam * x - lam * x**2 / (2 * mu), lam * mu / 2)


def least(penalty: Penalty, s: float, step: float) -> np.longdouble:
    """The least objective over grids of [0, s], refined three times around its best point."""

    def objective(x: np.ndarray) -> np.ndarray:
        return (x - wide(s)) ** 2 / 2 + wide(step) * phi(penalty, x)

    grid = wide(s) * np.concatenate(
        [np.linspace(0, 1, 4001), np.logspace(-25, 0, 1000), 1 - np.logspace(-18, 0, 500)]
    )
    for _ in range(3):
        grid = np.unique(grid)
        best = int(np.argmin(objective(grid)))
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)]
        grid = np.concatenate([grid[[best]], low + (high - low) * np.linspace(0, 1, 1001, dtype=wide)])
    return objective(grid).min()


@pytest.mark.parametrize("penalty", SEPARABLE, ids=repr)
@settings(max_examples=settings().max_examples // 4)
@given(strength=STRENGTHS, s=SIZES, step=st.floats(1e-12, 1e12))
def test_no_number_has_a_lower_objective(penalty: Penalty, strength: float, s: float, step: float) -> None:
    penalty = dataclasses.replace(penalty, strength=strength)
    x = penalty.prox([s], step)
    assert 0 <= x[0] <= s
    ours = (wide(x[0]) - wide(s)) ** 2 / 2 + wide(step) * phi(penalty, x.astype(wide))[0]
    # A value is rounded: it moves the objective by its slope, at most s + step times that of the penalty.
    rounding = 4e-16 * (wide(s) * abs(wide(x[0]) - wide(s)) + ours) + (4e-16 * wide(s)) ** 2
    assert ours <= least(penalty, s, step) + rounding


@pytest.mark.parametrize("penalty", ALL, ids=repr)
def test_matrices_have_no_lower_objective_nearby(penalty: Penalty) -> None:
    """The map of a matrix by its singular values, against random matrices near it, near 0 and of low rank."""
    rng = np.random.default_rng(0)
    for scale in (0.3, 1.0, 3.0):
        W = scale * rng.normal(size=(3, 4))
        U, s, V = np.linalg.svd(W, full_matrices=False)

        def objective(X: np.ndarray, W: np.ndarray = W) -> float:
            values = np.linalg.svd(X, compute_uv=False)
            return np.sum((X - W) ** 2) / 2 + 0.8 * penalty.value(np.where(values > 1e-12, values, 0.0))

        X = (U * penalty.prox(s, 0.8)) @ V
        best = objective(X)
        assert math.isfinite(best)
        for size, k in itertools.product((1e-4, 1e-2, 1.0), range(60)):
            other = (X if k % 2 else W) + size * rng.normal(size=W.shape)
            if k % 5 == 0:
                A, t, B = np.linalg.svd(other, full_matrices=False)
                other = (A[:, : k % 4] * t[: k % 4]) @ B[: k % 4]
            assert objective(other) >= best - 1e-12


@pytest.mark.parametrize("penalty", ALL, ids=repr)
@settings(max_examples=settings().max_examples // 5)
@given(values=st.lists(st.one_of(SIZES, st.just(1.0)), min_size=1, max_size=6), step=st.floats(1e-9, 1e9))
def test_order_is_kept_and_nothing_grows(penalty: Penalty, values: list[float], step: float) -> None:
    s = np.sort(values)[::-1]
    x = penalty.prox(s, step)
    assert np.all(np.diff(x) <= 0)
    assert np.all((x >= 0) & (x <= s))
    np.testing.assert_array_equal(penalty.prox(np.zeros(3), step), 0)


@pytest.mark.parametrize("penalty", [*SEPARABLE, DampedRank(1, 1.0)], ids=repr)
def test_no_strength_changes_nothing_and_much_leaves_nothing(penalty: Penalty) -> None:
    s = np.array([1e20, 3.0, 3.0, 1e-20, 0.0])
    np.testing.assert_array_equal(dataclasses.replace(penalty, strength=0.0).prox(s, 0.7), s)
    for step in (1.0, 1e300):
        left = dataclasses.replace(penalty, strength=1e308).prox(s, step)
        kept = np.sqrt(1e308) * 1.6 < s if isinstance(penalty, RankPenalty | FirmPenalty) else s > np.inf
        if isinstance(penalty, DampedRank):
            kept[0] = True
        np.testing.assert_allclose(left[1:] if kept[0] else left, 0, atol=1e-280)
    assert dataclasses.replace(penalty, strength=0.0).value(s) == 0


def test_ties_fall_to_the_smaller_value() -> None:
    assert RankPenalty(2.0).prox([2.0, np.nextafter(2, 3)], 1.0).tolist() == [0.0, np.nextafter(2, 3)]
    # η = λ = 1, p = ½: x̄ = 1, and the threshold is ¾·2 = 1.5, where 0 and 1 have equal objectives.
    p = SchattenPenalty(1.0, 0.5)
    assert p.prox([1.5], 1.0).tolist() == [0.0]
    assert p.prox([np.nextafter(1.5, 2)], 1.0)[0] == pytest.approx(1.0, abs=1e-7)
    assert (0.5 * 0.5**2 + 1) == 0.5 * 1.5**2
    assert FirmPenalty(4.0, 1.0).prox([2.0, 2.1], 1.0).tolist() == [0.0, 2.1]
    assert FirmPenalty(1.05, 1.0).prox([1.02, 1.03], 1.0).tolist() == [0.0, 1.03]  # just above √1.05
    assert FixedRank(1).prox([2.0, 2.0], 1.0).tolist() == [2.0, 0.0]


def test_the_half_has_a_closed_form() -> None:
    """Xu, Chang, Xu & Zhang 2012: the thresholding representation of L½, with cosines."""
    s, c = np.linspace(1.6, 40, 50), 1.0  # ½(x − s)² + c√x
    angle = np.arccos(c / 4 * (s / 3) ** -1.5)
    expected = 2 / 3 * s * (1 + np.cos(2 * np.pi / 3 - 2 / 3 * angle))
    np.testing.assert_allclose(SchattenPenalty(c, 0.5).prox(s, 1.0), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("penalty", "expected"),
    [
        (NuclearNorm(2.0), 2 * 4.25),
        (RankPenalty(2.0), 4),
        (SchattenPenalty(2.0, 0.5), 2 * 2.5),
        (FirmPenalty(2.0, 1.0), 2 * (0.5 + 0.25 * (1 - 0.125))),
        (FixedRank(2), 0),
        (FixedRank(1), math.inf),
        (DampedRank(1, 2.0), 0.0625),
    ],
    ids=repr,
)
def test_values(penalty: Penalty, expected: float) -> None:
    assert penalty.value([4.0, 0.25, 0.0]) == pytest.approx(expected, rel=1e-15)
    assert penalty.value([0.0, 0.0]) == 0
    assert type(penalty.value([4.0, 0.25, 0.0])) is float
    # What float64 does not hold is infinite, and not a warning.
    assert penalty.value([1.5e308, 1.5e308]) >= penalty.value([1.0, 1.0])


def test_a_threshold_that_floats_hold_though_not_its_square() -> None:
    s = [1.4e154, 1.5e154]  # beside √2 · 10¹⁵⁴
    np.testing.assert_array_equal(RankPenalty(1.0).prox(s, 1e308), [0.0, 1.5e154])
    np.testing.assert_array_equal(RankPenalty(1e308).prox(s, 1.0), [0.0, 1.5e154])


def test_limits_of_the_softer_ones() -> None:
    s = np.array([4.0, 2.0, 1.1, 0.3])
    np.testing.assert_allclose(
        SchattenPenalty(0.8, 1e-12).prox(s, 1.0), RankPenalty(0.8).prox(s, 1.0), atol=1e-9
    )
    np.testing.assert_allclose(
        SchattenPenalty(0.8, 1 - 1e-12).prox(s, 1.0), NuclearNorm(0.8).prox(s, 1.0), atol=1e-9
    )
    np.testing.assert_allclose(FirmPenalty(0.8, 1e12).prox(s, 1.0), NuclearNorm(0.8).prox(s, 1.0), atol=1e-9)
    np.testing.assert_allclose(DampedRank(2, 1e18).prox(s, 1.0), FixedRank(2).prox(s, 1.0), atol=1e-9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NuclearNorm(-1), "strength must lie in"),
        (lambda: RankPenalty(math.nan), "strength must lie in"),
        (lambda: RankPenalty(math.inf), "strength must be finite"),
        (lambda: SchattenPenalty(1.0, 1.0), "exponent must be above 0 and below 1"),
        (lambda: SchattenPenalty(1.0, 0.0), "exponent must be above 0 and below 1"),
        (lambda: FirmPenalty(1.0, 0.0), "saturation must be one number above zero"),
        (lambda: FixedRank(-1), "rank must be at least 0"),
        (lambda: DampedRank(1.5, 1.0), "rank must be an integer"),
        (lambda: NuclearNorm(1.0).prox([1.0], 0.0), "step must be one number above zero"),
        (lambda: FixedRank(1).prox([1.0], math.nan), "step must be finite"),
        (lambda: FixedRank(1).prox([1.0], -1.0), "step must be one number above zero"),
        (lambda: NuclearNorm(1.0).prox([-1.0], 1.0), "singular_values must be numbers of at least 0"),
        (lambda: FixedRank(1).value([math.nan]), "singular_values must be finite"),
        (lambda: require_penalty("penalty", NuclearNorm), "penalty must be a penalty such as"),
        (lambda: require_penalty("penalty", 3.0), "penalty must be a penalty such as"),
    ],
)
def test_bad_input(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
