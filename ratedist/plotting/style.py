"""The house style, and figures as bytes."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.figure import Figure

STYLE = Path(__file__).with_name("style.mplstyle")


@dataclasses.dataclass(frozen=True)
class Look:
    """How one algorithm is drawn: colour, marker and dashes tell it apart together."""

    label: str
    color: str
    marker: str = ""
    linestyle: Any = "-"


@contextmanager
def house_style() -> Iterator[None]:
    """Draw inside this context; matplotlib's settings are as before when it ends."""
    with sns.axes_style("ticks"), plt.style.context(STYLE):
        yield


def figure_bytes(figure: Figure, kind: str) -> bytes:
    """The figure as the bytes of a file of ``kind`` ("png" or "pdf"), the same for the same figure."""
    buffer = io.BytesIO()
    # Without a date two runs of one configuration give the same file.
    metadata = {"CreationDate": None} if kind == "pdf" else {"Software": None}
    with plt.style.context(STYLE):
        figure.savefig(buffer, format=kind, metadata=metadata)
    return buffer.getvalue()
