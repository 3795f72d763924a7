"""Bits a weight above Shannon's limit: trellis-coded quantisation beside scalars, blocks of two and formats.

python benchmarks/trellis.py [--quick] [--weights 1000000] [--states 8 256] [--rates 0.5 1 … 6]
    [--processes 2] [--out table.csv] [--speed-weights 10000000]

Each source is drawn once in single precision, of variance 1. The limit is R(D) of the law at the error that
was reached, for the mean square (Gaussian) or mean size (Laplace) of these very weights. For the Laplace it
is certified below 1.25 bits, and the Shannon lower bound from there on. "labels +" is the gap of labels at
their entropy, "file +" that of all bytes. For a trellis these are bytes of a .rdz file on disk, which is read
back and compared. For others they are coded labels, levels in half precision and counts; formats count as
they are used. Rows are printed and written as they finish, and the whole table in order at the end.
Work is done on processors, one thread for each process, whatever other devices there are.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import csv
import multiprocessing
import os
import pathlib
import resource
import tempfile
import time
from typing import NamedTuple

os.environ["JAX_PLATFORMS"] = "cpu"  # before anything imports JAX, in every process
if multiprocessing.parent_process() is not None:
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"

import numpy as np
from formats import FORMATS
from trellis_limits import drawn, standard_error
from trellis_rivals import RIVALS

from ratedist.container import RdzFile, RdzWriter, TrellisTensor
from ratedist.quantizers import TrellisQuantized, decode_trellis, quantize_trellis

RATES = tuple(half / 2 for half in range(1, 13))


class Cell(NamedTuple):
    """What one row is of."""

    source: str
    num_weights: int
    method: str
    bits: float | None = None
    states: int | None = None

    @property
    def effort(self) -> float:
        """By which rows are begun, the longest first."""
        if self.method == "blocks of two":
            return 4.0 ** ((self.bits or 0.0) + 1)
        return (self.states or 1.0) * (2 + (self.bits or 0.0))


class Row(NamedTuple):
    """One line of the table, in bits a weight."""

    source: str
    method: str
    bits_asked: float | None
    states: int | None
    file_bits: float
    mean_squared_error: float
    limit: float
    gap_labels: float | None
    standard_error: float | None
    gap_file: float
    levels: int | None
    seconds: float

    @property
    def line(self) -> str:
        """As it is printed."""
        values = self.bits_asked, self.method, self.file_bits, self.mean_squared_error, self.limit
        values += self.gap_labels, self.standard_error, self.gap_file, self.levels, self.seconds
        cells = (_cell(value, form) for value, form in zip(values, COLUMNS.values(), strict=True))
        return " ".join((f"{self.source:9}", *cells))


COLUMNS = {
    "bits": "4.1f",
    "method": "36",
    "file": "8.4f",
    "error": "10.3e",
    "limit": "8.4f",
    "labels +": "8.4f",
    "±": "8.4f",
    "file +": "8.4f",
    "levels": "6d",
    "seconds": "8.1f",
}
HEADING = " ".join(
    ["source   ", *(f"{name:>{int(form.split('.')[0].strip('d'))}}" for name, form in COLUMNS.items())]
)


def _cell(value: float | str | None, form: str) -> str:
    return " " * int(form.split(".")[0].strip("d")) if value is None else format(value, form)


def row(cell: Cell) -> Row:
    """The line of a cell."""
    source, start = drawn(cell.source, cell.num_weights), time.process_time()
    size, name = cell.num_weights, cell.method
    labels = error_of_gap = levels = None
    if cell.states is not None:
        found = quantize_trellis(source.weights, cell.states, bits_per_weight=cell.bits)
        seconds = time.process_time() - start
        file_bits, error, name = (
            8 * file_bytes(found) / size,
            found.mean_squared_error,
            f"{cell.states} states",
        )
        labels, levels = found.label_bits / size, sum(one.size for one in found.levels)
        error_of_gap = standard_error(source, found)
    elif cell.bits is not None:
        coded = RIVALS[cell.method](source.weights, cell.bits)
        seconds = time.process_time() - start
        labels, file_bits, error = coded.labels, coded.everything, coded.error
    else:
        rebuilt = FORMATS[cell.method](source.weights)
        seconds = time.process_time() - start
        file_bits = rebuilt.bits_per_weight
        error = float(np.mean((source.weights - rebuilt.reconstruction) ** 2))
    limit = source.limit(error)
    gap = None if labels is None else labels - limit
    return Row(
        cell.source,
        name,
        cell.bits,
        cell.states,
        file_bits,
        error,
        limit,
        gap,
        error_of_gap,
        file_bits - limit,
        levels,
        seconds,
    )


def file_bytes(found: TrellisQuantized) -> int:
    """Bytes of a .rdz file with these weights in single precision, read back and compared."""
    single = np.dtype(np.float32)
    tensor = TrellisTensor.of(found, found.reconstruction.shape, single)
    tensor = tensor.rounded(tensor.levels.astype(found.level_dtype))
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "weights.rdz")
        with RdzWriter(path, "ans") as writer:
            writer.add("w", tensor)
        again = RdzFile(path).read("w")
        if not isinstance(again, TrellisTensor) or not np.array_equal(
            again.reconstruction(), found.reconstruction
        ):
            raise RuntimeError("the file has other weights")
        return path.stat().st_size


def table(cells: list[Cell], processes: int, out: pathlib.Path | None) -> None:
    """Rows as they finish, and all of them in order at the end."""
    rows: dict[int, Row] = {}
    order = sorted(range(len(cells)), key=lambda number: -cells[number].effort)
    context = multiprocessing.get_context("spawn")
    print(HEADING, flush=True)
    with concurrent.futures.ProcessPoolExecutor(processes, context) as pool:
        waiting = {pool.submit(row, cells[number]): number for number in order}
        for done in concurrent.futures.as_completed(waiting):
            rows[waiting[done]] = done.result()
            print(rows[waiting[done]].line, flush=True)
            if out is not None:
                written(out, [rows[number] for number in sorted(rows)])
    print(f"\nin order\n{HEADING}")
    for number in sorted(rows):
        print(rows[number].line)
    for states in sorted({one.states for one in rows.values() if one.states}):
        worst = max((one for one in rows.values() if one.states == states), key=lambda one: one.gap_file)
        at = f"{worst.source} {worst.bits_asked}"
        print(f"{states} states: at most {worst.gap_file:.4f} bit above the limit, {at}")


def written(out: pathlib.Path, rows: list[Row]) -> None:
    """The table so far, beside its place and renamed."""
    part = out.with_suffix(".part")
    with part.open("w", newline="") as file:
        csv.writer(file).writerows([Row._fields, *rows])
    part.replace(out)


def speed(num_weights: int, states: int) -> str:
    """Weights a second, encode with the search for a rate and decode, and the memory of both."""
    weights = np.random.default_rng(1).normal(size=num_weights)
    quantize_trellis(weights[: min(num_weights, 1 << 18)], states, bits_per_weight=2.0)  # compiles
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    found = quantize_trellis(weights, states, bits_per_weight=2.0)
    encoded = time.process_time()
    decode_trellis(found.streams, found.levels, found.branches, states)
    decoded = time.process_time()
    memory = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / weights.nbytes
    return (
        f"{num_weights:,} weights, {states} states, 2 bits: {num_weights / (encoded - start) / 1e6:.2f} "
        f"million a second of processor time encoded (search and all, {encoded - start:.1f} s), "
        f"{num_weights / (decoded - encoded) / 1e6:.0f} million decoded ({decoded - encoded:.2f} s); "
        f"memory beyond the input {memory:.1f} times it"
    )


def main() -> None:
    """Print the table of both sources, and how fast it was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rates, states and weights: a minute")
    parser.add_argument("--weights", type=int, default=10**6)
    parser.add_argument("--states", type=int, nargs="+", default=[8, 256])
    parser.add_argument("--rates", type=float, nargs="+", default=RATES)
    parser.add_argument("--sources", nargs="+", default=["gaussian", "laplace"])
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="rows side by side")
    parser.add_argument("--out", type=pathlib.Path, help="a CSV file for the table")
    parser.add_argument("--trellis-only", action="store_true", help="no rows of others")
    parser.add_argument("--speed-weights", type=int, default=10**7, help="0 for no times")
    options = parser.parse_args()
    if options.quick:
        options.weights, options.states, options.rates = 1 << 16, [4, 8], [0.5, 2.0]
        options.speed_weights = 1 << 20
    cells = []
    for source in options.sources:
        for bits in options.rates:
            if not options.trellis_only:
                cells += [Cell(source, options.weights, rival, bits) for rival in RIVALS]
            cells += [Cell(source, options.weights, "trellis", bits, states) for states in options.states]
        if not options.trellis_only:
            cells += [Cell(source, options.weights, name) for name in FORMATS]
    print(f"{options.weights:,} weights a source; bits a weight")
    table(cells, options.processes, options.out)
    if options.speed_weights:
        print(speed(options.speed_weights, 8), flush=True)
    if options.speed_weights and not options.quick:
        print(speed(options.speed_weights // 10, 256))
    print(
        "load of the machine in the last 1, 5 and 15 minutes:", *(f"{load:.2f}" for load in os.getloadavg())
    )


if __name__ == "__main__":
    main()
