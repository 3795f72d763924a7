"""Weights and Hessians that a compressor is tried on: typical ones, and such as hardly ever come."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ratedist.linear_model.base import LinearModel
from ratedist.linear_model.covariances import as_matrix
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.linear_model.multi_output import MultiOutputLinearModel

NUM_DRAWS = 256
# Of them are weights that no trial would draw.
NUM_EXTREMES = 5


class Draws(NamedTuple):
    """What the statistics of several trials show: a sampler's draw, with a first axis."""

    weights: jax.Array
    hessian_factor: jax.Array
    erm_empirical_risk: jax.Array


def typical_and_extreme(model: LinearModel) -> tuple[jax.Array, jax.Array]:
    """Weights ``(NUM_DRAWS, num_weights)`` and factors of A/n ``(NUM_DRAWS, d, d)``.

    The first are all zero, all equal, w* and with one entry far out; the others are drawn, by Bartlett's
    decomposition as in :func:`ratedist.linear_model.sampling.draw_statistics`.
    """
    n, d = model.n, model.num_inputs
    rng = np.random.default_rng(0)
    triangle = np.tril(rng.normal(size=(NUM_DRAWS, d, d)), -1)
    triangle[:, range(d), range(d)] = np.sqrt(rng.chisquare(n - np.arange(d), (NUM_DRAWS, d)))
    z = rng.normal(size=(NUM_DRAWS, d, model.num_outputs))
    draws = _statistics(model, triangle / np.sqrt(n), np.linalg.solve(triangle.transpose(0, 2, 1), z))
    extremes = np.zeros((NUM_EXTREMES, model.num_weights))
    extremes[1], extremes[2] = 1.0, model.w_star
    extremes[3, 0], extremes[4, -1] = 1e6, -1e6
    weights = draws.weights.at[:NUM_EXTREMES].set(jnp.asarray(extremes, draws.weights.dtype))
    return weights, draws.hessian_factor


def stretched(model: LinearModel, stretch: float) -> Draws:
    """Draws with ``A/n = L(I − (1 − 1/s²)qqᵀ)Lᵀ``, Σ = LLᵀ, for directions q at random."""
    rng = np.random.default_rng(0)
    q = rng.normal(size=(NUM_DRAWS, model.num_inputs, 1))
    q /= np.linalg.norm(q, axis=1, keepdims=True)
    z = rng.normal(size=(NUM_DRAWS, model.num_inputs, model.num_outputs))
    along = np.sum(q * z, axis=1, keepdims=True)
    deviation = (z + (stretch - 1) * along * q) / np.sqrt(model.n)
    factor = np.eye(model.num_inputs) - (1 - 1 / stretch) * q * q.transpose(0, 2, 1)
    return _statistics(model, factor, deviation)


def _statistics(model: LinearModel, factor: np.ndarray, deviation: np.ndarray) -> Draws:
    """Draws for Σ and Γ from those for identities: factors of A/n, and W − w* transposed, ``(…, d, o)``."""
    lower = as_matrix(np.asarray(model.covariance_cholesky), model.num_inputs)
    rows = np.linalg.solve(lower.T, deviation).transpose(0, 2, 1)
    weights = model.w_star + (_noise_factor(model) @ rows).reshape(NUM_DRAWS, -1)
    residual = model.bayes_risk * (model.n - model.num_inputs) / model.n
    dtype = jnp.result_type(float)
    return Draws(
        jnp.asarray(weights, dtype), jnp.asarray(lower @ factor, dtype), jnp.full(NUM_DRAWS, residual, dtype)
    )


def _noise_factor(model: LinearModel) -> np.ndarray:
    """A C with Γ = CCᵀ, shape ``(o, o)``."""
    if isinstance(model, MultiOutputLinearModel):
        return as_matrix(model.noise_factor, model.num_outputs)
    noise = model.noise_variance if isinstance(model, GaussianLinearModel) else 0.0
    return np.full((1, 1), noise**0.5)
