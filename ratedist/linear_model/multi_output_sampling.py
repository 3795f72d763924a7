"""The three samplers for several outputs; with one output they draw what those of one output draw.

All three are pure functions of a key, written for one trial and meant to be mapped over trials by
``jax.vmap``. They work in JAX's default precision.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

from ratedist.linear_model.multi_output import MultiOutputLinearModel
from ratedist.linear_model.variates import normals_and_chi_squares
from ratedist.pytrees import register_record


@register_record
@dataclasses.dataclass(frozen=True)
class MultiOutputArrays:
    """A :class:`MultiOutputLinearModel` as traced values, so that a sweep over n or Γ compiles once.

    ``w_star`` is W* row by row, shape ``(o·d,)``; ``noise_factor`` and ``loss_factor`` have shape ``()``,
    ``(o,)`` or ``(o, o)``, ``covariance_factor`` ``()``, ``(d,)`` or ``(d, d)``. ``noise_spectrum`` has the
    eigenvalues of MΓ, shape ``(o,)``.
    """

    num_samples: jax.Array
    w_star: jax.Array
    noise_factor: jax.Array
    noise_spectrum: jax.Array
    loss_matrix: jax.Array
    loss_factor: jax.Array
    covariance_factor: jax.Array

    @classmethod
    def of(cls, model: MultiOutputLinearModel) -> MultiOutputArrays:
        """Cast the model's float64 arrays to JAX's default precision."""
        dtype = jnp.result_type(float)
        return cls(
            num_samples=jnp.asarray(model.n, dtype),
            w_star=jnp.asarray(model.w_star, dtype),
            noise_factor=jnp.asarray(model.noise_factor, dtype),
            noise_spectrum=jnp.asarray(model.noise_spectrum, dtype),
            loss_matrix=jnp.asarray(model.loss_matrix, dtype),
            loss_factor=jnp.asarray(model.loss_factor, dtype),
            covariance_factor=jnp.asarray(model.covariance_cholesky, dtype),
        )

    @property
    def num_outputs(self) -> int:
        """o."""
        return self.noise_spectrum.shape[0]

    @property
    def num_inputs(self) -> int:
        """d."""
        return self.w_star.shape[0] // self.num_outputs

    def matrix(self, weights: jax.Array) -> jax.Array:
        """Weights ``(o·d,)`` as ``(o, d)``."""
        return weights.reshape(self.num_outputs, self.num_inputs)

    def color(self, noise: jax.Array) -> jax.Array:
        """CZ, where Γ = CCᵀ: gives the outputs ``(o, ...)`` their covariance."""
        return _from_left(self.noise_factor, noise)

    def loss_root(self, error: jax.Array) -> jax.Array:
        """BᵀE, where M = BBᵀ, for E of shape ``(o, d)``: its squared entries add up to tr EᵀME."""
        B = self.loss_factor
        return _from_left(B.T if B.ndim == 2 else B, error)

    def whiten(self, error: jax.Array) -> jax.Array:
        """EL, where Σ = LLᵀ, for E of shape ``(o, d)``: its squared entries add up to tr EΣEᵀ."""
        L = self.covariance_factor
        return error @ L if L.ndim == 2 else error * L.reshape(1, -1)

    def unwhiten(self, deviation: jax.Array) -> jax.Array:
        """ZL⁻¹, where Σ = LLᵀ: turns rows N(0, I) into N(0, Σ⁻¹), shape ``(o, d)``."""
        L = self.covariance_factor
        if L.ndim == 2:
            return solve_triangular(L, deviation.T, trans=1, lower=True).T
        return deviation / L.reshape(1, -1)

    def relative_excess(self, error: jax.Array) -> jax.Array:
        """``tr MEΣEᵀ / tr MΓ`` of weights W* + E: the excess population risk in units of the noise."""
        squared = self.loss_root(self.whiten(self.matrix(error))) ** 2
        return jnp.sum(squared) / jnp.sum(self.noise_spectrum)

    def weight_noise(self, vector: jax.Array, scale: jax.Array) -> jax.Array:
        """``sCZL⁻¹``: turns N(0, I) into N(0, s²Γ ⊗ Σ⁻¹), shape ``(o·d,)``."""
        return scale * self.color(self.unwhiten(self.matrix(vector))).reshape(-1)

    def hessian(self, input_hessian: jax.Array) -> jax.Array:
        """M ⊗ A/n, shape ``(o·d, o·d)``."""
        M = self.loss_matrix
        return jnp.kron(M if M.ndim == 2 else jnp.diag(jnp.ones(self.num_outputs) * M), input_hessian)

    def hessian_diagonal(self, input_hessian: jax.Array) -> jax.Array:
        """The diagonal of M ⊗ A/n, shape ``(o·d,)``."""
        M = self.loss_matrix
        of_outputs = jnp.diag(M) if M.ndim == 2 else jnp.ones(self.num_outputs) * M
        return (of_outputs[:, None] * jnp.diag(input_hessian)[None, :]).reshape(-1)


def _from_left(factor: jax.Array, matrix: jax.Array) -> jax.Array:
    return factor @ matrix if factor.ndim == 2 else factor.reshape(-1, 1) * matrix


class MultiOutputErmDraw(NamedTuple):
    """ERM weights ``(o·d,)``, and what the law of A given them needs: see :func:`sweep`.

    ``directions`` have shape ``(o, d)`` and ``shares`` ``(o,)``.
    """

    weights: jax.Array
    directions: jax.Array
    shares: jax.Array


class MultiOutputStatisticsDraw(NamedTuple):
    """ERM weights ``(o·d,)``, a lower factor ``(d, d)`` of A/n, and L_S(W)."""

    weights: jax.Array
    hessian_factor: jax.Array
    erm_empirical_risk: jax.Array


class MultiOutputDatasetDraw(NamedTuple):
    """ERM weights ``(o·d,)`` and their data set: inputs ``(n, d)``, outputs ``(n, o)``."""

    weights: jax.Array
    inputs: jax.Array
    outputs: jax.Array


def draw_erm(key: jax.Array, model: MultiOutputArrays) -> MultiOutputErmDraw:
    """Draw ERM weights from their own law: ``W = W* + C T⁻ᵀ Z L⁻¹``, Γ = CCᵀ, Σ = LLᵀ.

    ``TTᵀ ~ W_o(n − d + o, I)`` by Bartlett, Z standard normal. W is matrix-variate t: every row is
    multivariate t with n − d + 1 degrees of freedom. O(o²d) a trial for diagonal Σ, whatever n.

    Source: docs/derivations.md §5.
    """
    o, d = model.num_outputs, model.num_inputs
    below = o * (o - 1) // 2
    degrees = model.num_samples - d + o - jnp.arange(o)
    # A Wishart of one row is a χ²: the same numbers are drawn as for one output.
    normals, squares = normals_and_chi_squares(key, o * d + below, degrees)
    U = normals[: o * d].reshape(o, d)
    diagonal = jnp.sqrt(squares)
    if o == 1:
        U = U / diagonal[:, None]
    else:
        bartlett = jnp.diag(diagonal).at[jnp.tril_indices(o, -1)].set(normals[o * d :])
        U = solve_triangular(bartlett, U, trans=1, lower=True)
    deviation = model.color(model.unwhiten(U))
    return MultiOutputErmDraw(model.w_star + deviation.reshape(-1), *sweep(U))


def sweep(U: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Unit vectors q_k and shares t_k with ``(I + UᵀU)⁻¹ = FFᵀ``, ``F = Π_k (I − (1 − t_k) q_k q_kᵀ)``.

    Row by row: with p = F_{k−1}ᵀu_k is ``q_k = p/‖p‖`` and ``t_k = 1/√(1 + ‖p‖²)``. Rows of very different
    sizes lose half the digits that forming UᵀU would lose.

    Args:
        U: shape ``(o, d)``.

    Returns:
        Directions ``(o, d)`` and shares ``(o,)``.

    Source: Potter's square-root update; Bierman, Factorization Methods for Discrete Sequential Estimation
        (1977), chapter 2.
    """

    def row(rest: jax.Array, k: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        p = rest[k]
        size = jnp.sqrt(jnp.sum(p * p))
        q = p / jnp.where(size > 0, size, 1.0)
        share = 1 / jnp.sqrt(1 + size**2)
        return shortened(rest, q, share), (q, share)

    _, (directions, shares) = jax.lax.scan(row, U, jnp.arange(U.shape[0]))
    return directions, shares


def shortened(rows: jax.Array, direction: jax.Array, share: jax.Array) -> jax.Array:
    """``E(I − (1 − t)qqᵀ)``: the part along q keeps the share t, the part across is as it was."""
    along = (rows @ direction)[:, None] * direction[None, :]
    return (rows - along) + share * along


def draw_statistics(key: jax.Array, model: MultiOutputArrays) -> MultiOutputStatisticsDraw:
    """Draw A, W | A and L_S(W) exactly, without a data set: cost O(d³ + od²) a trial, independent of n.

    A by Bartlett as for one output; ``W | A = W* + C Z F⁻¹`` with A = FFᵀ. The residuals' covariance is
    C R Cᵀ/n with R ~ W_o(n − d, I), independent of both, so that ``n L_S(W) = tr MCRCᵀ`` is the sum of the
    eigenvalues of MΓ times independent χ² of n − d degrees of freedom.

    Source: docs/derivations.md §5.
    """
    o, d, n = model.num_outputs, model.num_inputs, model.num_samples
    degrees = n - jnp.minimum(jnp.arange(d + o), d)
    normals, squares = normals_and_chi_squares(key, o * d + d * d, jnp.maximum(degrees, 1))
    z, below = normals[: o * d].reshape(o, d), normals[o * d :].reshape(d, d)
    bartlett = jnp.diag(jnp.sqrt(squares[:d])) + jnp.tril(below, -1)
    factor = model.covariance_factor
    lower = factor @ bartlett if factor.ndim == 2 else (jnp.ones(d) * factor)[:, None] * bartlett
    deviation = model.color(solve_triangular(lower, z.T, trans=1, lower=True).T)
    # A χ² of zero degrees of freedom (n = d: ERM interpolates) is the constant 0.
    residual = jnp.where(n > d, jnp.sum(model.noise_spectrum * squares[d:]), 0.0)
    weights = model.w_star + deviation.reshape(-1)
    return MultiOutputStatisticsDraw(weights, lower / jnp.sqrt(n), residual / n)


def draw_dataset(key: jax.Array, model: MultiOutputArrays, num_samples: int) -> MultiOutputDatasetDraw:
    """Draw a data set and fit it: ``Y = XW*ᵀ + ε``, ``W = YᵀX(XᵀX)⁻¹`` with inputs as rows.

    The slow oracle of the other two samplers: O(nd² + ndo + d³) a trial. ``num_samples`` is static.
    """
    input_key, noise_key = jax.random.split(key)
    o, d = model.num_outputs, model.num_inputs
    z = jax.random.normal(input_key, (num_samples, d))
    factor = model.covariance_factor
    inputs = z @ factor.T if factor.ndim == 2 else z * (jnp.ones(d) * factor)[None, :]
    noise = model.color(jax.random.normal(noise_key, (num_samples, o)).T).T
    outputs = inputs @ model.matrix(model.w_star).T + noise
    # As for one output: from the noise alone, and by X = QR.
    Q, R = jnp.linalg.qr(inputs)
    deviation = solve_triangular(R, Q.T @ noise, lower=False).T
    return MultiOutputDatasetDraw(model.w_star + deviation.reshape(-1), inputs, outputs)
