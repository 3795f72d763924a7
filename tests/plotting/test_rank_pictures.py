"""Pictures of low rank and of the comparison: what is drawn is in the table, and nothing leaves the page."""

import math
import pathlib
from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from ratedist.experiments.compare import COLUMNS as COMPARE
from ratedist.experiments.compare_names import ALGORITHMS
from ratedist.experiments.low_rank import COLUMNS as LOW_RANK
from ratedist.plotting import compare as compare_picture
from ratedist.plotting.compare import draw_compare
from ratedist.plotting.low_rank import draw_low_rank
from ratedist.plotting.network_ranks import draw_network_ranks
from tests.cli.conftest import unsettled
from tests.plotting.readable import faults

FIGURES = pathlib.Path(__file__).parents[2] / "figures"


# A level far above all curves.
FAR = {"ridge": 1e3}


@pytest.fixture(autouse=True, scope="module")
def _figures_are_closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def compared() -> Figure:
    """The comparison with a long title, for tests that change nothing of it."""
    return draw_compare(*compare_table(FAR), "w*: a we$^$ird_{ name\n" + "and a long note " * 20)


@pytest.fixture(scope="module")
def of_low_rank() -> Figure:
    """For tests that change nothing of it."""
    return draw_low_rank(*low_rank_table(FAR), "a title")


def compare_table(levels: dict[str, float]) -> tuple[pd.DataFrame, dict]:
    rows: list[dict] = [{"algorithm": "erm", "excess_risk": 2.0}]
    for place, name in enumerate(ALGORITHMS):
        for bits in (0.7, 1.5, 4.0):
            row = {"algorithm": name, "bits_per_weight": bits, "excess_risk": 9 / (bits + place / 9)}
            if name != "oracle":
                row |= {"minus_erm_sem": 0.05, "on_curve": bits != 1.5, "num_trials": 10}
            rows.append(row)
    record = {
        "levels": {"erm": 2.0, "ridge": 1.5, "nothing": 20.0, **levels},
        "configuration": {"rates": [0.5, 1.0]},
        "sentence": "At 1 bit a weight K-means wins.\nAt 2 bits a weight pruning wins.",
    }
    return pd.DataFrame(rows, columns=list(COMPARE)).astype({"num_trials": "Int64"}), record


def low_rank_table(levels: dict[str, float]) -> tuple[pd.DataFrame, dict]:
    rows: list[dict] = [{"projection": "erm", "excess_risk": 10.0}]
    for name in ("plain", "noise", "inputs", "information", "information_asymptotic"):
        for rank in range(5):
            row = {"projection": name, "rank": rank, "excess_risk": 4.0 + abs(rank - 2)}
            rows.append(row | ({} if "asym" in name else {"minus_erm_sem": 0.1, "num_trials": 10}))
    rows.append(
        {"projection": "information_threshold", "rank": 1.8, "excess_risk": 4.5, "minus_erm_sem": 0.1}
    )
    for name in ("rounded", "plain_quantized", "information_quantized"):
        for rank in (1, 2) if name != "rounded" else (None,):
            for bits in (0.5, 1.0, 2.0):
                rows.append({
                    "projection": name, "rank": rank, "step": 1 / bits, "bits_per_weight": bits * (rank or 2),
                    "excess_risk": 6 / bits, "excess_risk_sem": 0.1,
                })  # fmt: skip
    one = {"best_rank": 2, "excess_risk": 4.0}
    record = {
        "findings": {"erm": levels.get("ridge", 10.0), "true_rank": 2, "projections": {"information": one}},
        "sentence": "The true rank is 2.\nBy information the minimum is there.",
    }
    return pd.DataFrame(rows, columns=list(LOW_RANK)).astype({"num_trials": "Int64"}), record


def within_the_page(figure: Figure) -> None:
    figure.draw_without_rendering()
    for text in (figure._suptitle, *figure.texts):
        if text is not None:
            box = text.get_window_extent()
            assert box.x0 >= 0
            assert box.x1 <= figure.bbox.width
    for legend in figure.legends:
        box = legend.get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.width
        assert all(not box.overlaps(axes.get_window_extent()) for axes in figure.axes)


