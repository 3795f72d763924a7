"""What became of each tensor of a model, for people to read."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ratedist.container import RdzEntry, Sizes
from ratedist.container.compressed_tensor import MeasuredTensor
from ratedist.container.dtypes import num_bytes
from ratedist.container.names import printable
from ratedist.tensors.limit import Totals
from ratedist.tensors.ratios import Ratios

if TYPE_CHECKING:
    from ratedist.tensors.rank_budget import Ranks

# Columns that a table has where a tensor is factored or pruned: heading, field, format.
OF_FORMS = (("rank", "rank", "{}"), ("zeros", "zeros", "{:.1%}"))
DECIBELS = ("SNR [dB]", "bulk [dB]")
LIMIT = (
    "limit: bits a weight that any code needs at this error if it takes the weights one by one from their "
    "own law; codes that use their order may be below"
)
WEIGHTED_LIMIT = (
    "limits of weighted errors are those of ends that both know the importances h: lower bounds, since a "
    "reader of the file does not"
)
BULK = "bulk: the same for most weights, about their mean; far outliers and mask values are left out"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One tensor: what it is stored as and what that costs, or why it stays as it is.

    Attributes:
        name: of the tensor.
        dtype: safetensors name.
        shape: of the tensor.
        reason: why it stays as it is; ``None`` if it is quantised, and the rest ``None`` if it is not.
        num_clusters: K; the larger one of two factors, and of a pruned tensor without zero.
        stored: bits a weight in the file, codebook and counts included.
        signal_to_noise: ``10·log₁₀(Σhw² / Σh(w − ŵ)²)`` in decibels, ∞ where nothing is lost.
        bulk_signal_to_noise: that of most weights about their mean, far outliers and mask values left out.
        weighted: whether that has importances h, or h = 1.
        sizes: in bits, by what they count.
        rank: of two factors, ``None`` if it has none.
        zeros: part of the weights that is set to zero, ``None`` if it is not pruned.
        data_bytes: in the file; ``None`` if it is not quantised.
        limit: bits a weight that any code of the weights' own law needs at the same error; ``None`` if it is
            not known. See ``ratedist.tensors.limit``.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    reason: str | None = None
    num_clusters: int | None = None
    stored: float | None = None
    signal_to_noise: float | None = None
    bulk_signal_to_noise: float | None = None
    weighted: bool | None = None
    sizes: Sizes | None = None
    rank: int | None = None
    zeros: float | None = None
    data_bytes: int | None = None
    limit: float | None = None

    @property
    def num_weights(self) -> int:
        """d."""
        return math.prod(self.shape)

    @property
    def num_bytes(self) -> int:
        """That its data take in the file."""
        return num_bytes(self.dtype, self.shape) if self.data_bytes is None else self.data_bytes

    @property
    def is_compressed(self) -> bool:
        """Whether it is not as it was."""
        return self.reason is None

    @property
    def gap(self) -> float | None:
        """Bits a weight above the limit."""
        return None if self.limit is None or self.stored is None else self.stored - self.limit

    @classmethod
    def of(cls, name: str, tensor: MeasuredTensor, entry: RdzEntry) -> Outcome:
        """That of a compressed tensor, and what a file says of it."""
        return cls(
            name,
            entry.dtype,
            tensor.shape,
            None,
            tensor.num_clusters,
            8 * entry.num_bytes / tensor.num_weights,
            tensor.signal_to_noise,
            tensor.bulk_signal_to_noise,
            tensor.weighted,
            tensor.sizes,
            entry.rank,
            entry.zeros,
            entry.num_bytes,
            None if math.isnan(tensor.limit) else tensor.limit,
        )


@dataclasses.dataclass(frozen=True)
class QuantizationReport:
    """What became of a model; ``print`` shows a line a tensor.

    Attributes:
        outcomes: of the tensors, in the order of the model.
        num_bytes: of the file.
        max_bytes: that a budget allowed it, or ``None``.
        at_most: names of the tensors to which the budget gave as many clusters as it can give.
        ranks: what a budget for matrices came to, or ``None``.
    """

    outcomes: tuple[Outcome, ...]
    num_bytes: int
    max_bytes: int | None = None
    at_most: tuple[str, ...] = ()
    ranks: Ranks | None = None

    @property
    def ratios(self) -> Ratios:
        """The three compression ratios."""
        sizes = [outcome.sizes for outcome in self.outcomes if outcome.sizes is not None]
        everything = sum(num_bytes(one.dtype, one.shape) for one in self.outcomes)
        return Ratios.of(sizes, self.num_bytes, everything)

    @property
    def totals(self) -> Totals:
        """Where the bytes of the file are, and the limit of all quantised tensors."""
        return Totals.of(self.outcomes, self.num_bytes)

    def __str__(self) -> str:
        forms = columns_of_forms(self.outcomes)
        heads = [heading for heading, _, _ in forms]
        lines = [["tensor", "dtype", "shape", "K", *heads, "bits a weight", "limit", "gap", *DECIBELS]]
        for one in self.outcomes:
            shape = "×".join(map(str, one.shape)) or "()"
            if one.reason is not None:
                lines.append([printable(one.name), one.dtype, shape, f"as it was: {one.reason}"])
                continue
            told = [cell_or_dash(getattr(one, field), form) for _, field, form in forms]
            decibels = [f"{number:z.2f}" for number in (one.signal_to_noise, one.bulk_signal_to_noise)]
            distance = [cell_or_dash(number, "{:.4f}") for number in (one.stored, one.limit, one.gap)]
            numbers = [str(one.num_clusters), *told, *distance, *decibels]
            lines.append([printable(one.name), one.dtype, shape, *numbers])
        columns = len(lines[0])
        widths = [max(len(line[place]) for line in lines if len(line) == columns) for place in range(columns)]
        widths[:3] = [max(len(line[place]) for line in lines) for place in range(3)]
        table = [
            "  ".join(
                cell.ljust(width) if place < 3 or len(line) < columns else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(line, widths, strict=False))
            ).rstrip()
            for line in lines
        ]
        weighted = {one.weighted for one in self.outcomes if one.reason is None}
        kind = "Σhw² / Σh(w − ŵ)², h the importances" if weighted == {True} else "Σw² / Σ(w − ŵ)²"
        parts = "labels, codebook and counts"
        if forms:
            parts += ", of both factors where there is a rank, and the places of zeros"
        table.append(f"SNR: {kind}; bits a weight: {parts}")
        table += [BULK, LIMIT, *([WEIGHTED_LIMIT] if True in weighted else []), str(self.totals)]
        if self.max_bytes is not None:
            table.append(f"budget: {self.num_bytes:,} of {self.max_bytes:,} bytes")
        if self.ranks is not None:
            table.append(
                f"budget: {self.ranks.num_bytes:,} of {self.ranks.max_bytes:,} bytes for the data of "
                f"{len(self.ranks.ranks)} matrices"
            )
        if self.at_most:
            table.append(
                f"{len(self.at_most)} of these tensors have the most clusters that a budget gives, 256: "
                "more bits change nothing there"
            )
        return "\n".join(table)


def columns_of_forms(rows: Iterable[Any]) -> list[tuple[str, str, str]]:
    """Those of ``OF_FORMS`` that any of the rows has something in."""
    rows = list(rows)
    return [one for one in OF_FORMS if any(getattr(row, one[1]) is not None for row in rows)]


def cell_or_dash(value: Any, form: str) -> str:
    """A value in a table, or a dash where there is none."""
    return "–" if value is None else form.format(value)
