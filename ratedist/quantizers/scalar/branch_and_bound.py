"""The globally optimal scalar quantiser under the diameter penalty, with a certificate."""

from __future__ import annotations

import heapq
import itertools
import time
from typing import NamedTuple

import numpy as np

from ratedist.quantizers.center_update import confined_centers
from ratedist.quantizers.objective import diameter_cost
from ratedist.quantizers.scalar.bins import binned
from ratedist.quantizers.scalar.dynamic_programming import excess_by_rounding, optimal_runs
from ratedist.quantizers.scalar.run_table import ROUNDING
from ratedist.quantizers.scalar.statistics import SortedEntries
from ratedist.quantizers.scalar.tilted_costs import Interval, TiltedCosts

# Beyond this many distinct weights the search runs on bins of them.
MAX_ENTRIES = 1 << 14
# Part of the objective below which a gap may be nothing but rounding.
FINEST = 1e-12
# Room above the best objective for candidates whose costs rounding has raised.
ROOM = 1e-6
# More than all underflow can add up to where numbers are of ordinary size.
TINY = 1e-290


class Certified(NamedTuple):
    """Centres, a lower bound on every objective with K centres, and boxes examined."""

    centers: np.ndarray
    lower_bound: float
    num_boxes: int


class _Box(NamedTuple):
    """Where c_1 and c_K are; the bound as computed, by which boxes are chosen, and less its rounding."""

    bound: float
    number: int
    certified: float
    low: Interval
    high: Interval


def certified_optimum(
    entries: SortedEntries,
    num_clusters: int,
    diameter_penalty: float,
    penalty: str,
    initial: np.ndarray,
    tolerance: float,
    time_budget: float,
) -> Certified:
    """Minimise ``Σ_j h_j (w_j − c_{k(j)})² + P(c_K − c_1)`` by branch and bound over boxes of (c_1, c_K).

    Each box has a lower bound (``TiltedCosts``) that is wrong by the square of its size once that is small,
    so few boxes are needed. The assignment that attains the bound, with its exact centres, is an upper
    bound. The mean of an optimal reconstruction is that of the weights (moving all centres together costs no
    diameter), hence c_1 <= mean <= c_K.

    Args:
        entries: M > 1 distinct weights.
        num_clusters: K, from 2 to M.
        diameter_penalty: β > 0.
        penalty: "squared" or "linear".
        initial: ascending centres of a good quantiser, the first upper bound.
        tolerance: stop when the gap is at most this part of the objective.
        time_budget: stop after this many seconds, whatever the gap.

    Returns:
        the best centres found; the lower bound allows for rounding and for binning.
    """
    deadline = time.monotonic() + time_budget
    bins = binned(entries, MAX_ENTRIES) if entries.size > MAX_ENTRIES else None
    searched = entries if bins is None else bins.entries
    # Bins assigned as a whole make no more runs than there are bins.
    search = _Search(searched, min(num_clusters, searched.size), diameter_penalty, penalty)
    upper, best_centers = search.objective(search.edges(initial))
    counter = itertools.count()
    root = (searched.position[0], search.mean), (search.mean, searched.position[-1])
    boxes = [_Box(-np.inf, next(counter), 0.0, *root)]
    num_boxes = 0
    allowed = max(tolerance, FINEST)
    while boxes[0].bound < upper - allowed * upper and time.monotonic() < deadline:
        box = heapq.heappop(boxes)
        for low, high in [root] if num_boxes == 0 else _halves(box.low, box.high):
            bound, certified, edges = search.examine(low, high, upper)
            num_boxes += 1
            if edges is not None:
                objective, centers = search.objective(edges)
                if objective < upper:
                    upper, best_centers = objective, centers
            bound, certified = max(box.bound, bound), max(box.certified, certified)
            heapq.heappush(boxes, _Box(bound, next(counter), certified, low, high))
    lower = search.outside_root(min(min(box.certified for box in boxes), upper))
    if bins is not None:
        span = entries.position[-1] - entries.position[0]
        affordable = (
            np.sqrt(upper / diameter_penalty) if penalty == "squared" else 2 * upper / diameter_penalty
        )
        lower -= bins.loss(min(span, affordable * (1 + ROOM)), upper * (1 + ROOM))
    return Certified(best_centers, float(max(lower, 0.0)), num_boxes)


