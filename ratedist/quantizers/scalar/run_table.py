"""Mass, mean and cost of any run of sorted weights in O(1), to a few units in the last place of each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Unit roundoff of float64.
ROUNDING = 2.0**-53
# Blocks shorter than this are joined column by column: NumPy is slow on many short rows.
NARROW = 8
# Blocks of this many levels are built one after the other, within the cache.
CACHED_LEVELS = 14
MASS, MOMENT, SCATTER = range(3)


class Moments(NamedTuple):
    """Of some runs: Σh, their mean as ``anchor + offset``, a length no less than |offset|, Σh(w − mean)²."""

    mass: np.ndarray
    anchor: np.ndarray
    offset: np.ndarray
    reach: np.ndarray
    scatter: np.ndarray


class RunTable:
    """Moments of the runs [start, end) of M sorted entries, each with a relative error of some ulp.

    Differences of prefix sums lose the digits of what is small beside the sum before it. Here no sum has
    terms of two signs. Boundaries 0 … M whose numbers differ first in bit l lie on two sides of a multiple m
    of 2^l; for every l and every boundary the table holds the moments between it and its m, with distances
    measured from the entry before m. A run is the union of two of these, whose scatters add up to that of the
    union with ``A B/(A + B)·(distance of the means)²``, the distance being a sum of lengths.

    The parts are doubled in length level by level, so that the relative error grows with log M, by 13
    roundings a level at most: ``relative_error`` bounds that of a cost, of a mass, and of a mean beside the
    ``reach`` of its run.

    Args:
        position: ascending, shape ``(M,)``.
        mass: positive, shape ``(M,)``, or ``None`` for ones.
        scatter: what each entry costs by itself if it stands for several weights, shape ``(M,)``.

    Time O(M log M), memory 24 M log₂ M bytes.

    Source: Chan, Golub & LeVeque 1983 (union of two scatters); docs/quantizers.md §5.
    """

    is_dense = False

    def __init__(
        self, position: np.ndarray, mass: np.ndarray | None = None, scatter: np.ndarray | None = None
    ) -> None:
        M = position.size
        self.position = position
        self.weight = np.ones(M) if mass is None else mass
        levels = M.bit_length()
        self.relative_error = (13 * levels + 20) * ROUNDING
        self._table = np.empty((3, levels, M + 1))
        self._mass, self._distance, self._scatter = self._table
        self._fill(levels, np.zeros(M) if scatter is None else scatter)

    @property
    def size(self) -> int:
        """M."""
        return self.position.size

    def moments(self, start: np.ndarray, end: np.ndarray) -> Moments:
        """Moments of the runs [start, end), none of them empty."""
        base = _highest_bit(start ^ end)
        anchor = self.position.take((end >> base << base) - 1)
        base = base * (self.size + 1)
        left, right = base + start, base + end
        low_mass, high_mass = self._mass.take(left), self._mass.take(right)
        low, high = self._distance.take(left), self._distance.take(right)
        mass, reach = low_mass + high_mass, low + high
        scatter = low_mass * (high_mass / mass) * reach * reach
        scatter += self._scatter.take(left)
        scatter += self._scatter.take(right)
        # Of unlike signs: what is lost is small beside ``reach``.
        offset = high_mass / mass * high - low_mass / mass * low
        return Moments(mass, anchor, offset, reach, scatter)

    def means(self, edges: np.ndarray) -> np.ndarray:
        """Means of the runs between K + 1 ascending edges, none of them empty."""
        moments = self.moments(edges[:-1], edges[1:])
        return moments.anchor + moments.offset

    def cost(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Scatter of the runs [start, end), none of them empty."""
        base = _highest_bit(start ^ end)
        base *= self.size + 1
        left, right = base + start, base + end
        low_mass, high_mass = self._mass.take(left), self._mass.take(right)
        scatter = self._distance.take(left)
        scatter += self._distance.take(right)
        scatter *= scatter
        scatter *= low_mass
        low_mass += high_mass
        high_mass /= low_mass
        scatter *= high_mass
        scatter += self._scatter.take(left)
        scatter += self._scatter.take(right)
        return scatter

    def costs_to(self, low: int, high: int, end: int) -> np.ndarray:
        """Scatter of the runs [start, end) for start = low … high < end, shape ``(high − low + 1,)``."""
        scatter = np.empty(high - low + 1)
        for level in range(end.bit_length()):
            middle = end >> level << level
            first, last = max(middle - (1 << level), low), min(middle, high + 1)
            if not end >> level & 1 or first >= last:
                continue
            left, right = (level, slice(first, last)), (level, end)
            low_mass, high_mass = self._mass[left], self._mass[right]
            reach = self._distance[left] + self._distance[right]
            part = low_mass * (high_mass / (low_mass + high_mass)) * reach * reach
            scatter[first - low : last - low] = part + self._scatter[left] + self._scatter[right]
        return scatter

    def all_costs(self) -> None:
        """Too many."""

    def _fill(self, levels: int, entry_scatter: np.ndarray) -> None:
        M, padded = self.size, 1 << levels
        position = np.pad(self.position, (0, padded - M), mode="edge")
        # From an entry to the last of its block, and from the first of its block to an entry.
        after, before = (np.zeros((3, padded)) for _ in range(2))
        for part in (after, before):
            # Nothing is kept of blocks that reach beyond the entries.
            part[MASS, :M], part[MASS, M:], part[SCATTER, :M] = self.weight, 1.0, entry_scatter
        near = min(levels, CACHED_LEVELS)
        for first in range(0, M + 1, 1 << near):
            chunk = slice(first, first + (1 << near))
            self._climb(range(near), after[:, chunk], before[:, chunk], position[chunk], first)
        self._climb(range(near, levels), after, before, position, 0)

    def _climb(
        self, levels: range, after: np.ndarray, before: np.ndarray, position: np.ndarray, first: int
    ) -> None:
        for level in levels:
            length = 1 << level
            shape = (3, -1, 2, length)
            low, high, w = after.reshape(shape), before.reshape(shape), position.reshape(shape[1:])
            self._keep(level, low, high, w, first)
            columns = [slice(k, k + 1) for k in range(length)] if length < NARROW else [slice(None)]
            _double(low, high, w, columns)

    def _keep(
        self, level: int, after: np.ndarray, before: np.ndarray, position: np.ndarray, first: int
    ) -> None:
        target = self._table[:, level, first : first + position.size]
        whole = target.shape[1] == position.size
        kept = target.reshape(after.shape) if whole else np.empty_like(after)
        kept[MASS, :, 0], kept[SCATTER, :, 0] = after[MASS, :, 0], after[SCATTER, :, 0]
        np.divide(after[MOMENT, :, 0], after[MASS, :, 0], out=kept[MOMENT, :, 0])
        # A boundary ends before its entry.
        kept[:, :, 1, 0] = 0.0
        kept[MASS, :, 1, 1:], kept[SCATTER, :, 1, 1:] = before[MASS, :, 1, :-1], before[SCATTER, :, 1, :-1]
        distance = kept[MOMENT, :, 1, 1:]
        np.divide(before[MOMENT, :, 1, :-1], before[MASS, :, 1, :-1], out=distance)
        distance += position[:, 1, :1] - position[:, 0, -1:]
        if not whole:
            target[:] = kept.reshape(3, -1)[:, : target.shape[1]]


