"""The house style, and figures as bytes."""

from __future__ import annotations

import dataclasses
import io
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

STYLE = Path(__file__).with_name("style.mplstyle")
# Letters of twelve points that fit in an inch of the house's font, with some to spare.
LETTERS_PER_INCH = 10.6
COLORS = 256
# Settings under which a figure without a layout engine keeps none.
NO_LAYOUT: dict[Any, bool] = {"figure.constrained_layout.use": False, "figure.autolayout": False}


@dataclasses.dataclass(frozen=True)
class Look:
    """How one algorithm is drawn: colour, marker and dashes tell it apart together."""

    label: str
    color: str
    marker: str = ""
    linestyle: Any = "-"


@contextmanager
def house_style() -> Iterator[None]:
    """Draw inside this context; matplotlib's settings are as before when it ends.

    A picture is the same whatever they were: what a user has set otherwise is not in it.
    Text has 13 points and more, colours are told apart by colour-blind readers, and the layout leaves room
    for what stands beside the panels. A figure up to 12.8 inches wide can be read on a slide.

    >>> import matplotlib.pyplot as plt
    >>> with house_style():
    ...     figure, panels = plt.subplots(1, 2, figsize=(11, 4.5))
    ...     line = panels[0].plot([0, 1], [1, 0], marker="o", label="a curve")
    ...     legend = figure.legend(loc="outside lower center", ncols=5)
    >>> legend.get_texts()[0].get_fontsize()
    13.0
    """
    with plt.style.context(STYLE, after_reset=True):
        yield


def heading(figure: Figure, *lines: str) -> None:
    """Lines above the panels, wrapped to the width of the figure; names of files are in them, no formulas."""
    width = int(LETTERS_PER_INCH * figure.get_figwidth())
    parts = [part for line in lines for piece in line.splitlines() for part in textwrap.wrap(piece, width)]
    if parts:
        figure.suptitle("\n".join(parts), x=0.008, ha="left", parse_math=False)


def figure_bytes(figure: Figure, kind: str) -> bytes:
    """The figure as the bytes of a file of ``kind`` ("png" or "pdf"), the same for the same figure."""
    buffer = io.BytesIO()
    # A figure whose layout is settled has no engine, and gets none while it is drawn: see ``layout.settle``.
    with house_style(), plt.rc_context(NO_LAYOUT):
        if kind == "pdf":
            # Without a date two runs of one configuration give the same file.
            figure.savefig(buffer, format=kind, metadata={"CreationDate": None})
            return buffer.getvalue()
        dpi = plt.rcParams["savefig.dpi"]
        figure.savefig(buffer, format="rgba")
        width, height = (int(inches * dpi + 1e-6) for inches in figure.get_size_inches())
        # A palette makes a third of the bytes: a figure has few colours.
        picture = Image.frombytes("RGBA", (width, height), buffer.getvalue()).convert("RGB")
        picture, buffer = picture.quantize(COLORS, dither=Image.Dither.NONE), io.BytesIO()
        picture.save(buffer, kind, dpi=(dpi, dpi))
    return buffer.getvalue()


def last_bytes(figure: Figure, kinds: Iterable[str]) -> dict[str, bytes]:
    """The bytes of a file of each kind; the figure is closed, or a program that draws many keeps them all."""
    try:
        return {kind: figure_bytes(figure, kind) for kind in kinds}
    finally:
        plt.close(figure)
