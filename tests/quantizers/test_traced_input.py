"""K-means runs in NumPy: what JAX traces, and several keys in place of one, are refused in words."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ratedist as rd
from ratedist.quantizers.clustering import optimal_scalar_path

WEIGHTS = jnp.asarray([-1.0, -0.5, 0.25, 2.0])
RANDOM = rd.Lloyd(init="random")


@pytest.mark.parametrize(
    ("name", "traced", "given"),
    [
        ("weights", lambda w: rd.kmeans(w, 2).centers, WEIGHTS),
        ("weights", lambda w: rd.kmeans([w[0], 1.0], 2).centers, WEIGHTS),
        ("weights", lambda w: rd.kmeans(w, 2, method="optimal").centers, WEIGHTS),
        ("weights", lambda w: rd.kmeans(w, 2, block_length=2, key=0).centers, WEIGHTS),
        ("weights", lambda w: optimal_scalar_path(w, 2)[0].centers, WEIGHTS),
        ("importance", lambda h: rd.kmeans(WEIGHTS, 2, h).centers, jnp.ones(4)),
        ("num_clusters", lambda K: rd.kmeans(WEIGHTS, K).centers, 2),
        ("diameter_penalty", lambda beta: rd.kmeans(WEIGHTS, 2, diameter_penalty=beta).centers, 0.5),
        ("key", lambda seed: rd.kmeans(WEIGHTS, 2, method=RANDOM, key=seed).centers, 3),
    ],
)
def test_tracers_are_refused(name, traced, given) -> None:
    """Tracing fails before anything is compiled."""
    words = f"^{name} must have values already, got what JAX traces: quantisers run outside jit, vmap"
    with pytest.raises(ValueError, match=words):
        jax.jit(traced)(given)
    with pytest.raises(ValueError, match=words):
        jax.vmap(traced)(jnp.stack([jnp.asarray(given)] * 2))


def test_arrays_of_jax_are_taken() -> None:
    np.testing.assert_array_equal(rd.kmeans(WEIGHTS, 2).centers, rd.kmeans(np.asarray(WEIGHTS), 2).centers)


@pytest.mark.parametrize("make", [jax.random.key, jax.random.PRNGKey])
def test_one_key(make) -> None:
    key = make(0)
    for options in ({"method": RANDOM}, {"block_length": 2}, {"method": "optimal"}):
        with pytest.raises(ValueError, match="key must be one JAX PRNG key, got an array of 4"):
            rd.kmeans(WEIGHTS, 2, key=jax.random.split(key, 4), **options)
        rd.kmeans(WEIGHTS, 2, key=jax.random.split(key, 4)[1], **options)
        rd.kmeans(WEIGHTS, 2, key=np.int64(3), **options)
