"""Nearest centres of blocks of any length, by the distances of all blocks to all centres."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

# Distances computed at once, few enough for the cache, and blocks below which the interpreter would show.
CHUNK = 1 << 15
MIN_CHUNK = 320
# Blocks handed to one thread at once.
SLAB = 1 << 16


class BlockDistances:
    """Distances as one matrix product: of features of the blocks and a table of centres."""

    def __init__(self, values: np.ndarray, metric: np.ndarray | None, sums: list[np.ndarray]) -> None:
        """Lay out the features.

        Args:
            values: w, shape ``(N, m)``, of a size for which squares lose nothing.
            metric: a >= 0 of the distance ``Σ_i a_i (w_i − c_i)²``, shape ``(N, m)``; ``None`` for 1.
            sums: what is to be summed by cluster, arrays of shape ``(N,)``.
        """
        rows = [values.T, np.ones((1, len(values)))] if metric is None else [(metric * values).T, metric.T]
        self._features = np.concatenate(rows)
        self._sums = sums

    def assign(self, centers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Label of the nearest of K centres for every block, and the sums by cluster, shape ``(q, K)``."""
        table = center_table(centers, len(self._features))
        labels = np.empty(self._features.shape[1], dtype=np.int64)
        chunk = max(MIN_CHUNK, CHUNK // len(table))

        def assign(slab: range) -> None:
            buffer = np.empty((len(table), chunk))
            for start in slab:
                rows = slice(start, min(start + chunk, slab.stop))
                distances = buffer[:, : rows.stop - start]
                np.matmul(table, self._features[:, rows], out=distances)
                labels[rows] = argmin_of_columns(distances)

        slabs = [range(i, min(i + SLAB, labels.size), chunk) for i in range(0, labels.size, SLAB)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(assign, slabs))
        return labels, np.stack([np.bincount(labels, column, len(centers)) for column in self._sums])

    def in_order(self, labels: np.ndarray) -> np.ndarray:
        """Labels in the order of the blocks as they were given: here they are in it."""
        return labels


def center_table(centers: np.ndarray, num_features: int) -> np.ndarray:
    """[−2c, ‖c‖²] for m + 1 features [w, 1] of a block, [−2c, c²] for 2m features [aw, a], (K, features).

    Their products are distances up to a term without centres.
    """
    squares = centers**2
    if num_features == centers.shape[1] + 1:
        squares = squares.sum(axis=1, keepdims=True)
    return np.concatenate([-2 * centers, squares], axis=1)


def argmin_of_columns(distances: np.ndarray) -> np.ndarray:
    """Row of the least entry in each column of ``distances`` (K, C), which is overwritten; ties as they fall.

    NumPy's argmin is slow along either axis of such an array, its minimum along the first is not. So the
    number of the row is written over the last bits of each entry, log₂K of 52, and read off the minimum.
    """
    bits = (1 << (len(distances) - 1).bit_length()) - 1
    words = distances.view(np.int64)
    words &= ~bits
    words |= np.arange(len(distances))[:, None]
    return distances.min(axis=0).view(np.int64) & bits
