"""SIGKILL at fifty random moments of a run that is taken up each time: its files are those of one in one go.

    python benchmarks/kills.py [--kills 50] [--trials 3000000] [--seconds 2.0] [--seed 0]

The run is ``ratedist figure2`` with a checkpoint, saved every twentieth of a second, so that many kills hit a
saving. The moments are uniform between the start and ``--seconds`` after the first trials came.
Exit status 1 if trials were lost, counted twice, or the table differs in one character.
"""

import argparse
import pathlib
import random
import subprocess
import sys
import tempfile
import time

from ratedist.files.journal import decoded
from ratedist.simulation.checkpoint import TITLE

PROGRAM = """
import sys
from ratedist import __main__
from ratedist.simulation import runner
runner.CHECKPOINT_SECONDS = 0.05
__main__.entry_point()
"""
RUN = ["figure2", "--d", "8", "--n", "40", "--max-clusters", "3"]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--trials", type=int, default=3_000_000)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as base:
        folder = pathlib.Path(base)
        state = folder / "state.bin"
        command = [sys.executable, "-c", PROGRAM, *RUN, "--trials", str(options.trials)]
        begun = time.monotonic()
        subprocess.run([*command, "--out", "whole"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        print(f"in one go: {time.monotonic() - begun:.0f} s", flush=True)
        killed = [*command, "--out", "killed", "--checkpoint", state.name]
        start = killed_at_first_trials(killed, state)
        held, unfinished, faults = trials_in(state)[0], 0, []
        print(f"first trials after {start:.1f} s", flush=True)
        for number in range(options.kills):
            moment = moments.uniform(0.0, start + options.seconds)
            process = subprocess.Popen(killed, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            try:
                said, _ = process.communicate(timeout=moment)
                print(said.decode(), f"ended before kill {number + 1}: more --trials are needed")
                return 1
            except subprocess.TimeoutExpired:
                process.kill()
                said, _ = process.communicate()
            if said:
                faults.append(f"kill {number + 1}: {said.decode()}")
            trials, damaged, cut = trials_in(state)
            if trials < held or damaged:
                faults.append(f"kill {number + 1}: {held} trials before, {trials} after, {damaged} damaged")
            print(
                f"kill {number + 1} after {moment:.2f} s: {trials} trials" + ", a record was cut" * cut,
                flush=True,
            )
            held, unfinished = trials, unfinished + cut
        subprocess.run(killed, cwd=folder, check=True)
        same = all(
            (folder / "killed" / name).read_bytes() == (folder / "whole" / name).read_bytes()
            for name in ("figure2.csv", "figure2.png")
        )
        trials = trials_in(state)[0]
        litter = sorted(path.name for path in folder.rglob("*") if path.name not in KNOWN)
    print(f"{options.kills} kills, {unfinished} in the middle of a record; {held} trials when the last came")
    print(f"{trials} trials in the end; table and picture {'the same' if same else 'DIFFERENT'}")
    print(*faults, *(f"left behind: {name}" for name in litter), sep="\n")
    return int(not same or bool(faults or litter) or trials != options.trials)


KNOWN = {"state.bin", "whole", "killed", *(f"figure2.{kind}" for kind in ("png", "pdf", "csv", "json"))}


def killed_at_first_trials(command: list[str], state: pathlib.Path) -> float:
    """Seconds until the first trials of a run are on the disk, when it is killed."""
    begun = time.monotonic()
    with subprocess.Popen(command, cwd=state.parent) as process:
        while not state.exists() and process.poll() is None:
            time.sleep(0.01)
        process.kill()
    return time.monotonic() - begun


def trials_in(path: pathlib.Path) -> tuple[int, int, bool]:
    """Trials in the last record of a checkpoint, damaged records, and whether the last one was cut."""
    if not path.exists():
        return 0, 0, False
    whole, damaged, unfinished = decoded(path.read_bytes()[len(TITLE) :])
    counts = [0]
    for record in whole[1:]:
        whole_blocks = next((one["count"] for one in record["whole"].values()), 0)
        rest = next(iter(record["rest"].values()), None)
        size = 0 if rest is None else len(rest["values"]) * 3 // 4 // 8 // len(rest["names"])
        counts.append(whole_blocks + size)
    return max(counts), damaged, unfinished


if __name__ == "__main__":
    sys.exit(main())
