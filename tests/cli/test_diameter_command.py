import json
import pathlib

import pandas as pd

from tests.cli.test_command_line import ratedist


def test_diameter_writes_picture_table_and_record(tmp_path: pathlib.Path) -> None:
    small = ("--d", "6", "--n", "12", "--trials", "40", "--clusters", "2", "--w-star", "two-level")
    done = ratedist(
        "diameter", *small, "--diameter-penalties", "0.5", "2", "--certified-trials", "1", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
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
    assert record["configuration"]["clusters"] == [2]
    assert "K = 2: DRHW" in done.stdout
    assert "above the certified optimum" in done.stdout


def test_bad_settings_are_one_line(tmp_path: pathlib.Path) -> None:
    done = ratedist("diameter", "--clusters", "99", cwd=tmp_path)
    assert done.returncode == 2
    assert "clusters must be at most d = 50, got 99" in done.stderr
    assert list(tmp_path.iterdir()) == []
