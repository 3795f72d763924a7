r"""Rounding with feedback: a near point of a grid in the metric of a Hessian, weight by weight, traced.

With ``H = LLᵀ`` the error e = W − Ŵ costs ``‖Lᵀe‖²``, a sum over weights j of
``L_jj² (e_j + Σ_{k>j} (L_kj/L_jj) e_k)²``. From the last weight to the first, each is rounded after the
errors of those before have been fed back to it: Babai's nearest plane. Several such partial roundings are
kept side by side, the cheapest so far, and the cheapest at the end is taken.

With a trellis each of them has a state as well, which says of which union its next multiple is: of the even
ones, or of the odd ones and zero. The multiple says what the next state is (docs/quantizers.md §12).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ratedist.compressors.semidefinite import unit_diagonal
from ratedist.quantizers.trellis.convolutional import Trellis

# No trellis: all multiples are one union.
ONE_STATE = Trellis(num_states=1, feedback=0, branch=0)


class OrderedFactor(NamedTuple):
    """The columns of a Cholesky factor in the order of elimination; the weights keep their places.

    Attributes:
        order: which weight column j eliminates, int32 of shape ``(d,)``.
        columns: shape ``(d, d)``; column j is zero at the weights eliminated before.
        pivots: the entry of column j at its own weight, shape ``(d,)``.
        scale: √h of each weight, the unit of the rows, shape ``(d,)``; 0 for a dead input.
    """

    order: jax.Array
    columns: jax.Array
    pivots: jax.Array
    scale: jax.Array


def ordered_factor(hessian: jax.Array, smallest_first: bool) -> OrderedFactor:
    """Factor ``H`` of shape ``(d, d)``: in the order of the weights, or at each step the smallest pivot.

    Pivots are never less than what rounding leaves of one: a Hessian may be singular. O(d³) in d steps.
    """
    scale, _, unit = unit_diagonal(hessian)
    d = scale.size
    index, least = jnp.arange(d), d * jnp.finfo(unit.dtype).eps

    def eliminate(j: jax.Array, state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        order, columns, pivots, left, rest = state
        costs = jnp.where(left, scale**2 * rest, jnp.inf)
        own = jnp.argmin(costs).astype(jnp.int32) if smallest_first else j.astype(jnp.int32)
        # By comparison: a gather under vmap is slower on CPU.
        here = index == own
        row = jnp.sum(jnp.where(here[:, None], columns, 0.0), axis=0)
        column = jnp.sum(jnp.where(here[:, None], unit, 0.0), axis=0) - columns @ row
        pivot = jnp.maximum(jnp.sum(jnp.where(here, column, 0.0)), least)
        left = left & ~here
        column = jnp.where(here, pivot, jnp.where(left, column, 0.0)) / jnp.sqrt(pivot)
        return (
            order.at[j].set(own),
            columns.at[:, j].set(column),
            pivots.at[j].set(jnp.sqrt(pivot)),
            left,
            rest - column**2,
        )

    start = (
        jnp.zeros(d, jnp.int32),
        jnp.zeros((d, d), unit.dtype),
        jnp.zeros(d, unit.dtype),
        jnp.ones(d, bool),
        jnp.ones(d, unit.dtype),
    )
    order, columns, pivots, _, _ = jax.lax.fori_loop(0, d, eliminate, start)
    return OrderedFactor(order, columns, pivots, scale)


def branch_of(multiples: Any, union: Any) -> Any:
    """Whether multiples are of the second subset of their union: ±2, ±6, … or ±1, ±5, …; any array type."""
    return abs(multiples) % 4 == 2 - union


def nearest_plane(
    factor: OrderedFactor,
    deviation: jax.Array,
    steps: jax.Array,
    lengths: jax.Array,
    multiplier: jax.Array,
    num_paths: int,
    trellis: Trellis = ONE_STATE,
) -> tuple[jax.Array, jax.Array]:
    """Multiples k, int32 of shape ``(d,)``, of small ``‖Lᵀ(x − δk)‖² + λ Σ lengths``, and that last sum.

    Args:
        factor: of the Hessian.
        deviation: x, shape ``(d,)``.
        steps: δ, shape ``(d,)``.
        lengths: nats of the multiples −K, …, K of each weight, by union, shape ``(unions, d, 2K + 1)``;
            infinite for those that the code has not. One union without a trellis, else two.
        multiplier: λ at least 0, a scalar.
        num_paths: how many partial roundings are kept, static. Each tries the nearest multiple of its union,
            its two neighbours and zero.
        trellis: static. The first weight to be rounded is in state 0.
    """
    unions, d, size = lengths.shape
    index, multiples = jnp.arange(d), jnp.abs(jnp.arange(size) - size // 2)
    target, grid = factor.scale * deviation, factor.scale * steps

    def decide(i: jax.Array, paths: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        errors, labels, states, costs, nats = paths
        j = d - 1 - i
        here = index == factor.order[j]
        x, g = jnp.sum(jnp.where(here, target, 0.0)), jnp.sum(jnp.where(here, grid, 0.0))
        length = jnp.sum(jnp.where(here[:, None], lengths, 0.0), axis=1)
        pivot = factor.pivots[j]
        fed_back = x + errors @ factor.columns[:, j] / pivot
        union = states & (unions - 1)
        most = jnp.max(jnp.where(jnp.isfinite(length), multiples, 0), axis=1)[union]
        within = jnp.where(g > 0, fed_back / jnp.where(g > 0, g, 1.0), 0.0)
        nearest = unions * jnp.round((within - union) / unions) + union
        nearest = jnp.clip(nearest, -most, most)
        tried = jnp.stack([nearest, nearest + unions, nearest - unions, jnp.zeros_like(nearest)], axis=1)
        # Each multiple once, so that no two paths are the same.
        with_zero = (jnp.abs(nearest) <= unions) & (nearest % unions == 0)
        again = with_zero[:, None] & (jnp.arange(4) == 3)[None, :]
        refused = (jnp.abs(tried) > most[:, None]) | again
        tried = jnp.clip(tried, -most[:, None], most[:, None])
        words = length[union[:, None], tried.astype(jnp.int32) + size // 2]
        cost = costs[:, None] + pivot**2 * (fed_back[:, None] - g * tried) ** 2
        # Exactly zero where λ is, whatever is not in the code.
        cost += jnp.where(jnp.isfinite(words), multiplier * words, jnp.inf)
        cost = jnp.where(refused, jnp.inf, cost).reshape(-1)
        costs, chosen = jax.lax.top_k(-cost, num_paths)
        path, multiple = chosen // 4, tried.reshape(-1)[chosen]
        k, u = multiple.astype(jnp.int32), union[path]
        errors = jnp.where(here[None, :], (x - g * multiple)[:, None], errors[path])
        labels = jnp.where(here[None, :], k[:, None], labels[path])
        branch = branch_of(k, u).astype(jnp.int32) * trellis.branch
        states = (states[path] >> 1) ^ (u * trellis.feedback) ^ branch
        return errors, labels, states, -costs, nats[path] + words.reshape(-1)[chosen]

    first = jnp.arange(num_paths) == 0
    start = (
        jnp.zeros((num_paths, d), deviation.dtype),
        jnp.zeros((num_paths, d), jnp.int32),
        jnp.zeros(num_paths, jnp.int32),
        jnp.where(first, 0.0, jnp.inf).astype(deviation.dtype),
        jnp.zeros(num_paths, lengths.dtype),
    )
    _, labels, _, _, nats = jax.lax.fori_loop(0, d, decide, start)
    # The cheapest path is the first.
    return labels[0], nats[0]
