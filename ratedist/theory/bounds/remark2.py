"""What Remark 2 says, and how far the law of ERM's weights is from a Gaussian."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, psi

from ratedist.linear_model.model import GaussianLinearModel, require_model
from ratedist.theory.bounds.rate_distortion import rate_distortion_bound

# Degrees of freedom from which differences of ln Γ lose more digits than its series leaves out.
STIRLING = 1000


def erm_gaussian_divergence(model: GaussianLinearModel) -> float:
    """``KL(P_W ‖ P_{W_G})`` in nats, W_G the Gaussian of the mean and covariance of ERM's W.

    It is free of σ² and Σ. With ν = n − d + 1, W is multivariate t; its negative entropy is known. The cross
    entropy with a Gaussian of the same two moments is that Gaussian's entropy, (d/2) ln(2πe/(n − d − 1)).

    Args:
        model: the linear model, n > d + 1.

    Raises:
        ValueError: n <= d + 1, where W has no covariance.

    Source: Entropy 2021 eq. (27), (A15); docs/derivations.md §4.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> round(rd.theory.erm_gaussian_divergence(model), 3)
        0.365
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
    """Remark 2's expression ``(d/2)(ln(dσ²/((n − d − 1)D)))⁺ − KL(P_W ‖ P_{W_G})``; for d_S it is no bound.

    It is a lower bound on R(D) for the distortion ‖ŵ − w‖²_Σ, in which Σ replaces the data's A/n: theorem
    (A17), but for the positive part. **For the distortion d_S of the model it is not a lower bound** at
    moderate n. At d = 50, n = 80, D = 0.402019 it reads 36.03 nats. The Gaussian bound on the oracle's rate,
    which is enough for that D, is 23.21.

    Args:
        model: the linear model, n > d + 1.
        distortion: D ≥ 0 in units of the loss, any shape.

    Returns:
        Nats for the whole weight vector, the shape of ``distortion``; may be negative.

    Raises:
        ValueError: n <= d + 1, or a negative distortion.

    Source: Remark 2, Entropy 2021 eq. (27); Remark 1, AAAI 2020 eq. (24).

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> distortion = [0.402019]
        >>> rd.theory.remark2_lower_bound(model, distortion).round(2)
        array([36.03])
        >>> rd.theory.rate_distortion_tight(model, distortion).round(2)
        array([23.21])
    """
    require_model(model)
    return rate_distortion_bound(model, distortion) - erm_gaussian_divergence(model)
