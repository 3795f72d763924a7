"""``ratedist inspect``: what a .rdz file holds, a line a tensor."""

from __future__ import annotations

import dataclasses
import json as json_format
from pathlib import Path
from typing import Any

import tyro

COLUMNS = (
    ("tensor", "name", "{}"),
    ("dtype", "dtype", "{}"),
    ("shape", "shape", "{}"),
    ("K", "num_clusters", "{}"),
    ("m", "block_length", "{}"),
    ("entropy", "entropy", "{:.4f}"),
    ("Huffman", "huffman", "{:.4f}"),
    ("stored", "stored", "{:.4f}"),
    ("distortion", "distortion", "{:.4g}"),
    ("diameter", "diameter", "{:.4g}"),
    ("of file", "share", "{:.1%}"),
)


@dataclasses.dataclass(frozen=True)
class InspectCommand:
    """List the tensors of a .rdz file: clusters, bits a weight, distortion, diameter, share of the file."""

    file: tyro.conf.Positional[Path]
    """The .rdz file."""
    json: tyro.conf.UseCounterAction[int] = 0
    """Print JSON in place of a table."""

    def run(self) -> None:
        """Verify the file and print."""
        from ratedist.model_files import inspect_file

        rows, ratios = inspect_file(self.file)
        if self.json:
            content = {
                "compression_ratios": dataclasses.asdict(ratios),
                "tensors": [dataclasses.asdict(row) for row in rows],
            }
            print(json_format.dumps(content, indent=2))
        else:
            print(table(rows))
            print("entropy, Huffman and stored (codebook included) are bits a weight")
            print(f"compression ratios: {ratios}")


def table(rows: list[Any]) -> str:
    """Rows under their headings, in columns; a dash where a tensor is stored as it was."""
    lines = [[heading for heading, _, _ in COLUMNS]]
    lines += [[_cell(getattr(row, field), form) for _, field, form in COLUMNS] for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < 3 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def _cell(value: Any, form: str) -> str:
    if isinstance(value, tuple):
        return "×".join(map(str, value)) or "()"
    return "–" if value is None else form.format(value)
