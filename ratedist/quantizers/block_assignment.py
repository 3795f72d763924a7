"""Nearest centres of blocks of weights and the sums over each cluster, compiled."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.spatial import KDTree

# Blocks treated at once, few enough for the cache; the rest that is left over is filled up to a number of
# three leading bits, so that few programmes have to be compiled.
SLAB, LEADING_BITS = 1 << 17, 3
# Longest blocks whose squared distances are written out; beyond, a matrix product is faster.
LONGEST_DIRECT = 8
# Coordinates of centres that one pass over the blocks compares, and centres in a matrix product.
COORDINATES_PER_PASS, CENTERS_PER_PRODUCT = 64, 16
# Centres from which a tree finds the nearest of them sooner, as long as blocks have few coordinates.
TREE_CLUSTERS, TREE_LONGEST = 1024, 4
# A coordinate so large that a centre there is never the nearest, and its square still finite.
FAR = 1e150


class BlockAssignment:
    """N blocks laid out to find their nearest of K centres again and again.

    All distances are computed, some centres at a time, and fused with the search for the least of them, so
    that no array has more than a few numbers a block. In float64, and on the CPU: sums must not depend on
    the order in which another device happens to add.
    """

    def __init__(
        self, values: np.ndarray, metric: np.ndarray | None = None, importance: np.ndarray | None = None
    ) -> None:
        """Lay out the blocks.

        Args:
            values: w, shape ``(m, N)``, not far from 0 compared with their spread.
            metric: a >= 0 of the distance ``Σ_i a_i (w_i − c_i)²``, shape ``(m, N)``; ``None`` for 1.
            importance: h >= 0 by which clusters sum, shape ``(m, N)``; ``None`` for 1.
        """
        m = len(values)
        self._values, self._weighted = values, metric is not None
        coordinates = slabs(values)
        h = slabs(np.ones((1, values.shape[1])) if importance is None else importance)
        with jax.enable_x64(True):
            self._rows = [_rows_to_sum(*pair) for pair in zip(h, coordinates, strict=True)]
            self._mass = slice(m, m + len(h[0]))
            if metric is None:
                self._points = [(w,) for w in coordinates]
            else:
                a = h if metric is importance else slabs(metric)
                self._points = list(zip(coordinates, a, strict=True))
                if m > LONGEST_DIRECT:
                    self._points = [(_features(*pair),) for pair in self._points]

    def assign(self, centers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Label of the nearest of ``centers`` (K, m) for every block, and two sums over each cluster.

        Returns:
            labels of shape ``(N,)``, the mass Σh and the first moment Σhw, both of shape ``(K, m)``. Between
            centres equally near the choice is open.
        """
        K, m = centers.shape
        capacity = 1 << (K - 1).bit_length()
        with jax.enable_x64(True):  # in this thread, for these lines
            if not self._weighted and K >= TREE_CLUSTERS and m <= TREE_LONGEST:
                _, nearest = KDTree(centers).query(self._values.T, workers=-1)
                labels = slabs(np.asarray(nearest, np.int32))
            else:
                table = np.full((capacity, m), FAR)
                table[:K] = centers
                labels = [_nearest(points, table, K) for points in self._points]
            results = [_sums(*pair, capacity) for pair in zip(labels, self._rows, strict=True)]
        found = np.concatenate([small for small, _ in results])[: self._values.shape[1]]
        totals = np.sum([sums for _, sums in results], axis=0)[:K]
        mass, first = totals[:, self._mass], totals[:, :m]
        return found, np.broadcast_to(mass, first.shape), first


