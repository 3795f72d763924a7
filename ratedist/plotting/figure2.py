"""Figure 2 of the Entropy article, drawn from the table of ``ratedist.experiments.figure2``."""

from __future__ import annotations

import math
import textwrap
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from ratedist.plotting.style import Look, house_style

LOOKS = {
    "oracle": Look("oracle (knows w*)", "#009E73", "s"),
    "kmeans_optimal": Look("K-means, optimal", "#D55E00", "o"),
    "kmeans_lloyd": Look("K-means, Lloyd from a random start", "#CC79A7", "^", "--"),
    "fixed_codebook": Look("fixed codebook (knows the range of w*)", "#56B4E9", "D", "-."),
    "erm": Look("ERM (no compression)", "#000000", "", "--"),
    "bound_proposition1": Look("Proposition 1, fixed codebook (a bound)", "#56B4E9", "v", "-"),
    "plug_in_proposition1": Look("Proposition 1, plug-in C (not a bound)", "#777777", "", (0, (1, 1))),
    "distortion_rate_paper": Look("D(R) ≤, papers (25)", "#0072B2", "", ":"),
    "distortion_rate_tight": Look("D(R) ≤, tight", "#0072B2", "", "-"),
}
KMEANS = ("kmeans_optimal", "kmeans_lloyd")
SIMULATED = (*KMEANS, "oracle")
BOUNDS = ("bound_proposition1", "plug_in_proposition1")
STANDARD_ERRORS = 2
# Few clusters are drawn unless their population risk is above this multiple of all others in the panel.
FLATTENING = 1.5
LINE_LENGTH = 170


def draw_figure2(table: pd.DataFrame, title: str = "") -> Figure:
    """Draw the three panels: generalisation error, distortion and population risk against bits.

    Args:
        table: the frame of :func:`ratedist.experiments.figure2.run`. Points with few clusters are drawn
            unless their risk would flatten everything else; then a line under the title gives it.
        title: a line above the panels.

    Returns:
        The figure; error bars are two standard errors. A line under the title says so where the least
        population risk of K-means is at the largest K of the table.
    """
    at_the_end = _at_largest(table)
    table, off_scale = _without_flattening(table)
    with house_style():
        figure = plt.figure(figsize=(12.5, 5.0))
        grid = figure.add_gridspec(2, 3, height_ratios=[1, 2.2])
        # The bounds lie a hundred times above what they bound: a logarithmic strip of their own. At rate
        # zero they are zero, which is nowhere on it.
        above: Any = table.query("algorithm in @BOUNDS and generalization_error > 0")
        bounds = None if above.empty else figure.add_subplot(grid[0, 0])
        generalization = figure.add_subplot(grid[1 if bounds else slice(None), 0], sharex=bounds)
        distortion, population = figure.add_subplot(grid[:, 1]), figure.add_subplot(grid[:, 2])
        if bounds:
            for name in BOUNDS:
                _points(bounds, above, name, "generalization_error")
            _whole_decades(bounds)
            bounds.tick_params(labelbottom=False)
        for name in (*SIMULATED, "fixed_codebook"):
            _points(generalization, table, name, "generalization_error")
        for name in SIMULATED:
            _points(distortion, table, name, "distortion")
            _points(population, table, name, "population_risk")
        for name in ("distortion_rate_paper", "distortion_rate_tight"):
            _points(distortion, table, name, "distortion")
        _level(generalization, table, "generalization_error")
        _level(population, table, "population_risk")
        _mark_minimum(population, table)
        heading = "(a) generalisation error"
        if bounds:
            bounds.set_title(f"{heading}, with bounds above", loc="left")
        else:
            generalization.set_title(heading, loc="left")
        distortion.set_title("(b) distortion", loc="left")
        population.set_title("(c) population risk", loc="left")
        for axes in (generalization, distortion, population):
            axes.set_xlabel("rate of the whole weight vector [bits]")
        drawn = [axes for axes in (generalization, distortion, bounds, population) if axes]
        entries: dict[str, Any] = {}
        for axes in drawn:
            handles, labels = axes.get_legend_handles_labels()
            entries |= dict(zip(labels, handles, strict=True))
            axes.set_ylabel("squared loss")
        figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=5)
        lines = [*title.splitlines(), "; ".join(filter(None, (off_scale, at_the_end)))]
        if any(lines):
            wrapped = [part for line in lines for part in textwrap.wrap(line, LINE_LENGTH)]
            # Names of files are in it, which are no formulas.
            figure.suptitle("\n".join(wrapped), fontsize=9, parse_math=False)
    return figure


def _rows(table: pd.DataFrame, name: str) -> pd.DataFrame:
    return table.query("algorithm == @name").sort_values("rate_bits", kind="stable")


def _kmeans(table: pd.DataFrame) -> Any:
    return table.query("algorithm in @KMEANS")


def _at_largest(table: pd.DataFrame) -> str:
    """What a reader must know where the risk of K-means is least at the largest K, or nothing."""
    kmeans = _kmeans(table)
    tried = kmeans["parameter"]
    if tried.nunique() < 2 or tried[kmeans["population_risk"].idxmin()] < tried.max():
        return ""
    return f"the least population risk of K-means is at the largest K tried, {tried.max():.0f}"


