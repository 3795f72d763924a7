"""Risks of a compressed model: the population risk exactly, the empirical risk from what was drawn.

Population risk never needs a test set: ``L_μ(ŵ) = σ² + ‖ŵ − w*‖²_Σ``. The empirical risk and the
distortion ``d_S(ŵ, W) = L_S(ŵ) − L_S(W)`` come from the data, from the sufficient statistics, or, for a
compressor that sees W alone, from their expectation given W (Rao-Blackwell).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ratedist.linear_model.quantities import Risks
from ratedist.linear_model.sampling import DatasetDraw, ErmDraw, ModelArrays, StatisticsDraw


def population_risk(model: ModelArrays, reconstruction: jax.Array) -> jax.Array:
    """``L_μ(ŵ) = σ² + (ŵ − w*)ᵀΣ(ŵ − w*)`` for ŵ of shape ``(d,)``. Source: Entropy 2021 eq. (A4)."""
    return model.noise_scale**2 + _excess_risk(model, reconstruction)


def _excess_risk(model: ModelArrays, reconstruction: jax.Array) -> jax.Array:
    error = reconstruction - model.w_star
    return jnp.sum(error * model.times_covariance(error))


def erm_risks(model: ModelArrays, draw: ErmDraw, reconstruction: jax.Array) -> Risks:
    """Risks averaged over the data given W, for any compressor with S → W → Ŵ.

    ``A | W ~ Wishart_d(n + 1, (Σ⁻¹ + vvᵀ)⁻¹)`` with v = (W − w*)/σ, hence with e = ŵ − W

        E[d_S | W, ŵ] = ((n + 1)/n) (‖e‖²_Σ − (vᵀΣe)²/(1 + ‖v‖²_Σ)),
        E[L_S(ŵ) | W, ŵ] = σ²(n − d)/n + E[d_S | W, ŵ].

    The bracket is ``‖e − av‖²_Σ + a²s/(1 + s)`` with s = ‖v‖²_Σ and a = vᵀΣe/s, which loses no digits where
    s is large. The generalisation error is that of the excess risk over the distortion,

        σ²d/n + ‖ŵ − w*‖²_Σ − E[d_S | W, ŵ]
            = σ²d/n + σ²s + 2σvᵀΣe + (vᵀΣe)²/(1 + s) − (‖e − av‖²_Σ + a²s/(1 + s))/n,

    in whichever form has the smaller terms: as a difference of two risks near σ² it would lose what is small.

    Source: docs/derivations.md §2.
    """
    n, d = model.num_samples, model.w_star.shape[0]
    v = draw.standardized_deviation
    e = reconstruction - draw.weights
    spread = jnp.sum(v * model.times_covariance(v))
    product = jnp.sum(v * model.times_covariance(e))
    along = product / jnp.where(spread > 0, spread, 1.0)
    across = e - along * v
    bracket = jnp.sum(across * model.times_covariance(across)) + along**2 * (spread / (1 + spread))
    distortion = (n + 1) / n * bracket
    noise, excess = model.noise_scale**2, _excess_risk(model, reconstruction)
    terms = noise * spread, 2 * model.noise_scale * product, product * (product / (1 + spread)), -bracket / n
    expanded, size = sum(terms), sum(map(jnp.abs, terms))
    gained = jnp.where(size < excess + distortion, expanded, excess - distortion)
    return Risks(noise + excess, noise * (n - d) / n + distortion, distortion, noise * d / n + gained)


def statistics_risks(model: ModelArrays, draw: StatisticsDraw, reconstruction: jax.Array) -> Risks:
    """Risks given A and L_S(W): ``d_S = (ŵ − W)ᵀ(A/n)(ŵ − W)``. Source: Entropy 2021 eq. (13), (23)."""
    distortion = jnp.sum((draw.hessian_factor.T @ (reconstruction - draw.weights)) ** 2)
    return _from_empirical(model, reconstruction, draw.erm_empirical_risk + distortion, distortion)


def dataset_risks(model: ModelArrays, draw: DatasetDraw, reconstruction: jax.Array) -> Risks:
    """Risks from the residuals on the data, ``L_S(ŵ) = ‖Y − Xŵ‖²/n``, using no identity at all.

    Source: Entropy 2021 eq. (13), (17).
    """

    def residual_risk(weights: jax.Array) -> jax.Array:
        return jnp.mean((draw.outputs - draw.inputs @ weights) ** 2)

    empirical = residual_risk(reconstruction)
    return _from_empirical(model, reconstruction, empirical, empirical - residual_risk(draw.weights))


def _from_empirical(
    model: ModelArrays, reconstruction: jax.Array, empirical: jax.Array, distortion: jax.Array
) -> Risks:
    population = population_risk(model, reconstruction)
    return Risks(population, empirical, distortion, population - empirical)
