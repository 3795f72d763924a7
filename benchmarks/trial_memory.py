"""Peak memory of a simulation against its number of trials, each in a process of its own: is it flat?

    python benchmarks/trial_memory.py [--trials 100000 1000000 10000000] [--batch-size 8192] [--checkpoint]
                                      [--keep]

Two weights, ERM and K-means with one centre, trials drawn and assessed as in any simulation. The rate of
trials comes first, so that one knows how long the rest takes. Flat means at most 5% and 8 MB above the peak
of the fewest trials. With ``--checkpoint`` the state of the run is saved meanwhile, and its size on disk is
bounded too. With ``--keep`` the values of all trials are kept, and the verdict has to be false. The
exit status is 1 if memory grows. Linux only: the peak is the kernel's.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time

import jax

jax.config.update("jax_enable_x64", True)

import ratedist as rd

SHARE, ROOM = 1.05, 8.0
MOST_BYTES = 2**20  # of a checkpoint
MODEL = rd.GaussianLinearModel(9, rd.two_level_weights(2))
COMPRESSORS = {"erm": rd.ERM(), "one centre": rd.KMeans(1)}


def measure(trials: int, batch_size: int, keep: bool, state: str | None) -> None:
    """Print peak memory in MB and processor time in seconds."""
    start = time.process_time()
    result = rd.simulate(
        MODEL, COMPRESSORS, trials, jax.random.key(0), batch_size=batch_size, return_samples=keep,
        checkpoint_path=state,
    )  # fmt: skip
    if state and (size := os.path.getsize(state)) > MOST_BYTES:
        raise RuntimeError(f"a checkpoint of {size:,} bytes")
    found = result["erm"].generalization_error
    if abs(found.standard_errors_from(rd.theory.erm_generalization_error(MODEL))) > 5:
        raise RuntimeError(f"a wrong mean: {found}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 * 1.048576
    print(f"{peak:.1f} {time.process_time() - start:.1f}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Peak memory of a simulation against its trials.")
    parser.add_argument("--trials", type=int, nargs="+", default=[10**5, 10**6, 10**7])
    parser.add_argument("--batch-size", type=int, default=8192)
    parser.add_argument("--keep", action="store_true", help="keep the values of all trials")
    parser.add_argument("--checkpoint", action="store_true", help="save the state of the run meanwhile")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        with tempfile.TemporaryDirectory() as folder:
            state = os.path.join(folder, "state") if options.checkpoint else None
            measure(options.one, options.batch_size, options.keep, state)
        return 0

    def of(trials: int) -> tuple[float, float]:
        command = [sys.executable, __file__, "--one", str(trials), "--batch-size", str(options.batch_size)]
        command += ["--keep"] * options.keep + ["--checkpoint"] * options.checkpoint
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        return float(told[0]), float(told[1])

    few, many = of(100_000), of(400_000)
    rate = (many[1] - few[1]) / 300_000
    print(f"{rate * 1e6:.2f} CPU-microseconds a trial: {sum(options.trials) * rate:.0f} seconds for all")
    first, grows = 0.0, False
    for trials in sorted(options.trials):
        peak, seconds = of(trials)
        first = first or peak
        flat = peak <= SHARE * first + ROOM
        grows |= not flat
        told = "flat" if flat else "GROWS"
        print(f"{trials:13,d} trials: peak {peak:7.1f} MB, {seconds:7.1f} CPU-seconds: {told}", flush=True)
    print(f"load {os.getloadavg()[0]:.1f}")
    return int(grows)


if __name__ == "__main__":
    sys.exit(main())