def test_every_code_has_a_look_of_its_own() -> None:
    assert set(compare_picture.LOOKS) == set(ALGORITHMS)
    looks = [(one.color, one.marker, str(one.linestyle)) for one in compare_picture.LOOKS.values()]
    assert len(set(looks)) == len(looks)


def test_curves_begin_at_nothing_sent_and_have_their_corners_alone(compared: Figure) -> None:
    within_the_page(compared)
    assert len(compared.axes) == 8
    drawn = set()
    for axes in compared.axes:
        for container in axes.containers:
            line, name = container.lines[0], str(container.get_label())
            drawn.add(name)
            begins = [] if name.startswith("oracle") else [20.0]
            bits = [0.0, 0.7, 4.0] if begins else [0.7, 1.5, 4.0]
            assert np.asarray(line.get_xdata(), float).tolist() == bits
            assert np.asarray(line.get_ydata(), float).tolist()[: len(begins)] == begins
    assert drawn == {look.label for look in compare_picture.LOOKS.values()}


@pytest.mark.parametrize(
    "levels",
    [
        FAR,
        *(
            pytest.param(levels, marks=pytest.mark.slow)
            for levels in ({"erm": 1e-3, "ridge": 1.5}, {}, {"nothing": 1.0})
        ),
    ],
)
def test_whatever_the_levels_are_the_picture_can_be_read(
    levels: dict[str, float], compared: Figure, of_low_rank: Figure
) -> None:
    figures = compared, of_low_rank
    if levels != FAR:
        figures = (
            draw_compare(*compare_table(levels), "a title"),
            draw_low_rank(*low_rank_table(levels), "a title"),
        )
    for figure in figures:
        assert faults(figure) == []


def test_every_code_is_in_every_panel_and_in_colour_in_its_family(
    compared: Figure, monkeypatch: pytest.MonkeyPatch
) -> None:
    for upper, (name, codes) in zip(compared.axes, compare_picture.FAMILIES.items(), strict=False):
        assert upper.get_title(loc="left") == name
        assert len(upper.containers) == len(codes)
        grey = [line for line in upper.lines if line.get_color() == "#BBBBBB"]
        assert len(grey) == len(ALGORITHMS) - len(codes)
    assert sorted(code for codes in compare_picture.FAMILIES.values() for code in codes) == sorted(ALGORITHMS)
    unsettled(monkeypatch, "compare")
    table, record = compare_table(FAR)
    table = table[~table["algorithm"].str.startswith("low_rank")]
    assert len(draw_compare(table, record).axes) == 6


def test_the_minimum_is_named_and_each_curve_of_factors_has_its_rank(of_low_rank: Figure) -> None:
    within_the_page(of_low_rank)
    ranks, bits = of_low_rank.axes
    assert "minimum: rank 2, 4" in [text.get_text() for text in ranks.texts]
    assert sorted(text.get_text() for text in bits.texts)[:4] == ["1", "1", "2", "2"]
    labels = {text.get_text() for text in bits.get_legend().get_texts()}
    assert labels == {
        "information, factors rounded",
        "plain SVD, factors rounded",
        "the matrix itself, rounded",
    }
    assert math.isclose(ranks.get_ylim()[1], bits.get_ylim()[1])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["compare-low-rank", "low-rank", "compare-two-level"])
def test_pictures_of_the_repository_are_of_their_tables(name: str) -> None:
    """Each can be drawn again from the table and the record beside it."""
    import json

    record = json.loads((FIGURES / f"{name}.json").read_text())
    table = pd.read_csv(FIGURES / f"{name}.csv")
    draw = draw_low_rank if name == "low-rank" else draw_compare
    within_the_page(draw(table, record, "a title"))


def test_networks_at_one_rank_alone() -> None:
    """As ``ratedist network-ranks --ranks 8`` has them: a logarithmic axis with one number."""
    table = pd.read_csv(FIGURES / "network-ranks.csv")
    figure = draw_network_ranks(table[table["rank"].isin([0, 8])], "One rank")
    assert faults(figure) == []
    for axes in figure.axes[:2]:
        assert axes.get_xlim() == (4.0, 16.0)
