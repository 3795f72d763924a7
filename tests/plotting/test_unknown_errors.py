"""Pictures of one network: no standard error is known, and some curves are one point or none."""

import itertools
import warnings
from collections.abc import Callable, Iterator

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

import ratedist as rd
from ratedist.cli.networks import _figures
from ratedist.experiments.network_config import DigitsConfig
from ratedist.experiments.network_summary import QUANTITIES, pooled_diagrams, summarize
from ratedist.plotting.layout import label_points, level, settle
from tests.cli.conftest import unsettled
from tests.plotting.readable import faults

nan = float("nan")


@pytest.fixture(autouse=True)
def _figures_are_closed() -> Iterator[None]:
    yield
    plt.close("all")


def points(models: int, clusters: tuple[int, ...], penalties: tuple[float, ...]) -> pd.DataFrame:
    """A frame as that of the experiment, all its numbers made up."""
    kinds = [("original", 0, 0.0)] + [("kmeans", K, 0.0) for K in clusters]
    kinds += [
        (name, K, beta) for name in ("hessian_weighted", "clipped") for K in clusters for beta in penalties
    ]
    rows = []
    for model, (place, (compressor, K, beta)) in itertools.product(range(models), enumerate(kinds)):
        loss = 0.5 + 0.01 * place + 0.02 * model
        row = dict.fromkeys(QUANTITIES, loss) | {"model": model, "compressor": compressor, "num_clusters": K}
        row |= {"diameter_penalty": beta, "block_length": 1, "huffman_ratio": 0.02 * max(K, 1)}
        # Counts, confidences and accuracies of ten bins, most of them empty.
        counts, shares = [0] * 8 + [40, 60], np.linspace(0.05, 0.95, 10)
        bins = (counts, shares, shares - 0.02 * (1 + model))
        row["diagrams"] = dict.fromkeys(("raw", "calibrated"), bins)
        rows.append(row)
    return pd.DataFrame(rows)


def figures(frame: pd.DataFrame, **options: object) -> dict[str, Figure]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return _figures(DigitsConfig(**options), summarize(frame), pooled_diagrams(frame))


def bars(figure: Figure) -> int:
    """How many curves have error bars."""
    return sum(isinstance(artist, LineCollection) for axes in figure.axes for artist in axes.collections)


@pytest.mark.parametrize(
    ("clusters", "penalties"),
    # A curve of one point; curves and one point beside them are at two clusters, with bars, below.
    [
        ((7,), (0.0,)),
        *(pytest.param(clusters, (0.0, 10.0), marks=pytest.mark.slow) for clusters in ((4, 7), (7,))),
    ],
)
def test_one_network_is_drawn_without_error_bars(
    clusters: tuple[int, ...], penalties: tuple[float, ...]
) -> None:
    options = {
        "models": 1,
        "clusters": clusters,
        "beta": penalties,
        "block_length": (1,),
        "sweep_clusters": 7,
    }
    drawn = figures(points(1, clusters, penalties), **options)
    assert {"figure1", "figure6", "reliability"} <= drawn.keys()
    for name, figure in drawn.items():
        assert bars(figure) == 0, name
        assert faults(figure) == [], name


def test_two_networks_have_error_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    unsettled(monkeypatch, "networks")
    options = {
        "models": 2,
        "clusters": (4, 7),
        "beta": (0.0, 10.0),
        "block_length": (1,),
        "sweep_clusters": 7,
    }
    for name, figure in figures(points(2, (4, 7), (0.0, 10.0)), **options).items():
        assert bars(figure) > 0, name


ARTISTS: dict[str, Callable[[Axes], object]] = {
    "errors unknown": lambda axes: axes.errorbar([1, 2], [1, 2], yerr=[nan, nan]),
    "one error unknown": lambda axes: axes.errorbar([1, 2], [1, 2], yerr=[nan, 0.1], xerr=[0.1, nan]),
    "no point": lambda axes: axes.errorbar([], [], yerr=[]),
    "points unknown": lambda axes: axes.plot([1, nan], [nan, 1], "o-"),
    "no segment": lambda axes: axes.add_collection(LineCollection([])),
    "a segment of no point": lambda axes: axes.add_collection(LineCollection([np.empty((0, 2))])),
    "a bar of no height": lambda axes: axes.bar([0, 1], [nan, 1]),
    "a level unknown": lambda axes: level(axes, nan, "a level"),
}


@pytest.mark.parametrize("name", ARTISTS)
def test_a_label_stands_beside_what_is_not_known(name: str) -> None:
    with rd.plotting.house_style():
        figure, axes = plt.subplots(layout="none")
        axes.plot([0, 1], [0, 1])
        ARTISTS[name](axes)
        settle(figure)
        label_points(axes, [("here", (0.5, 0.5), "black"), ("nowhere", (nan, 1), "red")])
    assert "here" in [text.get_text() for text in axes.texts]
    assert "nowhere" not in [text.get_text() for text in axes.texts]
