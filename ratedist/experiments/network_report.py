"""What an experiment on networks found, in a few lines: how much is compression, how much calibration."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ratedist.experiments.network_config import NetworkConfig
from ratedist.experiments.network_summary import POINT, chosen_penalties


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
    lines.append(f"least test loss of all: {_named(best)}: {_change(wide.loc[best])}")
    beta = max(config.beta)
    effects: Any = quantised.xs(beta, level="diameter_penalty")["effect_of_penalty", "test_loss"]
    if beta > 0 and effects.notna().any():
        compressor, K, m = effects.idxmin()
        row = wide.loc[compressor, K, beta, m]
        lines.append(
            f"diameter penalty β = {beta:g} against 0, most at K = {K}, m = {m}: test loss "
            f"{_paired(row, 'effect_of_penalty', 'test_loss')}, with temperatures "
            f"{_paired(row, 'effect_of_penalty', 'calibrated_test_loss')}"
        )
    chosen: Any = chosen_penalties(frame, config.sweep_clusters)
    lines.append(
        f"β chosen on held-out training images at K = {config.sweep_clusters}: median "
        f"{chosen['diameter_penalty'].median():g}, test loss {chosen['test_loss'].mean():.4f}"
    )
    best = quantised["mean", "calibrated_test_loss"].idxmin()
    row = wide.loc[best]
    lines.append(
        f"every network with its own temperature, least test loss of the compressed: {_named(best)}: "
        f"{_mean(row, 'calibrated_test_loss')}, minus the original's "
        f"{_paired(row, 'change', 'calibrated_test_loss')}"
    )
    return "\n".join(lines)


def _named(point: tuple[str, int, float, int]) -> str:
    compressor, K, beta, m = point
    return f"{compressor.replace('_', '-')}, K = {K}, β = {beta:g}, m = {m}"


def _mean(row: Any, quantity: str) -> str:
    return f"{row['mean', quantity]:.4f} ± {row['sem', quantity]:.4f}"


def _percent(row: Any, quantity: str) -> str:
    return f"{100 * row['mean', quantity]:.2f} ± {100 * row['sem', quantity]:.2f}%"


def _paired(row: Any, name: str, quantity: str) -> str:
    return f"{row[name, quantity]:+.4f} ± {row[f'{name}_sem', quantity]:.4f}"


def _change(row: Any) -> str:
    return (
        f"train loss {row['mean', 'train_loss']:.4f} ({_paired(row, 'change', 'train_loss')}), test loss "
        f"{row['mean', 'test_loss']:.4f} ({_paired(row, 'change', 'test_loss')}), accuracy "
        f"{100 * row['mean', 'test_accuracy']:.2f}% ({_paired(row, 'change', 'test_accuracy')}), ratio "
        f"{100 * row['mean', 'entropy_ratio']:.2f}% by entropy, "
        f"{100 * row['mean', 'huffman_ratio']:.2f}% in Huffman code, "
        f"{100 * row['mean', 'file_ratio']:.2f}% as a file"
    )
