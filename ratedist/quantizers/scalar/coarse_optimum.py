"""Where Lloyd's algorithm starts by default: at the best clusters of runs of neighbouring weights."""

from __future__ import annotations

import itertools

import numpy as np

from ratedist.quantizers.scalar.dense_table import DenseTable
from ratedist.quantizers.scalar.statistics import SortedStatistics, sorted_statistics

# Runs of neighbours for each centre, and in a part that one dynamic programme clusters (a dense one).
RUNS_PER_CENTER, PART = 4, 192
# Centres that a part is offered at first, in units of its even share, which is what it takes but for a few.
MARGIN = 1.25
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
    runs = _divided(parts, num_clusters)
    found = [part.means(ends, ends[1:]) + part.shift for part, ends in zip(parts, runs, strict=True)]
    centers = np.concatenate(found)
    # Runs of hardly any importance are not counted, and may leave fewer than there are centres.
    return np.pad(centers, (0, num_clusters - centers.size), mode="edge")


class PartCosts:
    """Least costs of the runs of a part in more and more clusters, as many as are asked for.

    What ``dynamic_programming.optimal_runs`` does, with minima alone. Their places are looked for on the way
    back, for the one number of clusters that is taken.
    """

    def __init__(self, part: SortedStatistics) -> None:
        M = part.size
        # Rows are starts, columns ends.
        self._costs = np.full((M + 1, M + 1), np.inf)
        self._costs[:M, 1:] = DenseTable(part.values, np.diff(part.mass)).all_costs()
        self._room = np.empty(self._costs.size)
        # Row k: least cost of the j lowest runs in k clusters.
        self._least = [np.full(M + 1, np.inf), self._costs[0]]
        self._least[0][0] = 0.0

    def totals(self, most: int) -> np.ndarray:
        """Least costs of all in 1 … ``most`` clusters."""
        M = self._costs.shape[0] - 1
        while len(self._least) <= most:
            k = len(self._least)
            shape = M + 2 - k, M + 1 - k
            candidates = self._room[: shape[0] * shape[1]].reshape(shape)
            # Less than k − 1 runs are not k − 1 clusters, and less than k not k.
            np.add(self._least[-1][k - 1 :, None], self._costs[k - 1 :, k:], out=candidates)
            least = np.full(M + 1, np.inf)
            np.min(candidates, axis=0, out=least[k:])
            self._least.append(least)
        return np.array([least[-1] for least in self._least[1 : most + 1]])

    def edges(self, number: int) -> np.ndarray:
        """Ends of the best clusters, of which the last is the longest where several cost the same."""
        self.totals(number)
        path = [self._costs.shape[0] - 1]
        for least in self._least[number - 1 :: -1]:
            path.append(int(np.argmin(least + self._costs[:, path[-1]])))
        return np.array(path[::-1])


def _divided(parts: list[SortedStatistics], num_clusters: int) -> list[np.ndarray]:
    """Edges of the best runs of each part, with K centres for all parts together."""
    sizes, tables = np.array([part.size for part in parts]), [PartCosts(part) for part in parts]
    if len(parts) == 1:
        return [tables[0].edges(min(num_clusters, int(sizes[0])))]
    most = np.minimum(sizes, int(np.ceil(MARGIN * num_clusters / len(parts))))
    while True:
        totals = [table.totals(number) for table, number in zip(tables, most, strict=True)]
        chosen = _shares(totals, num_clusters)
        # A part that takes all it is offered might take more.
        short = (chosen == most) & (most < sizes)
        if not short.any():
            break
        most[short] = np.minimum(2 * most[short], sizes[short])
    return [table.edges(number) for table, number in zip(tables, chosen, strict=True)]


def _mass_of_two(statistics: SortedStatistics) -> np.ndarray | float:
    """Mass of each weight and the next; one number for all if there are no importances."""
    if statistics.entries.mass is None:
        return 2.0
    mass = np.diff(statistics.mass)
    return mass[1:] + mass[:-1]


def _shares(totals: list[np.ndarray], num_clusters: int) -> np.ndarray:
    """How many centres each part is given, at least one, by its costs with 1, 2, …"""
    gains = [-np.diff(costs) for costs in totals]
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
