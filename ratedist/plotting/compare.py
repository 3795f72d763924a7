"""All codes on one axis of bits, drawn from the table of ``ratedist.experiments.compare``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ratedist.plotting.layout import GROUND, legend_below, level, settle
from ratedist.plotting.style import Look, heading, house_style

LOOKS = {
    "oracle": Look("oracle (knows w*)", "#009E73", "", "-"),
    "kmeans": Look("K-means", "#D55E00", "o"),
    "hessian_weighted": Look("Hessian-weighted", "#0072B2", "s", "--"),
    "diameter_regularized": Look("with diameter penalty", "#000000", "^", ":"),
    "pruned": Look("pruning, then K-means", "#CC79A7", "P"),
    "entropy_coded": Look("W itself", "#0072B2", "v", "--"),
    "ridge_coded": Look("best ridge", "#E69F00", "^"),
    "remote_gaussian": Look("shrunk: remote coding", "#56B4E9", "s", "-."),
    "entropy_constrained": Look("W, entropy-constrained", "#0072B2", "D"),
    "remote_prior": Look("remote coding", "#D55E00", "s", "--"),
    "low_rank": Look("plain SVD", "#000000", "x", "--"),
    "low_rank_information": Look("by information", "#0072B2", "*"),
}
# A column of panels each; the codes of the others are grey there.
FAMILIES = {
    "K-means and its kin": ("kmeans", "hessian_weighted", "diameter_regularized", "pruned"),
    "rounded, entropy-coded": ("entropy_coded", "ridge_coded", "remote_gaussian"),
    "with the prior of w*": ("entropy_constrained", "remote_prior", "oracle"),
    "factors of low rank": ("low_rank", "low_rank_information"),
}
LEVELS = {"erm": ("ERM", "--"), "ridge": ("ridge", ":")}
STANDARD_ERRORS = 2
# The range of risks of the lower panels, in units of ERM's.
REACH = 1.5
# Bits a weight that the upper panels show, and the lower.
WIDTHS = (3.2, 6.0)


def draw_compare(table: pd.DataFrame, record: Mapping[str, Any], title: str = "") -> Figure:
    """Draw excess risk against bits a weight: the whole range above, and what lies near ERM below.

    A column is a family of codes, those of the other families are grey in it. Triangles at the top are the
    rates that the record's sentence is about.

    Args:
        table: the frame of :func:`ratedist.experiments.compare.run`. Of each algorithm the points on its
            curve are drawn, from nothing sent at no bits.
        record: the record beside it; its sentence says who wins.
        title: a line above the panels.

    Returns:
        The figure; error bars are two standard errors of the paired difference from ERM.
    """
    levels, there = record["levels"], set(table["algorithm"])
    families = {name: codes for name, codes in FAMILIES.items() if there & set(codes)}
    tops = 1.05 * max(levels["nothing"], levels["erm"]), REACH * levels["erm"]
    with house_style():
        figure, panels = plt.subplots(2, len(families), figsize=(12.8, 7.6), sharey="row", squeeze=False)
        for (name, codes), column in zip(families.items(), panels.T, strict=True):
            last = column[0] is panels[0, -1]
            for axes, width, top in zip(column, WIDTHS, tops, strict=True):
                for code in LOOKS:
                    _curve(axes, table[table["algorithm"] == code], levels["nothing"], code, code in codes)
                for key, (label, style) in LEVELS.items():
                    level(axes, levels[key], label if last else "", style)
                # A code may have no excess at all, and its marker is to be seen.
                axes.set(xlim=(0, width), ylim=(-0.02 * top, top))
            rates = record["configuration"]["rates"]
            column[0].plot(
                rates, [1.0] * len(rates), "v", color="black", clip_on=False, gid=GROUND,
                transform=column[0].get_xaxis_transform(),
            )  # fmt: skip
            column[0].set_title(name, pad=12)
            column[1].set_xlabel("bits a weight")
            legend_below(column[1])
        panels[0, 0].set_ylabel("excess risk")
        panels[1, 0].set_ylabel("near ERM")
        heading(figure, title, "▼ rates at which winners are named; of the oracle the bits are information")
        settle(figure)
    return figure


def _curve(axes: Axes, rows: Any, nothing: float, code: str, own: bool) -> None:
    if rows.empty:
        return
    look, exact = LOOKS[code], code == "oracle"
    rows = rows.sort_values("bits_per_weight", kind="stable")
    if not exact:
        rows = rows[rows["on_curve"].astype(bool)]
    bits, risks = rows["bits_per_weight"].tolist(), rows["excess_risk"].tolist()
    if not exact:
        bits, risks = [0.0, *bits], [nothing, *risks]
    if not own:
        axes.plot(bits, risks, color="#BBBBBB", linewidth=1.0, zorder=1)
        return
    errors = None if exact else [0.0, *(STANDARD_ERRORS * rows["minus_erm_sem"]).tolist()]
    axes.errorbar(
        bits, risks, yerr=errors, label=look.label, color=look.color, marker=look.marker,
        linestyle=look.linestyle, markerfacecolor="white", markevery=slice(1, None),
    )  # fmt: skip
