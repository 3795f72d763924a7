"""Alternating minimisation on sorted weights: O(K log N) an iteration after one sort."""

from __future__ import annotations

import numpy as np

from ratedist.quantizers.center_update import confined_centers, printed_pair
from ratedist.quantizers.statistics import SortedStatistics


def lloyd_centers(
    statistics: SortedStatistics,
    initial: np.ndarray,
    max_iterations: int,
    diameter_penalty: float = 0.0,
    penalty: str = "squared",
) -> tuple[np.ndarray, bool, int]:
    """Alternate nearest-centre assignment and exact centre update: no iteration raises the objective.

    Args:
        statistics: of the weights.
        initial: K ascending centres, minus ``statistics.shift``. An empty cluster keeps its centre, as far as
            the diameter penalty lets it.
        max_iterations: cap on the number of centre updates.
        diameter_penalty: β.
        penalty: "squared" or "linear".

    Returns:
        ascending centres (minus the shift), whether the assignment came to rest, iterations done.

    Source: Lloyd 1982; objective (34) of Entropy 2021.
    """
    centers = initial
    bounds = statistics.bounds(centers)
    for iteration in range(1, max_iterations + 1):
        # Means lie inside their cells, and so does the centre of an empty one: in order up to rounding.
        centers = np.maximum.accumulate(statistics.means(bounds, centers))
        if diameter_penalty > 0:
            centers, _ = confined_centers(centers, statistics.masses(bounds), diameter_penalty, penalty)
        previous, bounds = bounds, statistics.bounds(centers)
        if np.array_equal(bounds, previous):
            return centers, True, iteration
    return centers, False, max_iterations


def printed_centers(
    statistics: SortedStatistics, initial: np.ndarray, max_iterations: int, diameter_penalty: float
) -> tuple[np.ndarray, np.ndarray, bool, int]:
    """Algorithm 1 as printed: assignment (36), joint solution of (37) for the farthest pair, means (38).

    The farthest pair is chosen from the centres of the iteration before; where another pair is the farthest
    afterwards the objective may rise. Empty clusters keep their centres, which the paper leaves open.

    Args:
        As ``lloyd_centers``; the penalty is the squared one.

    Returns:
        centres in the order of their assignment (not sorted where (37) made two change places), the
        thresholds of that assignment, whether the centres came to rest, iterations done.

    Source: Entropy 2021, Algorithm 1.
    """
    previous = centers = initial
    iteration = 0
    while iteration < max_iterations:
        iteration += 1
        previous = np.sort(centers)
        bounds, mass = statistics.bounds(previous), statistics.masses(statistics.bounds(previous))
        centers = statistics.means(bounds, previous)
        if centers.size > 1:
            centers[0], centers[-1] = printed_pair(
                centers[0], centers[-1], mass[0], mass[-1], diameter_penalty
            )
        if np.array_equal(centers, previous):
            break
    return centers, (previous[1:] + previous[:-1]) / 2, np.array_equal(centers, previous), iteration
