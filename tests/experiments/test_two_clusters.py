"""The first picture's numbers, found again without the package."""

import numpy as np
import pandas as pd
import pytest

from ratedist.cli.two_clusters import summary
from ratedist.experiments.table import Table
from ratedist.experiments.two_clusters import D, N, TwoClustersConfig, run
from ratedist.plotting.two_clusters import draw_two_clusters

pytestmark = pytest.mark.usefixtures("traces_kept")
W_STAR = np.where(np.arange(D) % 2 == 0, 1.0, -1.0)


@pytest.fixture(scope="module")
def table() -> Table:
    return run(TwoClustersConfig(num_trials=400))


def two_values(fitted: np.ndarray) -> np.ndarray:
    """The best two values by trying every cut of the sorted weights, of each row of ``(…, D)``."""
    in_order = np.sort(fitted)
    # What is lost is the sum of squares, less that of the sums' squares over how many they are of.
    counts, sums = np.arange(1, D), np.cumsum(in_order, axis=-1)
    below, above = sums[..., :-1], sums[..., -1:] - sums[..., :-1]
    cut = 1 + np.argmax(below**2 / counts + above**2 / (D - counts), axis=-1)[..., None]
    upper = fitted >= np.take_along_axis(in_order, cut, axis=-1)
    means = [
        np.sum(fitted * part, axis=-1, keepdims=True) / part.sum(-1, keepdims=True)
        for part in (~upper, upper)
    ]
    return np.where(upper, means[1], means[0])


def test_the_fit_and_its_two_centres(table: Table) -> None:
    frame, record = table.frame, table.record
    np.testing.assert_array_equal(frame["true_weight"], W_STAR)
    compressed = two_values(frame["fitted_weight"].to_numpy())
    np.testing.assert_allclose(frame["compressed_weight"], compressed, rtol=1e-12)
    np.testing.assert_allclose(record["centers"], np.unique(compressed), rtol=1e-12)
    for name, column in (("erm", "fitted_weight"), ("two_clusters", "compressed_weight")):
        exact = 1 + np.sum((frame[column] - W_STAR) ** 2)
        assert record["of_this_fit"][name] == pytest.approx(exact, rel=1e-12)


def test_the_risks_are_those_of_least_squares(table: Table) -> None:
    """Against data sets drawn and fitted by NumPy, within four standard errors of the difference."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, N, D))
    y = X @ W_STAR + rng.normal(size=(400, N))
    transposed = np.swapaxes(X, 1, 2)
    fitted = np.linalg.solve(transposed @ X, transposed @ y[..., None])[..., 0]
    pairs = {
        name: 1 + np.sum((W - W_STAR) ** 2, axis=1)
        for name, W in (("erm", fitted), ("two_clusters", two_values(fitted)))
    }
    for name, values in pairs.items():
        ours = table.record["population_risk"][name]
        sem = np.hypot(ours["sem"], values.std(ddof=1) / 20)
        assert sem < 0.05
        assert abs(ours["mean"] - values.mean()) < 4 * sem
    paired = pairs["two_clusters"] - pairs["erm"]
    sem = np.hypot(table.record["difference"]["sem"], paired.std(ddof=1) / 20)
    assert abs(table.record["difference"]["mean"] - paired.mean()) < 4 * sem


def test_the_picture_can_be_read(table: Table) -> None:
    """Every text of at least twelve points, and every number the record's."""
    figure = draw_two_clusters(table.frame, table.record)
    axes_texts = [text for axes in figure.axes for text in [*axes.texts, *axes.get_xticklabels()]]
    assert min(text.get_fontsize() for text in [*axes_texts, *figure.legends[0].get_texts()]) >= 12
    shown = [text.get_text() for axes in figure.axes for text in axes.texts]
    for risk in table.record["population_risk"].values():
        assert f"{risk['mean']:.3f} ± {risk['sem']:.3f}" in shown
    assert sum(patch.get_height() for patch in figure.axes[0].patches) == D
    assert "two clusters: population risk 1." in summary(table.record)
    assert isinstance(table.frame, pd.DataFrame)


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="num_trials must be at least 2, got 1"):
        TwoClustersConfig(num_trials=1).check()
    with pytest.raises(ValueError, match="num_trials must be at most 4294967295, got 4294967296"):
        TwoClustersConfig(num_trials=2**32).check()
