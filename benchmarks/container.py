"""Quantise a safetensors file of a hundred million weights: seconds, sizes and peak memory.

    python benchmarks/container.py [--weights 100000000] [--tensors 24] [--clusters 16] [--coder ans]
    python benchmarks/container.py --small 10000     # so many tensors of 33×32 in place of large ones

CPU-seconds are those of the step without its imports; header bytes are all that is not data, a tensor. Each
step runs in a process of its own, so that its peak of resident memory can be told; that of a process that
has only imported what the step needs is printed beside it."""

from __future__ import annotations

import argparse
import math
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import numpy as np

from ratedist.container import Entry, RdzFile, encode_header, write_tensor_file

STEP = """
import resource, sys, time
from ratedist.tensors.config import QuantizationConfig
from ratedist.tensors.inspection import inspect_file
from ratedist.tensors.model_file import dequantize_file, quantize_file
started = time.process_time()
if sys.argv[1:]:
    {action}
print(time.process_time() - started)
try:  # the peak that getrusage reports is on Linux at least that of the process which started this one
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    print(1024 * int(status["VmHWM"].split()[0]))
except (OSError, KeyError):
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""
ACTIONS = {
    "quantize": "quantize_file(sys.argv[1], sys.argv[2], "
    "QuantizationConfig(num_clusters={clusters}, coder={coder!r}))",
    "inspect": "print(inspect_file(sys.argv[1])[1])",
    "dequantize": "dequantize_file(sys.argv[1], sys.argv[2])",
}
CHUNK = 1 << 20
SMALL = (33, 32)


def write_model(path: pathlib.Path, shape: tuple[int, ...], num_tensors: int) -> None:
    """A file of float32 tensors of Student weights with four degrees of freedom, a chunk in memory."""
    size = math.prod(shape)
    entries = {f"layers.{index:05}.weight": Entry("F32", shape) for index in range(num_tensors)}

    def weights(name: str) -> Iterator[memoryview]:
        rng = np.random.default_rng(int(name[7:12]))
        for start in range(0, size, CHUNK):
            yield rng.standard_t(4, min(CHUNK, size - start)).astype("<f4").data

    write_tensor_file(path, entries, encode_header(entries), weights)


def run(action: str, *arguments: object) -> tuple[float, float, int, str]:
    """Seconds, CPU-seconds, peak of resident memory in bytes, and output of a step in its own process."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", STEP.format(action=action), *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
    )
    *output, cpu, peak = done.stdout.splitlines()
    return time.perf_counter() - start, float(cpu), int(peak), "\n".join(output)


def main() -> None:
    """Write a model, quantise, inspect, dequantise, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--weights", type=int, default=100_000_000)
    parser.add_argument("--tensors", type=int, default=24)
    parser.add_argument("--small", type=int, default=0, help="number of tensors of 33×32")
    parser.add_argument("--clusters", type=int, default=16)
    parser.add_argument("--coder", choices=("huffman", "ans"), default="huffman")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model, packed, back = (
            folder / file for file in ("model.safetensors", "model.rdz", "back.safetensors")
        )
        num_tensors = options.small or options.tensors
        shape = SMALL if options.small else (options.weights // num_tensors,)
        write_model(model, shape, num_tensors)
        size = model.stat().st_size
        _, _, imports, _ = run("pass")
        print(f"{num_tensors:,} tensors of {math.prod(shape):,} weights, float32, K = {options.clusters}")
        print(f"model {size / 1e6:.1f} MB; imports alone {imports / 1e6:.0f} MB of memory")
        steps = {"quantize": (model, packed), "inspect": (packed,), "dequantize": (packed, back)}
        for step, arguments in steps.items():
            action = ACTIONS[step].format(clusters=options.clusters, coder=options.coder)
            seconds, cpu, peak, output = run(action, *arguments)
            print(
                f"{step:10} {seconds:6.1f} s, {cpu:.1f} CPU-seconds, peak {peak / 1e6:.0f} MB "
                f"({(peak - imports) / size:.2f} of the model beyond the imports) {output}"
            )
        print(
            f"{options.coder}: {packed.stat().st_size / 1e6:.2f} MB, back {back.stat().st_size / 1e6:.1f} MB"
        )
        with RdzFile(packed) as file:
            print(f"header {file.header_bytes / len(file.entries):.0f} bytes a tensor")


if __name__ == "__main__":
    main()
