"""Quantise a safetensors file of a hundred million weights: seconds, sizes and peak memory.

    python benchmarks/container.py [--weights 100000000] [--tensors 24] [--clusters 16] [--coder ans]

Each step runs in a process of its own, so that its peak of resident memory can be told; that of a process
that has only imported what the step needs is printed beside it."""

from __future__ import annotations

import argparse
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import numpy as np

from ratedist.container import Entry, encode_header, write_tensor_file

STEP = """
import resource, sys
from ratedist.model_files import dequantize_file, inspect_file, quantize_file
from ratedist.tensors import QuantizationConfig
if sys.argv[1:]:
    {action}
try:  # the peak that getrusage reports is on Linux at least that of the process which started this one
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    print(1024 * int(status["VmHWM"].split()[0]))
except (OSError, KeyError):
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""
ACTIONS = {
    "quantize": "quantize_file(sys.argv[1], sys.argv[2], QuantizationConfig({clusters}, coder={coder!r}))",
    "inspect": "print(inspect_file(sys.argv[1])[1])",
    "dequantize": "dequantize_file(sys.argv[1], sys.argv[2])",
}
CHUNK = 1 << 20


def write_model(path: pathlib.Path, num_weights: int, num_tensors: int) -> None:
    """A file of float32 tensors of Student weights with four degrees of freedom, a chunk in memory."""
    size = num_weights // num_tensors
    entries = {f"layer{index:03}.weight": Entry("F32", (size,)) for index in range(num_tensors)}

    def weights(name: str) -> Iterator[memoryview]:
        rng = np.random.default_rng(int(name[5:8]))
        for start in range(0, size, CHUNK):
            yield rng.standard_t(4, min(CHUNK, size - start)).astype("<f4").data

    write_tensor_file(path, entries, encode_header(entries), weights)


def run(action: str, *arguments: object) -> tuple[float, int, str]:
    """Seconds, peak of resident memory in bytes, and output of a step in a process of its own."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", STEP.format(action=action), *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
    )
    *output, peak = done.stdout.splitlines()
    return time.perf_counter() - start, int(peak), "\n".join(output)


def main() -> None:
    """Write a model, quantise, inspect, dequantise, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--weights", type=int, default=100_000_000)
    parser.add_argument("--tensors", type=int, default=24)
    parser.add_argument("--clusters", type=int, default=16)
    parser.add_argument("--coder", choices=("huffman", "ans"), default="huffman")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model, packed, back = (
            folder / file for file in ("model.safetensors", "model.rdz", "back.safetensors")
        )
        write_model(model, options.weights, options.tensors)
        size = model.stat().st_size
        _, imports, _ = run("pass")
        print(f"{options.weights:,} weights in {options.tensors} tensors, float32, K = {options.clusters}")
        print(f"model {size / 1e6:.1f} MB; imports alone {imports / 1e6:.0f} MB of memory")
        steps = {"quantize": (model, packed), "inspect": (packed,), "dequantize": (packed, back)}
        for step, arguments in steps.items():
            action = ACTIONS[step].format(clusters=options.clusters, coder=options.coder)
            seconds, peak, output = run(action, *arguments)
            print(
                f"{step:10} {seconds:6.1f} s, peak {peak / 1e6:.0f} MB "
                f"({(peak - imports) / size:.2f} of the model beyond the imports) {output}"
            )
        print(
            f"{options.coder}: {packed.stat().st_size / 1e6:.2f} MB, back {back.stat().st_size / 1e6:.1f} MB"
        )


if __name__ == "__main__":
    main()
