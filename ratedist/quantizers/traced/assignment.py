"""Labels of the nearest centres, and what follows from labels, for one short vector in JAX (d ~ 50)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ratedist import _checks


def nearest_labels(weights: jax.Array, centers: jax.Array) -> jax.Array:
    """Label of the nearest of ascending ``centers`` (K,) for each of ``weights`` (d,): int32; ties go down.

    Infinite entries at the end stand for centres that are not there.
    """
    return labels_up_to(weights, midpoints(centers))


def labels_up_to(weights: jax.Array, thresholds: jax.Array) -> jax.Array:
    """How many of ascending ``thresholds`` (K − 1,) are below each of ``weights`` (d,): int32."""
    labels = jnp.zeros(weights.shape, jnp.int32)
    for k in range(thresholds.size):
        labels = jnp.where(weights > thresholds[k], k + 1, labels)
    return labels


def midpoints(centers: jax.Array) -> jax.Array:
    """Halfway between neighbours of ascending ``centers`` (K,), shape ``(K − 1,)``, below the upper one.

    Between neighbouring floating-point numbers there is nothing, and rounding to even may choose the upper.
    """
    lower, upper = centers[:-1], centers[1:]
    middle = (lower + upper) / 2
    return jnp.where((middle == upper) & jnp.isfinite(upper), lower, middle)


def lookup(centers: jax.Array, labels: jax.Array) -> jax.Array:
    """``centers[labels]`` for few centres, by selection: a gather under ``vmap`` is slower on CPU."""
    reconstruction = jnp.broadcast_to(centers[0], labels.shape)
    for k in range(1, centers.size):
        reconstruction = jnp.where(labels == k, centers[k], reconstruction)
    return reconstruction


def label_counts(labels: jax.Array, num_clusters: int) -> jax.Array:
    """|C_k|, how often each of K labels occurs, int32 of shape ``(K,)``."""
    return jnp.sum(labels[None, :] == jnp.arange(num_clusters)[:, None], axis=1, dtype=jnp.int32)


def check_shapes(weights: jax.Array, clusters: int, importance: jax.Array | None, name: str) -> None:
    """Refuse, in words, shapes that disagree and numbers of clusters outside 1 … d."""
    if weights.ndim != 1 or weights.size == 0:
        raise ValueError(f"weights must have shape (d,) with d >= 1, got shape {weights.shape}")
    if _checks.integer(name, clusters, 1) > weights.size:
        raise ValueError(f"{name} must be at most the number of weights, {weights.size}, got {clusters}")
    if importance is not None and importance.shape != weights.shape:
        raise ValueError(f"importance must have the shape {weights.shape} of weights, got {importance.shape}")
