"""Figure 2 of the Entropy article, drawn from the table of ``ratedist.experiments.figure2``."""

from __future__ import annotations

import dataclasses
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ratedist.plotting.style import house_style


@dataclasses.dataclass(frozen=True)
class Look:
    """How one algorithm is drawn: colour, marker and dashes each tell it apart alone."""

    label: str
    color: str
    marker: str = ""
    linestyle: Any = "-"


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
STANDARD_ERRORS = 2
# One cluster is drawn unless its population risk is above this multiple of all others.
FLATTENING = 1.5


def draw_figure2(table: pd.DataFrame, title: str = "") -> Figure:
    """Draw the three panels: generalisation error, distortion and population risk against bits.

    Args:
        table: the frame of :func:`ratedist.experiments.figure2.run`. Points with one cluster are drawn
            unless their risk would flatten everything else; then a line under the title gives it.
        title: a line above the panels.

    Returns:
        The figure; error bars are two standard errors.
    """
    table, remark = _without_flattening(table)
    with house_style():
        figure = plt.figure(figsize=(12.5, 5.0))
        grid = figure.add_gridspec(2, 3, height_ratios=[1, 2.2])
        # The bounds lie a hundred times above what they bound: a logarithmic strip of their own.
        bounds = figure.add_subplot(grid[0, 0])
        generalization = figure.add_subplot(grid[1, 0], sharex=bounds)
        distortion, population = figure.add_subplot(grid[:, 1]), figure.add_subplot(grid[:, 2])
        for name in ("bound_proposition1", "plug_in_proposition1"):
            _points(bounds, table, name, "generalization_error")
        bounds.set_yscale("log")
        bounds.tick_params(labelbottom=False)
        simulated = ("kmeans_optimal", "kmeans_lloyd", "oracle")
        for name in (*simulated, "fixed_codebook"):
            _points(generalization, table, name, "generalization_error")
        for name in simulated:
            _points(distortion, table, name, "distortion")
            _points(population, table, name, "population_risk")
        for name in ("distortion_rate_paper", "distortion_rate_tight"):
            _points(distortion, table, name, "distortion")
        _level(generalization, table, "generalization_error")
        _level(population, table, "population_risk")
        _mark_minimum(population, table)
        bounds.set_title("(a) generalisation error, with bounds above", loc="left")
        distortion.set_title("(b) distortion", loc="left")
        population.set_title("(c) population risk", loc="left")
        for axes in (generalization, distortion, population):
            axes.set_xlabel("rate of the whole weight vector [bits]")
        entries: dict[str, Any] = {}
        for axes in (generalization, distortion, bounds):
            entries |= {
                label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
            }
        figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=5)
        for axes in (bounds, generalization, distortion, population):
            axes.set_ylabel("squared loss")
        if title or remark:
            figure.suptitle("\n".join(filter(None, (title, remark))), fontsize=9)
    return figure


def _rows(table: pd.DataFrame, name: str) -> pd.DataFrame:
    return table.query("algorithm == @name").sort_values("rate_bits", kind="stable")


def _without_flattening(table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The rows to draw, and a remark on those left out: one cluster, where it would flatten the panels."""
    one_cluster: Any = table.query("parameter == 1 and algorithm != 'oracle'")  # whose parameter is α
    others: Any = table.drop(index=one_cluster.index)
    kmeans: Any = one_cluster.query("algorithm in ['kmeans_optimal', 'kmeans_lloyd']")
    risk, distortion = float(kmeans["population_risk"].max()), float(kmeans["distortion"].max())
    if not risk > FLATTENING * float(others["population_risk"].max()):
        return table, ""
    return others, f"K = 1 off scale: distortion {distortion:.1f}, population risk {risk:.1f}"


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
    kmeans = pd.concat([_rows(table, name) for name in ("kmeans_optimal", "kmeans_lloyd")])
    if kmeans.empty:
        return
    best = kmeans.loc[kmeans["population_risk"].idxmin()]
    point = (best["rate_bits"], best["population_risk"])
    axes.plot(*point, marker="o", markersize=11, markerfacecolor="none", color="black", linestyle="none")
    axes.annotate(
        f"minimum: K = {best['parameter']:.0f}, {best['population_risk']:.3f}",
        point, xytext=(10, -3), textcoords="offset points", fontsize=8,
        bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
    )  # fmt: skip
