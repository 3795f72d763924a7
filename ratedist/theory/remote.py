r"""Remote source coding of the true weights: the encoder sees W, what matters is w*.

``E L_μ(Ŵ) = σ² + E‖Ŵ − w*‖²_Σ``. Whatever the rate, the best encoder first estimates w* and then codes the
estimate: here are the estimates. W is multivariate t: given g ~ χ²_ν its noise is Gaussian, with variance
σ²/g. What the estimate costs in bits is in :mod:`ratedist.theory.sources.remote_weights`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from ratedist import _checks
from ratedist.linear_model.model import GaussianLinearModel, require_model, require_signal
from ratedist.theory.erm import erm_weight_variance
from ratedist.theory.mixture_prior import (
    MixturePrior,
    log_marginal_density,
    posterior_mean,
    require_mixture,
)

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
    require_signal(model)
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
    require_signal(model)
    b = _checks.real_array("factor", factor)
    noise = model.d * erm_weight_variance(model)
    return model.noise_variance + (1 - b) ** 2 * model.squared_norm(model.w_star) + b**2 * noise


def remote_posterior_mean(model: GaussianLinearModel, weights: ArrayLike, prior: MixturePrior) -> np.ndarray:
    r"""``E[w*|W]``: the estimate of least population risk that can be made of W alone.

    Given g the weights are independent, W_i ~ N(w*_i, σ²/(gΣ_ii)), and have posterior means each for itself.
    These are averaged over the law of g given all weights, ``∝ g^{ν/2−1} e^{−g/2} Π_i p(W_i|g)``. It is not
    linear even for a Gaussian prior. The integral is a trapezoidal sum in ln g, exact to about ten digits.

    Args:
        model: says n, d, σ² > 0 and Σ, which must be diagonal; its w* is not used.
        weights: W, shape ``(..., d)``.
        prior: of every single weight.

    Returns:
        The shape of ``weights``.

    Raises:
        ValueError: Σ with correlations, where the weights are not independent given g; σ² = 0; other shapes;
            a prior of another kind.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=20, w_star=rd.two_level_weights(4))
        >>> prior = rd.theory.MixturePrior.two_level(1.0)
        >>> rd.theory.remote_posterior_mean(model, [0.9, -0.1, 1.2, -0.8], prior).round(3)
        array([ 1.   , -0.763,  1.   , -1.   ])
    """
    require_mixture(prior)
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
