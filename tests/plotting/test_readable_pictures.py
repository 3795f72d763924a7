"""Every picture of the repository can be read from the last row of a lecture room.

They are drawn anew from the tables in ``figures/``: large text, few entries a legend, nothing on the data.
"""

import json
import pathlib
from collections.abc import Callable, Iterator

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.figure import Figure

import ratedist as rd
from ratedist.experiments.sweep import diagram
from ratedist.plotting.networks import Curve, hessian_weighted_curves
from ratedist.plotting.phase_diagram import draw_phase_diagram
from ratedist.plotting.style import Look
from tests.plotting.readable import faults

FIGURES = pathlib.Path(__file__).parent.parent.parent / "figures"
TITLE = "a setting in one line, which is longer than the page is wide: " + "d = 50, n = 80, σ² = 1, " * 6


def table(name: str) -> pd.DataFrame:
    return pd.read_csv(FIGURES / f"{name}.csv")


def record(name: str) -> dict:
    return json.loads((FIGURES / f"{name}.json").read_text())


def against_ratio(data: str, curves: list[Curve], largest_ratio: float = 0.15) -> Figure:
    return rd.plotting.draw_against_ratio(table(f"{data}/summary"), curves, TITLE, largest_ratio)


def reliability(data: str, K: int) -> Figure:
    quantised = {"compressor": "hessian_weighted", "num_clusters": K, "block_length": 1, "logits": "raw"}
    curves = [(logits, {"compressor": "original", "logits": logits}) for logits in ("raw", "calibrated")]
    curves += [(f"K = {K}, β = {beta}", quantised | {"diameter_penalty": beta}) for beta in (0, 50)]
    return rd.plotting.draw_reliability(table(f"{data}/reliability"), curves, TITLE)


PICTURES: dict[str, Callable[[], Figure]] = {
    "two-clusters": lambda: rd.plotting.draw_two_clusters(table("two-clusters"), record("two-clusters")),
    "rate-distortion": lambda: rd.plotting.draw_rate_distortion(table("rate-distortion"), TITLE),
    "phase-diagram": lambda: draw_phase_diagram(
        *diagram(table("phase-diagram"), record("phase-diagram")), TITLE
    ),
    "seeing-the-data": lambda: rd.plotting.draw_seeing_the_data(table("seeing-the-data"), TITLE),
    "diameter": lambda: rd.plotting.draw_diameter(table("diameter"), TITLE),
    "description-length": lambda: rd.plotting.draw_description_length(
        table("description-length"), record("description-length"), TITLE
    ),
    "mnist/figure1": lambda: against_ratio("mnist", [Curve("K-means", "kmeans")], 1.0),
    "mnist/figure3": lambda: against_ratio("mnist", hessian_weighted_curves(50)),
    "mnist/figure5": lambda: against_ratio("mnist", hessian_weighted_curves(50, (1, 2))),
    "mnist/figure6": lambda: rd.plotting.draw_penalty_sweep(table("mnist/summary"), 7, TITLE),
    "mnist/reliability": lambda: reliability("mnist", 7),
    "cifar10/figure1": lambda: against_ratio("cifar10", [Curve("K-means", "kmeans")], 1.0),
    "cifar10/figure4": lambda: against_ratio("cifar10", hessian_weighted_curves(50)),
    "cifar10/figure6": lambda: rd.plotting.draw_penalty_sweep(table("cifar10/summary"), 8, TITLE),
    "cifar10/reliability": lambda: reliability("cifar10", 8),
}
for folder in ("", "papers-protocol/"):
    PICTURES[f"{folder}figure2"] = lambda name=f"{folder}figure2": rd.plotting.draw_figure2(
        table(name), TITLE
    )
for folder in ("", "correlated-inputs/"):
    PICTURES[f"{folder}low-rank"] = lambda name=f"{folder}low-rank": rd.plotting.draw_low_rank(
        table(name), record(name), TITLE
    )
for folder in ("", "fine-tuned-longer/"):
    PICTURES[f"{folder}network-ranks"] = lambda name=f"{folder}network-ranks": rd.plotting.draw_network_ranks(
        table(name), TITLE
    )
