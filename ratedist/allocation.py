"""Sharing a budget of bits among groups of weights: lower convex hulls and one multiplier."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks


@dataclasses.dataclass(frozen=True)
class Allocation:
    """One operating point for every group.

    Attributes:
        choices: index of the point of each group.
        total_bits: of the points chosen.
        total_distortion: of the points chosen.
        lower_bound: no choice within the budget has less distortion than this.
        multiplier: distortion that one more bit of budget would save, to first order; 0 if all fits.
    """

    choices: tuple[int, ...]
    total_bits: float
    total_distortion: float
    lower_bound: float
    multiplier: float


def allocate(groups: Sequence[tuple[ArrayLike, ArrayLike]], total_bits: float) -> Allocation:
    r"""Choose one point on each group's rate–distortion curve within a budget.

    .. math:: \min \sum_g D_g(i_g) \quad\text{subject to}\quad \sum_g R_g(i_g) ≤ B

    Minimising ``Σ(D + λR)`` takes each group apart, and the points that can win for some λ are those of the
    lower convex hull of its curve. Walking the edges of all hulls from the steepest on is to lower λ.
    The first edge that does not fit ends the walk for its group; others take what is left. A fraction of
    that edge would give the optimum over mixtures of points, the lower bound: not mixing loses less than
    the distortion which that one edge saves.

    Args:
        groups: per group bits R and distortions D, each of shape ``(P,)``; P may differ between groups.
        total_bits: the budget B.

    Raises:
        ValueError: no group, shapes that disagree or are empty, values negative or not finite, a budget below
            what the cheapest points take together.

    Source: Shoham & Gersho 1988; Everett 1963.
    """
    curves = [_checked_curve(index, group) for index, group in enumerate(groups)]
    if not curves:
        raise ValueError("groups must hold at least one curve, got none")
    budget = float(_checks.in_range("total_bits", total_bits))
    hulls = [lower_hull(bits, distortion) for bits, distortion in curves]
    least = sum(float(bits[hull[0]]) for (bits, _), hull in zip(curves, hulls, strict=True))
    if budget < least:
        raise ValueError(
            f"total_bits must be at least {least:g}, the cheapest points together, got {budget:g}"
        )
    edges = []
    for group, ((bits, distortion), hull) in enumerate(zip(curves, hulls, strict=True)):
        steps, savings = np.diff(bits[hull]), -np.diff(distortion[hull])
        edges += [
            (float(saving / step), group, place + 1, float(step), float(saving))
            for place, (step, saving) in enumerate(zip(steps, savings, strict=True))
        ]
    edges.sort(key=lambda edge: (-edge[0], edge[1], edge[2]))
    reached, ended = [0] * len(curves), [False] * len(curves)
    left, multiplier, mixed = budget - least, 0.0, 0.0
    for slope, group, place, step, saving in edges:
        if step <= left and not ended[group]:
            left -= step
            reached[group] = place
            mixed += saving if multiplier == 0 else 0.0
        else:
            if multiplier == 0:
                multiplier = slope
                mixed += slope * left
            ended[group] = True
    choices = tuple(int(hull[place]) for hull, place in zip(hulls, reached, strict=True))
    cheapest = sum(float(distortion[hull[0]]) for (_, distortion), hull in zip(curves, hulls, strict=True))
    return Allocation(
        choices,
        sum(float(bits[i]) for (bits, _), i in zip(curves, choices, strict=True)),
        sum(float(distortion[i]) for (_, distortion), i in zip(curves, choices, strict=True)),
        cheapest - mixed,
        multiplier,
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


def _is_above(bits: np.ndarray, distortion: np.ndarray, a: int, b: int, c: int) -> bool:
    """Whether the point b is on or above the line from a to c."""
    return (distortion[a] - distortion[b]) * (bits[c] - bits[a]) <= (distortion[a] - distortion[c]) * (
        bits[b] - bits[a]
    )


def _checked_curve(index: int, group: tuple[ArrayLike, ArrayLike]) -> tuple[np.ndarray, np.ndarray]:
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
