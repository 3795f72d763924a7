"""Ctrl-C at 200 moments of the first five seconds of every command: one line, status 130, nothing left.

    python benchmarks/interrupts.py [--interrupts 200] [--seconds 5]

The moments are spread evenly, the commands take turns. Until Python has started (some 0.05 seconds on a busy
machine) no program can answer: an interrupt in that time is counted apart. Exit status 1 if anything else
was seen.
"""

import argparse
import collections
import os
import pathlib
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time

import numpy as np

from ratedist.container import Entry, encode_header, write_tensor_file

RATEDIST = pathlib.Path(sysconfig.get_path("scripts")) / "ratedist"
STARTED = 0.05
COMMANDS = {
    "figure2": ["figure2", "--trials", "100000000", "--d", "5", "--n", "9", "--max-clusters", "2"],
    "figure2, checkpoint": ["figure2", "--trials", "100000000", "--d", "5", "--n", "9", "--max-clusters", "2",
                            "--checkpoint", "state.npz"],
    "rate-distortion": ["rate-distortion", "--points", "500"],
    "diameter": ["diameter", "--trials", "1000000"],
    "verify": ["verify", "--trials", "1000000"],
    "digits": ["digits", "--models", "1000"],
    "quantize": ["quantize", "../model.safetensors", "-o", "out.rdz", "--bits-per-weight", "3"],
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--interrupts", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    seen: collections.Counter[str] = collections.Counter()
    longest = 0.0
    with tempfile.TemporaryDirectory() as base:
        write_model(pathlib.Path(base) / "model.safetensors")
        for index in range(options.interrupts):
            name = list(COMMANDS)[index % len(COMMANDS)]
            moment = options.seconds * (index + 0.5) / options.interrupts
            folder = pathlib.Path(tempfile.mkdtemp(dir=base))
            outcome, waited = interrupt(COMMANDS[name], folder, moment)
            longest = max(longest, waited)
            if outcome != "one line, status 130":
                print(f"{name} at {moment:.3f} s: {outcome}", flush=True)
                if moment < STARTED:
                    outcome = "before Python had started"
            seen[outcome] += 1
    for outcome, count in seen.most_common():
        print(f"{count:4d}  {outcome}")
    print(f"longest wait for the end: {longest:.2f} s")
    return int(not set(seen) <= {"one line, status 130", "ended before", "before Python had started"})


def interrupt(command: list[str], folder: pathlib.Path, moment: float) -> tuple[str, float]:
    """What became of a command interrupted at a moment, and how long it took to end."""
    process = subprocess.Popen(
        [RATEDIST, *command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    time.sleep(moment)
    if process.poll() is not None:
        process.communicate()
        return ("ended before" if process.returncode == 0 else f"status {process.returncode}"), 0.0
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    try:
        _, complaint = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return "did not end within a minute", 60.0
    waited = time.monotonic() - begun
    litter = [str(path) for path in folder.rglob("*") if path.name.startswith(".") or "tmp" in path.name]
    lines = complaint.strip().splitlines()
    if process.returncode != 130 or len(lines) != 1 or not lines[0].startswith("ratedist: interrupted, "):
        return f"status {process.returncode}, {len(lines)} lines, the last {lines[-1:]}", waited
    return (f"litter: {litter}" if litter else "one line, status 130"), waited


def write_model(path: pathlib.Path) -> None:
    """A safetensors file that takes a few seconds to quantise."""
    rng = np.random.default_rng(0)
    arrays = {f"layer{i}": rng.normal(size=(1000, 1000)).astype(np.float32) for i in range(20)}
    entries = {name: Entry("F32", array.shape) for name, array in arrays.items()}
    write_tensor_file(path, entries, encode_header(entries, {}), lambda name: [arrays[name].tobytes()])
    os.sync()


if __name__ == "__main__":
    sys.exit(main())
