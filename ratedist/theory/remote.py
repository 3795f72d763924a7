r"""Remote source coding of the true weights: the encoder sees W, what matters is w*.

``E L_μ(Ŵ) = σ² + E‖Ŵ − w*‖²_Σ``. Whatever the rate, the best encoder first estimates w* and then codes the
estimate. In the coordinates Σ^{1/2}w* the noise of ERM is white, of variance σ²/(n − d − 1), so that it and
any prior covariance are diagonal in one basis. W is multivariate t: given g ~ χ²_ν its noise is Gaussian,
with variance σ²/g.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from ratedist import _checks
from ratedist.linear_model.model import GaussianLinearModel, require_model
from ratedist.theory.erm import erm_weight_variance
from ratedist.theory.mixture_prior import MixturePrior, log_marginal_density, posterior_mean
from ratedist.theory.sources.water_filling import water_filling_at_rate

# Tails of the law of g given W beyond e^−TAIL are left out.
TAIL = 37.0
# Nodes per standard deviation of ln g; the trapezoidal rule of a Gaussian errs by e^{−2π²·4} there.
NODES_PER_DEVIATION = 2.0
# Numbers that are held at once.
CHUNK = 1 << 22


def shrinkage_factor(model: GaussianLinearModel) -> float:
    """``b = ‖w*‖²_Σ/(‖w*‖²_Σ + dσ²/(n − d − 1))``, the best number to multiply ERM's weights by.

    It minimises the population risk of bW exactly: only the second moments of W enter. A prior with
    E‖w*‖²_Σ in place of ‖w*‖²_Σ gives the number that is best in the mean over w*.

    Args:
        model: the linear model, n > d + 1.

    Returns:
        b in [0, 1]; 1 without noise and 0 for w* = 0.

    Raises:
        ValueError: n <= d + 1; neither signal nor noise, where every number is as good.

    Source: ``E‖bW − w*‖²_Σ = (1 − b)²‖w*‖²_Σ + b²dσ²/(n − d − 1)``, from Cov W = σ²Σ⁻¹/(n − d − 1).

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50, separation=0.5))
        >>> round(rd.theory.shrinkage_factor(model), 4)
        0.6444
    """
    require_model(model)
    noise = model.d * erm_weight_variance(model)
    signal = float(model.squared_norm(model.w_star))
    if signal + noise == 0:
        raise ValueError("w* = 0 without noise is 0 whatever it is multiplied by: no factor is best")
    return signal / (signal + noise)


def shrunk_population_risk(model: GaussianLinearModel, factor: ArrayLike) -> np.ndarray:
    """``E L_μ(bW) = σ² + (1 − b)²‖w*‖²_Σ + b²dσ²/(n − d − 1)``, exactly, in units of the loss.

    Args:
        model: the linear model, n > d + 1.
        factor: b, any shape.

    Returns:
        The shape of ``factor``; at the best factor ``σ² + bdσ²/(n − d − 1)``.

    Raises:
        ValueError: n <= d + 1, factors that are not finite.

    Source: Cov W = σ²Σ⁻¹/(n − d − 1), Entropy 2021, appendix C.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50, separation=0.5))
        >>> rd.theory.shrunk_population_risk(model, [0.0, 0.6444, 1.0]).round(4)
        array([4.125 , 2.1111, 2.7241])
    """
    require_model(model)
    b = _checks.real_array("factor", factor)
    noise = model.d * erm_weight_variance(model)
    return model.noise_variance + (1 - b) ** 2 * model.squared_norm(model.w_star) + b**2 * noise


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
    of information I(W; Ŵ) are enough for a risk of L(R): linear shrinkage and the Gaussian test channel have
    this distortion, and no more information. So L is an upper bound on the optimum, exact only in the
    Gaussian approximation of W under a Gaussian prior; two levels can be far below it. It is a mean over w*
    drawn from the prior.

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
        array([4.125 , 3.0161, 2.1111])
    """
    require_model(model)
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


