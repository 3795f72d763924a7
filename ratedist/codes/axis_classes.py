"""Classes of the weights of a tensor by the scales of its rows and columns, each with counts of its own.

The weights of a layer are not all of one size: those of an input that is mostly off are small, say. So
along each axis every slice gets a whole number, log₂ of its mean square in half steps above a smallest one.
A weight is in one slice along each axis. Their numbers are added up, and borders cut the sums into classes.
"""

from __future__ import annotations

import dataclasses

import numpy as np

# Most that the numbers of an axis differ by, and how many axes have them.
RANGE, MOST_AXES = 30, 4
MOST_CLASSES = 16
# Weights of a slice from which it gets a number.
LEAST_SLICE = 16
# Bits that a class costs besides its counts: two streams, with their sizes and what their coder ends with.
CLASS_BITS = 144
# Bits below which a gain is none: estimates are of ideal codes.
LEAST_GAIN = 64
# Sizes of levels are whole numbers up to this; bits are counted in parts.
LARGEST, PARTS = 1 << 15, 16


@dataclasses.dataclass(frozen=True, eq=False)
class AxisClasses:
    """The numbers of all slices, and the borders between classes.

    Attributes:
        numbers: for each axis those of its slices, uint8, at most ``RANGE``; empty where an axis has none.
        borders: ascending, above 0. A weight is in class c if c of them are at most its sum.

    Raises:
        ValueError: numbers or borders other than that.
    """

    numbers: tuple[np.ndarray, ...]
    borders: tuple[int, ...]

    def __post_init__(self) -> None:
        with_numbers = [own for own in self.numbers if own.size]
        if any(own.dtype != np.uint8 or own.ndim != 1 or own.max() > RANGE for own in with_numbers):
            raise ValueError(f"numbers of slices must be uint8 of at most {RANGE}")
        if len(with_numbers) > MOST_AXES:
            raise ValueError(f"at most {MOST_AXES} axes have numbers of slices, got {len(with_numbers)}")
        most = sum(int(own.max()) for own in with_numbers)
        rising = all(
            low < high for low, high in zip((0, *self.borders), (*self.borders, most + 1), strict=True)
        )
        if not rising or not 1 <= len(self.borders) < MOST_CLASSES:
            raise ValueError(
                f"classes must have 1 to {MOST_CLASSES - 1} ascending borders from 1 to the largest sum of "
                f"numbers, {most}, got {self.borders}"
            )

    @property
    def num_classes(self) -> int:
        """G."""
        return len(self.borders) + 1

    def of_weights(self, shape: tuple[int, ...]) -> np.ndarray:
        """The class of each weight in row-major order, uint8 of shape ``(d,)``."""
        table = np.searchsorted(self.borders, np.arange(256), side="right").astype(np.uint8)
        return table[_sums(self.numbers, shape)]

    def require_shape(self, shape: tuple[int, ...]) -> None:
        """Raise ``ValueError`` for another shape than that of the numbers."""
        if len(shape) != len(self.numbers) or any(
            own.size not in (0, length) for own, length in zip(self.numbers, shape, strict=True)
        ):
            raise ValueError(f"the numbers of slices are not those of a tensor of shape {shape}")


