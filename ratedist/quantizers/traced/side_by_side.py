"""Optimal quantisers of many short vectors at once: they lie side by side along the last axis of all arrays.

Every operation then takes neighbouring vectors together, which is what a processor does quickly, and none of
them depends on what is in a vector. ``ratedist.quantizers.traced.optimal`` has the same for one vector.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ratedist.quantizers.traced.least_costs import least_costs, marked, start_mask
from ratedist.quantizers.traced.run_moments import power_of_two_below
from ratedist.quantizers.traced.sorting import sorted_columns
from ratedist.quantizers.traced.whole_loops import compiled_whole

# Above, one vector after another on the host: for any number of clusters, and for two at most.
LARGEST, LARGEST_IN_TWO = 1024, 16384
# Vectors at a time, whose tables are a megabyte each: beyond it they leave the processor's cache.
LANES = 128
# Of more weights fewer vectors, lest tables grow with the square.
MOST_WEIGHTS = 256
# Groups of rows, each with as many selections as its largest number of clusters asks for.
ROW_GROUPS = 4


def optimal_side_by_side(
    weights: jax.Array, clusters: Sequence[int]
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Global minimisers of ``Σ_j (w_j − c_{k(j)})²`` for T vectors and each K of ``clusters``.

    The dynamic programme is that of :func:`~ratedist.quantizers.traced.optimal.optimal_path`. A cost carries
    the start of its last run in its last bits, six up to 64 weights and ``START_BITS`` above: one minimum
    finds both. That moves each least cost by less than ε = 2⁻⁴⁶ of itself and layer, above 64, 256 and 1024
    weights 2⁻⁴⁴, 2⁻⁴² and 2⁻³⁸. What is found costs at most ``1 + K(2 + d/5)ε``, and some d units in the last
    place, times the optimum. Where the best two clusterings differ by more, it is the best. Of those that
    cost the same the last run is the longest, then the one before, and so on. Equal weights are in one
    cluster, the lowest that could have them. At most two clusters take d steps and no table.

    XLA takes differences below the smallest normal number as zero: weights no further apart count as equal
    in all costs and means.

    Args:
        weights: shape ``(T, d)``, float64, d at most 1024, for at most two clusters 16384.
        clusters: R numbers of clusters, each at most d, static.

    Returns:
        Labels ``(T, R, d)``, centres ``(T, R, K_max)``, reconstruction ``(T, R, d)`` and counts
        ``(T, R, K_max)``, as ``OptimalPath`` has them for one vector. Besides, about 16(K_max + 15)d bytes of
        working memory for each of at most 128 vectors, of more than 256 weights fewer, whatever T.
    """
    num_vectors, d = weights.shape
    at_a_time = max(LANES * MOST_WEIGHTS // max(d, MOST_WEIGHTS) // 8, 1) * 8
    # A map over no vectors has none of them, and still a shape.
    chunks = max(-(-num_vectors // at_a_time), 1)
    # As few lanes as do for them, in eights, which registers hold.
    lanes = max(-(-num_vectors // (8 * chunks)), 1) * 8
    # Lanes without a vector repeat one: those of zeros would have the longest last runs of all.
    missing, mode = chunks * lanes - num_vectors, "edge" if num_vectors else "constant"
    padded = jnp.pad(weights, ((0, missing), (0, 0)), mode=mode)
    grouped = padded.reshape(chunks, lanes, d)
    thresholds, centers, counts = jax.lax.map(lambda chunk: _of_one_chunk(chunk, clusters), grouped)
    # Rows by and by: those of few clusters are done after few selections.
    at_a_time = -(-len(clusters) // ROW_GROUPS)
    rows = [slice(first, first + at_a_time) for first in range(0, len(clusters), at_a_time)]
    parts = [
        _labelled(grouped, thresholds[:, :, some], centers[:, :, some], max(clusters[some])) for some in rows
    ]
    labels, reconstruction = (jnp.concatenate(part, axis=2) for part in zip(*parts, strict=True))
    found = labels, centers.transpose(0, 3, 2, 1), reconstruction, counts
    labels, centers, reconstruction, counts = (
        part.reshape(chunks * lanes, *part.shape[2:])[:num_vectors] for part in found
    )
    return labels, centers, reconstruction, counts


def _labelled(
    weights: jax.Array, thresholds: jax.Array, centers: jax.Array, most: int
) -> tuple[jax.Array, jax.Array]:
    """Labels and reconstruction, ``(chunks, lanes, R, d)``, for rows of at most so many clusters."""
    chunks, lanes, d = weights.shape
    labels = jnp.zeros((chunks, lanes, centers.shape[2], d), jnp.int32)
    reconstruction = jnp.broadcast_to(_of_cluster(centers, 0), labels.shape)
    for k in range(1, most):
        above = weights[:, :, None, :] > _of_cluster(thresholds, k)
        labels = jnp.where(above, k, labels)
        reconstruction = jnp.where(above, _of_cluster(centers, k), reconstruction)
    return labels, reconstruction


def _of_cluster(table: jax.Array, k: int) -> jax.Array:
    """What a table of shape ``(chunks, K_max, R, lanes)`` has of cluster k, beside weights of a vector."""
    return table[:, k].transpose(0, 2, 1)[..., None]


def _of_one_chunk(weights: jax.Array, clusters: Sequence[int]) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The highest weight below each cluster and its centre, ``(K_max, R, T)``; its size, ``(T, R, K_max)``.

    Only what is read along the clusters of a vector is worth turning round.
    """
    (lanes, d), most = weights.shape, max(clusters)
    values = sorted_columns(weights.T)
    spread = values[-1] - values[0]
    # A vector with a number that is not finite has no centre that is. Its runs are still some runs.
    finite = jnp.isfinite(spread)
    unit = power_of_two_below(spread)
    gaps = jnp.where(finite[None, :], jnp.diff(values, axis=0, prepend=values[:1]) / unit[None, :], 0)
    starts = _walk_back(least_costs(gaps, most), d, clusters) if most > 2 else _two_runs(gaps, clusters)
    used, before = starts < d, jnp.maximum(starts, 1) - 1
    below = _in_lanes(values, before)
    ends = jnp.concatenate([starts[1:], jnp.full_like(starts[:1], d)])
    highest = jnp.where(ends < d, jnp.concatenate([below[1:], below[:1]]), values[-1])
    row = jnp.arange(len(clusters), dtype=starts.dtype)[None, :, None]
    offsets = _in_lanes(_offsets(gaps, starts).reshape(-1, lanes), (ends - 1) * len(clusters) + row)
    unit = jnp.where(finite, unit, jnp.nan)
    centers = highest - unit[None, None, :] * (offsets / jnp.maximum(ends - starts, 1))
    # Drawn weights are all different: then a run begins where the cluster does.
    tied = jnp.any(values[1:] == values[:-1])
    lower = jax.lax.cond(tied, lambda: _in_lanes(_up_to_equal(values), before), lambda: starts)
    lower = jnp.where(used & (starts > 0), lower, starts)
    counts = jnp.diff(lower, axis=0, append=jnp.full_like(lower[:1], d))
    thresholds, centers = jnp.where(used, below, jnp.inf), jnp.where(used, centers, 0)
    return thresholds, centers, counts.astype(jnp.int32).T


def _walk_back(least: jax.Array, num_weights: int, clusters: Sequence[int]) -> jax.Array:
    """The first entry of each run of each optimum, in ascending order, d beyond K: ``(K_max, R, T)``.

    Args:
        least: from ``least_costs``.
        num_weights: d.
        clusters: R numbers of clusters.
    """
    mask, (_, ends, lanes) = start_mask(num_weights), least.shape
    wanted = jnp.asarray(np.array(clusters, np.int32))[:, None]
    table = least.reshape(-1, lanes)

    def one_layer(end: jax.Array, k: jax.Array) -> tuple[jax.Array, jax.Array]:
        found = (_in_lanes(table, k * ends + end) & mask).astype(jnp.int32)
        start = jnp.where(wanted >= k, found, num_weights)
        return start, start

    whole = jnp.full((len(clusters), lanes), num_weights, jnp.int32)
    layers = jnp.arange(1, least.shape[0], dtype=jnp.int32)
    return jax.lax.scan(one_layer, whole, layers, reverse=True)[1]


def _in_lanes(table: jax.Array, rows: jax.Array) -> jax.Array:
    """What a table of shape ``(N, T)`` has in rows ``(..., T)``, int32, of each lane.

    By one index into all of it, as XLA takes longer with two of them.
    """
    lanes = table.shape[1]
    index = rows * lanes + jax.lax.broadcasted_iota(rows.dtype, rows.shape, rows.ndim - 1)
    return table.reshape(-1).at[index].get(mode="promise_in_bounds")


def _two_runs(gaps: jax.Array, clusters: Sequence[int]) -> jax.Array:
    """The same for at most two clusters, in d steps: all runs are from the first entry or to the last.

    Args:
        gaps: from each weight to the next lower one, shape ``(d, T)``.
        clusters: R numbers of clusters, each 1 or 2.
    """
    d, lanes = gaps.shape
    wanted = np.array(clusters)[:, None]
    first = jnp.zeros((len(clusters), lanes), jnp.int32)
    if max(clusters) == 1:
        return first[None]
    # From the last entry down the same recursion: beside the others, in lanes of their own.
    upward = jnp.concatenate([jnp.zeros((1, lanes), gaps.dtype), gaps[:0:-1]])

    def one_entry(before: tuple, entry: tuple) -> tuple[tuple, jax.Array]:
        reach, cost = before
        length, gap = entry
        distance = reach + gap
        reach = distance * (length / (length + 1))
        cost = cost + distance * reach
        return (reach, cost), cost

    both = jnp.concatenate([gaps, upward], axis=1)
    nothing = jnp.zeros_like(both[0])
    lengths = jnp.arange(d, dtype=gaps.dtype)
    costs = jax.lax.scan(one_entry, (nothing, nothing), (lengths, both))[1]
    total = costs[:-1, :lanes] + costs[-2::-1, lanes:]
    least = jnp.min(marked(total, jnp.arange(1, d)[:, None], start_mask(d)), axis=0)
    cut = (least & start_mask(d)).astype(jnp.int32)
    return jnp.stack([first, jnp.where(wanted == 2, cut[None], d)])


@compiled_whole
def _offsets(gaps: jax.Array, starts: jax.Array) -> jax.Array:
    """Σ(w_t − w_j) over the run up to each entry t, without a difference of sums: shape ``(d, R, T)``."""
    starts = starts.astype(jnp.int64)  # bits of a word
    # One bit an entry; those beyond K set none of them.
    first = jnp.arange(0, gaps.shape[0], 64)[:, None, None, None]
    words = jnp.sum(_bit_of_word(starts[None], first), axis=1)
    # The last start before each word.
    last = jnp.max(jnp.where(starts[None] < first, starts[None], 0), axis=1)

    def one_entry(offset: jax.Array, entry: tuple) -> tuple[jax.Array, jax.Array]:
        t, gap = entry
        number, place = t // 64, t % 64
        up_to_here = jax.lax.dynamic_index_in_dim(words, number, 0, False) & ((2 << place) - 1)
        start = t - place + 63 - jax.lax.clz(up_to_here)
        if words.shape[0] > 1:
            before = jax.lax.dynamic_index_in_dim(last, number, 0, False)
            start = jnp.where(up_to_here == 0, before, start)
        offset = jnp.where(start == t, 0, offset + (t - start).astype(gaps.dtype) * gap[None, :])
        return offset, offset

    nothing = jnp.zeros(starts.shape[1:], gaps.dtype)
    return jax.lax.scan(one_entry, nothing, (jnp.arange(gaps.shape[0]), gaps))[1]


def _up_to_equal(values: jax.Array) -> jax.Array:
    """How many sorted values are at most each of them, shape ``(d, T)``."""

    def one_entry(above: tuple, entry: tuple) -> tuple[tuple, jax.Array]:
        t, value = entry
        count = jnp.where(value == above[0], above[1], t + 1)
        return (value, count), count

    d, lanes = values.shape
    nothing = jnp.full(lanes, jnp.nan), jnp.full(lanes, d, jnp.int32)
    entries = jnp.arange(d, dtype=jnp.int32), values
    return jax.lax.scan(one_entry, nothing, entries, reverse=True)[1]


def _bit_of_word(starts: jax.Array, first: jax.Array) -> jax.Array:
    """The bit of each start in a word of the 64 entries from ``first`` on, 0 for those in other words."""
    place = starts - first
    return jnp.where((place >= 0) & (place < 64), 1 << jnp.clip(place, 0, 63), 0)
