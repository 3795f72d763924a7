"""What the commands that draw have in common: asked before, computed, drawn, and written together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ratedist.experiments.stopwatch import Stopwatch
from ratedist.experiments.table import Table
from ratedist.files import require_writable, write_together

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURES = ("png", "pdf")
KINDS = (*PICTURES, "csv", "json")


def write_figure(
    out: Path,
    name: str,
    compute: Callable[[], Table],
    draw: Callable[[Table], Figure],
    summary: Callable[[dict[str, Any]], str],
    *,
    inputs: Iterable[str | os.PathLike[str]] = (),
    needs_jax: bool = True,
) -> None:
    """Compute a table, draw it, write both with the record, and say what came out, where, and how long.

    Args:
        out: folder for ``name.png``, ``.pdf``, ``.csv`` and ``.json``, written all or none.
        name: of these files.
        compute: the table; called once it is known that the files can be written.
        draw: the figure of the table. Here the modules that need matplotlib are imported.
        summary: of the table's record, what is printed.
        inputs: files that no result may replace.
        needs_jax: whether JAX is imported, and its double precision switched on, before ``compute``.

    Raises:
        ValueError: files that cannot be written there, and whatever ``compute`` raises.
    """
    require_writable(out, [f"{name}.{kind}" for kind in KINDS], inputs)
    stopwatch = Stopwatch()
    if needs_jax:
        import jax

        jax.config.update("jax_enable_x64", True)
        stopwatch.lap("import of JAX")
    table = compute()
    stopwatch.lap("computing, compilation included" if needs_jax else "computing")

    import ratedist.plotting.style  # noqa: F401 - timed apart

    stopwatch.lap("import of matplotlib")
    files = drawn({name: draw(table)}) | {
        f"{name}.csv": table.csv().encode(),
        f"{name}.json": table.json().encode(),
    }
    write_together({out / file: content for file, content in files.items()})
    stopwatch.lap("drawing and writing")
    print(summary(table.record))
    if note := table.record.get("standard_error_note"):
        print(f"note: {note}")
    print(f"written: {out}/{name}.png, .pdf, .csv, .json")
    print(stopwatch)


def drawn(figures: Mapping[str, Figure]) -> dict[str, bytes]:
    """Each figure as a .png and a .pdf: contents by the names of the files."""
    from ratedist.plotting.style import figure_bytes

    return {
        f"{name}.{kind}": figure_bytes(figure, kind) for name, figure in figures.items() for kind in PICTURES
    }


def with_note(title: str, record: Mapping[str, Any]) -> str:
    """The title of a figure, and below it what a reader must know about its standard errors."""
    return "\n".join(filter(None, (title, record["standard_error_note"])))
