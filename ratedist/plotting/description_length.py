"""Description lengths, drawn from the table of ``ratedist.experiments.description_length``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ratedist.plotting.layout import figure_legend, label_points, level, settle
from ratedist.plotting.style import Look, heading, house_style

LOOKS = {
    "remote_own_prior": Look("remote coding, prior of w*", "#CC79A7", "s"),
    "shrunk_uniform": Look("remote coding, Gaussian prior (dotted: its limit)", "#56B4E9", "v"),
    "quantized_ridge": Look("best ridge, rounded", "#0072B2", "^"),
    "ridge_two_part": Look("ridge over λ, two parts", "#E69F00", "x", "-."),
    "ridge_bits_back": Look("ridge over λ, bits back (dotted: white draws)", "#E69F00", "", "-"),
    "oracle": Look("oracle", "#009E73", "", "-"),
    "kmeans": Look("K-means", "#D55E00", "o"),
    "kmeans_coded": Look("K = 2 with its centres", "#D55E00", "D", "none"),
    "remote_gaussian_limit": Look("", "#56B4E9", "", ":"),
    "ridge_white_bits_back": Look("", "#E69F00", "", (0, (1, 1))),
}
# Named beside the curve, at a point in this share of its range, and not in the legend.
NAMED = {"oracle": 0.35, "kmeans": 1.0, "kmeans_coded": 0.0}
# Levels, which no bits belong to: their labels, and their dashes.
LEVELS = {"erm": ("ERM", "--"), "ridge": ("ridge", ":"), "posterior_mean": ("E[w*|W]", (0, (1, 3)))}
# Drawn along λ, since neither bits nor risk rise with it throughout.
OVER_PENALTY = ("ridge_two_part", "ridge_bits_back", "ridge_white_bits_back")
STANDARD_ERRORS = 2
# The range of risks that is drawn, in units of ERM's above the noise.
REACH = 2.4


def draw_description_length(table: pd.DataFrame, record: Mapping[str, Any], title: str = "") -> Figure:
    """Draw bits of one weight against its step, and risk against bits at every scale of the true weights.

    Args:
        table: the frame of :func:`ratedist.experiments.description_length.run`.
        record: the record beside it; its sentence says who wins.
        title: a line above the panels.

    Returns:
        The figure; error bars are two standard errors. Risks above the frame of a panel are not drawn.
    """
    found = record["findings"]
    with house_style():
        figure = plt.figure(figsize=(round(12.8 / 3 * (1 + len(found)), 1), 6.6))
        panels = figure.subplots(1, 1 + len(found))
        _one_weight(panels[0], _named(table, "one_weight"), record["one_weight"])
        for number, (axes, one) in enumerate(zip(panels[1:], found, strict=True)):
            _risks(axes, table[table["scale"] == one["scale"]], one)
            axes.set_title(f"({chr(ord('b') + number)}) {one['label']}", parse_math=False)
        panels[1].set_ylabel("population risk")
        figure_legend(figure, panels[1:])
        heading(figure, title)
        settle(figure)
        _name_one_weight(panels[0], _named(table, "one_weight"), record["one_weight"])
        for axes, one in zip(panels[1:], found, strict=True):
            _name_curves(axes, table[table["scale"] == one["scale"]])
    return figure


def _named(table: pd.DataFrame, name: str) -> Any:
    return table[table["algorithm"] == name]


PARTS = {
    "weight_bits": ("the weight", "--", 0.25),
    "data_bits": ("the data,\nfor rounding", "-.", 0.62),
    "total_bits": ("both", "-", 0.1),
}


def _one_weight(axes: Axes, rows: Any, values: Mapping[str, float]) -> None:
    for column, (_, style, _) in PARTS.items():
        axes.plot(rows["step"], rows[column], color="#0072B2", linestyle=style)
    axes.plot(values["best_step"], values["two_part_bits"], marker="o", color="black", linestyle="none")
    axes.axhline(values["bits_back_bits"], color="#D55E00", linewidth=1.6)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set(xlabel="step δ [standard deviations]", ylabel="bits", ylim=(0, 2.2 * values["two_part_bits"]))
    axes.set_title("(a) bits of one weight")


def _name_one_weight(axes: Axes, rows: Any, values: Mapping[str, float]) -> None:
    best, bits, back = (values[name] for name in ("best_step", "two_part_bits", "bits_back_bits"))
    words = f"bits back, {back:.3f}:\n{values['refund_bits']:.4f} less"
    labels = [(words, (rows["step"].iloc[len(rows) // 20], back), "#D55E00")]
    labels.append((f"best two parts,\n{bits:.3f} bits", (best, bits), "black"))
    for column, (label, _, share) in PARTS.items():
        row = rows.iloc[round(share * (len(rows) - 1))]
        labels.append((label, (row["step"], row[column]), "#0072B2"))
    label_points(axes, labels)


def _name_curves(axes: Axes, rows: Any) -> None:
    top, labels = axes.get_ylim()[1], []
    for name, share in NAMED.items():
        points = _named(rows, name).sort_values("rate_bits", kind="stable")
        points = points[points["population_risk"] < top]
        if not points.empty:
            row = points.iloc[round(share * (len(points) - 1))]
            labels.append((LOOKS[name].label, (row["rate_bits"], row["population_risk"]), LOOKS[name].color))
    label_points(axes, labels)


def _risks(axes: Axes, rows: Any, one: Mapping[str, Any]) -> None:
    for name, look in LOOKS.items():
        points = _named(rows, name).sort_values("parameter", kind="stable")
        if points.empty:
            continue
        if name not in OVER_PENALTY:
            points = points.sort_values("rate_bits", kind="stable")
        errors = {}
        if not points["population_risk_sem"].hasnans:
            errors["yerr"] = STANDARD_ERRORS * points["population_risk_sem"]
        axes.errorbar(
            points["rate_bits"], points["population_risk"], color=look.color,
            label=None if name in NAMED else look.label or None,
            marker=look.marker, linestyle=look.linestyle, markerfacecolor="white", **errors,
        )  # fmt: skip
    posterior = float(_named(rows, "posterior_mean")["population_risk"].iloc[0])
    levels = {"erm": one["erm"], "ridge": one["ridge"]["population_risk"], "posterior_mean": posterior}
    for name, value in levels.items():
        level(axes, value, *LEVELS[name])
    noise = float(_named(rows, "oracle")["population_risk"].min())
    top = noise + REACH * (one["erm"] - noise)
    axes.set(ylim=(noise - 0.06 * (top - noise), top), xlabel="bits of all weights")
    axes.set_xlim(-5, 4.4 * one["d"])
