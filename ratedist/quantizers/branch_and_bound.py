"""The globally optimal scalar quantiser under the diameter penalty, with a certificate."""

from __future__ import annotations

import heapq
import itertools
import time
from typing import NamedTuple

import numpy as np

from ratedist.quantizers.center_update import confined_centers
from ratedist.quantizers.dynamic_programming import optimal_runs
from ratedist.quantizers.objective import diameter_cost, diameter_slope
from ratedist.quantizers.statistics import PrefixSums, SortedStatistics

# Beyond this many distinct weights the search runs on bins of them.
MAX_ENTRIES = 1 << 14

Interval = tuple[float, float]


class Certified(NamedTuple):
    """Centres (minus the shift), a lower bound on every objective with K centres, and boxes examined."""

    centers: np.ndarray
    lower_bound: float
    num_boxes: int


def certified_optimum(
    statistics: SortedStatistics,
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
        statistics: of M > 1 distinct weights.
        num_clusters: K, from 2 to M.
        diameter_penalty: β > 0.
        penalty: "squared" or "linear".
        initial: ascending centres (minus the shift) of a good quantiser, the first upper bound.
        tolerance: stop when the gap is at most this part of the objective.
        time_budget: stop after this many seconds, whatever the gap.

    Returns:
        the best centres found; the lower bound holds up to rounding and allows for binning.
    """
    deadline = time.monotonic() + time_budget
    sums, binning = statistics.sums, 0.0
    if statistics.size > MAX_ENTRIES:
        sums, binning = statistics.binned(MAX_ENTRIES)
    values = statistics.values
    best_centers = initial
    upper, _ = _exact_objective(statistics.sums, statistics.bounds(initial), diameter_penalty, penalty)
    # Bins assigned as a whole make no more runs than there are bins.
    K = min(num_clusters, sums.mass.size - 1)
    counter = itertools.count()
    root = (values[0], 0.0), (0.0, values[-1])
    boxes: list[tuple[float, int, Interval, Interval]] = [(-np.inf, next(counter), *root)]
    num_boxes = 0
    # Below this the rounding of prefix sums decides.
    resolution = 1e-13 * sums.second[-1]
    while boxes[0][0] < upper - tolerance * upper - resolution and time.monotonic() < deadline:
        inherited, _, low, high = heapq.heappop(boxes)
        for low_part, high_part in [root] if num_boxes == 0 else _halves(low, high):
            costs = TiltedCosts(sums, low_part, high_part, diameter_penalty, penalty)
            [(least, bounds)] = optimal_runs(costs, range(K, K + 1))
            num_boxes += 1
            objective, centers = _exact_objective(sums, bounds, diameter_penalty, penalty)
            if objective < upper:
                upper, best_centers = objective, centers
            bound = max(inherited, least + costs.constant)
            heapq.heappush(boxes, (bound, next(counter), low_part, high_part))
    affordable = np.sqrt(upper / diameter_penalty) if penalty == "squared" else 2 * upper / diameter_penalty
    longest = min(values[-1] - values[0], affordable)
    return Certified(best_centers, max(min(boxes[0][0], upper) - binning * longest, 0.0), num_boxes)


class TiltedCosts:
    """Costs of runs: their sum plus ``constant`` bounds the objective if ``low`` holds c_1 and ``high`` c_K.

    The two intervals must not overlap.

    The convex P lies above its tangent, ``P(s) >= P(s₀) + P′(s₀)(s − s₀)`` for s = c_K − c_1 and a diameter
    s₀ of the box. The price ``−P′c_1`` is shared out to the weights below the middle of ``low``, in
    proportion to the force h_j·(distance) with which they would pull c_1, and ``P′c_K`` likewise; each run
    then has its own copy of c_1 and c_K, which can only lower the sum. A run with shares ψ and φ costs

        min_c Σ h_j (w_j − c)² − ψ·min(c, low[1]) + φ·max(c, high[0]),  low[0] <= c <= high[1].

    No weight takes more than twice its force, which keeps the Monge property; what is left of the price is
    charged at the end of the interval. At an optimum all weights below c_1 share one run, which makes the
    bound exact there but for terms of second order in the size of the box.
    """

    def __init__(
        self, sums: PrefixSums, low: Interval, high: Interval, diameter_penalty: float, penalty: str
    ) -> None:
        self.mass, self.first, self.second = sums
        self.low, self.high = low, high
        middle = (sum(high) - sum(low)) / 2
        price = diameter_slope(middle, diameter_penalty, penalty)
        mass = np.diff(self.mass)
        means = np.diff(self.first) / mass
        low_force = mass * np.maximum(sum(low) / 2 - means, 0.0)
        high_force = mass * np.maximum(means - sum(high) / 2, 0.0)
        self.low_share, low_rest = _shares(low_force, price)
        self.high_share, high_rest = _shares(high_force, price)
        tangent = diameter_cost(middle, diameter_penalty, penalty) - price * middle
        self.constant = tangent - low_rest * low[1] + high_rest * high[0]

    def excess(self, start: np.ndarray | slice, end: np.ndarray) -> np.ndarray:
        """Cost of the runs [start, end) less their Σhw²."""
        mass, first = self.mass[end] - self.mass[start], self.first[end] - self.first[start]
        low_share = self.low_share[end] - self.low_share[start]
        high_share = self.high_share[end] - self.high_share[start]
        center = np.maximum(np.minimum((first + low_share / 2) / mass, self.low[1]), first / mass)
        center = np.minimum(np.maximum((first - high_share / 2) / mass, self.high[0]), center)
        center = np.clip(center, self.low[0], self.high[1])
        tilt = high_share * np.maximum(center, self.high[0]) - low_share * np.minimum(center, self.low[1])
        return center * (center * mass - 2 * first) + tilt


def _shares(force: np.ndarray, price: float) -> tuple[np.ndarray, float]:
    """Prefix sums of what each weight takes of ``price``, and what none takes."""
    total = force.sum()
    rate = min(2.0, price / total) if total > 0 else 0.0
    return np.concatenate([[0.0], np.cumsum(rate * force)]), max(price - rate * total, 0.0)


def _halves(low: Interval, high: Interval) -> list[tuple[Interval, Interval]]:
    if high[1] - high[0] > low[1] - low[0]:
        middle = sum(high) / 2
        return [(low, (high[0], middle)), (low, (middle, high[1]))]
    middle = sum(low) / 2
    return [((low[0], middle), high), ((middle, low[1]), high)]


def _exact_objective(
    sums: PrefixSums, bounds: np.ndarray, diameter_penalty: float, penalty: str
) -> tuple[float, np.ndarray]:
    """Objective and ascending centres of the best quantiser with these runs."""
    mass, first, second = (np.diff(array[bounds]) for array in sums)
    filled = mass > 0
    mass, first, second = mass[filled], first[filled], second[filled]
    centers, (low, high) = confined_centers(first / mass, mass, diameter_penalty, penalty)
    distortion = np.sum(second + centers * (centers * mass - 2 * first))
    return float(distortion + diameter_cost(high - low, diameter_penalty, penalty)), centers
