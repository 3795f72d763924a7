"""Vector K-means: blocks of m weights share a label."""

from __future__ import annotations

import dataclasses
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.quantizers.block_centers import block_centers, farthest_pair
from ratedist.quantizers.center_update import printed_pair
from ratedist.quantizers.initialization import RANDOM_INITIALIZATIONS, generator, required_key
from ratedist.quantizers.objective import diameter_cost, quantization_objective
from ratedist.quantizers.quantized import Quantized

# Distances computed at once, few enough for the cache, and blocks below which the interpreter would show.
CHUNK = 1 << 15
MIN_CHUNK = 320
# Blocks handed to one thread at once.
SLAB = 1 << 16


@dataclasses.dataclass(frozen=True, eq=False)
class _Blocks:
    """N blocks: ``values`` (N, m) minus ``shift`` (m,), importances (N, m) or ``None`` where all are 1.

    ``features`` are such that their products with a table of centres are the distances of (36)
    or, Hessian-weighted, of (35), up to a term without centres.
    """

    values: np.ndarray
    importance: np.ndarray | None
    features: np.ndarray
    shift: np.ndarray
    diameter_penalty: float

    def nearest(self, centers: np.ndarray) -> np.ndarray:
        """Label of the nearest centre for every block."""
        squares = centers**2
        if len(self.features) == centers.shape[1] + 1:
            squares = squares.sum(axis=1, keepdims=True)
        table = np.concatenate([-2 * centers, squares], axis=1)
        labels = np.empty(len(self.values), dtype=np.int64)
        chunk = max(MIN_CHUNK, CHUNK // len(table))

        def assign(slab: range) -> None:
            buffer = np.empty((len(table), chunk))
            for start in slab:
                rows = slice(start, min(start + chunk, slab.stop))
                distances = buffer[:, : rows.stop - start]
                np.matmul(table, self.features[:, rows], out=distances)
                labels[rows] = argmin_of_columns(distances)

        slabs = [range(i, min(i + SLAB, labels.size), chunk) for i in range(0, labels.size, SLAB)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(assign, slabs))
        return labels

    def moments(self, labels: np.ndarray, num_clusters: int) -> tuple[np.ndarray, np.ndarray]:
        """Mass Σh and first moment Σhw of each cluster and coordinate, each of shape ``(K, m)``."""
        h, hw = self.importance, self.values if self.importance is None else self.importance * self.values

        def totals(columns: np.ndarray) -> np.ndarray:
            return np.stack([np.bincount(labels, column, num_clusters) for column in columns.T], axis=1)

        if h is None:
            mass = np.bincount(labels, minlength=num_clusters).astype(np.float64)
            return np.repeat(mass[:, None], hw.shape[1], axis=1), totals(hw)
        return totals(h), totals(hw)

    def cost(self, centers: np.ndarray, mass: np.ndarray, first: np.ndarray) -> float:
        """Objective (35) up to a term without centres."""
        penalty = (
            0.0
            if self.diameter_penalty == 0
            else diameter_cost(farthest_pair(centers)[2], self.diameter_penalty, "squared")
        )
        return float(np.sum(centers * (centers * mass - 2 * first)) + penalty)


def argmin_of_columns(distances: np.ndarray) -> np.ndarray:
    """Row of the least entry in each column of ``distances`` (K, C), which is overwritten; ties as they fall.

    NumPy's argmin is slow along either axis of such an array, its minimum along the first is not. So the
    number of the row is written over the last bits of each entry, log₂K of 52, and read off the minimum.
    """
    bits = (1 << (len(distances) - 1).bit_length()) - 1
    words = distances.view(np.int64)
    words &= ~bits
    words |= np.arange(len(distances))[:, None]
    return distances.min(axis=0).view(np.int64) & bits


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
    values = np.pad(weights, (0, padding), mode="edge").reshape(-1, m)
    h = None
    if importance is not None or padding:
        h = np.ones(d) if importance is None else importance
        h = np.pad(h, (0, padding)).reshape(-1, m)
    shift = values.mean(axis=0)
    values = values - shift
    blocks = _Blocks(values, h, _features(values, h, method, padding), shift, diameter_penalty)
    step = _printed_step if method == "algorithm1" else _exact_step
    runs = (
        _alternate(blocks, start, step, max_iterations, final_assignment=method == "lloyd")
        for start in _starts(blocks, num_clusters, init, key, num_starts)
    )
    results = [
        _quantized(weights, importance, blocks, centers, labels, converged, iterations)
        for centers, labels, converged, iterations in runs
    ]
    return min(results, key=lambda result: result.objective)


def _features(values: np.ndarray, h: np.ndarray | None, method: str, padding: int) -> np.ndarray:
    """[w, 1] for −2wc + ‖c‖², or [aw, a] in a metric a: importances, or 1 for what is counted."""
    if h is None or (method == "algorithm1" and not padding):
        return np.concatenate([values.T, np.ones((1, len(values)))])
    counted = np.ones_like(values)
    if padding:
        counted[-1, -padding:] = 0.0
    # A block that costs nothing anywhere goes to the centre nearest in the ordinary sense.
    weighted = np.any(h > 0, axis=1, keepdims=True) & (method == "lloyd")
    metric = np.where(weighted, h, counted)
    return np.ascontiguousarray(np.concatenate([metric * values, metric], axis=1).T)


def _alternate(
    blocks: _Blocks, initial: np.ndarray, step: Any, max_iterations: int, final_assignment: bool
) -> tuple[np.ndarray, np.ndarray, bool, int]:
    centers, labels = initial, blocks.nearest(initial)
    for iteration in range(1, max_iterations + 1):
        mass, first = blocks.moments(labels, len(initial))
        updated = step(blocks, centers, mass, first)
        settled = np.array_equal(updated, centers)
        centers = updated
        if settled or (iteration == max_iterations and not final_assignment):
            return centers, labels, settled, iteration
        previous, labels = labels, blocks.nearest(centers)
        # Without penalty the centres are a function of the assignment, and empty clusters rest.
        if blocks.diameter_penalty == 0 and np.array_equal(labels, previous):
            return centers, labels, True, iteration
    return centers, labels, False, max_iterations


def _exact_step(blocks: _Blocks, centers: np.ndarray, mass: np.ndarray, first: np.ndarray) -> np.ndarray:
    means = np.where(mass > 0, first / np.where(mass > 0, mass, 1.0), centers)
    if blocks.diameter_penalty == 0 or len(centers) == 1:
        return means
    updated = block_centers(means, mass, blocks.diameter_penalty)
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
    shape = (num_clusters, blocks.values.shape[1])
    if init is not None and not isinstance(init, str):
        centers = _checks.real_array("init", init)
        if centers.shape != shape:
            raise ValueError(f"init must have shape {shape}, got {centers.shape}")
        return [centers - blocks.shift]
    name = _checks.one_of("init for blocks", "kmeans++" if init is None else init, RANDOM_INITIALIZATIONS)
    rng = generator(required_key(name, key))
    if name == "random":
        size = len(blocks.values)
        return [blocks.values[rng.choice(size, num_clusters, replace=False)] for _ in range(num_starts)]
    return [_plus_plus(blocks, num_clusters, rng) for _ in range(num_starts)]


def _plus_plus(blocks: _Blocks, num_clusters: int, rng: np.random.Generator) -> np.ndarray:
    """Blocks drawn one by one with probability proportional to their cost under those drawn before."""
    values, h = blocks.values, 1.0 if blocks.importance is None else blocks.importance
    centers = np.empty((num_clusters, values.shape[1]))
    weight = np.ones(len(values)) if blocks.importance is None else blocks.importance.sum(axis=1)
    least = np.full(len(values), np.inf)
    for k in range(num_clusters):
        cumulative = np.cumsum(weight)
        level = rng.random() * cumulative[-1]
        # Where every block is a centre already (duplicates) any block will do.
        centers[k] = values[min(int(np.searchsorted(cumulative, level, side="right")), len(values) - 1)]
        least = np.minimum(least, np.sum(h * (values - centers[k]) ** 2, axis=1))
        weight = least
    return centers


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
    reconstruction = c[labels].ravel()[: weights.size]
    beta = blocks.diameter_penalty
    diameter = farthest_pair(c)[2] if beta > 0 else 0.0
    h = 1.0 if importance is None else importance
    objective = float(quantization_objective(weights, reconstruction, h, diameter, beta))
    small = labels.astype(np.min_scalar_type(len(c) - 1))
    return Quantized(c, small, reconstruction, objective, 0.0, converged, iterations)
