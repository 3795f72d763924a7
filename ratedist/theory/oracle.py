r"""The oracle's test channel: its risks in closed form, and the Gaussian bound on its rate.

The channel knows w*: ``Ŵ = (1 − α)W + αw* + ξ``, ``ξ ~ N(0, (1 − α)(D/d) Σ⁻¹)``, ``α = nD/(dσ²)``
(Entropy 2021 eq. (26); AAAI 2020 eq. (25)). α = 1 sends nothing, α = 0 sends W itself.

With o outputs the channel is the same for all directions of the noise, ``ξ ~ N(0, (1 − α)(α/n) Γ ⊗ Σ⁻¹)``.
Risks have tr MΓ in the place of σ², and the Gaussian bound on the rate is o times as large.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.linear_model.base import LinearModel
from ratedist.linear_model.multi_output import require_linear_model


def oracle_alpha(model: LinearModel, distortion: ArrayLike) -> np.ndarray:
    """``α = nD/(dσ²)``, the parameter of the oracle's channel that has distortion D.

    Args:
        model: the linear model, σ² > 0.
        distortion: D from 0 to dσ²/n, any shape, in units of the loss.

    Returns:
        α in [0, 1], the shape of ``distortion``.

    Raises:
        ValueError: a distortion out of range, or σ² = 0.

    Source: Entropy 2021 eq. (26).

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> rd.theory.oracle_alpha(model, [0.0, 0.25, 0.625])
        array([0. , 0.4, 1. ])
    """
    require_linear_model(model)
    limit = oracle_distortion(model, 1.0)
    if limit == 0:
        raise ValueError("noise_variance must be above zero: without noise every α has distortion 0, got 0")
    D = _checks.in_range("distortion", distortion, high=float(limit))
    return D / limit


def oracle_distortion(model: LinearModel, alpha: ArrayLike) -> np.ndarray:
    """``E d_S = αdσ²/n``, the distortion of the oracle's channel, in units of the loss.

    Args:
        model: the Gaussian linear model, any n ≥ d.
        alpha: the share α in [0, 1] of the largest distortion dσ²/n, any shape: 1 sends nothing, 0 sends W
            itself.

    Raises:
        ValueError: α outside [0, 1].

    Source: Entropy 2021 eq. (A12).

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> rd.theory.oracle_distortion(model, [0.0, 0.5, 1.0])
        array([0.    , 0.3125, 0.625 ])
    """
    require_linear_model(model)
    a = _checks.in_range("alpha", alpha, high=1.0)
    return a * model.num_inputs * model.bayes_risk / model.n


def oracle_population_risk(model: LinearModel, alpha: ArrayLike) -> np.ndarray:
    """``E L_μ(Ŵ) = σ² + (1 − α)²dσ²/(n − d − 1) + α(1 − α)dσ²/n``, the oracle's population risk.

    Args:
        model: the linear model, n > d + 1 (any n ≥ d at α = 1, where Ŵ = w* and the risk is σ²).
        alpha: the share α in [0, 1] of the largest distortion dσ²/n, any shape: 1 sends nothing, 0 sends W
            itself.

    Returns:
        In units of the loss, the shape of ``alpha``.

    Raises:
        ValueError: α outside [0, 1], or n <= d + 1 with α < 1.

    Source: docs/derivations.md §3.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> rd.theory.oracle_population_risk(model, [0.0, 0.5, 1.0]).round(4)
        array([2.7241, 1.5873, 1.    ])
    """
    require_linear_model(model)
    a = _checks.in_range("alpha", alpha, high=1.0)
    n, d, s2 = model.n, model.num_inputs, model.bayes_risk
    return s2 + _passed_on(model, a, "the population risk of the oracle") + a * (1 - a) * d * s2 / n


def oracle_generalization_error(model: LinearModel, alpha: ArrayLike) -> np.ndarray:
    """``gen = (1 − α)²dσ²/(n − d − 1) + (1 − α²)dσ²/n``, the oracle's generalisation error.

    Args:
        model: the linear model, n > d + 1 (any n ≥ d at α = 1, where Ŵ = w* and the error is 0).
        alpha: the share α in [0, 1] of the largest distortion dσ²/n, any shape: 1 sends nothing, 0 sends W
            itself.

    Returns:
        In units of the loss, the shape of ``alpha``.

    Raises:
        ValueError: α outside [0, 1], or n <= d + 1 with α < 1.

    Source: docs/derivations.md §3.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> rd.theory.oracle_generalization_error(model, [0.1, 0.5, 1.0]).round(4)
        array([2.0153, 0.8998, 0.    ])
    """
    require_linear_model(model)
    a = _checks.in_range("alpha", alpha, high=1.0)
    n, d, s2 = model.n, model.num_inputs, model.bayes_risk
    return _passed_on(model, a, "the generalisation error of the oracle") + (1 - a) * (1 + a) * d * s2 / n


def _passed_on(model: LinearModel, a: np.ndarray, quantity: str) -> np.ndarray:
    """``(1 − α)²E‖W − w*‖²_Σ``: what the channel keeps of the error of W; nothing at α = 1."""
    if np.any(a < 1):
        model.require_finite_risk(quantity)
    return (1 - a) ** 2 * model.num_inputs * model.bayes_risk / max(model.n - model.num_inputs - 1, 1)


def oracle_gaussian_rate(model: LinearModel, alpha: ArrayLike) -> np.ndarray:
    """``(d/2) ln(1 + (1 − α)n/(α(n − d − 1)))`` nats, times o outputs: the oracle's rate if W were Gaussian.

    An upper bound on the rate, because the Gaussian maximises it at given covariance. For one output
    :func:`oracle_rate` has the rate itself.

    Args:
        model: the linear model, n > d + 1.
        alpha: the share α in [0, 1] of the largest distortion dσ²/n, any shape: 1 sends nothing, 0 sends W
            itself.

    Returns:
        Nats for the whole weight vector, the shape of ``alpha``; infinite at α = 0, zero at α = 1.

    Raises:
        ValueError: α outside [0, 1], or n <= d + 1.

    Source: Entropy 2021 eq. (A13), step (a), with D = αdσ²/n.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> rd.theory.oracle_gaussian_rate(model, [0.1, 0.643, 1.0]).round(2)
        array([81.29, 23.22,  0.  ])
    """
    require_linear_model(model)
    a = _checks.in_range("alpha", alpha, high=1.0)
    model.require_finite_risk("the Gaussian bound on the oracle's rate")
    free = model.n - model.num_inputs - 1
    with np.errstate(divide="ignore", over="ignore"):
        odds = (1 - a) * model.n / (a * free)
        # A subnormal α overflows the ratio, not its logarithm.
        logarithm = np.where(np.isinf(odds), np.log(model.n / free) - np.log(a), np.log1p(odds))
    return model.num_weights / 2 * logarithm
