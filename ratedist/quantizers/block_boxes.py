"""Nearest centres of blocks of two or three weights, for whole boxes of neighbouring blocks at once."""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ratedist.quantizers.block_distances import center_table
from ratedist.quantizers.cells import Cells

# A box has so many boxes, in the end blocks, inside.
FANOUT = 16
# The boxes in the largest are such that their distances to all centres are at most so many, if that leaves
# enough of the largest for several threads.
TOP_DISTANCES = 1 << 17
MIN_TOP_BOXES = 8
# Blocks handed to one thread at once, if they and the centres make so many pairs that a thread is worth it,
# and distances computed at once, few enough for the cache.
TASK = 1 << 16
TASK_DISTANCES = 1 << 20
CHUNK = 1 << 16
# Numbers of candidates that are treated together; what is missing is filled up by a centre far from all.
SIZES = np.array(sorted({1, *(2**i for i in range(1, 40)), *(3 * 2**i for i in range(39))}))
FAR = 1e300
# Resolution of the curve along which blocks are sorted: what a radix sort does in one pass, and of the
# histograms that make its cells equally full.
KEY_BITS = 16
HISTOGRAM = 4096


@dataclasses.dataclass(frozen=True, eq=False)
class _Level:
    """Boxes with 16 boxes, in the end blocks, inside each: features of these in the middle and at C corners.

    ``middles`` (boxes, p, 16), ``corners`` (boxes, p, 16·C) or ``None`` for blocks; ``sums`` of boxes
    (q, boxes·16), of blocks (boxes, q, 16), as they are taken.
    """

    middles: np.ndarray
    corners: np.ndarray | None
    sums: np.ndarray


