"""Closed-form bounds on the rate-distortion function of the ERM weights: the papers' and the tight ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import root_scalar
from scipy.special import gammaln, psi

from ratedist import _checks
from ratedist.linear_model.model import GaussianLinearModel, require_model
from ratedist.theory.numerics import exp_remainder

# Degrees of freedom from which differences of ln Γ lose more digits than its series leaves out.
STIRLING = 1000


def rate_distortion_bound(model: GaussianLinearModel, distortion: ArrayLike) -> np.ndarray:
    """Upper bound of the papers, ``R(D) ≤ (d/2) (ln(dσ²/((n − d − 1) D)))⁺``.

    Args:
        model: the linear model, n > d + 1.
        distortion: D ≥ 0, any shape, in units of the loss.

    Returns:
        Rate in nats for the whole weight vector, the shape of ``distortion``.

    Raises:
        ValueError: n <= d + 1, or a negative distortion.

    Source: Proposition 2, Entropy 2021 eq. (24); Theorem 4, AAAI 2020 eq. (22).
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
    """Upper bound of the papers, ``D(R) ≤ (dσ²/(n − d − 1)) exp(−2R/d)``.

    Args:
        model: the linear model, n > d + 1.
        rate: R ≥ 0, any shape, nats for the whole weight vector.

    Returns:
        Distortion in units of the loss, the shape of ``rate``. At R = 0 it is far from the truth dσ²/n
        (1.72414 against 0.625 at d = 50, n = 80): see :func:`distortion_rate_tight`.

    Raises:
        ValueError: n <= d + 1, or a negative rate.

    Source: Proposition 2, Entropy 2021 eq. (25); Theorem 4, AAAI 2020 eq. (23).
    """
    require_model(model)
    model.require_finite_risk("the papers' bound on D(R)")
    R = _checks.in_range("rate", rate)
    return model.d * model.noise_variance / (model.n - model.d - 1) * np.exp(-2 * R / model.d)


def rate_distortion_tight(model: GaussianLinearModel, distortion: ArrayLike) -> np.ndarray:
    """The papers' bound before its last relaxation, ``R(D) ≤ (d/2) ln(1 + dσ²/(mD) − n/m)``, m = n − d − 1.

    It is 0 for D ≥ dσ²/n, where it is exact, and nowhere above :func:`rate_distortion_bound`.

    Args:
        model: the linear model, n > d + 1.
        distortion: D ≥ 0, any shape, in units of the loss.

    Returns:
        Rate in nats for the whole weight vector, the shape of ``distortion``.

    Raises:
        ValueError: n <= d + 1, or a negative distortion.

    Source: Entropy 2021 eq. (A13), third line; docs/derivations.md §4.
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
    """Inverse of :func:`rate_distortion_tight`: ``D(R) ≤ dσ²/(n + (n − d − 1)(exp(2R/d) − 1))``.

    The oracle's channel traces it (its Gaussian rate on the abscissa). It is concave, hence improved by
    time sharing, below R = (d/2) ln((d + 1)/(n − d − 1)) when n < 2d + 2: see
    :func:`distortion_rate_envelope`.

    Args:
        model: the linear model, n > d + 1.
        rate: R ≥ 0, any shape, nats for the whole weight vector.

    Returns:
        Distortion in units of the loss, the shape of ``rate``.

    Raises:
        ValueError: n <= d + 1, or a negative rate.

    Source: docs/derivations.md §4.
    """
    require_model(model)
    model.require_finite_risk("the tight bound on D(R)")
    R = _checks.in_range("rate", rate)
    n, d, m = model.n, model.d, model.n - model.d - 1
    with np.errstate(over="ignore"):
        return d * model.noise_variance / (n + m * np.expm1(2 * R / d))


def distortion_rate_envelope(model: GaussianLinearModel, rate: ArrayLike) -> np.ndarray:
    """Lower convex envelope of :func:`distortion_rate_tight`: the tight bound with time sharing.

    D(R) is convex, so the convex envelope of an upper bound on it is an upper bound too. Where the
    tight curve starts concave (n < 2d + 2) the envelope is the chord from R = 0 to the rate at which
    the chord is tangent, and the curve itself beyond.

    Args and returns as :func:`distortion_rate_tight`.

    Source: docs/derivations.md §4.
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
    """Inverse of :func:`distortion_rate_envelope`; never above :func:`rate_distortion_tight`.

    Args and returns as :func:`rate_distortion_tight`.

    Source: docs/derivations.md §4.
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
    """Rate in nats below which time sharing beats the tight curve; 0 where that curve is convex.

    Root of ``D(R) − R D'(R) = D(0)`` beyond the inflection (d/2) ln((d + 1)/(n − d − 1)).
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


