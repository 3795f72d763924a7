"""Sorting weights with their importances by cells of equal width, by Numba: needs the extra "fast"."""

from __future__ import annotations

import numpy as np
from numba import types

from ratedist.quantizers.scalar.compiling import compiled_for

# Numbers from which they are spread over coarse cells first, and numbers for each of these: what is spread
# over fine cells is then in the cache.
FEW, EACH, MOST_CELLS = 1 << 15, 1 << 13, 1 << 12
# Numbers of which the bulk of all is found, and those of them on each side that do not belong to it.
SAMPLE, OUTER = 1 << 8, 5
# Numbers in a fine cell up to which it is sorted by insertion, and how often each is spread at most.
CROWD, MOST_TIMES = 64, 8

NUMBERS = types.Array(types.float64, 1, "C", readonly=True)
ROOM = types.Array(types.float64, 1, "C")
ENDS, PARTS = types.Array(types.int64, 1, "C"), types.Array(types.int64, 2, "C")


def sorted_numbers(values: np.ndarray, payload: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Numbers in ascending order, and in that order what belongs to them; ties as they come.

    They are spread over half as many cells as there are numbers, and sorted by insertion within these.
    Crowded cells are spread once more, and sorted by comparisons where that does not help.

    Args:
        values: shape ``(M,)``.
        payload: what belongs to each, shape ``(M,)``; ``None`` for nothing.

    Returns:
        Both, sorted. Time O(M) where there is a density.
    """
    values = np.ascontiguousarray(values)
    beside = values[:0] if payload is None else np.ascontiguousarray(payload)
    ordered, companions = np.empty_like(values), np.empty_like(beside)
    sample = np.sort(values[:: max(values.size // SAMPLE, 1)])
    outer = min(OUTER, sample.size // 4)
    low, high = float(sample[outer]), float(sample[-1 - outer])
    num_coarse = 1 if values.size < FEW else min(values.size // EACH, MOST_CELLS)
    bulk = low - (high - low) / 2, 2 * (high - low)
    # From NumPy, which asks for large pages.
    room, room_beside = np.empty_like(values), np.empty_like(beside)
    crowds = sort_by_cells(values, beside, *bulk, num_coarse, room, room_beside, ordered, companions)
    for begin, end in crowds.tolist():
        part = slice(begin, end)
        order = np.argsort(ordered[part], kind="stable")
        ordered[part] = ordered[part][order]
        if payload is not None:
            companions[part] = companions[part][order]
    return ordered, None if payload is None else companions


@compiled_for(types.void(NUMBERS, NUMBERS, types.float64, types.float64, ENDS, ROOM, ROOM))
def _spread(values, payload, low, width, ends, ordered, companions):
    """Numbers by cells of equal width, in each as they come; its end is left in ``ends``, behind a zero.

    Rounding keeps the order: the cell of a larger number is no smaller.
    """
    last = float(ends.size - 3)
    scale = (last + 1.0) / width if width > 0.0 else 0.0
    if not scale < np.inf:
        scale = 0.0
    has_payload = payload.size > 0
    # Counted two places on, so that the beginnings become the ends.
    for c in range(ends.size):
        ends[c] = 0
    for t in range(values.size):
        ends[np.uint64(min(max(values[t] - low, 0.0) * scale, last)) + np.uint64(2)] += 1
    for c in range(2, ends.size):
        ends[c] += ends[c - 1]
    for t in range(values.size):
        cell = np.uint64(min(max(values[t] - low, 0.0) * scale, last)) + np.uint64(1)
        place = np.uint64(ends[cell])
        ends[cell] += 1
        ordered[place] = values[t]
        if has_payload:
            companions[place] = payload[t]


@compiled_for(types.void(ROOM, ROOM, types.int64, types.int64))
def _insert(ordered, companions, begin, end):
    """Sort by insertion."""
    has_payload = companions.size > 0
    for t in range(begin + 1, end):
        value = ordered[t]
        if not ordered[t - 1] > value:
            continue
        companion = companions[t] if has_payload else 0.0
        place = t
        while place > begin and ordered[place - 1] > value:
            ordered[place] = ordered[place - 1]
            if has_payload:
                companions[place] = companions[place - 1]
            place -= 1
        ordered[place] = value
        if has_payload:
            companions[place] = companion


@compiled_for(PARTS(NUMBERS, NUMBERS, types.float64, types.float64, types.int64, ROOM, ROOM, ROOM, ROOM))
def sort_by_cells(values, payload, low, width, num_coarse, room, beside, ordered, companions):
    """Sort all but what is left of crowded cells, of which the beginnings and ends are returned.

    Args:
        values: shape ``(M,)``.
        payload: shape ``(M,)``, or empty.
        low: where the bulk of the numbers begins.
        width: its width.
        num_coarse: number of coarse cells.
        room: as long as the numbers.
        beside: as long as the payload.
        ordered: for the numbers, shape ``(M,)``.
        companions: for the payload, of its shape.
    """
    size, step = values.size, min(payload.size, 1)
    scratch = np.empty(max(size // 2, num_coarse) + 3, dtype=np.int64)
    # Parts still to be sorted, and crowds that are left. No two have a number in common.
    parts = np.empty((size // CROWD + num_coarse + 1, 2), dtype=np.int64)
    crowds, num_crowds = np.empty_like(parts), 0
    parts[0, 0], parts[0, 1] = 0, size
    if num_coarse > 1:
        ends = scratch[: num_coarse + 2]
        _spread(values, payload, low, width, ends, room, beside)
        for c in range(num_coarse):
            parts[c, 0], parts[c, 1] = ends[c], ends[c + 1]
    else:
        for t in range(size):
            room[t] = values[t]
        for t in range(payload.size):
            beside[t] = payload[t]
    num_parts, budget = num_coarse, MOST_TIMES * size
    while num_parts > 0:
        num_parts -= 1
        begin, end = parts[num_parts]
        source, target = room[begin:end], ordered[begin:end]
        first, last = begin * step, end * step
        source_beside, target_beside = beside[first:last], companions[first:last]
        smallest, largest = np.inf, -np.inf
        for t in range(source.size):
            smallest, largest = min(smallest, source[t]), max(largest, source[t])
        budget -= source.size
        if not smallest < largest or budget < 0:
            for t in range(source.size):
                target[t] = source[t]
            for t in range(source_beside.size):
                target_beside[t] = source_beside[t]
            if smallest < largest:
                crowds[num_crowds, 0], crowds[num_crowds, 1] = begin, end
                num_crowds += 1
            continue
        ends = scratch[: source.size // 2 + 3]
        _spread(source, source_beside, smallest, largest - smallest, ends, target, target_beside)
        first = 0
        for c in range(1, ends.size - 1):
            if ends[c] - ends[c - 1] > CROWD:
                _insert(target, target_beside, first, ends[c - 1])
                first = ends[c]
                for t in range(ends[c - 1], first):
                    source[t] = target[t]
                for t in range(ends[c - 1] * step, first * step):
                    source_beside[t] = target_beside[t]
                parts[num_parts, 0], parts[num_parts, 1] = begin + ends[c - 1], begin + first
                num_parts += 1
        _insert(target, target_beside, first, source.size)
    return crowds[:num_crowds]
