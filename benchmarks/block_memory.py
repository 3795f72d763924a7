"""Memory that K-means of blocks takes beside its input, in units of it, each case in a process of its own.

    python benchmarks/block_memory.py [--size 16000000]

Linux only: the peak is the kernel's."""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys

import numpy as np

from ratedist.quantizers import Lloyd, kmeans

CASES = ((2, 16, False), (2, 16, True), (4, 256, False), (4, 256, True), (16, 64, False), (16, 64, True))
PAGE = resource.getpagesize()


def resident() -> int:
    """Bytes of this process in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * PAGE


def measure(size: int, block_length: int, num_clusters: int, weighted: bool) -> str:
    """One line: what ten iterations take at most beside what was there before."""
    few = np.random.default_rng(0).normal(size=200 * block_length)
    kmeans(few, 4, np.ones_like(few) if weighted else None, block_length=block_length, key=0)
    weights = np.random.default_rng(0).normal(size=size)
    importance = np.random.default_rng(1).exponential(size=size) if weighted else None
    before = resident()
    kmeans(
        weights, num_clusters, importance, method=Lloyd(max_iterations=10), block_length=block_length, key=0
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    num_bytes = weights.nbytes * (1 + weighted)
    return (
        f"m = {block_length:2d}, K = {num_clusters:3d}, {'with' if weighted else 'no  '} importances: "
        f"input {num_bytes / 1e6:6.0f} MB, beside it {(peak - before) / 1e6:6.0f} MB, "
        f"{(peak - before) / num_bytes:.2f} times the input"
    )


def main() -> None:
    """Measure every case, or the one that a parent process names."""
    parser = argparse.ArgumentParser(description="Peak memory of K-means of blocks.")
    parser.add_argument("--size", type=int, default=16_000_000)
    parser.add_argument("--case", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case is not None:
        print(measure(arguments.size, *CASES[arguments.case]), flush=True)
        return
    for case in range(len(CASES)):
        command = [sys.executable, __file__, "--size", str(arguments.size), "--case", str(case)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
