"""What the commands that draw have in common: asked before, computed, drawn, and written together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ratedist.cli.process_options import ALONE, ProcessOptions
from ratedist.experiments.stopwatch import Stopwatch
from ratedist.experiments.table import Table
from ratedist.files import require_target, require_writable, write_together

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURES = ("png", "pdf")
TABLES = ("csv", "json")
KINDS = (*PICTURES, *TABLES)


def write_figure(
    out: Path,
    name: str,
    compute: Callable[[], Table],
    draw: Callable[[Table], Figure] | None,
    summary: Callable[[dict[str, Any]], str],
    *,
    inputs: Iterable[str | os.PathLike[str]] = (),
    needs_jax: bool = True,
    together: ProcessOptions = ALONE,
    checkpoint: Path | None = None,
) -> None:
    """Compute a table, draw it, write both with the record, and say what came out, where, and how long.

    Args:
        out: folder for ``name.png``, ``.pdf``, ``.csv`` and ``.json``, written all or none.
        name: of these files.
        compute: the table; called once it is known that the files can be written.
        draw: the figure of the table. Here the modules that need matplotlib are imported. Without it there
            is no picture, and none is written.
        summary: of the table's record, what is printed.
        inputs: files that no result may replace.
        needs_jax: whether JAX is imported, and its double precision switched on, before ``compute``.
        together: the processes that share the work. All compute, and the first alone draws and writes.
        checkpoint: file in which ``compute`` keeps its state. That of the first process has to be writable.

    Raises:
        ValueError: files that cannot be written there, and whatever ``compute`` raises.
    """
    kinds = KINDS if draw else TABLES
    stopwatch = Stopwatch()
    together.join()

    def require_places() -> None:
        kept = [] if checkpoint is None else [require_target(checkpoint)]
        require_writable(out, [f"{name}.{kind}" for kind in kinds], [*inputs, *kept])

    together.by_first(require_places)
    if needs_jax:
        import jax

        jax.config.update("jax_enable_x64", True)
        stopwatch.lap("import of JAX")
    table = compute()
    stopwatch.lap("computing, compilation included" if needs_jax else "computing")

    def write() -> None:
        files = {f"{name}.csv": table.csv().encode(), f"{name}.json": table.json().encode()}
        if draw is not None:
            import ratedist.plotting.style  # noqa: F401 - timed apart

            stopwatch.lap("import of matplotlib")
            files |= drawn({name: draw(table)})
        write_together({out / file: content for file, content in files.items()})
        stopwatch.lap("drawing and writing")

    if not together.by_first(write):
        return
    print(summary(table.record))
    if note := table.record.get("standard_error_note"):
        print(f"note: {note}")
    print(f"written: {out}/{name}.{', .'.join(kinds)}")
    print(stopwatch)


def drawn(figures: Mapping[str, Figure]) -> dict[str, bytes]:
    """Each figure as a .png and a .pdf: contents by the names of the files. The figures are closed."""
    from ratedist.plotting.style import last_bytes

    return {
        f"{name}.{kind}": content
        for name, figure in figures.items()
        for kind, content in last_bytes(figure, PICTURES).items()
    }


def with_note(title: str, record: Mapping[str, Any]) -> str:
    """The title of a figure, and below it what a reader must know about its standard errors."""
    return "\n".join(filter(None, (title, record["standard_error_note"])))
