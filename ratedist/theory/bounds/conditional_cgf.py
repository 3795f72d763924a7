r"""The conditional-CGF bound on the generalisation error: no compactness, only the law of the loss variance.

Given ŵ, a fresh loss is ``σ_ℓ² χ²_1`` with ``σ_ℓ² = ‖ŵ − w*‖²_Σ + σ²`` (Entropy 2021, appendix B).
Donsker–Varadhan applied for each ŵ, then averaged over Ŵ, bounds gen by

    B(λ) = [η + λ E σ_ℓ² − ½ E ln(1 + 2λσ_ℓ²)] / λ     for every λ > 0,  η = R/n

(λ here is −λ of the papers). Every λ gives a valid bound; the least of them is the one wanted. Derivation:
docs/bounds.md §2.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import root_scalar

from ratedist import _checks
from ratedist.linear_model.model import GaussianLinearModel, require_model
from ratedist.theory.numerics import exp_remainder, log_slope_root

# A loss variance may fall below σ² by rounding only.
VARIANCE_TOLERANCE = 1e-9
PROBABILITY_TOLERANCE = 1e-9
# Beyond a slope of e^700 the product form no longer changes and floats overflow.
LARGEST_LOG_SLOPE = 700.0


@dataclasses.dataclass(frozen=True)
class CgfBound:
    """An upper bound on the generalisation error, minimised over the slope λ > 0.

    From samples, ``value`` estimates B(``slope``) without bias for a slope chosen on other samples. So its
    expectation is a valid bound and never below the infimum.

    Attributes:
        value: the bound in units of the loss.
        slope: the λ it is taken at; 0 at rate 0, infinite at an infinite one.
        sem: standard error of ``value`` in units of the loss; 0 for quadrature nodes.
    """

    value: float
    slope: float
    sem: float


def conditional_cgf_bound(
    model: GaussianLinearModel, rate: ArrayLike, loss_variance: ArrayLike, weights: ArrayLike | None = None
) -> CgfBound:
    """The sharpest bound on gen: ``inf_{λ>0} [η + λ E σ_ℓ² − ½ E ln(1 + 2λσ_ℓ²)]/λ``, η = R/n.

    It is nowhere above :func:`exact_cgf_bound`, and needs no compact reproduction set.

    Args:
        model: the linear model; supplies n, and σ² to check ``loss_variance`` against.
        rate: R ≥ 0 in nats, an upper bound on I(W; Ŵ). Beside samples also one value a sample, shape
            ``(m,)``, whose expectation is that bound, such as the code length of each trial.
        loss_variance: σ_ℓ² = ‖Ŵ − w*‖²_Σ + σ², that is the population risk of each reproduction, shape
            ``(m,)``: independent samples, or quadrature nodes if ``weights`` is given.
        weights: probabilities of the nodes, shape ``(m,)``, summing to 1. Without them the samples are
            split: λ is chosen on the first half and B(λ) averaged over the second.

    Returns:
        :class:`CgfBound`. Its standard error presumes Var σ_ℓ² < ∞ (for ERM-like tails n > d + 3).

    Raises:
        ValueError: negative rate, σ_ℓ² below σ² or not finite, fewer than 4 samples, weights that are
            negative or do not sum to 1.

    Source: docs/bounds.md §2.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> variance, weights = rd.theory.oracle_loss_variance(model, 0.5)
        >>> rate = rd.theory.oracle_rate(model, 0.5)
        >>> round(rd.theory.conditional_cgf_bound(model, rate, variance, weights).value, 3)
        1.277
    """
    eta, s, w = _checked(model, rate, loss_variance, weights)
    return _minimised(s, w, eta, conditional_log_slope, conditional_terms)


def conditional_cgf_relaxation(
    model: GaussianLinearModel, rate: ArrayLike, loss_variance: ArrayLike, weights: ArrayLike | None = None
) -> CgfBound:
    """``gen ≤ 2√(E[σ_ℓ⁴] η)``, η = R/n: the conditional-CGF bound with (A6) in place of (A5), for comparison.

    Being ``inf_λ [η/λ + λ E σ_ℓ⁴]``, it is estimated as :func:`conditional_cgf_bound` is.

    Args:
        model: the linear model; supplies n, and σ² to check ``loss_variance`` against.
        rate: R ≥ 0 in nats, an upper bound on I(W; Ŵ). Beside samples also one value a sample, shape
            ``(m,)``, whose expectation is that bound, such as the code length of each trial.
        loss_variance: σ_ℓ² = ‖Ŵ − w*‖²_Σ + σ², that is the population risk of each reproduction, shape
            ``(m,)``: independent samples, or quadrature nodes if ``weights`` is given.
        weights: probabilities of the nodes, shape ``(m,)``, summing to 1. Without them the samples are
            split: λ is chosen on the first half and B(λ) averaged over the second.

    Returns:
        :class:`CgfBound`, never below that of :func:`conditional_cgf_bound` on the same nodes.

    Raises:
        ValueError: negative rate, σ_ℓ² below σ² or not finite, fewer than 4 samples, weights that are
            negative or do not sum to 1.

    Source: docs/bounds.md §2.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> variance, weights = rd.theory.oracle_loss_variance(model, 0.5)
        >>> rate = rd.theory.oracle_rate(model, 0.5)
        >>> round(rd.theory.conditional_cgf_relaxation(model, rate, variance, weights).value, 3)
        2.049
    """
    eta, s, w = _checked(model, rate, loss_variance, weights)
    return _minimised(s, w, eta, _quadratic_log_slope, _quadratic_terms)


def product_cgf_bound(
    model: GaussianLinearModel, rate: ArrayLike, loss_variance: ArrayLike, weights: ArrayLike
) -> CgfBound:
    """``gen ≤ inf_{λ>0} [η + λ E σ_ℓ² + ln E (1 + 2λσ_ℓ²)^{−1/2}]/λ``, η = R/n: an older form, to compare.

    The cumulant of the loss under the product of the laws of Ŵ and Z. Never below
    :func:`conditional_cgf_bound` (Jensen). It takes quadrature nodes only, because the logarithm of a
    sample mean is biased towards too small a bound.

    Args:
        model: the linear model; supplies n, and σ² to check ``loss_variance`` against.
        rate: R ≥ 0 in nats, an upper bound on I(W; Ŵ).
        loss_variance: quadrature nodes for σ_ℓ² = ‖Ŵ − w*‖²_Σ + σ², shape ``(m,)``.
        weights: probabilities of the nodes, shape ``(m,)``, summing to 1.

    Returns:
        :class:`CgfBound` with ``sem`` 0.

    Raises:
        ValueError: negative rate, σ_ℓ² below σ² or not finite, weights that are missing, negative or do not
            sum to 1.

    Source: Bu, Zou & Veeravalli, IEEE JSAIT 1 (2020) 121–130, Theorem 1, with Σ_i I(Ŵ; Z_i) ≤ I(Ŵ; S).

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> variance, weights = rd.theory.oracle_loss_variance(model, 0.5)
        >>> rate = rd.theory.oracle_rate(model, 0.5)
        >>> round(rd.theory.product_cgf_bound(model, rate, variance, weights).value, 3)
        1.278
    """
    per_sample, s, w = _checked(model, rate, loss_variance, weights)
    if w is None:
        raise ValueError("weights must be given: the product form has no unbiased estimate from samples")
    eta = float(per_sample)
    start = conditional_log_slope(s, w, eta)
    if np.isinf(start):
        return CgfBound(float(w @ conditional_terms(s, start, eta)), _slope(start), 0.0)

    def excess(x: float) -> float:  # of λh′ − h over η, where B(λ) = (η + h(λ))/λ; increasing
        z = _log_terms(s, x)
        y, centred = -np.expm1(-z), (w @ z - z) / 2
        tilted = w @ (np.expm1(centred) * (y - w @ y)) / (w @ np.exp(centred))
        return float(w @ exp_remainder(-z) / 2 - tilted / 2 - _jensen_gap(z, w) - eta)

    low = high = start
    while excess(low) > 0:
        low -= 1.0
    while excess(high) < 0 and high < LARGEST_LOG_SLOPE:
        high += 1.0
    x = root_scalar(excess, bracket=(low, high), xtol=1e-10).root if excess(high) > 0 else high
    correction = _jensen_gap(_log_terms(s, x), w) * np.exp(-x)
    return CgfBound(float(w @ conditional_terms(s, x, eta) + correction), _slope(x), 0.0)


def _jensen_gap(z: np.ndarray, w: np.ndarray) -> float:
    """``ln E e^{−z/2} + E z/2`` ≥ 0, without cancellation."""
    return float(np.log1p(w @ exp_remainder((w @ z - z) / 2)))


def _minimised(
    s: np.ndarray,
    w: np.ndarray | None,
    eta: np.ndarray,
    log_slope: Callable[[np.ndarray, np.ndarray, float], float],
    terms: Callable[[np.ndarray, float, np.ndarray], np.ndarray],
) -> CgfBound:
    """B at its best slope, or, for samples, at the best slope of the first half averaged over the second."""
    if w is not None:
        x = log_slope(s, w, float(eta))
        return CgfBound(float(w @ terms(s, x, eta)), _slope(x), 0.0)
    first, second = s[: s.size // 2], s[s.size // 2 :]
    etas = np.broadcast_to(eta, s.shape)
    x = log_slope(first, np.full(first.size, 1 / first.size), float(etas[: first.size].mean()))
    values = terms(second, x, etas[first.size :])
    if np.any(np.isinf(values)):  # a first half without any rate says nothing about a second with some
        return CgfBound(np.inf, _slope(x), np.inf)
    return CgfBound(float(values.mean()), _slope(x), float(values.std(ddof=1) / np.sqrt(values.size)))


def _slope(x: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.exp(x))


def conditional_log_slope(s: np.ndarray, w: np.ndarray, eta: float) -> float:
    """ln λ at the infimum: the root of ``E[ln(1 + t) − t/(1 + t)] = 2η``, t = 2λσ_ℓ², increasing in λ."""
    present = s[(s > 0) & (w > 0)]
    if eta == 0:
        return -np.inf
    if np.isinf(eta) or present.size == 0:
        return np.inf
    eta = max(eta, np.finfo(np.float64).tiny)  # a slope that is not the best still gives a bound

    def excess(x: float) -> float:
        return float(np.log(max(w @ exp_remainder(-_log_terms(s, x)), np.finfo(np.float64).tiny) / (2 * eta)))

    def single(rate_per_sample: float, variance: float) -> float:  # the root if σ_ℓ² were one number
        z = float(log_slope_root(rate_per_sample))
        return z + np.log(-np.expm1(-z)) - np.log(2 * variance)

    low = single(eta, present.max()) - 1e-9
    high = single(eta / w[s > 0].sum(), present.min()) + 1e-9
    return root_scalar(excess, bracket=(low, high), xtol=1e-12).root


def conditional_terms(s: np.ndarray, x: float, eta: ArrayLike) -> np.ndarray:
    """``η/λ + σ_ℓ² − ln(1 + 2λσ_ℓ²)/(2λ)`` for each σ_ℓ², λ = eˣ: their mean is B(λ)."""
    if np.isinf(x):
        return s if x > 0 else np.where(np.asarray(eta) > 0, np.inf, np.zeros_like(s))
    z = _log_terms(s, x)
    small = z < 1
    near, far = np.where(small & (z > 0), z, 1.0), np.where(small, 1.0, z)
    with np.errstate(over="ignore"):
        t = np.expm1(near), np.expm1(far)
    gain = np.where(small, np.where(z > 0, exp_remainder(near) / t[0], 0.0), 1 - far / t[1])
    return np.asarray(eta) * np.exp(-x) + s * gain


def _quadratic_log_slope(s: np.ndarray, w: np.ndarray, eta: float) -> float:
    scale = float(s.max())
    if scale == 0:
        return np.inf
    with np.errstate(divide="ignore"):
        fourth = float(w @ (s / scale) ** 2)
        return float(np.log(eta) - np.log(fourth)) / 2 - float(np.log(scale)) if fourth > 0 else np.inf


def _quadratic_terms(s: np.ndarray, x: float, eta: ArrayLike) -> np.ndarray:
    if np.isinf(x):
        return np.where(s > 0, x, 0.0) if x > 0 else np.where(np.asarray(eta) > 0, np.inf, np.zeros_like(s))
    return np.asarray(eta) * np.exp(-x) + (np.exp(x) * s) * s


def _log_terms(s: np.ndarray, x: float) -> np.ndarray:
    """``z = ln(1 + 2λσ_ℓ²)`` at λ = eˣ."""
    with np.errstate(divide="ignore"):
        return np.logaddexp(0.0, x + np.log(2 * s))


def _checked(
    model: GaussianLinearModel, rate: ArrayLike, loss_variance: ArrayLike, weights: ArrayLike | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """η, one number or one a sample, σ_ℓ² and the weights, if any."""
    require_model(model)
    R = _checks.in_range("rate", rate)
    s = _checks.real_array("loss_variance", loss_variance)
    if R.ndim != 0 and (weights is not None or R.shape != s.shape):
        raise ValueError(
            "rate must be one number, as the law of σ_ℓ² changes with it, or one for each of the samples "
            f"loss_variance, got shape {R.shape}"
        )
    if s.ndim != 1 or s.size == 0:
        raise ValueError(f"loss_variance must have shape (m,) with m >= 1, got shape {s.shape}")
    if s.min() < model.noise_variance * (1 - VARIANCE_TOLERANCE) or s.min() < 0:
        raise ValueError(
            "loss_variance must be ‖ŵ − w*‖²_Σ + σ² and so at least the noise variance "
            f"{model.noise_variance:g}, got {s.min():g}"
        )
    if weights is None:
        if s.size < 4:
            raise ValueError(f"loss_variance needs at least 4 samples to be split in two, got {s.size}")
        return R / model.n, s, None
    w = _checks.in_range("weights", weights, high=1.0)
    if w.shape != s.shape or abs(w.sum() - 1) > PROBABILITY_TOLERANCE:
        raise ValueError(
            f"weights must be probabilities of shape {s.shape} summing to 1, "
            f"got shape {w.shape} summing to {w.sum():g}"
        )
    return R / model.n, s, w / w.sum()
