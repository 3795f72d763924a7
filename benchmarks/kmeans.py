"""Time K-means in one dimension against what a user would otherwise take: one table, from one run.

    python benchmarks/kmeans.py [--quick] [--sizes 10000 …] [--clusters 4 …] [--methods Lloyd …] [--limit 60]

CPU seconds on one thread, the least of a few runs. The optimum by a price a cluster (extra "fast", Numba) and
by the dynamic programme in NumPy, Lloyd's method with Numba loaded (as flash1dkmeans does) and without, and
where they are installed ckwrap and kmeans1d (the exact optimum), flash1dkmeans and scikit-learn (Lloyd's
method). Behind the seconds is their ratio to those of the first, and by how much the objective is above its.
What takes longer than the limit is ended, and said to be more."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.metadata
import itertools
import json
import multiprocessing
import os
import pathlib
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
# CPU seconds until which a run is repeated, and runs at most.
ENOUGH, MOST_RUNS = 2.0, 40
# Weights with which each programme compiles before it is timed.
WARM = 5000


class Cell(NamedTuple):
    """One problem: normal weights, with exponential importances or none."""

    num_weights: int
    num_clusters: int
    weighted: bool

    def problem(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Weights and importances."""
        rng = np.random.default_rng(0)
        weights = rng.normal(size=self.num_weights)
        return weights, rng.exponential(size=self.num_weights) if self.weighted else None


def with_ratedist(method: str) -> Callable[..., np.ndarray]:
    """Centres by this package, which takes what Numba compiles where that is loaded."""
    importlib.import_module("numba")
    return by_ratedist(method)


def without_numba(method: str) -> Callable[..., np.ndarray]:
    """Centres by this package as it is without the extra."""
    sys.modules["numba"] = None  # type: ignore[assignment]
    return by_ratedist(method)


def by_ratedist(method: str) -> Callable[..., np.ndarray]:
    """Centres by this package."""
    from ratedist.quantizers import kmeans

    return lambda w, K, h: kmeans(w, K, h, method=method).centers


def by_ckwrap() -> Callable[..., np.ndarray]:
    """The exact dynamic programme of Ckmeans.1d.dp."""
    ckwrap: Any = importlib.import_module("ckwrap")
    return lambda w, K, h: ckwrap.ckmeans(w, K, h).centers


def by_kmeans1d() -> Callable[..., np.ndarray]:
    """The exact dynamic programme by SMAWK, without importances."""
    kmeans1d: Any = importlib.import_module("kmeans1d")
    return lambda w, K, h: np.array(kmeans1d.cluster(w, K)[1])


def by_flash() -> Callable[..., np.ndarray]:
    """Lloyd's method on sorted weights from k-means++, compiled by Numba."""
    flash: Any = importlib.import_module("flash1dkmeans")
    return lambda w, K, h: flash.kmeans_1d(w, K, sample_weights=h, random_state=0)[0]


def by_scikit_learn() -> Callable[..., np.ndarray]:
    """Lloyd's method from k-means++, once."""
    cluster: Any = importlib.import_module("sklearn.cluster")
    return lambda w, K, h: (
        cluster.KMeans(K, n_init=1, random_state=0).fit(w[:, None], sample_weight=h).cluster_centers_
    )


METHODS: dict[str, Callable[[], Callable[..., np.ndarray]]] = {
    "optimum": lambda: with_ratedist("optimal"),
    "optimum, NumPy": lambda: without_numba("optimal"),
    "Lloyd": lambda: with_ratedist("lloyd"),
    "Lloyd, NumPy": lambda: without_numba("lloyd"),
    "ckwrap": by_ckwrap,
    "kmeans1d": by_kmeans1d,
    "flash1dkmeans": by_flash,
    "scikit-learn": by_scikit_learn,
}


def cannot(method: str, cell: Cell) -> bool:
    """What is left out: importances that are not known, and tables of several gigabytes."""
    size = cell.num_weights * cell.num_clusters
    return (
        (method == "kmeans1d" and cell.weighted)
        or (method in ("optimum, NumPy", "kmeans1d") and (cell.num_weights > 10**6 or size > 3 * 10**8))
        or (method == "scikit-learn" and size > 2 * 10**7)
        or (method == "ckwrap" and size > 10**9)
    )


def objective(weights: np.ndarray, importance: np.ndarray | None, centers: np.ndarray) -> float:
    """Every weight at its nearest centre, the same for all."""
    ordered = np.sort(np.asarray(centers, dtype=np.float64).ravel())
    nearest = ordered[np.searchsorted((ordered[1:] + ordered[:-1]) / 2, weights)]
    return float(np.sum((1.0 if importance is None else importance) * (weights - nearest) ** 2))


