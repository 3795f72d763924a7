"""Peak memory of a simulation against the number of trials: it does not grow.

    python benchmarks/memory.py [--most 10000000]

Each number of trials has a process of its own, the largest resident set of which is printed. Exit status 1 if
the last is more than a tenth above that of a hundred thousand trials.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

PROGRAM = """
import resource, sys, time
import jax
import ratedist as rd
jax.config.update("jax_enable_x64", True)
model = rd.GaussianLinearModel(n=12, w_star=rd.two_level_weights(4))
compressors = {"erm": rd.ERM(), "kmeans": rd.KMeans(2)}
begun = time.process_time()
result = rd.simulate(model, compressors, int(sys.argv[1]), jax.random.key(0), checkpoint_path=sys.argv[2])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(result.num_trials, f"{time.process_time() - begun:.1f}", peak)
"""
# One number of every trial would be 80 MB of ten million.
FEWEST, ALLOWED = 100_000, 1.1


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--most", type=int, default=10_000_000)
    most, trials, peaks = parser.parse_args().most, FEWEST, []
    print("trials        CPU-seconds  peak MiB  checkpoint KiB")
    with tempfile.TemporaryDirectory() as folder:
        while trials <= most:
            state = pathlib.Path(folder) / str(trials)
            command = [sys.executable, "-c", PROGRAM, str(trials), str(state)]
            done = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            peaks.append(float(done[2]))
            print(
                f"{int(done[0]):<13,} {done[1]:>11}  {peaks[-1]:8.0f}  {state.stat().st_size / 1024:14.1f}",
                flush=True,
            )
            trials *= 10
    return int(peaks[-1] > ALLOWED * peaks[0])


if __name__ == "__main__":
    sys.exit(main())
