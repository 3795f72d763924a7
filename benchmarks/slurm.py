"""The batch script of docs/how-to/many-processes.md under a real SLURM, which this machine is part of.

    python benchmarks/slurm.py [--nodes 2] [--trials 400000]

The script is taken from that page, with fewer nodes, one core a task and fewer trials. It is submitted; then
again, cancelled once it has saved something, and submitted a third time with two tasks a node. Exit status 1
if a table is not that of one process alone, byte for byte, or a job that was cancelled was not over within
ten seconds.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

PAGE = pathlib.Path(__file__).parents[1] / "docs/how-to/many-processes.md"
FOLDER_OF_PROGRAMS = pathlib.Path(sys.executable).parent


def script(trials: int) -> str:
    """What the page has, with so many trials."""
    (found,) = re.findall(r"```sh\n(#!/bin/bash\n#SBATCH.*?)```", PAGE.read_text(), re.DOTALL)
    changed, count = re.subn(r"--trials \d+", f"--trials {trials}", found)
    if count != 1:
        raise ValueError(f"the script of {PAGE} must say once how many trials, and says so {count} times")
    return changed


def said_by(*line: str, folder: pathlib.Path) -> str:
    path = f"{FOLDER_OF_PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        line, check=True, capture_output=True, text=True, cwd=folder, env=os.environ | {"PATH": path}
    ).stdout.strip()


def waited(job: str, seconds: float, folder: pathlib.Path) -> float:
    """Seconds until a job is over, at most so many."""
    begun = time.monotonic()
    while said_by("squeue", "--noheader", "--jobs", job, folder=folder):
        if time.monotonic() - begun > seconds:
            break
        time.sleep(0.5)
    return time.monotonic() - begun


def main() -> int:
    parser = argparse.ArgumentParser(description="A batch script under SLURM")
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--trials", type=int, default=400_000)
    options = parser.parse_args()
    faults = 0
    with tempfile.TemporaryDirectory(dir=pathlib.Path.cwd()) as name:  # all nodes have to see it
        folder = pathlib.Path(name)
        (folder / "job.sh").write_text(script(options.trials))
        said_by("ratedist", "figure2", "--trials", str(options.trials), "--out", "alone", folder=folder)
        table = (folder / "alone/figure2.csv").read_bytes()
        few = ["sbatch", "--parsable", f"--nodes={options.nodes}", "--cpus-per-task=1"]

        def finished(what: str, *more: str) -> bool:
            job = said_by(*few, *more, "--wait", "job.sh", folder=folder)
            right = (folder / "figures/figure2.csv").read_bytes() == table
            words = "the table of one process" if right else "ANOTHER TABLE"
            print(f"{what}: job {job}, {words}", flush=True)
            for file in (*(folder / "figures").iterdir(), folder / "state.bin"):
                file.unlink()
            return right

        faults += not finished(f"{options.nodes} nodes")
        job = said_by(*few, "job.sh", folder=folder)
        while not (folder / "state.bin").exists():
            time.sleep(0.2)
        said_by("scancel", job, folder=folder)
        seconds = waited(job, 60, folder)
        print(f"cancelled: job {job}, over after {seconds:.1f} s", flush=True)
        faults += seconds > 10
        faults += not finished(f"{options.nodes} nodes, two tasks each, going on", "--ntasks-per-node=2")
    return int(faults > 0)


if __name__ == "__main__":
    raise SystemExit(main())
