"""Nearest centres, sums and costs of few blocks in NumPy: done before a program could be compiled."""

from __future__ import annotations

import numpy as np

# Blocks times numbers in all centres up to which this is as fast as a compiled program.
FEW_DIFFERENCES = 1 << 18
# Numbers of blocks up to which nothing is handed to JAX before it is asked for.
FEW_BLOCKS = 1 << 13
# Blocks whose distances are held at once.
AT_ONCE = 512


def nearest_of_few(values: np.ndarray, metric: np.ndarray | None, centers: np.ndarray) -> np.ndarray:
    """Labels (n,) of blocks ``values`` (m, n): the nearest of ``centers`` (K, m), the first of equals."""
    labels = np.empty(values.shape[1], np.intp)
    for start in range(0, labels.size, AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        distances = np.zeros((labels[rows].size, len(centers)))
        for i, coordinate in enumerate(centers.T):
            term = values[i, rows, None] - coordinate
            term *= term
            if metric is not None:
                term *= metric[i, rows, None]
            distances += term
        distances.argmin(axis=1, out=labels[rows])
    return labels


def sums_of_few(
    labels: np.ndarray, values: np.ndarray, importance: np.ndarray | None, num_clusters: int
) -> tuple[np.ndarray, np.ndarray]:
    """Masses and first moments of clusters, ``(K, 1)`` or ``(K, m)``, and ``(K, m)``."""

    def summed(rows: np.ndarray) -> np.ndarray:
        return np.stack([np.bincount(labels, row, num_clusters) for row in rows], axis=1)

    h = np.ones((1, labels.size)) if importance is None else importance
    return summed(h), summed(h * values)


def costs_of_few(values: np.ndarray, importance: np.ndarray | None, center: np.ndarray) -> np.ndarray:
    """``Σ_i h_i (w_i − c_i)²`` of blocks ``values`` (m, n), shape ``(n,)``."""
    difference = values - center[:, None]
    difference *= difference
    if importance is not None:
        difference *= importance
    return difference.sum(axis=0)
