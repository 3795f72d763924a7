"""Where the traced Lloyd algorithm starts: ``start(key, weights, importance, num_clusters)`` to K centres.

The definitions are those of ``quantizers.scalar.initialization``; the order of the centres is left open.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ratedist import _checks
from ratedist.quantizers.methods import Lloyd, check_method
from ratedist.quantizers.traced.optimal import optimal_path


def optimal_centers(key: jax.Array, weights: jax.Array, h: jax.Array, num_clusters: int) -> jax.Array:
    del key
    return optimal_path(weights, num_clusters, h).centers[-1]


def random_centers(key: jax.Array, weights: jax.Array, h: jax.Array, num_clusters: int) -> jax.Array:
    relevant = h > 0
    return jax.random.choice(key, weights, (num_clusters,), replace=False, p=relevant / jnp.sum(relevant))


def quantile_centers(key: jax.Array, weights: jax.Array, h: jax.Array, num_clusters: int) -> jax.Array:
    del key
    values, mass = jax.lax.sort((weights, h), num_keys=1)
    cumulative = jnp.cumsum(mass)
    levels = (jnp.arange(num_clusters, dtype=weights.dtype) + 0.5) / num_clusters * cumulative[-1]
    position = jnp.sum(cumulative[None, :] <= levels[:, None], axis=1)
    return values[jnp.minimum(position, values.size - 1)]


def linear_centers(key: jax.Array, weights: jax.Array, h: jax.Array, num_clusters: int) -> jax.Array:
    del key
    low = jnp.min(jnp.where(h > 0, weights, jnp.inf))
    high = jnp.max(jnp.where(h > 0, weights, -jnp.inf))
    return jnp.linspace(low, high, num_clusters, dtype=weights.dtype)


def plus_plus_centers(key: jax.Array, weights: jax.Array, h: jax.Array, num_clusters: int) -> jax.Array:
    keys = jax.random.split(key, num_clusters)
    chosen = [_draw(keys[0], weights, h)]
    for k in range(1, num_clusters):
        distance = jnp.min((weights[None, :] - jnp.stack(chosen)[:, None]) ** 2, axis=0)
        chosen.append(_draw(keys[k], weights, h * distance))
    return jnp.stack(chosen)


def _draw(key: jax.Array, weights: jax.Array, mass: jax.Array) -> jax.Array:
    cumulative = jnp.cumsum(mass)
    level = jax.random.uniform(key, (), weights.dtype) * cumulative[-1]
    return weights[jnp.minimum(jnp.sum(cumulative <= level), weights.size - 1)]


INITIALIZATIONS = {
    "coarse_optimum": optimal_centers,
    "random": random_centers,
    "quantile": quantile_centers,
    "kmeans++": plus_plus_centers,
    "linear": linear_centers,
}


def checked_start(method: Lloyd) -> str:
    """Name of the start of a method, one of ``INITIALIZATIONS``, or ``ValueError``."""
    check_method(method)
    name = "coarse_optimum" if method.init is None else method.init
    return _checks.one_of("init for simulated trials", name, tuple(INITIALIZATIONS))
