"""Globally optimal scalar quantisers by dynamic programming over sorted weights."""

from __future__ import annotations

from typing import Protocol

import numpy as np

# Candidates evaluated at once: large enough to hide the interpreter, small enough for the cache.
CHUNK = 1 << 15


class RunCosts(Protocol):
    """What a run [start, end) of M sorted weights costs, with the best centre the problem allows it.

    The costs have to be at least 0 and to have the Monge property. This holds if
    ``cost = min_c Σ_j g_j(c)`` over the weights j of the run and, for any two centres, ``g_j(c) − g_j(c′)``
    changes its sign at most once as j grows.
    """

    @property
    def size(self) -> int:
        """M."""
        ...

    def cost(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Cost of the runs [start, end), none of them empty, elementwise."""
        ...

    def costs_to(self, low: int, high: int, end: int) -> np.ndarray:
        """Cost of the runs [start, end) for start = low … high, which is below ``end``."""
        ...

    @property
    def is_dense(self) -> bool:
        """Whether there are ``all_costs``, over which a layer is one minimum."""
        ...

    def all_costs(self) -> np.ndarray | None:
        """Cost of every run [i, t + 1), shape ``(M, M)``, infinite where i > t; ``None`` if too many."""
        ...


def optimal_runs(
    costs: RunCosts, cluster_numbers: range, ceiling: float = np.inf
) -> list[tuple[float, np.ndarray]]:
    """Least total cost of M sorted weights in K runs, and the K + 1 edges of these, for each K of a range.

    With D_k[j] the least cost of the j smallest weights in k runs,
    ``D_k[j] = min_i D_{k−1}[i] + cost(i, j)``, and the minimiser i grows with j because the cost of a run has
    the Monge property. Divide and conquer uses this level by level: the minimisers at the middle of each
    interval bound those of its two halves, so one level costs O(M) whatever its number of intervals, and a
    layer O(M log M). Time O(K (M − K) log M) for one K, memory 4·K·M bytes for the minimisers besides a few
    arrays of M.

    Args:
        costs: of runs of M weights.
        cluster_numbers: ascending without gaps, from at least 1 to at most M.
        ceiling: what the total may cost at most. The D_k[j] grow with j and are looked for up to it.

    Returns:
        of each K the total, infinite where nothing was found up to the ceiling, and the edges. What rounding
        may have added to the total is bounded by ``excess_by_rounding``.

    Source: Wang & Song 2011 (dynamic programme); Grønlund et al. 2017 (divide and conquer, Monge property).
    """
    M = costs.size
    everything = np.arange(M + 1)
    best = np.full(M + 1, np.inf)
    best[1:] = costs.cost(np.zeros(M, dtype=np.int64), everything[1:])
    last_run = costs.costs_to(0, M - 1, M)
    dense = _dense_costs(costs) if cluster_numbers[-1] > 2 else None
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
            # Each further run holds an entry at least.
            last = M - max(cluster_numbers[0] - k, 1)
            best, minimizers = _next_layer(k, last, best, costs, ceiling)
        layers.append(minimizers)
    return solutions


def excess_by_rounding(costs: RunCosts, num_clusters: int, error: float) -> float:
    """By how much ``optimal_runs`` may exceed the least total of the costs as computed.

    Where two candidates of an interval cost the same but for rounding, the wrong one may bound the search in
    its halves. With true costs of the Monge property that loses twice the error of one cost at most, for each
    interval around a weight and for each layer that is divided.

    Args:
        costs: of runs of M weights.
        num_clusters: K.
        error: bound on the error of ``D_k[i] + cost(i, j)`` up to the ceiling.
    """
    if costs.is_dense:
        return 0.0
    return 2 * max(num_clusters - 2, 0) * costs.size.bit_length() * error


def _dense_costs(costs: RunCosts) -> np.ndarray | None:
    """cost[j, i] of the run [i, j), infinite unless i < j."""
    all_costs = costs.all_costs()
    if all_costs is None:
        return None
    dense = np.full((costs.size + 1, costs.size + 1), np.inf)
    dense[1:, :-1] = all_costs.T
    return dense


def _next_layer(
    k: int, last: int, previous: np.ndarray, costs: RunCosts, ceiling: float
) -> tuple[np.ndarray, np.ndarray]:
    """D_k and its minimisers from D_{k−1}, at j = k … last where it is not above the ceiling, else +∞."""
    M = previous.size - 1
    best = np.full(M + 1, np.inf)
    minimizers = np.zeros(M + 1, dtype=np.int32 if M < 2**31 else np.int64)
    finite = np.flatnonzero(np.isfinite(previous[:M]))
    if finite.size == 0:
        return best, minimizers
    left, right = np.array([k]), np.array([last])
    low, high = np.array([k - 1]), finite[-1:]
    while left.size:
        middle = (left + right) // 2
        least, argument = _least_in_ranges(middle, low, np.minimum(high, middle - 1), previous, costs)
        # From a middle above the ceiling on everything is above it; its minimiser bounds nothing.
        kept = least <= ceiling
        best[middle] = np.where(kept, least, np.inf)
        minimizers[middle] = argument
        halves = (
            np.stack([left, middle + 1], 1).ravel(),
            np.stack([middle - 1, np.where(kept, right, middle)], 1).ravel(),
            np.stack([low, argument], 1).ravel(),
            np.stack([np.where(kept, argument, high), high], 1).ravel(),
        )
        nonempty = halves[0] <= halves[1]
        left, right, low, high = (half[nonempty] for half in halves)
    return best, minimizers


def _least_in_ranges(
    ends: np.ndarray, low: np.ndarray, high: np.ndarray, previous: np.ndarray, costs: RunCosts
) -> tuple[np.ndarray, np.ndarray]:
    """Least ``previous[i] + cost(i, end)`` over i in [low, high], and its i, for every end."""
    least = np.empty(ends.size)
    argument = np.empty(ends.size, dtype=np.int64)
    lengths = high - low + 1
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    segment = 0
    while segment < ends.size:
        stop = max(int(np.searchsorted(offsets, offsets[segment] + CHUNK, side="right")) - 1, segment + 1)
        part = slice(segment, stop)
        if stop == segment + 1:
            first, last = int(low[segment]), int(high[segment])
            value = previous[first : last + 1] + costs.costs_to(first, last, int(ends[segment]))
            where = int(np.argmin(value))
            least[segment], argument[segment] = value[where], first + where
        else:
            length, start = lengths[part], offsets[part] - offsets[segment]
            i = np.arange(offsets[stop] - offsets[segment]) + np.repeat(low[part] - start, length)
            value = costs.cost(i, np.repeat(ends[part], length))
            value += previous.take(i)
            least[part] = np.minimum.reduceat(value, start)
            hits = np.flatnonzero(value == np.repeat(least[part], length))
            argument[part] = i[hits[np.searchsorted(hits, start)]]
        segment = stop
    return least, argument
