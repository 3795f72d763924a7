"""What Figure 2 simulates: each point with its compressor, its rate and its place in the table."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ratedist.compressors import FixedCodebook, KMeans, Oracle
from ratedist.compressors.base import Compressor
from ratedist.experiments.figure2_config import Figure2Config
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.quantizers import Lloyd, Optimal

# Of a centre in the description length, if not given.
CENTER_BITS = 32
# The papers' Lloyd starts at random weights.
METHODS = {"optimal": Optimal(), "lloyd": Lloyd(init="random", max_iterations=100)}


@dataclasses.dataclass(frozen=True, eq=False)
class Point:
    """One simulated point.

    Attributes:
        algorithm: in the table, such as "kmeans_optimal".
        parameter: K, or α of the oracle.
        rate_name: of the rate that is its abscissa.
        compressor: what is simulated.
    """

    algorithm: str
    parameter: float
    rate_name: str
    compressor: Compressor

    @property
    def name(self) -> str:
        """In the simulation; what the compressor draws depends on it."""
        return f"{self.algorithm} {self.parameter}"


@dataclasses.dataclass(frozen=True, eq=False)
class CodebookPoint(Point):
    """A point of a codebook chosen before the data; ``centers`` has shape ``(K,)``."""

    centers: np.ndarray


def kmeans_points(config: Figure2Config) -> list[Point]:
    """K-means by each method at every K."""
    center_bits = None
    if config.rate == "description_length":
        center_bits = CENTER_BITS if config.center_bits is None else config.center_bits
    return [
        Point(f"kmeans_{method}", K, config.rate, KMeans(K, METHODS[method], center_bits=center_bits))
        for method in config.methods
        for K in range(1, config.max_clusters + 1)
    ]


def codebook_points(config: Figure2Config, model: GaussianLinearModel) -> list[CodebookPoint]:
    """Fixed codebooks at the powers of two."""
    points = []
    for K in range(1, config.max_clusters + 1):
        if K.bit_count() == 1:
            centers = fixed_codebook_centers(model, K)
            points.append(CodebookPoint("fixed_codebook", K, "fixed_length", FixedCodebook(centers), centers))
    return points


def oracle_points(alphas: Sequence[float]) -> list[Point]:
    """The oracle at each α."""
    return [Point("oracle", alpha, "mutual_information", Oracle(alpha=alpha)) for alpha in alphas]


def fixed_codebook_centers(model: GaussianLinearModel, num_clusters: int) -> np.ndarray:
    """K equally spaced levels from min w* to max w* (their midpoint for K = 1), shape ``(K,)``."""
    low, high = model.w_star.min(), model.w_star.max()
    return np.linspace(low, high, num_clusters) if num_clusters > 1 else np.array([(low + high) / 2])
