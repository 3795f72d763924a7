"""Sharing a budget of bits among groups of weights: one multiplier, and what it leaves over."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.tensors.allocation_search import Curves, amount_left, search, total_of

# Price of a whole budget, well within floating point.
LARGEST_PRICE = 1e300


@dataclasses.dataclass(frozen=True)
class Allocation:
    """One operating point for every group.

    Attributes:
        choices: index of the point of each group.
        total_bits: of the points chosen.
        total_distortion: of the points chosen.
        lower_bound: no choice within the budget has less distortion than this, rounding counted.
        multiplier: distortion that one more bit of budget would save, to first order; 0 if all fits, and
            never more than ``1e300 / max(B, 1)``.
        optimal: whether a search, up to the rounding of sums, has shown that no choice within the budget has
            less distortion. Where False, ``gap`` says how far off the optimum can be.
    """

    choices: tuple[int, ...]
    total_bits: float
    total_distortion: float
    lower_bound: float
    multiplier: float
    optimal: bool

    @property
    def gap(self) -> float:
        """``total_distortion − lower_bound``: no choice within the budget saves more."""
        return self.total_distortion - self.lower_bound


def allocate(groups: Sequence[tuple[ArrayLike, ArrayLike]], total_bits: float) -> Allocation:
    r"""Choose one point on each group's rate–distortion curve within a budget.

    .. math:: \min \sum_g D_g(i_g) \quad\text{subject to}\quad \sum_g R_g(i_g) ≤ B

    Minimising ``Σ(D + λR)`` takes each group apart, and the points that can win for some λ are those of the
    lower convex hull of its curve. Walking the edges of all hulls from the steepest on is to lower λ, until
    an edge does not fit. At its slope λ

    .. math:: L(λ) = \sum_g \min_i [D_g(i) + λ R_g(i)] − λ B

    bounds every choice from below (evaluated in rational arithmetic, and rounded down). What the walk leaves
    of the budget is filled with points off the hulls too. A search over partial choices then looks for better
    ones. It drops what costs more bits and distortion than another, and what L cannot bring below the best
    choice known.

    Args:
        groups: per group bits R and distortions D, each of shape ``(P,)``; P may differ between groups.
        total_bits: the budget B; it may be infinite.

    Returns:
        ``Allocation``; its ``optimal`` tells whether the search came to its end. It does for some hundreds of
        groups of sixteen points. Beyond, it keeps the most promising partial choices, so that time grows
        with the number of points, to seconds for 10,000 groups.

    Raises:
        ValueError: no group, shapes that disagree or are empty, values negative, not finite, or too large to
            be added, a budget below what the cheapest points take together.

    Source: Shoham & Gersho 1988; Everett 1963; Dyer, Riha & Walker 1995 (the search).

    Example:
        >>> import ratedist as rd
        >>> small, large = ([0, 1, 2], [1.0, 0.25, 0.0625]), ([0, 1, 2], [16.0, 4.0, 1.0])
        >>> found = rd.allocate([small, large], 2)  # both bits go where they save more
        >>> found.choices, found.total_bits, found.total_distortion, found.optimal
        ((0, 2), 2.0, 2.0, True)
    """
    if not isinstance(groups, Iterable):
        raise ValueError(f"groups must be pairs of bits and distortions, got {groups!r:.80}")
    curves = [_checked_curve(index, group) for index, group in enumerate(groups)]
    if not curves:
        raise ValueError("groups must hold at least one curve, got none")
    budget = _checks.number("total_bits", total_bits)
    # More than all can take changes nothing.
    budget = min(budget, math.nextafter(_sum_of_largest("bits", curves, 0), math.inf))
    _sum_of_largest("distortions", curves, 1)
    least = sum((Fraction(float(bits.min())) for bits, _ in curves), Fraction(0))
    if Fraction(budget) < least:
        enough = -_rounded_down(-least)
        raise ValueError(
            f"total_bits must be at least {enough!r}, the cheapest points together, got {budget!r}"
        )
    # What is beyond floating point here only changes the order in which choices are tried.
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        choices, slope = _walk(curves, budget)
        # Any λ bounds every choice; the price of the budget has to be a number.
        price = Fraction(float(min(slope, Fraction(LARGEST_PRICE) / Fraction(max(budget, 1.0)))))
        choices, exhausted = _fill(curves, choices, budget), slope == 0
        bound = _lagrangian(curves, price, budget)
        if price > 0:
            found, exhausted = search(curves, choices, budget, float(price), budget)
            found = _fill(curves, found, budget)
            if total_of(curves, found, 1) < total_of(curves, choices, 1):
                choices = found
    return Allocation(
        tuple(choices),
        total_of(curves, choices, 0),
        total_of(curves, choices, 1),
        bound,
        float(price),
        exhausted,
    )


def lower_hull(bits: np.ndarray, distortion: np.ndarray) -> np.ndarray:
    """Indices of the corners of the lower convex hull of a curve, from its cheapest point to its best.

    Distortion falls strictly along them, each bit saving less than the one before.

    Args:
        bits: shape ``(P,)``.
        distortion: shape ``(P,)``.
    """
    hull: list[int] = []
    for point in np.lexsort((distortion, bits)):
        if hull and distortion[point] >= distortion[hull[-1]]:
            continue
        while len(hull) > 1 and _is_above(bits, distortion, hull[-2], hull[-1], point):
            hull.pop()
        hull.append(int(point))
    return np.array(hull)


def _walk(curves: Curves, budget: float) -> tuple[list[int], Fraction]:
    """Points of the hulls within the budget, and the slope of the first edge that did not fit (or 0)."""
    hulls = [lower_hull(bits, distortion) for bits, distortion in curves]
    edges = []
    for group, ((bits, distortion), hull) in enumerate(zip(curves, hulls, strict=True)):
        slopes = -np.diff(distortion[hull]) / np.diff(bits[hull])
        edges += [(-float(slope), group, place + 1) for place, slope in enumerate(slopes)]
    choices, ended = [int(hull[0]) for hull in hulls], [False] * len(curves)
    left, price = amount_left(curves, choices, budget), Fraction(0)
    for _, group, place in sorted(edges):
        bits, distortion = curves[group]
        before, after = hulls[group][place - 1 : place + 1]
        step = _difference(bits, after, before)
        if step <= left and not ended[group]:
            left -= step
            choices[group] = int(after)
            continue
        ended[group] = True
        price = price or _difference(distortion, before, after) / step
    return choices, price


def _fill(curves: Curves, choices: list[int], budget: float) -> list[int]:
    """Better points for single groups while they fit, what saves most a bit first."""
    choices, left = list(choices), amount_left(curves, choices, budget)
    waiting = set(range(len(curves)))
    while waiting:
        moves = []
        for group in waiting:
            bits, distortion = curves[group]
            here = choices[group]
            saving, step = distortion[here] - distortion, bits - bits[here]
            for point in np.flatnonzero((saving > 0) & (step <= float(left) * (1 + 1e-9))):
                slope = saving[point] / step[point] if step[point] > 0 else math.inf
                moves.append((-float(slope), -float(saving[point]), group, int(point)))
        waiting = set()
        for _, _, group, point in sorted(moves):
            step = _difference(curves[group][0], point, choices[group])
            if group not in waiting and step <= left:
                waiting.add(group)
                choices[group], left = point, left - step
    return choices


def _lagrangian(curves: Curves, price: Fraction, budget: float) -> float:
    """L(λ), exact and then rounded down."""
    total = -price * Fraction(budget)
    for bits, distortion in curves:
        cost = distortion + float(price) * bits
        # What rounding cannot have put above the least.
        near = np.flatnonzero(cost <= cost.min() * (1 + 1e-9) + np.finfo(np.float64).tiny)
        total += min(Fraction(float(distortion[i])) + price * Fraction(float(bits[i])) for i in near)
    return _rounded_down(max(total, Fraction(0)))


def _difference(values: np.ndarray, a: int, b: int) -> Fraction:
    return Fraction(float(values[a])) - Fraction(float(values[b]))


def _rounded_down(value: Fraction) -> float:
    """The largest float that is not above ``value``."""
    nearest = float(value)
    return nearest if Fraction(nearest) <= value else math.nextafter(nearest, -math.inf)


def _is_above(bits: np.ndarray, distortion: np.ndarray, a: int, b: int, c: int) -> bool:
    """Whether the point b is on or above the line from a to c."""
    return (distortion[a] - distortion[b]) * (bits[c] - bits[a]) <= (distortion[a] - distortion[c]) * (
        bits[b] - bits[a]
    )


def _sum_of_largest(name: str, curves: Curves, axis: int) -> float:
    """Bits (axis 0) or distortions (axis 1) of the groups at most; ``ValueError`` if that is no number."""
    total = sum(float(curve[axis].max()) for curve in curves)
    if not math.isfinite(2 * total):
        raise ValueError(f"{name} must be small enough to be added: the largest of the groups are too large")
    return total


def _checked_curve(index: int, group: tuple[ArrayLike, ArrayLike]) -> tuple[np.ndarray, np.ndarray]:
    if not isinstance(group, Sequence | np.ndarray) or len(group) != 2:
        raise ValueError(f"group {index} must be a pair of bits and distortions, got {group!r:.80}")
    bits, distortion = (
        _checks.real_array(f"{name} of group {index}", values)
        for name, values in zip(("bits", "distortions"), group, strict=True)
    )
    if bits.ndim != 1 or bits.size == 0 or bits.shape != distortion.shape:
        raise ValueError(
            f"bits and distortions of group {index} must have one shape (P,) with P >= 1, "
            f"got {bits.shape} and {distortion.shape}"
        )
    _checks.in_range(f"bits of group {index}", bits)
    _checks.in_range(f"distortions of group {index}", distortion)
    return bits, distortion
