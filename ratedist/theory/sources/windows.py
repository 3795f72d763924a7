"""Gaussian kernels between sorted places on a line, of which each sees only those near to it."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.linalg import solveh_banded


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
        self.num_outputs = y.size
        longest = int((window.stop - window.start).max())
        self._first = np.minimum(window.start, y.size - longest)
        self.columns = self._first[:, None] + np.arange(longest)
        inside = (self.columns >= window.start[:, None]) & (self.columns < window.stop[:, None])
        exponent = np.where(inside, -((x[:, None] - y[self.columns]) ** 2) / 2, -np.inf)
        self.offset = exponent.max(axis=1)
        self.values = np.exp(exponent - self.offset[:, None])
        # Rows with the same window are added before anything else.
        self._heads = np.flatnonzero(np.concatenate([[True], self._first[1:] > self._first[:-1]]))

    def dense(self) -> np.ndarray:
        """The array, shape ``(num_inputs, num_outputs)``."""
        array = np.zeros((self.values.shape[0], self.num_outputs))
        np.put_along_axis(array, self.columns, self.values, axis=1)
        return array

    def __matmul__(self, q: np.ndarray) -> np.ndarray:
        return np.einsum("ij,ij->i", self.values, q[self.columns])

    def __rmatmul__(self, weight: np.ndarray) -> np.ndarray:
        return self._to_outputs(weight[:, None] * self.values)

    def solve(self, weight: np.ndarray, root: np.ndarray, s: np.ndarray, right: np.ndarray) -> np.ndarray:
        """``(√q Kᵀ diag(weight²) K √q + diag(s))⁻¹ right``, with √q = ``root``."""
        scaled = self.values * weight[:, None]
        scaled *= root[self.columns]
        longest = self.values.shape[1]
        bands = np.zeros((longest, self.num_outputs))
        for distance in range(longest):
            bands[distance] = self._to_outputs(scaled[:, : longest - distance] * scaled[:, distance:])
        bands[0] += s
        return solveh_banded(bands, right, lower=True, check_finite=False)

    def _to_outputs(self, products: np.ndarray) -> np.ndarray:
        of_windows = np.add.reduceat(products, self._heads, axis=0)
        columns = self._first[self._heads, None] + np.arange(products.shape[1])
        return np.bincount(columns.ravel(), of_windows.ravel(), self.num_outputs)


def covered(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """All whole numbers k with ``low_i ≤ k ≤ high_i`` for some i, ascending; ``low`` ascending, all whole."""
    before = np.concatenate([[-np.inf], np.maximum.accumulate(high)[:-1]])
    first = np.maximum(low, before + 1)
    count = np.maximum(high - first + 1, 0).astype(np.intp)
    heads = np.cumsum(count) - count
    return np.repeat(first - heads, count) + np.arange(int(count.sum()))
