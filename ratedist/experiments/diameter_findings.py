"""What the diameter experiment found: the best of each algorithm, and how near each comes to the optimum."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ratedist.experiments.diameter_config import DiameterConfig, Penalty
from ratedist.kept_programs import few_kept
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.units import nats_to_bits

if TYPE_CHECKING:
    from ratedist.compressors.base import Compressed, Compressor
    from ratedist.simulation.results import SimulationResult

# Relative objectives closer than this are one.
SAME = 1e-6


@dataclasses.dataclass(frozen=True)
class Point:
    """One row of the table."""

    algorithm: str
    num_clusters: int
    diameter_penalty: float = 0.0
    shrinkage: float = 1.0

    @property
    def name(self) -> str:
        """In the simulation's result."""
        return f"{self.algorithm} {self.num_clusters} {self.diameter_penalty:g}"

    def compressor(self, penalty: Penalty, center_bits: int | None) -> Compressor:
        """Optimal, except for "descent"; "shrunken" has no penalty, but its ``shrinkage``."""
        from ratedist.compressors import HessianWeightedKMeans, KMeans
        from ratedist.quantizers import Lloyd

        if self.algorithm == "kmeans":
            return KMeans(self.num_clusters, center_bits=center_bits)
        return HessianWeightedKMeans(
            self.num_clusters,
            0.0 if self.algorithm == "shrunken" else self.diameter_penalty,
            method=Lloyd(init="random", max_iterations=100) if self.algorithm == "descent" else "optimal",
            penalty=penalty,
            shrinkage=self.shrinkage,
            center_bits=center_bits,
        )


def finding(points: list[Point], choosing: SimulationResult, result: SimulationResult) -> dict[str, Any]:
    """The best of each algorithm over all K and its parameter, and for each K what β and shrinking gain.

    Args:
        points: what was simulated.
        choosing: by which the best are chosen.
        result: independent of it, by which they are reported.
    """

    def risk(point: Point) -> float:
        return choosing[point.name].population_risk.mean

    def best(algorithm: str, num_clusters: int | None = None) -> Point:
        return min(
            (
                point
                for point in points
                if point.algorithm == algorithm and num_clusters in (None, point.num_clusters)
            ),
            key=risk,
        )

    def minus(first: Point, second: Point) -> dict[str, float]:
        difference = result.difference(first.name, second.name).population_risk
        return {"mean": difference.mean, "sem": difference.sem}

    def described(point: Point) -> dict[str, Any]:
        estimate = result[point.name].population_risk
        return dataclasses.asdict(point) | {
            "population_risk": estimate.mean,
            "population_risk_sem": estimate.sem,
            "description_length_bits": nats_to_bits(result[point.name].rates["description_length"].mean),
        }

    by_clusters = []
    for K in sorted({point.num_clusters for point in points}):
        plain, unpenalized = Point("kmeans", K), Point("hessian_weighted", K)
        regularized, shrunken = best("diameter_regularized", K), best("shrunken", K)
        by_clusters.append(
            {
                "num_clusters": K,
                "hessian_weighted_minus_kmeans": minus(unpenalized, plain),
                "diameter_regularized": described(regularized),
                "diameter_regularized_minus_hessian_weighted": minus(regularized, unpenalized),
                "shrunken": described(shrunken),
                "shrunken_minus_hessian_weighted": minus(shrunken, unpenalized),
                "diameter_regularized_minus_shrunken": minus(regularized, shrunken),
                "descent": described(best("descent", K)),
                "descent_minus_diameter_regularized": minus(best("descent", K), regularized),
            }
        )
    unpenalized, regularized = best("hessian_weighted"), best("diameter_regularized")
    return {
        "kmeans": described(best("kmeans")),
        "hessian_weighted": described(unpenalized),
        "diameter_regularized": described(regularized),
        "shrunken": described(best("shrunken")),
        "best_regularized_minus_best_hessian_weighted": minus(regularized, unpenalized),
        "by_clusters": by_clusters,
    }


@functools.cache
def _draw() -> Callable[..., Any]:
    """One program, not one for each of its operations, and the same for all models of a shape."""
    import jax

    from ratedist.linear_model.sampling import draw_statistics

    return few_kept(jax.jit(jax.vmap(draw_statistics, in_axes=(0, None))))


def excess_over_optimum(
    config: DiameterConfig, model: GaussianLinearModel, compress: Callable[..., Compressed]
) -> dict[str, float]:
    """Objectives relative to the certified optimum, over trials, K and β > 0.

    An optimum below what rounding the weights costs, as with a centre for each and a tiny β, counts as that.
    """
    import jax

    from ratedist.compressors.base import Context
    from ratedist.linear_model.sampling import ModelArrays
    from ratedist.quantizers import kmeans, quantization_objective

    keys = jax.random.split(jax.random.key(config.seed), config.certified_trials)
    draws = jax.device_get(_draw()(keys, ModelArrays.of(model)))
    importance = (draws.hessian_factor**2).sum(axis=2)
    excesses: dict[str, list[float]] = {algorithm: [] for algorithm in ("diameter_regularized", "descent")}
    gaps = []
    for K, beta in itertools.product(config.clusters, config.diameter_penalties):
        reconstructions = {
            algorithm: compress(
                Point(algorithm, K, beta).compressor(config.penalty, None).prepare(model),
                keys,
                draws.weights,
                Context(hessian_diagonal=importance),
            ).reconstruction
            for algorithm in excesses
        }
        for trial, (w, h) in enumerate(zip(draws.weights, importance, strict=True)):
            optimum = kmeans(w, K, h, method="optimal", diameter_penalty=beta, penalty=config.penalty)
            weights = np.asarray(w)
            scale = float(np.sum(np.asarray(h) * (np.finfo(weights.dtype).eps * weights) ** 2))
            scale = max(optimum.objective, scale)
            gaps.append((optimum.objective - optimum.lower_bound) / scale)
            for algorithm, rows in reconstructions.items():
                diameter = np.ptp(rows[trial])
                value = quantization_objective(w, rows[trial], h, diameter, beta, config.penalty)
                excesses[algorithm].append((float(value) - optimum.objective) / scale)
    descent = np.array(excesses["descent"])
    return {
        "largest_of_optimal": max(excesses["diameter_regularized"]),
        "mean_of_descent": float(descent.mean()),
        "largest_of_descent": float(descent.max()),
        "share_of_descents_at_the_optimum": float(np.mean(descent < SAME)),
        "largest_certified_gap": max(gaps),
    }
