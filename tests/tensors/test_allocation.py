import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist.tensors.allocation import allocate, lower_hull

POINTS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=5)
GROUPS = st.lists(POINTS.map(lambda points: tuple(np.array(points, float).T)), min_size=1, max_size=4)


def all_choices(groups):
    """Bits and distortion of every choice of points."""
    for choice in itertools.product(*[range(len(bits)) for bits, _ in groups]):
        yield tuple(sum(curve[axis][i] for curve, i in zip(groups, choice, strict=True)) for axis in (0, 1))


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(GROUPS, st.integers(0, 100))
def test_against_all_choices(groups, budget):
    options = list(all_choices(groups))
    within = [distortion for bits, distortion in options if bits <= budget]
    if not within:
        with pytest.raises(ValueError, match="total_bits must be at least"):
            allocate(groups, budget)
        return
    result = allocate(groups, budget)
    chosen = [(bits[i], d[i]) for (bits, d), i in zip(groups, result.choices, strict=True)]
    assert (result.total_bits, result.total_distortion) == tuple(np.sum(chosen, axis=0))
    assert result.total_bits <= budget
    assert result.lower_bound <= min(within) == result.total_distortion
    assert result.optimal
    assert result.gap == result.total_distortion - result.lower_bound
    if result.multiplier == 0:
        assert min(within) == min(d for _, d in options)
    # No choice whatsoever has a smaller Lagrangian than the bound says.
    least = min(d + result.multiplier * bits for bits, d in options)
    assert least == pytest.approx(
        result.lower_bound + result.multiplier * budget * (result.multiplier > 0)
    ) or (result.multiplier == 0)


def test_what_the_hull_leaves_over_is_spent():
    # The only corners of the first hull are its ends, and the second's first step is the steeper one.
    result = allocate([([0, 100], [100, 0]), ([0, 1], [10, 0])], 100)
    assert (result.choices, result.total_distortion) == ((1, 0), 10)
    assert (result.lower_bound, result.gap, result.optimal) == (1, 9, True)
    # A point above the hull is what a small rest can buy.
    inside = allocate([([0, 50, 100], [100, 60, 0]), ([0, 100], [90, 0])], 150)
    assert (inside.choices, inside.total_distortion) == ((1, 1), 60)
    assert allocate([([0, 50, 100], [100, 60, 0])], 99).choices == (1,)


DECADES = st.integers(-20, 20).flatmap(lambda e: st.floats(1, 10).map(lambda x: x * 10.0**e))
ENDS = st.sampled_from([0.0, 5e-324, 1e-310, 1e-300, 1.0, 1e300]) | st.floats(0, 1e300)
HOSTILE = st.lists(st.lists(st.tuples(DECADES, DECADES), min_size=1, max_size=4), min_size=1, max_size=4).map(
    lambda groups: [tuple(np.array(points).T) for points in groups]
)


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(HOSTILE, st.floats(0, 1))
def test_forty_decades_against_rational_arithmetic(groups, share):
    """Neither the budget nor the bound gives way to rounding."""
    check_exactly(groups, share)


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(
    st.lists(st.lists(st.tuples(ENDS, ENDS), min_size=1, max_size=4), min_size=1, max_size=4).map(
        lambda groups: [tuple(np.array(points).T) for points in groups]
    ),
    st.floats(0, 1),
)
def test_ends_of_floating_point_against_rational_arithmetic(groups, share):
    """Slopes that overflow, prices that underflow."""
    check_exactly(groups, share)


def test_a_budget_without_end():
    assert allocate([([0, 1], [2, 1]), ([0, 3], [5, 1])], np.inf) == allocate(
        [([0, 1], [2, 1]), ([0, 3], [5, 1])], 4
    )
    assert allocate([([0, 5e-324], [1e307, 0])], 0).choices == (0,)


def check_exactly(groups, share):
    low, high = (math.fsum(float(f(bits)) for bits, _ in groups) for f in (np.min, np.max))
    budget = math.nextafter(low + share * max(high - low, 0.0), math.inf)
    exact = [
        (sum(Fraction(float(b[i])) for (b, _), i in zip(groups, choice, strict=True)), choice)
        for choice in itertools.product(*[range(len(bits)) for bits, _ in groups])
    ]
    within = [
        sum(Fraction(float(d[i])) for (_, d), i in zip(groups, choice, strict=True))
        for bits, choice in exact
        if bits <= Fraction(budget)
    ]
    result = allocate(groups, budget)
    spent = sum(Fraction(float(b[i])) for (b, _), i in zip(groups, result.choices, strict=True))
    assert spent <= Fraction(budget)
    assert Fraction(result.lower_bound) <= min(within)
    if result.optimal:
        assert result.total_distortion <= float(min(within)) * (1 + 1e-9)
    assert min(within) <= Fraction(math.nextafter(result.total_distortion, math.inf))


