"""The table of the exact curve and its bounds."""

import dataclasses

import numpy as np
import pytest

from ratedist.experiments.rate_distortion import COLUMNS, RateDistortionConfig, run
from ratedist.experiments.table import Table


@pytest.fixture(scope="module")
def table() -> Table:
    return run(RateDistortionConfig(d=10, n=(16, 60), points=3))


def test_every_point_is_certified_and_the_bounds_are_in_order(table) -> None:
    assert tuple(table.frame.columns) == COLUMNS
    assert table.record["certified_points"] == table.record["points"] == 6
    assert table.record["largest_gap_nats"] < 1e-3
    wide = table.frame.pivot(index=["n", "distortion"], columns="curve", values="rate_nats")
    exact = table.frame.query("curve == 'exact'")
    assert np.all(exact["rate_lower_nats"] <= exact["rate_nats"])
    slack = 1e-9 * wide["exact"].max()
    for below, above in (
        ("exact", "envelope"),
        ("envelope", "tight"),
        ("tight", "paper"),
        ("exact", "asymptote"),
    ):
        assert np.all(wide[below] <= wide[above] + slack), (below, above)
    # Remark 2's expression is no lower bound for the distortion of the data.
    assert np.all(wide["remark2"] > wide["exact"])


def test_excess_is_over_the_exact_rate(table) -> None:
    frame = table.frame
    np.testing.assert_allclose(frame["rate_bits"] - frame["exact_rate_bits"], frame["excess_bits"], atol=1e-9)
    assert np.all(frame.query("curve == 'exact'")["excess_bits"] == 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": ()}, "n must name at least one"),
        ({"n": (80, 51)}, r"n > d \+ 1 = 51, got n = 51"),
        ({"points": 1}, "points must be at least 2"),
        ({"points": 2**63}, "points must be at most 1000000"),
        ({"noise_variance": 0.0}, "noise_variance must be one number above zero"),
        ({"noise_variance": 5e-324}, "noise_variance must be at least 1e-300"),
    ],
)
def test_settings_without_a_figure_are_refused(change, message) -> None:
    with pytest.raises(ValueError, match=message):
        run(dataclasses.replace(RateDistortionConfig(), **change))


def test_points_out_of_time_are_bracketed_and_say_why() -> None:
    table = run(RateDistortionConfig(d=3, n=(8,), points=2, time_limit=1e-9))
    assert table.record["certified_points"] == 0
    assert len(table.record["not_certified_because"]) == 2
    assert all("time_limit" in reason for reason in table.record["not_certified_because"])
    exact = table.frame.query("curve == 'exact'")
    assert np.isfinite(exact[["rate_nats", "rate_lower_nats", "distortion"]]).all(axis=None)
