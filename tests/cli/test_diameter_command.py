import json
import pathlib

import pandas as pd


def test_diameter_writes_picture_table_and_record(ratedist, tmp_path: pathlib.Path) -> None:
    # As in tests/experiments/test_diameter.py, so that nothing has to be compiled again.
    small = ("--d", "20", "--n", "32", "--trials", "400", "--clusters", "2", "3", "--w-star", "two-level")
    # The certified optimum, of which each K compiles its own, is for tests/experiments/test_diameter.py.
    done = ratedist("diameter", *small, "--diameter-penalties", "0.1", "1", "4", "--certified-trials", "0")
    assert done.status == 0, done.err
    out = tmp_path / "figures"
    assert sorted(path.name for path in out.iterdir()) == [
        "diameter.csv", "diameter.json", "diameter.pdf", "diameter.png",
    ]  # fmt: skip
    assert (out / "diameter.png").read_bytes().startswith(b"\x89PNG")
    frame = pd.read_csv(out / "diameter.csv")
    assert set(frame["algorithm"]) == {
        "erm", "erm_shrunken", "kmeans", "hessian_weighted", "diameter_regularized", "descent", "shrunken",
    }  # fmt: skip
    record = json.loads((out / "diameter.json").read_text())
    assert record["precision"] == "float64"
    assert record["configuration"]["clusters"] == [2, 3]
    assert "K = 2: DRHW" in done.out
    assert "certified optimum" not in done.out


def test_bad_settings_are_one_line(ratedist, tmp_path: pathlib.Path) -> None:
    done = ratedist("diameter", "--clusters", "99")
    assert done.status == 2
    assert "clusters must be at most d = 50, got 99" in done.err
    assert list(tmp_path.iterdir()) == []
