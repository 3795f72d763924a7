"""The loops of Lloyd's method on sorted weights, compiled by Numba: needs the extra "fast".

Each takes the steps of its twin in NumPy in the same order of rounding, and gives the same bits.
"""

from __future__ import annotations

import numpy as np
from numba import types

from ratedist.quantizers.scalar.compiled_sort import ENDS, NUMBERS, ROOM, sorted_numbers
from ratedist.quantizers.scalar.compiling import compiled_for

__all__ = [
    "descend",
    "edges_of",
    "fill_costs",
    "fill_least",
    "moment_sums",
    "numbers_below",
    "places_of",
    "sorted_numbers",
    "trace",
]

# Cells for each cut among which numbers are looked for, and cells at least and at most.
CELLS_PER_CUT, FEWEST_CELLS, MOST_CELLS = 16, 1 << 8, 1 << 16
# The inverse of what is larger is finite.
TINY = np.finfo(np.float64).tiny

TABLE = types.Array(types.float64, 2, "C")
LABELS = [types.Array(kind, 1, "C") for kind in (types.uint8, types.uint16)]
# A minimum is the same in any order: numbers here are never NaN, nor zeros below zero.
ANY_ORDER = {"nnan", "nsz"}


def moment_sums(position: np.ndarray, importance: np.ndarray | None, shift: float) -> np.ndarray:
    """``first`` of ``SortedStatistics``."""
    first = np.empty(position.size + 1)
    fill_moments(position, position[:0] if importance is None else importance, shift, first)
    return first


@compiled_for(types.void(NUMBERS, NUMBERS, types.float64, ROOM))
def fill_moments(position, h, shift, first):
    """Sums begin in the middle, both ways at a time."""
    size, middle, is_weighted = position.size, position.size // 2, h.size > 0
    up = down = first[middle] = 0.0
    for t in range(size - middle):
        above, below = middle + t, middle - 1 - t
        value = position[above] - shift
        up += h[above] * value if is_weighted else value
        first[above + 1] = up
        if below >= 0:
            value = position[below] - shift
            down += h[below] * value if is_weighted else value
            first[below] = -down


def places_of(marks: np.ndarray, share: np.ndarray, unit: float) -> np.ndarray:
    """Of each ascending mark, how many of the positions that ``share`` in units makes are below it."""
    places = np.empty(marks.size, dtype=np.int64)
    fill_places(marks, share, unit, places)
    return places


@compiled_for(types.void(NUMBERS, NUMBERS, types.float64, ENDS))
def fill_places(marks, share, unit, places):
    """Positions begin at 0, and no step is longer than 1."""
    position, k = 0.0, 0
    for t in range(share.size):
        while k < marks.size and position >= marks[k]:
            places[k] = t
            k += 1
        position += min(share[t], unit) / unit
    while k < marks.size:
        places[k] = share.size + (position < marks[k])
        k += 1


@compiled_for(types.int64(NUMBERS, types.float64, types.int64, types.float64))
def _number_up_to(position, shift, guess, cut):
    """How many ascending positions less ``shift`` are at most ``cut``, from a guess in growing steps."""
    low, high, step = guess, guess, 1
    if guess < position.size and position[guess] - shift <= cut:
        while high < position.size and position[high] - shift <= cut:
            low, high, step = high + 1, high + step, 2 * step
        high = min(high, position.size)
    else:
        while low > 0 and position[low - 1] - shift > cut:
            high, low, step = low - 1, low - step, 2 * step
        low = max(low, 0)
    while low < high:
        middle = (low + high) // 2
        if position[middle] - shift <= cut:
            low = middle + 1
        else:
            high = middle
    return low


def edges_of(position: np.ndarray, shift: float, cuts: np.ndarray) -> np.ndarray:
    """Of runs that end at ascending cuts, as ``SortedStatistics.edges`` has them."""
    edges = np.empty(cuts.size + 2, dtype=np.int64)
    fill_edges(position, shift, cuts, edges)
    return edges


@compiled_for(types.void(NUMBERS, types.float64, NUMBERS, ENDS))
def fill_edges(position, shift, cuts, edges):
    """Each edge is looked for in the middle of what is left."""
    edges[0] = 0
    for k in range(cuts.size):
        guess = edges[k] + (position.size - edges[k]) // (cuts.size + 1 - k)
        edges[k + 1] = _number_up_to(position, shift, guess, cuts[k])
    edges[cuts.size + 1] = position.size


@compiled_for(types.int64(NUMBERS, types.float64, NUMBERS, NUMBERS, ENDS, ENDS, ROOM, types.int64))
def descend(position, shift, mass, first, edges, assigned, centers, max_steps):
    """Centre updates and assignments until these rest or leave a cluster empty, at least one; how many.

    Args:
        position: of ``SortedStatistics``, shape ``(M,)``.
        shift: likewise.
        mass: likewise, shape ``(M + 1,)``, or empty without importances.
        first: likewise, shape ``(M + 1,)``.
        edges: those of the last update but one when it ends, shape ``(K + 1,)``.
        assigned: the last assignment when it ends, shape ``(K + 1,)``.
        centers: those of empty clusters; the last ones when it ends, shape ``(K,)``.
        max_steps: at least 1.
    """
    K, is_weighted = centers.size, mass.size > 0
    assigned[0], assigned[K] = 0, position.size
    for step in range(1, max_steps + 1):
        for k in range(K):
            begin, end = edges[k], edges[k + 1]
            part = mass[end] - mass[begin] if is_weighted else float(end - begin)
            if part > 0.0:
                centers[k] = (first[end] - first[begin]) / part
            if k > 0:
                centers[k] = max(centers[k], centers[k - 1])
        rests, is_empty = True, False
        for k in range(1, K):
            middle = (centers[k - 1] + centers[k]) / 2
            if middle == centers[k]:
                middle = centers[k - 1]
            assigned[k] = _number_up_to(position, shift, edges[k], middle)
            rests &= assigned[k] == edges[k]
            is_empty |= assigned[k] == assigned[k - 1]
        is_empty |= assigned[K] == assigned[K - 1]
        if rests or is_empty or step == max_steps:
            return step
        for k in range(K + 1):
            edges[k] = assigned[k]
    return max_steps


