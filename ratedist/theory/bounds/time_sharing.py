"""The tight bound on the rate–distortion function with time sharing: its convex envelope."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import root_scalar

from ratedist import _checks
from ratedist.linear_model.model import GaussianLinearModel, require_model
from ratedist.theory.bounds.rate_distortion import distortion_rate_tight, rate_distortion_tight
from ratedist.theory.numerics import exp_remainder


def distortion_rate_envelope(model: GaussianLinearModel, rate: ArrayLike) -> np.ndarray:
    """Upper bound on D(R) with time sharing: the lower convex envelope of :func:`distortion_rate_tight`.

    D(R) is convex, so the convex envelope of an upper bound on it is an upper bound too. For n < 2d + 2 the
    tight curve starts concave. The envelope is then the chord from R = 0 to the rate at which the chord is
    tangent, and the curve itself beyond.

    Args:
        model: the linear model, n > d + 1.
        rate: R ≥ 0 in nats for the whole weight vector, any shape.

    Returns:
        Distortion in units of the loss, the shape of ``rate``.

    Raises:
        ValueError: n <= d + 1, or a negative rate.

    Source: docs/derivations.md §4.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> rd.theory.distortion_rate_envelope(model, [0.0, 20.0]).round(4)
        array([0.625 , 0.4327])
    """
    require_model(model)
    R = _checks.in_range("rate", rate)
    tight = distortion_rate_tight(model, R)
    tangent = time_sharing_rate(model)
    if tangent == 0:
        return tight
    start, end = distortion_rate_tight(model, np.array([0.0, tangent]))
    return np.where(tangent > R, start + (end - start) * np.minimum(R, tangent) / tangent, tight)


def rate_distortion_envelope(model: GaussianLinearModel, distortion: ArrayLike) -> np.ndarray:
    """Upper bound on R(D) with time sharing: the inverse of :func:`distortion_rate_envelope`.

    It is nowhere above :func:`rate_distortion_tight`.

    Args:
        model: the linear model, n > d + 1.
        distortion: D ≥ 0 in units of the loss, any shape.

    Returns:
        Rate in nats for the whole weight vector, the shape of ``distortion``.

    Raises:
        ValueError: n <= d + 1, or a negative distortion.

    Source: docs/derivations.md §4.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> rd.theory.rate_distortion_envelope(model, [0.1, 0.402, 0.625]).round(2)
        array([68.49, 23.21,  0.  ])
    """
    require_model(model)
    D = _checks.in_range("distortion", distortion)
    tight = rate_distortion_tight(model, D)
    tangent = time_sharing_rate(model)
    if tangent == 0 or model.noise_variance == 0:
        return tight
    start, end = distortion_rate_tight(model, np.array([0.0, tangent]))
    return np.where(end < D, tangent * (start - np.minimum(D, start)) / (start - end), tight)


def time_sharing_rate(model: GaussianLinearModel) -> float:
    """Rate in nats below which time sharing beats the tight curve; 0 where that curve is convex (n ≥ 2d + 2).

    The root of ``D(R) − R D'(R) = D(0)`` beyond the inflection (d/2) ln((d + 1)/(n − d − 1)), D(R) as in
    :func:`distortion_rate_tight`.

    Args:
        model: the linear model, n > d + 1.

    Raises:
        ValueError: n <= d + 1.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> round(rd.theory.time_sharing_rate(model), 2)
        21.11
    """
    require_model(model)
    model.require_finite_risk("the tight bound on D(R)")
    n, d, m = model.n, model.d, model.n - model.d - 1
    if n >= 2 * d + 2:
        return 0.0

    # x = 2R/d; D is proportional to 1/(n + m expm1(x)). In this form nothing cancels where x is small.
    def chord_above_tangent(x: float) -> float:
        return float(n * exp_remainder(-x) - 4 * m * np.sinh(x / 2) ** 2)

    inflection = np.log((d + 1) / m)
    upper = inflection + 1.0
    while chord_above_tangent(upper) > 0:
        upper += 1.0
    return d / 2 * float(root_scalar(chord_above_tangent, bracket=(inflection, upper), xtol=1e-14).root)