class _Search:
    """One problem, over weights or bins, as the boxes see it."""

    def __init__(
        self, entries: SortedEntries, num_clusters: int, diameter_penalty: float, penalty: str
    ) -> None:
        self._entries, self._table, self._K = entries, entries.table, num_clusters
        self._price = diameter_penalty, penalty
        total = self._table.moments(np.array([0]), np.array([entries.size]))
        self.mean = float((total.anchor + total.offset)[0])
        self._mass = float(total.mass[0])
        self._mean_error = float(self._table.relative_error * total.reach[0] + 2 * ROUNDING * abs(self.mean))
        # Where floats are densest: coordinates from here on lose nothing.
        self._origin = min(max(0.0, entries.position[0]), entries.position[-1])

    def edges(self, centers: np.ndarray) -> np.ndarray:
        """Ends of the runs nearest to ascending centres."""
        return self._entries.edges(centers)

    def examine(self, low: Interval, high: Interval, upper: float) -> tuple[float, float, np.ndarray | None]:
        """Lower bound of a box as computed, and less its rounding; its runs if it is below ``upper``."""
        costs = TiltedCosts(self._table, low, high, *self._price)
        ceiling = (upper - costs.constant) * (1 + ROOM)
        if ceiling <= 0:
            return costs.constant, costs.constant, None
        [(total, edges)] = optimal_runs(costs, range(self._K, self._K + 1), ceiling)
        least, error = min(total, ceiling), costs.error(ceiling, self._K)
        lost = excess_by_rounding(costs, self._K, error)
        relative = costs.relative_error + (self._K + 4) * ROUNDING
        certified = least * (1 - relative) - lost + costs.constant - 4 * ROUNDING * abs(costs.constant)
        return least + costs.constant, certified - TINY, edges if total <= ceiling else None

    def objective(self, edges: np.ndarray) -> tuple[float, np.ndarray]:
        """Objective and ascending centres of the best quantiser with these runs."""
        ends = np.unique(edges)
        moments, exact = self._table.moments(ends[:-1], ends[1:]), self._entries.means(ends)
        mass, scatter, means = moments.mass, moments.scatter, exact - self._origin
        centers, (low, high) = confined_centers(means, mass, *self._price)
        distortion = np.sum(scatter + mass * (centers - means) ** 2)
        moved = centers != means
        centers = np.where(moved, centers + self._origin, exact)
        return float(distortion + diameter_cost(high - low, *self._price)), centers

    def outside_root(self, lower: float) -> float:
        """``lower``, which holds for c_1 <= ``mean`` <= c_K, made to hold for every quantiser.

        The mean of an optimal reconstruction is the true one. Where both ends are on one side of the rounded
        one, either every weight on its other side pays at least its distance from it, or the centres may all
        be moved by the rounding, which costs the mass times its square.
        """
        distance = self._entries.position - self.mean
        h = self._table.weight
        sides = [np.sum(h * np.maximum(sign * distance, 0.0) ** 2) for sign in (-1.0, 1.0)]
        outside = float(min(sides)) * (1 - (h.size + 10) * ROUNDING)
        return max(min(lower, outside), lower - self._mass * self._mean_error**2 * (1 + ROOM))


def _halves(low: Interval, high: Interval) -> list[tuple[Interval, Interval]]:
    if high[1] - high[0] > low[1] - low[0]:
        middle = sum(high) / 2
        return [(low, (high[0], middle)), (low, (middle, high[1]))]
    middle = sum(low) / 2
    return [((low[0], middle), high), ((middle, low[1]), high)]
