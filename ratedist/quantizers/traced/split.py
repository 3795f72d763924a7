"""Empty clusters of the traced Lloyd algorithm take half of another, as in ``quantizers.scalar.lloyd``."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def split_for_empty(
    weights: jax.Array,
    h: jax.Array,
    member: jax.Array,
    mass: jax.Array,
    means: jax.Array,
    ends: jax.Array,
    outer: tuple[jax.Array, jax.Array],
) -> tuple[jax.Array, jax.Array]:
    """Cut the clusters for which it pays most in two, one for each empty cluster, which is taken away.

    Clusters are cut at their mean or in the middle of their range. The sum of squares within a cluster of
    masses A and B and means a and b on the two sides falls by ``AB/(A + B) (b − a)²``. It is compared by its
    root, which neither overflows nor vanishes where the square would.

    Args:
        weights: shape ``(d,)``.
        h: importance, shape ``(d,)``; a weight of importance zero belongs to no cluster.
        member: whether a weight is in a cluster, shape ``(K, d)``, the clusters in ascending order.
        mass: Σh of each cluster, shape ``(K,)``, zero for an empty one.
        means: ascending, shape ``(K,)``; for an empty cluster its centre.
        ends: cluster k holds the weights in ``(ends[k − 1], ends[k]]``, shape ``(K,)``, the last is infinite.
        outer: no half may have its mean outside these two: a penalty on the diameter would draw it back.

    Returns:
        the ends of the new clusters and a number within each, ascending, both of shape ``(K,)``; as they were
        where no cluster can be cut. Some 15 sums over K × d entries.
    """
    num_clusters = mass.size
    counted = member & (h > 0)[None, :]
    low = jnp.min(jnp.where(counted, weights[None, :], jnp.inf), axis=1)
    high = jnp.max(jnp.where(counted, weights[None, :], -jnp.inf), axis=1)
    divisible = low < high
    low, high = jnp.where(divisible, low, means), jnp.where(divisible, high, means)
    last_cut = jnp.where(divisible, jnp.nextafter(high, low), low)

    def cut_at(cuts: jax.Array) -> tuple[jax.Array, jax.Array]:
        cuts = jnp.clip(cuts, low, last_cut)
        below = weights[None, :] <= cuts[:, None]
        lower, upper = jnp.where(counted & below, h[None, :], 0), jnp.where(counted & ~below, h[None, :], 0)
        A, B = jnp.sum(lower, axis=1), jnp.sum(upper, axis=1)
        halves = divisible & (A > 0) & (B > 0)
        A, B = jnp.where(halves, A, 1), jnp.where(halves, B, 1)
        # Sums of distances from a weight of the same half: no digits are lost to a weight far out.
        a = low + jnp.sum(lower * (weights[None, :] - low[:, None]), axis=1) / A
        b = high + jnp.sum(upper * (weights[None, :] - high[:, None]), axis=1) / B
        allowed = halves & (a >= outer[0]) & (b <= outer[1])
        return jnp.where(allowed, jnp.sqrt(A * (B / (A + B))) * (b - a), 0), cuts

    gains, cuts = jax.vmap(cut_at)(jnp.stack([means, low / 2 + high / 2]))
    cut, gain = jnp.where(gains[1] > gains[0], cuts[1], cuts[0]), jnp.maximum(gains[0], gains[1])
    # The place of each cluster in the order of falling gain, ties as they come.
    index, empty = jnp.arange(num_clusters), mass <= 0
    earlier = index[None, :] < index[:, None]
    sooner = (gain[None, :] > gain[:, None]) | ((gain[None, :] == gain[:, None]) & earlier)
    chosen = (gain > 0) & (jnp.sum(sooner, axis=1) < jnp.sum(empty))
    kept = ~empty | (jnp.cumsum(empty) > jnp.sum(chosen))
    # A cut is below the end of its cluster and above the one before: sorting puts every half in its place.
    new_ends = jnp.concatenate([jnp.where(chosen, cut, jnp.inf), jnp.where(kept, ends, jnp.inf)])
    inside = jnp.concatenate([low, jnp.where(chosen, high, means)])
    taken = ~jnp.concatenate([chosen, kept])
    _, new_ends, inside = jax.lax.sort((taken, new_ends, inside), num_keys=2)
    return new_ends[:num_clusters], inside[:num_clusters]
