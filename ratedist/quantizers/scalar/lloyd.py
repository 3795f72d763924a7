"""Alternating minimisation on sorted weights: O(K log N) an iteration after one sort."""

from __future__ import annotations

import numpy as np

from ratedist.quantizers.center_update import confined_centers, printed_pair
from ratedist.quantizers.scalar.cells import midpoints
from ratedist.quantizers.scalar.statistics import SortedStatistics


def lloyd_centers(
    statistics: SortedStatistics,
    initial: np.ndarray,
    max_iterations: int,
    diameter_penalty: float = 0.0,
    penalty: str = "squared",
) -> tuple[np.ndarray, bool, int]:
    """Alternate nearest-centre assignment and exact centre update: no iteration raises the objective.

    A cluster that the assignment leaves empty takes half of another one (``split_for_empty``), which lowers
    the objective, unless no cluster is worth cutting.

    Args:
        statistics: of the weights.
        initial: K ascending centres, minus ``statistics.shift``.
        max_iterations: cap on the number of centre updates.
        diameter_penalty: β.
        penalty: "squared" or "linear".

    Returns:
        ascending centres (minus the shift), whether the assignment came to rest, iterations done.

    Source: Lloyd 1982; objective (34) of Entropy 2021.
    """
    is_confined = diameter_penalty > 0
    edges, unmoved = split_for_empty(statistics, statistics.edges(initial), initial, is_confined)
    centers, iteration = initial, 0
    while iteration < max_iterations:
        if statistics.compiled is None or is_confined:
            # Means lie inside their cells, and so does the centre of an empty one: in order up to rounding.
            centers = np.maximum.accumulate(statistics.means(edges, unmoved))
            if is_confined:
                centers, _ = confined_centers(centers, statistics.masses(edges), diameter_penalty, penalty)
            previous, assigned, steps = edges, statistics.edges(centers), 1
        else:
            previous, assigned, centers = edges.copy(), np.empty_like(edges), unmoved.copy()
            mass = statistics.position[:0] if statistics.importance is None else statistics.mass
            sums = statistics.position, statistics.shift, mass, statistics.first
            left = max_iterations - iteration
            steps = statistics.compiled.descend(*sums, previous, assigned, centers, left)
        iteration += steps
        edges, unmoved = split_for_empty(statistics, assigned, centers, is_confined)
        if np.array_equal(edges, previous):
            return centers, True, iteration
    return centers, False, max_iterations


def split_for_empty(
    statistics: SortedStatistics, edges: np.ndarray, centers: np.ndarray, confined: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Cut the clusters for which it pays most in two, one for each empty cluster, which is taken away.

    Clusters are cut at their mean or in the middle of their range. The sum of squares within a cluster of
    masses A and B and means a and b on the two sides falls by ``AB/(A + B) (b − a)²``.

    Args:
        statistics: of the weights.
        edges: of K runs, shape ``(K + 1,)``.
        centers: ascending, shape ``(K,)``.
        confined: whether no half may have its mean outside the centres: a penalty on the diameter would draw
            it back.

    Returns:
        edges and centres as before where no cluster is empty or can be cut. Otherwise with a run for each
        half, and the centre of the whole for both: no objective has changed yet.
    """
    sizes = np.diff(edges)
    num_empty = int(np.count_nonzero(sizes == 0))
    if num_empty == 0:
        return edges, centers
    values, (first, last) = statistics.values, (edges[:-1], edges[1:])
    whole = np.flatnonzero(sizes > 1)
    low, high = first[whole], last[whole]
    ends = np.stack([values[low], values[high - 1]])
    means = statistics.means(edges, centers)[whole]
    cuts = np.searchsorted(values, np.stack([means, ends.mean(axis=0)]), side="right")
    cuts = np.clip(cuts, low + 1, high - 1)
    mass = statistics.mass[cuts] - statistics.mass[low], statistics.mass[high] - statistics.mass[cuts]
    a = (statistics.first[cuts] - statistics.first[low]) / mass[0]
    b = (statistics.first[high] - statistics.first[cuts]) / mass[1]
    # Not outside their halves by rounding: one weight may be an outer centre itself.
    a, b = np.maximum(a, values[low]), np.minimum(b, values[high - 1])
    gain = mass[0] * mass[1] / (mass[0] + mass[1]) * (b - a) ** 2
    if confined:
        gain = np.where((a >= centers[0]) & (b <= centers[-1]), gain, 0.0)
    best = np.argmax(gain, axis=0)
    gain, cuts = np.max(gain, axis=0), np.take_along_axis(cuts, best[None], axis=0)[0]
    # Cuts of equal weights, as rounding sees them, come last and gain nothing.
    order = np.argsort(-gain, kind="stable")[:num_empty]
    order = order[gain[order] > 0]
    kept = np.flatnonzero(sizes > 0)
    spare = np.flatnonzero(sizes == 0)[order.size :]
    index = np.sort(np.concatenate([kept, spare, whole[order]]))
    new = np.sort(np.concatenate([edges[1:][kept], edges[1:][spare], cuts[order]]))
    return np.concatenate([edges[:1], new]), centers[index]


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
        edges, mass = statistics.edges(previous), statistics.masses(statistics.edges(previous))
        centers = statistics.means(edges, previous)
        if centers.size > 1:
            centers[0], centers[-1] = printed_pair(
                centers[0], centers[-1], mass[0], mass[-1], diameter_penalty
            )
        if np.array_equal(centers, previous):
            break
    return centers, midpoints(previous), np.array_equal(centers, previous), iteration
