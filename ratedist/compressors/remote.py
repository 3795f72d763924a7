"""Estimate first, then compress: what is coded for the sake of w* should be an estimate of w*, not W."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ratedist import _checks
from ratedist.compressors.base import (
    Compressed,
    Compressor,
    Context,
    PreparedCompressor,
    RateKind,
    following_weights,
)
from ratedist.compressors.declaration import bounding_rates, check_declaration
from ratedist.compressors.erm import ERM
from ratedist.linear_model.base import LinearModel
from ratedist.linear_model.multi_output import single_output
from ratedist.linear_model.quantities import RISK_NAMES
from ratedist.pytrees import register_record
from ratedist.theory.mixture_prior import MixturePrior, require_mixture
from ratedist.theory.numerics import chi_square_quantiles
from ratedist.theory.remote import NODES_PER_DEVIATION, weight_noise_unit

# The law of g is cut off where so much of it is left on either side.
CUT_OFF = 1e-13
# The number of nodes is a multiple of this: a sweep over n then compiles a few times at most.
NODES_TOGETHER = 32


@dataclasses.dataclass(frozen=True)
class Shrunk:
    """Shrink, then compress: ``Ŵ`` is what another compressor makes of ``b·W``.

    The number of least population risk for ``rd.ERM()`` is ``rd.theory.shrinkage_factor(model)``.

    Args:
        compressor: what compresses the shrunk weights; it must see nothing but them.
        factor: b in [0, 1], a constant that a decoder needs not know.

    Rates are the compressor's own. Those of them that are code lengths are so of Ŵ. What it says of I(W; Ŵ)
    is said of weights that are not shrunk, and is not passed on.

    Example:
        >>> import ratedist as rd
        >>> rd.Shrunk(rd.KMeans(2), factor=0.9).factor
        0.9
    """

    compressor: Compressor
    factor: float

    markov = True
    needs = frozenset[str]()

    def __post_init__(self) -> None:
        require_blind(self.compressor)
        _checks.number("factor", self.factor, high=1.0)

    def prepare(self, model: LinearModel) -> PreparedShrunk:
        """The other compressor, prepared for the same model; b becomes a traced value."""
        return PreparedShrunk(
            self.compressor.prepare(model), jnp.asarray(self.factor, jnp.result_type(float))
        )

    def heavy_tailed(self, model: LinearModel) -> frozenset[str]:
        """Those of the other compressor: bW is W of the true weights bw*, with less noise."""
        return self.compressor.heavy_tailed(model)

    def fixed_rates(self, model: LinearModel) -> dict[str, float]:
        """Those of the other compressor."""
        return self.compressor.fixed_rates(model)

    def bounding_rates(self, model: LinearModel) -> dict[str, RateKind]:
        """The code lengths of the other compressor."""
        return code_lengths_only(self.compressor, model)


@dataclasses.dataclass(frozen=True)
class PosteriorMean:
    """Estimate, then compress: the other compressor sees ``E[w*|W]``, the best estimate from W alone.

    The mean is exact for the multivariate t law of W, by quadrature over g ~ χ² of n − d + 1 degrees of
    freedom. Given g the weights are independent: see ``rd.theory.remote_posterior_mean``. The quadrature ends
    at the 10⁻¹³ quantiles of g: weights that the prior holds for nearly impossible have another mean. For
    two levels it is ``c tanh(cWg/σ²)``, averaged over g given W.

    Args:
        prior: of the true weights, ``rd.theory.MixturePrior``.
        compressor: what compresses the estimate, seeing nothing else. By default it is left as it is.

    Rates are the compressor's own, as with :class:`Shrunk`. The estimate follows from W, the prior, n, d, σ²
    and Σ; a decoder needs none of them.

    Example:
        >>> import ratedist as rd
        >>> prior = rd.theory.MixturePrior.two_level(1.0)
        >>> rd.PosteriorMean(prior, rd.KMeans(2)).compressor.num_clusters
        2
    """

    prior: MixturePrior
    compressor: Compressor = dataclasses.field(default_factory=ERM)

    markov = True
    needs = frozenset[str]()

    def __post_init__(self) -> None:
        require_mixture(self.prior)
        require_blind(self.compressor)

    def prepare(self, model: LinearModel) -> PreparedPosteriorMean:
        """Nodes for g; Σ must be diagonal and σ² above 0."""
        one = single_output("the posterior mean E[w*|W]", model)
        nu, d = one.degrees_of_freedom, one.d
        unit = weight_noise_unit(one)
        low, high = np.log(chi_square_quantiles(CUT_OFF, nu))
        wanted = (high - low) / np.sqrt(2 / (nu + d)) * NODES_PER_DEVIATION
        log_g = np.linspace(low, high, NODES_TOGETHER * int(wanted // NODES_TOGETHER + 1))
        arrays = (
            log_g, nu / 2 * log_g - np.exp(log_g) / 2, unit, np.log(self.prior.probabilities),
            self.prior.means, self.prior.variances,
        )  # fmt: skip
        dtype = jnp.result_type(float)
        return PreparedPosteriorMean(
            self.compressor.prepare(model), *(jnp.asarray(one, dtype) for one in arrays)
        )

    def heavy_tailed(self, model: LinearModel) -> frozenset[str]:
        """None for spikes alone, between which the estimate stays; else all, for caution."""
        if not any(self.prior.variances):
            return frozenset()
        return following_weights(model, *RISK_NAMES)

    def fixed_rates(self, model: LinearModel) -> dict[str, float]:
        """Those of the other compressor."""
        return self.compressor.fixed_rates(model)

    def bounding_rates(self, model: LinearModel) -> dict[str, RateKind]:
        """The code lengths of the other compressor."""
        return code_lengths_only(self.compressor, model)


def require_blind(compressor: Any) -> None:
    """Refuse a compressor that sees more than the weights it is given."""
    check_declaration("compressor", compressor)
    if compressor.needs or not compressor.markov:
        raise ValueError(
            "compressor must see nothing but the weights it is given, such as rd.KMeans(2), "
            f"got {compressor!r:.80}"
        )


def code_lengths_only(compressor: Compressor, model: LinearModel) -> dict[str, RateKind]:
    """The rates that bound H(Ŵ) whatever the weights were."""
    kinds = bounding_rates("compressor", compressor, model)
    return {rate: kind for rate, kind in kinds.items() if kind == "code_length"}


@register_record
@dataclasses.dataclass(frozen=True, eq=False)
class PreparedShrunk:
    """A :class:`Shrunk` compressor with its factor as a traced scalar."""

    compressor: PreparedCompressor
    factor: jax.Array

    def compress(self, key: jax.Array, weights: jax.Array, context: Context) -> Compressed:
        """Compress the shrunk weights."""
        return self.compressor.compress(key, self.factor * weights, context)


@register_record
@dataclasses.dataclass(frozen=True, eq=False)
class PreparedPosteriorMean:
    """A :class:`PosteriorMean` with nodes in ln g ``(G,)``, variances at g = 1 ``(d,)``, a prior ``(K,)``."""

    compressor: PreparedCompressor
    log_g: jax.Array
    log_law: jax.Array
    unit: jax.Array
    log_probabilities: jax.Array
    means: jax.Array
    variances: jax.Array

    def compress(self, key: jax.Array, weights: jax.Array, context: Context) -> Compressed:
        """Compress the posterior mean."""
        return self.compressor.compress(key, self.estimate(weights), context)

    def estimate(self, weights: jax.Array) -> jax.Array:
        """E[w*|W], shape ``(d,)``, node by node with the largest weight so far as the unit."""

        prior = (self.log_probabilities, self.means, self.variances)

        def add(state: tuple[jax.Array, ...], node: tuple[jax.Array, jax.Array]) -> tuple[Any, None]:
            largest, total, estimate = state
            log_g, log_law = node
            log_prior, means, spread = (one[None, :] for one in prior)
            variance = spread + (self.unit * jnp.exp(-log_g))[:, None]
            deviation = weights[:, None] - means
            log_terms = log_prior - jnp.log(variance) / 2 - deviation**2 / (2 * variance)
            of_all = jax.nn.logsumexp(log_terms, axis=1, keepdims=True)
            mean = jnp.sum(jnp.exp(log_terms - of_all) * (means + spread / variance * deviation), axis=1)
            log_weight = log_law + jnp.sum(of_all)
            peak = jnp.maximum(largest, log_weight)
            old, new = jnp.exp(largest - peak), jnp.exp(log_weight - peak)
            return (peak, old * total + new, old * estimate + new * mean), None

        start = (jnp.asarray(-jnp.inf, weights.dtype), jnp.zeros((), weights.dtype), jnp.zeros_like(weights))
        (_, total, estimate), _ = jax.lax.scan(add, start, (self.log_g, self.log_law))
        return estimate / total
