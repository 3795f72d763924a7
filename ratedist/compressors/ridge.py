"""Ridge regression as a compressor: shrunken weights, a sample of their posterior, or rounded ones."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from ratedist import _checks
from ratedist.codes.traced_masses import gaussian_log_mass
from ratedist.compressors.base import Compressed, Context, RateKind, following_weights
from ratedist.compressors.inverse_factor import inverse_factor
from ratedist.linear_model.model import GaussianLinearModel


@dataclasses.dataclass(frozen=True)
class Ridge:
    """``W_λ = (A + λI)⁻¹XY = (A + λI)⁻¹AW``, or a sample of its posterior ``N(W_λ, s²(A + λI)⁻¹)``.

    Args:
        penalty: λ ≥ 0 on the scale of A = XXᵀ, which is n times the Hessian; 0 leaves W as it is.
        posterior_variance: s² > 0 for a sample of the posterior; the noise variance σ² makes it Bayes'.
            ``None`` is W_λ itself.
        prior_variance: τ² > 0 of the prior N(0, τ²I) that a sample is coded by; by default s²/λ, the prior
            that this posterior belongs to. It has to be given for a sample at λ = 0.

    Rates: a sample has ``bits_back``, ``KL(N(W_λ, s²(A + λI)⁻¹) ‖ N(0, τ²I))`` nats: what bits-back coding
    pays for it, net. Its mean is at least I(S; Ŵ), for every s² and τ² fixed before the data. W_λ itself is a
    vector of real numbers that follow the data one to one: I(S; W_λ) is infinite, and it has no rate.

    S → W → Ŵ does not hold, since Ŵ depends on A besides W. With λ > 0 all moments of all risks exist.

    Source: docs/description-length.md.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> rd.Ridge(rd.theory.ridge_best_penalty(model))
        Ridge(penalty=1.0, posterior_variance=None, prior_variance=None)
        >>> rd.Ridge(1.0, posterior_variance=1.0).bounding_rates(model)
        {'bits_back': 'data_information'}
    """

    penalty: float
    posterior_variance: float | None = None
    prior_variance: float | None = None

    markov = False
    needs = frozenset({"hessian"})

    def __post_init__(self) -> None:
        _checked_penalty(self.penalty)
        if self.prior_variance is not None:
            _checks.positive_number("prior_variance", self.prior_variance)
            if self.posterior_variance is None:
                raise ValueError("prior_variance is of a sample: give posterior_variance too, got None")
        if self.posterior_variance is not None:
            _checks.positive_number("posterior_variance", self.posterior_variance)
            if self.penalty == 0 and self.prior_variance is None:
                raise ValueError("prior_variance must be given for a sample at penalty 0, got None")

    def prepare(self, model: GaussianLinearModel) -> PreparedRidge:
        """All numbers become traced values: a sweep of penalties compiles once."""
        dtype = jnp.result_type(float)
        s2, tau2 = self.posterior_variance, self.prior_variance
        if s2 is not None and tau2 is None:
            tau2 = s2 / self.penalty
        return PreparedRidge(
            jnp.asarray(self.penalty / model.n, dtype),
            None if s2 is None else jnp.asarray(s2 / model.n, dtype),
            None if tau2 is None else jnp.asarray(tau2, dtype),
        )

    def heavy_tailed(self, model: GaussianLinearModel) -> frozenset[str]:
        """None with λ > 0, where ‖W_λ − w*‖ is at most ``‖w*‖ + ‖A^{−½}Xε‖/(2√λ)``; without as for ERM.

        The spread of a sample is s²A⁻¹ at λ = 0, with noise in the labels or without.
        """
        risks = ("population_risk", "generalization_error")
        if self.penalty > 0:
            return frozenset()
        return following_weights(model, *risks) if self.posterior_variance is None else frozenset(risks)

    def fixed_rates(self, model: GaussianLinearModel) -> dict[str, float]:
        """None: the cost follows the data."""
        return {}

    def bounding_rates(self, model: GaussianLinearModel) -> dict[str, RateKind]:
        """``bits_back`` of a sample, whose mean is at least I(S; Ŵ): ``E KL(P_{Ŵ|S} ‖ Q)``, Q the prior."""
        return {} if self.posterior_variance is None else {"bits_back": "data_information"}


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class PreparedRidge:
    """A :class:`Ridge` with λ/n, s²/n and τ² as traced scalars, the latter two for a sample alone."""

    penalty: jax.Array
    posterior_variance: jax.Array | None
    prior_variance: jax.Array | None

    def compress(self, key: jax.Array, weights: jax.Array, context: Context) -> Compressed:
        """Shrink; draw if asked, and count."""
        mean, factor = _shrunk(weights, context, self.penalty)
        if self.posterior_variance is None or self.prior_variance is None:
            return Compressed(mean, {})
        d = weights.shape[0]
        noise = factor @ jax.random.normal(key, (d,), weights.dtype)
        share = self.posterior_variance / self.prior_variance
        spread = share * jnp.sum(factor**2) - d - d * jnp.log(share) - 2 * jnp.sum(jnp.log(jnp.diag(factor)))
        cost = (spread + jnp.sum(mean**2) / self.prior_variance) / 2
        return Compressed(mean + jnp.sqrt(self.posterior_variance) * noise, {"bits_back": cost})


@dataclasses.dataclass(frozen=True)
class QuantizedRidge:
    """Ridge rounded to a grid: ``Ŵ = δ·round(W_λ/δ)``, sent by the code of a Gaussian prior.

    Args:
        penalty: λ ≥ 0 on the scale of A = XXᵀ, which is n times the Hessian; 0 rounds W.
        step: δ > 0.
        prior_variance: τ² > 0 of the prior N(0, τ²) that the grid is coded by. By default σ²/λ of the model,
            the prior whose posterior mean W_λ is: decoder and encoder are told σ², and nothing of w*.

    Rates: ``code_length``, the exact ``−Σ ln[Φ((ŵ + δ/2)/τ) − Φ((ŵ − δ/2)/τ)]`` nats. The cells tile the
    line, so this is the length of a real code, and its mean is at least H(Ŵ) ≥ I(S; Ŵ).

    S → W → Ŵ does not hold, since Ŵ depends on A besides W. With λ > 0 all moments of all risks exist.

    Source: docs/description-length.md.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> rd.QuantizedRidge(penalty=1.0, step=0.5).bounding_rates(model)
        {'code_length': 'code_length'}
    """

    penalty: float
    step: float
    prior_variance: float | None = None

    markov = False
    needs = frozenset({"hessian"})

    def __post_init__(self) -> None:
        _checked_penalty(self.penalty)
        _checks.positive_number("step", self.step)
        if self.prior_variance is not None:
            _checks.positive_number("prior_variance", self.prior_variance)
        elif self.penalty == 0:
            raise ValueError("prior_variance must be given at penalty 0, got None")

    def prepare(self, model: GaussianLinearModel) -> PreparedQuantizedRidge:
        """All numbers become traced values: a sweep compiles once."""
        dtype, tau2 = jnp.result_type(float), self.prior_variance
        if tau2 is None:
            if model.noise_variance == 0:
                raise ValueError("prior_variance must be given for a model without noise, got None")
            tau2 = model.noise_variance / self.penalty
        return PreparedQuantizedRidge(
            jnp.asarray(self.penalty / model.n, dtype),
            jnp.asarray(self.step, dtype),
            jnp.asarray(np.sqrt(tau2), dtype),
        )

    def heavy_tailed(self, model: GaussianLinearModel) -> frozenset[str]:
        """None with λ > 0; without as for ERM: rounding moves no weight by more than half a step."""
        if self.penalty > 0:
            return frozenset()
        return following_weights(model, "population_risk", "generalization_error")

    def fixed_rates(self, model: GaussianLinearModel) -> dict[str, float]:
        """None: the length follows the data."""
        return {}

    def bounding_rates(self, model: GaussianLinearModel) -> dict[str, RateKind]:
        """The length under the prior."""
        return {"code_length": "code_length"}


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class PreparedQuantizedRidge:
    """A :class:`QuantizedRidge` with λ/n, δ and τ as traced scalars."""

    penalty: jax.Array
    step: jax.Array
    prior_scale: jax.Array

    def compress(self, key: jax.Array, weights: jax.Array, context: Context) -> Compressed:
        """Shrink, round, and count."""
        mean, _ = _shrunk(weights, context, self.penalty)
        rounded = self.step * jnp.round(mean / self.step)
        return Compressed(
            rounded, {"code_length": -jnp.sum(gaussian_log_mass(rounded, self.step, self.prior_scale))}
        )


def _checked_penalty(penalty: float) -> None:
    _checks.number("penalty", penalty, high=np.finfo(np.float64).max)


def _shrunk(weights: jax.Array, context: Context, shift: jax.Array) -> tuple[jax.Array, jax.Array]:
    """W_λ, and the U of ``n(A + λI)⁻¹ = UUᵀ``; ``shift`` is λ/n."""
    hessian = context.hessian
    if hessian is None:
        raise ValueError("ridge needs context.hessian")
    factor = inverse_factor(hessian + shift * jnp.eye(weights.shape[0], dtype=weights.dtype))
    # Each form cancels where the other does not: for a small penalty, and for a large one.
    little = weights - shift * (factor @ (factor.T @ weights))
    much = factor @ (factor.T @ (hessian @ weights))
    shrunk = jnp.where(shift <= jnp.mean(jnp.diag(hessian)), little, much)
    # Without a penalty the factor may not exist in single precision, and is not needed.
    return jnp.where(shift == 0, weights, shrunk), factor
