"""What became of each tensor of a model, for people to read."""

from __future__ import annotations

import dataclasses

from ratedist.container import QuantizedTensor, RdzEntry, Sizes
from ratedist.container.dtypes import num_bytes
from ratedist.container.names import printable
from ratedist.tensors.ratios import Ratios

COLUMNS = 7
BULK = "bulk: the same for most weights, about their mean; far outliers and mask values are left out"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One tensor: what it is stored as and what that costs, or why it stays as it is.

    Attributes:
        name: of the tensor.
        dtype: safetensors name.
        shape: of the tensor.
        reason: why it stays as it is; ``None`` if it is quantised, and the rest ``None`` if it is not.
        num_clusters: K.
        stored: bits a weight in the file, codebook and counts included.
        signal_to_noise: ``10·log₁₀(Σhw² / Σh(w − ŵ)²)`` in decibels, ∞ where nothing is lost.
        bulk_signal_to_noise: that of most weights about their mean, far outliers and mask values left out.
        weighted: whether that has importances h, or h = 1.
        sizes: in bits, by what they count.
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

    @classmethod
    def of(cls, name: str, tensor: QuantizedTensor, entry: RdzEntry) -> Outcome:
        """That of a quantised tensor, and what a file says of it."""
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
        )


@dataclasses.dataclass(frozen=True)
class QuantizationReport:
    """What became of a model; ``print`` shows a line a tensor.

    Attributes:
        outcomes: of the tensors, in the order of the model.
        num_bytes: of the file.
        max_bytes: that a budget allowed it, or ``None``.
        at_most: names of the tensors to which the budget gave as many clusters as it can give.
    """

    outcomes: tuple[Outcome, ...]
    num_bytes: int
    max_bytes: int | None = None
    at_most: tuple[str, ...] = ()

    @property
    def ratios(self) -> Ratios:
        """The three compression ratios."""
        sizes = [outcome.sizes for outcome in self.outcomes if outcome.sizes is not None]
        everything = sum(num_bytes(one.dtype, one.shape) for one in self.outcomes)
        return Ratios.of(sizes, self.num_bytes, everything)

    def __str__(self) -> str:
        lines = [["tensor", "dtype", "shape", "K", "bits a weight", "SNR [dB]", "bulk [dB]"]]
        for one in self.outcomes:
            shape = "×".join(map(str, one.shape)) or "()"
            if one.reason is not None:
                lines.append([printable(one.name), one.dtype, shape, f"as it was: {one.reason}"])
                continue
            decibels = [f"{number:z.2f}" for number in (one.signal_to_noise, one.bulk_signal_to_noise)]
            numbers = [str(one.num_clusters), f"{one.stored:.4f}", *decibels]
            lines.append([printable(one.name), one.dtype, shape, *numbers])
        widths = [max(len(line[place]) for line in lines if len(line) == COLUMNS) for place in range(COLUMNS)]
        widths[:3] = [max(len(line[place]) for line in lines) for place in range(3)]
        table = [
            "  ".join(
                cell.ljust(width) if place < 3 or len(line) < COLUMNS else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(line, widths, strict=False))
            ).rstrip()
            for line in lines
        ]
        weighted = {one.weighted for one in self.outcomes if one.reason is None}
        kind = "Σhw² / Σh(w − ŵ)², h the importances" if weighted == {True} else "Σw² / Σ(w − ŵ)²"
        table.append(f"SNR: {kind}; bits a weight: labels, codebook and counts")
        table.append(BULK)
        if self.max_bytes is not None:
            table.append(f"budget: {self.num_bytes:,} of {self.max_bytes:,} bytes")
        if self.at_most:
            table.append(
                f"{len(self.at_most)} of these tensors have the most clusters that a budget gives, 256: "
                "more bits change nothing there"
            )
        return "\n".join(table)
