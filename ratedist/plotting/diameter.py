"""What the diameter regulariser does to the population risk, from the table of ``experiments.diameter``."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from ratedist.plotting.layout import label_points, level, settle, side_legend
from ratedist.plotting.style import heading, house_style

LOOKS: dict[str, dict[str, Any]] = {
    "kmeans": {"label": "K-means, optimal", "color": "#D55E00", "marker": "o", "linestyle": "-"},
    "hessian_weighted": {
        "label": "Hessian-weighted, β = 0", "color": "#0072B2", "marker": "s", "linestyle": "--",
    },
    "diameter_regularized": {
        "label": "DRHW, best β", "color": "#009E73", "marker": "^", "linestyle": "-",
    },
    "shrunken": {
        "label": "Hessian-weighted, shrunk", "color": "#CC79A7", "marker": "D", "linestyle": ":",
    },
}  # fmt: skip
LEVELS = {"erm": ("ERM", "--"), "erm_shrunken": ("ERM, shrunk", ":")}
CLUSTER_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
CLUSTER_MARKERS = "osv^D<>"
STANDARD_ERRORS = 2
# Above zero the lower panels end at this share of their depth below it: a harm has no limit as β grows.
HARM_SHOWN = 0.6


def draw_diameter(table: pd.DataFrame, title: str = "") -> Figure:
    """For each w* the population risk against bits (top), and what β and its control change (bottom).

    Args:
        table: the frame of :func:`ratedist.experiments.diameter.run`.
        title: a line above the panels.

    Returns:
        The figure; error bars are two standard errors, below those of paired differences. Shrinking takes
        the best constant, which knows w*.
    """
    kinds = list(dict.fromkeys(table["w_star"]))
    with house_style():
        figure, panels = plt.subplots(
            2, len(kinds), figsize=(max(12.8, 1.4 + 3.8 * len(kinds)), 7.8), squeeze=False
        )
        for kind, (risks, gains) in zip(kinds, panels.T, strict=True):
            rows: Any = table[table["w_star"] == kind]
            _risks(risks, rows)
            _gains(gains, rows)
            risks.set_title(f"w*: {kind}", parse_math=False)  # a file's name may be in it
            risks.set_xlabel("description length [bits]")
            gains.set_xlabel("diameter penalty β")
        panels[0, 0].set_ylabel("population risk")
        panels[1, 0].set_ylabel("risk minus that at β = 0")
        clusters = sorted(table["num_clusters"].dropna().unique())
        keys = {
            f"K = {K:.0f}": Line2D([], [], color=CLUSTER_COLORS[i % 7], marker=CLUSTER_MARKERS[i % 7])
            for i, K in enumerate(clusters)
        }
        above = dict(zip(*panels[0, 0].get_legend_handles_labels()[::-1], strict=True))
        side_legend(figure, "left", "Above", above, 2)
        below = "Below, same K; solid: DRHW, dotted: centres shrunk"
        side_legend(figure, "right", below, keys, (len(keys) + 1) // 2)
        heading(figure, title)
        settle(figure)
        for kind, axes in zip(kinds, panels[0], strict=True):
            _name_levels(axes, table[table["w_star"] == kind])
    return figure


def _risks(axes: Axes, rows: Any) -> None:
    for algorithm, look in LOOKS.items():
        own = rows[rows["algorithm"] == algorithm]
        best = own.loc[own.groupby("num_clusters")["population_risk"].idxmin()]
        axes.errorbar(
            best["description_length_bits"], best["population_risk"],
            STANDARD_ERRORS * best["population_risk_sem"], markerfacecolor="white", **look,
        )  # fmt: skip
    for algorithm, (_, linestyle) in LEVELS.items():
        level(axes, _value(rows, algorithm), linestyle=linestyle)


def _value(rows: Any, algorithm: str) -> float:
    return rows.loc[rows["algorithm"] == algorithm, "population_risk"].iloc[0]


def _name_levels(axes: Axes, rows: Any) -> None:
    """Names of both levels, in the panel: beside it they would take room from the next."""
    place = sum(axes.get_xlim()) / 2
    label_points(axes, [(label, (place, _value(rows, name)), "black") for name, (label, _) in LEVELS.items()])


def _gains(axes: Axes, rows: Any) -> None:
    lowest = 0.0
    for i, (_, own) in enumerate(rows.groupby("num_clusters")):
        color, marker = CLUSTER_COLORS[i % 7], CLUSTER_MARKERS[i % 7]
        for algorithm, linestyle in (("diameter_regularized", "-"), ("shrunken", ":")):
            line = own[own["algorithm"] == algorithm]
            axes.errorbar(
                line["diameter_penalty"], line["minus_hessian_weighted"],
                STANDARD_ERRORS * line["minus_hessian_weighted_sem"], color=color, linestyle=linestyle,
                marker=marker if linestyle == "-" else "", linewidth=2.0 if linestyle == "-" else 1.4,
            )  # fmt: skip
            lowest = min(lowest, float(line["minus_hessian_weighted"].min()))
    axes.axhline(0.0, color="#000000", linewidth=1.0)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    if lowest < 0:
        axes.set_ylim(1.1 * lowest, -HARM_SHOWN * lowest)
