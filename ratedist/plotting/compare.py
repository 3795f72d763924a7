"""All codes on one axis of bits, drawn from the table of ``ratedist.experiments.compare``."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ratedist.plotting.style import Look, house_style

LOOKS = {
    "oracle": Look("oracle (knows w*)", "#009E73", "", "-"),
    "kmeans": Look("K-means", "#D55E00", "o"),
    "hessian_weighted": Look("K-means, Hessian-weighted", "#D55E00", "s", "--"),
    "diameter_regularized": Look("the same, diameter-regularised", "#D55E00", "^", ":"),
    "pruned": Look("pruning, then K-means", "#CC79A7", "P"),
    "entropy_coded": Look("W rounded, entropy-coded", "#0072B2", "v", "--"),
    "entropy_constrained": Look("W, entropy-constrained (knows prior)", "#0072B2", "D"),
    "ridge_coded": Look("best ridge, rounded", "#E69F00", "^"),
    "remote_gaussian": Look("remote coding: shrunk, rounded", "#56B4E9", "v", "--"),
    "remote_prior": Look("remote coding (knows prior)", "#56B4E9", "s"),
    "low_rank": Look("low rank, plain", "#000000", "x", "--"),
    "low_rank_information": Look("low rank, by information", "#000000", "*"),
}
LEVELS = {"erm": ("ERM, real numbers", "--"), "ridge": ("best ridge, real numbers", ":")}
STANDARD_ERRORS = 2
XLABEL = "bits a weight: lengths of codes, of the oracle its information"
# The range of risks of the second panel, in units of ERM's.
REACH = 1.5
# Bits a weight that the first panel shows, and the second.
WIDTHS = (3.2, 6.0)
WRAP = 170


def draw_compare(table: pd.DataFrame, record: Mapping[str, Any], title: str = "") -> Figure:
    """Draw excess risk against bits a weight: the whole range, and what lies near ERM.

    Args:
        table: the frame of :func:`ratedist.experiments.compare.run`. Of each algorithm the points on its
            curve are drawn, from nothing sent at no bits.
        record: the record beside it; its sentence stands below the panels.
        title: a line below the panels, above the sentence.

    Returns:
        The figure; error bars are two standard errors of the paired difference from ERM.
    """
    levels = record["levels"]
    with house_style():
        figure = plt.figure(figsize=(11.5, 6.2))
        whole, near = figure.subplots(1, 2)
        for axes in (whole, near):
            _curves(axes, table, levels["nothing"])
            for name, (label, style) in LEVELS.items():
                axes.axhline(levels[name], label=label, color="black", linestyle=style, linewidth=1.0)
            for rate in record["configuration"]["rates"]:
                axes.axvline(rate, color="black", alpha=0.25, linewidth=0.8, zorder=0)
            axes.set(xlabel=XLABEL, ylabel="excess population risk")
        tops = 1.05 * max(levels["nothing"], levels["erm"]), REACH * levels["erm"]
        for axes, width, top in zip((whole, near), WIDTHS, tops, strict=True):
            # A code may have no excess at all, and its marker is to be seen.
            axes.set(xlim=(0, width), ylim=(-0.02 * top, top))
        whole.set_title("(a) from nothing sent", loc="left")
        near.set_title("(b) near ERM", loc="left")
        handles, labels = near.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=5)
        lines = [*title.splitlines(), *record["sentence"].splitlines()]
        below = "\n".join(textwrap.fill(line, WRAP) for line in lines)
        # Names of files are in it, which are no formulas.
        figure.supxlabel(below, fontsize=8.5, ha="left", x=0.02, parse_math=False)
    return figure


def _curves(axes: Axes, table: pd.DataFrame, nothing: float) -> None:
    for name, look in LOOKS.items():
        rows: Any = table[table["algorithm"] == name]
        if rows.empty:
            continue
        rows = rows.sort_values("bits_per_weight", kind="stable")
        if name == "oracle":
            axes.plot(rows["bits_per_weight"], rows["excess_risk"], label=look.label, color=look.color)
            continue
        rows = rows[rows["on_curve"].astype(bool)]
        bits, risks = rows["bits_per_weight"].tolist(), rows["excess_risk"].tolist()
        errors = (STANDARD_ERRORS * rows["minus_erm_sem"]).tolist()
        axes.errorbar(
            [0.0, *bits], [nothing, *risks], yerr=[0.0, *errors], label=look.label, color=look.color,
            marker=look.marker, linestyle=look.linestyle, markerfacecolor="white", markevery=slice(1, None),
        )  # fmt: skip