def _without_flattening(table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The rows to draw, and a remark on those left out: few clusters, where they would flatten the panels."""
    kmeans = _kmeans(table)
    worst = kmeans.groupby("parameter")[["distortion", "population_risk"]].max()
    risks: Any = worst["population_risk"]
    beside = table.query("algorithm in ['oracle', 'erm']")["population_risk"].max()
    few = []
    for K in risks.index[risks.index < kmeans.loc[kmeans["population_risk"].idxmin(), "parameter"]]:
        if not risks[K] > FLATTENING * max(beside, risks[risks.index > K].max()):
            break
        few.append(K)
    if not few:
        return table, ""
    # One level of a codebook says nothing beside it; more are on the scale of panel (a).
    drop = "algorithm in @KMEANS or algorithm == 'plug_in_proposition1'"
    left_out: Any = table.query(f"({drop}) and parameter in @few or algorithm != 'oracle' and parameter == 1")
    ends = [worst.loc[K] for K in dict.fromkeys((few[0], few[-1]))]
    shown = [
        f"{words} {' to '.join(_number(end[column]) for end in ends)}"
        for words, column in (("distortion", "distortion"), ("population risk", "population_risk"))
    ]
    which = " to ".join(f"{K:.0f}" for K in dict.fromkeys((few[0], few[-1])))
    return table.drop(index=left_out.index), f"K = {which} off scale: {', '.join(shown)}"


def _number(value: float) -> str:
    return f"{value:.1f}" if 1 <= value < 1e5 else f"{value:.3g}"


def _whole_decades(axes: Axes) -> None:
    """A logarithmic axis on which at least two powers of ten are seen, and they alone have labels."""
    axes.set_yscale("log")
    low, high = (math.log10(end) for end in axes.get_ylim())
    if math.floor(high) - math.ceil(low) < 1:
        axes.set_ylim(10.0 ** math.floor(low), 10.0 ** math.ceil(high))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _points(axes: Axes, table: pd.DataFrame, name: str, quantity: str) -> None:
    rows = _rows(table, name)
    if rows.empty:
        return
    look = LOOKS[name]
    errors = {}
    if not rows[f"{quantity}_sem"].hasnans:
        errors["yerr"] = STANDARD_ERRORS * rows[f"{quantity}_sem"]
    if not rows["rate_nats_sem"].hasnans:
        bits_per_nat = rows["rate_bits"] / rows["rate_nats"]
        errors["xerr"] = STANDARD_ERRORS * rows["rate_nats_sem"] * bits_per_nat
    axes.errorbar(
        rows["rate_bits"], rows[quantity], label=look.label, color=look.color, marker=look.marker,
        linestyle=look.linestyle, markerfacecolor="white" if look.linestyle != "-" else look.color, **errors,
    )  # fmt: skip


def _level(axes: Axes, table: pd.DataFrame, quantity: str) -> None:
    look = LOOKS["erm"]
    level = _rows(table, "erm")[quantity].iloc[0]
    axes.axhline(level, label=look.label, color=look.color, linestyle=look.linestyle, linewidth=1.0)


def _mark_minimum(axes: Axes, table: pd.DataFrame) -> None:
    kmeans = _kmeans(table)
    if kmeans.empty:
        return
    best = kmeans.loc[kmeans["population_risk"].idxmin()]
    point = (best["rate_bits"], best["population_risk"])
    axes.plot(*point, marker="o", markersize=11, markerfacecolor="none", color="black", linestyle="none")
    place: dict[str, Any] = {"xytext": (10, -3), "textcoords": "offset points"}
    if point[0] > np.mean(axes.get_xlim()):  # right of it there is no room
        place = {"xytext": (0.98, _free_height(axes, table)), "textcoords": "axes fraction"}
        place |= {"ha": "right", "arrowprops": {"arrowstyle": "-", "color": "#777777", "shrinkB": 6}}
    axes.annotate(
        f"minimum: K = {best['parameter']:.0f}, {best['population_risk']:.4g}", point, fontsize=8,
        bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}, **place,
    )  # fmt: skip


def _free_height(axes: Axes, table: pd.DataFrame) -> float:
    """Where a line of text at the right of the panel is farthest from the curves, in shares of it."""
    left, right = axes.get_xlim()
    low, high = axes.get_ylim()
    at = np.linspace(left + 0.6 * (right - left), right, 50)
    curves = [_rows(table, name)[["rate_bits", "population_risk"]].to_numpy() for name in SIMULATED]
    risks = [np.interp(at, *curve.T, left=np.nan, right=np.nan) for curve in curves if len(curve)]
    risks.append(_rows(table, "erm")["population_risk"].to_numpy())
    taken = np.r_[0, 1, (np.concatenate(risks) - low) / (high - low)]
    heights = np.linspace(0.05, 0.95, 19)
    return float(heights[np.nanmin(np.abs(heights[:, None] - taken), axis=1).argmax()])
