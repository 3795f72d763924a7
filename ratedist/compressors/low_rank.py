"""Low rank as a compressor: the nearest matrix of rank r, in a metric that may see the data."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from ratedist import _checks
from ratedist.compressors.base import Compressed, Context, RateKind, following_weights
from ratedist.compressors.semidefinite import factors, unit_diagonal
from ratedist.linear_model.base import LinearModel
from ratedist.linear_model.multi_output import MultiOutputLinearModel
from ratedist.linear_model.quantities import RISK_NAMES
from ratedist.lowrank.metric import Metric
from ratedist.lowrank.traced import Decomposition, decompose
from ratedist.pytrees import register_record

MetricName = Literal["plain", "inputs", "information"]


@dataclasses.dataclass(frozen=True)
class LowRank:
    r"""The matrix of rank r that is nearest to W in a metric: ``min tr L(W − Ŵ)R(W − Ŵ)ᵀ``.

    Args:
        rank: r ≥ 0; from min(o, d) on Ŵ is W itself, with one output from 1 on.
        metric: "plain" is truncated singular value decomposition, L = R = I. "inputs" has R = A/n, so that
            what counts is the error in the outputs. "information" has L = Γ⁻¹ too, the noise's covariance
            being known. That is the information divergence, and Ŵ the maximum-likelihood estimate of rank r.

    All ranks of one metric share one decomposition. Factors are real numbers that follow the data one to one:
    I(S; Ŵ) is infinite, and there is no rate. :class:`QuantizedLowRank` has one.

    Source: Eckart & Young 1936; Izenman 1975 for reduced-rank regression. docs/low-rank.md.

    Example:
        >>> import ratedist as rd
        >>> W_star = rd.planted_rank_weights(num_outputs=6, num_inputs=8, rank=2, seed=0)
        >>> model = rd.MultiOutputLinearModel(n=20, W_star=W_star)
        >>> sorted(rd.LowRank(2).heavy_tailed(model))
        ['distortion', 'empirical_risk', 'generalization_error', 'population_risk']
        >>> sorted(rd.LowRank(2, metric="information").needs)
        ['input_hessian']
    """

    rank: int
    metric: MetricName = "plain"

    def __post_init__(self) -> None:
        check_projection(self.rank, self.metric)

    @property
    def markov(self) -> bool:
        """Whether the data are seen through W alone: by the plain metric they are."""
        return self.metric == "plain"

    @property
    def needs(self) -> frozenset[str]:
        """A/n, but for the plain metric."""
        return metric_needs(self.metric)

    def prepare(self, model: LinearModel) -> PreparedLowRank:
        """The rank becomes a traced value: a sweep of ranks compiles once.

        Raises:
            ValueError: the metric "information" of a model with outputs without noise.
        """
        rank = min(self.rank, model.num_outputs, model.num_inputs)
        return PreparedLowRank(jnp.asarray(rank, jnp.int32), PreparedMetric.of(model, self.metric))

    def heavy_tailed(self, model: LinearModel) -> frozenset[str]:
        """None at rank 0, those of ERM at full rank; between them all by the plain metric, else two.

        In a metric that sees A the distortion is at most a constant times that of Ŵ = 0, whose moments exist.
        """
        if self.rank == 0:
            return frozenset()
        light = self.metric != "plain" or self.rank >= min(model.num_outputs, model.num_inputs)
        risks = ("population_risk", "generalization_error")
        return following_weights(model, *(risks if light else RISK_NAMES))

    def fixed_rates(self, model: LinearModel) -> dict[str, float]:
        """None: real numbers have no finite rate."""
        return {}

    def bounding_rates(self, model: LinearModel) -> dict[str, RateKind]:
        """None."""
        return {}


def check_projection(rank: Any, metric: Any) -> None:
    """Refuse, in words, what is no rank or no metric."""
    _checks.integer("rank", rank, 0)
    _checks.one_of("metric", metric, get_args(MetricName))


def metric_needs(metric: MetricName) -> frozenset[str]:
    """What a metric sees besides W."""
    return frozenset[str]() if metric == "plain" else frozenset({"input_hessian"})


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class PreparedMetric:
    """A metric for one model, static as a whole: nothing in it differs between the ranks of one sweep.

    Only so do they share one decomposition. Its entries are compiled into the programme.

    Attributes:
        left_rows: P with ``L = PPᵀ``, one row a diagonal, else o of them; ``None`` for the identity.
        num_outputs: o.
        sees_inputs: whether R is A/n, or the identity.
    """

    left_rows: tuple[tuple[float, ...], ...] | None
    num_outputs: int
    sees_inputs: bool

    @classmethod
    def of(cls, model: LinearModel, metric: MetricName) -> PreparedMetric:
        """Of this name.

        Raises:
            ValueError: "information" where an output has no noise.
        """
        rows = None
        if metric == "information" and isinstance(model, MultiOutputLinearModel):
            noise = np.asarray(model.noise_covariance)
            precision = np.asarray(Metric.information(noise, None).left)
            # All directions alike are the identity: only ratios matter.
            if noise.ndim:
                factor = np.sqrt(precision) if noise.ndim == 1 else np.linalg.cholesky(precision)
                rows = tuple(map(tuple, np.atleast_2d(factor / np.max(np.abs(factor))).tolist()))
        return cls(rows, model.num_outputs, metric != "plain")

    @property
    def left_factor(self) -> jax.Array | None:
        """P, shape ``(o,)`` or ``(o, o)``."""
        if self.left_rows is None:
            return None
        rows = jnp.asarray(self.left_rows, jnp.result_type(float))
        return rows[0] if len(rows) < self.num_outputs else rows

    def decompose(self, weights: jax.Array, context: Context) -> tuple[Decomposition, jax.Array | None]:
        """The projections of W on every rank, and R = A/n, ``None`` for the identity.

        Values are NaN where the decomposition did not converge.
        """
        matrix, hessian = weights.reshape(self.num_outputs, -1), None
        right_factor = None
        if self.sees_inputs:
            hessian = context.input_hessian
            if hessian is None:
                raise ValueError("a projection in the metric of the inputs needs context.input_hessian")
            scale, _, unit = unit_diagonal(hessian)
            right_factor = scale[:, None] * factors(unit)[0]
        found = decompose(matrix, self.left_factor, right_factor)
        known = jnp.where(found.converged, 0.0, jnp.nan)
        return found._replace(left=found.left + known, right=found.right + known), hessian


@register_record
@dataclasses.dataclass(frozen=True, eq=False)
class PreparedLowRank:
    """A :class:`LowRank` with its rank as a traced scalar."""

    rank: jax.Array
    metric: PreparedMetric

    def compress(self, key: jax.Array, weights: jax.Array, context: Context) -> Compressed:
        """Project."""
        found, _ = self.metric.decompose(weights, context)
        return Compressed(found.matrix(self.rank).reshape(-1), {})
