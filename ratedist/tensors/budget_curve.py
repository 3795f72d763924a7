"""The rate–distortion curve of one tensor in a budget: numbers of clusters, tried where they are worth it."""

from __future__ import annotations

import bisect
import math

import numpy as np

from ratedist.tensors.compression import compress_tensor
from ratedist.tensors.config import LEAST_CLUSTERS, MOST_CLUSTERS, QuantizationConfig
from ratedist.tensors.point import BYTE, Load, Point
from ratedist.tensors.tensor import named

# K that are tried: all up to eight, and powers of 2^¼.
CANDIDATES = (
    *(1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 13, 16, 19, 23, 27, 32),
    *(38, 45, 54, 64, 76, 91, 108, 128, 152, 181, 215, MOST_CLUSTERS),
)
# Steps between candidates that are skipped where the best K lies beyond those that were tried.
STRIDE = 3
# Of K up to this each is tried where larger errors are met, beyond only every so many.
FEW_CLUSTERS, COARSE = 8, 4


class Curve:
    """The points of one tensor, as far as they are known.

    Attributes:
        points: K → point.
        num_weights: of the tensor.
        weighted: whether there are importances.
    """

    def __init__(self, name: str, load: Load, config: QuantizationConfig) -> None:
        self._name, self._load, self._config = name, load, config
        self.points: dict[int, Point] = {}
        tensor, h = load(name)
        self.num_weights, self.weighted = tensor.size, h is not None
        blocks = -(-tensor.size // config.block_length)
        least = config.min_clusters or LEAST_CLUSTERS
        if blocks < least or tensor.min() == tensor.max():
            self._candidates = [1]  # which is exact
        else:
            self._candidates = sorted({least, *(K for K in CANDIDATES if least <= K <= blocks)})
        self._find_accurate(tensor, h)

    @property
    def cheapest(self) -> int:
        """K of fewest bytes."""
        return min(self.points, key=lambda K: (self.points[K].entry.num_bytes, K))

    def extra_bytes(self, num_clusters: int) -> float:
        """About what so many clusters take more than the cheapest."""
        K, entry = self.cheapest, self.points[self.cheapest].entry
        more = min(num_clusters, self._candidates[-1])
        tables = sum(sum(code.part_bytes[1:]) for code in entry.codes)
        num_labels = sum(code.num_weights / code.block_length for code in entry.codes)
        return num_labels * math.log2(max(more / K, 1)) / BYTE + max(more - K, 0) * tables / K

    def nearest(self, num_clusters: float) -> int:
        """The largest K, or else the smallest, that is not above ``num_clusters``; it is tried."""
        K = self._candidates[self._place(num_clusters)]
        if K not in self.points:
            self._evaluate(K, *self._load(self._name))
        return min(K, self._candidates[-1])

    def look_around(self, num_clusters: int) -> bool:
        """Try the next smaller and larger K if they are not known; tell whether there was one."""
        place, known = self._place(num_clusters), [self._place(K) for K in self.points]
        wanted = {place - 1, place + 1}
        wanted |= {place - STRIDE} if place == min(known) else set()
        wanted |= {place + STRIDE} if place == max(known) else set()
        places = [p for p in sorted(wanted) if 0 <= p < len(self._candidates) and p not in known]
        if not places:
            return False
        tensor, h = self._load(self._name)
        for K in [self._candidates[p] for p in places]:
            if self._candidates[-1] >= K:  # one before may have lost nothing
                self._evaluate(K, tensor, h)
        return True

    def _find_accurate(self, tensor: np.ndarray, h: np.ndarray | None) -> None:
        """Try few clusters up to the fewest that are accurate enough, if any are."""
        last, before = len(self._candidates) - 1, 0
        coarse = [
            K for place, K in enumerate(self._candidates) if K <= FEW_CLUSTERS or (last - place) % COARSE == 0
        ]
        for K in coarse:
            if self._evaluate(K, tensor, h).accurate:
                between = [one for one in self._candidates if before < one < K]
                next((one for one in between if self._evaluate(one, tensor, h).accurate), None)
                return
            before = K

    def _place(self, num_clusters: float) -> int:
        """Index of the last candidate that is not larger, or of the first."""
        return max(bisect.bisect_right(self._candidates, num_clusters) - 1, 0)

    def _evaluate(self, num_clusters: int, tensor: np.ndarray, h: np.ndarray | None) -> Point:
        if num_clusters not in self.points:
            found = named(
                self._name, compress_tensor, tensor, self._config, num_clusters=num_clusters, importance=h
            )
            self.points[num_clusters] = point = Point.of(found, self._config.coder)
            if point.loss == 0:  # no more are needed
                self._candidates = [K for K in self._candidates if num_clusters >= K]
        return self.points[num_clusters]
