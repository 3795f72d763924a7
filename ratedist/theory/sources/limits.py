r"""How few bits a given mean squared error needs: R(D) and D(R) of three textbook sources, bracketed.

The Gaussian has a closed form. For the Laplace and the uniform source points of the curve are certified
(:mod:`ratedist.theory.sources.continuous`) at slopes around the one that is wanted, and R is between their
lines and chords (:mod:`ratedist.theory.sources.brackets`). Where slopes are too steep for that, Shannon's
lower bound is below, and above is a Gaussian channel followed by the posterior mean: with Y = X + N(0, v),

    R(D) ≤ h(Y) − ½ ln(2πe v)  at  D = v − v²J(Y),

for J the Fisher information of Y. Both integrals are in one dimension and regular.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from scipy.optimize import root_scalar
from scipy.special import entr, erfcx, ndtr

from ratedist import _checks
from ratedist.theory.sources.brackets import TOLERANCE, Limit, distortion_bracket, rate_bracket
from ratedist.theory.sources.continuous import laplace_rate_distortion, uniform_rate_distortion
from ratedist.theory.sources.discrete import RateDistortionPoint
from ratedist.theory.sources.textbook import (
    gaussian_distortion,
    gaussian_rate,
    laplace_entropy,
    shannon_lower_bound,
    shannon_lower_bound_distortion,
    uniform_entropy,
)

SOURCES = ("gaussian", "laplace", "uniform")
# Of unit variance: scale of the Laplace source, width of the uniform one.
SCALE, WIDTH = math.sqrt(0.5), math.sqrt(12)
# Slopes at which points are certified, nats per unit of distortion: the work grows with the cube of the root.
STEEPEST = {"laplace": 47.0, "uniform": 2400.0}
# Nats: of each point.
POINT_TOLERANCE = 2e-5
# Beyond this the noise is so strong that v − v²J is rounding.
MOST_DISTORTION = 1 - 1e-4
# Squares and products of such numbers are float64; so near to no rate the channel is not asked.
LEAST_DISTORTION, LEAST_RATE = 1e-300, 1e-3


def rate_limit(source: str, distortion: float) -> Limit:
    """R(D) in nats of the unit-variance source of this name, squared error.

    Args:
        source: "gaussian" (exact), "laplace" or "uniform".
        distortion: D from 1e-300 on and at most 1.

    Returns:
        A bracket of at most 5e-5 nats where the curve is certified: D above 0.0106 for "laplace", above
        2.1e-4 for "uniform". Below, its width is what it is.

    Raises:
        ValueError: another source, or D out of range.

    Cost: "laplace" takes half a second at one bit, four at three.

    Source: docs/audit.md.

    Example:
        >>> import ratedist as rd
        >>> limit = rd.theory.rate_limit("uniform", 0.20723545)
        >>> round(rd.units.nats_to_bits(limit.upper), 3)
        1.0
    """
    _checks.one_of("source", source, SOURCES)
    D = _checks.number("distortion", distortion, LEAST_DISTORTION, 1.0)
    if source == "gaussian":
        exact = float(gaussian_rate(1.0, D))
        return Limit(exact, exact)
    known = Limit(float(shannon_lower_bound(_entropy(source), D)), gaussian_channel_rate(source, D))
    if known.width <= TOLERANCE or STEEPEST[source] < 1 / (2 * D):
        return known
    return rate_bracket(functools.partial(_point, source), 1.0, D, known, STEEPEST[source])


def distortion_limit(source: str, rate: float) -> Limit:
    """D(R) of the unit-variance source of this name, squared error: the inverse of :func:`rate_limit`.

    Args:
        source: "gaussian" (exact), "laplace" or "uniform".
        rate: R above 0 in nats, finite.

    Returns:
        A bracket, as narrow as that of :func:`rate_limit`.

    Raises:
        ValueError: another source, or R out of range.

    Source: docs/audit.md.

    Example:
        >>> import ratedist as rd
        >>> limit = rd.theory.distortion_limit("uniform", rd.units.bits_to_nats(1.0))
        >>> round(limit.lower, 4), round(limit.upper, 4)
        (0.2072, 0.2072)
    """
    _checks.one_of("source", source, SOURCES)
    R = _checks.positive_number("rate", rate)
    if source == "gaussian":
        exact = float(gaussian_distortion(1.0, R))
        return Limit(exact, exact)
    lower = float(shannon_lower_bound_distortion(_entropy(source), R))
    if not lower > 2 * LEAST_DISTORTION:
        raise ValueError(f"rate must leave a distortion above {LEAST_DISTORTION:g}, got {R:g} nats")
    known = Limit(lower, 1.0)
    if R > LEAST_RATE:
        above = root_scalar(
            lambda x: gaussian_channel_rate(source, math.exp(x)) - R, bracket=(math.log(lower) - 0.1, -1e-4)
        )
        known = Limit(lower, math.exp(above.root))
    if known.width <= 2 * TOLERANCE * lower or STEEPEST[source] < 1 / (2 * lower):
        return known
    return distortion_bracket(functools.partial(_point, source), 1.0, R, known, STEEPEST[source])


def gaussian_channel_rate(source: str, distortion: float) -> float:
    """Mutual information, nats, of X and X + N(0, v) at the v whose posterior mean errs by D.

    An upper bound on R(D) of the unit-variance source, near it at high rate. Integrals are Gauss–Legendre
    sums on panels of the noise's width, whose errors, some 1e-12, are not counted.
    """
    D = _checks.number("distortion", distortion, LEAST_DISTORTION, 1.0)
    if D == 1.0:
        return 0.0
    D = min(D, MOST_DISTORTION)  # R falls
    # The linear estimate is no better than the posterior mean, so that v is at least this.
    low = math.log(D / (1 - D)) - 0.01  # for what is rounded
    high = low + 1
    while _channel(source, math.exp(high))[0] < D:
        high += 1
    found = root_scalar(lambda x: _channel(source, math.exp(x))[0] - D, bracket=(low, high), xtol=1e-13)
    return _channel(source, math.exp(found.root))[1]


def _channel(source: str, noise_variance: float) -> tuple[float, float]:
    """Error of the posterior mean and mutual information in nats of the unit-variance source plus noise."""
    v = noise_variance
    s = math.sqrt(v)
    flat = 0.0  # length on either side of the middle where the density is that of the uniform source alone
    if source == "laplace":
        edges = [np.arange(0.0, 12.25, 0.25) * s, 12 * s + np.arange(0.25, 40.25, 0.25)]
        y, weights = _nodes(np.unique(np.concatenate(edges)))
        density, score = _laplace_density(y, s)
    else:
        # In u = (edge − y)/s, which keeps its digits however small the noise.
        span = WIDTH / s
        top = min(12.0, span / 2)
        u, weights = _nodes(np.unique(np.concatenate([np.arange(-12.0, top, 0.25), [top]])))
        weights = weights * s
        density = (ndtr(u) - ndtr(u - span)) / WIDTH
        bells = np.exp(-(np.stack([span - u, u]) ** 2) / 2) / math.sqrt(2 * math.pi) / s / WIDTH
        score = (bells[0] - bells[1]) / np.where(density > 0, density, 1.0)
        flat = max(WIDTH / 2 - 12 * s, 0.0)
    entropy = 2 * (float(weights @ entr(density)) + flat * math.log(WIDTH) / WIDTH)
    information = 2 * float(weights @ (density * score**2))
    return v - v**2 * information, entropy - math.log(2 * math.pi * math.e * v) / 2


def _laplace_density(y: np.ndarray, s: float) -> tuple[np.ndarray, np.ndarray]:
    """Density of Laplace plus Gaussian at y ≥ 0, and the derivative of its logarithm."""
    # Each side of the exponential, (1/4b) exp(−y²/2v) erfcx(·): none of the factors overflows where y ≥ 0.
    near = (s / SCALE - y / s) / math.sqrt(2)
    far = (s / SCALE + y / s) / math.sqrt(2)
    bell = np.exp(-((y / s) ** 2) / 2)
    # erfcx overflows far below 0, where erfc is 2.
    left = np.where(
        near > -5,
        bell * erfcx(np.maximum(near, -5)),
        2 * np.exp(np.minimum(s**2 / (2 * SCALE**2) - y / SCALE, 700.0)),
    )
    right = bell * erfcx(far)
    # Where near < −5, erfc(near) = 2 − erfc(−near), the last part below 2e-12 of it.
    left -= np.where(near > -5, 0.0, bell * erfcx(np.maximum(-near, 5)))
    total = left + right
    return total / (4 * SCALE), (right - left) / SCALE / np.where(total > 0, total, 1.0)


def _nodes(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    unit, weights = np.polynomial.legendre.leggauss(12)
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (1 + unit)).ravel(), (half * weights).ravel()


def _entropy(source: str) -> float:
    return laplace_entropy(SCALE) if source == "laplace" else uniform_entropy(WIDTH)


def _point(source: str, slope: float) -> RateDistortionPoint:
    if source == "laplace":
        return laplace_rate_distortion(SCALE, slope, POINT_TOLERANCE)
    return uniform_rate_distortion(WIDTH, slope, POINT_TOLERANCE)
