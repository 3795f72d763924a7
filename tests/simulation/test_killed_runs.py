"""Runs that are killed and taken up: every trial counts once, and the sums are those of a run in one go."""

import os
import pathlib
import signal
import subprocess
import sys
import time
import warnings

import numpy as np

from ratedist.simulation.accumulation import BLOCK, Accumulation
from ratedist.simulation.checkpoint import FIELDS, opened
from ratedist.simulation.loop import run_trials
from ratedist.simulation.trials import Column

IDENTITY = {"run": ["1", "1"]}
NUM_TRIALS, BATCH = 40 * BLOCK + 5, 300
# One process after the other, each to be killed.
PROGRAM = """
import os, sys, warnings
sys.path.insert(0, sys.argv[2])
from tests.simulation.test_killed_runs import run
warnings.simplefilter("ignore")  # JAX, of which nothing is used here, does not like processes that fork
for _ in range(3):
    if not (child := os.fork()):
        run(sys.argv[1], pause=0.005)
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


def batch(start: int, count: int) -> dict[str, Column]:
    """Values that depend on the number of a trial alone; the first is the number itself."""
    numbers = np.arange(start, start + count)
    return {"risk": Column(("number", "sine"), np.stack([numbers, np.sin(numbers**1.5)], axis=1))}


def run(path: str | pathlib.Path | None, pause: float = 0.0, trials: int = NUM_TRIALS) -> Accumulation:
    def values(start: int, count: int) -> dict[str, Column]:
        time.sleep(pause)
        return batch(start, count)

    options = {"save_seconds": 0.0, "target": None, "samples": None, "progress": False}
    if path is None:
        return run_trials(values, trials, BATCH, kept=None, **options)
    with opened(path, IDENTITY) as kept:
        return run_trials(values, trials, BATCH, kept=kept, **options)


def assert_same(found: Accumulation, expected: Accumulation) -> None:
    assert found.num_trials == expected.num_trials
    for field in FIELDS:
        first, second = (getattr(one.moments()["risk"], field) for one in (found, expected))
        np.testing.assert_array_equal(first, second)


def size(path: pathlib.Path) -> int:
    return path.stat().st_size if path.exists() else 0


def test_killed_three_times(tmp_path: pathlib.Path) -> None:
    path, root = tmp_path / "state", pathlib.Path(__file__).parents[2]
    command = [sys.executable, "-c", PROGRAM, str(path), str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(3):
            child, before = int(process.stdout.readline()), size(path)
            while before <= size(path) < before + 3000:  # it may be written anew
                time.sleep(0.002)
            os.kill(child, signal.SIGKILL)
            assert int(process.stdout.readline()) == signal.SIGKILL  # there was something left to do
    with opened(path, IDENTITY) as kept:
        held = kept.state.num_trials
    assert 0 < held < NUM_TRIALS
    total = run(path)
    assert_same(total, run(None))
    # The sum of the numbers of all trials: none is missing, none is there twice.
    mean = total.moments()["risk"].mean[0]
    assert round(mean * NUM_TRIALS) == NUM_TRIALS * (NUM_TRIALS - 1) // 2
    assert [one.name for one in tmp_path.iterdir()] == ["state"]


def test_only_what_is_not_held_is_computed_and_from_where_a_batch_begins(tmp_path: pathlib.Path) -> None:
    path, seen = tmp_path / "state", []
    for trials in (100, 700, 700, 3000):  # each a run of its own, the third with nothing to do
        run(path, trials=trials)
    expected = run(None, trials=3000)
    with opened(path, IDENTITY) as kept:
        assert_same(kept.state, expected)

        def values(start: int, count: int) -> dict[str, Column]:
            seen.append((start, count))
            return batch(start, count)

        options = {"save_seconds": 0.0, "target": None, "samples": None, "progress": False}
        assert_same(run_trials(values, 3500, 256, kept=kept, **options), run(None, trials=3500))
    assert seen == [(2816, 256), (3072, 256), (3328, 172)]


def test_a_changed_byte_and_the_run_goes_on(tmp_path: pathlib.Path) -> None:
    """Whatever record it is in, the end is the same."""
    path = tmp_path / "state"
    run(path, trials=5 * BLOCK)
    whole, expected = path.read_bytes(), run(None, trials=6 * BLOCK + 1)
    for place in np.linspace(200, len(whole) - 2, 20).astype(int).tolist():
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert_same(run(path, trials=6 * BLOCK + 1), expected)
