"""The tables of trained networks that claims about Figures 1 and 3 to 6 are judged by."""

from __future__ import annotations

import csv
import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ratedist.claims.evidence import Evidence, SampleMean, sample_mean
from ratedist.claims.numbers import Comparison, Numbers, Relation, simulated

POINT_COLUMNS = ("compressor", "num_clusters", "diameter_penalty", "block_length")
QUANTITIES = (
    "train_loss",
    "test_loss",
    "holdout_loss",
    "generalization_error",
    "calibrated_test_loss",
    "huffman_ratio",
)


class Point(NamedTuple):
    """One compression of every network; the defaults are the original one."""

    compressor: str = "original"
    num_clusters: int = 0
    diameter_penalty: float = 0.0
    block_length: int = 1

    def __str__(self) -> str:
        if self.compressor == "original":
            return "the original"
        parts = [
            self.compressor.replace("_", "-"),
            f"K = {self.num_clusters}",
            f"β = {self.diameter_penalty:g}",
        ]
        return ", ".join(parts + ([f"m = {self.block_length}"] if self.block_length > 1 else []))


ORIGINAL = Point()
# β of the papers' regularised curves.
PRICE = {"mnist": 50.0, "cifar10": 25.0}
MNIST = "MNIST, 50 networks, the published recipe"


def weighted(num_clusters: int, penalty: float = 0.0, block_length: int = 1) -> Point:
    """Hessian-weighted K-means."""
    return Point("hessian_weighted", num_clusters, penalty, block_length)


@dataclasses.dataclass(frozen=True)
class Networks:
    """Quantities of every network at every point: ``values[point][quantity]``, shape ``(networks,)``."""

    values: Mapping[Point, Mapping[str, np.ndarray]]

    def change(self, quantity: str, point: Point, other: Point = ORIGINAL) -> SampleMean:
        """Mean of ``point`` minus ``other``, paired network by network."""
        return sample_mean(self.of(point, quantity) - self.of(other, quantity))

    def of(self, point: Point, quantity: str) -> np.ndarray:
        """One quantity of every network.

        Raises:
            LookupError: the table has no such point.
        """
        if point not in self.values:
            raise LookupError(f"the table has no rows of {point}")
        return self.values[point][quantity]


def change(
    networks: Networks, quantity: str, relation: Relation, point: Point, other: Point = ORIGINAL
) -> Comparison:
    """A risk at one point against that at another, network by network."""
    name = {"train_loss": "empirical risk", "test_loss": "population risk"}.get(
        quantity, quantity.replace("_", " ")
    )
    label = f"{name} of {point}, minus {other}"
    return simulated(label, relation, 0.0, networks.change(quantity, point, other))


def size(networks: Networks) -> str:
    """How many networks there are."""
    return f"{networks.of(ORIGINAL, 'test_loss').size} networks, paired"


def read_networks(path: Path) -> Networks:
    """Read ``networks.csv`` as ``ratedist mnist`` or ``ratedist cifar10`` writes it.

    Raises:
        LookupError: columns or rows that are missing.
        OSError: the file cannot be read.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    wanted = {"model", *POINT_COLUMNS, *QUANTITIES}
    lacking = sorted(wanted - set(rows[0] if rows else ()))
    if lacking:
        raise LookupError(f"{path} is no table of networks: it lacks {', '.join(lacking)}")
    found: dict[Point, dict[int, list[float]]] = {}
    for row in rows:
        point = Point(
            row["compressor"],
            int(float(row["num_clusters"] or 0)),
            float(row["diameter_penalty"] or 0),
            int(float(row["block_length"] or 1)),
        )
        numbers = [float(row[quantity] or "nan") for quantity in QUANTITIES]
        found.setdefault(point, {})[int(row["model"])] = numbers
    models = sorted(found.get(ORIGINAL, {}))
    if any(sorted(one) != models for one in found.values()):
        raise LookupError(f"{path} does not have every network at every point")
    values = {}
    for point, one in found.items():
        table = np.array([one[model] for model in models])
        values[point] = {quantity: table[:, column] for column, quantity in enumerate(QUANTITIES)}
    return Networks(values)


def from_table(data: str) -> Callable[[Callable[[Networks], Numbers]], Callable[[Evidence], Numbers]]:
    """Gather from the table of one data set; without it, or without its rows, nothing can be decided."""

    def wrap(gather: Callable[[Networks], Numbers]) -> Callable[[Evidence], Numbers]:
        @functools.wraps(gather)
        def gathered(evidence: Evidence) -> Numbers:
            path = evidence.tables / data / "networks.csv"
            try:
                return gather(_cached(path.absolute(), path.stat().st_mtime_ns))
            except OSError:
                missing = f"tables not found: {path} (name the folder by --tables, or run `ratedist {data}`)"
            except (LookupError, ValueError) as error:
                missing = f"tables not usable: {error}"
            return Numbers((), missing=missing)

        return gathered

    return wrap


@functools.lru_cache(maxsize=4)
def _cached(path: Path, modified: int) -> Networks:
    return read_networks(path)
