"""The optimal brain surgeon inside a traced trial: one elimination serves every number of kept weights.

As :mod:`ratedist.quantizers.pruning` has it in NumPy. Removing weights one at a time gives each a rank, which
does not depend on how many are kept. With the weights in the order of their ranks, the last removed first,
the leading blocks of L, ``H = LLᵀ``, are the factors of all H_KK: ``ŵ_K = W_K + L_KK⁻ᵀ L_PKᵀ W_P``.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ratedist.compressors.semidefinite import factors, unit_diagonal


class Surgeon(NamedTuple):
    """What an elimination leaves, for weights in the order of their ranks and in units of 1/√h.

    Attributes:
        ranks: of each weight in its own order, int32 of shape ``(d,)``: the last one removed has rank 0.
        order: the weights by rank, int32 of shape ``(d,)``.
        factor: L, shape ``(d, d)``.
        inverse: L⁻ᵀ, shape ``(d, d)``.
    """

    ranks: jax.Array
    order: jax.Array
    factor: jax.Array
    inverse: jax.Array


def surgeon(weights: jax.Array, hessian: jax.Array) -> Surgeon:
    """Eliminate all weights, the cheapest first; of equally cheap ones the last.

    Args:
        weights: W, shape ``(d,)``.
        hessian: H, symmetric positive semidefinite, shape ``(d, d)``. What rounding cannot tell from a
            singular one is factored as if it were just regular: weights whose inputs are dead or follow from
            others are then free.

    O(d³) in d steps, three times.
    """
    d = weights.shape[0]
    scale, _, unit = unit_diagonal(hessian)
    _, inverse = factors(unit)
    ranks = _elimination(scale * weights, inverse @ inverse.T)
    # By comparison: a scatter under vmap is slower on CPU.
    order = jnp.sum(
        jnp.where(ranks[None, :] == jnp.arange(d)[:, None], jnp.arange(d)[None, :], 0),
        axis=1,
        dtype=jnp.int32,
    )
    return Surgeon(ranks, order, *factors(unit[order][:, order]))


def surgeon_values(found: Surgeon, weights: jax.Array, hessian: jax.Array, num_kept: jax.Array) -> jax.Array:
    """ŵ of shape ``(d,)`` if k weights are kept: zero where the rank is k or more."""
    scale, inverse_scale, _ = unit_diagonal(hessian)
    v = (scale * weights)[found.order]
    kept = jnp.arange(v.size) < num_kept
    answer = jnp.where(kept, found.factor.T @ jnp.where(kept, 0.0, v), 0.0)
    change = jnp.where(kept, found.inverse @ answer, 0.0)[found.ranks]
    return jnp.where(found.ranks < num_kept, weights + inverse_scale * change, 0.0)


def _elimination(weights: jax.Array, inverse: jax.Array) -> jax.Array:
    """Ranks, from the weights in units of 1/√h and the inverse of H at unit diagonal."""
    d = weights.shape[0]
    index = jnp.arange(d)
    largest = jnp.max(jnp.abs(weights))
    # Of ordinary size, for their squares.
    weights = weights / jnp.where(largest > 0, largest, 1.0)

    def remove(step: jax.Array, state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        weights, inverse, ranks = state
        room = jnp.diag(inverse)
        gone = ranks < d
        # An inverse that rounding has worn down stands for an input that the others leave no room.
        costs = jnp.where(room > 0, weights**2 / jnp.where(room > 0, room, 1.0), 0.0)
        costs = jnp.where(gone, jnp.inf, costs)
        q = jnp.max(jnp.where(costs == jnp.min(costs), index, -1))
        one = index == q
        row = jnp.sum(jnp.where(one[:, None], inverse, 0.0), axis=0)
        own = jnp.sum(jnp.where(one, row, 0.0))
        column = jnp.where(own > 0, row / jnp.where(own > 0, own, 1.0), 0.0)
        weights = weights - column * jnp.sum(jnp.where(one, weights, 0.0))
        inverse = inverse - column[:, None] * row[None, :]
        free = one[:, None] | one[None, :]
        return (
            jnp.where(one, 0.0, weights),
            jnp.where(free, 0.0, inverse),
            jnp.where(one, d - 1 - step, ranks),
        )

    start = (weights, inverse, jnp.full(d, d, jnp.int32))
    return jax.lax.fori_loop(0, d, remove, start)[2]
