"""Scalar quantisers whose code is agreed beforehand: nothing of them is computed from the weights."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from ratedist import _checks
from ratedist.codes.traced_masses import gaussian_log_mass
from ratedist.compressors.base import Compressed, Context, RateKind, following_weights
from ratedist.compressors.precision import traced_number
from ratedist.linear_model.base import LinearModel
from ratedist.linear_model.multi_output import MultiOutputLinearModel, single_output
from ratedist.pytrees import register_record
from ratedist.quantizers.designed import DesignedQuantizer, entropy_constrained_design
from ratedist.theory.mixture_prior import MixturePrior, require_mixture

# The number of levels is rounded up to a multiple of this.
LEVELS_TOGETHER = 64
# Up to so many weights comparing all with all is faster than sorting again.
FEW_WEIGHTS = 256


@dataclasses.dataclass(frozen=True)
class UniformQuantizer:
    """Every weight is rounded to the nearest multiple of a step: ``Ŵ = δ·round(W/δ)``.

    Args:
        step: δ above 0.
        prior_scale: τ above 0 of the code for N(0, τ²) that multiples are sent by; ``None`` for none.
        dithered: whether each weight's grid is moved by a uniform amount, drawn with the trial, that encoder
            and decoder both know. The error of rounding is then uniform and independent of the weight.
            Without it a grid that happens to have the true weights among its points does best.

    The rate ``assignment_entropy`` is d times the entropy of the multiples' frequencies in the trial, which
    no decoder knows. With ``prior_scale`` there is ``code_length``, the exact ``−Σ ln P(cell)`` under
    N(0, τ²). The decoder has δ and τ, so this is the length of a real code. With dither it is one given the
    dither, and its mean is still at least I(W; Ŵ).

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=20, w_star=rd.two_level_weights(4))
        >>> rd.UniformQuantizer(step=0.5, prior_scale=1.0).bounding_rates(model)
        {'code_length': 'code_length'}
    """

    step: float
    prior_scale: float | None = None
    dithered: bool = False

    markov = True
    needs = frozenset[str]()

    def __post_init__(self) -> None:
        _checks.positive_number("step", self.step)
        if self.prior_scale is not None:
            _checks.positive_number("prior_scale", self.prior_scale)
        if not isinstance(self.dithered, bool):
            raise ValueError(f"dithered must be True or False, got {self.dithered!r}")

    def prepare(self, model: LinearModel) -> PreparedUniform:
        """Any step serves any model; it becomes a traced value."""
        scale = None if self.prior_scale is None else traced_number("prior_scale", self.prior_scale)
        return PreparedUniform(traced_number("step", self.step), scale, self.dithered)

    def heavy_tailed(self, model: LinearModel) -> frozenset[str]:
        """The risks that follow ‖W‖²: rounding moves no weight by more than half a step."""
        return following_weights(model, "population_risk", "generalization_error")

    def fixed_rates(self, model: LinearModel) -> dict[str, float]:
        """None: each is counted in every trial."""
        return {}

    def bounding_rates(self, model: LinearModel) -> dict[str, RateKind]:
        """The length under the prior; with dither Ŵ is not discrete, and it bounds I(W; Ŵ) alone."""
        if self.prior_scale is None:
            return {}
        return {"code_length": "information" if self.dithered else "code_length"}


@register_record
@dataclasses.dataclass(frozen=True, eq=False)
class PreparedUniform:
    """A :class:`UniformQuantizer` with its step and the scale of its code as traced scalars."""

    step: jax.Array
    prior_scale: jax.Array | None
    dithered: bool = dataclasses.field(metadata={"static": True})

    def compress(self, key: jax.Array, weights: jax.Array, context: Context) -> Compressed:
        """Round, and count."""
        dither = jax.random.uniform(key, weights.shape, weights.dtype) if self.dithered else 0.0
        rounded = jnp.round(weights / self.step - dither)
        rates = {"assignment_entropy": entropy_of_values(rounded)}
        reconstruction = self.step * (rounded + dither)
        if self.prior_scale is not None:
            rates["code_length"] = -jnp.sum(gaussian_log_mass(reconstruction, self.step, self.prior_scale))
        return Compressed(reconstruction, rates)


def entropy_of_values(values: jax.Array) -> jax.Array:
    """d times the entropy of how often each value occurs among ``(d,)``, in nats and in their type."""
    counts = equal_counts(values).astype(values.dtype)  # of a quotient of integers of 32 bits JAX keeps 24
    return -jnp.sum(jnp.log(counts / values.size))


def equal_counts(values: jax.Array) -> jax.Array:
    """How often each value occurs among all, in ascending order of the values, shape ``(d,)``."""
    in_order, method = jnp.sort(values), "compare_all" if values.size <= FEW_WEIGHTS else "sort"
    first, after = (jnp.searchsorted(in_order, in_order, side, method=method) for side in ("left", "right"))
    return after - first


@dataclasses.dataclass(frozen=True)
class EntropyConstrained:
    """The entropy-constrained scalar quantiser for true weights of a known prior, seen as ERM's weights.

    It minimises ``E(w* − ŵ)² + λ·(nats)`` a weight over scalar quantisers with an ideal code. Its cells are
    intervals of W, its levels E[w*| cell]: it estimates and codes in one. The design takes the noise of a
    weight as Gaussian, of the variance σ²/(n − d − 1) that it has; risks and rates are simulated as they
    are.

    Args:
        multiplier: λ above 0, the squared error that one nat has to save, a weight.
        prior: of the true weights.

    Rate: ``code_length``, the sum of −ln P(cell) over the weights. Cells and probabilities follow from λ, the
        prior, n, d, σ² and Σ. The decoder has these too, so this is the length of a real code.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=20, w_star=rd.two_level_weights(4))
        >>> compressor = rd.EntropyConstrained(0.1, rd.theory.MixturePrior.two_level(1.0))
        >>> compressor.design(model).levels.round(3)
        array([-1.,  1.])
    """

    multiplier: float
    prior: MixturePrior

    markov = True
    needs = frozenset[str]()

    def __post_init__(self) -> None:
        _checks.positive_number("multiplier", self.multiplier)
        require_mixture(self.prior)

    def design(self, model: LinearModel) -> DesignedQuantizer:
        """Cells, levels and code lengths for this model.

        Raises:
            ValueError: n <= d + 1, no noise, or a Σ, or of several outputs a Γ, that is no multiple of the
                identity: one quantiser serves all weights.
        """
        model.require_finite_risk("the entropy-constrained quantiser's design")
        if isinstance(model, MultiOutputLinearModel) and model.num_outputs > 1:
            noise_name, noise = "noise_covariance", np.asarray(model.noise_covariance)
        else:
            noise_name, noise = "noise_variance", np.asarray(single_output("a design", model).noise_variance)
        sigma = np.asarray(model.covariance)
        for name, value in (("covariance", sigma), (noise_name, noise)):
            if value.ndim:
                raise ValueError(
                    f"{name} must be a multiple of the identity for one quantiser to serve all weights, "
                    f"got shape {value.shape}"
                )
        if noise == 0:
            raise ValueError(f"{noise_name} must be above zero: without noise W = w* is not seen remotely")
        variance = float(noise) / float(sigma) / (model.n - model.num_inputs - 1)
        return entropy_constrained_design(self.prior, variance, self.multiplier)

    def prepare(self, model: LinearModel) -> PreparedDesign:
        """Design for this model; padded, so that a sweep over λ compiles once, or a few times."""
        design = self.design(model)
        missing = -design.levels.size % LEVELS_TOGETHER
        dtype = jnp.result_type(float)
        return PreparedDesign(
            jnp.asarray(np.pad(design.thresholds, (0, missing), constant_values=np.inf), dtype),
            jnp.asarray(np.pad(design.levels, (0, missing)), dtype),
            jnp.asarray(np.pad(design.code_lengths, (0, missing)), dtype),
        )

    def heavy_tailed(self, model: LinearModel) -> frozenset[str]:
        """None: the reproduction is bounded, and the distortion with it."""
        return frozenset()

    def fixed_rates(self, model: LinearModel) -> dict[str, float]:
        """None: the length is counted in every trial."""
        return {}

    def bounding_rates(self, model: LinearModel) -> dict[str, RateKind]:
        """The length of a code that the decoder has."""
        return {"code_length": "code_length"}


@register_record
@dataclasses.dataclass(frozen=True, eq=False)
class PreparedDesign:
    """Thresholds ``(K − 1,)``, levels ``(K,)`` and code lengths ``(K,)`` as traced values."""

    thresholds: jax.Array
    levels: jax.Array
    code_lengths: jax.Array

    def compress(self, key: jax.Array, weights: jax.Array, context: Context) -> Compressed:
        """The level of each weight's cell; the lengths of their codewords."""
        labels = jnp.searchsorted(self.thresholds, weights, method="compare_all")
        return Compressed(self.levels[labels], {"code_length": jnp.sum(self.code_lengths[labels])})
