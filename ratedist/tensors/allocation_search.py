"""Looking for a better choice of one point a group than the walk along the hulls has found."""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction

import numpy as np

# Partial choices that the search for the optimum keeps after each group, at most so many in all groups.
MAX_STATES = 1 << 13
MAX_KEPT = 1 << 21
# Part of a budget that sums of bits may be off by, in floating point.
ROUNDING = 1e-12

# Bits and distortions of the points of each group.
Curves = list[tuple[np.ndarray, np.ndarray]]


@dataclasses.dataclass(frozen=True, eq=False)
class _Layer:
    """Partial choices over the groups so far: bits, reduced cost, and where each came from."""

    bits: np.ndarray
    cost: np.ndarray
    parent: np.ndarray
    point: np.ndarray


def search(
    curves: Curves, incumbent: list[int], budget: float, price: float, allowed: float
) -> tuple[list[int], bool]:
    """Better choices than the incumbent if there are any, and whether the search came to its end.

    With the reduced cost ``r_i = D_i + λR_i − min_j (D_j + λR_j) ≥ 0`` of a point, the distortion of a choice
    is ``L(λ) + Σ r + λ·(B − ΣR)``: what is minimised is Σr and the price of what is left over.
    """
    reduced = []
    for bits, distortion in curves:
        cost = distortion + price * bits
        reduced.append(cost - cost.min())
    gap = sum(float(r[i]) for r, i in zip(reduced, incumbent, strict=True))
    gap += price * (budget - total_of(curves, incumbent, 0))
    useful = [np.flatnonzero(r < gap) for r in reduced]
    if gap <= 0 or any(points.size == 0 for points in useful):
        return incumbent, True
    order = sorted(range(len(curves)), key=lambda g: (useful[g].size, -float(np.ptp(curves[g][0]))))
    lows = np.array([float(curves[g][0][useful[g]].min()) for g in order])
    highs = np.array([float(curves[g][0][useful[g]].max()) for g in order])
    least_after, most_after = (np.append(np.cumsum(x[::-1])[::-1][1:], 0.0) for x in (lows, highs))
    most_states = max(min(MAX_STATES, MAX_KEPT // len(curves)), 32)
    layers, exhausted = [_Layer(np.zeros(1), np.zeros(1), np.zeros(1, int), np.zeros(1, int))], True
    for place, group in enumerate(order):
        points, last = useful[group], layers[-1]
        bits = (last.bits[:, None] + curves[group][0][points]).ravel()
        cost = (last.cost[:, None] + reduced[group][points]).ravel()
        left_over = np.maximum(budget - bits - most_after[place], 0.0)
        within = bits + least_after[place] <= budget * (1 + ROUNDING)
        kept = np.flatnonzero(within & (cost + price * left_over < gap))
        # Of more bits only less distortion is of use.
        kept = kept[np.lexsort((cost[kept], bits[kept]))]
        distortion = cost[kept] - price * bits[kept]
        best_before = np.append(np.inf, np.minimum.accumulate(distortion)[:-1])[: kept.size]
        kept = kept[distortion < best_before]
        if kept.size > most_states:
            exhausted = False
            kept = kept[np.sort(np.argpartition(cost[kept], most_states)[:most_states])]
        if kept.size == 0:
            return incumbent, exhausted
        layers.append(_Layer(bits[kept], cost[kept], kept // points.size, points[kept % points.size]))
    final = layers[-1]
    state = int(np.argmin(final.cost + price * (budget - final.bits)))
    choices = list(incumbent)
    for group, layer in zip(reversed(order), reversed(layers[1:]), strict=True):
        choices[group], state = int(layer.point[state]), int(layer.parent[state])
    if amount_left(curves, choices, allowed) < 0:  # by rounding: look for one surely within
        if budget < allowed:
            return incumbent, False
        return search(curves, incumbent, budget * (1 - 4 * ROUNDING), price, allowed)[0], False
    return choices, exhausted


def total_of(curves: Curves, choices: list[int], axis: int) -> float:
    """Bits (axis 0) or distortion (axis 1) of a choice, correctly rounded."""
    return math.fsum(float(curve[axis][i]) for curve, i in zip(curves, choices, strict=True))


def amount_left(curves: Curves, choices: list[int], budget: float) -> Fraction:
    spent = (Fraction(float(bits[i])) for (bits, _), i in zip(curves, choices, strict=True))
    return Fraction(budget) - sum(spent, Fraction(0))