class BlockBoxes:
    """Blocks sorted into nested boxes, each with the sums over its blocks.

    The cost ``Σ_i a_i (w_i − c_i)²`` of one centre less that of another is linear in every w_i and, with
    ``a_2 = 1 − a_1``, in a_1: its extremes over a box are at corners. So a centre farther than another at
    all of them is out of the question for all blocks of the box, and where one centre is left the sums of the
    box are added to it without a look at its blocks. In two or three dimensions few boxes have to be opened.
    The result is the exact nearest centre of every block, up to the rounding of distances.

    Source: Kanungo et al. 2002 (filtering algorithm), with corners for its test and importances.
    """

    def __init__(
        self, values: np.ndarray, metric: np.ndarray | None, sums: list[np.ndarray], num_clusters: int
    ) -> None:
        """Sort N blocks.

        Args:
            values: w, shape ``(N, m)``, of a size for which squares lose nothing.
            metric: a >= 0, shape ``(N, 2)``, not all zero for any block; ``None`` for 1 everywhere.
            sums: what is to be summed by cluster, arrays of shape ``(N,)``.
            num_clusters: K, on which the shape of the boxes depends.
        """
        coordinates = list(values.T)
        if metric is not None:
            coordinates.append(metric[:, 0] / (metric[:, 0] + metric[:, 1]))
        self._size, self._m = values.shape
        unit = 1
        while (
            self._size * num_clusters > unit * TOP_DISTANCES
            and self._size >= MIN_TOP_BOXES * unit * FANOUT**2
        ):
            unit *= FANOUT
        self._num_tops = -(-self._size // (unit * FANOUT))
        self._order = curve_order(coordinates)
        # The last block is repeated to fill the last boxes; its copies do not count.
        missing = self._num_tops * unit * FANOUT - self._size
        filled = np.pad(self._order, (0, missing), mode="edge")
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            gathered = list(pool.map(lambda column: column.take(filled), [*coordinates, *sums]))
        low = high = gathered[: len(coordinates)]
        totals = gathered[len(coordinates) :]
        for total in totals:
            total[self._size :] = 0.0
        by_block = np.stack([total.reshape(-1, FANOUT) for total in totals], axis=1)
        self._levels = [_Level(_features([low], self._m), None, by_block)]
        while unit > 1:
            unit //= FANOUT
            low = [array.reshape(-1, FANOUT).min(axis=1) for array in low]
            high = [array.reshape(-1, FANOUT).max(axis=1) for array in high]
            totals = [array.reshape(-1, FANOUT).sum(axis=1) for array in totals]
            middle = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
            corners = [list(corner) for corner in itertools.product(*zip(low, high, strict=True))]
            level = _Level(_features([middle], self._m), _features(corners, self._m), np.stack(totals))
            self._levels.insert(0, level)

    def assign(self, centers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Labels of the blocks in the order of the boxes, and the sums by cluster, shape ``(q, K)``."""
        p = self._levels[-1].middles.shape[1]
        far = np.where(np.arange(p) < self._m, 0.0, FAR)
        table = np.concatenate([center_table(centers, p), far[None]])
        labels = np.empty(len(self._levels[-1].sums) * FANOUT, dtype=np.min_scalar_type(len(centers) - 1))
        wanted = min(self._size / TASK, self._size * len(centers) / TASK_DISTANCES)
        tasks = np.array_split(np.arange(self._num_tops), min(math.ceil(wanted), self._num_tops))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            parts = list(pool.map(lambda tops: self._descend(tops, table, labels), tasks))
        return labels, np.sum(parts, axis=0)

    def in_order(self, labels: np.ndarray) -> np.ndarray:
        """Labels in the order of the blocks as they were given."""
        ordered = np.empty(self._size, dtype=labels.dtype)
        ordered[self._order] = labels[: self._size]
        return ordered

    def _descend(self, tops: np.ndarray, table: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Write the labels of the blocks in some of the largest boxes, and return their sums."""
        K = len(table) - 1
        totals = np.zeros((self._levels[-1].sums.shape[1], K))
        # Open boxes, how many centres may be the nearest somewhere in each, and which.
        boxes, counts, candidates = tops, np.full(tops.size, K), np.tile(np.arange(K), tops.size)
        for level in self._levels:
            found = []
            per_candidate = FANOUT if level.corners is None else level.corners.shape[2]
            for chosen, among in _batches(counts, candidates, per_candidate, K):
                parents = boxes[chosen]
                coefficients = table.take(among, axis=0)
                nearest = _argmin(coefficients @ level.middles.take(parents, axis=0))
                if level.corners is None:
                    rows = np.arange(0, among.size, among.shape[1])[:, None]
                    labels.reshape(-1, FANOUT)[parents] = among.ravel().take(nearest + rows)
                    mine = (nearest[:, None] == np.arange(among.shape[1])[:, None]).astype(np.float64)
                    sums = mine @ level.sums.take(parents, axis=0).transpose(0, 2, 1)
                    for total, column in zip(totals, sums.reshape(among.size, -1).T, strict=True):
                        total += np.bincount(among.ravel(), column, K + 1)[:K]
                    continue
                alive = _possible(coefficients @ level.corners.take(parents, axis=0), nearest)
                item, rank = np.divmod(np.flatnonzero(alive), among.shape[1])
                number = np.bincount(item)
                left = among[item // FANOUT, rank]
                items = (parents[:, None] * FANOUT + np.arange(FANOUT)).ravel()
                single = number == 1
                settled, winners = items[single], left[(np.cumsum(number) - number)[single]]
                labels.reshape(level.sums.shape[1], -1)[settled] = winners[:, None]
                for total, column in zip(totals, level.sums, strict=True):
                    total += np.bincount(winners, column.take(settled), K)
                found.append((items[~single], number[~single], left[np.repeat(~single, number)]))
            if found:
                boxes, counts, candidates = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        return totals


def _argmin(distances: np.ndarray) -> np.ndarray:
    """Index of the least entry along the middle axis; the commonest case by itself, being much faster."""
    if distances.shape[1] == 2:
        return (distances[:, 1] < distances[:, 0]).astype(np.intp)
    return np.argmin(distances, axis=1)


def _features(points: list[list[np.ndarray]], block_length: int) -> np.ndarray:
    """Products with [−2c, c²] are distances: [w, 1], or [aw, a] with a_1 after the coordinates w.

    Args:
        points: C points (corners) of each of n boxes, each a list of coordinates of shape ``(n,)``.
        block_length: m.

    Returns:
        shape ``(n/16, p, 16·C)``, the index of the point running fastest.
    """
    weighted = len(points[0]) > block_length
    size = points[0][0].size
    p = 2 * block_length if weighted else block_length + 1
    features = np.empty((size // FANOUT, p, FANOUT, len(points)))
    for corner, point in enumerate(points):
        columns = [*point[:block_length], np.ones(1)]
        if weighted:
            first, second = point[2], 1 - point[2]
            columns = [first * point[0], second * point[1], first, second]
        for index, column in enumerate(columns):
            features[:, index, :, corner] = np.broadcast_to(column, size).reshape(-1, FANOUT)
    return features.reshape(size // FANOUT, p, -1)


def _possible(distances: np.ndarray, nearest: np.ndarray) -> np.ndarray:
    """Whether a centre is at some corner as near as the one nearest to the middle.

    Args:
        distances: of c candidates from the corners of 16 boxes in each of n, shape ``(n, c, 16·C)``.
        nearest: candidate nearest to the middle, shape ``(n, 16)``.

    Returns:
        shape ``(n, 16, c)``.
    """
    n = len(nearest)
    by_corner = distances.reshape(n, distances.shape[1], FANOUT, -1)
    least = by_corner[np.arange(n)[:, None], nearest, np.arange(FANOUT)]
    near = by_corner <= least[:, None]
    # The 4 or 8 truth values of a box are read as one integer: NumPy's any is slow along so short an axis.
    anywhere = near.view(f"u{near.shape[-1]}")[..., 0] != 0
    return np.ascontiguousarray(anywhere.transpose(0, 2, 1))


def _batches(
    counts: np.ndarray, candidates: np.ndarray, per_candidate: int, filler: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Boxes with about as many candidates each: their numbers (n,), and a table of candidates (n, c)."""
    starts = np.cumsum(counts) - counts
    size_class = np.searchsorted(SIZES, counts)
    for present in np.flatnonzero(np.bincount(size_class)):
        part = np.flatnonzero(size_class == present)
        rank = np.arange(SIZES[present])
        step = max(CHUNK // (rank.size * per_candidate), 1)
        for begin in range(0, part.size, step):
            chosen = part[begin : begin + step]
            among = candidates.take(starts[chosen, None] + rank, mode="clip")
            if rank.size not in (1, 2, 3, 4):
                among[rank >= counts[chosen, None]] = filler
            yield chosen, among


def curve_order(coordinates: list[np.ndarray]) -> np.ndarray:
    """Order along a space-filling (Z-shaped) curve, so that blocks in sequence are near each other.

    Args:
        coordinates: two or three arrays of shape ``(N,)``, the third with half the resolution.

    Source: Morton 1966.
    """
    turns = itertools.cycle([0, 1, 2, 0, 1] if len(coordinates) == 3 else [0, 1])
    owner = np.array(list(itertools.islice(turns, KEY_BITS)))[::-1]
    key = np.zeros(coordinates[0].size, dtype=np.uint16)
    for axis, coordinate in enumerate(coordinates):
        bits = np.flatnonzero(owner == axis)
        cells = Cells(coordinate, HISTOGRAM).of(coordinate)
        counts = np.bincount(cells, minlength=HISTOGRAM)
        rank = ((np.cumsum(counts) - counts) << bits.size) // coordinate.size
        spread = np.sum(((rank[:, None] >> np.arange(bits.size)) & 1) << bits, axis=1).astype(np.uint16)
        key |= spread.take(cells)
    return np.argsort(key, kind="stable")
