"""``ratedist sweep``: what it says before it starts, what it writes, and with others that share it."""

import os
import pathlib
import socket
import subprocess
import sys

import pandas as pd
import pytest

from ratedist.cli import parse, sweep
from ratedist.experiments.table import Table
from tests.cli.conftest import not_rendered

TINY = ("sweep", "figure2", "--d", "6", "--max-clusters", "3", "--trials", "512", "--grid", "n=12,20")


def test_a_dry_run_says_the_cost_and_does_nothing(ratedist, tmp_path: pathlib.Path) -> None:
    done = ratedist(*TINY, "noise_variance=1,2,3", "--dry-run")
    assert done.status == 0
    assert done.out.startswith("6 points, 3,072 trials: predicted are ")
    assert "CPU-seconds" in done.out
    assert list(tmp_path.iterdir()) == []


def test_a_plane_is_drawn_and_a_line_is_a_table(
    ratedist, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Tests of pictures look at them; here it is which are drawn.
    monkeypatch.setattr("ratedist.cli.figure_files.drawn", not_rendered)
    done = ratedist(*TINY, "noise_variance=0.5,2", "--out", "mine")
    assert done.status == 0, done.err
    assert "4 points, 4 of them computed now" in done.out
    names = {path.name for path in (tmp_path / "mine").iterdir()}
    assert names == {f"phase-diagram.{kind}" for kind in ("png", "pdf", "csv", "json")}
    frame = pd.read_csv(tmp_path / "mine" / "phase-diagram.csv")
    assert len(frame) == 4 * (1 + 3 + 2)  # ERM, three K, codebooks of one and two levels
    assert frame["minus_erm_sem"].notna().sum() == 4 * 5
    done = ratedist(*TINY, "--out", "line")
    assert "written: line/sweep.csv, .json" in done.out
    assert {path.name for path in (tmp_path / "line").iterdir()} == {"sweep.csv", "sweep.json"}


def test_a_head_says_how_many_weights_there_are_and_a_point_is_one() -> None:
    """Files of true weights may be of different lengths."""
    record = {"configuration": {"covariance": "identity", "num_trials": 8}, "grid": {"w_star": []}}
    for sizes, words in (([4, 6, 5], "d from 4 to 6"), ([4, 4, 4], "d = 4")):
        frame = pd.DataFrame({"d": sizes, "parameter": [1, 2, 3]})
        assert sweep.describe(Table(frame, record)).startswith(f"{words}, Σ = I, 8 trials a point")
    assert (
        sweep.summary({"points": 1, "points_computed": 1, "found": {}}) == "1 point, 1 of them computed now"
    )


ADDRESS = ("--coordinator", "a:1")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--num-processes", "2"), "got no coordinator and no process_id"),
        ((*ADDRESS, "--num-processes", "2"), "got no process_id"),
        ((*ADDRESS, "--num-processes", "2", "--process-id", "2"), "from 0 to num_processes - 1 = 1"),
        ((*ADDRESS, "--num-processes", "0", "--process-id", "0"), "num_processes must be at least 1"),
        (("--coordinator", "a", "--num-processes", "2", "--process-id", "0"), "must be HOST:PORT, got 'a'"),
        (
            ("--coordinator", "a:0", "--num-processes", "2", "--process-id", "0"),
            "port from 1 to 65535, got 0",
        ),
        (("--coordinator", "a:70000", "--num-processes", "2", "--process-id", "1"), "to 65535, got 70000"),
        (("--distributed", "--process-id", "0"), "distributed has JAX find out what process_id says"),
    ],
)
def test_options_that_name_no_processes_are_refused_at_once(ratedist, options, words) -> None:
    done = ratedist(*TINY, *options)
    assert done.status == 2
    assert words in done.err


@pytest.mark.parametrize("name", ["figure2", "verify", "mnist", "cifar10"])
def test_commands_that_several_processes_share(name: str) -> None:
    options = parse(
        [name, "--coordinator", "host:1234", "--num-processes", "3", "--process-id", "1"]
    ).processes
    assert (options.coordinator, options.num_processes, options.process_id) == ("host:1234", 3, 1)
    assert parse([name, "--distributed"]).processes.several
    assert not parse([name]).processes.several


@pytest.mark.slow
def test_two_processes_write_what_one_writes(ratedist, tmp_path: pathlib.Path) -> None:
    words = [*TINY, "noise_variance=0.5,2"]
    assert ratedist(*words, "--out", "alone").status == 0
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    words += ["--coordinator", address, "--num-processes", "2", "--out", "shared", "--process-id"]
    for number in range(2):
        (tmp_path / f"by-{number}").mkdir()
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "ratedist", *words, str(number)],
            cwd=tmp_path / f"by-{number}", env={**os.environ, "JAX_PLATFORMS": "cpu"}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for number in range(2)
    ]  # fmt: skip
    said = [one.communicate(timeout=240) for one in started]
    assert [one.returncode for one in started] == [0, 0], said
    assert said[1][0] == ""
    assert not (tmp_path / "by-1/shared").exists()
    alone, shared = (tmp_path / name / "phase-diagram.csv" for name in ("alone", "by-0/shared"))
    assert shared.read_bytes() == alone.read_bytes()
