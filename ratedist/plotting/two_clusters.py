"""What two clusters do, drawn from the table of ``ratedist.experiments.two_clusters``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ratedist.plotting.layout import figure_legend, settle
from ratedist.plotting.style import house_style

BARS = {"erm": ("fifty\nnumbers", "#BBBBBB", ""), "two_clusters": ("two\nnumbers", "#D55E00", "//")}
BIN_WIDTH = 0.1
STANDARD_ERRORS = 2


def draw_two_clusters(table: pd.DataFrame, record: Mapping[str, Any]) -> Figure:
    """Draw one fit with its two centres on the left, and the population risks over all fits on the right.

    Args:
        table: the frame of :func:`ratedist.experiments.two_clusters.run`.
        record: the record beside it.

    Returns:
        The figure; error bars are two standard errors, the numbers beside the bars ± one.
    """
    with house_style():
        figure = plt.figure(figsize=(10.5, 4.6))
        weights, risks = figure.subplots(1, 2, width_ratios=[1.25, 1])
        _weights(weights, table, record["centers"])
        _risks(risks, record["population_risk"], record["configuration"])
        figure_legend(figure, [weights])
        settle(figure)
    return figure


def _weights(axes: Axes, table: pd.DataFrame, centers: list[float]) -> None:
    fitted = table["fitted_weight"].to_numpy()
    reach = BIN_WIDTH * (np.ceil(np.abs(fitted).max() / BIN_WIDTH) + 1)
    edges = np.arange(-reach, reach + BIN_WIDTH / 2, BIN_WIDTH).tolist()
    counts, _, _ = axes.hist(
        fitted, edges, color="#BBBBBB", edgecolor="white", label=f"{len(fitted)} fitted weights"
    )
    top = float(np.max(counts))
    for number, level in enumerate(sorted(table["true_weight"].unique())):
        axes.axvline(level, color="black", linestyle="--", label="_" if number else "their true values")
    axes.plot(
        centers, [top + 0.7] * len(centers), color="#D55E00", marker="v", markersize=13,
        linestyle="none", label="two centres of K-means",
    )  # fmt: skip
    axes.set(ylim=(0, top + 1.5), xlabel="weight", ylabel="how many")
    axes.set_title("One fit")


def _risks(axes: Axes, risks: Mapping[str, Mapping[str, float]], setting: Mapping[str, Any]) -> None:
    for place, (name, (_, color, hatch)) in enumerate(BARS.items()):
        mean, sem = risks[name]["mean"], risks[name]["sem"]
        axes.barh(-place, mean, 0.5, color=color, hatch=hatch, edgecolor="black")
        axes.errorbar(mean, -place, xerr=STANDARD_ERRORS * sem, color="black", capsize=5)
        axes.text(mean + 0.08, -place, f"{mean:.3f} ± {sem:.3f}", va="center")
    axes.axvline(setting["noise_variance"], color="black", linestyle=":")
    axes.text(setting["noise_variance"] + 0.06, -0.5, "the noise alone", va="center")
    axes.set_yticks([-place for place in range(len(BARS))], [label for label, _, _ in BARS.values()])
    axes.set(xlim=(0, 1.6 * max(risk["mean"] for risk in risks.values())), xlabel="squared loss")
    axes.set_title(f"Loss on new data, {setting['num_trials']:,} fits")
    axes.grid(visible=False, axis="y")
