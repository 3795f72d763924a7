r"""What a compressor gains that sees the data: rates given the Gram matrix, and what the Gram matrix tells.

Let ``R_S(D) = min I(S; Ŵ)`` over all compressors that may look at the data S, not at W alone. A compressor
that weighs errors by the Hessian is one: the distortion d_S is the quadratic form of A = XXᵀ. Since (W, A)
is enough for d_S, with D₀ = dσ²/n

    (d/2) ln⁺(D₀/D)  =  R_{W|A}(D)  ≤  R_S(D)  ≤  R(D).

On the left encoder and decoder know A: the source is then white in the metric of A, at every A alike.
On the right neither uses it: Markov compressors S → W → Ŵ, whose exact curve is ``rate_at_distortion``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import root_scalar
from scipy.special import digamma, gammaln

from ratedist import _checks
from ratedist.linear_model.model import GaussianLinearModel, require_model
from ratedist.theory.exact.closed_bracket import RateBracket, rate_distortion_bracket
from ratedist.theory.wishart import wishart_eigenvalue_quadrature

# From here on the series below err by less than 10⁻¹⁷.
LEAST_SERIES = 40.0
# Relative distortions below are those of this one and (d/2) ln of the ratio, to the last digit.
LEAST_RELATIVE = 1e-290


def rate_given_gram(model: GaussianLinearModel, distortion: ArrayLike) -> np.ndarray:
    """``R_{W|A}(D) = (d/2) ln⁺(dσ²/(nD))``: the rate where encoder and decoder both know the Gram matrix.

    No compressor of any kind, data-aware or not, needs fewer nats: it is a lower bound on R_S(D) and R(D).

    Args:
        model: the linear model, any n ≥ d, σ² > 0.
        distortion: D above zero in units of the loss, any shape.

    Returns:
        Nats for the whole weight vector, the shape of ``distortion``.

    Raises:
        ValueError: σ² = 0, or a distortion that is not positive.

    Source: docs/bounds.md §7.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> rd.theory.rate_given_gram(model, [0.025664, 0.402018]).round(3)
        array([79.817, 11.031])
    """
    relative = _relative_distortion(model, distortion)
    return np.maximum(-model.d / 2 * np.log(relative), 0.0)


def data_aware_rate_bound(model: GaussianLinearModel, distortion: ArrayLike) -> np.ndarray:
    r"""Upper bound on R_S(D): the encoder alone knows the Gram matrix, reproductions are N(w*, τ²Σ⁻¹).

    At every A the encoder uses the test channel that is best for A at one slope λ. With a the eigenvalues of
    Σ^{-1/2}AΣ^{-1/2}/n, t = 2λτ², σ²/n as the unit of distortion and the best τ² at each λ,

    .. math:: R(t) = E\sum_i\Bigl[\tfrac12\ln(1+ta_i) - \tfrac12\tfrac{ta_i}{1+ta_i}
              + \lambda\tfrac{ta_i}{(1+ta_i)^2}\Bigr],\qquad
              D(t) = E\sum_i\Bigl[\tfrac{ta_i}{2\lambda(1+ta_i)} + \tfrac1{(1+ta_i)^2}\Bigr],
    .. math:: \lambda(t) = E\sum_i\tfrac{a_i}{1+ta_i}\Big/2\,E\sum_i\tfrac{a_i}{(1+ta_i)^2}.

    Args:
        model: the linear model, any n ≥ d, d ≤ 5000, σ² > 0.
        distortion: D above zero in units of the loss, any shape.

    Returns:
        Nats for the whole weight vector, the shape of ``distortion``; 0 from D₀ = dσ²/n on. It may be above
        the Markov curve R(D), which is an upper bound too: see :func:`data_aware_bracket`.

    Raises:
        ValueError: σ² = 0, d above 5000, or a distortion that is not positive.

    Source: docs/bounds.md §7.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> rd.theory.data_aware_rate_bound(model, [0.025664, 0.402018]).round(2)
        array([92.89, 12.23])
    """
    relative = _relative_distortion(model, distortion)
    nodes, weights = wishart_eigenvalue_quadrature(model.d, model.n)
    weights *= model.d / weights.sum()
    nodes *= model.d / (weights @ nodes)  # the mean of a is one, which D₀ rests on
    rates = np.zeros(relative.shape)
    for index in np.ndindex(relative.shape):
        if relative[index] < 1:
            reached = max(float(relative[index]), LEAST_RELATIVE)
            rates[index] = _rate_of_channel(nodes, weights, model.d * reached)
            rates[index] += model.d / 2 * np.log(reached / relative[index])
    # Near D₀ the two are nearer to each other than a sum over thousands of nodes tells.
    return np.maximum(rates, rate_given_gram(model, distortion))


def data_aware_bracket(model: GaussianLinearModel, distortion: ArrayLike) -> RateBracket:
    """Closed bounds from both sides on R_S(D), the least rate of compressors that see the data.

    ``(d/2) ln⁺(D₀/D) ≤ R_S(D) ≤ R(D) ≤ (d/2) ln(1 + (n/(n − d − 1))(D₀/D − 1))``, D₀ = dσ²/n. The upper
    side here is the least of :func:`data_aware_rate_bound` and of the closed bounds on R(D), among them the
    last. This is the true statement where Remark 2 has a lower bound that fails: see
    :func:`remark2_lower_bound`.

    Args:
        model: the linear model, any n ≥ d, d ≤ 5000, σ² > 0.
        distortion: D above zero in units of the loss, any shape.

    Returns:
        ``(lower, upper)``, nats for the whole weight vector, each of the shape of ``distortion``.

    Raises:
        ValueError: σ² = 0, d above 5000, or a distortion that is not positive.

    Source: docs/bounds.md §7.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> lower, upper = rd.theory.data_aware_bracket(model, [0.025664, 0.402018])
        >>> lower.round(2), upper.round(2)
        (array([79.82, 11.03]), array([92.89, 12.23]))
    """
    markov = rate_distortion_bracket(model, distortion)
    aware = data_aware_rate_bound(model, distortion)
    # The same logarithm on both sides, so that they are ordered to the last digit near D₀.
    lower = rate_given_gram(model, distortion)
    return RateBracket(lower, np.maximum(np.minimum(aware, markov.upper), lower))


def gram_information(model: GaussianLinearModel) -> float:
    r"""``I(W; A)`` in nats: what the estimated weights tell of the Gram matrix A = XXᵀ.

    .. math:: I(W; A) = h(U) - \tfrac d2\ln 2\pi e + \tfrac12 E\ln|A|,\qquad
              E\ln|A| = \sum_{i<d}\psi\bigl(\tfrac{n-i}2\bigr) + d\ln 2,

    U = W − w* at Σ = I and σ = 1, which is multivariate t. At high rate R_S(D) approaches
    (d/2) ln(D₀/D) + I(W; A), and the Markov curve R(D) more: the difference is what seeing the data is worth.

    Args:
        model: the linear model, any n ≥ d. The information is free of w*, σ² > 0 and Σ.

    Raises:
        ValueError: σ² = 0.

    Source: docs/bounds.md §7.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> round(rd.theory.gram_information(model), 4)
        14.4711
    """
    _require_noise(model)
    # h(U) and E ln|A| telescope over x = (n − d + 1)/2, …, n/2 into terms that are all small.
    i = np.arange(model.d)
    x = (model.n - model.d + 1 + i) / 2
    return float(np.sum(_telescoped(x) + (model.d - i) / 2 * _digamma_half_rise(x)))


def data_aware_gain(model: GaussianLinearModel) -> float:
    r"""What seeing the data is worth at high rate: ``lim_{D→0} [R(D) − R_S(D)]`` in nats, Markov against all.

    The high-rate constant of the exact curve R(D), less that of R_S(D), which is :func:`gram_information`.
    Given W the Gram matrix is Wishart of n + 1 degrees of freedom, and the difference is

    .. math:: \tfrac12\bigl(\ln|E[A\mid W]| - E[\ln|A|\mid W]\bigr)
              = \tfrac12\sum_{j<d}\bigl[\ln\tfrac{n+1}2 - \psi\bigl(\tfrac{n+1-j}2\bigr)\bigr].

    Args:
        model: the linear model, any n ≥ d. The gain is free of w*, σ² > 0 and Σ.

    Raises:
        ValueError: σ² = 0.

    Source: docs/bounds.md §7.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> round(rd.theory.data_aware_gain(model), 3)
        10.352
    """
    _require_noise(model)
    j = np.arange(model.d)
    # Each term as two that are above zero.
    fallen = -np.log1p(-j / (model.n + 1))
    return float(np.sum(fallen + _log_less_digamma((model.n + 1 - j) / 2)) / 2)


def _telescoped(x: np.ndarray) -> np.ndarray:
    """``ψ(x)/2 − [ln Γ(x + ½) − ln Γ(x)] + x[ψ(x + ½) − ψ(x)] − ½``."""
    return _with_series(
        x,
        lambda x: digamma(x) / 2 - (gammaln(x + 0.5) - gammaln(x)) + x * _digamma_half_rise(x) - 0.5,
        # Stirling's series of the four terms; those in ln x and in 1/x cancel.
        (0, 0, -1 / 24, -1 / 48, 1 / 240, 3 / 320, -1 / 504, -17 / 1792, 1 / 480),
    )


def _digamma_half_rise(x: np.ndarray) -> np.ndarray:
    """``ψ(x + ½) − ψ(x)``."""
    series = (0, 1 / 2, 1 / 8, 0, -1 / 64, 0, 1 / 128, 0, -17 / 2048)
    return _with_series(x, lambda x: digamma(x + 0.5) - digamma(x), series)


def _log_less_digamma(x: np.ndarray) -> np.ndarray:
    """``ln x − ψ(x)``."""
    series = (0, 1 / 2, 1 / 12, 0, -1 / 120, 0, 1 / 252, 0, -1 / 240)
    return _with_series(x, lambda x: np.log(x) - digamma(x), series)


def _with_series(
    x: np.ndarray, direct: Callable[[np.ndarray], np.ndarray], coefficients: tuple[float, ...]
) -> np.ndarray:
    """A function of x > 0 as it is written, and where that cancels by its series in 1/x."""
    series = np.polynomial.polynomial.polyval(1 / np.maximum(x, LEAST_SERIES), coefficients)
    return np.where(x < LEAST_SERIES, direct(np.minimum(x, LEAST_SERIES)), series)


def _rate_of_channel(a: np.ndarray, weights: np.ndarray, distortion: float) -> float:
    """R(t) at the t with D(t) = ``distortion`` (unit σ²/n), by bisection in ln t; a has mean one."""

    def at(log_t: float) -> tuple[float, float]:
        x = np.exp(log_t) * a
        kept = 1 / (1 + x)
        sent = x * kept
        slope = (weights @ sent) / (2 * (weights @ (sent * kept)))
        rate = weights @ (0.5 * (np.log1p(x) - sent) + slope * sent * kept)
        return float(rate), float(weights @ (sent / (2 * slope) + kept**2))

    low = high = 0.0
    while at(low)[1] < distortion and low > -60.0:
        low -= 2.0
    while at(high)[1] > distortion:
        high += 2.0
    if at(low)[1] <= distortion:  # nearer to D₀ than floating point tells
        return at(low)[0]
    found = root_scalar(lambda log_t: at(log_t)[1] - distortion, bracket=(low, high), xtol=1e-13)
    return at(float(found.root))[0]


def _relative_distortion(model: GaussianLinearModel, distortion: ArrayLike) -> np.ndarray:
    _require_noise(model)
    D = _checks.in_range("distortion", distortion, open_low=True)
    return D / (model.d * model.noise_variance / model.n)


def _require_noise(model: GaussianLinearModel) -> None:
    require_model(model)
    if model.noise_variance <= 0:
        raise ValueError("noise_variance must be above zero: without noise W is w*, got 0")
