"""Figure 2 of the Entropy article, drawn from the table of ``ratedist.experiments.figure2``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from ratedist.plotting.layout import GROUND, figure_legend, label_points, level, settle
from ratedist.plotting.style import Look, heading, house_style

LOOKS = {
    "oracle": Look("oracle (knows w*)", "#009E73", "s"),
    "kmeans_optimal": Look("K-means, optimal", "#D55E00", "o"),
    "kmeans_lloyd": Look("K-means, Lloyd, random start", "#CC79A7", "^", "--"),
    "fixed_codebook": Look("fixed codebook (knows range of w*)", "#56B4E9", "D", "-."),
    "bound_proposition1": Look("Proposition 1: a bound\non the fixed codebook", "#0072B2", "v", "-"),
    "plug_in_proposition1": Look("plug-in of K-means:\nnot a bound", "#777777", "", (0, (1, 1))),
    "distortion_rate_paper": Look("D(R) ≤, papers (25)", "#0072B2", "", ":"),
    "distortion_rate_tight": Look("D(R) ≤, tight", "#000000", "", "-"),
}
PANELS = {
    "generalization_error": "(a) generalisation error",
    "distortion": "(b) distortion",
    "population_risk": "(c) population risk",
}
KMEANS = ("kmeans_optimal", "kmeans_lloyd")
SIMULATED = (*KMEANS, "oracle", "fixed_codebook")
BOUNDS = ("bound_proposition1", "plug_in_proposition1")
# Which point of a curve its label belongs to, in shares of the number of its points.
CURVES = {"distortion_rate_paper": 0.1, "distortion_rate_tight": 0.3}
STANDARD_ERRORS = 2
# Few clusters are drawn unless their population risk is above this multiple of all others in the panel.
FLATTENING = 1.5
# Bounds above this multiple of what they bound are on a logarithmic part of the axis.
FAR = 1.5
# The part of that axis that is not logarithmic, measured by the other.
LINEAR_PART = 1.6


def draw_figure2(table: pd.DataFrame, title: str = "") -> Figure:
    """Draw the three panels: generalisation error, distortion and population risk against bits.

    Bounds are in panel (a) with what they bound. Where they are far above it, the upper part of its axis,
    shaded, is logarithmic. A bound of zero, at rate zero, is not drawn.

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
    above: Any = table[table["algorithm"].isin(BOUNDS) & (table["generalization_error"] > 0)]
    with house_style():
        figure = plt.figure(figsize=(12.8, 6.4))
        panels = dict(zip(PANELS, figure.subplots(1, 3), strict=True))
        for (quantity, name), axes in zip(PANELS.items(), panels.values(), strict=True):
            for algorithm in SIMULATED:
                _points(axes, table, algorithm, quantity)
            axes.set_title(name)
            axes.set_xlabel("rate of all weights [bits]")
        erm: Any = _rows(table, "erm").iloc[0]
        for quantity in ("generalization_error", "population_risk"):
            level(panels[quantity], erm[quantity], "ERM")
        figure_legend(figure, list(panels.values()))
        generalization, distortion, population = panels.values()
        for algorithm in BOUNDS:
            _points(generalization, above, algorithm, "generalization_error")
        for algorithm in CURVES:
            _points(distortion, table, algorithm, "distortion")
        generalization.set_ylabel("squared loss")
        if not above.empty:
            _two_scales(generalization, table, float(above["generalization_error"].max()))
        heading(figure, title, "; ".join(filter(None, (off_scale, at_the_end))))
        settle(figure)
        _name(generalization, above, dict.fromkeys(BOUNDS, 0.6), "generalization_error")
        _name(distortion, table, CURVES, "distortion")
        _mark_minimum(population, table)
    return figure


def _rows(table: pd.DataFrame, name: str) -> pd.DataFrame:
    rows: Any = table[table["algorithm"] == name]
    return rows.sort_values("rate_bits", kind="stable")