def remote_posterior_mean(model: GaussianLinearModel, weights: ArrayLike, prior: MixturePrior) -> np.ndarray:
    r"""``E[w*|W]``: the estimate of least population risk that can be made of W alone.

    Given g the weights are independent, W_i ~ N(w*_i, σ²/(gΣ_ii)), and have posterior means each for itself;
    these are averaged over the law of g given all weights, ``∝ g^{ν/2−1} e^{−g/2} Π_i p(W_i|g)``. It is not
    linear even for a Gaussian prior. The integral is a trapezoidal sum in ln g, exact to about ten digits.

    Args:
        model: says n, d, σ² > 0 and Σ, which must be diagonal; its w* is not used.
        weights: W, shape ``(..., d)``.
        prior: of every single weight.

    Returns:
        The shape of ``weights``.

    Raises:
        ValueError: Σ with correlations, where the weights are not independent given g; σ² = 0; other shapes.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=20, w_star=rd.two_level_weights(4))
        >>> prior = rd.theory.MixturePrior.two_level(1.0)
        >>> rd.theory.remote_posterior_mean(model, [0.9, -0.1, 1.2, -0.8], prior).round(3)
        array([ 1.   , -0.716,  1.   , -1.   ])
    """
    unit = weight_noise_unit(model)
    W = _checks.real_array("weights", weights)
    if W.shape[-1:] != (model.d,):
        raise ValueError(f"weights must have last axis of length d = {model.d}, got shape {W.shape}")
    vectors = W.reshape(-1, model.d)
    estimates = np.empty_like(vectors)
    for row, one in enumerate(vectors):
        log_g = _log_precisions(model, prior, one)
        estimates[row] = _averaged(model, prior, one, unit, log_g)
    return estimates.reshape(W.shape)


def weight_noise_unit(model: GaussianLinearModel) -> np.ndarray:
    """``σ²/Σ_ii``, the variance of each weight's noise at g = 1, shape ``(d,)``; Σ must be diagonal."""
    require_model(model)
    sigma = np.asarray(model.covariance)
    if sigma.ndim == 2:
        raise ValueError(
            "the posterior mean coordinate by coordinate needs a diagonal covariance: with correlated inputs "
            "the weights are not independent given g"
        )
    if model.noise_variance == 0:
        raise ValueError("noise_variance must be above zero: without noise W = w* needs no estimate, got 0")
    return np.broadcast_to(model.noise_variance / sigma, (model.d,))


def _averaged(
    model: GaussianLinearModel, prior: MixturePrior, W: np.ndarray, unit: np.ndarray, log_g: np.ndarray
) -> np.ndarray:
    """The posterior means of one vector at each ln g, averaged over its law given W."""
    nu = model.degrees_of_freedom
    step = max(1, CHUNK // (W.size * len(prior.means)))
    log_laws, means = [], []
    for start in range(0, log_g.size, step):
        t = log_g[start : start + step, None]
        v = unit * np.exp(-t)
        likelihood = np.sum(log_marginal_density(prior, W, v), axis=1)
        log_laws.append(likelihood + nu / 2 * t[:, 0] - np.exp(t[:, 0]) / 2)
        means.append(posterior_mean(prior, W, v))
    log_law = np.concatenate(log_laws)
    return np.exp(log_law - logsumexp(log_law)) @ np.concatenate(means)


def _log_precisions(model: GaussianLinearModel, prior: MixturePrior, W: np.ndarray) -> np.ndarray:
    """Nodes in ln g that hold its law given W, whatever W is.

    Given W and w* it is χ²_{ν+d}/(1 + Σ(W − w*)²Σ_ii/σ²), and w* is somewhere between making the sum 0 and
    having nothing to do with W. Below its scale the density falls as e^{νt/2}, above it as e^{−e^t/2}.
    """
    nu, d = model.degrees_of_freedom, model.d
    unit = weight_noise_unit(model)
    reach = np.abs(W[:, None] - np.asarray(prior.means)) + 8 * np.sqrt(np.asarray(prior.variances))
    farthest = 1 + np.sum(np.max(reach, axis=1) ** 2 / unit)
    low = np.log(nu) - np.log(farthest) - 2 * TAIL / nu
    high = np.log(nu + d + 2 * TAIL + 2 * np.sqrt(TAIL * (nu + d)))
    deviation = np.sqrt(2 / (nu + d))
    return np.linspace(low, high, int((high - low) / deviation * NODES_PER_DEVIATION) + 2)


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
