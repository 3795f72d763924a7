"""What an experiment on networks found, in a few lines: how much is compression, how much calibration."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ratedist.experiments.network_config import NetworkConfig
from ratedist.experiments.network_summary import POINT, chosen_penalties

# Ratios that the article's Figure 3 shows.
SMALLEST_RATIO, LARGEST_RATIO = 0.04, 0.12


def report(config: NetworkConfig, frame: pd.DataFrame, summary: pd.DataFrame) -> str:
    """The findings as text; every ± is one standard error over networks, differences are paired.

    Args:
        config: of the experiment.
        frame: of ``ratedist.experiments.networks.run``.
        summary: ``summarize(frame)``.
    """
    # One row per point, and per quantity the columns mean, sem, change, …
    wide: Any = summary.pivot(index=POINT, columns="quantity")
    original = wide.loc["original", 0, 0.0, 1]
    lines = [
        f"original network: train loss {_mean(original, 'train_loss')}, test loss "
        f"{_mean(original, 'test_loss')} nats, accuracy {_percent(original, 'test_accuracy')}; with a "
        f"temperature of its own (T = {original['mean', 'temperature']:.2f}) test loss "
        f"{_mean(original, 'calibrated_test_loss')}",
    ]
    K = 4 if ("kmeans", 4, 0.0, 1) in wide.index else min(config.clusters)
    lines.append(f"K-means, K = {K}: {_change(wide.loc['kmeans', K, 0.0, 1])}")
    quantised = wide[wide.index.get_level_values("compressor").isin(["kmeans", "hessian_weighted"])]
    best = quantised["mean", "test_loss"].idxmin()
    lines.append(
        f"least test loss of all (so chosen by the test set): {_named(best)}: {_change(wide.loc[best])}"
    )
    beta = max(config.beta)
    if beta > 0:
        penalized = quantised.xs(beta, level="diameter_penalty", drop_level=False)
        ratios = penalized["mean", "huffman_ratio"]
        shown: Any = penalized[(ratios >= SMALLEST_RATIO) & (ratios <= LARGEST_RATIO)]
        for quantity, name in (("test_loss", "test loss"), ("calibrated_test_loss", "own temperature")):
            effects: Any = shown["effect_of_penalty", quantity].dropna()
            if not effects.empty:
                lines.append(
                    f"β = {beta:g} against 0, {name}, ratios "
                    f"{SMALLEST_RATIO:.0%} to {LARGEST_RATIO:.0%}: from "
                    + " to ".join(
                        f"{_paired(shown.loc[at], 'effect_of_penalty', quantity)} (K = {at[1]}, m = {at[3]})"
                        for at in (effects.idxmin(), effects.idxmax())
                    )
                )
        for where in ("last_layer", "other_layers"):
            point = f"{where}_penalised", config.sweep_clusters, beta, 1
            without = "hessian_weighted", config.sweep_clusters, 0.0, 1
            if point in wide.index and without in wide.index:
                lines.append(
                    f"β = {beta:g} in the {where.replace('_', ' ')} alone against nowhere, K = "
                    f"{config.sweep_clusters}: test loss {_difference(frame, point, without)}"
                )
    chosen: Any = chosen_penalties(frame, config.sweep_clusters)
    lines.append(
        f"β chosen on held-out training images at K = {config.sweep_clusters}: median "
        f"{chosen['diameter_penalty'].median():g}, test loss {chosen['test_loss'].mean():.4f}"
    )
    calibrated: Any = quantised["mean", "calibrated_test_loss"].dropna()
    if not calibrated.empty:
        best = calibrated.idxmin()
        row = wide.loc[best]
        lines.append(
            "every network with its own temperature, least mean test loss of the compressed: "
            f"{_named(best)}: {_mean(row, 'calibrated_test_loss')}, minus the original's "
            f"{_paired(row, 'change', 'calibrated_test_loss')}"
        )
    return "\n".join([*lines, "", controls_table(config, wide)])


def controls_table(config: NetworkConfig, wide: Any) -> str:
    """Compressed networks beside the controls, as a table in Markdown; ± one standard error over networks."""
    K = config.sweep_clusters
    plain = 4 if ("kmeans", 4, 0.0, 1) in wide.index else min(config.clusters)
    sweep = wide.loc["hessian_weighted"].xs((K, 1), level=("num_clusters", "block_length"))
    best = float(sweep["mean", "holdout_loss"].idxmin())  # the test set chooses nothing here
    rows = {
        "original": ("original", 0, 0.0, 1),
        "last layer's weights times one factor": ("last_layer_scaled", 0, 0.0, 1),
        f"K-means, K = {plain}": ("kmeans", plain, 0.0, 1),
    }
    for beta in dict.fromkeys((0.0, max(config.beta), best)):
        rows[f"Hessian-weighted, K = {K}, β = {beta:g}"] = ("hessian_weighted", K, beta, 1)
    clipped = f"original, clipped to the ranges of K = {K}, β = {best:g}, and not quantised"
    rows[clipped] = ("clipped", K, best, 1)
    lines = [
        "| network | ratio | accuracy | test loss | change | own temperature | change |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, point in rows.items():
        if point not in wide.index:
            continue
        row = wide.loc[point]
        ratio = row["mean", "huffman_ratio"]
        cells = [
            name,
            "" if pd.isna(ratio) else f"{100 * ratio:.1f}%",
            f"{100 * row['mean', 'test_accuracy']:.2f}%",
        ]
        for quantity in ("test_loss", "calibrated_test_loss"):
            change = "" if name == "original" else _paired(row, "change", quantity)
            cells += [_mean(row, quantity) if name == "original" else f"{row['mean', quantity]:.4f}", change]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _difference(frame: pd.DataFrame, point: tuple, reference: tuple) -> str:
    """Paired difference in test loss of two points."""
    losses: Any = frame.set_index([*POINT, "model"])["test_loss"].sort_index()
    differences = losses.loc[point] - losses.loc[reference]
    return f"{differences.mean():+.4f}{_error(differences.sem(), 4)}"


def _named(point: tuple[str, int, float, int]) -> str:
    compressor, K, beta, m = point
    return f"{compressor.replace('_', '-')}, K = {K}, β = {beta:g}, m = {m}"


def _mean(row: Any, quantity: str) -> str:
    return f"{row['mean', quantity]:.4f}{_error(row['sem', quantity], 4)}"


def _percent(row: Any, quantity: str) -> str:
    return f"{100 * row['mean', quantity]:.2f}{_error(100 * row['sem', quantity], 2)}%"


def _paired(row: Any, name: str, quantity: str) -> str:
    return f"{row[name, quantity]:+.4f}{_error(row[f'{name}_sem', quantity], 4)}"


def _error(sem: float, digits: int) -> str:
    """Nothing for one network alone, which has no standard error."""
    return "" if pd.isna(sem) else f" ± {sem:.{digits}f}"


def _change(row: Any) -> str:
    return (
        f"train loss {row['mean', 'train_loss']:.4f} ({_paired(row, 'change', 'train_loss')}), test loss "
        f"{row['mean', 'test_loss']:.4f} ({_paired(row, 'change', 'test_loss')}), accuracy "
        f"{100 * row['mean', 'test_accuracy']:.2f}% ({_paired(row, 'change', 'test_accuracy')}), ratio "
        f"{100 * row['mean', 'entropy_ratio']:.2f}% by entropy, "
        f"{100 * row['mean', 'huffman_ratio']:.2f}% in Huffman code, "
        f"{100 * row['mean', 'file_ratio']:.2f}% as a file"
    )
