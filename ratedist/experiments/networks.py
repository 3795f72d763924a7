"""Figures 1 and 3–6 of the Entropy article: networks on MNIST and CIFAR10, compressed layer by layer."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from ratedist import processes
from ratedist.experiments.network_config import NetworkConfig
from ratedist.experiments.network_points import WORK, assess_points
from ratedist.experiments.stopwatch import Stopwatch
from ratedist.experiments.table import Table, versions
from ratedist.networks.architecture import Architecture
from ratedist.networks.data import load
from ratedist.networks.ensemble import subset, train_members


def run(config: NetworkConfig, folder: Path | None = None, progress: bool = False) -> Table:
    """Train (or read) the networks, compress each in every way, and tabulate what became of it.

    Args:
        config: of the experiment.
        folder: of the trained networks and finished points, from which an interrupted run goes on; ``None``
            to keep nothing.
        progress: show a bar with the time left on standard error.

    Returns:
        A ``Table`` with one row per network and point: every mean can be computed from it, see
        ``ratedist.experiments.network_summary.summarize``.

    Raises:
        ValueError: a setting that makes no sense, data that cannot be had, files of other networks.
    """
    config.check()
    ensemble = config.ensemble()
    ensemble.check()
    data = load(config.data)
    stopwatch = Stopwatch(*WORK)
    rows = []
    trained, held_out = subset(ensemble, data, 0)
    if len(held_out) == 0:
        raise ValueError(
            f"holdout must leave at least one image to fit temperatures on, got {config.holdout:g}"
        )
    _require_enough_weights(config, ensemble.architecture)
    work = config.epochs + 1
    with tqdm(total=config.models * work, unit="epoch", disable=not progress) as bar:
        own = range(processes.number(), config.models, processes.count())
        members = train_members(ensemble, data, own, folder, lambda _: bar.update())

        def one_network(index: int) -> list[dict[str, Any]]:
            bar.set_description(f"network {index + 1} of {config.models}")
            with stopwatch.during("training"):
                member = next(members)
            return assess_points(config, ensemble, data, member, folder, stopwatch)

        for found in processes.shared(one_network, range(config.models)):
            rows += [row for _, of_network in found for row in of_network]
            bar.update((found[-1][0] + 1) * work - bar.n)
    record = {
        "configuration": {"data": config.data} | dataclasses.asdict(config),
        "recipe": dataclasses.asdict(ensemble.recipe),
        "layers": [[layer.name, *layer.weight_shape] for layer in ensemble.architecture.layers],
        "train_images_per_network": len(trained),
        "held_out_images_per_network": len(held_out),
        "test_images": len(data.test_images),
        "data_source": data.source,
        # Of this run alone: what an earlier one had finished was read.
        "spent": stopwatch.seconds | {"points": stopwatch.counts["assessment"]},
        "seconds_in_all": stopwatch.total,
        "versions": versions(),
    }
    return Table(pd.DataFrame(rows), record)


def _require_enough_weights(config: NetworkConfig, architecture: Architecture) -> None:
    """Raise ``ValueError`` if a layer has fewer blocks than some codebook: ratios would leave it out."""
    for point in config.points():
        for layer in architecture.layers:
            blocks = -(-math.prod(layer.weight_shape) // point.block_length)
            if blocks < point.num_clusters:
                raise ValueError(
                    f"clusters must be at most the {blocks} blocks of layer {layer.name}, "
                    f"got {point.num_clusters} for blocks of {point.block_length}"
                )
