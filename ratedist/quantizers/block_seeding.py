"""k-means++ for blocks of weights."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from ratedist.quantizers.block_assignment import slabs


class BlockSeeding:
    """N blocks laid out to draw initial centres from among them."""

    def __init__(self, values: np.ndarray, importance: np.ndarray | None) -> None:
        """Lay out ``values`` (m, N) and ``importance`` (m, N), ``None`` for 1."""
        self._values = values
        self._weight = np.ones(values.shape[1]) if importance is None else importance.sum(axis=0)
        arrays = [values] if importance is None else [values, importance]
        self._blocks = list(zip(*map(slabs, arrays), strict=True))

    def plus_plus(self, num_clusters: int, rng: np.random.Generator) -> np.ndarray:
        """Blocks drawn one by one with probability proportional to their cost under those drawn before.

        Returns:
            centres of shape ``(K, m)``; the first is drawn by importance.
        """
        size = self._weight.size
        centers = np.empty((num_clusters, len(self._values)))
        weight, least = self._weight, slabs(np.full(size, np.inf))
        for k in range(num_clusters):
            cumulative = np.cumsum(weight)
            level = rng.random() * cumulative[-1]
            # Where every block is a centre already (duplicates) any block will do.
            drawn = min(int(np.searchsorted(cumulative, level, side="right")), size - 1)
            centers[k] = self._values[:, drawn]
            with jax.enable_x64(True):  # in this thread, for these lines
                pairs = zip(self._blocks, least, strict=True)
                least = [_least_cost(blocks, costs, centers[k]) for blocks, costs in pairs]
            weight = np.concatenate(least)[:size]
        return centers


@jax.jit
def _least_cost(blocks: tuple[jax.Array, ...], least: jax.Array, center: jax.Array) -> jax.Array:
    """Cost of each block under the centres so far, (n,), after one more."""
    values, *importance = blocks
    h = importance[0] if importance else 1.0
    return jnp.minimum(least, jnp.ones(len(values)) @ (h * (values - center[:, None]) ** 2))
