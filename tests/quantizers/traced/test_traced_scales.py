"""A weight far from all others must not cost the traced optimum the digits of the rest."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ratedist.quantizers import kmeans
from ratedist.quantizers.traced.diameter import optimal_under_diameter_penalty
from ratedist.quantizers.traced.optimal import optimal_path

PATH = jax.jit(lambda w, h: optimal_path(w, 5, h).reconstruction[4])
PENALISED = jax.jit(lambda w, h, beta: optimal_under_diameter_penalty(w, 5, h, beta).reconstruction)


@pytest.mark.parametrize("far", [0.0, 1e4, -3e4])
def test_the_optimum_in_single_precision(far):
    rng = np.random.default_rng(0)
    weights, importance = rng.normal(size=50), 0.5 + rng.random(50)
    weights[7] += far
    w, h = weights.astype(np.float32), importance.astype(np.float32)
    # Small enough that the far weight keeps a centre of its own.
    beta = 1e-3 if far == 0 else 1e-2 / far**2
    for penalty in (0.0, beta):
        arguments = jnp.asarray(w), jnp.asarray(h)
        found = PENALISED(*arguments, jnp.float32(penalty)) if penalty else PATH(*arguments)
        found = np.asarray(found, dtype=np.float64)
        objective = np.sum(h * (w.astype(np.float64) - found) ** 2) + penalty * np.ptp(found) ** 2
        least = kmeans(
            w.astype(np.float64), 5, h.astype(np.float64), method="optimal", diameter_penalty=penalty
        ).objective
        assert least * (1 - 1e-6) <= objective <= least * (1 + 1e-4)