def _kmeans(table: pd.DataFrame) -> Any:
    return table[table["algorithm"].isin(KMEANS)]


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
        return _without_far_codebooks(table, [])
    # One level of a codebook says nothing beside it.
    drop = "algorithm in @KMEANS or algorithm == 'plug_in_proposition1'"
    left_out: Any = table.query(f"({drop}) and parameter in @few or algorithm != 'oracle' and parameter == 1")
    ends = [worst.loc[K] for K in dict.fromkeys((few[0], few[-1]))]
    shown = [
        f"{words} {' to '.join(_number(end[column]) for end in ends)}"
        for words, column in (("distortion", "distortion"), ("population risk", "population_risk"))
    ]
    which = " to ".join(f"{K:.0f}" for K in dict.fromkeys((few[0], few[-1])))
    remark = f"K = {which} off scale: {', '.join(shown)}"
    return _without_far_codebooks(table.drop(index=left_out.index), [remark])


def _without_far_codebooks(table: pd.DataFrame, remarks: list[str]) -> tuple[pd.DataFrame, str]:
    """The rows without fixed codebooks that would flatten a panel; they are in all panels or in none."""
    codebooks: Any = table.query("algorithm == 'fixed_codebook'")
    others = table.drop(index=codebooks.index)
    far = np.zeros(len(codebooks), dtype=bool)
    for quantity in ("distortion", "population_risk"):
        far |= (codebooks[quantity] > FLATTENING * others[quantity].max()).to_numpy()
    which = ", ".join(f"{K:.0f}" for K in codebooks["parameter"][far])
    if far.any():
        remarks = [*remarks, f"fixed codebook off scale at K = {which}"]
    return table.drop(index=codebooks.index[far]), "; ".join(remarks)


def _number(value: float) -> str:
    return f"{value:.1f}" if 1 <= value < 1e5 else f"{value:.3g}"


def _two_scales(axes: Axes, table: pd.DataFrame, highest: float) -> None:
    """Linear up to what is bounded; above, shaded, logarithmic if the bounds are far above that."""
    rows: Any = table.query("algorithm in @SIMULATED or algorithm == 'erm'")
    top = float(rows["generalization_error"].max())
    if not (np.isfinite(highest) and 0 < FAR * top < highest):
        return
    ticks = MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(0.0, 1.1 * top)
    border, low = float(ticks[-1]), min(0.0, float(rows["generalization_error"].min()))
    decades = float(np.log10(highest / border)) + 0.3
    axes.set_yscale("symlog", linthresh=border, linscale=0.9 * LINEAR_PART * max(decades, 0.5))
    powers = 10.0 ** np.arange(np.ceil(np.log10(border)), np.log10(highest) + 1)
    axes.set_yticks([tick for tick in (*ticks, *powers) if tick >= low])
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(low - 0.04 * border, 2.0 * highest)
    axes.axhspan(border, 2.0 * highest, color="black", alpha=0.06, linewidth=0, zorder=0, gid=GROUND)
    axes.set_ylabel("squared loss (shaded: logarithmic)")


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


def _name(axes: Axes, table: pd.DataFrame, curves: Mapping[str, float], quantity: str) -> None:
    """Labels of curves, each beside one of its points."""
    labels = []
    for name, share in curves.items():
        rows = _rows(table, name)
        if not rows.empty:
            place = rows.iloc[round(share * (len(rows) - 1))]
            labels.append((LOOKS[name].label, (place["rate_bits"], place[quantity]), LOOKS[name].color))
    label_points(axes, labels)


def _mark_minimum(axes: Axes, table: pd.DataFrame) -> None:
    kmeans = _kmeans(table)
    if kmeans.empty:
        return
    best = kmeans.loc[kmeans["population_risk"].idxmin()]
    point = (best["rate_bits"], best["population_risk"])
    axes.plot(*point, marker="o", markersize=14, markerfacecolor="none", color="black", linestyle="none")
    words = f"minimum: K = {best['parameter']:.0f}, {best['population_risk']:.4g}"
    label_points(axes, [(words, point, LOOKS[best["algorithm"]].color)])
