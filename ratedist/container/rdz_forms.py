"""How a .rdz file describes tensors of other kinds: two factors, zeros and the rest, a path in a trellis."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from ratedist.codes.axis_classes import MOST_CLASSES
from ratedist.codes.bitstream import MAX_SYMBOLS
from ratedist.container.dtypes import WEIGHT_DTYPES, num_bytes
from ratedist.container.rdz_format import CODERS, COUNT_DTYPES, STORED_CODERS, least_label_bytes
from ratedist.quantizers.trellis.convolutional import PARITY_CHECKS

if TYPE_CHECKING:
    from ratedist.container.rdz_entry import RdzEntry

FACTORED: Final = "factored"
PRUNED: Final = "pruned"
TRELLIS: Final = "trellis"
# Factors are decoded to this, whatever the tensor: it holds the centres of every codebook exactly.
FACTOR_DTYPE = "F32"
# What levels of a trellis can be written in.
LEVEL_DTYPES = WEIGHT_DTYPES
# Numbers of states that there are codes for.
STATES = tuple(PARITY_CHECKS)
# In the place of the coder of a stream without labels.
NO_STREAM = CODERS[0]
# Bytes of a count at most, as of every number.
COUNT_BYTES = 9


@dataclasses.dataclass(frozen=True, slots=True)
class Factors:
    """A tensor that is, as a matrix of shape ``(o, d)``, the product of two quantised ones.

    Attributes:
        left: of shape ``(o, r)``.
        right: of shape ``(r, d)``.
    """

    kind: ClassVar[Literal["factored"]] = FACTORED
    left: RdzEntry
    right: RdzEntry

    @property
    def codes(self) -> tuple[RdzEntry, ...]:
        """The quantised tensors."""
        return self.left, self.right

    @property
    def coders(self) -> frozenset[str]:
        """Besides those of the quantised tensors."""
        return frozenset()

    @property
    def num_clusters(self) -> int:
        """K, the larger one of both factors."""
        return max(code.num_clusters for code in self.codes)

    @property
    def label_bytes(self) -> int:
        """Bytes of coded labels."""
        return self.left.coded_bytes + self.right.coded_bytes

    @property
    def rank(self) -> int:
        """r."""
        return self.right.shape[0]

    def zeros(self, num_weights: int) -> None:
        """Nothing is known of zeros."""
        return

    def num_labels(self, num_weights: int) -> int:
        """Symbols that have to be decoded."""
        return self.left.num_labels + self.right.num_labels

    def part_bytes(self, num_weights: int) -> tuple[int, ...]:
        """Bytes of the parts of both factors, and of the filling behind them.

        The filling makes a byte for every 1024 weights of the tensor, however low its rank.
        """
        parts = (*self.left.part_bytes, *self.right.part_bytes)
        return (*parts, max(least_label_bytes(num_weights) - sum(parts), 0))

    def check(self, name: str, entry: RdzEntry) -> None:
        """Raise ``ValueError`` where these cannot be the factors of a tensor."""
        (o, r), (rank, d) = self.left.shape, self.right.shape
        if o * d != entry.num_weights or r != rank or not 1 <= r <= min(o, d):
            raise ValueError(
                f"{name!r:.60} of shape {entry.shape} is no product of factors of shapes "
                f"{(o, r)} and {(rank, d)}"
            )
        for factor in self.codes:
            if factor.form is not None or factor.dtype != FACTOR_DTYPE:
                raise ValueError(f"the factors of {name!r:.60} are not quantised tensors of {FACTOR_DTYPE}")
            factor.check(name)


@dataclasses.dataclass(frozen=True, slots=True)
class Zeros:
    """A tensor some of whose weights are zero, in row-major order, and the others a quantised tensor.

    Attributes:
        marks_zeros: whether the marks between runs are the zeros, or else the other weights.
        coder: of the runs, "huffman", "packed" or "ans".
        coded_bytes: of the runs.
        longest_run: A, runs of one symbol; the symbols are 0 … A (``ratedist.codes.runs``).
        counts_dtype: of how often each symbol occurs.
        values: the weights that are kept, of shape ``(k,)``.
    """

    kind: ClassVar[Literal["pruned"]] = PRUNED
    marks_zeros: bool
    coder: str
    coded_bytes: int
    longest_run: int
    counts_dtype: str
    values: RdzEntry

    @property
    def codes(self) -> tuple[RdzEntry, ...]:
        """The quantised tensor."""
        return (self.values,)

    @property
    def coders(self) -> frozenset[str]:
        """Besides that of the quantised tensor."""
        return frozenset({self.coder})

    @property
    def num_clusters(self) -> int:
        """K, of the weights that are kept."""
        return self.values.num_clusters

    @property
    def label_bytes(self) -> int:
        """Bytes of coded labels."""
        return self.values.coded_bytes

    @property
    def rank(self) -> None:
        """Nothing is known of a rank."""
        return

    def zeros(self, num_weights: int) -> float:
        """Part of so many weights that is zero."""
        return (num_weights - self.values.num_weights) / num_weights

    def num_marks(self, num_weights: int) -> int:
        """Of the code of the runs."""
        kept = self.values.num_weights
        return num_weights - kept if self.marks_zeros else kept

    def num_labels(self, num_weights: int) -> int:
        """Symbols that have to be decoded, at most."""
        return num_weights + 1 + self.values.num_labels

    def part_bytes(self, num_weights: int) -> tuple[int, ...]:
        """Bytes of runs (one for every 1024 weights at least), their counts, and the parts of the values."""
        runs = max(self.coded_bytes, least_label_bytes(num_weights))
        return (runs, num_bytes(self.counts_dtype, (self.longest_run + 1,)), *self.values.part_bytes)

    def check(self, name: str, entry: RdzEntry) -> None:
        """Raise ``ValueError`` where these cannot be the runs and the values of a tensor."""
        values = self.values
        if (
            len(values.shape) != 1
            or not 0 < values.num_weights < entry.num_weights
            or values.dtype != entry.dtype
            or values.form is not None
            or self.coder not in STORED_CODERS
            or not 1 <= self.longest_run < MAX_SYMBOLS
            or self.counts_dtype not in COUNT_DTYPES
        ):
            raise ValueError(f"runs and values of {name!r:.60} do not belong together")
        values.check(name)


@dataclasses.dataclass(frozen=True, slots=True)
class Trellis:
    """A tensor whose weights are labels of two unions, which the states of a trellis take by turns.

    Attributes:
        num_states: S.
        num_levels: of union 0 and of union 1, which may have none.
        level_dtype: of the levels.
        stream_coders: of the labels of union 0 in class 0, 1, …, then of union 1, "huffman", "packed" or
            "ans". A stream without labels has no bytes.
        stream_bytes: of each stream of labels in code.
        count_bytes: of the numbers that say how often each label occurs.
        class_bytes: of what says which weights are of which class, 0 if there is but one.
    """

    kind: ClassVar[Literal["trellis"]] = TRELLIS
    num_states: int
    num_levels: tuple[int, int]
    level_dtype: str
    stream_coders: tuple[str, ...]
    stream_bytes: tuple[int, ...]
    count_bytes: int
    class_bytes: int = 0

    @property
    def codes(self) -> tuple[RdzEntry, ...]:
        """It is made of no quantised tensors."""
        return ()

    @property
    def coders(self) -> frozenset[str]:
        """Of the streams that have labels."""
        return frozenset(self.stream_coders[: self.num_classes * (1 + (self.num_levels[1] > 0))])

    @property
    def num_classes(self) -> int:
        """G, of the weights; each has counts of its own."""
        return len(self.stream_coders) // 2

    @property
    def num_clusters(self) -> int:
        """K, the levels of both unions."""
        return sum(self.num_levels)

    @property
    def label_bytes(self) -> int:
        """Bytes of coded labels."""
        return sum(self.stream_bytes)

    @property
    def rank(self) -> None:
        """Nothing is known of a rank."""
        return

    def zeros(self, num_weights: int) -> None:
        """Nothing is known of zeros."""
        return

    def num_labels(self, num_weights: int) -> int:
        """Symbols that have to be decoded."""
        return num_weights

    def part_bytes(self, num_weights: int) -> tuple[int, ...]:
        """Bytes of streams, filling (a byte for every 1024 weights), levels, branches, counts, classes."""
        filling = max(least_label_bytes(num_weights) - self.label_bytes, 0)
        levels = num_bytes(self.level_dtype, (self.num_clusters,))
        parts = (*self.stream_bytes, filling, levels, -(-self.num_clusters // 8), self.count_bytes)
        return parts if self.num_classes == 1 else (*parts, self.class_bytes)

    def check(self, name: str, entry: RdzEntry) -> None:
        """Raise ``ValueError`` where these cannot be the streams and levels of a tensor."""
        if self.num_states not in STATES:
            raise ValueError(
                f"{name!r:.60} has a trellis of {self.num_states} states, which is not one of "
                f"{', '.join(map(str, STATES))}"
            )
        first, second = self.num_levels
        if (
            not 1 <= first <= MAX_SYMBOLS
            or not 0 <= second <= MAX_SYMBOLS
            or self.level_dtype not in LEVEL_DTYPES
            or not set(self.stream_coders) <= set(STORED_CODERS)
            or not self._streams_belong()
            or self.num_clusters > entry.num_weights
        ):
            raise ValueError(f"streams, levels and counts of {name!r:.60} do not belong together")

    def _streams_belong(self) -> bool:
        """Whether streams, counts and classes can be those of such levels."""
        G, K = self.num_classes, self.num_clusters
        if not 1 <= G <= MOST_CLASSES or not len(self.stream_bytes) == len(self.stream_coders) == 2 * G:
            return False
        no_union = any(self.stream_bytes[G:]) or set(self.stream_coders[G:]) != {NO_STREAM}
        if self.num_levels[1] == 0 and no_union:
            return False
        if G == 1:
            return self.class_bytes == 0 and K <= self.count_bytes <= COUNT_BYTES * K
        # A class has at least where its counts begin and how many they are.
        return self.class_bytes > 0 and K < self.count_bytes <= COUNT_BYTES * G * (K + 4)
