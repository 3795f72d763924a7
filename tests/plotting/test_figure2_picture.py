"""The picture of Figure 2 for weights of one's own: nothing off its panel, no flat curves, said in words."""

import functools
import itertools
import math
import warnings
from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from ratedist.cli.figure2 import summary
from ratedist.experiments.figure2 import COLUMNS, QUANTITIES
from ratedist.plotting.figure2 import draw_figure2
from tests.cli.conftest import unsettled
from tests.plotting.readable import faults


def table(
    risks: list[float], bound: float = 100.0, codebook_risk: float = 1.0, erm: float = 2.0
) -> pd.DataFrame:
    """A frame like that of the experiment, with K-means of these population risks at K = 1, 2, …"""
    rows = [{"algorithm": "erm", "generalization_error": 1.0, "distortion": 0.0, "population_risk": erm}]
    for K, risk in enumerate(risks, 1):
        cells = dict.fromkeys(QUANTITIES, 0.5) | {"distortion": risk - 1.0, "population_risk": risk}
        cells |= {f"{name}_sem": 0.01 for name in QUANTITIES}
        rate = {"parameter": float(K), "rate_nats": math.log(K), "rate_bits": math.log2(K)}
        rows.append({"algorithm": "kmeans_optimal", **rate, **cells})
        for name in ("bound_proposition1", "plug_in_proposition1"):
            value = bound * math.sqrt(math.log(K))
            rows.append({"algorithm": name, **rate, "generalization_error": value})
        codebook = cells | {"population_risk": codebook_risk * risk}
        rows.append({"algorithm": "fixed_codebook", **rate, **codebook})
    for alpha, rate in ((1.0, 0.0), (0.5, 1.0), (0.1, math.log2(max(len(risks), 2)))):
        cells = dict.fromkeys(QUANTITIES, 1.0) | {f"{name}_sem": 0.01 for name in QUANTITIES}
        rows.append({"algorithm": "oracle", "parameter": alpha, "rate_bits": rate, **cells})
        rows.append({"algorithm": "distortion_rate_tight", "rate_bits": rate, "distortion": 1.0 - rate / 9})
    return pd.DataFrame(rows, columns=list(COLUMNS))


@pytest.fixture(autouse=True, scope="module")
def _figures_are_closed() -> Iterator[None]:
    yield
    _drawn.cache_clear()
    plt.close("all")


def drawn(
    risks: list[float],
    bound: float = 100.0,
    codebook_risk: float = 1.0,
    title: str = "",
    settled: bool = True,
) -> tuple[Figure, str]:
    """The figure and what is above it; it is drawn once, so no test may change it.

    Not settled is enough for who asks what is drawn, and not where it stands.
    """
    return _drawn(tuple(risks), bound, codebook_risk, title, settled)


@functools.cache
def _drawn(
    risks: tuple[float, ...], bound: float, codebook_risk: float, title: str, settled: bool
) -> tuple[Figure, str]:
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("error")
        if not settled:
            unsettled(patch, "figure2")
        figure = draw_figure2(table(list(risks), bound, codebook_risk), title)
    return figure, figure.get_suptitle()


def abscissas(figure: Figure, panel: int, label: str) -> list[float]:
    (line,) = [
        container.lines[0]
        for container in figure.axes[panel].containers
        if container.get_label().startswith(label)
    ]
    return np.asarray(line.get_xdata(), dtype=float).tolist()


@pytest.mark.parametrize(
    "bound", [1e6, *(pytest.param(bound, marks=pytest.mark.slow) for bound in (0.7, 3.0, 99.0))]
)
def test_the_papers_comparison_is_in_one_panel(bound: float) -> None:
    # K = 1 is in the table, and its bounds are zero: no line falls from the others to the bottom.
    figure, _ = drawn([2.2, 2.0, 1.9], bound)
    figure.draw_without_rendering()
    panel = figure.axes[0]
    low, high = panel.get_ylim()
    for label in ("Proposition 1", "plug-in"):
        (line,) = [one.lines[0] for one in panel.containers if one.get_label().startswith(label)]
        values, bits = np.asarray(line.get_ydata(), float), np.asarray(line.get_xdata(), float)
        assert np.all((values > 0) & (values < high))
        assert np.all(bits > 0)
        assert any(text.get_text().startswith(label) for text in panel.texts)
    assert {one.get_label() for one in panel.containers} >= {"K-means, optimal", "oracle (knows w*)"}
    assert "ERM" in [text.get_text() for text in panel.texts]
    labels = [
        label.get_window_extent()
        for tick in (*panel.yaxis.get_major_ticks(), *panel.yaxis.get_minor_ticks())
        if (label := tick.label1).get_text() and low <= tick.get_loc() <= high
    ]
    assert len(labels) >= 3
    for one, other in itertools.combinations(labels, 2):
        assert not one.overlaps(other)
    assert faults(figure) == []


