"""How many nats a weight takes: under a prior at a step, and in two parts with the data's loss of rounding.

A weight is rounded to the grid δℤ and charged what the prior gives its cell. Rounding costs the data too:
where these fix the weight to within a standard deviation s (posterior N(μ, s²)), moving it by e makes them
e²/2s² nats longer. A fine step makes the weights long, a coarse one the data.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.theory.priors import Prior, go_together, positive_array, require_prior

# An exactly uniform rounding error has variance δ²/12.
UNIFORM = 12.0


def code_length(weights: ArrayLike, step: ArrayLike, prior: Prior) -> np.ndarray:
    """``−ln[F(w + δ/2) − F(w − δ/2)]`` of each weight: its exact length under a prior, F its distribution.

    On one grid the cells tile the line, so ``Σ exp(−length) = 1`` over δℤ, or over δℤ moved by any amount. An
    entropy coder attains these lengths to within two bits for all weights together. Weights that are on no
    grid have a length too, but no code is behind it: see :func:`round_to_grid`.

    Args:
        weights: w, any shape.
        step: δ > 0 of the grid, one number or a shape that goes with the weights.
        prior: :class:`GaussianPrior`, :class:`LaplacePrior` or :class:`TwoSpikePrior`, or what has their
            ``log_mass``.

    Returns:
        Nats, one number a weight. To rounding for intervals of any width at any distance: ∞ only
        where the length itself is above 1.8e308.

    Raises:
        ValueError: weights that are not finite, a step not above zero.

    Source: docs/description-length.md.

    Example:
        >>> import ratedist as rd
        >>> prior = rd.theory.GaussianPrior(1.0)
        >>> rd.theory.code_length([0.0, 1.0, -40.0], 0.25, prior).round(3)
        array([  2.308,   2.805, 799.613])
    """
    require_prior(prior, "log_mass")
    return -prior.log_mass(weights, step) + 0.0


def high_resolution_code_length(weights: ArrayLike, step: ArrayLike, prior: Prior) -> np.ndarray:
    """``−ln p(w) − ln δ`` of each weight: its length where the density is flat across a step.

    For N(0, τ²) it is ``w²/2τ² + ½ ln(2πτ²) − ln δ``: the L2 penalty and a constant.

    Args:
        weights: w, any shape.
        step: δ > 0 of the grid, one number or a shape that goes with the weights.
        prior: :class:`GaussianPrior`, :class:`LaplacePrior` or :class:`TwoSpikePrior`, or what has their
            ``log_density``.

    Returns:
        Nats, one number a weight; negative where δ is above 1/p(w), for which it is no code length.

    Raises:
        ValueError: weights that are not finite, a step not above zero.

    Source: docs/description-length.md.

    Example:
        >>> import ratedist as rd
        >>> prior = rd.theory.GaussianPrior(1.0)
        >>> rd.theory.high_resolution_code_length([0.0, 1.0, -40.0], 0.25, prior).round(3)
        array([  2.305,   2.805, 802.305])
    """
    require_prior(prior, "log_density")
    delta = positive_array("step", step)
    go_together(weights=_checks.real_array("weights", weights), step=delta)
    return -prior.log_density(weights) - np.log(delta)


def round_to_grid(weights: ArrayLike, step: ArrayLike) -> np.ndarray:
    """The nearest multiple of δ, of each weight; ties to the even one.

    Args:
        weights: w, any shape.
        step: δ > 0, one number or a shape that goes with the weights.

    Returns:
        ŵ, float64.

    Raises:
        ValueError: weights that are not finite, a step not above zero.

    Example:
        >>> import ratedist as rd
        >>> rd.theory.round_to_grid([0.3, -0.7, 2.0], 0.5)
        array([ 0.5, -0.5,  2. ])
    """
    w, delta = _checks.real_array("weights", weights), positive_array("step", step)
    go_together(weights=w, step=delta)
    with np.errstate(over="ignore", under="ignore"):
        rounded = delta * np.rint(w / delta)
    # A weight of 2^53 steps is a multiple in floating point as it is.
    return np.where(np.isfinite(rounded), rounded, w)


def rounding_cost(posterior_scale: ArrayLike, step: ArrayLike) -> np.ndarray:
    """``δ²/24s²``: the nats that the data lose by rounding a weight, on average at high resolution.

    Args:
        posterior_scale: s > 0, within which the data fix the weight.
        step: δ > 0 of the grid.

    Returns:
        Nats a weight, in the broadcast shape.

    Raises:
        ValueError: a scale or a step not above zero.

    Source: docs/description-length.md.

    Example:
        >>> import ratedist as rd
        >>> float(rd.theory.rounding_cost(0.1, rd.theory.optimal_step(0.1)).round(12))
        0.5
    """
    s, delta = positive_array("posterior_scale", posterior_scale), positive_array("step", step)
    go_together(posterior_scale=s, step=delta)
    with np.errstate(over="ignore", under="ignore"):
        return (delta / s) ** 2 / (2 * UNIFORM)


def optimal_step(posterior_scale: ArrayLike) -> np.ndarray:
    """``√12·s``: the step at which weights and rounding together are shortest, at high resolution.

    There rounding costs half a nat, whatever the prior. The error of rounding is as large as the posterior.
    Exact lengths are shortest within a hundredth of it for s ≤ τ/10, on average over weights of N(0, τ²).

    Args:
        posterior_scale: s > 0, within which the data fix the weight; any shape.

    Returns:
        δ of the same shape.

    Raises:
        ValueError: a scale not above zero.

    Source: docs/description-length.md.

    Example:
        >>> import ratedist as rd
        >>> float(rd.theory.optimal_step(0.1).round(4))
        0.3464
    """
    return np.sqrt(UNIFORM) * positive_array("posterior_scale", posterior_scale)


@dataclasses.dataclass(frozen=True, eq=False)
class TwoPartLength:
    """A rounded weight and what rounding costs the data, nats.

    Attributes:
        weight: the code length of the rounded weight.
        data: what the data's code length grows by.
    """

    weight: np.ndarray
    data: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """Both parts."""
        return self.weight + self.data


def two_part_length(
    weights: ArrayLike, posterior_scale: ArrayLike, step: ArrayLike, prior: Prior
) -> TwoPartLength:
    """Exact length of each weight rounded to δℤ, and the ``(ŵ − w)²/2s²`` nats that the data lose by it.

    Averaged over weights at high resolution these are the mean of :func:`high_resolution_code_length` and
    :func:`rounding_cost`, whose sum is least at :func:`optimal_step`.

    Args:
        weights: w, where the data's length is least; any shape.
        posterior_scale: s > 0, within which the data fix each weight; one number or a shape that goes with
            the weights.
        step: δ > 0 of the grid, one number or a shape that goes with the weights.
        prior: :class:`GaussianPrior`, :class:`LaplacePrior` or :class:`TwoSpikePrior`, or what has their
            ``log_mass``.

    Returns:
        :class:`TwoPartLength`, nats, in the broadcast shape.

    Raises:
        ValueError: weights that are not finite, a scale or a step not above zero.

    Source: docs/description-length.md.

    Example:
        >>> import ratedist as rd
        >>> length = rd.theory.two_part_length(1.2, 0.1, 0.5, rd.theory.GaussianPrior(1.0))
        >>> float(length.weight.round(3)), float(length.data.round(3)), float(length.total.round(3))
        (2.112, 2.0, 4.112)
    """
    w, s = _checks.real_array("weights", weights), positive_array("posterior_scale", posterior_scale)
    require_prior(prior, "log_mass")
    rounded = round_to_grid(w, step)
    go_together(weights=rounded, posterior_scale=s)
    with np.errstate(over="ignore", under="ignore"):
        data = ((rounded - w) / s) ** 2 / 2
    return TwoPartLength(*np.broadcast_arrays(code_length(rounded, step, prior), data))
