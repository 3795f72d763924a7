"""Risk against rank and against bits, drawn from the table of ``ratedist.experiments.low_rank``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ratedist.plotting.layout import GROUND, label_points, legend_below, level, settle
from ratedist.plotting.style import Look, heading, house_style

PROJECTIONS = {
    "plain": Look("plain SVD", "#D55E00", "o", "--"),
    "noise": Look("weighed by noise", "#CC79A7", "^", "-."),
    "inputs": Look("by inputs", "#56B4E9", "s", "--"),
    "information": Look("by both: information", "#0072B2", "D"),
}
LIMIT = Look("information, the limit", "#000000", "", (0, (1, 1)))
# Ranks of the factors, each with a marker of its own.
MARKERS = "osD^vP*X"
FACTORS = {
    "plain_quantized": Look("plain SVD, factors rounded", "#D55E00", "", "--"),
    "information_quantized": Look("information, factors rounded", "#0072B2", "", "-"),
}
WHOLE = Look("the matrix itself, rounded", "#E69F00", "x")
STANDARD_ERRORS = 2
# The range of risks that is drawn, in units of least squares'.
REACH = 1.35


def draw_low_rank(table: pd.DataFrame, record: Mapping[str, Any], title: str = "") -> Figure:
    """Draw excess risk against rank for each projection, and against the bits of rounded factors.

    Args:
        table: the frame of :func:`ratedist.experiments.low_rank.run`.
        record: the record beside it; its sentence says what is found.
        title: a line above the panels.

    Returns:
        The figure; error bars are two standard errors, in (a) of the difference from least squares. In (b)
        the number beside a curve is the rank of its factors.
    """
    found = record["findings"]
    with house_style():
        figure = plt.figure(figsize=(12.8, 7.2))
        ranks, bits = figure.subplots(1, 2)
        _ranks(ranks, table, found)
        last = _bits(bits, table, found)
        for axes in (ranks, bits):
            level(axes, found["erm"], "least\nsquares", ":")
            axes.set(ylim=(0, REACH * found["erm"]), ylabel="excess population risk")
            legend_below(axes, columns=1 + (axes is ranks))
        ranks.set_title("(a) real numbers; ▼ the true rank", pad=12)
        bits.set_title("(b) in bits; at each curve its rank", pad=12)
        heading(figure, title)
        settle(figure)
        _name_points(ranks, table, found)
        label_points(bits, last)
    return figure


def _rows(table: pd.DataFrame, name: str) -> Any:
    return table[table["projection"] == name]


def _ranks(axes: Axes, table: pd.DataFrame, found: Mapping[str, Any]) -> None:
    for name, look in PROJECTIONS.items():
        rows = _rows(table, name)
        axes.errorbar(
            rows["rank"], rows["excess_risk"], yerr=STANDARD_ERRORS * rows["minus_erm_sem"], label=look.label,
            color=look.color, marker=look.marker, linestyle=look.linestyle, markerfacecolor="white",
        )  # fmt: skip
    limit = _rows(table, "information_asymptotic")
    axes.plot(
        limit["rank"], limit["excess_risk"], color=LIMIT.color, linestyle=LIMIT.linestyle, label=LIMIT.label
    )
    axes.plot(
        [found["true_rank"]], [1.0], "v", color="black", clip_on=False, gid=GROUND,
        transform=axes.get_xaxis_transform(),
    )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("rank")


def _name_points(axes: Axes, table: pd.DataFrame, found: Mapping[str, Any]) -> None:
    """The least risk, and the rank that a threshold chooses."""
    best = found["projections"]["information"]
    color, point = PROJECTIONS["information"].color, (best["best_rank"], best["excess_risk"])
    axes.plot(*point, marker="*", color=color, markersize=17, linestyle="none")
    chosen = _rows(table, "information_threshold")
    axes.plot(
        chosen["rank"], chosen["excess_risk"], marker="x", color="black", linestyle="none", markersize=9,
        markeredgewidth=2,
    )  # fmt: skip
    labels = [(f"minimum: rank {best['best_rank']}, {best['excess_risk']:.3g}", point, color)]
    for _, row in chosen.iterrows():
        labels.append(("× rank by a threshold, mean", (row["rank"], row["excess_risk"]), "black"))
    label_points(axes, labels)


def _bits(axes: Axes, table: pd.DataFrame, found: Mapping[str, Any]) -> list[tuple[str, Any, str]]:
    """The curves against bits; of each curve of factors the rank, the last point and the colour."""
    rows, last = _rows(table, "rounded"), []
    axes.plot(
        rows["bits_per_weight"],
        rows["excess_risk"],
        color=WHOLE.color,
        marker=WHOLE.marker,
        label=WHOLE.label,
    )
    for name, look in FACTORS.items():
        rows = _rows(table, name)
        drawn = set(rows["rank"])
        named = found["true_rank"] if found["true_rank"] in drawn else min(drawn, default=0)
        for place, (rank, own) in enumerate(rows.groupby("rank")):
            own = own.sort_values("bits_per_weight")
            axes.errorbar(
                own["bits_per_weight"], own["excess_risk"], yerr=STANDARD_ERRORS * own["excess_risk_sem"],
                label=look.label if rank == named else "_", color=look.color, linestyle=look.linestyle,
                marker=MARKERS[place % len(MARKERS)], markerfacecolor="white",
                alpha=1.0 if rank == found["true_rank"] else 0.55,
            )  # fmt: skip
            end = own.iloc[-1]
            last.append((f"{rank:.0f}", (end["bits_per_weight"], end["excess_risk"]), look.color))
    axes.set(xlabel="bits a weight of the matrix", xlim=(0, None))
    return last
