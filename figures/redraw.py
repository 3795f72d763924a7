"""Draws the pictures of this folder anew from the tables and records beside them; nothing is computed.

    python figures/redraw.py [NAME ...]

A name is that of a picture without its ending, such as ``figure2`` or ``mnist/figure5``; without any, all.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

import ratedist as rd
from ratedist.cli import (
    compare,
    description_length,
    diameter,
    figure2,
    low_rank,
    network_ranks,
    networks,
    seeing_the_data,
    sweep,
)
from ratedist.cli.figure_files import drawn, with_note
from ratedist.experiments.compare_config import CompareConfig
from ratedist.experiments.description_length_config import DescriptionLengthConfig
from ratedist.experiments.diameter_config import DiameterConfig
from ratedist.experiments.figure2_config import Figure2Config
from ratedist.experiments.low_rank_config import LowRankConfig
from ratedist.experiments.network_config import Cifar10Config, NetworkConfig
from ratedist.experiments.seeing_the_data import SeeingTheDataConfig
from ratedist.experiments.table import Table
from ratedist.files import write_together

FIGURES = Path(__file__).parent
NETWORKS = {
    "mnist": (NetworkConfig, ("figure1", "figure3", "figure5", "figure6", "reliability")),
    "cifar10": (Cifar10Config, ("figure1", "figure4", "figure6", "reliability")),
}


def table(name: str) -> pd.DataFrame:
    return pd.read_csv(FIGURES / f"{name}.csv")


def record(name: str) -> dict[str, Any]:
    return json.loads((FIGURES / f"{name}.json").read_text())


def configuration(kind: Any, recorded: dict[str, Any], without: tuple[str, ...] = ()) -> Any:
    """The configuration of a record, whose sizes that follow from others are left out."""
    names = {field.name for field in dataclasses.fields(kind)} - set(without)
    return kind(**{
        name: tuple(value) if isinstance(value, list) else value
        for name, value in recorded.items()
        if name in names
    })  # fmt: skip


def draw_figure2(name: str) -> Figure:
    kept = record(name)
    setting = configuration(Figure2Config, kept["configuration"])
    return rd.plotting.draw_figure2(table(name), with_note(figure2.describe(setting), kept))


def draw_compare(name: str) -> Figure:
    kept = record(name)
    without = () if kept["configuration"]["w_star"] == "low-rank" else ("o", "rank")
    setting = configuration(CompareConfig, kept["configuration"], without)
    return rd.plotting.draw_compare(table(name), kept, with_note(compare.describe(setting), kept))


def draw_low_rank(name: str) -> Figure:
    kept = record(name)
    setting = configuration(LowRankConfig, kept["configuration"])
    return rd.plotting.draw_low_rank(table(name), kept, with_note(low_rank.describe(setting), kept))


def draw_description_length(name: str) -> Figure:
    kept = record(name)
    setting = configuration(DescriptionLengthConfig, kept["configuration"])
    title = with_note(description_length.describe(setting), kept)
    return rd.plotting.draw_description_length(table(name), kept, title)


def draw_diameter(name: str) -> Figure:
    kept = record(name)
    setting = configuration(DiameterConfig, kept["configuration"])
    return rd.plotting.draw_diameter(table(name), with_note(diameter.describe(setting), kept))


def draw_rate_distortion(name: str) -> Figure:
    setting = record(name)["configuration"]
    title = f"ERM weights of a linear model, d = {setting['d']}, σ² = {setting['noise_variance']:g}"
    return rd.plotting.draw_rate_distortion(table(name), title)


def draw_seeing_the_data(name: str) -> Figure:
    setting = configuration(SeeingTheDataConfig, record(name)["configuration"])
    return rd.plotting.draw_seeing_the_data(table(name), seeing_the_data.describe(setting))


def draw_network_ranks(name: str) -> Figure:
    return rd.plotting.draw_network_ranks(table(name), network_ranks.describe(record(name)))


@functools.cache
def _network_figures(data: str) -> dict[str, Figure]:
    setting = configuration(NETWORKS[data][0], record(f"{data}/run")["configuration"], ("data",))
    return networks._figures(setting, table(f"{data}/summary"), table(f"{data}/reliability"))


def draw_networks(name: str) -> Figure:
    data, figure = name.split("/")
    return _network_figures(data)[figure]


PICTURES: dict[str, Callable[[str], Figure]] = {
    "two-clusters": lambda name: rd.plotting.draw_two_clusters(table(name), record(name)),
    "figure2": draw_figure2,
    "papers-protocol/figure2": draw_figure2,
    "phase-diagram": lambda name: sweep.draw(Table(table(name), record(name))),
    "rate-distortion": draw_rate_distortion,
    "diameter": draw_diameter,
    "seeing-the-data": draw_seeing_the_data,
    "description-length": draw_description_length,
    "low-rank": draw_low_rank,
    "correlated-inputs/low-rank": draw_low_rank,
    "network-ranks": draw_network_ranks,
    "fine-tuned-longer/network-ranks": draw_network_ranks,
}
PICTURES |= dict.fromkeys(
    [f"compare-{w}" for w in ("two-level", "gaussian", "sparse", "low-rank")], draw_compare
)
PICTURES |= {
    f"{data}/{figure}": draw_networks for data, (_, figures) in NETWORKS.items() for figure in figures
}

if __name__ == "__main__":
    for name in sys.argv[1:] or PICTURES:
        files = drawn({name: PICTURES[name](name)})
        write_together({FIGURES / file: content for file, content in files.items()})
        plt.close("all")
        print(name)
