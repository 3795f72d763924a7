"""Sorting and searching by way of a histogram, several times faster than by comparisons alone."""

from __future__ import annotations

from types import ModuleType

import numpy as np

# Numbers of two bytes are what NumPy sorts by radix.
NUM_CELLS = 1 << 16
# Numbers from which the bulk of all is found, and what is searched for one by one rather than by cell.
SAMPLE = 1 << 12
FEW = 1 << 15
# Beyond this many, what is taken by cell lies all over the memory, and comparisons are no slower.
MANY = 1 << 22


class Cells:
    """Cells of equal width over the bulk of some numbers; the first and the last hold what is far out."""

    def __init__(self, values: np.ndarray) -> None:
        sample = np.sort(values[:: max(values.size // SAMPLE, 1)])
        low, high = sample[sample.size // 100], sample[-1 - sample.size // 100]
        self._low, self._width = low - (high - low) / 2, 2 * (high - low)
        with np.errstate(divide="ignore", over="ignore"):
            scale = np.float64(NUM_CELLS - 1) / self._width
        self._scale = scale if np.isfinite(scale) else 0.0

    def of(self, values: np.ndarray) -> np.ndarray:
        """Cell of each number, never smaller for a larger number: rounding keeps the order."""
        position = values - self._low
        np.clip(position, 0.0, self._width, out=position)
        position *= self._scale
        return position.astype(np.uint16)


def ascending_order(values: np.ndarray) -> np.ndarray:
    """Order that sorts numbers, ties as they come, like ``np.argsort``."""
    # Once sorted by cell the numbers are nearly in order, for which merge sort is quick.
    rough = np.argsort(Cells(values).of(values), kind="stable")
    return rough.take(np.argsort(values.take(rough), kind="stable"))


def ascending(values: np.ndarray) -> np.ndarray:
    """Numbers in ascending order, like ``np.sort``."""
    if values.size > MANY:
        return np.sort(values)
    rough = np.argsort(Cells(values).of(values), kind="stable")
    return np.sort(values.take(rough), kind="stable")


def midpoints(centers: np.ndarray) -> np.ndarray:
    """Halfway between neighbours of ascending ``centers`` (K,), shape ``(K − 1,)``, below the upper one.

    Between neighbouring floating-point numbers there is nothing, and rounding to even may choose the upper.
    """
    lower, upper = centers[:-1], centers[1:]
    middle = (lower + upper) / 2
    return np.where(middle == upper, lower, middle)


def number_below(cuts: np.ndarray, values: np.ndarray, compiled: ModuleType | None = None) -> np.ndarray:
    """How many of the ascending ``cuts`` are below each value, like ``np.searchsorted(cuts, values)``.

    The type is the smallest unsigned one that holds the answer. ``compiled`` are the loops of Numba, if any.
    """
    small = np.min_scalar_type(cuts.size)
    if compiled is not None and (labels := compiled.numbers_below(cuts, values, small)) is not None:
        return labels
    if values.size <= FEW:
        return np.searchsorted(cuts, values).astype(small)
    cells = Cells(values)
    of_values, of_cuts = cells.of(values), cells.of(cuts)
    number = np.searchsorted(of_cuts, np.arange(NUM_CELLS)).astype(small).take(of_values)
    # Cells with a cut inside leave open on which side of it a value is.
    is_cut = np.zeros(NUM_CELLS, dtype=bool)
    is_cut[of_cuts] = True
    unclear = np.flatnonzero(is_cut.take(of_values))
    number[unclear] = np.searchsorted(cuts, values.take(unclear))
    return number
