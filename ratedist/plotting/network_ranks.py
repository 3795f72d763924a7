"""Networks at low rank, drawn from the table of ``ratedist.experiments.network_ranks``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from ratedist.experiments.network_ranks_config import FLOAT_BITS, WHOLE
from ratedist.plotting.layout import label_points, settle, side_legend
from ratedist.plotting.style import Look, heading, house_style

LOOKS = {
    "plain": Look("plain SVD", "#000000", "o", ":"),
    "fwsvd": Look("FWSVD", "#999999", "v", ":"),
    "asvd": Look("ASVD", "#999999", "^", ":"),
    "svd_llm": Look("SVD-LLM", "#009E73", "s", "--"),
    "kronecker": Look("information divergence", "#999999", "D", "--"),
    "kronecker_calibrated": Look("information, calibrated", "#0072B2", "o", "-"),
    "thresholded": Look("thresholded from the start", "#D55E00", "X", "-"),
    "annealed": Look("thresholded, falling rank", "#CC79A7", "P", "-"),
}
# Thin and behind the others, told apart by markers that the title of the legend names.
GREY = "#999999"
BEHIND = {look.label for look in LOOKS.values() if look.color == GREY}
SHADES = {2: ("#E69F00", "v"), 3: ("#D55E00", "^"), 4: ("#CC79A7", "s"), FLOAT_BITS: ("#0072B2", "o")}
# What the panels about bits show: the projection that needs no training at its rank.
PROJECTED = "kronecker_calibrated"
STANDARD_ERRORS = 2
QUANTITIES = {
    "test_loss": "test loss",
    "calibrated_test_loss": "own temperature",
    "test_error": "images wrong [%]",
}


def draw_network_ranks(table: pd.DataFrame, title: str = "", lines: Sequence[str] = ()) -> Figure:
    """Draw losses and errors against rank, and against the size at every number of bits.

    Columns: zero-shot against rank, after fine-tuning against rank, and the same two against size, where
    factors went through K-means after that. Rows: the loss raw, the loss with a temperature of each network's
    own, and test images that are wrong.

    Args:
        table: the frame of :func:`ratedist.experiments.network_ranks.run`.
        title: a line above the panels.
        lines: sentences below the title.

    Returns:
        The figure; error bars are two standard errors over networks. Levels are networks of full rank.
    """
    frame = table.assign(test_error=100 * (1 - table["test_accuracy"]))
    with house_style():
        figure, panels = plt.subplots(len(QUANTITIES), 4, figsize=(12.8, 8.0), sharey="row", sharex="col")
        for row, (quantity, label) in zip(panels, QUANTITIES.items(), strict=True):
            for place, tuned in enumerate((False, True)):
                part = frame[frame["fine_tuned"] == tuned]
                _against_rank(row[place], part[part["bits"] == FLOAT_BITS], quantity)
                _against_size(row[2 + place], part, quantity)
            row[0].set_ylabel(label)
            row[0].set_yscale("log")
            for axis in (axes.yaxis for axes in row):
                axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
                axis.set_major_formatter(_plain)
                axis.set_minor_locator(NullLocator())
        for axes, name in zip(panels[0], ("zero-shot", "fine-tuned") * 2, strict=True):
            axes.set_title(name)
        for column, label in ((0, "rank of hidden layers"), (2, "size [% of float32]")):
            for axes in panels[-1, column : column + 2]:
                axes.set_xlabel(label)
        _legend(figure, panels[0, :2], "left", "Rank; grey: FWSVD ▾, ASVD ▴, information ◆")
        _legend(figure, panels[0, 2:], "right", "Bits of a factor's entry, by K-means")
        heading(figure, title, *lines)
        settle(figure)
        level: Any = frame[(frame["method"] == WHOLE) & (frame["bits"] == FLOAT_BITS) & frame["fine_tuned"]]
        if not level.empty:
            middle, height = np.median(sorted(set(frame["rank"]) - {0})), level["calibrated_test_loss"].mean()
            label_points(panels[1, 1], [("full rank", (float(middle), float(height)), "black")])
    return figure


def _legend(figure: Figure, panels: Iterable[Axes], side: Literal["left", "right"], title: str) -> None:
    entries: dict[str, Any] = {}
    for axes in panels:
        entries |= dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
    named = {label: entry for label, entry in entries.items() if label not in BEHIND}
    side_legend(figure, side, title, named, 2)


def _against_rank(axes: Axes, rows: Any, quantity: str) -> None:
    for method, look in LOOKS.items():
        points = _means(rows[rows["method"] == method], ["rank"], quantity)
        _curve(axes, points.index, points, look)
    level = rows[rows["method"] == WHOLE][quantity].mean()
    axes.axhline(level, color="black", linewidth=1.3)
    ranks = sorted(set(rows["rank"]) - {0})
    axes.set_xscale("log", base=2)
    if len(ranks) == 1:  # of which Matplotlib makes a range that is lost to rounding
        axes.set_xlim(ranks[0] / 2, 2 * ranks[0])
    axes.set_xticks(ranks, [str(rank) for rank in ranks])
    axes.minorticks_off()


def _against_size(axes: Axes, rows: Any, quantity: str) -> None:
    for bits in sorted(set(rows["bits"])):
        color, marker = SHADES.get(bits, ("#56B4E9", "x"))
        label = "float32" if bits == FLOAT_BITS else f"{bits} bits"
        chosen = rows[(rows["bits"] == bits) & (rows["method"] == PROJECTED)]
        points = _means(chosen, ["rank"], quantity)
        sizes = 100 * chosen.groupby("rank")["ratio"].mean()
        _curve(axes, sizes.loc[points.index], points, Look(label, color, marker, "-"))
    whole = rows[rows["method"] == WHOLE]
    points = _means(whole, ["bits"], quantity)
    sizes = 100 * whole.groupby("bits")["ratio"].mean()
    _curve(axes, sizes.loc[points.index], points, Look("full rank", "black", "*", "--"))
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(_plain)


def _plain(value: float, _: object = None) -> str:
    """A tick as a number, not as a power."""
    return f"{value:g}"


def _means(rows: Any, by: list[str], quantity: str) -> Any:
    """Mean and standard error over networks; what no network has is left out."""
    groups = rows.groupby(by[0])[quantity]
    return pd.DataFrame({"mean": groups.mean(), "sem": groups.sem()}).dropna(subset="mean")


def _curve(axes: Axes, x: Any, points: Any, look: Look) -> None:
    errors = {} if points["sem"].isna().all() else {"yerr": STANDARD_ERRORS * points["sem"].to_numpy()}
    behind = look.label in BEHIND
    axes.errorbar(
        np.asarray(x), points["mean"].to_numpy(), label=look.label, color=look.color,
        marker=look.marker, linestyle=look.linestyle, markerfacecolor="white",
        linewidth=1.2 if behind else 2.0, zorder=1 if behind else 2, **errors,
    )  # fmt: skip
