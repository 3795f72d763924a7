"""Rank as a rate by its command."""

import json
import pathlib

import numpy as np
import pandas as pd
import pytest

from ratedist.cli.low_rank import describe
from ratedist.experiments.low_rank_config import LowRankConfig
from tests.cli.conftest import not_rendered, unsettled


def test_low_rank_writes_table_and_record(
    ratedist, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Tests of pictures look at them, and tests of figure files at what is written.
    monkeypatch.setattr("ratedist.cli.figure_files.drawn", not_rendered)
    unsettled(monkeypatch, "low_rank")
    # What is said of a step is said of many, and fewer points are compiled sooner.
    monkeypatch.setattr("ratedist.experiments.low_rank_bits.FACTOR_STEPS", (0.8,))
    monkeypatch.setattr("ratedist.experiments.low_rank_bits.WEIGHT_STEPS", (2.0, 0.7))
    small = ["--o", "2", "--d", "5", "--n", "12", "--rank", "1", "--trials", "30", "--scale", "1.0"]
    done = ratedist("low-rank", *small, "--noise", "0.5", "2.0", "--out", str(tmp_path))
    assert done.status == 0, done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"low-rank.{kind}" for kind in ("csv", "json", "pdf", "png")
    ]
    record = json.loads((tmp_path / "low-rank.json").read_text())
    assert record["sentence"] in done.out
    assert record["precision"] == "float64"
    assert record["configuration"]["noise"] == [0.5, 2.0]
    frame = pd.read_csv(tmp_path / "low-rank.csv")
    assert set(frame["projection"]) == set(record["projections"])
    erm = frame.loc[frame["projection"] == "erm", "excess_risk"].item()
    assert np.isclose(erm, 2 * 5 / (12 - 6))
    for name in ("plain", "noise", "inputs", "information"):
        rows = frame[frame["projection"] == name]
        assert rows["rank"].tolist() == [0, 1, 2]
        assert np.isclose(rows["minus_erm"].iloc[-1], 0)
    bits = frame[frame["step"].notna()]
    assert (bits["bits_per_weight"] > 0).all()
    assert set(bits["projection"]) == {"rounded", "plain_quantized", "information_quantized"}


def test_a_file_of_true_weights_is_kept(ratedist, tmp_path: pathlib.Path) -> None:
    np.save(tmp_path / "low-rank.npy", np.ones((3, 4)))
    done = ratedist("low-rank", "--w-star", "low-rank.npy", "--rank", "2")
    assert done.status == 2
    assert 'rank is for w_star "planted", got 2' in done.err
    np.save(tmp_path / "vector.npy", np.ones(4))
    assert "two dimensions" in ratedist("low-rank", "--w-star", "vector.npy").err
    assert "cannot read missing.npy" in ratedist("low-rank", "--w-star", "missing.npy").err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["low-rank.npy", "vector.npy"]


def test_the_head_says_what_error_bars_are_of() -> None:
    """Rank 0 is exact, and its bar that of least squares: the difference has it."""
    assert describe(LowRankConfig()).endswith("in (a) of the difference from least squares")
