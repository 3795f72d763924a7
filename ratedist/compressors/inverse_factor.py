"""The inverse Cholesky factor in plain JAX operations, for many small matrices at once.

Not by LAPACK: with jaxlib 0.10 on a machine of two processors, two batched LAPACK calls in one compiled
program wait for each other for ever, and each group of compressors would bring such a call.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp


def inverse_factor(matrix: jax.Array) -> jax.Array:
    """The upper triangular U with ``M⁻¹ = UUᵀ``, for a symmetric positive definite M of shape ``(d, d)``.

    With ``M = LLᵀ`` it is L⁻ᵀ. The left-looking factorisation of M with the identity below it leaves L in the
    place of M, and L⁻ᵀ in that of the identity. O(d³) in d steps; NaN where M is not positive definite.
    """
    d = matrix.shape[0]
    below = jnp.concatenate([matrix, jnp.eye(d, dtype=matrix.dtype)])
    rows = jnp.arange(2 * d)

    def column(j: jax.Array, factor: jax.Array) -> jax.Array:
        rest = below[:, j] - factor @ factor[j]
        return factor.at[:, j].set(jnp.where(rows >= j, rest, 0.0) / jnp.sqrt(rest[j]))

    return jax.lax.fori_loop(0, d, column, jnp.zeros_like(below))[d:]
