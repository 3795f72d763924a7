"""The globally optimal quantisers of one short weight vector in JAX, to be called inside a vmapped trial.

Everything works in the dtype it is given, on shapes known beforehand, and under ``vmap``; inputs are data and
only shapes are checked. Long single vectors belong to ``ratedist.quantizers.kmeans``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ratedist.quantizers.traced.assignment import check_shapes, label_counts, lookup, nearest_labels
from ratedist.quantizers.traced.run_moments import run_costs, run_means, scaled_entries
from ratedist.quantizers.traced.side_by_side import LARGEST, LARGEST_IN_TWO, optimal_side_by_side

# Up to this many weights the dynamic programme with its d × d table runs inside the traced trial; above,
# sorting and prefix sums in NumPy on the host are faster and need no table.
SHORT_VECTOR = 256


class OptimalPath(NamedTuple):
    """Optimal quantisers for R numbers of clusters, a row each: K = 1 … K_max, or those asked for.

    Attributes:
        labels: shape ``(R, d)``, int32, in the order of the weights; label k is the k-th smallest centre.
        centers: shape ``(R, K_max)``, ascending in the first K entries of a row, zero beyond them.
        reconstruction: shape ``(R, d)``, the centre of each weight.
        counts: shape ``(R, K_max)``, int32, |C_k|; zero beyond K.
    """

    labels: jax.Array
    centers: jax.Array
    reconstruction: jax.Array
    counts: jax.Array


def optimal_path(
    weights: jax.Array,
    max_clusters: int,
    importance: jax.Array | None = None,
    *,
    only: Sequence[int] | None = None,
) -> OptimalPath:
    """Global minimisers of ``Σ_j h_j (w_j − c_{k(j)})²`` for every K up to ``max_clusters`` at once.

    The clusters of an optimal scalar quantiser are runs of the sorted weights, so with D_k[j] the least cost
    of the j smallest weights in k clusters, ``D_k[j] = min_i D_{k−1}[i] + cost(i, j)``. The forward pass
    keeps the minima only, which vectorise; the minimisers are recovered on the way back, for all K at once.
    The costs have a relative error of some d units in the last place. Those below the smallest normal number
    times the largest importance and the square of the range count as zero.

    Under ``vmap``, up to 1024 weights of equal importance in double precision are quantised side by side on
    CPU, for at most two clusters up to 16384, many times as quickly: see
    :func:`~ratedist.quantizers.traced.side_by_side.optimal_side_by_side`.

    Args:
        weights: shape ``(d,)``.
        max_clusters: K_max, static, at most d.
        importance: h, shape ``(d,)``, non-negative; ``None`` for equal importance. A weight of importance
            zero goes to the nearest centre.
        only: the numbers of clusters that are wanted, the largest of them K_max; all by default.

    Raises:
        ValueError: K_max outside 1 … d, or shapes that disagree.

    Source: the objective (30) of Entropy 2021; Wang & Song 2011 for the dynamic programme.
    """
    check_shapes(weights, max_clusters, importance, "max_clusters")
    clusters = tuple(range(1, max_clusters + 1) if only is None else only)
    if importance is not None:
        return _of_one(weights, importance.astype(weights.dtype), clusters)
    return _with_equal_importance(clusters)(weights)


def quantized_side_by_side(
    num_weights: int, dtype: jax.typing.DTypeLike, max_clusters: int | None = None
) -> bool:
    """Whether many vectors of equal importance are quantised side by side, a number of them at a time.

    Args:
        num_weights: d.
        dtype: of the weights.
        max_clusters: K_max, or ``None`` for any number.
    """
    largest = LARGEST if max_clusters is None or max_clusters > 2 else LARGEST_IN_TWO
    return num_weights <= largest and dtype == jnp.float64 and jax.default_backend() == "cpu"


@functools.cache
def _with_equal_importance(clusters: tuple[int, ...]) -> Callable[[jax.Array], OptimalPath]:
    """The optimum of one vector; mapped over many of them, it takes them side by side where it can."""

    @jax.custom_batching.custom_vmap
    def path(weights: jax.Array) -> OptimalPath:
        return _of_one(weights, None, clusters)

    @path.def_vmap
    def paths(count: int, in_batched: list[bool], weights: jax.Array) -> tuple[OptimalPath, Any]:
        del count
        if not in_batched[0]:
            return path(weights), OptimalPath(*[False] * 4)  # pyright: ignore[reportArgumentType]
        if quantized_side_by_side(weights.shape[-1], weights.dtype, max(clusters)):
            found = OptimalPath(*optimal_side_by_side(weights, clusters))
        else:
            found = jax.vmap(lambda one: _of_one(one, None, clusters))(weights)
        return found, OptimalPath(*[True] * 4)  # pyright: ignore[reportArgumentType]

    @jax.custom_jvp
    def differentiable(weights: jax.Array) -> OptimalPath:
        return path(weights)

    @differentiable.defjvp
    def rule(primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple[OptimalPath, OptimalPath]:
        """Labels do not change with the weights, but where two clusterings are equally good; means do."""
        found, (change,) = differentiable(*primals), tangents
        member = found.labels[:, None, :] == jnp.arange(max(clusters))[None, :, None]
        of_centers = jnp.sum(jnp.where(member, change[None, None, :], 0), axis=2)
        of_centers = of_centers / jnp.maximum(found.counts, 1)
        of_labels, of_counts = (
            np.zeros(leaf.shape, jax.dtypes.float0) for leaf in (found.labels, found.counts)
        )
        of_reconstruction = jax.vmap(lookup)(of_centers, found.labels)
        return found, OptimalPath(of_labels, of_centers, of_reconstruction, of_counts)  # pyright: ignore[reportArgumentType]

    return differentiable


def _of_one(weights: jax.Array, h: jax.Array | None, clusters: Sequence[int]) -> OptimalPath:
    d, dtype, max_clusters = weights.size, weights.dtype, max(clusters)
    if h is None:
        values = jnp.sort(weights)
    else:
        values, h = jax.lax.sort((weights, h), num_keys=1)
    entries = scaled_entries(values, h)
    # Boundaries are 0 … d: row j − 1 is that of the runs that end at j.
    cost = run_costs(entries)
    index = jnp.arange(d)

    # Loops rather than unrolled layers: the same speed, and a fraction of the compilation.
    def next_layer(layer: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
        ends = jnp.min(layer[None, :] + cost, axis=1)
        # No weights in one cluster or more are no clustering.
        return jnp.concatenate([jnp.full(1, jnp.inf, dtype), ends[:-1]]), layer

    no_weights = jnp.where(index == 0, jnp.zeros((), dtype), jnp.inf)
    _, least_cost = jax.lax.scan(next_layer, no_weights, None, length=max_clusters)

    # Row K − 1 walks back through the clusters K − 1, K − 2, … of the K-cluster optimum, all rows together.
    row = jnp.arange(max_clusters)

    def walk_back(end: jax.Array, steps: jax.Array) -> tuple[jax.Array, jax.Array]:
        total = least_cost[jnp.maximum(row - steps, 0)] + cost[end - 1]
        # The first minimiser, by two minima: XLA does not vectorise argmin on CPU.
        at_minimum = total == jnp.min(total, axis=1, keepdims=True)
        start = jnp.min(jnp.where(at_minimum, index[None, :], d), axis=1)
        start = jnp.where(row >= steps, start, 0).astype(jnp.int32)
        return start, start

    _, starts = jax.lax.scan(walk_back, jnp.full(max_clusters, d, jnp.int32), row)
    steps_back = row[:, None] - row[None, :]
    used = steps_back >= 0
    start = jnp.where(used, starts[jnp.maximum(steps_back, 0), row[:, None]], d)
    end = jnp.concatenate([start[:, 1:], jnp.full((max_clusters, 1), d, jnp.int32)], axis=1)

    is_start = jnp.any(start[None, :, :] == index[:, None, None], axis=2)
    centers = run_means(entries, is_start)[jnp.maximum(end, 1) - 1, row[:, None]]
    labels = jax.vmap(lambda c, u: nearest_labels(weights, jnp.where(u, c, jnp.inf)))(centers, used)
    centers = jnp.where(used, centers, 0)
    path = OptimalPath(
        labels,
        centers,
        jax.vmap(lookup)(centers, labels),
        jax.vmap(label_counts, (0, None))(labels, max_clusters),
    )
    rows = np.array(clusters) - 1
    return path if rows.size == max_clusters else jax.tree.map(lambda leaf: leaf[rows], path)
