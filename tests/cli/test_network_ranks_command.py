import json
import pathlib

import pandas as pd


def test_network_ranks_writes_picture_table_and_record(ratedist, tmp_path: pathlib.Path) -> None:
    # As in tests/experiments/test_network_ranks.py, so that nothing has to be compiled again.
    small = ("--models", "1", "--ranks", "4", "--bits", "2", "--epochs", "3", "--prox-every", "20")
    small += ("--fine-tuning-epochs", "1")
    done = ratedist("network-ranks", "digits", *small)
    assert done.status == 0, done.err
    out = tmp_path / "figures"
    assert sorted(path.name for path in out.iterdir()) == [
        f"network-ranks.{kind}" for kind in ("csv", "json", "pdf", "png")
    ]
    frame = pd.read_csv(out / "network-ranks.csv")
    assert set(frame["rank"]) == {0, 4}
    record = json.loads((out / "network-ranks.json").read_text())
    assert record["configuration"]["ranks"] == [4]
    assert "1 network on digits (64-64-64-10), trained for 135 steps on 454 images" in done.out
    assert all(line in done.out for line in record["verdicts"])
    assert (tmp_path / "networks" / "digits-000-ranks.journal").exists()


def test_bad_settings_are_one_line(ratedist, tmp_path: pathlib.Path) -> None:
    done = ratedist("network-ranks", "digits", "--ranks", "99")
    assert (done.status, len(done.err.splitlines())) == (2, 1)
    assert "ranks must be at most 63, got 99" in done.err
    assert ratedist("network-ranks", "cifar10").status == 2
    assert ratedist("network-ranks").status == 2
    assert list(tmp_path.iterdir()) == []
