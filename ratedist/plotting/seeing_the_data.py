"""What seeing the data is worth, drawn from the table of ``ratedist.experiments.seeing_the_data``."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from ratedist.plotting.layout import settle, side_legend
from ratedist.plotting.style import Look, heading, house_style

CURVES = {
    "given_gram": Look("both sides see the data: lower bound", "#777777", "", ":"),
    "encoder_alone": Look("the encoder alone: upper bound", "#009E73", "", "--"),
    "markov": Look("weights only: exact curve", "#000000", "", "-"),
}
ORACLE = Look("the oracle's channel", "#0072B2", "", "-.")
POINTS = {
    "plain": Look("rounding", "#BBBBBB", "s", ""),
    "feedback": Look("with feedback", "#E69F00", "^", ""),
    "paths": Look("with feedback, many paths", "#D55E00", "o", ""),
    "trellis": Look("with feedback, along a trellis", "#56B4E9", "D", ""),
}
STANDARD_ERRORS = 2


def draw_seeing_the_data(table: pd.DataFrame, title: str = "") -> Figure:
    """Distortion against bits on the left, population risk against bits on the right.

    Args:
        table: the frame of :func:`ratedist.experiments.seeing_the_data.run`.
        title: a line above the panels.

    Returns:
        The figure; rates in bits for the whole weight vector, error bars of two standard errors.
    """
    with house_style():
        figure, (distortions, risks) = plt.subplots(1, 2, figsize=(11.5, 5.9))
        for name, look in CURVES.items():
            _curve(distortions, table[table["kind"] == name], "distortion", look)
        oracle = table[table["kind"] == "oracle"]
        _curve(risks, oracle, "population_risk", ORACLE)
        for name, look in POINTS.items():
            rows = table[table["kind"] == name]
            _points(distortions, rows, "distortion", look, look.label)
            _points(risks, rows, "population_risk", look, f"_{look.label}")
        most = 1.05 * float(table.loc[table["kind"].isin(POINTS), "rate_bits"].max())
        distortions.set_yscale("log")
        distortions.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        distortions.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        distortions.yaxis.set_minor_formatter(NullFormatter())
        for axes, name in ((distortions, "distortion"), (risks, "population risk")):
            axes.set(xlim=(0, most), xlabel="rate, all weights [bits]", ylabel=name)
        handles, labels = distortions.get_legend_handles_labels()
        entries = dict(zip(labels, handles, strict=True))
        bounds = {look.label: entries.pop(look.label) for look in CURVES.values()}
        bounds |= dict(zip(*risks.get_legend_handles_labels()[::-1], strict=True))
        side_legend(figure, "left", "Theory", bounds, 1)
        side_legend(figure, "right", "Codes", entries, 1)
        heading(figure, title)
        settle(figure)
    return figure


def _curve(axes: Axes, rows: Any, quantity: str, look: Look) -> None:
    axes.plot(rows["rate_bits"], rows[quantity], color=look.color, linestyle=look.linestyle, label=look.label)


def _points(axes: Axes, rows: Any, quantity: str, look: Look, label: str) -> None:
    axes.errorbar(
        rows["rate_bits"], rows[quantity], yerr=STANDARD_ERRORS * rows[f"{quantity}_sem"], color=look.color,
        marker=look.marker, linestyle="none", label=label,
    )  # fmt: skip
