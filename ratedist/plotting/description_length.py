"""Description lengths, drawn from the table of ``ratedist.experiments.description_length``."""

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
    "kmeans": Look("K-means, labels alone", "#D55E00", "o"),
    "kmeans_coded": Look("K = 2 with its centres", "#D55E00", "D", "none"),
    "remote_own_prior": Look("remote coding, prior of w*", "#CC79A7", "s"),
    "shrunk_uniform": Look("remote coding, Gaussian prior", "#56B4E9", "v"),
    "remote_gaussian_limit": Look("its limit, were all Gaussian", "#56B4E9", "", ":"),
    "quantized_ridge": Look("best ridge, rounded", "#0072B2", "^"),
    "ridge_two_part": Look("ridge over λ, two parts", "#E69F00", "x", "-."),
    "ridge_bits_back": Look("ridge over λ, bits back of its posterior", "#E69F00", "", "-"),
    "ridge_white_bits_back": Look("the same, white draws", "#E69F00", "", (0, (1, 1))),
}
# Levels, which no bits belong to: their labels, and their dashes.
LEVELS = {
    "erm": ("ERM", "--"),
    "ridge": ("best ridge, real numbers", ":"),
    "posterior_mean": ("E[w*|W], real numbers", (0, (1, 3))),
}
# Drawn along λ, since neither bits nor risk rise with it throughout.
OVER_PENALTY = ("ridge_two_part", "ridge_bits_back", "ridge_white_bits_back")
STANDARD_ERRORS = 2
# The range of risks that is drawn, in units of ERM's above the noise.
REACH = 2.4
WRAP = 185


def draw_description_length(table: pd.DataFrame, record: Mapping[str, Any], title: str = "") -> Figure:
    """Draw bits of one weight against its step, and risk against bits at every scale of the true weights.

    Args:
        table: the frame of :func:`ratedist.experiments.description_length.run`.
        record: the record beside it; its sentence stands below the panels.
        title: a line below the panels, above the sentence.

    Returns:
        The figure; error bars are two standard errors. Risks above the frame of a panel are not drawn.
    """
    found = record["findings"]
    with house_style():
        figure = plt.figure(figsize=(4.2 * (1 + len(found)), 5.6))
        panels = figure.subplots(1, 1 + len(found))
        _one_weight(panels[0], _rows(table, "one_weight"), record["one_weight"])
        for number, (axes, one) in enumerate(zip(panels[1:], found, strict=True)):
            _risks(axes, table[table["scale"] == one["scale"]], one)
            axes.set_title(f"({chr(ord('b') + number)}) {one['label']}", loc="left")
        entries: dict[str, Any] = {}
        for axes in panels[1:]:
            entries |= dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
        figure.legend(entries.values(), entries.keys(), loc="outside upper center", ncols=5)
        lines = [*filter(None, [title]), *record["sentence"].splitlines()]
        below = "\n".join(textwrap.fill(line, WRAP) for line in lines)
        figure.supxlabel(below, fontsize=8.5, ha="left", x=0.02)
    return figure


def _rows(table: pd.DataFrame, name: str) -> Any:
    return table[table["algorithm"] == name]


def _one_weight(axes: Axes, rows: Any, values: Mapping[str, float]) -> None:
    for column, label, style in (
        ("weight_bits", "the weight", "--"),
        ("data_bits", "the data, for rounding", "-."),
        ("total_bits", "both", "-"),
    ):
        axes.plot(rows["step"], rows[column], label=label, color="#0072B2", linestyle=style)
    best, bits, back = (values[name] for name in ("best_step", "two_part_bits", "bits_back_bits"))
    axes.plot(
        best, bits, marker="o", color="black", linestyle="none", label=f"best two parts, {bits:.3f} bits"
    )
    axes.axhline(
        back, color="#E69F00", label=f"bits back, {back:.3f}: {values['refund_bits']:.4f} less", linewidth=1.2
    )
    axes.set_xscale("log")
    axes.set(xlabel="step δ, in standard deviations of the prior", ylabel="bits", ylim=(0, 2.2 * bits))
    axes.set_title("(a) bits of one weight", loc="left")
    axes.legend(loc="upper center")


def _risks(axes: Axes, rows: Any, one: Mapping[str, Any]) -> None:
    for name, look in LOOKS.items():
        points = _rows(rows, name).sort_values("parameter", kind="stable")
        if points.empty:
            continue
        if name not in OVER_PENALTY:
            points = points.sort_values("rate_bits", kind="stable")
        errors = {}
        if not points["population_risk_sem"].hasnans:
            errors["yerr"] = STANDARD_ERRORS * points["population_risk_sem"]
        axes.errorbar(
            points["rate_bits"], points["population_risk"], label=look.label, color=look.color,
            marker=look.marker, linestyle=look.linestyle, markerfacecolor="white", **errors,
        )  # fmt: skip
    posterior = float(_rows(rows, "posterior_mean")["population_risk"].iloc[0])
    levels = {"erm": one["erm"], "ridge": one["ridge"]["population_risk"], "posterior_mean": posterior}
    for name, level in levels.items():
        label, style = LEVELS[name]
        axes.axhline(level, label=label, color="black", linestyle=style, linewidth=1.0)
    noise = float(_rows(rows, "oracle")["population_risk"].min())
    top = noise + REACH * (one["erm"] - noise)
    axes.set(ylim=(noise - 0.06 * (top - noise), top), xlabel="bits of the whole weight vector")
    axes.set_xlim(-5, 4.4 * one["d"])
    axes.set_ylabel("population risk [squared loss]")
