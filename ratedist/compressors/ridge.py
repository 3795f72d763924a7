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
from ratedist.compressors.loss_directions import LossDirections
from ratedist.compressors.precision import traced_number
from ratedist.linear_model.base import LinearModel
from ratedist.linear_model.multi_output import MultiOutputLinearModel
from ratedist.pytrees import register_record

# Eigenvalues of MΓ that differ by less, relatively, are equal.
NOISE_TOLERANCE = 1e-9


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

    Of several outputs A is M ⊗ A: ``tr M(W − V)A(W − V)ᵀ + λ‖V‖²`` is least at V = W_λ. If M is the noise
    precision, this is Bayes' estimate for the prior N(0, I/λ), and the posterior variance is 1.

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
    needs = frozenset({"input_hessian"})

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

    def prepare(self, model: LinearModel) -> PreparedRidge:
        """All numbers become traced values: a sweep of penalties compiles once."""
        s2, tau2 = self.posterior_variance, self.prior_variance
        if s2 is not None and tau2 is None:
            tau2 = s2 / self.penalty
        return PreparedRidge(
            traced_number("penalty / n", self.penalty / model.n),
            None if s2 is None else traced_number("posterior_variance / n", s2 / model.n),
            None if tau2 is None else traced_number("prior_variance", tau2),
            LossDirections.of(model),
        )

    def heavy_tailed(self, model: LinearModel) -> frozenset[str]:
        """None with λ > 0, where ‖W_λ − w*‖ is at most ``‖w*‖ + ‖A^{−½}Xε‖/(2√λ)``; without as for ERM.

        The spread of a sample is s²A⁻¹ at λ = 0, with noise in the labels or without.
        """
        risks = ("population_risk", "generalization_error")
        if self.penalty > 0:
            return frozenset()
        return following_weights(model, *risks) if self.posterior_variance is None else frozenset(risks)

    def fixed_rates(self, model: LinearModel) -> dict[str, float]:
        """None: the cost follows the data."""
        return {}

    def bounding_rates(self, model: LinearModel) -> dict[str, RateKind]:
        """``bits_back`` of a sample, whose mean is at least I(S; Ŵ): ``E KL(P_{Ŵ|S} ‖ Q)``, Q the prior."""
        return {} if self.posterior_variance is None else {"bits_back": "data_information"}


@register_record
@dataclasses.dataclass(frozen=True, eq=False)
class PreparedRidge:
    """A :class:`Ridge` with λ/n, s²/n and τ² as traced scalars, the latter two for a sample alone."""

    penalty: jax.Array
    posterior_variance: jax.Array | None
    prior_variance: jax.Array | None
    loss: LossDirections | None = None

    def compress(self, key: jax.Array, weights: jax.Array, context: Context) -> Compressed:
        """Shrink; draw if asked, and count."""
        mean, factor = _shrunk(weights, context, self.penalty, self.loss)
        if self.posterior_variance is None or self.prior_variance is None:
            return Compressed(_as_weights(mean, self.loss), {})
        d = weights.shape[0]
        noise = _times(factor, jax.random.normal(key, mean.shape, weights.dtype))
        share, rows = self.posterior_variance / self.prior_variance, mean.size // factor[..., 0].size
        logs = jnp.log(jnp.diagonal(factor, axis1=-2, axis2=-1))
        spread = share * rows * jnp.sum(factor**2) - d - d * jnp.log(share) - 2 * rows * jnp.sum(logs)
        cost = (spread + jnp.sum(mean**2) / self.prior_variance) / 2
        sample = mean + jnp.sqrt(self.posterior_variance) * noise
        return Compressed(_as_weights(sample, self.loss), {"bits_back": cost})


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

    Of several outputs A is M ⊗ A, as for :class:`Ridge`. By default τ² is c/λ where MΓ = cI, so 1/λ for the
    noise precision M = Γ⁻¹; for any other loss it has to be given.

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
    needs = frozenset({"input_hessian"})

    def __post_init__(self) -> None:
        _checked_penalty(self.penalty)
        _checks.positive_number("step", self.step)
        if self.prior_variance is not None:
            _checks.positive_number("prior_variance", self.prior_variance)
        elif self.penalty == 0:
            raise ValueError("prior_variance must be given at penalty 0, got None")

    def prepare(self, model: LinearModel) -> PreparedQuantizedRidge:
        """All numbers become traced values: a sweep compiles once."""
        tau2 = self.prior_variance
        if tau2 is None:
            tau2 = _common_noise(model) / self.penalty
        return PreparedQuantizedRidge(
            traced_number("penalty / n", self.penalty / model.n),
            traced_number("step", self.step),
            traced_number("prior_variance's root", float(np.sqrt(tau2))),
            LossDirections.of(model),
        )

    def heavy_tailed(self, model: LinearModel) -> frozenset[str]:
        """None with λ > 0; without as for ERM: rounding moves no weight by more than half a step."""
        if self.penalty > 0:
            return frozenset()
        return following_weights(model, "population_risk", "generalization_error")

    def fixed_rates(self, model: LinearModel) -> dict[str, float]:
        """None: the length follows the data."""
        return {}

    def bounding_rates(self, model: LinearModel) -> dict[str, RateKind]:
        """The length under the prior."""
        return {"code_length": "code_length"}


