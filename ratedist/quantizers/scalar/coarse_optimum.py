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
# Gaps between weights that are looked at together.
BLOCK = 1 << 14
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
    compiled = statistics.compiled
    parts = [sorted_statistics(means[a:b], mass[a:b], compiled) for a, b in itertools.pairwise(cuts)]
    runs = _divided(parts, num_clusters)
    found = [part.means(ends, ends[1:]) + part.shift for part, ends in zip(parts, runs, strict=True)]
    centers = np.concatenate(found)
    # Runs of hardly any importance are not counted, and may leave fewer than there are centres.
    return np.concatenate([centers, np.repeat(centers[-1:], num_clusters - centers.size)])


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


class CompiledPartCosts:
    """What ``PartCosts`` is, by loops that Numba compiles: the same bits."""

    def __init__(self, part: SortedStatistics) -> None:
        M = part.size
        assert part.compiled is not None
        self._compiled, self._done = part.compiled, 1
        # Rows are ends, columns starts.
        self._costs, self._least = np.empty((M + 1, M + 1)), np.full((2, M + 1), np.inf)
        self._compiled.fill_costs(part.values, np.diff(part.mass), self._costs)
        self._least[0, 0], self._least[1, 1:] = 0.0, self._costs[1:, 0]

    def totals(self, most: int) -> np.ndarray:
        """As ``PartCosts.totals``."""
        if most > self._done:
            least = np.empty((most + 1, self._costs.shape[0]))
            least[: self._done + 1] = self._least
            self._compiled.fill_least(self._costs, least, self._done, most)
            self._least, self._done = least, most
        return self._least[1 : most + 1, -1]

    def edges(self, number: int) -> np.ndarray:
        """As ``PartCosts.edges``."""
        self.totals(number)
        edges = np.empty(number + 1, dtype=np.int64)
        self._compiled.trace(self._costs, self._least, edges)
        return edges


def _divided(parts: list[SortedStatistics], num_clusters: int) -> list[np.ndarray]:
    """Edges of the best runs of each part, with K centres for all parts together."""
    sizes = np.array([part.size for part in parts])
    tables = [PartCosts(part) if part.compiled is None else CompiledPartCosts(part) for part in parts]
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
    # In the middle between whole numbers, which a gap that holds one can begin and end at.
    marks = np.arange(num_runs - 1) + 0.5
    if statistics.compiled is None:
        ends = np.searchsorted(high_rate_positions(statistics, num_runs - 1), marks)
    else:
        share, unit = _shares_of_gaps(statistics, num_runs - 1)
        ends = statistics.compiled.places_of(marks, share, unit)
    ends = np.concatenate([[0], ends.clip(1, size - 1), [size]])
    return ends[np.append(True, ends[1:] > ends[:-1])]


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
    share, unit = _shares_of_gaps(statistics, total)
    np.minimum(share, unit, out=share)
    share /= unit
    position = np.zeros(statistics.size)
    np.cumsum(share, out=position[1:])
    return position


def _shares_of_gaps(statistics: SortedStatistics, total: int) -> tuple[np.ndarray, float]:
    """What the gaps between neighbours hold, but for a factor, and what of that counts for 1."""
    share = np.empty(statistics.size - 1)
    # In blocks that the cache holds: a new array as long as the weights costs as much as what is done to it.
    for begin in range(0, share.size, BLOCK):
        part = share[begin : begin + BLOCK]
        inside = slice(begin, begin + part.size + 1)
        np.cbrt(np.diff(statistics.position[inside] - statistics.shift), out=part)
        part *= part
        # The cube root of a product might lose what those of its factors keep.
        if statistics.importance is None:
            part *= np.cbrt(2.0)
        else:
            mass = np.diff(statistics.mass[begin : begin + part.size + 2])
            part *= np.cbrt(mass[1:] + mass[:-1])
    # Gaps that are lost in the distance from the mean hold nothing.
    return share, max(_unit(share, total), TINY)


def _unit(share: np.ndarray, total: int) -> float:
    """What counts for 1 of ``total``: with t shares that are cut to 1 the others hold what is left.

    At the least t at which none of the others holds more than 1 this unit is the least of all.
    """
    # Few shares are large beside the mean of all units, and mostly no others come into question.
    whole = float(share.sum())
    enough = whole / (2 * total)
    large = np.sort(share.take(np.flatnonzero(share > enough)))[::-1][: total - 1]
    rest = whole - np.append(0.0, np.cumsum(large))
    unit = float(np.min(rest / (total - np.arange(large.size + 1))))
    if unit >= enough:
        return unit
    parted = np.partition(share, share.size - total)
    largest = np.sort(parted[share.size - total :])[::-1]
    rest = parted[: share.size - total].sum() + np.cumsum(largest[::-1])[::-1]
    return float(np.min(rest / (total - np.arange(total))))
