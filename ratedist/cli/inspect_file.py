"""``ratedist inspect``: what a .rdz file holds, a line a tensor."""

from __future__ import annotations

import dataclasses
import json as json_format
import math
from pathlib import Path
from typing import Annotated, Any, ClassVar

import tyro

from ratedist.cli.closing import Closing, Example

Flag = Annotated[tyro.conf.UseCounterAction[int], tyro.conf.arg(help_behavior_hint="")]

COLUMNS = (
    ("tensor", "name", "{}"),
    ("dtype", "dtype", "{}"),
    ("shape", "shape", "{}"),
    ("K", "num_clusters", "{}"),
    ("m", "block_length", "{}"),
    ("entropy", "entropy", "{:.4f}"),
    ("Huffman", "huffman", "{:.4f}"),
    ("stored", "stored", "{:.4f}"),
    ("limit", "limit", "{:.4f}"),
    ("gap", "gap", "{:.4f}"),
    ("distortion", "distortion", "{:.4g}"),
    ("weighted", "weighted", "{}"),
    ("SNR [dB]", "signal_to_noise", "{:z.2f}"),
    ("bulk [dB]", "bulk_signal_to_noise", "{:z.2f}"),
    ("diameter", "diameter", "{:.4g}"),
    ("of file", "share", "{:.1%}"),
)


@dataclasses.dataclass(frozen=True)
class InspectCommand:
    """List the tensors of a .rdz file: clusters, bits a weight, distortion, diameter, share of the file.

    The rank of factored tensors and the part of zeros of pruned ones are shown where there are any."""

    closing: ClassVar = Closing(
        "Seconds for a hundred million weights; everything in the file is checked.",
        (
            Example("A line a tensor", "ratedist inspect model.rdz"),
            Example("The same for a program", "ratedist inspect model.rdz --json"),
        ),
    )

    file: tyro.conf.Positional[Path]
    """The .rdz file."""
    json: Flag = 0
    """Print JSON in place of a table."""
    diameter: Flag = 0
    """Compute the diameter of every codebook. Without this it is left out in one case: blocks of three
    weights or more, over 4,096 centres, and more than 2,048 comparisons for each."""

    def run(self) -> None:
        """Verify the file and print."""
        from ratedist.tensors.inspection import COMPARISONS, inspect_file
        from ratedist.tensors.limit import Totals
        from ratedist.tensors.report import BULK, LIMIT, WEIGHTED_LIMIT

        rows, ratios = inspect_file(self.file, math.inf if self.diameter else COMPARISONS)
        totals = Totals.of(rows, self.file.stat().st_size)
        if self.json:
            content = {
                "totals": dataclasses.asdict(totals) | {"bits": totals.bits, "gap": totals.gap},
                "compression_ratios": dataclasses.asdict(ratios),
                "tensors": [dataclasses.asdict(row) for row in rows],
            }
            print(json_format.dumps(content, indent=2, allow_nan=False))
        else:
            print(table(rows))
            print("entropy, Huffman and stored (codebook and counts included) are bits a weight")
            print("distortion: Σh(w − ŵ)²/d, with importances h where weighted, else h = 1")
            print("SNR: Σhw² over Σh(w − ŵ)²")
            print(BULK)
            print(f"{LIMIT}; gap: stored less limit")
            if any(row.weighted for row in rows):
                print(WEIGHTED_LIMIT)
            print(totals)
            print(f"size: {self.file.stat().st_size:,} bytes, reconstructed {decoded_bytes(rows):,}")
            print(ratios)


def table(rows: list[Any]) -> str:
    """Rows under their headings, in columns; a dash where a tensor is stored as it was."""
    from ratedist.tensors.report import columns_of_forms

    columns = [*COLUMNS[:5], *columns_of_forms(rows), *COLUMNS[5:]]
    lines = [[heading for heading, _, _ in columns]]
    lines += [[_cell(getattr(row, field), form) for _, field, form in columns] for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(columns))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < 3 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def decoded_bytes(rows: list[Any]) -> int:
    """Bytes of all tensors, reconstructed."""
    from ratedist.container.dtypes import num_bytes

    return sum(num_bytes(row.dtype, row.shape) for row in rows)


def _cell(value: Any, form: str) -> str:
    from ratedist.container.names import printable

    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, tuple):
        return "×".join(map(str, value)) or "()"
    return "–" if value is None else form.format(value)