@pytest.mark.parametrize(
    ("bound", "scale"),
    [(0.7, "linear"), pytest.param(99.0, "symlog", marks=pytest.mark.slow), (1e6, "symlog")],
)
def test_only_far_bounds_make_the_axis_logarithmic_and_only_above(bound: float, scale: str) -> None:
    # The far bounds' picture is drawn above.
    panel = drawn([2.2, 2.0, 1.9], bound, settled=bound == 1e6)[0].axes[0]
    assert panel.get_yscale() == scale
    assert ("logarithmic" in panel.get_ylabel()) == (scale == "symlog")
    # Whatever is bounded is where the axis is linear.
    heights = panel.transData.transform([(0, value) for value in (0.0, 0.5, 1.0)])[:, 1]
    assert heights[2] - heights[1] == pytest.approx(heights[1] - heights[0])


def test_without_a_bound_above_zero_the_axis_is_plain() -> None:
    figure, title = drawn([1.3], settled=False)
    assert figure.axes[0].get_yscale() == "linear"
    assert figure.axes[0].get_title(loc="left") == "(a) generalisation error"
    assert title == ""


def test_fixed_codebooks_are_in_all_panels_or_in_none() -> None:
    for codebook_risk, there in ((1.0, True), (1e3, False)):
        figure, title = drawn([2.2, 2.0, 1.9], 1e6, codebook_risk, settled=there)
        for axes in figure.axes:
            labels = [one.get_label() for one in axes.containers]
            assert any(label.startswith("fixed codebook") for label in labels) == there
        assert ("fixed codebook off scale at K = 1, 2, 3" in title) != there


@pytest.mark.parametrize(
    ("risks", "left_out", "words"),
    [
        pytest.param(
            *([51.0, 1.1, 1.7, 2.0], 1, "K = 1 off scale: distortion 50.0, population risk 51.0"),
            marks=pytest.mark.slow,
        ),
        (
            [49.0, 17.0, 9.0, 2.5, 2.4, 2.3],
            3,
            "K = 1 to 3 off scale: distortion 48.0 to 8.0, pop",
        ),
        pytest.param([2.9, 2.5, 2.4], 0, "", marks=pytest.mark.slow),
        ([1e6, 1e4], 1, "distortion 1e+06, population risk 1e+06"),  # the best is always drawn
        pytest.param([1e6], 0, "", marks=pytest.mark.slow),
    ],
)
def test_few_clusters_never_flatten_the_panels(risks, left_out, words) -> None:
    figure, title = drawn(risks, settled=False)
    assert words in title
    assert ("off scale" in title) == bool(left_out)
    population = len(figure.axes) - 1
    rates = [math.log2(K) for K in range(left_out + 1, len(risks) + 1)]
    assert abscissas(figure, population, "K-means") == rates
    if len(risks) > 2:
        codebooks = abscissas(figure, 0, "fixed codebook")
        if left_out < 2:
            assert codebooks == [math.log2(K) for K in range(2 if left_out else 1, len(risks) + 1)]


@pytest.mark.parametrize("risks", [[9.0, 2.6, 2.5, 2.4], [2.6, 2.4, 2.2, 1.8, 2.0]])
def test_the_least_risk_is_named_within_its_panel(risks: list[float]) -> None:
    figure, _ = drawn(risks, title="A title")
    figure.draw_without_rendering()
    panel = figure.axes[-1]
    (text,) = [text for text in panel.texts if text.get_text() != "ERM"]
    assert text.get_text() == f"minimum: K = {np.argmin(risks) + 1}, {min(risks):.4g}"
    box, frame = text.get_window_extent(), panel.get_window_extent()
    assert frame.x0 <= box.x0
    assert box.x1 <= frame.x1 + 1
    assert frame.y0 <= box.y0
    assert box.y1 <= frame.y1


def test_the_least_risk_at_the_largest_k_is_said() -> None:
    words = "the least population risk of K-means is at the largest K tried, 4"
    assert words in drawn([9.0, 2.6, 2.5, 2.4], title="A title")[1].splitlines()[1]
    assert "largest" not in drawn([2.6, 2.4, 2.2, 1.8, 2.0], title="A title")[1]

    def report(best: int, d: int, largest: int) -> str:
        method = {
            "num_clusters": best, "population_risk": 3.3e-6, "population_risk_sem": 1e-7,
            "minus_erm": 0.0, "minus_erm_sem": 0.0,
        }  # fmt: skip
        configuration = {"d": d, "max_clusters": largest, "num_trials": 100}
        return summary({"best": {"kmeans_optimal": method}, "configuration": configuration})

    assert "at K = 4, (3.30 ± 0.10)e-06; minus ERM's, paired: 0 ± 0; it is the largest K tried" in report(
        4, 9, 4
    )
    assert "at K = d each weight has a value of its own" in report(4, 4, 4)
    assert "largest" not in report(3, 4, 4)
    assert "at K = d" not in report(3, 4, 4)


def test_names_of_files_are_no_formulas_and_long_ones_stay_on_the_page() -> None:
    name = "w*: " + "of a long name " * 20 + "we$^$ird_{.npy"
    figure, title = drawn([2.2, 2.0], title=name, settled=False)
    assert "we$^$ird_{.npy" in title
    text = figure._suptitle
    assert text is not None
    box = text.get_window_extent()
    assert box.x0 > 0
    assert box.x1 < figure.bbox.width
