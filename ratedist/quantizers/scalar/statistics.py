"""Sorted weights with prefix sums: the cost and the mean of any run of sorted weights in O(1)."""

from __future__ import annotations

import dataclasses
import functools
from types import ModuleType

import numpy as np

from ratedist.quantizers.scalar.cells import ascending, ascending_order, midpoints
from ratedist.quantizers.scalar.dense_table import DenseTable
from ratedist.quantizers.scalar.run_table import RunTable

Table = DenseTable | RunTable
# Up to this many entries all runs are kept one by one.
DENSE_SIZE = 200


@dataclasses.dataclass(frozen=True, eq=False)
class SortedEntries:
    """Distinct weights in ascending order, or bins of them.

    Attributes:
        position: the weights, or the means of the bins, shape ``(M,)``.
        mass: their importances, all positive, shape ``(M,)``; ``None`` for ones.
        scatter: Σh(w − position)² within each bin, shape ``(M,)``; ``None`` for weights.
    """

    position: np.ndarray
    mass: np.ndarray | None
    scatter: np.ndarray | None = None

    @property
    def size(self) -> int:
        """M."""
        return self.position.size

    @functools.cached_property
    def table(self) -> Table:
        """Moments of any run."""
        kind = DenseTable if self.size <= DENSE_SIZE else RunTable
        return kind(self.position, self.mass, self.scatter)

    def means(self, edges: np.ndarray) -> np.ndarray:
        """Means of the runs between K + 1 ascending edges, none of them empty, in O(M).

        Beside an anchor far away the table's keep no digits; what is left to the mean is summed once more.
        """
        means, h = self.table.means(edges), self.table.weight
        pull = h * (self.position - np.repeat(means, np.diff(edges)))
        return means + np.add.reduceat(pull, edges[:-1]) / np.add.reduceat(h, edges[:-1])

    def edges(self, centers: np.ndarray) -> np.ndarray:
        """Ends of the runs that are nearest to each of K ascending centres, shape ``(K + 1,)``."""
        inner = np.searchsorted(self.position, midpoints(centers), side="right")
        return np.concatenate([[0], inner, [self.size]])


@dataclasses.dataclass(frozen=True, eq=False)
class SortedStatistics:
    """Distinct weights of positive importance in ascending order, and prefix sums over them.

    Weights of importance up to 2⁻⁵² of the sum are left out: differences of prefix sums have to be positive.
    Equal weights are one entry, since no optimal quantiser needs to separate them. Prefix sums are of the
    weights minus ``shift``, one of the middle, and from there outwards: a sum begun at a weight far out, or
    of values far from zero, would lose the digits of the rest. What has to be right to the last digit at all
    scales is computed from ``entries`` instead.

    Attributes:
        entries: all distinct weights of positive importance.
        position: M of them that count, ascending, shape ``(M,)``.
        importance: of each, shape ``(M,)``; ``None`` for ones.
        first: Σh(w − shift) before each entry, but for a constant, shape ``(M + 1,)``.
        shift: subtracted from the weights.
        compiled: loops that Numba compiles, if it is loaded.
    """

    entries: SortedEntries
    position: np.ndarray
    importance: np.ndarray | None
    first: np.ndarray
    shift: float
    compiled: ModuleType | None = None

    @functools.cached_property
    def values(self) -> np.ndarray:
        """The weights minus ``shift``, shape ``(M,)``."""
        return self.position - self.shift

    @functools.cached_property
    def mass(self) -> np.ndarray:
        """Σh before each entry, shape ``(M + 1,)``."""
        if self.importance is None:
            return np.arange(self.size + 1, dtype=np.float64)
        mass = np.zeros(self.size + 1)
        np.cumsum(self.importance, out=mass[1:])
        return mass

    @functools.cached_property
    def second(self) -> np.ndarray:
        """Σh(w − shift)² before each entry, but for a constant, shape ``(M + 1,)``."""
        return _prefix_sums(np.diff(self.mass) * self.values**2)

    @property
    def size(self) -> int:
        """M."""
        return self.position.size

    def edges(self, centers: np.ndarray) -> np.ndarray:
        """Ends of the runs that are nearest to each of K ascending centres, shape ``(K + 1,)``."""
        if self.compiled is not None:
            return self.compiled.edges_of(self.position, self.shift, midpoints(centers))
        inner = np.searchsorted(self.values, midpoints(centers), side="right")
        return np.concatenate([[0], inner, [self.size]])

    def masses(self, edges: np.ndarray) -> np.ndarray:
        """Σh of the K runs between K + 1 ``edges``, exactly zero for empty runs."""
        return np.diff(edges.astype(np.float64) if self.importance is None else self.mass[edges])

    def means(self, edges: np.ndarray, fallback: np.ndarray) -> np.ndarray:
        """Weighted means of the K runs between K + 1 ``edges``; ``fallback`` (K,) for empty runs."""
        mass = self.masses(edges)
        filled = mass > 0
        return np.where(filled, np.diff(self.first[edges]) / np.where(filled, mass, 1.0), fallback)


def sorted_statistics(
    weights: np.ndarray, importance: np.ndarray | None, compiled: ModuleType | None = None
) -> SortedStatistics:
    """Sort once; ``weights`` and ``importance`` float64 of shape ``(d,)``, the latter not all zero."""
    entries = sorted_entries(weights, importance, compiled)
    position, h = entries.position, entries.mass
    if h is not None:
        counted = h > np.finfo(np.float64).eps * h.sum()
        if not counted.all():
            position, h = position[counted], h[counted]
    shift = float(position[position.size // 2])
    if compiled is None:
        first = _prefix_sums(position - shift if h is None else h * (position - shift))
    else:
        first = compiled.moment_sums(position, h, shift)
    return SortedStatistics(entries, position, h, first, shift, compiled)


def sorted_entries(
    weights: np.ndarray, importance: np.ndarray | None, compiled: ModuleType | None = None
) -> SortedEntries:
    """Distinct weights of positive importance; arguments as ``sorted_statistics``."""
    values = np.ascontiguousarray(weights)
    h = None if importance is None else np.ascontiguousarray(importance)
    if h is not None:
        relevant = h > 0
        if not relevant.all():
            values, h = values[relevant], h[relevant]
    if not np.all(values[1:] >= values[:-1]):
        if compiled is not None:
            values, h = compiled.sorted_numbers(values, h)
        elif h is None:
            values = ascending(values)
        else:
            order = ascending_order(values)
            values, h = values.take(order), h.take(order)
    is_new = values[1:] != values[:-1]
    if not is_new.all():
        starts = np.concatenate([[0], np.flatnonzero(is_new) + 1])
        counts = np.diff(starts, append=values.size).astype(np.float64)
        values = values[starts]
        h = counts if h is None else np.add.reduceat(h, starts)
    return SortedEntries(values, h)


def _prefix_sums(values: np.ndarray) -> np.ndarray:
    """Sums before each entry, all but a constant: counted from the middle, where they are small."""
    middle = values.size // 2
    sums = np.zeros(values.size + 1)
    np.cumsum(values[middle:], out=sums[middle + 1 :])
    sums[:middle] = -np.cumsum(values[:middle][::-1])[::-1]
    return sums