def choose_classes(
    symbols: np.ndarray, levels: np.ndarray, num_first: int, shape: tuple[int, ...]
) -> AxisClasses | None:
    """The classes with which labels and their counts take the fewest bits, ``None`` where none pay.

    Labels are counted at their entropy within class and union, counts in bytes as files have them. Classes
    are intervals of the sums, all of which are tried, by a dynamic programme.

    Args:
        symbols: unsigned integers of shape ``(d,)``, in row-major order.
        levels: what each symbol is decoded to, finite.
        num_first: so many symbols are of union 0, the others of union 1.
        shape: of the tensor.
    """
    fine = _numbers(_whole(levels, symbols)[symbols].reshape(shape))
    best, gain = None, PARTS * LEAST_GAIN
    # Whole steps take fewer bits than half ones.
    for numbers in (fine, tuple(_without_equal(own // 2) for own in fine)):
        if not any(own.size for own in numbers):
            continue
        sums = _sums(numbers, shape)
        K = levels.size
        table = np.bincount(sums.astype(np.int64) * K + symbols, minlength=K * (int(sums.max()) + 1))
        table = table.reshape(-1, K)
        values = np.flatnonzero(table.any(axis=1))
        costs = _costs(table[values], num_first)
        for cut in _best_cuts(costs):
            total = sum(int(costs[a, b]) for a, b in zip((0, *cut), (*cut, len(values)), strict=True))
            saved = int(costs[0, len(values)]) - total
            saved -= PARTS * (CLASS_BITS * len(cut) + 8 * _bytes_of(numbers))
            if saved > gain:
                best, gain = AxisClasses(numbers, tuple(int(values[place]) for place in cut)), saved
    return best


def _whole(levels: np.ndarray, symbols: np.ndarray) -> np.ndarray:
    """Squares of the distances of levels from the most frequent one, in whole numbers."""
    values = levels.astype(np.float64)
    middle = values[np.argmax(np.bincount(symbols, minlength=values.size))]
    # By halves, so that nothing overflows.
    size = np.abs(values / 2 - middle / 2)
    largest = size.max()
    return (np.rint(size / largest * LARGEST) if largest > 0 else size).astype(np.int64) ** 2


def _numbers(squares: np.ndarray) -> tuple[np.ndarray, ...]:
    """Of the slices along each axis; axes with short slices have none, nor do those with equal ones."""
    long = [axis for axis, n in enumerate(squares.shape) if n > 1 and squares.size >= n * LEAST_SLICE]
    long = sorted(long, key=lambda axis: -squares.shape[axis])[:MOST_AXES]
    found = []
    for axis in range(squares.ndim):
        own = np.zeros(0, np.uint8)
        if axis in long:
            others = tuple(one for one in range(squares.ndim) if one != axis)
            # Half steps of log₂: the exponent of the square, which is exact or rounded the same everywhere.
            halves = np.frexp(np.sum(squares, axis=others).astype(np.float64) ** 2)[1]
            own = np.maximum(halves - max(int(halves.max()) - RANGE, int(halves.min())), 0).astype(np.uint8)
        found.append(_without_equal(own))
    return tuple(found)


def _without_equal(numbers: np.ndarray) -> np.ndarray:
    """None where all are equal."""
    return numbers if numbers.size and numbers.min() < numbers.max() else numbers[:0]


def _sums(numbers: tuple[np.ndarray, ...], shape: tuple[int, ...]) -> np.ndarray:
    """The sum of the numbers of each weight, uint8 of shape ``(d,)``."""
    total = np.zeros(shape, np.uint8)
    for axis, own in enumerate(numbers):
        if own.size:
            total += own.reshape([-1 if one == axis else 1 for one in range(len(shape))])
    return total.reshape(-1)


def _costs(table: np.ndarray, num_first: int) -> np.ndarray:
    """Bits in ``PARTS`` of labels and counts of the rows from a to b − 1 in one class, at place (a, b)."""
    rows = len(table)
    before = np.concatenate([np.zeros((1, table.shape[1]), np.int64), np.cumsum(table, axis=0)])
    costs = np.zeros((rows + 1, rows + 1), np.int64)
    for a in range(rows):
        counts = before[a + 1 :] - before[a]
        bits = -_weighted_logarithms(counts).sum(axis=1)
        for union in (counts[:, :num_first], counts[:, num_first:]):
            bits += _weighted_logarithms(union.sum(axis=1)) + PARTS * 8 * _count_bytes(union)
        costs[a, a + 1 :] = bits
    return costs


def _count_bytes(counts: np.ndarray) -> np.ndarray:
    """Of each row: where the first and last lie that are not 0, and those between, seven bits a byte."""
    used = np.cumsum(counts, axis=1) > 0
    used &= np.cumsum(counts[:, ::-1], axis=1)[:, ::-1] > 0
    return 2 + np.sum(used * (np.searchsorted(2 ** np.arange(7, 63, 7), counts, side="right") + 1), axis=1)


def _weighted_logarithms(counts: np.ndarray) -> np.ndarray:
    """``n log₂ n`` in whole ``PARTS``, so that sums are exact in any order."""
    return np.rint(PARTS * counts * np.log2(np.maximum(counts, 1))).astype(np.int64)


def _best_cuts(costs: np.ndarray) -> list[tuple[int, ...]]:
    """The best places to cut all rows into 2, 3, … classes."""
    rows = len(costs) - 1
    # Far above all costs: classes are not empty.
    none = np.iinfo(np.int64).max // 4
    least, froms = costs[0].copy(), []
    least[0] = none
    found = []
    inside = np.triu(np.ones_like(costs, dtype=bool), 1)
    for _ in range(2, min(MOST_CLASSES, rows) + 1):
        ways = np.where(inside, least[:, None] + costs, none)
        froms.append(np.argmin(ways, axis=0))
        least = np.min(ways, axis=0)
        cut, end = [], rows
        for one in reversed(froms):
            end = int(one[end])
            cut.append(end)
        found.append(tuple(reversed(cut)))
    return found


def _bytes_of(numbers: tuple[np.ndarray, ...]) -> int:
    """About what the numbers take: their entropy, and a byte for how often each occurs."""
    total = 0.0
    for own in numbers:
        counts = np.bincount(own)
        total += (
            (int(_weighted_logarithms(counts.sum())) - int(_weighted_logarithms(counts).sum())) / PARTS / 8
        )
        total += 4 + counts.size
    return int(total)
