r"""Textbook rate–distortion functions in closed form, for teaching and for testing. Rates in nats.

Sources without a closed form: :mod:`ratedist.theory.sources.discrete` (discrete) and
:mod:`ratedist.theory.sources.continuous` (uniform and Laplace, squared error). CT06 is Cover & Thomas,
*Elements of Information Theory*, 2nd edition; Berger is *Rate Distortion Theory* (1971).
"""

from __future__ import annotations

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

    Example:
        >>> import ratedist as rd
        >>> rd.units.nats_to_bits(rd.theory.bernoulli_rate(0.5, [0.0, 0.1, 0.5])).round(4)
        array([1.   , 0.531, 0.   ])
    """
    p = _checks.number("probability", probability, high=1.0)
    D = np.minimum(_checks.in_range("distortion", distortion), min(p, 1 - p))
    return np.maximum(_binary_entropy(np.asarray(p)) - _binary_entropy(D), 0.0)


def gaussian_rate(variance: float, distortion: ArrayLike) -> np.ndarray:
    """``R(D) = ½ (ln(σ²/D))⁺``: Gaussian source, squared error.

    Args:
        variance: σ² > 0 of the source.
        distortion: D ≥ 0, the mean squared error allowed, any shape.

    Returns:
        Nats a symbol, the shape of ``distortion``.

    Raises:
        ValueError: σ² ≤ 0 or D < 0.

    Source: CT06, Theorem 10.3.2.

    Example:
        >>> import ratedist as rd
        >>> rd.units.nats_to_bits(rd.theory.gaussian_rate(1.0, [0.0625, 0.25, 2.0]))
        array([2., 1., 0.])
    """
    s2 = _checks.positive_number("variance", variance)
    D = _checks.in_range("distortion", distortion)
    with np.errstate(divide="ignore"):
        return np.maximum((math.log(s2) - np.log(D)) / 2, 0.0)


def gaussian_distortion(variance: float, rate: ArrayLike) -> np.ndarray:
    """``D(R) = σ² exp(−2R)``: Gaussian source, squared error; the inverse of :func:`gaussian_rate`.

    Args:
        variance: σ² > 0 of the source.
        rate: R ≥ 0 in nats a symbol, any shape.

    Returns:
        Mean squared error, the shape of ``rate``.

    Raises:
        ValueError: σ² ≤ 0 or R < 0.

    Source: CT06, Theorem 10.3.2.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> rd.theory.gaussian_distortion(1.0, rd.units.bits_to_nats(np.array([0.0, 1.0, 2.0])))
        array([1.    , 0.25  , 0.0625])
    """
    return _checks.positive_number("variance", variance) * np.exp(-2 * _checks.in_range("rate", rate))


def laplace_rate(scale: float, distortion: ArrayLike) -> np.ndarray:
    """``R(D) = (−ln(D/b))⁺``: Laplace source of density exp(−|x|/b)/(2b), *absolute* error.

    Args:
        scale: b > 0 of the source; its variance is 2b².
        distortion: D ≥ 0, the mean absolute error allowed, any shape.

    Returns:
        Nats a symbol, the shape of ``distortion``.

    Raises:
        ValueError: b ≤ 0 or D < 0.

    Source: Berger, section 4.3.

    Example:
        >>> import ratedist as rd
        >>> rd.units.nats_to_bits(rd.theory.laplace_rate(1.0, [0.25, 0.5, 2.0]))
        array([2., 1., 0.])
    """
    b = _checks.positive_number("scale", scale)
    D = _checks.in_range("distortion", distortion)
    with np.errstate(divide="ignore"):
        return np.maximum(math.log(b) - np.log(D), 0.0)


def shannon_lower_bound(differential_entropy: float, distortion: ArrayLike) -> np.ndarray:
    """Shannon's lower bound ``R(D) ≥ (h(X) − ½ ln(2πeD))⁺``, for squared error and any source with a density.

    Exact for the Gaussian; for the others approached as D → 0.

    Args:
        differential_entropy: h(X) of the source in nats, see :func:`laplace_entropy` and
            :func:`uniform_entropy`.
        distortion: D ≥ 0, the mean squared error allowed, any shape.

    Returns:
        Nats a symbol, the shape of ``distortion``.

    Raises:
        ValueError: h not finite or D < 0.

    Source: Berger, section 4.3; CT06, problem 10.6.

    Example:
        >>> import ratedist as rd
        >>> entropy = rd.theory.uniform_entropy(12**0.5)
        >>> rd.units.nats_to_bits(rd.theory.shannon_lower_bound(entropy, [0.1756495]).round(6)).round(4)
        array([1.])
    """
    h = _checks.number("differential_entropy", differential_entropy, -LARGEST, LARGEST)
    D = _checks.in_range("distortion", distortion)
    with np.errstate(divide="ignore"):
        return np.maximum(h - (math.log(2 * math.pi * math.e) + np.log(D)) / 2, 0.0)


def shannon_lower_bound_distortion(differential_entropy: float, rate: ArrayLike) -> np.ndarray:
    """``D(R) ≥ exp(2h(X) − 2R)/(2πe)`` for squared error: the inverse of :func:`shannon_lower_bound`.

    Args:
        differential_entropy: h(X) of the source in nats, see :func:`laplace_entropy` and
            :func:`uniform_entropy`.
        rate: R ≥ 0 in nats a symbol, any shape.

    Returns:
        Mean squared error, the shape of ``rate``. At 1 bit and unit variance: Laplace 0.2163140, uniform
        0.1756495.

    Raises:
        ValueError: h not finite or R < 0.

    Source: Berger, section 4.3; CT06, problem 10.6.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> entropy, bits = rd.theory.laplace_entropy(0.5**0.5), np.array([1.0, 2.0])
        >>> rd.theory.shannon_lower_bound_distortion(entropy, rd.units.bits_to_nats(bits)).round(4)
        array([0.2163, 0.0541])
    """
    h = _checks.number("differential_entropy", differential_entropy, -LARGEST, LARGEST)
    return np.exp(2 * h - 2 * _checks.in_range("rate", rate)) / (2 * math.pi * math.e)


def gaussian_entropy(variance: float) -> float:
    """Differential entropy ``h = ½ ln(2πeσ²)`` of a Gaussian, in nats.

    Args:
        variance: σ² > 0.

    Raises:
        ValueError: σ² ≤ 0.

    Example:
        >>> import ratedist as rd
        >>> round(rd.theory.gaussian_entropy(1.0), 4)
        1.4189
    """
    return math.log(2 * math.pi * math.e * _checks.positive_number("variance", variance)) / 2


def laplace_entropy(scale: float) -> float:
    """Differential entropy ``h = 1 + ln(2b)`` of the density exp(−|x|/b)/(2b), in nats.

    Args:
        scale: b > 0; the variance is 2b².

    Raises:
        ValueError: b ≤ 0.

    Example:
        >>> import ratedist as rd
        >>> rd.theory.laplace_entropy(0.5)
        1.0
    """
    return 1 + math.log(2 * _checks.positive_number("scale", scale))


def uniform_entropy(width: float) -> float:
    """Differential entropy ``h = ln(width)`` of the uniform law on an interval, in nats.

    Args:
        width: of the interval, above 0; the variance is width²/12.

    Raises:
        ValueError: a width not above 0.

    Example:
        >>> import ratedist as rd
        >>> rd.theory.uniform_entropy(1.0)
        0.0
    """
    return math.log(_checks.positive_number("width", width))


def _binary_entropy(p: np.ndarray) -> np.ndarray:
    return entr(p) + entr(1 - p)
