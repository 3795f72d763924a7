r"""The true weights as a remote source: population risk against rate, for who sees ERM's weights.

In the coordinates Σ^{1/2}w* the noise of ERM is white, of variance σ²/(n − d − 1). So it and any covariance
of w* are diagonal in one basis, and reverse water-filling over the estimates' variances is all there is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.linear_model.model import GaussianLinearModel, require_signal
from ratedist.theory.erm import erm_weight_variance
from ratedist.theory.sources.water_filling import water_filling_at_rate


def remote_population_risk(
    model: GaussianLinearModel, rate: ArrayLike, prior_covariance: ArrayLike | None = None
) -> np.ndarray:
    r"""Population risk against rate of the best code for w*, given ERM's W alone, if all were Gaussian.

    With P_i the eigenvalues of ``Σ^{1/2} E[w*w*ᵀ] Σ^{1/2}`` and ``N = σ²/(n − d − 1)``,

    .. math:: L(R) = σ² + \sum_i \frac{P_i N}{P_i + N} + D_v(R),

    D_v the distortion–rate function of a Gaussian with variances ``v_i = P_i²/(P_i + N)``, the estimates:
    reverse water-filling. For Σ = I and prior N(0, τ²I) it is ``σ² + d·D(R/d)`` of
    :func:`remote_gaussian_distortion`.

    The Gaussian case is the worst one. Under any prior with these second moments, and for W as it is, R nats
    of I(W; Ŵ) are enough for a risk of L(R). Linear shrinkage and the Gaussian test channel have this
    distortion, and no more information. So L is an upper bound on the optimum, exact only in the Gaussian
    approximation of W under a Gaussian prior. Two levels can be far below it. It is a mean over w* drawn from
    the prior.

    Args:
        model: the linear model, n > d + 1; its own w* enters only if ``prior_covariance`` is not given.
        rate: R ≥ 0 in nats for the whole vector, any shape.
        prior_covariance: E[w*w*ᵀ] as a number (multiple of the identity), shape ``(d,)`` (diagonal) or
            ``(d, d)`` (symmetric, positive definite); ``None`` for ``‖w*‖²/d`` times the identity.

    Returns:
        Population risk in units of the loss, the shape of ``rate``.

    Raises:
        ValueError: n <= d + 1, R < 0, a covariance of another kind.

    Source: Dobrushin & Tsybakov 1962; Wolf & Ziv 1970; reverse water-filling, CT06, Theorem 10.3.3.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50, separation=0.5))
        >>> rd.theory.remote_population_risk(model, [0.0, 20.0, np.inf]).round(4)
        array([4.125 , 3.016 , 2.1111])
    """
    require_signal(model)
    N = erm_weight_variance(model)
    R = _checks.in_range("rate", rate)
    P = _prior_variances(model, prior_covariance)
    lost = np.sum(np.where(P > 0, P * (N / np.where(P > 0, P + N, 1.0)), 0.0))
    estimated = P - np.where(P > 0, P * (N / np.where(P > 0, P + N, 1.0)), 0.0)
    if not np.any(estimated > 0):
        return np.full(R.shape, model.noise_variance + lost)
    finite = np.isfinite(R)
    coded = np.asarray(water_filling_at_rate(estimated, np.where(finite, R, 0.0)).distortion)
    return model.noise_variance + lost + np.where(finite, coded, 0.0)


def _prior_variances(model: GaussianLinearModel, prior_covariance: ArrayLike | None) -> np.ndarray:
    """Eigenvalues of ``Σ^{1/2} C Σ^{1/2}``, shape ``(d,)``: those of ``LᵀCL`` for Σ = LLᵀ."""
    d, factor = model.d, model.covariance_cholesky
    if prior_covariance is None:
        C = np.asarray(np.sum(model.w_star**2) / d)
    else:
        C = _checks.real_array("prior_covariance", prior_covariance)
        if C.shape not in ((), (d,), (d, d)):
            raise ValueError(
                f"prior_covariance must be a number or have shape ({d},) or ({d}, {d}), got {C.shape}"
            )
    if C.ndim < 2:
        if np.any(C < 0):
            raise ValueError(f"prior_covariance must be at least 0, its smallest entry is {np.min(C):g}")
        if factor.ndim < 2:
            return np.broadcast_to(C * factor**2, (d,))
        return np.linalg.eigvalsh(factor.T @ (np.broadcast_to(C, (d,))[:, None] * factor)).clip(0.0)
    # The linear model knows which matrices are covariances, and says in words which are not.
    C = np.asarray(GaussianLinearModel(d, np.zeros(d), covariance=C).covariance)
    L = factor if factor.ndim == 2 else np.diag(np.broadcast_to(factor, (d,)))
    return np.linalg.eigvalsh(L.T @ C @ L).clip(0.0)
