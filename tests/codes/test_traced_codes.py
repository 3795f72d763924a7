import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ratedist import codes
from ratedist.codes import traced


@pytest.mark.parametrize("num_clusters", [1, pytest.param(3, marks=pytest.mark.slow), 64])
def test_entropy_and_huffman_under_vmap(num_clusters):
    rng = np.random.default_rng(num_clusters)
    counts = rng.integers(0, 30, (200, num_clusters)) * rng.integers(0, 2, (200, num_clusters))
    counts[:, 0] += 1
    counts[0, :] = 1
    entropy = jax.jit(jax.vmap(traced.empirical_entropy))(jnp.asarray(counts))
    payload = jax.jit(jax.vmap(traced.huffman_payload_bits))(jnp.asarray(counts, jnp.int32))
    np.testing.assert_allclose(entropy, [codes.empirical_entropy(c) for c in counts], rtol=1e-13, atol=1e-15)
    np.testing.assert_array_equal(payload, [codes.huffman_payload_bits(c) for c in counts])
