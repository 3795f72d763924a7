"""Networks at low rank: projected in every metric, trained at their rank, fine-tuned, quantised."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from ratedist.experiments.network_ranks_config import NetworkRanksConfig
from ratedist.experiments.network_ranks_findings import findings, sentences, tables, verdicts
from ratedist.experiments.network_ranks_points import WORK, judge_points
from ratedist.experiments.stopwatch import Stopwatch
from ratedist.experiments.table import Table, versions
from ratedist.networks.data import load
from ratedist.networks.ensemble import subset, train_members

# Of losses, accuracies and ratios in the table.
DECIMALS = 6


def run(config: NetworkRanksConfig, folder: Path | None = None, progress: bool = False) -> Table:
    """Train (or read) the networks, bring each to every rank in every way, and tabulate what became of it.

    Args:
        config: of the experiment.
        folder: of the trained networks and finished points, from which an interrupted run goes on; ``None``
            to keep nothing.
        progress: show a bar with the time left on standard error.

    Returns:
        A ``Table`` with one row per network and point; its record has the paired differences.

    Raises:
        ValueError: a setting that makes no sense, data that cannot be had, files of other networks.
    """
    config.check()
    ensemble, points = config.ensemble(), config.points()
    data = load(config.data)
    stopwatch = Stopwatch(*WORK)
    trained, held_out = subset(ensemble, data, 0)
    rows, ranks = [], list(config.all_ranks)
    with tqdm(total=config.num_models * len(points), unit="point", disable=not progress) as bar:
        members = train_members(ensemble, data, config.num_models, folder)
        for index in range(config.num_models):
            bar.set_description(f"network {index + 1} of {config.num_models}")
            with stopwatch.during("training"):
                member = next(members)
            rows += judge_points(config, ensemble, data, member, folder, stopwatch, bar.update)
    frame = pd.DataFrame(rows).round(DECIMALS)
    batches = len(trained) // ensemble.recipe.batch_size
    found = findings(frame)
    record = {
        "configuration": dataclasses.asdict(config) | {"models": config.num_models, "ranks": ranks},
        "recipe": dataclasses.asdict(ensemble.recipe),
        "layers": [[layer.name, *layer.weight_shape] for layer in ensemble.architecture.layers],
        "training_steps": ensemble.recipe.epochs * batches,
        "fine_tuning_steps": config.fine_tuning_epochs * batches,
        "train_images_per_network": len(trained),
        "held_out_images_per_network": len(held_out),
        "test_images": len(data.test_images),
        "data_source": data.source,
        "findings": found,
        "tables": tables(frame),
        "sentences": sentences(found),
        "verdicts": verdicts(found),
        # Of this run alone: what an earlier one had finished was read.
        "spent": stopwatch.seconds | {"points": stopwatch.counts["assessment"]},
        "seconds_in_all": stopwatch.total,
        "versions": versions(),
    }
    return Table(frame, record)