def _double(after: np.ndarray, before: np.ndarray, position: np.ndarray, columns: list[slice]) -> None:
    """Make moments within halves those within pairs, in place; of shape ``(…, blocks, 2, length)``."""
    last = slice(-1, None)
    gap = position[:, 1, :1] - position[:, 0, last]
    # Whole halves, and Σh·distance from their outer ends.
    low, high = after[:, :, 0, :1].copy(), before[:, :, 1, last].copy()
    low_outer, high_outer = before[MOMENT, :, 0, last].copy(), after[MOMENT, :, 1, :1].copy()
    for part, half, whole, outer, step in (
        (after, 0, high, high_outer, position[:, 1, last] - position[:, 0, last]),
        (before, 1, low, low_outer, position[:, 1, :1] - position[:, 0, :1]),
    ):
        distance = gap + whole[MOMENT] / whole[MASS]
        for column in columns:
            mass, moment, scatter = part[:, :, half, column]
            apart = moment / mass
            apart += distance
            apart *= apart
            apart *= mass
            moment += mass * step
            moment += outer
            mass += whole[MASS]
            apart *= whole[MASS] / mass
            apart += whole[SCATTER]
            scatter += apart


def _highest_bit(numbers: np.ndarray) -> np.ndarray:
    """Number of the highest bit set in positive numbers below 2⁵³."""
    exponent = numbers.astype(np.float64).view(np.int64)
    exponent >>= 52
    exponent -= 1023
    return exponent
