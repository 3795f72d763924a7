"""A lower bound on the objective under the diameter penalty, outer centres in a box, as a sum over runs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ratedist.quantizers.objective import diameter_cost, diameter_slope
from ratedist.quantizers.scalar.run_table import ROUNDING, RunTable
from ratedist.quantizers.scalar.statistics import Table

Interval = tuple[float, float]


class TiltedCosts:
    """Costs of runs: their sum plus ``constant`` bounds the objective if ``low`` holds c_1 and ``high`` c_K.

    The two intervals must not overlap.

    The convex P lies above its tangent, ``P(s) >= P(s₀) + P′(s₀)(s − s₀)`` for s = c_K − c_1 and a diameter
    s₀ of the box. The price of ``low[1] − c_1`` is shared out to the weights below the middle of ``low``, in
    proportion to the force h_j·(distance) with which they would pull c_1, and that of ``c_K − high[0]``
    likewise; each run then has its own copy of c_1 and c_K, which can only lower the sum. A run with shares ψ
    and φ costs

        min_c Σ h_j (w_j − c)² + ψ·max(low[1] − c, 0) + φ·max(c − high[0], 0),  low[0] <= c <= high[1].

    No weight takes more than twice its force, which keeps the Monge property; what is left of the price is
    charged for nothing. At an optimum all weights below c_1 share one run, which makes the bound exact there
    but for terms of second order in the size of the box.

    No term is negative, and distances are measured between neighbours: costs are computed to a relative error
    of ``relative_error``, with what the rounding of means may have added subtracted.

    Attributes:
        constant: to add to the sum, rounded downwards.
    """

    def __init__(
        self, table: Table, low: Interval, high: Interval, diameter_penalty: float, penalty: str
    ) -> None:
        self._table, self.low, self.high = table, low, high
        self.relative_error = table.relative_error + 16 * ROUNDING
        low_middle, high_middle = sum(low) / 2, sum(high) / 2
        diameter = high_middle - low_middle
        self._price = diameter_slope(diameter, diameter_penalty, penalty)
        self._low_share = _shares(table.weight * np.maximum(low_middle - table.position, 0.0), self._price)
        self._high_share = _shares(table.weight * np.maximum(table.position - high_middle, 0.0), self._price)
        tangent, gap = diameter_cost(diameter, diameter_penalty, penalty), high[0] - low[1]
        slack = 8 * ROUNDING * (tangent + self._price * (abs(gap) + diameter))
        self.constant = tangent + self._price * (gap - diameter) - slack

    @property
    def size(self) -> int:
        """M."""
        return self._table.size

    @property
    def is_dense(self) -> bool:
        """Whether the table is."""
        return self._table.is_dense

    def cost(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Cost of the runs [start, end), none of them empty."""
        moments = self._table.moments(start, end)
        cost = moments.scatter
        for side, active in self._active(moments.anchor + moments.offset):
            cost[active] += self._tilt(side, [array[active] for array in moments], start[active], end[active])
        return cost

    def costs_to(self, low: int, high: int, end: int) -> np.ndarray:
        """Cost of the runs [start, end) for start = low … high."""
        start = np.arange(low, high + 1)
        return self.cost(start, np.full(start.size, end))

    def all_costs(self) -> np.ndarray | None:
        """Cost of every run [i, t + 1), shape ``(M, M)``, infinite where i > t; ``None`` if too many."""
        if isinstance(self._table, RunTable):
            return None
        moments = self._table.all_moments()
        cost = moments.scatter.copy()
        for side, active in self._active(self._table.all_means.ravel()):
            start, last = np.divmod(active, self.size)
            some = [array[start, last] for array in moments]
            cost[start, last] += self._tilt(side, some, start, last + 1)
        return cost

    def error(self, ceiling: float, num_clusters: int) -> float:
        """Bound on the error of a sum of up to K costs that is not above ``ceiling``.

        A mean is wrong by a part of the distance from an entry of its run, which costs h times its square:
        that distance is at most ``sqrt(2·ceiling/h)``. The derivative of a cost by the mean is at most the
        price of a length or, at the end of an interval, ``2·sqrt(A·ceiling)``. Sums of shares are wrong by
        ulps of the price.
        """
        table = self._table
        reach = min(table.position[-1] - table.position[0], np.sqrt(2 * ceiling / table.weight.min()))
        slope = self._price + 2 * np.sqrt(table.weight.sum() * ceiling)
        widths = (self.low[1] - self.low[0]) + (self.high[1] - self.high[0])
        lengths = 4 * self._table.relative_error * reach + 64 * ROUNDING * (reach + widths)
        means = num_clusters * slope * lengths
        shares = 4 * self.size * ROUNDING * self._price * widths
        return (self.relative_error + num_clusters * ROUNDING) * ceiling + means + shares

    def _active(self, means: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Of the lower and of the upper interval, which runs have their mean beyond it."""
        yield -1, np.flatnonzero(means < self.low[1])
        yield 1, np.flatnonzero(means > self.high[0])

    def _tilt(self, side: int, moments: list[np.ndarray], start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Least ``A x² + share·(y − x)`` over x up to y, the way from the mean to the near end.

        The way is taken to be as short as rounding allows, which makes the cost no larger.
        """
        mass, anchor, offset, reach, _ = moments
        near, far = (self.low[1], self.low[0]) if side < 0 else self.high
        prefix = self._low_share if side < 0 else self._high_share
        share = prefix.take(end) - prefix.take(start)
        to_anchor = anchor - near if side > 0 else near - anchor
        offset = offset if side < 0 else -offset
        reach = (self._table.relative_error + 16 * ROUNDING) * reach
        way = np.maximum((to_anchor - offset) * (1 - 16 * ROUNDING) - reach, 0.0)
        least = np.maximum(way - abs(near - far) * (1 + 16 * ROUNDING), 0.0)
        step = np.maximum(np.minimum(share / (2 * mass), way), least)
        return mass * step * step + share * (way - step)


def _shares(force: np.ndarray, price: float) -> np.ndarray:
    """Prefix sums of what each weight takes of ``price``, all together no more than that."""
    total = force.sum()
    # Rounding must not make a share larger than twice the force, or the sum of them larger than the price.
    rate = min(2.0, price / total) * (1 - 8 * force.size * ROUNDING) if total > 0 else 0.0
    return np.concatenate([[0.0], np.cumsum(rate * force)])
