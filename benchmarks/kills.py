"""SIGKILL at fifty random moments of a run, taken up each time: it ends with the numbers of one in one go.

    python benchmarks/kills.py [--kills 50] [--trials 4000000] [--seconds 2.0] [--seed 0]

The run is ``rd.simulate`` with a checkpoint that is saved after every batch, so that many kills hit a saving.
Half of the kills come before a start has saved anything, or soon after. The others come uniformly within
``--seconds`` after it has. Exit status 1 if trials were lost or counted twice, a number differs in its last
bit, or a file was left behind.
"""

import argparse
import json
import os
import pathlib
import random
import signal
import sys
import tempfile
import time
import warnings

import jax

import ratedist as rd
from ratedist.files.journal import decoded
from ratedist.simulation import runner
from ratedist.simulation.checkpoint import FIELDS, TITLE, unpacked

MODEL = rd.GaussianLinearModel(16, rd.two_level_weights(6), 0.5, rd.ar1_covariance(6, 0.5))
COMPRESSORS = {"erm": rd.ERM(), "kmeans": rd.KMeans(2), "oracle": rd.Oracle(alpha=0.3)}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--trials", type=int, default=4_000_000)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", r"os.fork\(\) was called")  # JAX has started no threads here yet
    jax.config.update("jax_enable_x64", True)
    runner.CHECKPOINT_SECONDS = 0.0
    moments, faults, cuts = random.Random(options.seed), [], 0
    with tempfile.TemporaryDirectory() as base:
        state, whole, killed = (pathlib.Path(base) / name for name in ("state.bin", "whole", "killed"))
        # The first run compiles, and all others read it.
        jax.config.update("jax_compilation_cache_dir", str(pathlib.Path(base) / "programs"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        begun = time.monotonic()
        status = os.waitpid(started(options.trials, None, whole), 0)[1]
        print(
            f"{options.trials} trials in one go: {time.monotonic() - begun:.0f} s, status {status}",
            flush=True,
        )
        held, start = 0, 0.0
        for number in range(1, options.kills + 1):
            begun = time.monotonic()
            process = started(options.trials, state, killed)
            if number % 2:
                await_more(state, process)
                start = time.monotonic() - begun
                time.sleep(moments.uniform(0.0, options.seconds))
            else:
                time.sleep(moments.uniform(0.0, start))
            os.kill(process, signal.SIGKILL)
            if os.waitpid(process, 0)[1] != signal.SIGKILL:
                print(f"ended before kill {number}: more --trials are needed")
                return 1
            trials, damaged, cut = found_in(state)
            if trials < held or damaged:
                faults.append(f"kill {number}: {held} trials before, {trials} after, {damaged} damaged")
            seconds = time.monotonic() - begun
            print(
                f"kill {number} after {seconds:.2f} s: {trials} trials" + ", a record was cut" * cut,
                flush=True,
            )
            held, cuts = trials, cuts + cut
        os.waitpid(started(options.trials, state, killed), 0)
        same = killed.read_bytes() == whole.read_bytes()
        trials = found_in(state)[0]
        faults += [
            f"left behind: {one.name}" for one in pathlib.Path(base).iterdir() if one.name not in KNOWN
        ]
    print(f"{options.kills} kills, {cuts} in the middle of a record; {held} trials at the last")
    print(f"{trials} trials in the end; every number {'the same bits' if same else 'NOT THE SAME'}")
    print(*faults, sep="\n")
    return int(not same or bool(faults) or trials != options.trials)


KNOWN = {"state.bin", "whole", "killed", "programs"}


def started(num_trials: int, state: pathlib.Path | None, result: pathlib.Path) -> int:
    """A process that simulates and writes all moments it finds."""
    if process := os.fork():
        return process
    found = rd.simulate(MODEL, COMPRESSORS, num_trials, jax.random.key(0), checkpoint_path=state)
    numbers = {
        quantity: {"count": moments.count}
        | {field: getattr(moments, field).tobytes().hex() for field in FIELDS}
        for quantity, moments in found.moments.items()
    }
    result.write_text(json.dumps(numbers))
    os._exit(0)


def await_more(state: pathlib.Path, process: int) -> None:
    """Wait until something is saved, or the process is at its end."""

    def size() -> int:
        return state.stat().st_size if state.exists() else 0

    before = size()
    while size() == before and os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        time.sleep(0.002)


def found_in(path: pathlib.Path) -> tuple[int, int, bool]:
    """Trials in the last record of a checkpoint, damaged records, and whether the last one was cut."""
    if not path.exists():
        return 0, 0, False
    whole, damaged, unfinished = decoded(path.read_bytes()[len(TITLE) :])
    return max((unpacked(one).num_trials for one in whole[1:]), default=0), damaged, unfinished


if __name__ == "__main__":
    sys.exit(main())
