"""Where Lloyd's algorithm starts by default: at the best clusters of runs of neighbouring weights."""

from __future__ import annotations

import itertools

import numpy as np

from ratedist.quantizers.scalar.dense_table import DenseTable
from ratedist.quantizers.scalar.dynamic_programming import optimal_runs
from ratedist.quantizers.scalar.statistics import SortedStatistics, sorted_statistics

# Runs of neighbours for each centre, and in a part that one dynamic programme clusters (a dense one).
RUNS_PER_CENTER, PART = 4, 192
# Centres that a part is offered at first, in units of its even share.
MARGIN = 2
TINY = np.finfo(np.float64).tiny


def coarse_optimum(statistics: SortedStatistics, num_clusters: int) -> np.ndarray:
    """Centres of an optimal clustering of some hundred runs of neighbouring weights instead of weights.

    The runs are those of ``even_runs``, four times as many as centres or 192. Beyond 192 they are cut into
    parts, for each of which a dynamic programme finds the least cost with 1, 2, … centres. These costs are
    convex in the number of centres: giving one after the other to the part that gains most divides them best.

    Args:
        statistics: of M distinct weights.
        num_clusters: K < M.

    Returns:
        K ascending centres minus ``statistics.shift``; the optimum itself where M <= 192, up to rounding.
        Time O(M + 192² K).

    Source: Wang & Song 2011 (dynamic programme); Fox 1966 (one after the other to the largest gain).
    """
    edges = even_runs(statistics, max(RUNS_PER_CENTER * num_clusters, PART))
    means, mass = statistics.means(edges, edges[1:]), statistics.masses(edges)
    num_parts = min(-(-means.size // PART), num_clusters)
    cuts = np.arange(num_parts + 1) * means.size // num_parts
    parts = [sorted_statistics(means[a:b], mass[a:b]) for a, b in itertools.pairwise(cuts)]
    sizes = np.array([part.size for part in parts])
    most = np.minimum(sizes, -(-MARGIN * num_clusters // num_parts) if num_parts > 1 else num_clusters)
    solutions: list[list[tuple[float, np.ndarray]]] = [[] for _ in parts]
    while True:
        for k, part in enumerate(parts):
            if len(solutions[k]) < most[k]:
                table = DenseTable(part.values, np.diff(part.mass))
                solutions[k] = optimal_runs(table, range(1, most[k] + 1))
        chosen = _shares(solutions, num_clusters)
        # A part that takes all it is offered might take more.
        short = (chosen == most) & (most < sizes)
        if num_parts == 1 or not short.any():
            break
        most[short] = np.minimum(2 * most[short], sizes[short])
    runs = [solution[number - 1][1] for solution, number in zip(solutions, chosen, strict=True)]
    found = [part.means(ends, ends[1:]) + part.shift for part, ends in zip(parts, runs, strict=True)]
    centers = np.concatenate(found)
    # Runs of hardly any importance are not counted, and may leave fewer than there are centres.
    return np.pad(centers, (0, num_clusters - centers.size), mode="edge")


def _mass_of_two(statistics: SortedStatistics) -> np.ndarray | float:
    """Mass of each weight and the next; one number for all if there are no importances."""
    if statistics.entries.mass is None:
        return 2.0
    mass = np.diff(statistics.mass)
    return mass[1:] + mass[:-1]


def _shares(solutions: list[list[tuple[float, np.ndarray]]], num_clusters: int) -> np.ndarray:
    """How many centres each part is given, at least one, by its costs with 1, 2, …"""
    gains = [-np.diff([cost for cost, _ in solution]) for solution in solutions]
    owners = np.repeat(np.arange(len(gains)), [gain.size for gain in gains])
    # Rounding may disturb the order of the gains of one part; only their number counts.
    largest = np.argsort(-np.concatenate(gains), kind="stable")[: num_clusters - len(gains)]
    return 1 + np.bincount(owners[largest], minlength=len(gains))


def even_runs(statistics: SortedStatistics, num_runs: int) -> np.ndarray:
    """Ends of runs of neighbours that would cost about the same each, shape ``(num_runs + 1,)`` at most.

    Args:
        statistics: of M distinct weights.
        num_runs: at least 1; where it is not below M every weight is a run.
    """
    size = statistics.size
    if num_runs >= size:
        return np.arange(size + 1)
    if num_runs == 1:
        return np.array([0, size])
    position = high_rate_positions(statistics, num_runs - 1)
    # In the middle between whole numbers, which a gap that holds one can begin and end at.
    ends = np.searchsorted(position, np.arange(num_runs - 1) + 0.5)
    return np.concatenate([[0], np.unique(np.clip(ends, 1, size - 1)), [size]])


def high_rate_positions(statistics: SortedStatistics, total: int) -> np.ndarray:
    """Positions from 0 to ``total`` of the weights on a scale on which the best centres are evenly spaced.

    A cell of density f and length ω costs about fω³/12, so that cells cost the same where each holds the
    same ∫ f^⅓. A gap between neighbours holds their mean mass^⅓ times its length^⅔, but no more than 1: a
    weight far from all others takes one centre, and nothing more from the rest.

    Args:
        statistics: of M distinct weights.
        total: at least 1 and below M.

    Source: Panter & Dite 1951.
    """
    # The cube root of a product might lose what those of its factors keep.
    share = np.cbrt(np.diff(statistics.values))
    share *= share
    share *= np.cbrt(_mass_of_two(statistics))
    # With t gaps of 1 each the others hold what is left: t is the least for which none holds more.
    parted = np.partition(share, share.size - total)
    largest = np.sort(parted[share.size - total :])[::-1]
    rest = parted[: share.size - total].sum() + np.cumsum(largest[::-1])[::-1]
    unit = rest / (total - np.arange(total))
    unit = unit[int(np.argmax(largest <= unit))]
    # Gaps that are lost in the distance from the mean hold nothing.
    return np.concatenate([[0.0], np.cumsum(np.minimum(share, unit) / max(unit, TINY))])
