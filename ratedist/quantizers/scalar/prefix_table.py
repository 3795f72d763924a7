"""Prefix sums of sorted weights in two floats each, and cheapest runs over them, by Numba."""

from __future__ import annotations

import dataclasses
import functools
from types import ModuleType

import numpy as np

from ratedist.quantizers.scalar.certified_runs import TINY
from ratedist.quantizers.scalar.run_table import ROUNDING
from ratedist.quantizers.scalar.statistics import SortedEntries


@functools.cache
def compiled_functions() -> ModuleType | None:
    """What Numba compiles, if there is Numba."""
    try:
        from ratedist.quantizers.scalar import compiled
    except ImportError:
        return None
    return compiled


@dataclasses.dataclass(frozen=True, eq=False)
class PrefixTable:
    """Prefix sums at some boundaries of sorted weights minus ``shift``, and how far a cost may be off.

    Attributes:
        rows: as ``compiled.fill`` writes them, shape ``(M + 1, 8)``.
        boundaries: which ones of all, empty for all.
        shift: subtracted from the weights.
        error: bound on the error of a cost, besides a few roundings of itself.
        compiled: the functions that Numba compiles.
    """

    rows: np.ndarray
    boundaries: np.ndarray
    shift: float
    error: float
    compiled: ModuleType

    @classmethod
    def of(cls, entries: SortedEntries, compiled: ModuleType) -> PrefixTable | None:
        """At all boundaries; ``None`` where masses of runs would lose their digits."""
        w = entries.position
        h = np.ones(w.size) if entries.mass is None else entries.mass
        middle = float(w[w.size // 2])
        # Differences of numbers within a factor of two are exact.
        near = min(middle / 2, 2 * middle) <= w[0] and w[-1] <= max(middle / 2, 2 * middle)
        shift = middle if near else 0.0
        x = w - shift if shift else w
        rows = np.empty((w.size + 1, compiled.COLUMNS))
        lost = 8 * ROUNDING * compiled.fill(x, h, rows)
        least = 1.0 if entries.mass is None else float(h.min())
        if lost[0] > ROUNDING * least or rows[-1, 0] * ROUNDING > 8 * least:
            return None
        reach = max(abs(float(x[0])), abs(float(x[-1])))
        squares = 64 * ROUNDING**2 * rows[-1, 4] + lost[2]
        means = 2 * reach * lost[1] + reach**2 * lost[0]
        squared_means = 4 * (lost[1] ** 2 + (reach * lost[0]) ** 2) / least
        return cls(rows, np.empty(0, dtype=np.int64), shift, float(squares + means + squared_means), compiled)

    def at(self, boundaries: np.ndarray) -> PrefixTable:
        """At some of them only."""
        return dataclasses.replace(self, rows=self.rows[boundaries], boundaries=boundaries)

    @property
    def size(self) -> int:
        """Entries, or bins of them."""
        return len(self.rows) - 1

    def cost(self, edges: np.ndarray) -> float:
        """What the runs between ``edges`` cost."""
        return float(np.sum(self.compiled.run_costs(self.rows, edges)))

    def high_rate_price(self, num_clusters: int) -> float:
        """−dD/dK of the cost ``D = (∫f^⅓)³/(12K²)`` of many clusters (Panter & Dite 1951)."""
        mass, first = np.diff(self.rows[:, 0]), np.diff(self.rows[:, 2])
        widths = np.diff(first / mass, append=first[-1] / mass[-1])
        share = np.cbrt(mass) * np.cbrt(np.maximum(widths, 0.0)) ** 2
        # A gap that is as large as all clusters together is one, and no place for many.
        share = np.minimum(share, share.sum() / num_clusters)
        return float(max(share.sum() ** 3 / (6.0 * num_clusters**3), TINY))


def even_boundaries(entries: SortedEntries, number: int) -> np.ndarray:
    """Boundaries about evenly spaced in numbers of weights and in values."""
    w, half = entries.position, max(number // 2, 1)
    by_number = np.arange(half + 1) * entries.size // half
    by_value = np.searchsorted(w, np.linspace(w[0], w[-1], half))
    both = np.sort(np.concatenate([by_number, by_value]))
    return both[np.append(True, both[1:] > both[:-1])]