@register_record
@dataclasses.dataclass(frozen=True, eq=False)
class PreparedQuantizedRidge:
    """A :class:`QuantizedRidge` with λ/n, δ and τ as traced scalars."""

    penalty: jax.Array
    step: jax.Array
    prior_scale: jax.Array
    loss: LossDirections | None = None

    def compress(self, key: jax.Array, weights: jax.Array, context: Context) -> Compressed:
        """Shrink, round, and count."""
        mean, _ = _shrunk(weights, context, self.penalty, self.loss)
        rounded = self.step * jnp.round(_as_weights(mean, self.loss) / self.step)
        return Compressed(
            rounded, {"code_length": -jnp.sum(gaussian_log_mass(rounded, self.step, self.prior_scale))}
        )


def _checked_penalty(penalty: float) -> None:
    _checks.number("penalty", penalty, high=np.finfo(np.float64).max)


def _common_noise(model: LinearModel) -> float:
    """The c of MΓ = cI; for one output it is σ²."""
    noise = model.bayes_risk
    if isinstance(model, MultiOutputLinearModel):
        spectrum = model.noise_spectrum
        if spectrum[0] - spectrum[-1] > NOISE_TOLERANCE * spectrum[0]:
            raise ValueError(
                "prior_variance must be given for a model whose loss_matrix is no multiple of the noise "
                "precision, got None"
            )
        noise = float(spectrum[0])
    if noise == 0:
        raise ValueError("prior_variance must be given for a model without noise, got None")
    return noise


def _shrunk(
    weights: jax.Array, context: Context, shift: jax.Array, loss: LossDirections | None
) -> tuple[jax.Array, jax.Array]:
    """W_λ, and the U of ``n(A + λI)⁻¹ = UUᵀ``; ``shift`` is λ/n. Of several outputs one of each a direction.

    The mean is then in the directions of the loss, shape ``(o, d)``, and the factors are ``(o, d, d)``, or
    ``(d, d)`` where all are equal.
    """
    hessian = context.input_hessian
    if hessian is None and loss is None:
        hessian = context.hessian  # with one output they are the same, and a context may have this one alone
    if hessian is None:
        raise ValueError("ridge needs context.input_hessian")
    if loss is None:
        return _shrunk_row(weights, hessian, shift)
    hessians = loss.hessians(hessian)
    axis = 0 if hessians.ndim == 3 else None
    one_row = jax.vmap(_shrunk_row, in_axes=(0, axis, None), out_axes=(0, axis))
    return one_row(loss.rows(weights), hessians, shift)


def _shrunk_row(weights: jax.Array, hessian: jax.Array, shift: jax.Array) -> tuple[jax.Array, jax.Array]:
    factor = inverse_factor(hessian + shift * jnp.eye(weights.shape[0], dtype=weights.dtype))
    # Each form cancels where the other does not: for a small penalty, and for a large one.
    little = weights - shift * (factor @ (factor.T @ weights))
    much = factor @ (factor.T @ (hessian @ weights))
    shrunk = jnp.where(shift <= jnp.mean(jnp.diag(hessian)), little, much)
    # Without a penalty the factor may not exist in single precision, and is not needed.
    return jnp.where(shift == 0, weights, shrunk), factor


def _times(factor: jax.Array, rows: jax.Array) -> jax.Array:
    """``Uv`` of each row v by its factor, or by the one of all."""
    if rows.ndim == 1:
        return factor @ rows
    return rows @ factor.T if factor.ndim == 2 else jnp.einsum("oij,oj->oi", factor, rows)


def _as_weights(rows: jax.Array, loss: LossDirections | None) -> jax.Array:
    return rows if loss is None else loss.weights(rows)
