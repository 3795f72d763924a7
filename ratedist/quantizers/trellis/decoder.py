"""The walk of a decoder: from two streams of labels and the states to the symbols of the weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ratedist.quantizers.trellis.convolutional import trellis_of
from ratedist.quantizers.trellis.lanes import number_of_lanes

# Lanes up to which weights are taken one by one: a step of NumPy costs more than so few in plain Python.
FEW_LANES = 24


def symbols_in_order(
    streams: Sequence[np.ndarray],
    branches: Sequence[np.ndarray],
    num_states: int,
    classes: np.ndarray | None = None,
) -> np.ndarray:
    """Symbols of the weights in their order: labels of union 0, and behind the last of them those of union 1.

    Weight j belongs to lane ``j mod G``, where G = ⌈d/1024⌉. Each lane starts in state 0, and all lanes take
    a step at a time. Only whole numbers are computed with. Besides labels and symbols memory is needed for a
    step of all lanes, and with classes for the symbols once more.

    Args:
        streams: labels of union 0 and of union 1, integers that are labels. With classes those of union 0 in
            class 0, 1, …, and then those of union 1.
        branches: branch of each label of union 0 and of union 1, 0 or 1.
        num_states: S.
        classes: class of each weight, uint8 of shape ``(d,)``; ``None`` if there are none.

    Returns:
        Shape ``(d,)``, in the smallest unsigned type; d is the length of both streams together.

    Raises:
        ValueError: no labels; a stream that ends before the states say so, and the other one later.
    """
    trellis = trellis_of(num_states)
    num_weights = sum(stream.size for stream in streams)
    if num_weights == 0:
        raise ValueError("streams must hold at least one label, got none")
    first, own = branches[0].size, np.concatenate(branches).astype(np.intp)
    order = np.empty(num_weights, np.min_scalar_type(max(own.size - 1, 0)))
    lanes, next_states = number_of_lanes(num_weights), trellis.next_states
    if lanes <= FEW_LANES:
        order[:] = _one_by_one(streams, own.tolist(), first, next_states.tolist(), lanes, classes)
        return order
    if classes is not None:
        return _in_classes(streams, own, first, next_states, order, classes)
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
    streams: Sequence[np.ndarray],
    own: list[int],
    first: int,
    next_states: list[list[int]],
    lanes: int,
    classes: np.ndarray | None,
) -> list[int]:
    waiting = [iter(stream.tolist()) for stream in streams]
    order, state = [0] * sum(stream.size for stream in streams), [0] * lanes
    of_class = [0] * len(order) if classes is None else classes.tolist()
    union, lane, num_classes = 0, 0, len(streams) // 2
    try:
        for place in range(len(order)):
            lane = place % lanes
            union = state[lane] & 1
            symbol = next(waiting[union * num_classes + of_class[place]]) + first * union
            order[place] = symbol
            state[lane] = next_states[state[lane]][own[symbol]]
    except StopIteration:
        raise ValueError(_ended(union)) from None
    return order


def _in_classes(
    streams: Sequence[np.ndarray],
    own: np.ndarray,
    first: int,
    next_states: np.ndarray,
    order: np.ndarray,
    classes: np.ndarray,
) -> np.ndarray:
    num_classes, lanes = len(streams) // 2, number_of_lanes(order.size)
    # All streams behind each other, as symbols, and where each is to be read next.
    sizes = np.array([stream.size for stream in streams], np.intp)
    ends = np.cumsum(sizes)
    taken = ends - sizes
    every = np.concatenate([stream.astype(order.dtype) for stream in streams])
    every[ends[num_classes - 1] :] += order.dtype.type(first)
    state = np.zeros(lanes, np.intp)
    for start in range(0, order.size, lanes):
        row = order[start : start + lanes]
        state = state[: row.size]
        group = (state & 1).astype(np.uint8) * np.uint8(num_classes) + classes[start : start + lanes]
        wanted = np.bincount(group, minlength=len(streams))
        if np.any(taken + wanted > ends):
            raise ValueError(_ended(int(np.argmax(taken + wanted > ends)) // num_classes))
        # Lanes by group; the place within a group is that among its lanes.
        by_group = np.argsort(group, kind="stable")
        row[by_group] = every[np.repeat(taken - np.cumsum(wanted) + wanted, wanted) + np.arange(row.size)]
        taken = taken + wanted
        state = next_states[state, own[row]]
    return order


def _ended(union: int) -> str:
    return f"stream {union} ends too early: the states ask for more of its labels"
