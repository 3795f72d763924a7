"""Globally optimal scalar quantisers by dynamic programming over sorted weights."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ratedist.quantizers.statistics import PrefixSums, SortedStatistics

# Up to this many entries a layer is one dense minimum; beyond it divide and conquer is faster.
DENSE_SIZE = 200
# Candidates evaluated at once: large enough to hide the interpreter, small enough for the cache.
CHUNK = 1 << 15


class RunCosts(Protocol):
    """What a run [start, end) of sorted weights costs, with the best centre the problem allows it.

    The costs have to have the Monge property. This holds if ``cost = min_c Σ_j g_j(c)`` over the weights j
    of the run and, for any two centres, ``g_j(c) − g_j(c′)`` changes its sign at most once as j grows.
    """

    @property
    def second(self) -> np.ndarray:
        """Prefix sums Σhw², shape ``(M + 1,)``."""
        ...

    def excess(self, start: np.ndarray | slice, end: np.ndarray) -> np.ndarray:
        """Cost of the runs [start, end) less their Σhw², elementwise."""
        ...


class MeanCosts:
    """Runs with their means as centres: ``cost = Σhw² − (Σhw)²/Σh``."""

    def __init__(self, sums: PrefixSums) -> None:
        self.mass, self.first, self.second = sums

    def excess(self, start: np.ndarray | slice, end: np.ndarray) -> np.ndarray:
        first = self.first[end] - self.first[start]
        return -first * first / (self.mass[end] - self.mass[start])


def optimal_bounds(statistics: SortedStatistics, num_clusters: int) -> list[np.ndarray]:
    """Optimal runs for every K = 1 … ``num_clusters``; entry K − 1 holds K + 1 bounds.

    Args:
        statistics: of M distinct weights.
        num_clusters: at most M.
    """
    costs = MeanCosts(statistics.sums)
    return [bounds for _, bounds in optimal_runs(costs, range(1, num_clusters + 1))]


def optimal_runs(costs: RunCosts, cluster_numbers: range) -> list[tuple[float, np.ndarray]]:
    """Least total cost of M sorted weights in K runs, and the K + 1 bounds of these, for each K of a range.

    With D_k[j] the least cost of the j smallest weights in k runs,
    ``D_k[j] = min_i D_{k−1}[i] + cost(i, j)``, and the minimiser i grows with j because the cost of a run has
    the Monge property. Divide and conquer uses this level by level: the minimisers at the middle of each
    interval bound those of its two halves, so one level costs O(M) whatever its number of intervals, and a
    layer O(M log M). Time O(K M log M), memory 4·K·M bytes for the minimisers besides a few arrays of M.

    Args:
        costs: of runs of M weights.
        cluster_numbers: ascending without gaps, from at least 1 to at most M.

    Source: Wang & Song 2011 (dynamic programme); Grønlund et al. 2017 (divide and conquer, Monge property).
    """
    second = costs.second
    M = second.size - 1
    everything = np.arange(M + 1)
    best = np.full(M + 1, np.inf)
    best[1:] = second[1:] + costs.excess(np.zeros(M, dtype=np.intp), everything[1:])
    last_run = second[M] - second[:M] + costs.excess(everything[:M], np.full(M, M))
    dense = _dense_costs(costs, M) if M <= DENSE_SIZE and cluster_numbers[-1] > 2 else None
    layers: list[np.ndarray] = []
    solutions = [(float(best[M]), np.array([0, M]))] if cluster_numbers[0] == 1 else []
    for k in range(2, cluster_numbers[-1] + 1):
        if k in cluster_numbers:
            total = best[k - 1 : M] + last_run[k - 1 :]
            cut = k - 1 + int(np.argmin(total))
            path = [M, cut]
            for layer in reversed(layers):
                path.append(int(layer[path[-1]]))
            solutions.append((float(total[cut - k + 1]), np.array([*path, 0])[::-1]))
        if k == cluster_numbers[-1]:
            break
        if dense is not None:
            candidates = best + dense
            minimizers = np.argmin(candidates, axis=1)
            best = candidates[everything, minimizers]
        else:
            best, minimizers = _next_layer(k, best, costs)
        layers.append(minimizers)
    return solutions


def _dense_costs(costs: RunCosts, M: int) -> np.ndarray:
    """cost[j, i] of the run [i, j), infinite unless i < j."""
    end, start = np.tril_indices(M + 1, -1)
    dense = np.full((M + 1, M + 1), np.inf)
    dense[end, start] = costs.second[end] - costs.second[start] + costs.excess(start, end)
    return dense


def _next_layer(k: int, best: np.ndarray, costs: RunCosts) -> tuple[np.ndarray, np.ndarray]:
    """D_k and its minimisers at every j = k … M, from D_{k−1}; +∞ below k, where k runs are one too many."""
    M = best.size - 1
    # D[i] + cost(i, j) is (D − S₂)[i] + S₂[j] plus the excess, S₂ being the prefix sums of hw².
    rest = best - costs.second
    best = np.full(M + 1, np.inf)
    minimizers = np.zeros(M + 1, dtype=np.int32 if M < 2**31 else np.int64)
    left, right = np.array([k]), np.array([M])
    low, high = np.array([k - 1]), np.array([M - 1])
    while left.size:
        middle = (left + right) // 2
        least, argument = _least_in_ranges(middle, low, np.minimum(high, middle - 1), rest, costs)
        best[middle] = least + costs.second[middle]
        minimizers[middle] = argument
        halves = (
            np.stack([left, middle + 1], 1).ravel(),
            np.stack([middle - 1, right], 1).ravel(),
            np.stack([low, argument], 1).ravel(),
            np.stack([argument, high], 1).ravel(),
        )
        nonempty = halves[0] <= halves[1]
        left, right, low, high = (half[nonempty] for half in halves)
    return best, minimizers


def _least_in_ranges(
    ends: np.ndarray, low: np.ndarray, high: np.ndarray, rest: np.ndarray, costs: RunCosts
) -> tuple[np.ndarray, np.ndarray]:
    """Least ``rest[i] + excess(i, end)`` over i in [low, high], and its i, for every end."""
    least = np.empty(ends.size)
    argument = np.empty(ends.size, dtype=np.int64)
    lengths = high - low + 1
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    segment = 0
    while segment < ends.size:
        stop = max(int(np.searchsorted(offsets, offsets[segment] + CHUNK, side="right")) - 1, segment + 1)
        part = slice(segment, stop)
        if stop == segment + 1:
            run = slice(low[segment], high[segment] + 1)
            value = rest[run] + costs.excess(run, ends[part])
            where = int(np.argmin(value))
            least[segment], argument[segment] = value[where], low[segment] + where
        else:
            length, start = lengths[part], offsets[part] - offsets[segment]
            i = np.arange(offsets[stop] - offsets[segment]) + np.repeat(low[part] - start, length)
            value = rest[i] + costs.excess(i, np.repeat(ends[part], length))
            least[part] = np.minimum.reduceat(value, start)
            hits = np.flatnonzero(value == np.repeat(least[part], length))
            argument[part] = i[hits[np.searchsorted(hits, start)]]
        segment = stop
    return least, argument
