"""The walk of a decoder: from two streams of labels and the states to the symbols of the weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ratedist.quantizers.trellis.convolutional import trellis_of
from ratedist.quantizers.trellis.lanes import number_of_lanes

# Lanes up to which weights are taken one by one: a step of NumPy costs more than so few in plain Python.
FEW_LANES = 24


def symbols_in_order(
    streams: Sequence[np.ndarray], branches: Sequence[np.ndarray], num_states: int
) -> np.ndarray:
    """Symbols of the weights in their order: labels of union 0, and behind the last of them those of union 1.

    Weight j belongs to lane ``j mod G``, where G = ⌈d/1024⌉. Each lane starts in state 0, and all lanes take
    a step at a time. Only whole numbers are computed with. Besides labels and symbols memory is needed for a
    step of all lanes.

    Args:
        streams: labels of union 0 and of union 1, integers that are labels.
        branches: branch of each label of union 0 and of union 1, 0 or 1.
        num_states: S.

    Returns:
        Shape ``(d,)``, in the smallest unsigned type; d is the length of both streams together.

    Raises:
        ValueError: no labels; a stream that ends before the states say so, and the other one later.
    """
    trellis = trellis_of(num_states)
    num_weights = streams[0].size + streams[1].size
    if num_weights == 0:
        raise ValueError("streams must hold at least one label, got none")
    first, own = branches[0].size, np.concatenate(branches).astype(np.intp)
    order = np.empty(num_weights, np.min_scalar_type(max(own.size - 1, 0)))
    lanes, next_states = number_of_lanes(num_weights), trellis.next_states
    if lanes <= FEW_LANES:
        order[:] = _one_by_one(streams, own.tolist(), first, next_states.tolist(), lanes)
        return order
    state, taken = np.zeros(lanes, np.intp), [0, 0]
    for start in range(0, num_weights, lanes):
        row = order[start : start + lanes]
        state = state[: row.size]
        second = (state & 1).astype(bool)
        wanted = int(np.count_nonzero(second))
        for union, (count, places) in enumerate(((row.size - wanted, ~second), (wanted, second))):
            part = streams[union][taken[union] : taken[union] + count]
            if part.size < count:
                raise ValueError(_ended(union))
            # Labels of union 1 lie behind those of union 0; the type has room for both.
            row[places] = part.astype(order.dtype) + order.dtype.type(first * union) if union else part
            taken[union] += count
        state = next_states[state, own[row]]
    return order


def _one_by_one(
    streams: Sequence[np.ndarray], own: list[int], first: int, next_states: list[list[int]], lanes: int
) -> list[int]:
    waiting = [iter(stream.tolist()) for stream in streams]
    order, state = [0] * (streams[0].size + streams[1].size), [0] * lanes
    union = lane = 0
    try:
        for place in range(len(order)):
            lane = place % lanes
            union = state[lane] & 1
            symbol = next(waiting[union]) + first * union
            order[place] = symbol
            state[lane] = next_states[state[lane]][own[symbol]]
    except StopIteration:
        raise ValueError(_ended(union)) from None
    return order


def _ended(union: int) -> str:
    return f"stream {union} ends too early: the states ask for more of its labels"
