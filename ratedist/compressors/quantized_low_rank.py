"""Low rank with a rate: two factors on a grid, sent by a code that is agreed beforehand."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from ratedist import _checks
from ratedist.codes.traced_masses import gaussian_log_mass
from ratedist.compressors.base import Compressed, Context, RateKind, following_weights
from ratedist.compressors.low_rank import MetricName, PreparedMetric, check_projection, metric_needs
from ratedist.compressors.precision import traced_number
from ratedist.linear_model.base import LinearModel
from ratedist.linear_model.quantities import RISK_NAMES
from ratedist.pytrees import register_record


@dataclasses.dataclass(frozen=True)
class QuantizedLowRank:
    r"""Factors of the nearest matrix of rank r, rounded to a grid: ``Ŵ = δ² round(F/δ) round(G/δ)``.

    The nearest matrix is ``Σ_k s_k p_k q_kᵀ``, s being the singular values of the weighted one. Column k of F
    is ``c√s_k p_k``, row k of G is ``√s_k q_kᵀ/c``. With ``c⁴ = (tr L/o)/(tr R/d)`` to round an entry of F
    costs as much as one of G does. In an isotropic metric columns of F are then as long as those of Gᵀ are.
    The decoder multiplies; it needs neither A nor W, nor c.

    Args:
        rank: r ≥ 0; above min(o, d) it is min(o, d). Encoder and decoder know it.
        metric: that of :class:`LowRank`: "plain", "inputs" or "information".
        step: δ > 0 of both factors, whose entries have the unit of the weights' square root.
        prior_scale: τ > 0, the root mean square of weights that the code is made for. If singular values
            are alike, the entries of F then have the variance ``τ√(d/(or))``, those of G ``τ√(o/(dr))``.
            They are sent by codes for normal laws of these variances.

    Rate: ``code_length``, the exact ``−Σ ln P(cell)`` over r(o + d) numbers, in nats. The decoder has r, δ, τ
        and the shape of W: this is the length of a real code, whose mean bounds I(S; Ŵ).

    Source: docs/low-rank.md.

    Example:
        >>> import ratedist as rd
        >>> W_star = rd.planted_rank_weights(num_outputs=6, num_inputs=8, rank=2, seed=0)
        >>> model = rd.MultiOutputLinearModel(n=20, W_star=W_star)
        >>> compressor = rd.QuantizedLowRank(2, "inputs", step=0.1, prior_scale=1.0)
        >>> compressor.bounding_rates(model)
        {'code_length': 'code_length'}
    """

    rank: int
    metric: MetricName
    step: float
    prior_scale: float

    def __post_init__(self) -> None:
        check_projection(self.rank, self.metric)
        _checks.positive_number("step", self.step)
        _checks.positive_number("prior_scale", self.prior_scale)

    @property
    def markov(self) -> bool:
        """Whether the data are seen through W alone: by the plain metric they are."""
        return self.metric == "plain"

    @property
    def needs(self) -> frozenset[str]:
        """A/n, but for the plain metric."""
        return metric_needs(self.metric)

    def prepare(self, model: LinearModel) -> PreparedQuantizedLowRank:
        """All numbers become traced values: a sweep of ranks or steps compiles once.

        Raises:
            ValueError: the metric "information" of a model with outputs without noise.
        """
        o, d = model.num_outputs, model.num_inputs
        rank = min(self.rank, o, d)
        scale, ratio = (self.prior_scale / max(rank, 1) ** 0.5) ** 0.5, (d / o) ** 0.25
        return PreparedQuantizedLowRank(
            jnp.asarray(rank, jnp.int32),
            traced_number("step", self.step),
            traced_number("the left factor's prior scale", scale * ratio),
            traced_number("the right factor's prior scale", scale / ratio),
            PreparedMetric.of(model, self.metric),
        )

    def heavy_tailed(self, model: LinearModel) -> frozenset[str]:
        """All, but none at rank 0: the error of a rounded factor grows with the other factor."""
        return following_weights(model, *RISK_NAMES) if self.rank else frozenset()

    def fixed_rates(self, model: LinearModel) -> dict[str, float]:
        """None: the length follows the data."""
        return {}

    def bounding_rates(self, model: LinearModel) -> dict[str, RateKind]:
        """The length under the prior."""
        return {"code_length": "code_length"}


@register_record
@dataclasses.dataclass(frozen=True, eq=False)
class PreparedQuantizedLowRank:
    """A :class:`QuantizedLowRank` with rank, step and the scales of both codes as traced scalars."""

    rank: jax.Array
    step: jax.Array
    left_scale: jax.Array
    right_scale: jax.Array
    metric: PreparedMetric

    def compress(self, key: jax.Array, weights: jax.Array, context: Context) -> Compressed:
        """Project, balance, round, and count."""
        F, G = self.factors(weights, context)
        used = jnp.arange(G.shape[0]) < self.rank
        lengths = -self._log_masses(F, self.left_scale).sum(axis=0)
        lengths = lengths - self._log_masses(G, self.right_scale).sum(axis=1)
        reconstruction = jnp.where(used[None, :], F, 0.0) @ G
        length = jnp.sum(jnp.where(used, lengths, 0.0))
        return Compressed(reconstruction.reshape(-1), {"code_length": length})

    def factors(self, weights: jax.Array, context: Context) -> tuple[jax.Array, jax.Array]:
        """F ``(o, k)`` and G ``(k, d)`` on the grid, for every rank: its columns and rows come first."""
        found, hessian = self.metric.decompose(weights, context)
        P = self.metric.left_factor
        # Each mean eigenvalue; the identity's is 1.
        of_outputs = 1.0 if P is None else jnp.sum(P**2) / P.shape[0]
        of_inputs = 1.0 if hessian is None else jnp.mean(jnp.diag(hessian))
        balance = (of_outputs / of_inputs) ** 0.25
        root = jnp.sqrt(found.singular_values)
        seen = root > 0
        inverse = jnp.where(seen, 1 / jnp.where(seen, root, 1.0), 0.0)
        left = found.left * (balance * root)[None, :]
        right = found.right * (inverse / balance)[:, None]
        return self.step * jnp.round(left / self.step), self.step * jnp.round(right / self.step)

    def _log_masses(self, values: jax.Array, scale: jax.Array) -> jax.Array:
        return gaussian_log_mass(values.reshape(-1), self.step, scale).reshape(values.shape)
