"""The code lengths of this package in JAX, for label counts of static length inside a vmapped trial."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import xlogy

from ratedist.codes.rounding import format_bits, largest_finite, smallest_normal


def empirical_entropy(counts: jax.Array) -> jax.Array:
    """Entropy ``−Σ_k p_k ln p_k`` of label counts of shape ``(K,)``, nats per symbol.

    As ``ratedist.codes.empirical_entropy``, in the default float dtype and unchecked: counts are data here.
    """
    frequencies = counts / jnp.sum(counts)
    return -jnp.sum(jax.scipy.special.xlogy(frequencies, frequencies))


def entropy_of_few(counts: jax.Array, total: int) -> jax.Array:
    """The same for counts whose sum is ``total``, a static number of a few hundred: each term is looked up.

    A logarithm takes several times as long. Works on any shape whose last axis has the K counts.
    """
    frequencies = np.arange(total + 1) / total
    terms = jnp.asarray(-xlogy(frequencies, frequencies), jnp.result_type(float))
    return jnp.sum(terms.at[counts].get(mode="promise_in_bounds"), axis=-1)


def huffman_payload_bits(counts: jax.Array) -> jax.Array:
    """``Σ_k |C_k| b_k`` with Huffman lengths, bits, for integer label counts of shape ``(K,)``.

    Every merge of two weights puts one more bit in front of all symbols below them, so the payload is
    the sum of the K − 1 merged weights; the tree itself is not needed. Labels that do not occur are left out.

    As ``ratedist.codes.huffman_payload_bits``; K² comparisons, meant for K up to 64.
    """
    absent = jnp.iinfo(counts.dtype).max
    index = jnp.arange(counts.shape[0])

    def merge(_: int, state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        weights, payload = state
        first = jnp.min(weights)
        first_index = jnp.min(jnp.where(weights == first, index, index.size))
        others = jnp.where(index == first_index, absent, weights)
        second = jnp.min(others)
        second_index = jnp.min(jnp.where(others == second, index, index.size))
        merges = second < absent
        merged = jnp.where(merges, first + second, first)
        weights = jnp.where(index == second_index, merged, others)
        return jnp.where(merges, weights, state[0]), payload + jnp.where(merges, merged, 0)

    weights = jnp.where(counts > 0, counts, absent)
    return jax.lax.fori_loop(0, counts.shape[0] - 1, merge, (weights, jnp.zeros((), counts.dtype)))[1]


def round_to_bits(values: jax.Array, bits: int) -> jax.Array:
    """Round numbers to a b-bit floating-point format, in their own dtype.

    As ``ratedist.codes.round_to_bits``; a format with as many exponent bits as the dtype shares its fate
    below the smallest normal number, which XLA may flush to zero.

    Args:
        values: finite floats of any shape.
        bits: b, static, 7 … 64; b above the dtype's own changes nothing.

    Raises:
        ValueError: b outside 7 … 64.
    """
    exponent_bits, mantissa_bits = format_bits(bits)
    own = jnp.finfo(values.dtype)
    if exponent_bits > own.nexp or (exponent_bits == own.nexp and mantissa_bits >= own.nmant):
        return values
    rounded = jax.lax.reduce_precision(values, exponent_bits, mantissa_bits)
    if exponent_bits < own.nexp:
        # reduce_precision flushes subnormals of the narrow format, which are ordinary numbers of ours.
        normal = smallest_normal(exponent_bits)
        spacing = normal * 2.0**-mantissa_bits
        rounded = jnp.where(jnp.abs(values) < normal, jnp.round(values / spacing) * spacing, rounded)
    limit = largest_finite(exponent_bits, mantissa_bits)
    return jnp.clip(rounded, -limit, limit)
