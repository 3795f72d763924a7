"""Phase diagrams: each panel has the numbers of its own cells on its axes, and nothing told is no warning."""

import itertools
from collections.abc import Iterator

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from ratedist.plotting.phase_diagram import draw_phase_diagram
from tests.cli.conftest import unsettled
from tests.plotting.readable import faults


@pytest.fixture(autouse=True)
def _figures_are_closed() -> Iterator[None]:
    yield
    plt.close("all")


def rows(verdict: str, sizes: tuple[int, ...] = (20, 50)) -> pd.DataFrame:
    """Of d weights, n and noise; the best K is d / 10."""
    return pd.DataFrame(
        {
            "d": d, "n": n, "separation_to_noise": separation, "d_over_n": d / n, "chosen": True,
            "algorithm": "kmeans_optimal", "parameter": d // 10, "verdict": verdict, "share": 0.5,
        }
        for d, n, separation in itertools.product(sizes, (100, 200), (1.0, 4.0))
    )  # fmt: skip


RECORD = {"panels": ["d"], "errors_ahead": 4.0}


def test_every_panel_has_its_own_numbers_of_weights_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """They differ where d makes panels and n runs across, also in rows below each other."""
    unsettled(monkeypatch, "phase_diagram")
    sizes = (20, 50, 60, 80)
    figure = draw_phase_diagram(rows("helps", sizes), RECORD)
    drawn = [axes for axes in figure.axes if axes.get_title(loc="left")]
    assert [axes.get_title(loc="left") for axes in drawn] == [f"d = {d}" for d in sizes]
    for d, axes in zip(sizes, drawn, strict=True):
        assert [text.get_text() for text in axes.get_xticklabels()] == [f"{d / n:.2g}" for n in (200, 100)]
        assert [text.get_text() for text in axes.get_yticklabels()] == ["1", "4"]
        assert all(text.get_visible() for text in axes.get_xticklabels())
        assert {text.get_text() for text in axes.texts} == {str(d // 10)}


def test_where_nothing_is_told_or_gained_there_are_signs() -> None:
    signs = {"undecided": "·", "harms": "–"}
    table = pd.concat([rows(verdict, (d,)) for verdict, d in zip(signs, (20, 50), strict=True)])
    figure = draw_phase_diagram(table.reset_index(drop=True), RECORD)
    for axes, sign in zip(figure.axes[:2], signs.values(), strict=True):
        assert [text.get_text() for text in axes.texts if text.get_text()] == [sign] * 4
    assert faults(figure) == []
