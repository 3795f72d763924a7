"""The exact rate-distortion curves and the bounds on them, from the table of their experiment."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from ratedist.plotting.layout import figure_legend, label_points, settle
from ratedist.plotting.style import Look, heading, house_style

LOOKS = {
    "paper": Look("papers' upper bound (24)", "#D55E00", "", ":"),
    "remark2": Look("Remark 2 (27): no lower bound", "#CC79A7", "", "-."),
    "tight": Look("tight upper bound", "#0072B2", "", "--"),
    "envelope": Look("the same, convex envelope", "#56B4E9", "", "-"),
    "exact": Look("exact, certified", "#000000", "o", "-"),
}
ASYMPTOTE = Look("asymptote at high rate", "#777777", "", (0, (5, 1, 1, 1, 1, 1)))


def draw_rate_distortion(table: pd.DataFrame, title: str = "") -> Figure:
    """For each n the curves (top), and by how much each bound exceeds the exact rate (bottom).

    Args:
        table: the frame of :func:`ratedist.experiments.rate_distortion.run`.
        title: a line above the panels.

    Returns:
        The figure; rates in bits for the whole weight vector.
    """
    sizes = sorted(table["n"].unique())
    with house_style():
        figure, panels = plt.subplots(
            2, len(sizes), figsize=(1.2 + 2.9 * len(sizes), 7.2), squeeze=False, sharex="col", sharey="row"
        )
        for n, (curves, excesses) in zip(sizes, panels.T, strict=True):
            rows: Any = table[table["n"] == n]
            for name, look in LOOKS.items():
                _curve(curves, rows[rows["curve"] == name], "rate_bits", "distortion", look, look.label)
                _curve(excesses, rows[rows["curve"] == name], "exact_rate_bits", "excess_bits", look)
            asymptote = rows[rows["curve"] == "asymptote"]
            _curve(curves, asymptote, "rate_bits", "distortion", ASYMPTOTE)
            _curve(excesses, asymptote, "exact_rate_bits", "excess_bits", ASYMPTOTE)
            curves.set_yscale("log")
            excesses.set_yscale("symlog", linthresh=1.0)
            curves.set_title(f"n = {n}")
            excesses.set_xlabel("rate, all weights [bits]")
        for axes in panels[:, 0]:
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        panels[0, 0].yaxis.set_minor_formatter(NullFormatter())
        panels[0, 0].yaxis.set_major_locator(LogLocator())
        panels[0, 0].set_ylabel("distortion")
        panels[1, 0].set_ylabel("rate above exact [bits]")
        figure_legend(figure, panels[0])
        heading(figure, title)
        settle(figure)
        named: Any = table[(table["n"] == sizes[0]) & (table["curve"] == "asymptote")]
        named = named.dropna(subset="excess_bits")
        if not named.empty:
            last = named.sort_values("exact_rate_bits").iloc[-1]
            place = (last["exact_rate_bits"], last["excess_bits"])
            label_points(panels[1, 0], [(ASYMPTOTE.label, place, ASYMPTOTE.color)])
    return figure


def _curve(axes: Axes, rows: Any, x: str, y: str, look: Look, label: str | None = None) -> None:
    axes.plot(
        rows[x], rows[y], label=label, color=look.color, marker=look.marker, linestyle=look.linestyle,
        markersize=4,
    )  # fmt: skip
