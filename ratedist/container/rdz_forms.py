"""How a .rdz file describes tensors that are made of quantised ones: two factors, or zeros and the rest."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from ratedist.codes.bitstream import MAX_SYMBOLS
from ratedist.container.dtypes import num_bytes
from ratedist.container.rdz_format import COUNT_DTYPES, STORED_CODERS, least_label_bytes

if TYPE_CHECKING:
    from ratedist.container.rdz_entry import RdzEntry

FACTORED: Final = "factored"
PRUNED: Final = "pruned"
# Factors are decoded to this, whatever the tensor: it holds the centres of every codebook exactly.
FACTOR_DTYPE = "F32"


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
