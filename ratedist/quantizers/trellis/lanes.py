"""Weights in lanes: weight j is in row ⌊j/G⌋ of lane j mod G, so that labels keep their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

# Rows and lanes of a block. It has rows · lanes · states survivors of one byte.
ROWS = 1024
LANES = 1024
SURVIVORS = 1 << 26


def block_lanes(num_states: int) -> int:
    """Most lanes of one block, whose survivors are 64 MiB at most."""
    return min(LANES, SURVIVORS // (ROWS * num_states))


def number_of_lanes(num_weights: int) -> int:
    """G, for lanes of at most ``ROWS`` weights."""
    return -(-num_weights // ROWS)


def lane_blocks(
    weights: np.ndarray,
    importance: np.ndarray | None,
    num_states: int,
    of_weights: Callable[[np.ndarray], np.ndarray] = lambda own: own,
) -> Iterator[tuple[slice, np.ndarray, np.ndarray, np.ndarray]]:
    """Lanes of a block, ``of_weights`` and importances in single precision, and how many each lane has.

    Rows and lanes are filled up with zeros to powers of two, for which few programs have to be compiled.
    """
    lanes = number_of_lanes(weights.size)
    rows = -(-weights.size // lanes)
    height = 1 << (rows - 1).bit_length()
    width = min(block_lanes(num_states), 1 << (lanes - 1).bit_length())
    full, rest = divmod(weights.size, lanes)
    for first in range(0, lanes, width):
        own = slice(first, min(first + width, lanes))
        lengths = np.zeros(width, np.int32)
        lengths[: own.stop - first] = full + (np.arange(first, own.stop) < rest)
        shape = height, width
        w = _block(weights, own, lanes, shape, of_weights)
        yield own, w, _block(importance, own, lanes, shape, lambda own: own), lengths


def _block(
    values: np.ndarray | None,
    own: slice,
    lanes: int,
    shape: tuple[int, int],
    of_values: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    block = np.zeros(shape, np.float32)
    if values is None:
        block[:] = 1.0
        return block
    full = values.size // lanes
    block[:full, : own.stop - own.start] = of_values(values[: full * lanes].reshape(full, lanes)[:, own])
    last = values[full * lanes :][own]
    if last.size:
        block[full, : last.size] = of_values(last)
    return block


def in_order(blocks: Iterator[tuple[slice, np.ndarray]], num_weights: int, dtype: type) -> np.ndarray:
    """What was found for lanes, in the order of the weights."""
    lanes = number_of_lanes(num_weights)
    full = num_weights // lanes
    found = np.empty(num_weights, dtype)
    table = found[: full * lanes].reshape(full, lanes)
    for own, block in blocks:
        table[:, own] = block[:full, : own.stop - own.start]
        last = found[full * lanes :][own]
        last[:] = block[full : full + 1, : last.size].ravel()
    return found