def zero_rate_distortion(model: GaussianLinearModel) -> float:
    """``D(0) = dσ²/n``: the distortion of sending nothing and reproducing w*. Exact for n ≥ d."""
    require_model(model)
    return model.d * model.noise_variance / model.n


def erm_gaussian_divergence(model: GaussianLinearModel) -> float:
    """``KL(P_W ‖ P_{W_G})`` in nats, W_G the Gaussian of the mean and covariance of W. Free of σ² and Σ.

    With ν = n − d + 1, W is multivariate t; its negative entropy is known and the cross entropy with a
    Gaussian of the same two moments is that Gaussian's entropy, (d/2) ln(2πe/(n − d − 1)).

    Raises:
        ValueError: n <= d + 1, where W has no covariance.

    Source: Entropy 2021 eq. (27), (A15); docs/derivations.md §4.
    """
    require_model(model)
    model.require_finite_risk("the divergence from a Gaussian of the same covariance")
    d, nu = model.d, model.degrees_of_freedom
    if nu >= STIRLING:
        # Stirling's series of ln Γ and ψ, its leading terms cancelled by hand.
        a, b = nu / 2, d / 2
        c = a + b
        return float(
            -b * np.log1p(-1 / a) - np.log1p(b / a) / 2 - b / (2 * a)
            + (1 / c - 1 / a) / 12 - c * (1 / a**2 - 1 / c**2) / 12
            + (1 / a**3 - 1 / c**3) / 360 + c * (1 / a**4 - 1 / c**4) / 120
        )  # fmt: skip
    # W = w* + σΣ^{-1/2} U, U of scale I/ν: density Γ((ν+d)/2)/(Γ(ν/2) π^{d/2}) (1+‖u‖²)^{-(ν+d)/2}.
    entropy = (
        gammaln(nu / 2) - gammaln((nu + d) / 2) + d / 2 * np.log(np.pi)
        + (nu + d) / 2 * (psi((nu + d) / 2) - psi(nu / 2))
    )  # fmt: skip
    return float(d / 2 * np.log(2 * np.pi * np.e / (nu - 2)) - entropy)


def remark2_lower_bound(model: GaussianLinearModel, distortion: ArrayLike) -> np.ndarray:
    """Remark 2's expression ``(d/2)(ln(dσ²/((n − d − 1)D)))⁺ − KL(P_W ‖ P_{W_G})``.

    A lower bound on R(D) for the distortion ‖ŵ − w‖²_Σ, in which the data's A/n is replaced by Σ; then it
    is a theorem (A17), up to the positive part. **For the distortion d_S of the model it is not a lower
    bound** at moderate n: at d = 50, n = 80, D = 0.402019 it reads 36.03 nats, and the oracle needs
    no more than 23.21 (the Gaussian bound on its rate).

    Args:
        model: the linear model, n > d + 1.
        distortion: D ≥ 0, any shape, in units of the loss.

    Returns:
        Nats for the whole weight vector, the shape of ``distortion``; may be negative.

    Raises:
        ValueError: n <= d + 1, or a negative distortion.

    Source: Remark 2, Entropy 2021 eq. (27); Remark 1, AAAI 2020 eq. (24).
    """
    require_model(model)
    return rate_distortion_bound(model, distortion) - erm_gaussian_divergence(model)
