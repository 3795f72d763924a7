"""Scalar K-means of weights too many to sort: of cells that are divided where the weights scatter."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from ratedist import _checks
from ratedist.quantizers.clustering import kmeans
from ratedist.quantizers.methods import Lloyd, Method

# Weights converted to double precision at once.
CHUNK = 1 << 20
# Bits of mantissa that tell the first cells apart, one more than float16 has, and powers of two below the
# largest weight: smaller ones are in one cell.
MANTISSA_BITS, OCTAVES = 11, 128
NUM_MAGNITUDES = OCTAVES << MANTISSA_BITS
# Of a float64: bits of mantissa beyond those, the leading bits of 2⁻¹²⁸, and all but the sign.
SHIFT, SMALLEST, LARGEST_INTEGER = 52 - MANTISSA_BITS, (1023 - OCTAVES) << MANTISSA_BITS, (1 << 63) - 1
# Cells that are added at a time, at least and for each centre.
NEW_CELLS, NEW_CELLS_PER_CENTER = 1 << 17, 16
# Room for rounding in a distance, and the shortest one that has an inverse.
ROOM, TINY = 1e-9, 1e-300
# Part of the objective that may lie within cells, and how often cells are divided to get there.
WITHIN, MAX_DIVISIONS = 1e-4, 8


def centers_of_many(
    weights: np.ndarray,
    importance: np.ndarray | None,
    num_clusters: int,
    diameter_penalty: float,
    method: Method,
    key: int | None = None,
) -> np.ndarray:
    """Centres that ``kmeans`` gives to cells of neighbouring weights in place of weights.

    Cells are first those of floats with the same sign, exponent and 11 leading bits of mantissa, and one of
    all below 2⁻¹²⁸ of the largest: as a rule one value each in half precision. Where the weights within cells
    scatter by more than ε = 10⁻⁴ of the objective, those cells are divided, eight times at most. With centres
    optimal for the cells the objective is then at most ``(1 + ε)/(1 − √ε)² = 1.021`` times the optimum, by
    the triangle inequality. Weights below 10⁻¹⁵⁰ of the largest count as zero.

    Args:
        weights: shape ``(d,)``, of any floating-point type.
        importance: shape ``(d,)``, non-negative, not all zero; ``None`` for equal importance.
        num_clusters: K, at most d.
        diameter_penalty: β.
        method: how ``kmeans`` looks for the centres.
        key: integer seed, where the method has a random start.

    Returns:
        at most K ascending centres, float64; fewer where fewer cells are filled. Time is proportional to d,
        memory beside the weights is some 10⁶ numbers.

    Raises:
        ValueError: as ``kmeans``; importances with a sum beyond the largest float.
    """
    K = _checks.integer("num_clusters", num_clusters, 1)
    if weights.size < K:
        raise ValueError(f"num_clusters must be at most the number of weights, {weights.size}, got {K}")
    cells = Histogram(weights, importance)
    found = kmeans(cells.means, min(K, cells.means.size), cells.mass, diameter_penalty=diameter_penalty)
    divisions = 0
    while cells.scatter.sum() > WITHIN * found.objective and divisions < MAX_DIVISIONS:
        divisions += 1
        cells.divide(max(NEW_CELLS, NEW_CELLS_PER_CENTER * K))
        found = kmeans(cells.means, min(K, cells.means.size), cells.mass, diameter_penalty=diameter_penalty)
    if method != Lloyd():
        found = kmeans(
            cells.means,
            min(K, cells.means.size),
            cells.mass,
            method=method,
            diameter_penalty=diameter_penalty,
            key=key,
        )
    return np.ldexp(found.centers, cells.exponent)


@dataclasses.dataclass(frozen=True, eq=False)
class _Division:
    """Where the parts of each cell begin among the new ones, and how many there are."""

    offset: np.ndarray
    last: np.ndarray
    low: np.ndarray
    scale: np.ndarray

    def of(self, weights: np.ndarray, cells: np.ndarray) -> np.ndarray:
        """New cell of each weight, by its old one."""
        part = (weights - self.low.take(cells)) * self.scale.take(cells)
        # Rounding may have put a weight beside the ends of its cell.
        return self.offset.take(cells) + np.clip(part, 0.0, self.last.take(cells)).astype(np.intp)


class Histogram:
    """Weights counted in cells, in units in which the largest is between ½ and 1.

    Attributes:
        exponent: of the power of two that is the unit: it rounds nothing.
        mass: Σh of each filled cell.
        means: weighted mean of each.
        scatter: Σh(w − mean)² of each, exactly zero where all its weights are equal.
    """

    def __init__(self, weights: np.ndarray, importance: np.ndarray | None) -> None:
        """Count; arguments as ``centers_of_many``."""
        self._weights, self._importance = weights, importance
        largest, total = 0.0, 0.0
        for rows in _chunks(weights.size):
            largest = max(largest, float(np.max(np.abs(_checks.real_array("weights", weights[rows])))))
            if importance is not None:
                h = _checks.in_range(
                    "importance", _checks.real_array("importance", importance[rows], indicator=True)
                )
                with np.errstate(over="ignore"):
                    total += float(h.sum())
        if importance is not None and not 0 < total < np.inf:
            amount = (
                "positive for at least one weight, got all zero" if total == 0 else "of finite sum: rescale"
            )
            raise ValueError(f"importance must be {amount}")
        self.exponent = int(np.frexp(largest)[1])
        self._divisions: list[_Division] = []
        ends = ((np.arange(NUM_MAGNITUDES + 1) + SMALLEST) << SHIFT).view(np.float64)
        ends[0] = 0.0
        self._low, self._width = np.append(ends[:-1], -ends[1:]), np.tile(np.diff(ends), 2)
        self._count()

    def divide(self, num_new: int) -> None:
        """Divide the cells where weights scatter into about ``num_new`` more, and count again.

        Parts of a cell have equal widths. Their numbers are in proportion to the cube root of the scatter,
        which leaves least of it if the weights of a cell are spread evenly.
        """
        root = np.cbrt(self.scatter)
        parts = np.ones(self._filled.size, np.intp)
        parts += np.floor(num_new * (root / root.sum())).astype(np.intp)
        # No weight is further from another of its cell than the root of the sum of the squared distances.
        origin, reach = self._origin[self._filled], np.sqrt(self._squares[self._filled]) * (1 + ROOM)
        low = np.maximum(self._low[self._filled], origin - reach)
        width = np.minimum(self._low[self._filled] + self._width[self._filled], origin + reach) - low
        width = np.maximum(width, TINY)
        # What weighs nothing falls into one cell beyond all others.
        offset = np.full(self._low.size, parts.sum())
        offset[self._filled] = np.cumsum(parts) - parts
        last, begin, scale = np.zeros(self._low.size), np.zeros(self._low.size), np.zeros(self._low.size)
        last[self._filled], begin[self._filled], scale[self._filled] = parts - 1, low, parts / width
        self._divisions.append(_Division(offset, last, begin, scale))
        width = np.repeat(width / parts, parts)
        number = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
        low = np.repeat(low, parts) + number * width
        self._low, self._width = np.append(low, 0.0), np.append(width, 1.0)
        self._count()

    def _count(self) -> None:
        size = self._low.size
        mass, first, second, squares = np.zeros(size), np.zeros(size), np.zeros(size), np.zeros(size)
        # Sums of differences from one weight of each cell keep their digits, and are zero if all are equal.
        origin = np.full(size, np.nan)
        for rows in _chunks(self._weights.size):
            w = np.ldexp(self._weights[rows].astype(np.float64), -self.exponent)
            cells = _first_cells(w)
            for division in self._divisions:
                cells = division.of(w, cells)
            is_new = np.isnan(origin.take(cells))
            origin[cells[is_new]] = w[is_new]
            w -= origin.take(cells)
            h = None if self._importance is None else self._importance[rows].astype(np.float64)
            mass += np.bincount(cells, h, size)
            first += np.bincount(cells, w if h is None else h * w, size)
            squares += np.bincount(cells, w**2, size)
            if h is not None:
                second += np.bincount(cells, h * w**2, size)
        second = squares if self._importance is None else second
        self._origin, self._squares = origin, squares
        self._filled = np.flatnonzero(mass > 0)
        self.mass, first, second = mass[self._filled], first[self._filled], second[self._filled]
        self.means = origin[self._filled] + first / self.mass
        self.scatter = np.maximum(second - first * (first / self.mass), 0.0)


def _first_cells(weights: np.ndarray) -> np.ndarray:
    """Cell of each float below 1 in size: by exponent and leading bits of mantissa, negative ones behind."""
    bits = weights.view(np.int64)
    magnitude = np.maximum(((bits & LARGEST_INTEGER) >> SHIFT) - SMALLEST, 0)
    return np.where(bits < 0, magnitude + NUM_MAGNITUDES, magnitude)


def _chunks(size: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK) for start in range(0, size, CHUNK))
