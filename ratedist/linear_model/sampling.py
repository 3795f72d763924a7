"""Three samplers of the same law: the data set, its sufficient statistics, and the ERM weights alone.

All three are pure functions of a key, written for one trial and meant to be mapped over trials by
``jax.vmap``. They work in JAX's default precision.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

from ratedist.linear_model.model import GaussianLinearModel
from ratedist.linear_model.variates import normals_and_chi_squares
from ratedist.pytrees import register_record


@register_record
@dataclasses.dataclass(frozen=True)
class ModelArrays:
    """A :class:`GaussianLinearModel` as traced values, so that a sweep over n, σ² or Σ compiles once.

    ``covariance`` and its lower Cholesky factor ``covariance_factor`` have shape ``()``, ``(d,)`` or
    ``(d, d)``; ``num_samples`` (n) and ``noise_scale`` (σ) are scalars; ``w_star`` has shape ``(d,)``.
    """

    num_samples: jax.Array
    w_star: jax.Array
    noise_scale: jax.Array
    covariance: jax.Array
    covariance_factor: jax.Array

    @classmethod
    def of(cls, model: GaussianLinearModel) -> ModelArrays:
        """Cast the model's float64 arrays to JAX's default precision."""
        dtype = jnp.result_type(float)
        return cls(
            num_samples=jnp.asarray(model.n, dtype),
            w_star=jnp.asarray(model.w_star, dtype),
            noise_scale=jnp.asarray(model.noise_variance**0.5, dtype),
            covariance=jnp.asarray(model.covariance, dtype),
            covariance_factor=jnp.asarray(model.covariance_cholesky, dtype),
        )

    @property
    def num_inputs(self) -> int:
        """d."""
        return self.w_star.shape[0]

    def hessian(self, input_hessian: jax.Array) -> jax.Array:
        """A/n: with one output the Hessian of the weights is that of the inputs."""
        return input_hessian

    def hessian_diagonal(self, input_hessian: jax.Array) -> jax.Array:
        """diag(A/n), shape ``(d,)``."""
        return jnp.diag(input_hessian)

    def times_covariance(self, vector: jax.Array) -> jax.Array:
        """Σv for a vector of shape ``(d,)``."""
        return self.covariance @ vector if self.covariance.ndim == 2 else self.covariance * vector

    def relative_excess(self, error: jax.Array) -> jax.Array:
        """``‖e‖²_Σ/σ²`` of weights w* + e: the excess population risk in units of the noise."""
        return jnp.sum(error * self.times_covariance(error)) / self.noise_scale**2

    def weight_noise(self, vector: jax.Array, scale: jax.Array) -> jax.Array:
        """``sσL⁻ᵀv``, where Σ = LLᵀ: turns N(0, I) into N(0, s²σ²Σ⁻¹), shape ``(d,)``."""
        return self.noise_scale * scale * self.unwhiten(vector)

    def unwhiten(self, vector: jax.Array) -> jax.Array:
        """L⁻ᵀv, where Σ = LLᵀ: turns N(0, I) into N(0, Σ⁻¹), shape ``(d,)``."""
        if self.covariance_factor.ndim == 2:
            return solve_triangular(self.covariance_factor, vector, trans=1, lower=True)
        return vector / self.covariance_factor


class ErmDraw(NamedTuple):
    """ERM weights W = w* + σv, with v of shape ``(d,)`` kept: it has a law even when σ = 0."""

    weights: jax.Array
    standardized_deviation: jax.Array


class StatisticsDraw(NamedTuple):
    """ERM weights ``(d,)``, a lower factor ``(d, d)`` of the Hessian A/n, and L_S(W)."""

    weights: jax.Array
    hessian_factor: jax.Array
    erm_empirical_risk: jax.Array


class DatasetDraw(NamedTuple):
    """ERM weights ``(d,)`` and the data set they were fitted to: inputs ``(n, d)``, outputs ``(n,)``."""

    weights: jax.Array
    inputs: jax.Array
    outputs: jax.Array


Draw = ErmDraw | StatisticsDraw | DatasetDraw


def draw_erm(key: jax.Array, model: ModelArrays) -> ErmDraw:
    """Draw ERM weights from their own law: ``W = w* + σ Σ^{-1/2} z/√g``, g ~ χ² with n − d + 1 degrees.

    W is multivariate t with ν = n − d + 1 degrees of freedom and scale matrix σ²Σ⁻¹/ν. O(d) a trial for
    diagonal Σ, whatever n.

    Source: docs/derivations.md §2.
    """
    d = model.w_star.shape[0]
    z, g = normals_and_chi_squares(key, d, model.num_samples - d + 1)
    v = model.unwhiten(z) / jnp.sqrt(g)
    return ErmDraw(model.w_star + model.noise_scale * v, v)


def draw_statistics(key: jax.Array, model: ModelArrays) -> StatisticsDraw:
    """Draw A, W | A and L_S(W) exactly, without a data set: cost O(d³) a trial, independent of n.

    ``A = (LT)(LT)ᵀ`` with T lower triangular, ``T_ii² ~ χ²`` with n − i + 1 degrees of freedom (i = 1…d)
    and standard normal below (Bartlett); ``W | A ~ N(w*, σ²A⁻¹)``; ``n L_S(W) ~ σ²χ²`` with n − d.

    Source: docs/derivations.md §2.
    """
    d = model.w_star.shape[0]
    n = model.num_samples
    degrees = n - jnp.arange(d + 1)
    normals, squares = normals_and_chi_squares(key, d + d * d, jnp.maximum(degrees, 1))
    z, below = normals[:d], normals[d:].reshape(d, d)
    bartlett = jnp.diag(jnp.sqrt(squares[:d])) + jnp.tril(below, -1)
    factor = model.covariance_factor
    lower = factor @ bartlett if factor.ndim == 2 else (jnp.ones(d) * factor)[:, None] * bartlett
    weights = model.w_star + model.noise_scale * solve_triangular(lower, z, trans=1, lower=True)
    # A χ² of zero degrees of freedom (n = d: ERM interpolates) is the constant 0.
    residual = jnp.where(degrees[d] > 0, squares[d], 0.0)
    return StatisticsDraw(weights, lower / jnp.sqrt(n), model.noise_scale**2 * residual / n)


def draw_dataset(key: jax.Array, model: ModelArrays, num_samples: int) -> DatasetDraw:
    """Draw a data set and fit it: ``Y = Xw* + σε``, ``W = (XᵀX)⁻¹XᵀY`` with inputs as rows.

    The slow oracle of the other two samplers: O(nd² + d³) a trial. ``num_samples`` is static.

    Source: Entropy 2021 eq. (16)–(18).
    """
    input_key, noise_key = jax.random.split(key)
    d = model.w_star.shape[0]
    z = jax.random.normal(input_key, (num_samples, d))
    factor = model.covariance_factor
    inputs = z @ factor.T if factor.ndim == 2 else z * (jnp.ones(d) * factor)[None, :]
    noise = model.noise_scale * jax.random.normal(noise_key, (num_samples,))
    outputs = inputs @ model.w_star + noise
    # Solving for W − w* from the noise alone loses no digits to the size of w*; by X = QR, where XᵀX would
    # lose half of them and, for n next to d in single precision, its positive definiteness.
    Q, R = jnp.linalg.qr(inputs)
    deviation = solve_triangular(R, Q.T @ noise, lower=False)
    return DatasetDraw(model.w_star + deviation, inputs, outputs)
