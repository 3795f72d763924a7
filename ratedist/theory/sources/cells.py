"""Numbers on a line counted in cells of one width: share, mean and variance of each filled cell."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.special import entr

# Numbers converted to double precision at once; cells that are counted without sorting their numbers.
CHUNK = 1 << 20
MOST_IN_ORDER = 1 << 22


@dataclasses.dataclass(frozen=True, eq=False)
class Cells:
    """A law of numbers in cells ``[k·width, (k + 1)·width)``.

    Attributes:
        width: of the cells.
        index: k, ascending whole numbers as float64, shape ``(m,)`` as all others.
        mass: of the numbers in each; they sum to the mass of the law.
        mean: of the numbers of each.
        variance: of the numbers of each, 0 where all are equal.
    """

    width: float
    index: np.ndarray
    mass: np.ndarray
    mean: np.ndarray
    variance: np.ndarray

    @property
    def reach(self) -> np.ndarray:
        """The longest way from the mean of a cell to an end of it, 0 where all its numbers are equal."""
        beside = np.abs(self.mean - (self.index + 0.5) * self.width)
        return np.where(self.variance > 0, self.width / 2 + np.minimum(beside, self.width / 2), 0.0)

    @property
    def within(self) -> float:
        """Mean squared distance of a number to the mean of its cell."""
        return float(self.mass @ self.variance) / float(self.mass.sum())

    @property
    def spread(self) -> float:
        """Variance of the law."""
        share, apart = self.mass / self.mass.sum(), self.mean - self.mean[0]
        return float(share @ ((apart - share @ apart) ** 2 + self.variance))

    @property
    def entropy(self) -> float:
        """Nats that say the cell of a number."""
        return float(np.sum(entr(self.mass / self.mass.sum())))

    def shares(self) -> Cells:
        """The same law with mass 1."""
        return dataclasses.replace(self, mass=self.mass / self.mass.sum())

    def in_units(self, unit: float) -> Cells:
        """The same law of numbers divided by a unit."""
        return dataclasses.replace(
            self, width=self.width / unit, mean=self.mean / unit, variance=self.variance / unit / unit
        )

    def merged(self, factor: float) -> Cells:
        """Cells so many times as wide."""
        if factor <= 1:
            return self
        return _summed(self.width * factor, [_Sums.of(self, np.floor(self.index / factor))])

    def at_most(self, count: int) -> Cells:
        """Cells wider by a power of two, so that there are no more than ``count``."""
        cells = self
        while cells.mass.size > count:
            cells = cells.merged(2.0)
        return cells


def cells_of(numbers: np.ndarray, width: float, masses: np.ndarray | None = None) -> Cells:
    """Count numbers in cells of a width.

    Time is proportional to their number unless they spread over more than four million cells; memory is some
    10⁷ numbers beside them, and the cells that are filled.

    Args:
        numbers: shape ``(d,)``, finite, of any floating-point type.
        width: of the cells, above 0.
        masses: shape ``(d,)``, above 0; ``None`` for one each.
    """
    rows = (slice(start, start + CHUNK) for start in range(0, numbers.size, CHUNK))
    return _summed(
        width, [_counted(numbers[part], None if masses is None else masses[part], width) for part in rows]
    )


def joined(parts: list[Cells]) -> Cells:
    """Cells of one width as one law."""
    return _summed(parts[0].width, [_Sums.of(one, one.index) for one in parts])


def distinct(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ascending values of numbers of any floating-point type, as float64, and how many there are of each."""
    # NumPy 2.4 leaves thousands of float16 out of order on processors with AVX-512 where many are equal.
    wide = numbers.astype(np.float32) if numbers.itemsize < 4 else numbers
    values, counts = np.unique(wide, return_counts=True)
    return values.astype(np.float64), counts


@dataclasses.dataclass(frozen=True, eq=False)
class _Sums:
    """Index, mass, and the sums of ``x − origin`` and of its square of some cells, each perhaps not all."""

    index: np.ndarray
    mass: np.ndarray
    first: np.ndarray
    second: np.ndarray
    origin: np.ndarray

    @classmethod
    def of(cls, cells: Cells, index: np.ndarray) -> _Sums:
        zero = np.zeros(index.size)
        return cls(index, cells.mass, zero, cells.mass * cells.variance, cells.mean)


def _counted(x: np.ndarray, mass: np.ndarray | None, width: float) -> _Sums:
    x = x.astype(np.float64)
    k = np.floor(x / width)
    low = k.min()
    if k.max() - low < MOST_IN_ORDER:
        place = (k - low).astype(np.intp)
        index = low + np.arange(int(place.max()) + 1)
    else:
        index, place = np.unique(k, return_inverse=True)
    # Sums of differences from a number of the cell keep their digits, and are zero if all are equal.
    origin = np.zeros(index.size)
    origin[place] = x
    difference = x - origin[place]
    total = np.bincount(place, mass, index.size)
    filled = np.flatnonzero(total > 0)
    weighted = difference if mass is None else mass * difference
    first = np.bincount(place, weighted, index.size)
    second = np.bincount(place, weighted * difference, index.size)
    return _Sums(index[filled], total[filled], first[filled], second[filled], origin[filled])


def _summed(width: float, parts: list[_Sums]) -> Cells:
    index = np.concatenate([one.index for one in parts])
    mass = np.concatenate([one.mass for one in parts])
    mean = np.concatenate([one.origin + one.first / one.mass for one in parts])
    within = np.concatenate([np.maximum(one.second - one.first * (one.first / one.mass), 0) for one in parts])
    if len(parts) > 1:
        order = np.argsort(index, kind="stable")
        index, mass, mean, within = index[order], mass[order], mean[order], within[order]
    heads = np.flatnonzero(np.concatenate([[True], index[1:] > index[:-1]]))
    lengths = np.diff(np.append(heads, index.size))
    total = np.add.reduceat(mass, heads)
    origin = mean[heads]
    difference = mean - np.repeat(origin, lengths)
    middle = origin + np.add.reduceat(mass * difference, heads) / total
    spread = np.add.reduceat(mass * (mean - np.repeat(middle, lengths)) ** 2 + within, heads)
    return Cells(width, index[heads], total, middle, spread / total)
