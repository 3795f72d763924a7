"""Closed-form bounds on the rate-distortion function of the ERM weights: the papers' and the tight ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.linear_model.model import GaussianLinearModel, require_model


def rate_distortion_bound(model: GaussianLinearModel, distortion: ArrayLike) -> np.ndarray:
    """Upper bound of the papers on R(D), closed form: ``R(D) ≤ (d/2) (ln(dσ²/((n − d − 1) D)))⁺``.

    Args:
        model: the linear model, n > d + 1.
        distortion: D ≥ 0 in units of the loss, any shape.

    Returns:
        Rate in nats for the whole weight vector, the shape of ``distortion``.

    Raises:
        ValueError: n <= d + 1, or a negative distortion.

    Source: Proposition 2, Entropy 2021 eq. (24); Theorem 4, AAAI 2020 eq. (22).

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> rd.theory.rate_distortion_bound(model, [0.1, 0.402, 0.625]).round(2)
        array([71.18, 36.4 , 25.37])
    """
    require_model(model)
    model.require_finite_risk("the papers' bound on R(D)")
    D = _checks.in_range("distortion", distortion)
    if model.noise_variance == 0:
        return np.zeros(D.shape)
    scale = model.d * model.noise_variance / (model.n - model.d - 1)
    with np.errstate(divide="ignore"):
        return np.maximum(model.d / 2 * (np.log(scale) - np.log(D)), 0.0)


def distortion_rate_bound(model: GaussianLinearModel, rate: ArrayLike) -> np.ndarray:
    """Upper bound of the papers on D(R), closed form: ``D(R) ≤ (dσ²/(n − d − 1)) exp(−2R/d)``.

    Args:
        model: the linear model, n > d + 1.
        rate: R ≥ 0 in nats for the whole weight vector, any shape.

    Returns:
        Distortion in units of the loss, the shape of ``rate``. At R = 0 it is far from the truth dσ²/n
        (1.72414 against 0.625 at d = 50, n = 80): see :func:`distortion_rate_tight`.

    Raises:
        ValueError: n <= d + 1, or a negative rate.

    Source: Proposition 2, Entropy 2021 eq. (25); Theorem 4, AAAI 2020 eq. (23).

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> rd.theory.distortion_rate_bound(model, [0.0, 20.0]).round(4)
        array([1.7241, 0.7747])
    """
    require_model(model)
    model.require_finite_risk("the papers' bound on D(R)")
    R = _checks.in_range("rate", rate)
    return model.d * model.noise_variance / (model.n - model.d - 1) * np.exp(-2 * R / model.d)


def rate_distortion_tight(model: GaussianLinearModel, distortion: ArrayLike) -> np.ndarray:
    """Upper bound on R(D) in closed form, tighter than the papers': ``R(D) ≤ (d/2) ln(1 + dσ²/(mD) − n/m)``.

    With m = n − d − 1 it is the papers' bound before its last relaxation: 0 for D ≥ dσ²/n, where it is exact,
    and nowhere above :func:`rate_distortion_bound`. For the certified value of R(D) see
    :func:`rate_at_distortion`.

    Args:
        model: the linear model, n > d + 1.
        distortion: D ≥ 0 in units of the loss, any shape.

    Returns:
        An array: rate in nats for the whole weight vector, the shape of ``distortion``.

    Raises:
        ValueError: n <= d + 1, or a negative distortion.

    Source: Entropy 2021 eq. (A13), third line; docs/derivations.md §4.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> rd.theory.rate_distortion_tight(model, [0.1, 0.402, 0.625]).round(2)
        array([68.49, 23.21,  0.  ])
    """
    require_model(model)
    model.require_finite_risk("the tight bound on R(D)")
    D = np.minimum(_checks.in_range("distortion", distortion), zero_rate_distortion(model))
    n, d, m = model.n, model.d, model.n - model.d - 1
    if model.noise_variance == 0:
        return np.zeros(D.shape)
    with np.errstate(divide="ignore"):
        # ln(1 + (n/m)(D₀/D − 1)) with D₀ = dσ²/n: exactly 0 at D = D₀, where the printed form cancels.
        return d / 2 * np.log1p(n / m * (zero_rate_distortion(model) / D - 1))


def distortion_rate_tight(model: GaussianLinearModel, rate: ArrayLike) -> np.ndarray:
    """Upper bound on D(R) in closed form, an array: ``D(R) ≤ dσ²/(n + (n − d − 1)(exp(2R/d) − 1))``.

    The inverse of :func:`rate_distortion_tight`. It is not the exact curve: that is
    :func:`distortion_at_rate`. The oracle's channel traces it (its Gaussian rate on the abscissa). When n <
    2d + 2 it is concave, hence improved by time sharing, below R = (d/2) ln((d + 1)/(n − d − 1)): see
    :func:`distortion_rate_envelope`.

    Args:
        model: the linear model, n > d + 1.
        rate: R ≥ 0 in nats for the whole weight vector, any shape.

    Returns:
        An array: distortion in units of the loss, the shape of ``rate``.

    Raises:
        ValueError: n <= d + 1, or a negative rate.

    Source: docs/derivations.md §4.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> rd.theory.distortion_rate_tight(model, [0.0, 20.0]).round(4)
        array([0.625 , 0.4327])
    """
    require_model(model)
    model.require_finite_risk("the tight bound on D(R)")
    R = _checks.in_range("rate", rate)
    n, d, m = model.n, model.d, model.n - model.d - 1
    with np.errstate(over="ignore"):
        return d * model.noise_variance / (n + m * np.expm1(2 * R / d))


def zero_rate_distortion(model: GaussianLinearModel) -> float:
    """``D(0) = dσ²/n``: the distortion of sending nothing and reproducing w*, in units of the loss.

    Args:
        model: the linear model. The value is exact for every n ≥ d.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> rd.theory.zero_rate_distortion(model)
        0.625
    """
    require_model(model)
    return model.d * model.noise_variance / model.n
