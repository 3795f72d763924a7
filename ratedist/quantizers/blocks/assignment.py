"""Nearest centres of blocks of weights and the sums over each cluster, compiled where blocks are many."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.spatial import KDTree

from ratedist.kept_programs import few_kept
from ratedist.quantizers.blocks.layout import Piece
from ratedist.quantizers.blocks.search import WeightedSearch
from ratedist.quantizers.blocks.small import FEW_DIFFERENCES, nearest_of_few, sums_of_few

# Longest blocks whose squared distances are written out; beyond, a matrix product is faster.
LONGEST_DIRECT = 8
# Coordinates of centres that one pass over the blocks compares, and centres in a matrix product.
COORDINATES_PER_PASS, CENTERS_PER_PRODUCT = 64, 16
# Centres from which a tree, or boxes around some of them, find the nearest sooner, as long as blocks have few
# coordinates.
TREE_CLUSTERS, BOX_CLUSTERS, TREE_LONGEST = 1024, 4096, 4
# A coordinate so large that a centre there is never the nearest, and its square still finite.
FAR = 1e150


class BlockAssignment:
    """N blocks of which the nearest of K centres is found again and again.

    All distances are computed, some centres at a time, and fused with the search for the least of them, so
    that no array has more than a few numbers a block. In float64, and on the CPU: sums must not depend on
    the order in which another device happens to add. Many centres of short blocks are searched, and few
    blocks are left to NumPy.
    """

    def __init__(self, pieces: Sequence[Piece]) -> None:
        """Take blocks, their values not far from 0 compared with their spread."""
        self._pieces = pieces

    def assign(self, centers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Label of the nearest of ``centers`` (K, m) for every block, and two sums over each cluster.

        Returns:
            labels of shape ``(N,)``, the mass Σh and the first moment Σhw, both of shape ``(K, m)``. Between
            centres equally near the choice is open.
        """
        K, m = centers.shape
        capacity = 1 << (K - 1).bit_length()
        table = np.full((capacity, m), FAR)
        table[:K] = centers
        tree = KDTree(centers) if K >= TREE_CLUSTERS and m <= TREE_LONGEST else None
        boxes = WeightedSearch(centers) if K >= BOX_CLUSTERS and m <= TREE_LONGEST else None
        found, mass, first = [], np.zeros((K, m)), np.zeros((K, m))
        for piece in self._pieces:
            if isinstance(piece.values, np.ndarray) and piece.size * centers.size <= FEW_DIFFERENCES:
                values, importance, metric = piece.blocks
                labels = nearest_of_few(values, metric, centers)
                some_mass, some_first = sums_of_few(labels, values, importance, K)
                found.append(labels.astype(np.min_scalar_type(capacity - 1)))
                mass += some_mass
                first += some_first
                continue
            with jax.enable_x64(True):  # in this thread, for these lines
                labels = _labels(piece, table, K, tree, boxes)
                values, importance, _ = piece.compiled
                small, some_mass, some_first = _sums(labels, values, importance, piece.size, capacity)
            found.append(np.asarray(small)[: piece.size])
            mass += np.asarray(some_mass)[:K]
            first += np.asarray(some_first)[:K]
        return np.concatenate(found), mass, first

    def costliest(self, centers: np.ndarray, labels: np.ndarray, number: int) -> np.ndarray:
        """At most ``number`` blocks that cost most under their centres, and not nothing, shape ``(·, m)``."""
        costs, blocks, start = [], [], 0
        for piece in self._pieces:
            own = labels[start : start + piece.size]
            start += piece.size
            values, importance, _ = piece.blocks
            cost = np.sum(
                (1.0 if importance is None else importance) * (values - centers[own].T) ** 2, axis=0
            )
            largest = np.argsort(-cost, kind="stable")[:number]
            costs.append(cost[largest])
            blocks.append(values[:, largest].T)
        cost, values = np.concatenate(costs), np.concatenate(blocks)
        order = np.argsort(-cost, kind="stable")[:number]
        return values[order[cost[order] > 0]]


def _labels(
    piece: Piece, table: np.ndarray, num_centers: int, tree: KDTree | None, boxes: WeightedSearch | None
) -> Any:
    """Labels (n,) of a piece: by one of the searches where there is one for its distance."""
    if piece.metric is None and tree is not None:
        _, nearest = tree.query(np.asarray(piece.values).T, workers=-1)
        return np.asarray(nearest, np.int32)
    if piece.metric is not None and boxes is not None:
        return boxes.nearest(np.asarray(piece.values), np.asarray(piece.metric))
    values, _, metric = piece.compiled
    return _nearest(values, metric, table, num_centers)


@few_kept
@jax.jit
def _nearest(values: jax.Array, metric: jax.Array | None, centers: jax.Array, num_centers: Any) -> jax.Array:
    """Labels (n,) of blocks ``values`` (m, n): the nearest of the first ``num_centers`` of ``centers``."""
    capacity, m = centers.shape
    direct = m <= LONGEST_DIRECT
    at_once = COORDINATES_PER_PASS >> (m - 1).bit_length() if direct else CENTERS_PER_PRODUCT
    at_once = min(at_once, capacity)
    features = values if metric is None else jnp.concatenate([metric * values, metric])

    def compare(index: Any, nearest: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        best, labels = nearest
        some = jax.lax.dynamic_slice_in_dim(centers, index * at_once, at_once)
        distances = _direct_distances(values, metric, some) if direct else _product_distances(features, some)
        for offset, distance in enumerate(distances):
            nearer = distance < best
            best = jnp.where(nearer, distance, best)
            labels = jnp.where(nearer, index * at_once + offset, labels)
        return best, labels

    n = values.shape[1]
    nobody = jnp.full(n, jnp.inf), jnp.zeros(n, jnp.int32)
    if capacity == at_once:  # without a loop all of it is one pass
        return compare(jnp.int32(0), nobody)[1]
    passes = (jnp.asarray(num_centers, jnp.int32) + at_once - 1) // at_once
    return jax.lax.fori_loop(0, passes, compare, nobody)[1]


def _direct_distances(values: jax.Array, metric: jax.Array | None, centers: jax.Array) -> Iterator[jax.Array]:
    """Squared distances of the blocks to one centre after the other, written out coordinate by coordinate."""
    for center in centers:
        terms = [(w - c) ** 2 for w, c in zip(values, center, strict=True)]
        if metric is not None:
            terms = [a * term for a, term in zip(metric, terms, strict=True)]
        yield functools.reduce(jnp.add, terms)


def _product_distances(features: jax.Array, centers: jax.Array) -> jax.Array:
    """Squared distances up to a term without centres, as one matrix product, shape ``(centres, n)``."""
    squares = centers**2
    if len(features) == centers.shape[1]:
        return (-2 * centers) @ features + jnp.sum(squares, axis=1, keepdims=True)
    return jnp.concatenate([-2 * centers, squares], axis=1) @ features


@few_kept
@functools.partial(jax.jit, static_argnames="capacity")
def _sums(
    labels: jax.Array, values: jax.Array, importance: jax.Array | None, size: Any, capacity: int
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Labels in few bytes, masses and first moments of clusters, (capacity, 1 or m) and (capacity, m)."""
    m, n = values.shape
    h = (jnp.arange(n) < size).astype(values.dtype)[None] if importance is None else importance
    rows = jnp.concatenate([h * values, h]).T
    # Rows of four add up faster than of three.
    rows = jnp.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    sums = jax.ops.segment_sum(rows, labels, capacity)
    return labels.astype(np.min_scalar_type(capacity - 1)), sums[:, m : m + len(h)], sums[:, :m]
