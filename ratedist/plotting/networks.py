"""Figures 1 and 3–6 of the Entropy article, drawn from the tables of ``ratedist.experiments``."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ratedist.plotting.layout import figure_legend, legend_inside, level, settle
from ratedist.plotting.style import heading, house_style

STANDARD_ERRORS = 2
BLACK, BLUE, ORANGE, PINK = "#000000", "#0072B2", "#D55E00", "#CC79A7"
# A point whose test loss is above this multiple of the original's is left out, so that the rest can be read.
CEILING = 1.25
# Figures 3 to 5 show ratios up to this one, as the article's do; Figure 1 shows all.
LARGEST_RATIO = 0.15
POINT = ("compressor", "num_clusters", "diameter_penalty", "block_length")
# A bin of a reliability diagram with fewer images than this says nothing.
LEAST_COUNT = 30


@dataclasses.dataclass(frozen=True)
class Curve:
    """One compressor in a figure; colour, marker and dashes each tell it apart alone."""

    label: str
    compressor: str
    diameter_penalty: float = 0.0
    block_length: int = 1
    color: str = BLUE
    marker: str = "o"
    linestyle: str = "-"


def hessian_weighted_curves(diameter_penalty: float, block_lengths: Sequence[int] = (1,)) -> list[Curve]:
    """The curves of Figures 3 to 5: without and with the diameter regulariser, for each block length."""
    curves = []
    for m, markers, dashes in zip(block_lengths, ("o^", "sD", "vP"), ("-", "--", ":"), strict=False):
        block = f", m = {m}" if len(block_lengths) > 1 else ""
        for beta, marker, color in zip((0.0, diameter_penalty), markers, (BLUE, ORANGE), strict=True):
            curves.append(Curve(f"β = {beta:g}{block}", "hessian_weighted", beta, m, color, marker, dashes))
    return curves


def draw_against_ratio(
    summary: pd.DataFrame, curves: Sequence[Curve], title: str, largest_ratio: float = LARGEST_RATIO
) -> Figure:
    """Risks against the compression ratio, in four panels, the last two with the control.

    (a) Empirical risk. (b) Population risk (filled) and generalisation error (open). (c) Population risk when
    every network has its logits divided by a temperature of its own. (d) What compression changes, network by
    network: population risk as it is (filled), and with own temperatures (open).

    Args:
        summary: of ``ratedist.experiments.network_summary.summarize``.
        curves: what is drawn.
        title: a line above the panels; another says which points are left out because they are too bad.
        largest_ratio: points of larger ratio are not drawn.

    Returns:
        The figure; error bars are two standard errors over networks.
    """
    drawn = {(curve.compressor, curve.diameter_penalty, curve.block_length) for curve in curves}
    points = zip(*(summary[name] for name in ("compressor", "diameter_penalty", "block_length")), strict=True)
    shown, remark = _without_flattening(
        summary[[point in drawn or point[0] == "original" for point in points]], "num_clusters"
    )
    ratios: Any = shown[(shown["quantity"] == "huffman_ratio") & (shown["mean"] > largest_ratio)]
    summary = _without(shown, ratios)
    with house_style():
        figure, panels = plt.subplots(2, 2, figsize=(12.8, 7.6), sharex=True)
        empirical, population, calibrated, change = panels.flat
        for curve in curves:
            _ratio_curve(empirical, summary, curve, "train_loss")
            _ratio_curve(population, summary, curve, "test_loss")
            _ratio_curve(population, summary, curve, "generalization_error", open_marker=True)
            _ratio_curve(calibrated, summary, curve, "calibrated_test_loss")
            _ratio_curve(change, summary, curve, "test_loss", values="change")
            _ratio_curve(change, summary, curve, "calibrated_test_loss", True, "change")
        _level(empirical, summary, "train_loss")
        _level(population, summary, "test_loss")
        _level(calibrated, summary, "calibrated_test_loss")
        level(change, 0.0)
        empirical.set_title("(a) empirical risk")
        population.set_title("(b) population risk; generalisation error: open")
        calibrated.set_title("(c) population risk, own temperature")
        change.set_title("(d) paired change; with own temperature: open")
        _finish(figure, panels, "compression ratio, Huffman code [%]", title + remark)
    return figure


def draw_penalty_sweep(summary: pd.DataFrame, num_clusters: int, title: str) -> Figure:
    """Figure 6: risks against β, beside the original clipped to the same ranges and not quantised.

    Args:
        summary: of ``ratedist.experiments.network_summary.summarize``.
        num_clusters: K of the sweep.
        title: a line above the panels.

    Returns:
        The figure; error bars are two standard errors over networks.
    """
    curves = (
        Curve(f"quantised, K = {num_clusters}", "hessian_weighted", color=BLUE),
        Curve("clipped to the same range, not quantised", "clipped", color=PINK, marker="^", linestyle="--"),
    )
    panels = (
        ("train_loss", "(a) empirical risk"),
        ("generalization_error", "(b) generalisation error"),
        ("test_loss", "(c) population risk"),
        ("calibrated_test_loss", "(d) population risk, own temperature"),
    )
    with house_style():
        figure, panels_drawn = plt.subplots(2, 2, figsize=(12.8, 7.6), sharex=True)
        of_sweep = (summary["num_clusters"] == num_clusters) & (summary["block_length"] == 1)
        of_curves = summary["compressor"].isin([curve.compressor for curve in curves])
        shown, remark = _without_flattening(
            summary[(summary["compressor"] == "original") | of_sweep & of_curves], "diameter_penalty"
        )
        sweep = shown[shown["compressor"] != "original"]
        sweep = sweep.sort_values("diameter_penalty")
        penalties = sorted({beta for beta in sweep["diameter_penalty"] if beta > 0}) or [1.0]
        least = penalties[0]
        for axes, (quantity, name) in zip(panels_drawn.flat, panels, strict=True):
            for curve in curves:
                rows = sweep[(sweep["compressor"] == curve.compressor) & (sweep["quantity"] == quantity)]
                _errorbars(axes, rows["diameter_penalty"], rows, curve)
            _level(axes, summary, quantity)
            axes.set_title(name)
            axes.set_xscale("symlog", linthresh=least, linscale=0.5)
            axes.set_xlim(-0.3 * least, 1.5 * penalties[-1])
            axes.set_xticks(
                [0.0, *(tick for tick in 10.0 ** np.arange(-9, 10) if least <= tick <= penalties[-1])]
            )
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        _finish(figure, panels_drawn, "diameter penalty β", title + remark)
    return figure


def draw_reliability(
    diagrams: pd.DataFrame, curves: Sequence[tuple[str, dict[str, Any]]], title: str
) -> Figure:
    """Accuracy against confidence on the test set, over all networks together; bins of few images left out.

    Args:
        diagrams: of ``ratedist.experiments.network_summary.pooled_diagrams``.
        curves: label, and the values of the columns that choose its rows.
        title: a line above the panel.
    """
    looks = ((BLACK, "s"), (BLACK, "D"), (BLUE, "o"), (ORANGE, "^"))
    with house_style():
        figure, axes = plt.subplots(figsize=(7.2, 6.4))
        axes.plot([0, 1], [0, 1], color="#999999", linestyle=":", label="calibrated perfectly")
        for (label, chosen), (color, marker) in zip(curves, looks, strict=False):
            rows: Any = diagrams
            for column, value in chosen.items():
                rows = rows[rows[column] == value]
            rows = rows[rows["count"] >= LEAST_COUNT]
            dashes = "--" if chosen.get("logits") == "calibrated" else "-"
            axes.errorbar(
                rows["confidence"], rows["accuracy"], label=label, color=color, marker=marker,
                linestyle=dashes, markerfacecolor="white" if dashes == "--" else color,
                **_known(rows["gap_sem"]),
            )  # fmt: skip
        axes.set_xlabel("confidence (largest probability)")
        axes.set_ylabel("accuracy on the test set")
        axes.set_ylim(0, 1.05)
        heading(figure, title)
        settle(figure)
        legend_inside(axes)
    return figure


def _ratio_curve(
    axes: Axes,
    summary: pd.DataFrame,
    curve: Curve,
    quantity: str,
    open_marker: bool = False,
    values: str = "mean",
) -> None:
    chosen: Any = summary[
        (summary["compressor"] == curve.compressor)
        & (summary["diameter_penalty"] == curve.diameter_penalty)
        & (summary["block_length"] == curve.block_length)
    ]
    ratios = chosen[chosen["quantity"] == "huffman_ratio"].set_index("num_clusters")["mean"]
    rows = chosen[chosen["quantity"] == quantity].set_index("num_clusters")
    ratios = ratios.sort_values()
    _errorbars(axes, 100 * ratios, rows.loc[ratios.index], curve, open_marker, values)


def _errorbars(
    axes: Axes, x: Any, rows: Any, curve: Curve, open_marker: bool = False, values: str = "mean"
) -> None:
    sem = rows["sem" if values == "mean" else f"{values}_sem"]
    axes.errorbar(
        x.to_numpy(), rows[values].to_numpy(), label=None if open_marker else curve.label,
        color=curve.color, marker=curve.marker, linestyle=curve.linestyle,
        markerfacecolor="white" if open_marker else curve.color, linewidth=0.8 if open_marker else None,
        **_known(sem),
    )  # fmt: skip


def _known(sem: Any) -> dict[str, Any]:
    """Error bars of two standard errors, or none: of one network nothing is known."""
    return {} if sem.isna().all() else {"yerr": STANDARD_ERRORS * sem.to_numpy()}


def _level(axes: Axes, summary: pd.DataFrame, quantity: str) -> None:
    rows: Any = summary[(summary["compressor"] == "original") & (summary["quantity"] == quantity)]
    level(axes, float(rows["mean"].iloc[0]), "original\nnetworks")


def _without_flattening(summary: Any, varied: str) -> tuple[Any, str]:
    """The rows of points whose loss is not far above the original's, and a remark that names the others."""
    rows = summary[summary["quantity"] == "test_loss"]
    ceiling = CEILING * float(rows.loc[rows["compressor"] == "original", "mean"].iloc[0])
    bad = rows[rows["mean"] > ceiling]
    if bad.empty:
        return summary, ""
    if varied == "diameter_penalty":
        names = ["β = " + ", ".join(f"{beta:g}" for beta in sorted(set(bad["diameter_penalty"])))]
    else:
        sizes = sorted(set(zip(bad["block_length"], bad["num_clusters"], strict=True)))
        names = [f"K = {K}" + (f" (m = {m})" if m > 1 else "") for m, K in sizes]
    return _without(summary, bad), f"\nnot drawn, population risk above {ceiling:.2f}: {', '.join(names)}"


def _without(summary: Any, points: Any) -> Any:
    """The rows of a summary that are of none of some points."""
    keys = set(zip(*(points[name] for name in POINT), strict=True))
    return summary[[point not in keys for point in zip(*(summary[name] for name in POINT), strict=True)]]


def _finish(figure: Figure, panels: Any, abscissa: str, title: str) -> None:
    """One title and one legend for all panels, labels at the edges."""
    for axes in panels[-1]:
        axes.set_xlabel(abscissa)
    for axes in panels[:, 0]:
        axes.set_ylabel("loss [nats]")
    figure_legend(figure, panels.flat)
    heading(figure, title)
    settle(figure)
