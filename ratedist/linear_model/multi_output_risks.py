"""Risks of compressed weights of several outputs, as :mod:`ratedist.linear_model.risks` has them for one."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ratedist.linear_model.multi_output_sampling import (
    MultiOutputArrays,
    MultiOutputDatasetDraw,
    MultiOutputErmDraw,
    MultiOutputStatisticsDraw,
    shortened,
)
from ratedist.linear_model.quantities import Risks


def population_risk(model: MultiOutputArrays, reconstruction: jax.Array) -> jax.Array:
    """``L_μ(Ŵ) = tr MΓ + tr M(Ŵ − W*)Σ(Ŵ − W*)ᵀ`` for Ŵ row by row, shape ``(o·d,)``."""
    return jnp.sum(model.noise_spectrum) + _excess_risk(model, reconstruction)


def _excess_risk(model: MultiOutputArrays, reconstruction: jax.Array) -> jax.Array:
    error = model.matrix(reconstruction - model.w_star)
    return jnp.sum(model.loss_root(model.whiten(error)) ** 2)


def erm_risks(model: MultiOutputArrays, draw: MultiOutputErmDraw, reconstruction: jax.Array) -> Risks:
    """Risks averaged over the data given W, for any compressor with S → W → Ŵ.

    ``A | W ~ Wishart_d(n + o, (Σ⁻¹ + VVᵀ)⁻¹)`` with V = (W − W*)ᵀC⁻ᵀ, Γ = CCᵀ, hence with E = Ŵ − W

        E[d_S | W, Ŵ] = ((n + o)/n) tr ME(Σ⁻¹ + VVᵀ)⁻¹Eᵀ,
        E[L_S(Ŵ) | W, Ŵ] = tr MΓ (n − d)/n + E[d_S | W, Ŵ].

    The inverse is that of the draw, as a product: see :func:`multi_output_sampling.sweep`. The generalisation
    error is ``tr MΓ d/n`` and the excess risk less the distortion, no difference of two risks near tr MΓ.

    Source: docs/derivations.md §5.
    """
    n, o, d = model.num_samples, model.num_outputs, model.num_inputs
    error = model.whiten(model.matrix(reconstruction - draw.weights))

    def shorten(rows: jax.Array, update: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        return shortened(rows, *update), None

    error, _ = jax.lax.scan(shorten, error, (draw.directions, draw.shares))
    distortion = (n + o) / n * jnp.sum(model.loss_root(error) ** 2)
    noise, excess = jnp.sum(model.noise_spectrum), _excess_risk(model, reconstruction)
    return Risks(
        noise + excess, noise * (n - d) / n + distortion, distortion, noise * d / n + (excess - distortion)
    )


def statistics_risks(
    model: MultiOutputArrays, draw: MultiOutputStatisticsDraw, reconstruction: jax.Array
) -> Risks:
    """Risks given A and L_S(W): ``d_S = tr M(Ŵ − W)(A/n)(Ŵ − W)ᵀ``."""
    error = model.matrix(reconstruction - draw.weights) @ draw.hessian_factor
    distortion = jnp.sum(model.loss_root(error) ** 2)
    return _from_empirical(model, reconstruction, draw.erm_empirical_risk + distortion, distortion)


def dataset_risks(model: MultiOutputArrays, draw: MultiOutputDatasetDraw, reconstruction: jax.Array) -> Risks:
    """Risks from the residuals on the data, ``L_S(Ŵ) = tr M(Y − XŴᵀ)ᵀ(Y − XŴᵀ)/n``, using no identity."""

    def residual_risk(weights: jax.Array) -> Any:
        residuals = draw.outputs - draw.inputs @ model.matrix(weights).T
        return jnp.sum(model.loss_root(residuals.T) ** 2) / draw.inputs.shape[0]

    empirical = residual_risk(reconstruction)
    return _from_empirical(model, reconstruction, empirical, empirical - residual_risk(draw.weights))


def _from_empirical(
    model: MultiOutputArrays, reconstruction: jax.Array, empirical: jax.Array, distortion: jax.Array
) -> Risks:
    population = population_risk(model, reconstruction)
    return Risks(population, empirical, distortion, population - empirical)
