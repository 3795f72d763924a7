"""The comparison of codes by the installed command."""

import json
import os
import pathlib
import subprocess
import sysconfig

import pandas as pd
import pytest

from ratedist.experiments.compare_names import ALGORITHMS

PROGRAM = pathlib.Path(sysconfig.get_path("scripts")) / "ratedist"
IGNORED = "error,ignore:Error reading persistent compilation cache entry"


@pytest.mark.slow
@pytest.mark.parametrize("w_star", ["sparse", "low-rank"])
def test_compare_writes_picture_table_and_record(w_star: str, tmp_path: pathlib.Path) -> None:
    """All codes: half a minute of compilation."""
    small = {"sparse": ["--d", "10"], "low-rank": ["--o", "3", "--d", "6", "--rank", "1"]}[w_star]
    done = subprocess.run(
        [PROGRAM, "compare", "--w-star", w_star, *small, "--trials", "30", "--out", str(tmp_path)],
        capture_output=True, text=True, timeout=900, check=False,
        env={**os.environ, "PYTHONWARNINGS": IGNORED},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    names = [f"compare-{w_star}.{kind}" for kind in ("csv", "json", "pdf", "png")]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    record = json.loads((tmp_path / names[1]).read_text())
    assert record["sentence"] in done.stdout
    assert [one["rate"] for one in record["verdicts"]] == [0.5, 1.0, 2.0]
    frame = pd.read_csv(tmp_path / names[0])
    expected = set(ALGORITHMS) if w_star == "low-rank" else {n for n in ALGORITHMS if "low_rank" not in n}
    assert set(frame["algorithm"]) == expected | {"erm"}
    assert (frame["excess_risk"] >= 0).all()


def test_bad_settings_are_one_line(ratedist, tmp_path: pathlib.Path) -> None:
    for arguments, words in (
        (["--w-star", "lowrank"], "w_star must be one of two-level, gaussian, sparse, low-rank or a .npy"),
        (["--rank", "2"], 'o and rank are for w_star "low-rank"'),
        (["--rates", "-1"], "rates must be one number above zero"),
        (["--trials", "1"], "trials must be at least 2"),
    ):
        done = ratedist("compare", *arguments)
        assert done.status == 2
        assert words in done.err
        assert len(done.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
