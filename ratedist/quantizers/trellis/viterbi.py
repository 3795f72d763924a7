"""The cheapest path through a trellis, for many lanes side by side, compiled by JAX."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ratedist.quantizers.trellis.codebook import CAPACITY
from ratedist.quantizers.trellis.convolutional import Trellis, trellis_of


def cheapest_symbols(
    weights: np.ndarray,
    importance: np.ndarray,
    rows: np.ndarray,
    levels: np.ndarray,
    prices: np.ndarray,
    num_states: int,
) -> np.ndarray:
    """The path of each lane with the least sum of ``h (w − c)² + price``, from state 0 to any state.

    Args:
        weights: w in steps, float32 of shape ``(T, G)``: lane g is column g.
        importance: h, float32 of the same shape.
        rows: how many weights lane g has, int32 of shape ``(G,)``. Those below them are free.
        levels: c in steps, by subset, float32 of shape ``(4, CAPACITY)``, the used ones first.
        prices: price of each level, float32 of shape ``(4, CAPACITY)``; infinite where there is none.
        num_states: S.

    Returns:
        uint16 of shape ``(T, G)``: subset · CAPACITY + label.
    """
    used = int(np.isfinite(prices).any(axis=0).sum())
    # A step is a few operations on some kilobytes: starting them takes an accelerator longer than all of it.
    with jax.default_device(_processor()):
        found = _cheapest(num_states, weights, importance, rows, levels, prices, np.int32(used))
    return np.asarray(found)


@functools.cache
def _processor() -> Any:
    """The processor, and the first device where JAX may not use it."""
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError:
        return jax.local_devices()[0]


@functools.partial(jax.jit, static_argnums=0)
def _cheapest(num_states: int, w: Any, h: Any, rows: Any, levels: Any, prices: Any, used: Any) -> Any:
    trellis = trellis_of(num_states)
    lanes = w.shape[1]

    def forward(metric: Any, row: Any) -> Any:
        w, h, time = row
        cost, label = _subset_costs(w, h, levels, prices, used)
        cost = jnp.where((time < rows)[None], cost, jnp.float32(0))
        arrived, survivor = _advance(trellis, metric, cost)
        return arrived - arrived.min(axis=0, keepdims=True), (survivor, label)

    def backward(state: Any, row: Any) -> Any:
        survivor, label = row
        branch = jnp.take_along_axis(survivor, state[None], axis=0)[0].astype(jnp.int32)
        previous = jnp.asarray(trellis.previous_states.ravel().astype(np.int32))[2 * state + branch]
        subset = 2 * branch + (previous & 1)
        chosen = jnp.take_along_axis(label, subset[None], axis=0)[0]
        return previous, (subset * CAPACITY + chosen).astype(jnp.uint16)

    start = jnp.full((num_states, lanes), jnp.inf, jnp.float32).at[0].set(0)
    times = jnp.arange(w.shape[0], dtype=jnp.int32)
    metric, kept = jax.lax.scan(forward, start, (w, h, times))
    last = jnp.argmin(metric, axis=0).astype(jnp.int32)
    return jax.lax.scan(backward, last, kept, reverse=True)[1]


def _subset_costs(w: Any, h: Any, levels: Any, prices: Any, used: Any) -> Any:
    """Least cost in each subset, and the label that has it, both of shape ``(4, G)``."""

    def one_level(k: Any, best: Any) -> Any:
        cost, label = best
        own = h[None] * (w[None] - levels[:, k, None]) ** 2 + prices[:, k, None]
        return jnp.minimum(cost, own), jnp.where(own < cost, k, label)

    cost = jnp.full((4, w.shape[0]), jnp.inf, jnp.float32)
    return jax.lax.fori_loop(0, used, one_level, (cost, jnp.zeros(cost.shape, jnp.int32)))


def _advance(trellis: Trellis, metric: Any, cost: Any) -> Any:
    """Least metric of each next state, and the branch that leads there."""
    half, lanes = trellis.num_states // 2, metric.shape[1]
    # Even states, of union 0, go to the lower half by branch 0 and odd ones to the upper half.
    apart = metric.reshape(half, 2, lanes)

    def along(branch: int) -> Any:
        parts = [apart[:, union] + cost[None, 2 * branch + union] for union in range(2)]
        return jnp.concatenate([parts[0], _exchanged(parts[1], trellis.feedback % half)])

    straight, other = along(0), _exchanged(along(1), trellis.branch)
    return jnp.minimum(straight, other), other < straight


def _exchanged(rows: Any, mask: int) -> Any:
    """Row i ⊕ mask in place of row i."""
    count = rows.shape[0]
    order = np.arange(count) ^ mask
    return rows[order]
