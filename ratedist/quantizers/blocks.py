"""Vector K-means: blocks of m weights share a label."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.quantizers.block_assignment import BlockAssignment
from ratedist.quantizers.block_centers import GAP, CenterUpdate, farthest_pair
from ratedist.quantizers.block_seeding import BlockSeeding
from ratedist.quantizers.center_update import printed_pair
from ratedist.quantizers.initialization import RANDOM_INITIALIZATIONS, generator, required_key
from ratedist.quantizers.objective import diameter_cost, quantization_objective
from ratedist.quantizers.quantized import Quantized


@dataclasses.dataclass(frozen=True, eq=False)
class _Blocks:
    """N blocks: ``values`` (m, N) minus ``shift`` (m,), importances (m, N) or ``None`` where all are 1.

    ``assignment`` finds the nearest centres in the distance of (36) or, Hessian-weighted, of (35);
    ``update`` moves the centres.
    """

    values: np.ndarray
    importance: np.ndarray | None
    assignment: BlockAssignment
    shift: np.ndarray
    diameter_penalty: float
    update: CenterUpdate

    def cost(self, centers: np.ndarray, mass: np.ndarray, first: np.ndarray) -> float:
        """Objective (35) up to a term without centres."""
        penalty = (
            0.0
            if self.diameter_penalty == 0
            else diameter_cost(farthest_pair(centers)[2], self.diameter_penalty, "squared")
        )
        return float(np.sum(centers * (centers * mass - 2 * first)) + penalty)


def kmeans_of_blocks(
    weights: np.ndarray,
    importance: np.ndarray | None,
    block_length: int,
    num_clusters: int,
    diameter_penalty: float,
    method: str,
    init: str | ArrayLike | None,
    key: Any,
    num_starts: int,
    max_iterations: int,
) -> Quantized:
    """Vector K-means of ``weights`` (d,) by "lloyd" or "algorithm1"; arguments as ``kmeans``, checked.

    Source: Entropy 2021 eq. (35) and Algorithm 1.
    """
    d, m = weights.size, block_length
    padding = -d % m
    # Coordinate by coordinate in memory: so the assignment takes them.
    values = np.pad(weights, (0, padding), mode="edge").reshape(-1, m).T.copy()
    h = None
    if importance is not None or padding:
        h = np.ones(d) if importance is None else importance
        h = np.pad(h, (0, padding)).reshape(-1, m).T.copy()
    shift = values.mean(axis=1)
    values -= shift[:, None]
    assignment = BlockAssignment(values, _metric(values, h, method, padding), h)
    blocks = _Blocks(values, h, assignment, shift, diameter_penalty, CenterUpdate(diameter_penalty))
    step = _printed_step if method == "algorithm1" else _exact_step
    runs = (
        _alternate(blocks, start, step, max_iterations, final_assignment=method == "lloyd")
        for start in _starts(blocks, num_clusters, init, key, num_starts)
    )
    results = (_quantized(weights, importance, blocks, *run) for run in runs)
    return min(results, key=lambda result: result.objective)


def _metric(values: np.ndarray, h: np.ndarray | None, method: str, padding: int) -> np.ndarray | None:
    """Weights of the squared differences by which ``method`` assigns, (m, N); ``None`` where all are 1."""
    if h is None or not (method == "lloyd" or padding):
        return None
    # A block that costs nothing anywhere goes to the centre nearest in the ordinary sense.
    weighted = np.any(h > 0, axis=0) & (method == "lloyd")
    if weighted.all():
        return h
    counted = np.ones_like(values)
    if padding:
        counted[-padding:, -1] = 0.0
    return np.where(weighted, h, counted)


def _alternate(
    blocks: _Blocks, initial: np.ndarray, step: Any, max_iterations: int, final_assignment: bool
) -> tuple[np.ndarray, np.ndarray, bool, int]:
    centers, (labels, mass, first) = initial, blocks.assignment.assign(initial)
    for iteration in range(1, max_iterations + 1):
        updated = step(blocks, centers, mass, first)
        settled = np.array_equal(updated, centers)
        centers = updated
        if settled or (iteration == max_iterations and not final_assignment):
            return centers, labels, settled, iteration
        previous, (labels, mass, first) = labels, blocks.assignment.assign(centers)
        # Without penalty the centres are a function of the assignment, and empty clusters rest.
        if blocks.diameter_penalty == 0 and np.array_equal(labels, previous):
            return centers, labels, True, iteration
    return centers, labels, False, max_iterations


def _exact_step(blocks: _Blocks, centers: np.ndarray, mass: np.ndarray, first: np.ndarray) -> np.ndarray:
    means = np.where(mass > 0, first / np.where(mass > 0, mass, 1.0), centers)
    if blocks.diameter_penalty == 0 or len(centers) == 1:
        return means
    updated = blocks.update(means, mass, GAP)
    # Once the two agree to the accuracy of the solver the iteration rests, and it never ascends.
    before, after = (blocks.cost(c, mass, first) for c in (centers, updated))
    scale = np.sum(mass * means**2)
    return updated if after < before - 1e-12 * scale else centers


def _printed_step(blocks: _Blocks, centers: np.ndarray, mass: np.ndarray, first: np.ndarray) -> np.ndarray:
    means = np.where(mass > 0, first / np.where(mass > 0, mass, 1.0), centers)
    if len(centers) > 1:
        a, b, _ = farthest_pair(centers)
        means[a], means[b] = printed_pair(means[a], means[b], mass[a], mass[b], blocks.diameter_penalty)
    return means


def _starts(
    blocks: _Blocks, num_clusters: int, init: str | ArrayLike | None, key: Any, num_starts: int
) -> list[np.ndarray]:
    shape = (num_clusters, len(blocks.values))
    if init is not None and not isinstance(init, str):
        centers = _checks.real_array("init", init)
        if centers.shape != shape:
            raise ValueError(f"init must have shape {shape}, got {centers.shape}")
        return [centers - blocks.shift]
    name = _checks.one_of("init for blocks", "kmeans++" if init is None else init, RANDOM_INITIALIZATIONS)
    rng = generator(required_key(name, key))
    if name == "random":
        size = blocks.values.shape[1]
        return [blocks.values.T[rng.choice(size, num_clusters, replace=False)] for _ in range(num_starts)]
    seeding = BlockSeeding(blocks.values, blocks.importance)
    return [seeding.plus_plus(num_clusters, rng) for _ in range(num_starts)]


def _quantized(
    weights: np.ndarray,
    importance: np.ndarray | None,
    blocks: _Blocks,
    centers: np.ndarray,
    labels: np.ndarray,
    converged: bool,
    iterations: int,
) -> Quantized:
    c = centers + blocks.shift
    small = labels.astype(np.min_scalar_type(len(c) - 1), copy=False)
    reconstruction = c.take(small, axis=0).ravel()[: weights.size]
    beta = blocks.diameter_penalty
    diameter = farthest_pair(c)[2] if beta > 0 else 0.0
    h = 1.0 if importance is None else importance
    objective = float(quantization_objective(weights, reconstruction, h, diameter, beta))
    return Quantized(c, small, reconstruction, objective, 0.0, converged, iterations)
