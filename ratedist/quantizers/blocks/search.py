"""The nearest of many centres where every block has a distance of its own."""

from __future__ import annotations

import numpy as np

# Distances that are held at once.
AT_ONCE = 1 << 18


class WeightedSearch:
    """K centres in about √K boxes: most boxes are too far from a block for any centre in them to be nearest.

    The distance is ``Σ_i a_i (w_i − c_i)²`` with a block's own a. The least distance to a box is found
    coordinate by coordinate; boxes that are not nearer than the nearest centre of the nearest box hold
    nothing better. For short blocks few boxes are left, and a block costs about √K in place of K distances.
    """

    def __init__(self, centers: np.ndarray) -> None:
        """Sort ``centers`` (K, m) into boxes of equal numbers, halved across their widest coordinate."""
        K = len(centers)
        levels = (K - 1).bit_length()
        # The last centre fills up to a power of two.
        groups = np.minimum(np.arange(1 << levels), K - 1)[None]
        for _ in range(levels // 2):
            widest = np.argmax(np.ptp(centers[groups], axis=1), axis=1)
            along = np.take_along_axis(centers[groups], widest[:, None, None], axis=2)[..., 0]
            groups = np.take_along_axis(groups, np.argsort(along, axis=1, kind="stable"), axis=1)
            groups = groups.reshape(2 * len(groups), -1)
        self._groups = groups
        # Coordinate by coordinate: (m, boxes, centres in a box), and the ends of the boxes, (m, boxes).
        self._centers = np.ascontiguousarray(np.moveaxis(centers[groups], 2, 0))
        self._low, self._high = self._centers.min(axis=2), self._centers.max(axis=2)

    def nearest(self, values: np.ndarray, metric: np.ndarray) -> np.ndarray:
        """Labels, int32 of shape ``(n,)``, of blocks w = ``values`` and a = ``metric``, both ``(m, n)``."""
        labels = np.empty(values.shape[1], np.int32)
        step = max(AT_ONCE // max(self._groups.shape), 1)
        for start in range(0, labels.size, step):
            rows = slice(start, start + step)
            labels[rows] = self._some(values[:, rows], metric[:, rows])
        return labels

    def _some(self, w: np.ndarray, a: np.ndarray) -> np.ndarray:
        bound = np.zeros((w.shape[1], len(self._groups)))
        for wi, ai, low, high in zip(w, a, self._low, self._high, strict=True):
            outside = np.maximum(low - wi[:, None], 0.0)
            np.maximum(outside, wi[:, None] - high, out=outside)
            outside *= outside
            outside *= ai[:, None]
            bound += outside
        everyone = np.arange(w.shape[1])
        box = np.argmin(bound, axis=1)
        best, labels = self._within(w, a, everyone, box)
        bound[everyone, box] = np.inf
        blocks, boxes = np.nonzero(bound < best[:, None])
        for first in range(0, blocks.size, step := max(AT_ONCE // self._groups.shape[1], 1)):
            some, own = blocks[first : first + step], boxes[first : first + step]
            distance, label = self._within(w, a, some, own)
            # The last one written is kept: the nearest comes last.
            order = np.argsort(-distance, kind="stable")
            some, distance, label = some[order], distance[order], label[order]
            nearer = distance < best[some]
            best[some[nearer]], labels[some[nearer]] = distance[nearer], label[nearer]
        return labels

    def _within(
        self, w: np.ndarray, a: np.ndarray, blocks: np.ndarray, boxes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Least distance of each of ``blocks`` to the centres of a box, and whose it is."""
        distance = np.zeros((blocks.size, self._groups.shape[1]))
        for wi, ai, centers in zip(w, a, self._centers, strict=True):
            difference = centers[boxes]
            difference -= wi[blocks, None]
            difference *= difference
            difference *= ai[blocks, None]
            distance += difference
        nearest = np.argmin(distance, axis=1)
        every = np.arange(blocks.size)
        return distance[every, nearest], self._groups[boxes, nearest]