for truth in ("two-level", "gaussian", "sparse", "low-rank"):
    PICTURES[f"compare-{truth}"] = lambda name=f"compare-{truth}": rd.plotting.draw_compare(
        table(name), record(name), TITLE
    )
# One of each kind whose faults no other test looks for; the others are drawn by the same functions from
# other numbers.
QUICK = {"two-clusters", "diameter", "description-length"}


@pytest.fixture(autouse=True)
def _figures_are_closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in sorted(PICTURES)],
)
def test_a_picture_of_the_repository_can_be_read(name: str) -> None:
    assert faults(PICTURES[name]()) == []


def test_there_is_no_other_picture() -> None:
    there = {str(path.relative_to(FIGURES).with_suffix("")) for path in FIGURES.rglob("*.png")}
    assert there == set(PICTURES)


@pytest.fixture
def good() -> Figure:
    """A small figure without fault, to be spoiled."""
    with rd.plotting.house_style():
        figure, axes = plt.subplots(figsize=(8, 5), layout="none")
        axes.errorbar([0, 1, 2], [0, 1, 4], yerr=0.1, marker="o", label="a curve")
        axes.plot([0, 1, 2], [1, 1, 1], "s--", label="another")
        axes.bar([2], [0.5], width=0.1, color="0.5")
        axes.annotate("beside it", (1, 1), xytext=(0.1, 0.7), textcoords="axes fraction")
        axes.legend(loc="upper left")
    return figure


def test_a_good_picture_has_no_fault(good: Figure) -> None:
    assert faults(good) == []


def small(figure: Figure) -> None:
    figure.axes[0].set_xlabel("nine points", fontsize=9)


def exponents(figure: Figure) -> None:
    figure.axes[0].set_yscale("log")


def six_entries(figure: Figure) -> None:
    for count in range(4):
        figure.axes[0].plot([0], [4], ["v", "D", "x", "*"][count], label=f"more {count}")
    figure.axes[0].legend(loc="upper left")


def legend_on_a_curve(figure: Figure) -> None:
    figure.axes[0].legend(loc="upper right")


def label_on_a_line(figure: Figure) -> None:
    figure.axes[0].annotate("on it", (0, 0), xytext=(1.4, 0.95), textcoords="data")


def label_on_a_bar(figure: Figure) -> None:
    figure.axes[0].text(1.99, 0.1, "bar")


def label_on_a_label(figure: Figure) -> None:
    figure.axes[0].text(0.12, 0.7, "over it", transform=figure.axes[0].transAxes)


def off_the_page(figure: Figure) -> None:
    figure.suptitle("long " * 60)
    figure.axes[0].text(3.5, 1, "outside")


def colour_alone(figure: Figure) -> None:
    figure.axes[0].plot([0, 1, 2], [3, 3, 3], "s--", color="#009E73", label="a third")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (small, "9 points: 'nine points'"),
        (exponents, "an exponent in small letters"),
        (six_entries, "a legend of 6 entries"),
        (legend_on_a_curve, "the legend lies on"),
        (label_on_a_line, "'on it' lies on 'another'"),
        (label_on_a_bar, "'bar' lies on a bar"),
        (label_on_a_label, "lies on 'over it'"),
        (off_the_page, "off the page: 'outside'"),
        (colour_alone, "'another' and 'a third' differ by colour alone"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_fault_is_found(good: Figure, spoil: Callable[[Figure], None], words: str) -> None:
    spoil(good)
    assert any(words in fault for fault in faults(good)), faults(good)


def test_a_look_is_never_a_colour_alone() -> None:
    from ratedist.plotting import compare, description_length, figure2, low_rank, rate_distortion

    for looks in (
        compare.LOOKS, description_length.LOOKS, figure2.LOOKS, low_rank.PROJECTIONS, rate_distortion.LOOKS,
    ):  # fmt: skip
        assert all(isinstance(look, Look) and (look.marker or look.linestyle) for look in looks.values())
