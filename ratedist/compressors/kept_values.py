"""What is sent of the weights that pruning keeps: real numbers, K-means, or multiples of a step."""

from __future__ import annotations

import dataclasses
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np

from ratedist.codes import codebook_bits, header_bits
from ratedist.codes import traced as codes
from ratedist.codes.traced_masses import gaussian_log_mass
from ratedist.compressors.base import Compressed
from ratedist.compressors.scalar_codes import FEW_WEIGHTS, entropy_of_values
from ratedist.pytrees import register_record
from ratedist.quantizers import kmeans
from ratedist.quantizers.traced.assignment import lookup, nearest_labels
from ratedist.quantizers.traced.optimal import SHORT_VECTOR, optimal_path
from ratedist.units import bits_to_nats


class KeptValues(Protocol):
    """A quantiser of kept weights, as a pytree."""

    def code(
        self, weights: jax.Array, kept: jax.Array, importance: jax.Array | None, positions: jax.Array
    ) -> Compressed:
        """Ŵ and rates.

        Args:
            weights: shape ``(d,)``, zero where not kept.
            kept: bool of the same shape.
            importance: h, shape ``(d,)``, or ``None`` for ones.
            positions: nats that the places cost, a scalar.
        """
        ...


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class RealValues:
    """The numbers themselves: no code has them."""

    def code(
        self, weights: jax.Array, kept: jax.Array, importance: jax.Array | None, positions: jax.Array
    ) -> Compressed:
        """The weights, and no rates."""
        return Compressed(weights, {})


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class MeanValues:
    """The global optimum of K-means on the kept weights, its centres rounded if asked."""

    num_clusters: int
    center_bits: int | None

    def code(
        self, weights: jax.Array, kept: jax.Array, importance: jax.Array | None, positions: jax.Array
    ) -> Compressed:
        """Centres in place of weights."""
        K = self.num_clusters
        h = kept.astype(weights.dtype) * (1.0 if importance is None else importance)
        # Kept weights may all be of inputs that are dead.
        h = jnp.where(jnp.any(h > 0), h, kept.astype(weights.dtype))
        if weights.size <= SHORT_VECTOR:
            centers = optimal_path(weights, K, h).centers[K - 1]
        else:
            centers = self._centers_on_host(weights, kept, h)
        labels = jnp.where(kept, nearest_labels(weights, centers), K)
        counts = jnp.sum(labels[None, :] == jnp.arange(K + 1)[:, None], axis=1, dtype=jnp.int32)
        rates = {"assignment_entropy": weights.shape[0] * codes.empirical_entropy(counts)}
        if self.center_bits is not None:
            centers = codes.round_to_bits(centers, self.center_bits)
            fixed = float(codebook_bits(K, self.center_bits) + header_bits(K, K))
            payload = codes.huffman_payload_bits(counts[:K])
            rates["decodable_length"] = positions + bits_to_nats(payload + fixed)
        return Compressed(jnp.where(kept, lookup(centers, labels), 0.0), rates)

    def _centers_on_host(self, weights: jax.Array, kept: jax.Array, h: jax.Array) -> jax.Array:
        """Centres ``(K,)`` by the NumPy quantiser, one vector at a time."""

        def on_host(weights: np.ndarray, kept: np.ndarray, h: np.ndarray) -> np.ndarray:
            w, mask = np.asarray(weights, np.float64), np.asarray(kept)
            return kmeans(w[mask], self.num_clusters, np.asarray(h)[mask]).centers.astype(weights.dtype)

        shape = jax.ShapeDtypeStruct((self.num_clusters,), weights.dtype)
        return jax.pure_callback(on_host, shape, weights, kept, h, vmap_method="sequential")


@register_record
@dataclasses.dataclass(frozen=True, eq=False)
class GridValues:
    """Multiples of a step, sent by the code of N(0, τ²) if there is one; both are traced scalars."""

    step: jax.Array
    prior_scale: jax.Array | None

    def code(
        self, weights: jax.Array, kept: jax.Array, importance: jax.Array | None, positions: jax.Array
    ) -> Compressed:
        """Round the kept weights."""
        levels = jnp.round(weights / self.step)
        rates = {"assignment_entropy": entropy_of_values(levels)}
        rounded = self.step * levels
        if self.prior_scale is not None:
            lengths = -gaussian_log_mass(rounded, self.step, self.prior_scale)
            rates["code_length"] = positions + jnp.sum(jnp.where(kept, lengths, 0.0))
        return Compressed(rounded, rates)


def descending_ranks(values: jax.Array) -> jax.Array:
    """How many values come before each, the largest first and of equal ones the first; shape ``(d,)``."""
    index = jnp.arange(values.size)
    if values.size > FEW_WEIGHTS:
        order = jnp.argsort(-values, stable=True)
        return jnp.zeros(values.size, jnp.int32).at[order].set(index.astype(jnp.int32))
    larger = values[None, :] > values[:, None]
    earlier = (values[None, :] == values[:, None]) & (index[None, :] < index[:, None])
    return jnp.sum(larger | earlier, axis=1, dtype=jnp.int32)