def test_many_groups_come_near_the_bound():
    rng = np.random.default_rng(0)
    K = np.array([2, 3, 4, 6, 8, 11, 16, 23, 32, 64.0])
    groups = [
        (np.floor(n * np.log2(K)) + 32 * K, n * v * K**-2 * rng.uniform(0.9, 1.1, K.size))
        for n, v in zip(10 ** rng.uniform(3, 6, 300), 10 ** rng.uniform(-3, 1, 300), strict=True)
    ]
    budget = 0.4 * sum(bits.max() for bits, _ in groups)
    result = allocate(groups, budget)
    assert 0 <= result.gap <= 1e-4 * result.total_distortion
    assert result.total_bits <= budget


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(POINTS)
def test_hull_is_what_some_price_chooses(points):
    bits, distortion = np.array(points, float).T
    hull = lower_hull(bits, distortion)
    assert np.all(np.diff(bits[hull]) > 0)
    assert np.all(np.diff(distortion[hull]) < 0)
    slopes = -np.diff(distortion[hull]) / np.diff(bits[hull])
    assert np.all(np.diff(slopes) < 0)
    prices = [1e-6, *slopes * (1 - 1e-9), *slopes * (1 + 1e-9), 1e6]
    winners = {int(i) for price in prices for i in hull if _is_best(bits, distortion, price, i)}
    assert winners == {int(i) for i in hull}
    for price in prices:
        assert min(distortion[hull] + price * bits[hull]) == min(distortion + price * bits)


def _is_best(bits, distortion, price, point):
    cost = distortion + price * bits
    return cost[point] <= cost.min()


def test_a_group_does_not_skip_what_it_cannot_pay():
    # The second step alone would fit, the first does not; the other group takes the bits instead.
    groups = [([0, 10, 11], [100, 10, 9]), ([0, 4], [1, 0.5])]
    result = allocate(groups, 5)
    assert result.choices == (0, 1)
    assert (result.total_bits, result.multiplier) == (4, 9)
    assert result.lower_bound == 101 - 5 * 9


def test_equal_groups_share_equally():
    # D = 2^(−2R): with equal variances every group gets the same rate.
    bits = np.arange(9.0)
    result = allocate([(bits, 4.0**-bits)] * 5, 5 * 3)
    assert result.choices == (3,) * 5
    assert result.total_distortion == result.lower_bound == 5 * 4.0**-3


def test_reverse_water_filling():
    # Variances 4^j: each step of j is worth one bit more, what is below the water gets none.
    bits = np.linspace(0, 12, 1201)
    variances = 4.0 ** np.arange(4)
    result = allocate([(bits, variance * 4.0**-bits) for variance in variances], 6.0)
    water = 1.0  # Σ ½ log₂(4^j / 1) = 0 + 1 + 2 + 3 = 6 bits
    np.testing.assert_allclose(bits[list(result.choices)], [0, 1, 2, 3], atol=0.011)
    assert result.total_distortion == pytest.approx(4 * water, rel=1e-3)
    assert result.multiplier == pytest.approx(2 * np.log(2) * water, rel=1e-2)


@pytest.mark.parametrize(
    ("groups", "budget", "message"),
    [
        ([], 1, "at least one curve"),
        ([([1], [1, 2])], 1, r"group 0 must have one shape"),
        ([([], [])], 1, "group 0"),
        ([([[1]], [[1]])], 1, "group 0"),
        ([([1], [1]), ([-1], [1])], 1, "bits of group 1 must lie in"),
        ([([1], [-1])], 1, "distortions of group 0 must lie in"),
        ([([1], [np.nan])], 1, "distortions of group 0 must be finite"),
        ([([1], [1])], np.nan, "total_bits must lie in"),
        ([([1], [1])], [1], r"total_bits must be one number, got shape \(1,\)"),
        ([([1], [1], [1])], 1, "group 0 must be a pair of bits and distortions"),
        ([3], 1, "group 0 must be a pair of bits and distortions, got 3"),
        ([([0, 1], [1e308, 0])] * 2, 1, "distortions must be small enough to be added"),
        ([([0, 1e308], [1, 0])] * 2, 1, "bits must be small enough to be added"),
        ([([1], [1])], 0.5, "total_bits must be at least 1.0, the cheapest points together, got 0.5"),
        ([([0.1], [1])] * 3, 0.3, "total_bits must be at least 0.30000000000000004, .* got 0.3"),
    ],
)
def test_bad_input(groups, budget, message):
    with pytest.raises(ValueError, match=message):
        allocate(groups, budget)