@compiled_for(types.void(NUMBERS, NUMBERS, TABLE))
def fill_costs(position, mass, costs):
    """Costs of all runs of M entries, ``costs[j, i]`` that of [i, j), as ``DenseTable`` has them."""
    M = position.size
    total, moment, cost = np.zeros(M), np.zeros(M), np.zeros(M)
    for t in range(M):
        for i in range(t):
            before = total[i]
            total[i] = before + mass[t]
            moment[i] += before * (position[t] - position[t - 1])
            cost[i] += moment[i] / before * mass[t] * (moment[i] / total[i])
            costs[t + 1, i] = cost[i]
        total[t] = mass[t]
        costs[t + 1, t] = 0.0


@compiled_for(types.void(TABLE, TABLE, types.int64, types.int64), fastmath=ANY_ORDER)
def fill_least(costs, least, done, most):
    """``least[k, j]``, the least cost of the first j entries in k clusters, for k from ``done`` + 1 on."""
    for k in range(done + 1, most + 1):
        for j in range(k):
            least[k, j] = np.inf
        for j in range(k, costs.shape[0]):
            before, cost = least[k - 1, k - 1 : j], costs[j, k - 1 : j]
            # Four chains at a time: none waits for the one before.
            size = before.size // 4 * 4
            a = b = c = d = np.inf
            for i in range(0, size, 4):
                a, b = min(a, before[i] + cost[i]), min(b, before[i + 1] + cost[i + 1])
                c, d = min(c, before[i + 2] + cost[i + 2]), min(d, before[i + 3] + cost[i + 3])
            for i in range(size, before.size):
                a = min(a, before[i] + cost[i])
            least[k, j] = min(min(a, b), min(c, d))


@compiled_for(types.void(TABLE, TABLE, ENDS))
def trace(costs, least, edges):
    """Write ends of the best clusters; the last is the longest where several cost the same."""
    edges[-1] = costs.shape[0] - 1
    for k in range(edges.size - 2, -1, -1):
        end, best = edges[k + 1], np.inf
        for i in range(end):
            candidate = least[k, i] + costs[end, i]
            if candidate < best:
                best, edges[k] = candidate, i


def numbers_below(cuts: np.ndarray, values: np.ndarray, kind: np.dtype) -> np.ndarray | None:
    """``number_below`` of cells.py, of the type ``kind``; ``None`` where that is left to NumPy."""
    if cuts.size < 2 or not np.isfinite(cuts[-1]) or kind.itemsize > 2:
        return None
    num_cells = min(max(CELLS_PER_CUT * cuts.size, FEWEST_CELLS), MOST_CELLS)
    width = float(cuts[-1] - cuts[0])
    if not width > num_cells * TINY:
        return None
    labels = np.empty(values.size, dtype=kind)
    cuts, values = np.ascontiguousarray(cuts), np.ascontiguousarray(values)
    fill_labels(cuts, values, float(cuts[0]), num_cells / width, num_cells, labels)
    return labels


@compiled_for(
    *[types.void(NUMBERS, NUMBERS, types.float64, types.float64, types.int64, kind) for kind in LABELS]
)
def fill_labels(cuts, values, low, scale, num_cells, labels):
    """How many of the ascending ``cuts`` are below each value, looked for among those of its cell.

    Args:
        cuts: shape ``(K − 1,)``.
        values: shape ``(M,)``.
        low: where the cells begin.
        scale: number of cells in a unit, finite.
        num_cells: of them; the first and the last hold what is far out.
        labels: for the answers, shape ``(M,)``.
    """
    last = float(num_cells - 1)
    below = np.zeros(num_cells + 1, dtype=np.int32)
    for c in range(cuts.size):
        below[np.uint64(min(max(cuts[c] - low, 0.0) * scale, last)) + np.uint64(1)] += 1
    most = 0
    for c in range(1, num_cells + 1):
        most = max(most, below[c])
        below[c] += below[c - 1]
    if most == 1:
        # Without a branch, which is often guessed wrongly: beyond a cell without a cut the next one is above.
        ends = np.append(cuts, np.inf)
        for t in range(values.size):
            first = np.uint64(below[np.uint64(min(max(values[t] - low, 0.0) * scale, last))])
            labels[t] = first + np.uint64(ends[first] < values[t])
        return
    for t in range(values.size):
        value = values[t]
        cell = np.uint64(min(max(value - low, 0.0) * scale, last))
        first, end = below[cell], below[cell + np.uint64(1)]
        while first < end:
            middle = (first + end) // 2
            if cuts[middle] < value:
                first = middle + 1
            else:
                end = middle
        labels[t] = first
