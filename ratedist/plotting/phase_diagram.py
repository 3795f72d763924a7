"""Where compression helps: one panel a kind of true weights, drawn from the table of a sweep."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from ratedist.plotting.layout import settle
from ratedist.plotting.style import heading, house_style

# Shares of ERM's excess risk; below the first nothing is gained.
SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
# From light to dark, told apart in grey too.
COLORS = ("#EAF3FA", "#B9D6EA", "#7FB2D9", "#3F86BD", "#0B4C8C")
WORSE, UNKNOWN = "#F6E3CF", "#FFFFFF"
HARMS, UNDECIDED = "–", "·"
MOST_COLUMNS = 3
MOST_TICKS = 8
LETTERS = 12


def draw_phase_diagram(table: pd.DataFrame, record: Mapping[str, Any], title: str = "") -> Figure:
    """Draw the best K and what it gains over ERM, over d/n and separation/noise.

    A number is the K of least population risk in half of the trials. The colour is what it takes away of
    ERM's excess risk in the other half. A dash says that ERM is better, a dot that four standard errors do
    not tell.

    Args:
        table: the frame of :func:`ratedist.experiments.sweep.run`, with the columns of the judgement.
        record: the record beside it; its ``panels`` are the columns that tell panels apart.
        title: a line above the panels.

    Returns:
        The figure, one panel a combination of the other axes.
    """
    rows = table[table["chosen"].astype("boolean").fillna(value=False)]
    groups: list[Any] = list(rows.groupby([*record["panels"], "algorithm"], sort=False))
    columns = min(len(groups), MOST_COLUMNS)
    height = -(-len(groups) // columns)
    with house_style():
        figure, panels = plt.subplots(
            height, columns, figsize=(12.8, 1.6 + 4.8 * height), squeeze=False
        )  # fmt: skip
        colors = ListedColormap(COLORS).with_extremes(under=WORSE)
        norm = BoundaryNorm(SHARES, len(COLORS))
        image: Any = None
        for axes, (names, group) in zip(panels.flat, groups, strict=False):
            image = _panel(axes, group, colors, norm)
            axes.set_title(_name(dict(zip([*record["panels"], "algorithm"], names, strict=True)), groups))
        for axes in panels.flat[len(groups) :]:
            axes.set_visible(False)
        for axes in panels[-1]:
            axes.set_xlabel("d / n")
        for axes in panels[:, 0]:
            axes.set_ylabel("separation / noise")
        bar = figure.colorbar(image, ax=panels.ravel().tolist(), extend="min", ticks=SHARES)
        bar.ax.set_yticklabels(["ERM better" if not share else f"{share:.0%}" for share in SHARES])
        bar.set_label("excess risk of ERM taken away")
        heading(
            figure,
            title,
            f"A number is the best K. {HARMS} ERM is better; {UNDECIDED} not told apart by "
            f"{record['errors_ahead']:.3g} standard errors.",
        )
        settle(figure)
    return figure


def _panel(axes: Axes, rows: Any, colors: Any, norm: Any) -> Any:
    """One grid of cells; what is drawn is returned for the bar of colours."""
    # Only pictures of this kind pay for its import.
    import seaborn

    decided = rows["verdict"] != "undecided"
    signs = np.where(decided, np.where(rows["verdict"] == "helps", "K", HARMS), UNDECIDED)
    best = [f"{k:.0f}" if sign == "K" else sign for k, sign in zip(rows["parameter"], signs, strict=True)]
    cells = rows.assign(share=rows["share"].where(decided), label=best)
    shares, labels = (
        cells.pivot(index="separation_to_noise", columns="d_over_n", values=what)
        for what in ("share", "label")
    )
    seaborn.heatmap(
        shares, annot=labels.fillna(""), fmt="", cmap=colors, norm=norm, vmin=SHARES[0], vmax=SHARES[-1],
        cbar=False, linewidths=0.6, linecolor="white", annot_kws={"fontsize": LETTERS}, ax=axes,
    )  # fmt: skip
    # Where nothing is told the cell is white, and seaborn writes there too.
    for (i, j), share in np.ndenumerate(shares.to_numpy()):
        if np.isnan(share):
            axes.text(j + 0.5, i + 0.5, labels.iat[i, j], ha="center", va="center", fontsize=LETTERS)
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set_xticks(*_ticks(shares.columns, "{:.2g}"), rotation=0)
    axes.set_yticks(*_ticks(shares.index, "{:.3g}"), rotation=0)
    axes.set(xlabel="", ylabel="")
    return axes.collections[0]


def _ticks(values: Any, form: str) -> tuple[list[float], list[str]]:
    """Places of the middles of cells, and what stands there: every other one where there are many."""
    step = 1 + len(values) // (MOST_TICKS + 1)
    places = range(0, len(values), step)
    return [place + 0.5 for place in places], [form.format(values[place]) for place in places]


def _name(setting: Mapping[str, Any], groups: list[Any]) -> str:
    """What a panel is about; the algorithm only where there are several."""
    several = len({names[-1] for names, _ in groups}) > 1
    parts = []
    for name, value in setting.items():
        if name == "algorithm":
            if several:
                parts.append(str(value).replace("_", " "))
        elif name == "w_star":
            parts.append(f"w*: {value}")
        else:
            shown = f"{value:g}" if isinstance(value, float) and math.isfinite(value) else str(value)
            parts.append(f"{name.replace('_', ' ')} = {shown}")
    return ", ".join(parts) or "K-means"
