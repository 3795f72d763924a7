"""Cholesky factors of Hessians that rounding cannot tell from singular ones, in plain JAX operations."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def unit_diagonal(hessian: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Roots of the diagonal ``(d,)``, their inverses (0 for 0), and the Hessian at unit diagonal."""
    scale = jnp.sqrt(jnp.maximum(jnp.diag(hessian), 0.0))
    inverse = jnp.where(scale > 0, 1 / jnp.where(scale > 0, scale, 1.0), 0.0)
    unit = inverse[:, None] * hessian * inverse[None, :]
    return scale, inverse, jnp.where(jnp.eye(scale.size, dtype=bool), 1.0, unit)


def factors(unit: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Lower L and upper L⁻ᵀ with ``M = LLᵀ``, for a positive semidefinite M of unit diagonal, ``(d, d)``.

    As :func:`ratedist.compressors.inverse_factor.inverse_factor`; but a pivot is never less than what
    rounding leaves of one.
    """
    d = unit.shape[0]
    least = d * jnp.finfo(unit.dtype).eps
    below = jnp.concatenate([unit, jnp.eye(d, dtype=unit.dtype)])
    rows = jnp.arange(2 * d)

    def column(j: jax.Array, factor: jax.Array) -> jax.Array:
        rest = below[:, j] - factor @ factor[j]
        pivot = jnp.maximum(rest[j], least)
        rest = jnp.where(rows == j, pivot, rest)
        return factor.at[:, j].set(jnp.where(rows >= j, rest, 0.0) / jnp.sqrt(pivot))

    both = jax.lax.fori_loop(0, d, column, jnp.zeros_like(below))
    return both[:d], both[d:]
