"""Risk against rank and against bits, drawn from the table of ``ratedist.experiments.low_rank``."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ratedist.plotting.style import Look, house_style

PROJECTIONS = {
    "plain": Look("plain SVD", "#D55E00", "o", "--"),
    "noise": Look("weighed by the noise", "#CC79A7", "^", "-."),
    "inputs": Look("weighed by the inputs", "#56B4E9", "s", "--"),
    "information": Look("weighed by both: information", "#0072B2", "D"),
}
# Ranks of the factors, each with a marker of its own.
MARKERS = "osD^vP*X"
FACTORS = {
    "plain_quantized": ("plain SVD", "#D55E00", "--"),
    "information_quantized": ("information", "#0072B2", "-"),
}
STANDARD_ERRORS = 2
# The range of risks that is drawn, in units of least squares'.
REACH = 1.35
WRAP = 160


def draw_low_rank(table: pd.DataFrame, record: Mapping[str, Any], title: str = "") -> Figure:
    """Draw excess risk against rank for each projection, and against the bits of rounded factors.

    Args:
        table: the frame of :func:`ratedist.experiments.low_rank.run`.
        record: the record beside it; its sentence stands below the panels.
        title: a line below the panels, above the sentence.

    Returns:
        The figure; error bars are two standard errors, in (a) of the difference from least squares.
    """
    found = record["findings"]
    with house_style():
        figure = plt.figure(figsize=(11.5, 6.4))
        ranks, bits = figure.subplots(1, 2)
        _ranks(ranks, table, found)
        _bits(bits, table, found)
        for axes in (ranks, bits):
            axes.axhline(found["erm"], color="black", linestyle=":", linewidth=1.0, label="least squares")
            axes.set(ylim=(0, REACH * found["erm"]), ylabel="excess population risk")
        ranks.set_title("(a) real numbers", loc="left")
        bits.set_title("(b) in bits", loc="left")
        ranks.legend(loc="lower right")
        bits.legend(loc="lower right", ncols=2)
        lines = [*title.splitlines(), *record["sentence"].splitlines()]
        below = "\n".join(textwrap.fill(line, WRAP) for line in lines)
        # Names of files are in it, which are no formulas.
        figure.supxlabel(below, fontsize=8.5, ha="left", x=0.02, parse_math=False)
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
        limit["rank"],
        limit["excess_risk"],
        color="black",
        linestyle=(0, (1, 1)),
        label="information in the limit, a formula",
    )
    chosen = _rows(table, "information_threshold")
    axes.plot(
        chosen["rank"], chosen["excess_risk"], marker="x", color="black", linestyle="none",
        markersize=7, label="rank by a threshold, in the mean",
    )  # fmt: skip
    best = found["projections"]["information"]
    axes.plot(
        best["best_rank"], best["excess_risk"], marker="*", color="#0072B2", markersize=13, linestyle="none",
        label=f"minimum: rank {best['best_rank']}, {best['excess_risk']:.3g}",
    )  # fmt: skip
    axes.axvline(found["true_rank"], color="black", alpha=0.3, linewidth=1.0, zorder=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("rank")


def _bits(axes: Axes, table: pd.DataFrame, found: Mapping[str, Any]) -> None:
    rows = _rows(table, "rounded")
    axes.plot(
        rows["bits_per_weight"],
        rows["excess_risk"],
        color="#E69F00",
        marker="x",
        label="the matrix itself, rounded",
    )
    for name, (words, color, style) in FACTORS.items():
        rows = _rows(table, name)
        for place, (rank, own) in enumerate(rows.groupby("rank")):
            own = own.sort_values("bits_per_weight")
            axes.errorbar(
                own["bits_per_weight"], own["excess_risk"], yerr=STANDARD_ERRORS * own["excess_risk_sem"],
                label=f"{words}, rank {rank:.0f}", color=color, linestyle=style,
                marker=MARKERS[place % len(MARKERS)], markerfacecolor="white",
                alpha=1.0 if rank == found["true_rank"] else 0.55,
            )  # fmt: skip
    axes.set(xlabel="bits a weight of the matrix", xlim=(0, None))
