"""Weights and Hessians that a compressor is tried on: typical ones, and such as hardly ever come."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from ratedist.linear_model.base import LinearModel
from ratedist.linear_model.sampling import StatisticsDraw

NUM_DRAWS = 256
# Of them are weights that no trial would draw.
NUM_EXTREMES = 5


def typical_and_extreme(model: LinearModel) -> tuple[jax.Array, jax.Array]:
    """Weights ``(NUM_DRAWS, d)`` and factors of their Hessians ``(NUM_DRAWS, d, d)``.

    The first are all zero, all equal, w* and with one entry far out; the others are drawn, by Bartlett's
    decomposition as in :func:`ratedist.linear_model.sampling.draw_statistics`.
    """
    n, d = model.n, model.d
    rng = np.random.default_rng(0)
    triangle = np.tril(rng.normal(size=(NUM_DRAWS, d, d)), -1)
    triangle[:, range(d), range(d)] = np.sqrt(rng.chisquare(n - np.arange(d), (NUM_DRAWS, d)))
    z = rng.normal(size=(NUM_DRAWS, d, 1))
    draws = _statistics(model, triangle / np.sqrt(n), np.linalg.solve(triangle.transpose(0, 2, 1), z)[..., 0])
    extremes = np.zeros((NUM_EXTREMES, d))
    extremes[1], extremes[2] = 1.0, model.w_star
    extremes[3, 0], extremes[4, -1] = 1e6, -1e6
    weights = draws.weights.at[:NUM_EXTREMES].set(jnp.asarray(extremes, draws.weights.dtype))
    return weights, draws.hessian_factor


def stretched(model: LinearModel, stretch: float) -> StatisticsDraw:
    """Draws with ``A/n = L(I − (1 − 1/s²)qqᵀ)Lᵀ``, Σ = LLᵀ, for directions q at random."""
    rng = np.random.default_rng(0)
    q = rng.normal(size=(NUM_DRAWS, model.d))
    q /= np.linalg.norm(q, axis=1, keepdims=True)
    z = rng.normal(size=q.shape)
    along = np.sum(q * z, axis=1, keepdims=True)
    deviation = (z + (stretch - 1) * along * q) / np.sqrt(model.n)
    factor = np.eye(model.d) - (1 - 1 / stretch) * q[:, :, None] * q[:, None, :]
    return _statistics(model, factor, deviation)


def _statistics(model: LinearModel, factor: np.ndarray, deviation: np.ndarray) -> StatisticsDraw:
    """Draws for Σ from those for the identity: factors of A/n, and (W − w*)/σ."""
    lower = np.asarray(model.covariance_cholesky)
    lower = lower if lower.ndim == 2 else np.diag(np.broadcast_to(lower, (model.d,)))
    weights = model.w_star + model.noise_variance**0.5 * np.linalg.solve(lower.T, deviation.T).T
    residual = model.noise_variance * (model.n - model.d) / model.n
    dtype = jnp.result_type(float)
    return StatisticsDraw(
        jnp.asarray(weights, dtype), jnp.asarray(lower @ factor, dtype), jnp.full(NUM_DRAWS, residual, dtype)
    )
