r"""Textbook rate–distortion functions in closed form, for teaching and for testing. Rates in nats.

Sources without a closed form: :mod:`ratedist.theory.sources.discrete` (discrete) and
:mod:`ratedist.theory.sources.continuous` (uniform and Laplace, squared error). CT06 is Cover & Thomas,
*Elements of Information Theory*, 2nd edition; Berger is *Rate Distortion Theory* (1971).
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr

from ratedist import _checks

LARGEST = float(np.finfo(np.float64).max)


def bernoulli_rate(probability: float, distortion: ArrayLike) -> np.ndarray:
    """``R(D) = h(p) − h(D)`` for ``D < min(p, 1 − p)``, else 0: a biased coin under Hamming distortion.

    Args:
        probability: p in [0, 1].
        distortion: D ≥ 0, any shape, the fraction of wrong bits allowed.

    Returns:
        Nats a symbol, the shape of ``distortion``; 0.5310044 bit for p = ½, D = 0.1.

    Raises:
        ValueError: p outside [0, 1] or D < 0.

    Source: CT06, Theorem 10.3.1.
    """
    p = _checks.number("probability", probability, high=1.0)
    D = np.minimum(_checks.in_range("distortion", distortion), min(p, 1 - p))
    return np.maximum(_binary_entropy(np.asarray(p)) - _binary_entropy(D), 0.0)


def gaussian_rate(variance: float, distortion: ArrayLike) -> np.ndarray:
    """``R(D) = ½ (ln(σ²/D))⁺`` nats a symbol: Gaussian source, squared error.

    Args:
        variance: σ² > 0.
        distortion: D ≥ 0, any shape.

    Raises:
        ValueError: σ² ≤ 0 or D < 0.

    Source: CT06, Theorem 10.3.2.
    """
    s2 = _checks.positive_number("variance", variance)
    D = _checks.in_range("distortion", distortion)
    with np.errstate(divide="ignore"):
        return np.maximum((math.log(s2) - np.log(D)) / 2, 0.0)


def gaussian_distortion(variance: float, rate: ArrayLike) -> np.ndarray:
    """``D(R) = σ² exp(−2R)``: the inverse of :func:`gaussian_rate`, R ≥ 0 in nats, any shape."""
    return _checks.positive_number("variance", variance) * np.exp(-2 * _checks.in_range("rate", rate))


def laplace_rate(scale: float, distortion: ArrayLike) -> np.ndarray:
    """``R(D) = (−ln(D/b))⁺`` nats a symbol: Laplace source of density exp(−|x|/b)/(2b), *absolute* error.

    Args:
        scale: b > 0; the variance is 2b².
        distortion: D ≥ 0, any shape.

    Raises:
        ValueError: b ≤ 0 or D < 0.

    Source: Berger, section 4.3.
    """
    b = _checks.positive_number("scale", scale)
    D = _checks.in_range("distortion", distortion)
    with np.errstate(divide="ignore"):
        return np.maximum(math.log(b) - np.log(D), 0.0)


def shannon_lower_bound(differential_entropy: float, distortion: ArrayLike) -> np.ndarray:
    """``R(D) ≥ (h(X) − ½ ln(2πeD))⁺`` nats a symbol, for squared error and any source with a density.

    Exact for the Gaussian; for the others approached as D → 0.

    Args:
        differential_entropy: h(X) in nats, see :func:`laplace_entropy` and :func:`uniform_entropy`.
        distortion: D ≥ 0, any shape.

    Raises:
        ValueError: h not finite or D < 0.

    Source: Berger, section 4.3; CT06, problem 10.6.
    """
    h = _checks.number("differential_entropy", differential_entropy, -LARGEST, LARGEST)
    D = _checks.in_range("distortion", distortion)
    with np.errstate(divide="ignore"):
        return np.maximum(h - (math.log(2 * math.pi * math.e) + np.log(D)) / 2, 0.0)


def shannon_lower_bound_distortion(differential_entropy: float, rate: ArrayLike) -> np.ndarray:
    """``D(R) ≥ exp(2h(X) − 2R)/(2πe)``: the inverse of :func:`shannon_lower_bound`, R ≥ 0 in nats.

    At 1 bit and unit variance: Laplace 0.2163140, uniform 0.1756495.
    """
    h = _checks.number("differential_entropy", differential_entropy, -LARGEST, LARGEST)
    return np.exp(2 * h - 2 * _checks.in_range("rate", rate)) / (2 * math.pi * math.e)


def gaussian_entropy(variance: float) -> float:
    """``h = ½ ln(2πeσ²)`` nats."""
    return math.log(2 * math.pi * math.e * _checks.positive_number("variance", variance)) / 2


def laplace_entropy(scale: float) -> float:
    """``h = 1 + ln(2b)`` nats, b the scale (variance 2b²)."""
    return 1 + math.log(2 * _checks.positive_number("scale", scale))


def uniform_entropy(width: float) -> float:
    """``h = ln(width)`` nats (variance width²/12)."""
    return math.log(_checks.positive_number("width", width))


def remote_gaussian_distortion(source_variance: float, noise_variance: float, rate: ArrayLike) -> np.ndarray:
    r"""``D(R) = PN/(P + N) + P²/(P + N) exp(−2R)``: a Gaussian seen only through noise, squared error.

    The encoder sees Y = X + noise and must describe X. It is optimal to estimate first and then to code
    the estimate; the first term is lost whatever the rate.

    Args:
        source_variance: P > 0, of X.
        noise_variance: N ≥ 0.
        rate: R ≥ 0 in nats a symbol, any shape.

    Returns:
        Distortion, the shape of ``rate``; 0.625 for P = N = 1 at one bit.

    Raises:
        ValueError: P ≤ 0, N < 0 or R < 0.

    Source: Dobrushin & Tsybakov, IRE Trans. IT-8 (1962) 293–304; Wolf & Ziv, IEEE Trans. IT-16 (1970).
    """
    P = _checks.positive_number("source_variance", source_variance)
    N = _checks.number("noise_variance", noise_variance, high=LARGEST)
    R = _checks.in_range("rate", rate)
    return P * (N / (P + N)) + P * (P / (P + N)) * np.exp(-2 * R)


def remote_gaussian_rate(source_variance: float, noise_variance: float, distortion: ArrayLike) -> np.ndarray:
    """Inverse of :func:`remote_gaussian_distortion`: infinite where D ≤ PN/(P + N), zero for D ≥ P."""
    P = _checks.positive_number("source_variance", source_variance)
    N = _checks.number("noise_variance", noise_variance, high=LARGEST)
    D = _checks.in_range("distortion", distortion)
    seen = P * (P / (P + N))
    return np.where(D >= P, 0.0, gaussian_rate(seen, np.maximum(D - P * (N / (P + N)), 0.0)))


@dataclasses.dataclass(frozen=True, eq=False)
class SuccessiveRefinement:
    """A Gaussian described in stages: ``covariance`` is that of ``(X, X̂_1, …, X̂_k)``, shape ``(k+1, k+1)``.

    ``distortions``, shape ``(k,)``, are those after each stage.
    """

    distortions: np.ndarray
    covariance: np.ndarray


def gaussian_successive_refinement(variance: float, rates: ArrayLike) -> SuccessiveRefinement:
    """After stages of ``R_1, …, R_k`` nats the distortion is ``σ² exp(−2(R_1 + … + R_j))``: no rate is lost.

    The reproductions form the Markov chain X̂_1 – … – X̂_k – X with Var X̂_j = Cov(X, X̂_j) = σ² − D_j, so that
    I(X; X̂_1, …, X̂_j) = R_1 + … + R_j: describing a Gaussian coarsely first costs nothing later.

    Args:
        variance: σ² > 0.
        rates: R_j ≥ 0 in nats, shape ``(k,)``, the *increment* of each stage.

    Raises:
        ValueError: σ² ≤ 0, a negative rate, or not a vector.

    Source: Equitz & Cover, IEEE Trans. IT-37 (1991) 269–275, Theorem 4.
    """
    s2 = _checks.positive_number("variance", variance)
    increments = _checks.in_range("rates", rates)
    if increments.ndim != 1 or increments.size == 0:
        raise ValueError(f"rates must have shape (k,) with k >= 1, got shape {increments.shape}")
    distortions = s2 * np.exp(-2 * np.cumsum(increments))
    # Cov of any two of (X̂_1, …, X̂_k, X) is the variance of the coarser; X is the finest of all.
    explained = np.concatenate([[s2], s2 - distortions])
    return SuccessiveRefinement(distortions, np.minimum.outer(explained, explained))


def _binary_entropy(p: np.ndarray) -> np.ndarray:
    return entr(p) + entr(1 - p)
