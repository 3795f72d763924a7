"""The centres that a diameter penalty allows, given the means and masses of clusters, in JAX."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def confined_centers(
    means: jax.Array, mass: jax.Array, diameter_penalty: float | jax.Array, penalty: str
) -> jax.Array:
    """Minimise ``Σ_k A_k (c_k − m_k)² + P(max c − min c)`` over centres, for ascending means of shape
    ``(K,)``.

    As ``ratedist.quantizers.center_update.confined_centers``, which explains it. Here the tension is read
    off at once as the largest root over all pairs of a set of lowest and a set of highest clusters, K² of
    them."""
    low_mass, high_mass = jnp.cumsum(mass), jnp.cumsum(mass[::-1])[::-1]
    low_inverse, high_inverse = safe_inverse(low_mass), safe_inverse(high_mass)
    low_mean = jnp.where(low_mass > 0, jnp.cumsum(mass * means) * low_inverse, jnp.inf)
    high_mean = jnp.where(high_mass > 0, jnp.cumsum((mass * means)[::-1])[::-1] * high_inverse, -jnp.inf)
    if isinstance(diameter_penalty, (int, float)) and diameter_penalty == 0:
        return means
    beta = jnp.asarray(diameter_penalty, means.dtype)
    gap = jnp.maximum(high_mean[None, :] - low_mean[:, None], 0)
    compliance = low_inverse[:, None] + high_inverse[None, :]
    if penalty == "squared":
        tension = jnp.max(gap / (1 / beta + compliance))
        low = jnp.min(low_mean + tension * low_inverse)
        high = low + jnp.max(gap / (1 + beta * compliance))
    else:
        tension = jnp.max(gap * safe_inverse(compliance))
        together, tension = tension < beta / 4, jnp.minimum(tension, beta / 4)
        low = jnp.where(together, low_mean[-1], jnp.min(low_mean + tension * low_inverse))
        high = jnp.where(together, low, jnp.max(high_mean - tension * high_inverse))
    penalized = (beta > 0) & (low_mass[-1] > 0)
    return jnp.where(penalized, jnp.clip(means, low, jnp.maximum(low, high)), means)


def safe_inverse(values: jax.Array) -> jax.Array:
    """1/x where x > 0, else 0."""
    positive = values > 0
    return jnp.where(positive, 1 / jnp.where(positive, values, 1), 0)
