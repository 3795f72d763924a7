"""Sorted weights with prefix sums: the cost and the mean of any run of sorted weights in O(1)."""

from __future__ import annotations

import dataclasses
import functools
from typing import NamedTuple

import numpy as np

from ratedist.quantizers.cells import ascending, ascending_order


class PrefixSums(NamedTuple):
    """Σh, Σhw and Σhw² before each of M sorted entries and after the last, each of shape ``(M + 1,)``."""

    mass: np.ndarray
    first: np.ndarray
    second: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class SortedStatistics:
    """Distinct weights of positive importance in ascending order, and what is known of them.

    Weights of importance up to 2⁻⁵² of the sum are left out (``is_counted``), which lowers every objective by
    what they cost, nothing if their importance is zero: a lower bound stays one. Equal weights are one entry,
    since no optimal quantiser needs to separate them. Prefix sums are of the weights minus ``shift``, their
    weighted mean: sums of squares of values far from zero would cancel.

    Attributes:
        values: M distinct weights minus ``shift``, ascending, shape ``(M,)``.
        mass: Σh before each entry, shape ``(M + 1,)``.
        first: Σh(w − shift) before each entry, shape ``(M + 1,)``.
        shift: subtracted from the weights.
    """

    values: np.ndarray
    mass: np.ndarray
    first: np.ndarray
    shift: float

    @functools.cached_property
    def second(self) -> np.ndarray:
        """Σh(w − shift)² before each entry, shape ``(M + 1,)``."""
        return _prefix_sums(np.diff(self.mass) * self.values**2)

    @property
    def sums(self) -> PrefixSums:
        """All three prefix sums."""
        return PrefixSums(self.mass, self.first, self.second)

    @property
    def size(self) -> int:
        """M."""
        return self.values.size

    def bounds(self, centers: np.ndarray) -> np.ndarray:
        """Ends of the runs that are nearest to each of K ascending centres, shape ``(K + 1,)``."""
        inner = np.searchsorted(self.values, (centers[1:] + centers[:-1]) / 2, side="right")
        return np.concatenate([[0], inner, [self.size]])

    def masses(self, bounds: np.ndarray) -> np.ndarray:
        """Σh of the K runs between K + 1 ``bounds``, exactly zero for empty runs."""
        return np.diff(self.mass[bounds])

    def means(self, bounds: np.ndarray, fallback: np.ndarray) -> np.ndarray:
        """Weighted means of the K runs between K + 1 ``bounds``; ``fallback`` (K,) for empty runs."""
        mass = self.masses(bounds)
        filled = mass > 0
        return np.where(filled, np.diff(self.first[bounds]) / np.where(filled, mass, 1.0), fallback)

    def binned(self, num_bins: int) -> tuple[PrefixSums, float]:
        """Prefix sums at the edges of at most ``num_bins`` bins, and what binning costs at most.

        If whole bins are assigned instead of weights, the cost of given centres c_1 < … < c_K grows by at
        most ``(c_K − c_1)`` times the second value returned, ``½ max_b (mass · width)``: the better of the
        two ways to assign a bin that the threshold between c and c′ cuts adds at most 2(c′ − c)·mass·width/4.
        Edges balance mass times width.
        """
        gaps = np.diff(self.values)
        scale = np.sqrt(np.diff(self.mass)[:-1] * gaps)
        position = np.concatenate([[0.0], np.cumsum(scale)])
        marks = np.linspace(0.0, position[-1], num_bins + 1)[1:-1]
        edges = np.unique(np.concatenate([[0], np.searchsorted(position, marks), [self.size]]))
        width = self.values[edges[1:] - 1] - self.values[edges[:-1]]
        sums = PrefixSums(*(array[edges] for array in self.sums))
        return sums, float(np.max(np.diff(sums.mass) * width)) / 2


def is_counted(importance: np.ndarray) -> np.ndarray:
    """Which importances are not lost in the sum of all: differences of prefix sums have to be positive."""
    return importance > np.finfo(np.float64).eps * importance.sum()


def sorted_statistics(weights: np.ndarray, importance: np.ndarray | None) -> SortedStatistics:
    """Sort once; ``weights`` and ``importance`` float64 of shape ``(d,)``, the latter not all zero."""
    if importance is None:
        values, h = ascending(weights), None
    else:
        relevant = is_counted(importance)
        values, h = weights, importance
        if not relevant.all():
            values, h = values[relevant], h[relevant]
        order = ascending_order(values)
        values, h = values.take(order), h.take(order)
    is_new = values[1:] != values[:-1]
    if not is_new.all():
        starts = np.concatenate([[0], np.flatnonzero(is_new) + 1])
        counts = np.diff(starts, append=values.size).astype(np.float64)
        values = values[starts]
        h = counts if h is None else np.add.reduceat(h, starts)
    shift = float(values.mean() if h is None else h @ values / h.sum())
    values -= shift
    if h is None:
        mass, first = np.arange(values.size + 1, dtype=np.float64), _prefix_sums(values)
    else:
        mass, first = _prefix_sums(h), _prefix_sums(h * values)
    return SortedStatistics(values, mass, first, shift)


def _prefix_sums(values: np.ndarray) -> np.ndarray:
    sums = np.zeros(values.size + 1)
    np.cumsum(values, out=sums[1:])
    return sums
