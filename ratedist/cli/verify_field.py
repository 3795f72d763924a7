"""``ratedist verify --field``: a verdict on every published number of a quantiser."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ratedist.experiments.stopwatch import Stopwatch
from ratedist.files import require_writable, write_together

if TYPE_CHECKING:
    from ratedist.claims.field import JudgedNumber

WIDTH = 120


def run_field(out: Path, as_json: bool) -> int:
    """Judge all numbers, write field.csv and field.json, print a table or the JSON; exit status 0."""
    require_writable(out, ["field.csv", "field.json"])
    stopwatch = Stopwatch()
    import pandas as pd
    from tqdm import tqdm

    from ratedist.claims.field import field_row, judge_number
    from ratedist.claims.field_numbers import FIELD
    from ratedist.experiments.table import versions

    stopwatch.lap("import")
    with tqdm(total=len(FIELD), unit="number", disable=not sys.stderr.isatty(), leave=False) as bar:
        judged = []
        for number in FIELD:
            judged.append(judge_number(number))
            bar.update()
    stopwatch.lap("verdicts")
    rows = [field_row(one) for one in judged]
    record = {
        "command": "verify --field",
        "versions": versions(),
        "duration_seconds": stopwatch.seconds,
        "numbers": rows,
    }
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    csv = pd.DataFrame(rows).to_csv(index=False)
    write_together({out / "field.csv": csv.encode(), out / "field.json": text.encode()})
    if as_json:
        print(text, end="")
    else:
        print(field_table(judged))
        print(f"written: {out}/field.csv, .json")
        print(stopwatch)
    return 0


def field_table(judged: Sequence[JudgedNumber]) -> str:
    """A line a number, and under it why."""
    lines = [
        f"{'quantiser':<27}{'source':<10}{'bits':>7} {'error':>11} {'limit':>8} {'gap':>8}  verdict",
        "─" * WIDTH,
    ]
    for one in judged:
        number = one.number
        needed = "" if one.needed is None else f" ({one.needed:.4f})"
        lines.append(
            f"{number.name:<27}{number.source:<10}{number.bits:>7.5g} {number.mse:>11} "
            f"{one.limit:>8.4f} {one.gap:>8.4f}  {one.verdict.value}{needed}"
        )
        lines += textwrap.wrap(
            f"{one.because} [{number.where}]", WIDTH, initial_indent="    ", subsequent_indent="      "
        )
    lines.append("─" * WIDTH)
    lines.append(
        "bits a number of variance 1; limit: R(D) at the largest error that is printed so; "
        "gap: bits spent above it"
    )
    for verdict in dict.fromkeys(one.verdict for one in judged):
        lines.append(f"{sum(one.verdict is verdict for one in judged):>4}  {verdict.value}")
    return "\n".join(lines)
