"""Vector K-means: blocks of m weights share a label."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ratedist.quantizers.blocks.assignment import BlockAssignment
from ratedist.quantizers.blocks.centers import GAP, CenterUpdate, farthest_pair
from ratedist.quantizers.blocks.layout import Piece, laid_out
from ratedist.quantizers.blocks.seeding import BlockSeeding
from ratedist.quantizers.center_update import printed_pair
from ratedist.quantizers.methods import Algorithm1, Lloyd
from ratedist.quantizers.objective import diameter_cost, quantization_objective
from ratedist.quantizers.quantized import Quantized
from ratedist.quantizers.scalar.initialization import generator, required_key

# Weights of which the objective is summed at once.
CHUNK = 1 << 20


@dataclasses.dataclass(frozen=True, eq=False)
class _Blocks:
    """N blocks in ``pieces``, minus ``shift`` (m,).

    ``assignment`` finds the nearest centres in the distance of (36) or, Hessian-weighted, of (35);
    ``update`` moves the centres.
    """

    pieces: list[Piece]
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
    method: Lloyd | Algorithm1,
    key: Any,
) -> Quantized:
    """Vector K-means of ``weights`` (d,); arguments as ``kmeans``, checked.

    Source: Entropy 2021 eq. (35) and Algorithm 1.
    """
    pieces, shift = laid_out(weights, importance, block_length, isinstance(method, Lloyd))
    blocks = _Blocks(pieces, BlockAssignment(pieces), shift, diameter_penalty, CenterUpdate(diameter_penalty))
    runs = (
        _alternate(blocks, start, method.max_iterations, printed=isinstance(method, Algorithm1))
        for start in _starts(blocks, num_clusters, method, key)
    )
    results = (_quantized(weights, importance, blocks, *run) for run in runs)
    return min(results, key=lambda result: result.objective)


def _alternate(
    blocks: _Blocks, initial: np.ndarray, max_iterations: int, printed: bool
) -> tuple[np.ndarray, np.ndarray, bool, int]:
    step = _printed_step if printed else _exact_step
    assigned = _assigned if printed else _filled
    centers, (labels, mass, first) = assigned(blocks, initial)
    for iteration in range(1, max_iterations + 1):
        updated = step(blocks, centers, mass, first)
        settled = np.array_equal(updated, centers)
        centers = updated
        if settled or (iteration == max_iterations and printed):
            return centers, labels, settled, iteration
        previous = labels
        centers, (labels, mass, first) = assigned(blocks, centers)
        # Without penalty the centres are a function of the assignment, and empty clusters rest.
        if blocks.diameter_penalty == 0 and np.array_equal(labels, previous):
            return centers, labels, True, iteration
    return centers, labels, False, max_iterations


Assigned = tuple[np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray]]


def _assigned(blocks: _Blocks, centers: np.ndarray) -> Assigned:
    """Centres, and labels, masses and first moments of their clusters."""
    return centers, blocks.assignment.assign(centers)


def _filled(blocks: _Blocks, centers: np.ndarray) -> Assigned:
    """The same, empty clusters having moved to the blocks that cost most, where that lowers the objective."""
    labels, mass, first = blocks.assignment.assign(centers)
    empty = np.flatnonzero(~np.any(mass > 0, axis=1))
    if empty.size:
        dear = blocks.assignment.costliest(centers, labels, empty.size)
        moved = centers.copy()
        moved[empty[: len(dear)]] = dear
        other = blocks.assignment.assign(moved)
        if len(dear) and blocks.cost(moved, *other[1:]) < blocks.cost(centers, mass, first):
            return moved, other
    return centers, (labels, mass, first)


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


def _starts(blocks: _Blocks, num_clusters: int, method: Lloyd | Algorithm1, key: Any) -> list[np.ndarray]:
    shape = (num_clusters, blocks.shift.size)
    if method.init is not None and not isinstance(method.init, str):
        centers = np.array(method.init)
        if centers.shape != shape:
            raise ValueError(f"init must have shape {shape}, got {centers.shape}")
        return [centers - blocks.shift]
    name = method.init or "kmeans++"
    rng = generator(required_key(name, key))
    seeding = BlockSeeding(blocks.pieces)
    draw = seeding.uniform if name == "random" else seeding.plus_plus
    return [draw(num_clusters, rng) for _ in range(method.num_starts)]


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
    objective = float(diameter_cost(diameter, beta, "squared"))
    for start in range(0, weights.size, CHUNK):
        rows = slice(start, start + CHUNK)
        h = 1.0 if importance is None else importance[rows]
        objective += float(quantization_objective(weights[rows], reconstruction[rows], h))
    return Quantized(c, small, reconstruction, objective, 0.0, converged, iterations)
