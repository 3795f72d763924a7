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
DARK = 3  # of the colours, from here on with white letters


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
            height, columns, figsize=(12.8, 1.6 + 4.8 * height), squeeze=False, sharex=True
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
    across, up = (np.unique(rows[name]) for name in ("d_over_n", "separation_to_noise"))
    shares = np.full((len(up), len(across)), np.nan)
    axes.set_yscale("log")
    axes.grid(visible=False)
    for row in rows.to_dict("records"):
        i, j = np.searchsorted(up, row["separation_to_noise"]), np.searchsorted(across, row["d_over_n"])
        decided = row["verdict"] != "undecided"
        shares[i, j] = row["share"] if decided else np.nan
        text = f"{row['parameter']:.0f}" if row["verdict"] == "helps" else HARMS if decided else UNDECIDED
        dark = decided and row["share"] >= SHARES[DARK]
        axes.text(
            row["d_over_n"], row["separation_to_noise"], text, ha="center", va="center", fontsize=12,
            color="white" if dark else "black",
        )  # fmt: skip
    edges = _edges(across), np.exp(_edges(np.log(up)))
    image = axes.pcolormesh(
        *edges,
        np.ma.masked_invalid(shares),
        cmap=colors,
        norm=norm,
        zorder=0,
        edgecolor="white",
        linewidth=0.6,
    )
    axes.set(xlim=edges[0][[0, -1]], ylim=edges[1][[0, -1]])
    shown = [value for value in (2.0**k for k in range(-20, 21)) if edges[1][0] <= value <= edges[1][-1]]
    axes.set_yticks(shown or up, [f"{value:g}" for value in (shown or up)], minor=False)
    axes.minorticks_off()
    return image


def _edges(centers: np.ndarray) -> np.ndarray:
    """Borders of cells about the values, halfway between neighbours."""
    if len(centers) == 1:
        return centers[0] + np.array([-0.5, 0.5])
    middles = (centers[1:] + centers[:-1]) / 2
    return np.array([2 * centers[0] - middles[0], *middles, 2 * centers[-1] - middles[-1]])


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
