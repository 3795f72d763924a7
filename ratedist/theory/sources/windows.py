"""Gaussian kernels between sorted places on a line, of which each sees only those near to it."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from scipy.linalg import solveh_banded
from scipy.sparse import csc_array

# Part by which a diagonal is raised, so that rounding leaves matrices positive definite.
ROOM = 1e-12


@dataclasses.dataclass(frozen=True, eq=False)
class Window:
    """For each of some sorted places the others within a distance, as ranges of their indices.

    Attributes:
        start, stop: shape ``(m,)``; at least one is in every range.
    """

    start: np.ndarray
    stop: np.ndarray

    @classmethod
    def of(cls, places: np.ndarray, others: np.ndarray, distance: float) -> Window:
        """Those within the distance, and in any case the nearest on either side."""
        after = np.searchsorted(others, places)
        start = np.minimum(np.searchsorted(others, places - distance), np.maximum(after - 1, 0))
        stop = np.maximum(
            np.searchsorted(others, places + distance, "right"), np.minimum(after + 1, others.size)
        )
        return cls(start, stop)

    def pairs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of all pairs in row-major order the row and the column, and where each row begins."""
        lengths = self.stop - self.start
        heads = np.cumsum(lengths) - lengths
        row = np.repeat(np.arange(lengths.size), lengths)
        return row, np.arange(row.size) + np.repeat(self.start - heads, lengths), heads


class WindowedKernel:
    """``K(x, y) = exp(−½(x − y)²)`` over its greatest value in each row, 0 outside of the window.

    It stands for an array of shape ``(num_inputs, num_outputs)`` in
    ``ratedist.theory.sources.discrete.optimal_output``: products and Newton's equations by bands.

    Attributes:
        offset: what was taken from the logarithm of each row.
        values: of the kernel, a row an input, shape ``(num_inputs, longest window)``.
        columns: index of the output of each value; where the window is shorter, of any, the value being 0.
    """

    # So that an array before @ asks the kernel.
    __array_ufunc__ = None

    def __init__(self, x: np.ndarray, y: np.ndarray, distance: float) -> None:
        """Kernel between sorted places ``x`` and ``y``."""
        window = Window.of(x, y, distance)
        longest = int((window.stop - window.start).max())
        self._first = np.minimum(window.start, y.size - longest)
        self.columns = self._first[:, None] + np.arange(longest)
        inside = (self.columns >= window.start[:, None]) & (self.columns < window.stop[:, None])
        exponent = np.where(inside, -((x[:, None] - y[self.columns]) ** 2) / 2, -np.inf)
        self.offset = exponent.max(axis=1)
        self.values = np.exp(exponent - self.offset[:, None])
        self._num_outputs = y.size
        self._kernel = _of_columns(self.values, self.columns, y.size)

    def dense(self) -> np.ndarray:
        """The array, shape ``(num_inputs, num_outputs)``."""
        return self._kernel.T.toarray()

    @functools.cached_property
    def _products(self) -> csc_array:
        """Products of two values of a row, by the bands of ``KᵀK`` one after another: a column an input."""
        longest = self.values.shape[1]
        left, right = np.triu_indices(longest)
        bands = self._first[:, None] + ((right - left) * self._num_outputs + left)
        return _of_columns(self.values[:, left] * self.values[:, right], bands, longest * self._num_outputs)

    def __matmul__(self, q: np.ndarray) -> np.ndarray:
        return self._kernel.T @ q

    def __rmatmul__(self, weight: np.ndarray) -> np.ndarray:
        return self._kernel @ weight

    def solve(self, weight: np.ndarray, root: np.ndarray, s: np.ndarray, right: np.ndarray) -> np.ndarray:
        """``(√q Kᵀ diag(weight²) K √q + diag(s))⁻¹ right``, with √q = ``root``."""
        longest = self.values.shape[1]
        bands = (self._products @ weight**2).reshape(longest, -1)
        ahead = np.concatenate([root, np.zeros(longest - 1)])
        bands *= root * np.lib.stride_tricks.sliding_window_view(ahead, root.size)
        # Outputs in the same place for all their inputs have the same row, and s may be next to nothing.
        bands[0] += ROOM * bands[0] + s
        return solveh_banded(bands, right, lower=True, overwrite_ab=True, check_finite=False)


def _of_columns(values: np.ndarray, rows: np.ndarray, num_rows: int) -> csc_array:
    """The matrix whose columns have these values at these places, both of shape ``(columns, so many)``."""
    heads = np.arange(0, values.size + 1, values.shape[1])
    return csc_array((values.ravel(), rows.ravel(), heads), shape=(num_rows, values.shape[0]))


def covered(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """All whole numbers k with ``low_i ≤ k ≤ high_i`` for some i, ascending; ``low`` ascending, all whole."""
    before = np.concatenate([[-np.inf], np.maximum.accumulate(high)[:-1]])
    first = np.maximum(low, before + 1)
    count = np.maximum(high - first + 1, 0).astype(np.intp)
    heads = np.cumsum(count) - count
    return np.repeat(first - heads, count) + np.arange(int(count.sum()))