def slabs(array: np.ndarray) -> list[jax.Array]:
    """``array`` (..., N) in pieces of ``SLAB`` along its last axis, the last filled up with zeros.

    They keep their precision and are where JAX computes on the CPU, if it has been left one.
    """
    try:
        device = jax.local_devices(backend="cpu")[0]
    except RuntimeError:
        device = jax.local_devices()[0]
    pieces = []
    with jax.enable_x64(True):
        for start in range(0, array.shape[-1], SLAB):
            part = array[..., start : start + SLAB]
            piece = np.zeros((*array.shape[:-1], padded_size(part.shape[-1])), array.dtype)
            piece[..., : part.shape[-1]] = part
            pieces.append(jax.device_put(piece, device))
    return pieces


def padded_size(size: int) -> int:
    """The next number of which only the three leading bits differ from 0: at most a quarter more."""
    unit = 1 << max(size.bit_length() - LEADING_BITS, 0)
    return -(-size // unit) * unit


@jax.jit
def _nearest(points: tuple[jax.Array, ...], centers: jax.Array, num_centers: Any) -> jax.Array:
    """Labels (n,) of blocks: the nearest of the first ``num_centers`` of ``centers`` (capacity, m).

    The blocks are coordinates (m, n), with or without importances (m, n), or long ones the features
    [aw, a] (2m, n).
    """
    capacity, m = centers.shape
    direct = m <= LONGEST_DIRECT
    at_once = COORDINATES_PER_PASS >> (m - 1).bit_length() if direct else CENTERS_PER_PRODUCT
    at_once = min(at_once, capacity)

    def compare(index: Any, nearest: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        best, labels = nearest
        some = jax.lax.dynamic_slice_in_dim(centers, index * at_once, at_once)
        distances = (
            _direct_distances(*points, centers=some) if direct else _product_distances(points[0], some)
        )
        for offset, distance in enumerate(distances):
            nearer = distance < best
            best = jnp.where(nearer, distance, best)
            labels = jnp.where(nearer, index * at_once + offset, labels)
        return best, labels

    n = points[0].shape[1]
    nobody = jnp.full(n, jnp.inf), jnp.zeros(n, jnp.int32)
    if capacity == at_once:  # without a loop all of it is one pass
        return compare(jnp.int32(0), nobody)[1]
    passes = (jnp.asarray(num_centers, jnp.int32) + at_once - 1) // at_once
    return jax.lax.fori_loop(0, passes, compare, nobody)[1]


def _direct_distances(values: jax.Array, *metric: jax.Array, centers: jax.Array) -> Iterator[jax.Array]:
    """Squared distances of the blocks to one centre after the other, written out coordinate by coordinate."""
    for center in centers:
        terms = [(w - c) ** 2 for w, c in zip(values, center, strict=True)]
        if metric:
            terms = [a * term for a, term in zip(metric[0], terms, strict=True)]
        yield functools.reduce(jnp.add, terms)


def _product_distances(features: jax.Array, centers: jax.Array) -> jax.Array:
    """Squared distances up to a term without centres, as one matrix product, shape ``(centres, n)``."""
    squares = centers**2
    if len(features) == centers.shape[1]:
        return (-2 * centers) @ features + jnp.sum(squares, axis=1, keepdims=True)
    return jnp.concatenate([-2 * centers, squares], axis=1) @ features


@jax.jit
def _features(values: jax.Array, metric: jax.Array) -> jax.Array:
    return jnp.concatenate([metric * values, metric])


@jax.jit
def _rows_to_sum(importance: jax.Array, values: jax.Array) -> jax.Array:
    """First moments and masses of each block, (n, q), filled up: rows of four add up faster than of three."""
    rows = jnp.concatenate([importance * values, importance]).T
    return jnp.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))


@functools.partial(jax.jit, static_argnames="capacity")
def _sums(labels: jax.Array, rows: jax.Array, capacity: int) -> tuple[jax.Array, jax.Array]:
    """Labels in few bytes, and the sums of ``rows`` (n, q) over clusters, shape ``(capacity, q)``."""
    small = labels.astype(np.min_scalar_type(capacity - 1))
    return small, jax.ops.segment_sum(rows, labels, capacity)