def work(method: str, pipe: Connection) -> None:
    """Time one programme on the cells that are sent."""
    try:
        run = METHODS[method]()
    except ImportError:
        pipe.send(None)
        return
    for weighted in (False, True):
        if not cannot(method, Cell(WARM, 4, weighted)):
            w, h = Cell(WARM, 4, weighted).problem()
            run(w, 4, h)
    pipe.send(True)
    while (cell := pipe.recv()) is not None:
        w, h = cell.problem()
        seconds: list[float] = []
        centers = np.zeros(1)
        while len(seconds) < MOST_RUNS and sum(seconds) < ENOUGH:
            start = time.process_time()
            centers = run(w, cell.num_clusters, h)
            seconds.append(time.process_time() - start)
        pipe.send((min(seconds), objective(w, h, centers)))


def cpu_seconds(process: int) -> float:
    """What another process has used so far; a timer that ends it by itself would make its clock coarse."""
    fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Programme:
    """A programme in a process of its own, begun again where one was ended."""

    def __init__(self, method: str, limit: float) -> None:
        self._method, self._limit = method, limit
        self._begin()

    def _begin(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=work, args=(self._method, other), daemon=True)
        self._process.start()
        other.close()
        self.is_there = bool(self._pipe.recv())

    def time(self, cell: Cell) -> tuple[float, float] | None:
        """CPU seconds and objective; ``None`` beyond the limit."""
        process = self._process.pid or 0
        start = cpu_seconds(process)
        self._pipe.send(cell)
        while not self._pipe.poll(0.2):
            if cpu_seconds(process) - start > self._limit + ENOUGH:
                self._process.kill()
                self._begin()
                return None
        return self._pipe.recv()

    def end(self) -> None:
        """Let it go."""
        self._pipe.send(None)
        self._process.join()


def shown(result: tuple[float, float] | None, reference: tuple[float, float] | None, limit: float) -> str:
    """Seconds, ratio to the reference, objective above its."""
    seconds = limit if result is None else result[0]
    sign = ">" if result is None else " "
    text = f"{sign}{seconds:.4f}" if seconds < 1 else f"{sign}{seconds:.2f}"
    if reference is None:
        return text
    text += f" {sign.strip()}{seconds / reference[0]:.1f}x"
    if result is not None and result[1] > reference[1] * (1 + 5e-5):
        text += f" +{100 * (result[1] / reference[1] - 1):.2f}%"
    return text


def main() -> None:
    """Print the table, a line a cell."""
    parser = argparse.ArgumentParser(description="Time K-means in one dimension against its alternatives.")
    parser.add_argument("--sizes", type=int, nargs="+", help="numbers of weights, 10⁴ to 10⁷ by default")
    parser.add_argument("--clusters", type=int, nargs="+", default=[4, 16, 64, 256], help="how many clusters")
    parser.add_argument("--methods", nargs="+", choices=tuple(METHODS), default=tuple(METHODS), help="which")
    parser.add_argument("--limit", type=float, help="CPU seconds for one run, 60 by default")
    parser.add_argument("--quick", action="store_true", help="10⁴ and 10⁵ weights and 10 seconds by default")
    parser.add_argument("--json", type=pathlib.Path, help="where to write what is in the table")
    arguments = parser.parse_args()
    sizes = arguments.sizes or ([10**4, 10**5] if arguments.quick else [10**4, 10**5, 10**6, 10**7])
    limit = arguments.limit or (10.0 if arguments.quick else 60.0)
    os.environ.update(dict.fromkeys(THREADS, "1"))
    print(
        "CPU seconds, one thread each; load of the machine " + "{:.1f} {:.1f} {:.1f}".format(*os.getloadavg())
    )
    for name in ("numpy", "numba", "ckwrap", "kmeans1d", "flash1dkmeans", "scikit-learn"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            print(f"{name} {importlib.metadata.version(name)}", end="  ")
    print("\n  weights    K    h " + "".join(f"{method:>24s}" for method in arguments.methods), flush=True)
    programmes = {method: Programme(method, limit) for method in arguments.methods}
    results = []
    for cell in itertools.starmap(Cell, itertools.product(sizes, arguments.clusters, (False, True))):
        line = f"{cell.num_weights:9d} {cell.num_clusters:4d} {'yes' if cell.weighted else 'no':>4s} "
        reference: tuple[float, float] | None = None
        for method, programme in programmes.items():
            result = None if cannot(method, cell) else programme.time(cell)
            is_run = programme.is_there and not cannot(method, cell)
            line += f"{shown(result, reference, limit) if is_run else '-':>24s}"
            reference = result if reference is None else reference
            results.append({**cell._asdict(), "method": method, "run": is_run, "result": result})
        print(line, flush=True)
    for programme in programmes.values():
        if programme.is_there:
            programme.end()
    print("load at the end {:.1f} {:.1f} {:.1f}".format(*os.getloadavg()))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
