r"""How few bits a given mean squared error needs: R(D) and D(R) of three textbook sources, bracketed.

The Gaussian has a closed form. For the Laplace and the uniform source points of the curve are certified
(:mod:`ratedist.theory.sources.continuous`) at slopes around the one that is wanted. R is convex: each point's
supporting line lies below it, chords between points and to (variance, 0) lie above. Points are added until
the two agree. Where slopes are too steep to be certified, Shannon's lower bound is below, and above
is a Gaussian channel followed by the posterior mean: with Y = X + N(0, v),

    R(D) ≤ h(Y) − ½ ln(2πe v)  at  D = v − v²J(Y),

for J the Fisher information of Y. Both integrals are in one dimension and regular.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import root_scalar
from scipy.special import entr, erfcx, log_ndtr, ndtr

from ratedist import _checks
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
# Nats: wanted of a bracket (0.7e-4 bit), and of each point.
TOLERANCE, POINT_TOLERANCE = 5e-5, 2e-5
MAX_POINTS = 12
# A point as near as this to the target, in the logarithm of D, leaves nothing to be gained by another.
NEAR = 1e-4
# A step beyond the slope that is expected, so that the target comes to lie between two points.
OVERSHOOT, LONGEST_STEP = 1.01, 8.0


@dataclasses.dataclass(frozen=True)
class Limit:
    """A number known to lie from ``lower`` to ``upper``."""

    lower: float
    upper: float

    @property
    def width(self) -> float:
        """``upper − lower``."""
        return self.upper - self.lower


def rate_limit(source: str, distortion: float) -> Limit:
    """R(D) in nats of the unit-variance source of this name, squared error.

    Args:
        source: "gaussian" (exact), "laplace" or "uniform".
        distortion: D above 0 and below 1.

    Returns:
        A bracket of at most 5e-5 nats where the curve is certified: D above 0.0106 for "laplace", above
        2.1e-4 for "uniform". Below, its width is what it is.

    Raises:
        ValueError: another source, or D out of range.

    Cost: "laplace" takes a second at one bit and ten at three.
    """
    _checks.one_of("source", source, SOURCES)
    D = _checks.number("distortion", distortion, high=1.0, open_low=True)
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

    Raises:
        ValueError: another source, or R out of range.
    """
    _checks.one_of("source", source, SOURCES)
    R = _checks.positive_number("rate", rate)
    if source == "gaussian":
        exact = float(gaussian_distortion(1.0, R))
        return Limit(exact, exact)
    lower = float(shannon_lower_bound_distortion(_entropy(source), R))
    if not lower > 0:
        raise ValueError(f"rate must leave a distortion above 0 in float64, got {R:g} nats")
    above = root_scalar(
        lambda x: gaussian_channel_rate(source, math.exp(x)) - R, bracket=(math.log(lower) - 0.1, -1e-9)
    )
    known = Limit(lower, math.exp(above.root))
    if known.width <= 2 * TOLERANCE * lower or STEEPEST[source] < 1 / (2 * lower):
        return known
    return distortion_bracket(functools.partial(_point, source), 1.0, R, known, STEEPEST[source])


def rate_bracket(
    point: Callable[[float], RateDistortionPoint],
    variance: float,
    distortion: float,
    known: Limit,
    steepest: float = math.inf,
) -> Limit:
    """R(D) between the supporting lines and the chords of certified points, which are added as needed.

    Args:
        point: from a slope in nats per unit of distortion to a certified point.
        variance: distortion at rate 0.
        distortion: D.
        known: a bracket to start from, in nats.
        steepest: slopes beyond are not asked for.
    """
    points: list[RateDistortionPoint] = []
    slope = min(1 / (2 * distortion), steepest)
    for _ in range(MAX_POINTS):
        points.append(point(slope))
        known = Limit(
            max(known.lower, lines_at(points, distortion)),
            min(known.upper, chords_at(points, variance, distortion)),
        )
        misses = [math.log(distortion / one.distortion) for one in points]
        if known.width <= TOLERANCE or (min(map(abs, misses)) < NEAR and known.upper < math.inf):
            break
        slope = _next_slope(points, misses, steepest)
    return known


def distortion_bracket(
    point: Callable[[float], RateDistortionPoint],
    variance: float,
    rate: float,
    known: Limit,
    steepest: float = math.inf,
) -> Limit:
    """D(R) between the supporting lines and the chords of certified points; arguments as ``rate_bracket``."""
    points: list[RateDistortionPoint] = []
    slope = min(math.exp(2 * rate) / (2 * variance), steepest)
    for _ in range(MAX_POINTS):
        points.append(point(slope))
        lines = [one.distortion + (one.rate_lower - rate) / one.slope for one in points if one.rate_lower > 0]
        lower = max([known.lower, *lines])
        corners = sorted([(one.rate, one.distortion) for one in points] + [(0.0, variance)])
        known = Limit(lower, min(known.upper, _below_chords(corners, rate)))
        # A nat of rate is worth two of the logarithm of D.
        misses = [2 * (one.rate - rate) for one in points]
        if known.width <= 2 * TOLERANCE * known.lower or min(map(abs, misses)) < NEAR:
            break
        slope = _next_slope(points, misses, steepest)
    return known


def lines_at(points: Sequence[RateDistortionPoint], distortion: float) -> float:
    """The highest supporting line at D: ``R(D) ≥ R_lower + λ(D_point − D)``, and 0."""
    # A point whose lower bound is 0 was cut off there, and gives no line.
    lines = [
        one.rate_lower + one.slope * (one.distortion - distortion) for one in points if one.rate_lower > 0
    ]
    return max([0.0, *lines])


def chords_at(points: Sequence[RateDistortionPoint], variance: float, distortion: float) -> float:
    """The lowest chord at D between points, and from each to (variance, 0); infinite left of all."""
    corners = sorted([(one.distortion, one.rate) for one in points] + [(variance, 0.0)])
    return _below_chords(corners, distortion)


def _below_chords(corners: list[tuple[float, float]], at: float) -> float:
    """The least value at ``at`` of a chord between two corners on either side, which are (place, value)."""
    best = math.inf
    for x0, y0 in corners:
        for x1, y1 in corners:
            if x0 <= at <= x1:
                best = min(best, y0 if x1 == x0 else y0 + (y1 - y0) * (at - x0) / (x1 - x0))
    return best


def _next_slope(points: list[RateDistortionPoint], misses: list[float], steepest: float) -> float:
    """A slope whose point should lie nearer: a miss above 0 is of a point that is too steep already."""
    by_slope = sorted((math.log(one.slope), miss) for one, miss in zip(points, misses, strict=True))
    flat = [one for one in by_slope if one[1] <= 0]
    steep = [one for one in by_slope if one[1] > 0]
    if flat and steep:
        (x0, m0), (x1, m1) = flat[-1], steep[0]
        share = min(max(m0 / (m0 - m1), 0.1), 0.9) if m0 < m1 and m1 - m0 < 1 else 0.5
        return math.exp(x0 + share * (x1 - x0))
    nearest, miss = flat[-1] if flat else steep[0]
    step = miss
    if len(by_slope) > 1:  # as the two nearest say, where the curve is no longer like a Gaussian's
        (x0, m0), (x1, m1) = by_slope[-2:] if flat else by_slope[:2]
        step = miss * (x1 - x0) / (m1 - m0) if m1 > m0 else 2 * miss
    step = math.copysign(min(abs(step) + math.log(OVERSHOOT), math.log(LONGEST_STEP)), step)
    return min(math.exp(nearest - step), steepest)


def gaussian_channel_rate(source: str, distortion: float) -> float:
    """Mutual information, nats, of X and X + N(0, v) at the v whose posterior mean errs by D.

    An upper bound on R(D) of the unit-variance source, near it at high rate. Integrals are Gauss–Legendre
    sums on panels of the noise's width, whose errors, some 1e-12, are not counted.
    """
    D = _checks.number("distortion", distortion, high=1.0, open_low=True)
    if D == 1.0:
        return 0.0
    # The linear estimate is no better than the posterior mean, so that v is at least this.
    low = math.log(D / (1 - D))
    high = low + 1
    while _channel(source, math.exp(high))[0] < D:
        high += 1
    found = root_scalar(lambda x: _channel(source, math.exp(x))[0] - D, bracket=(low, high), xtol=1e-13)
    return _channel(source, math.exp(found.root))[1]


def _channel(source: str, noise_variance: float) -> tuple[float, float]:
    """Error of the posterior mean and mutual information in nats of the unit-variance source plus noise."""
    v = noise_variance
    s = math.sqrt(v)
    if source == "laplace":
        edges = [np.arange(0.0, 12.25, 0.25) * s, 12 * s + np.arange(0.25, 40.25, 0.25)]
        y, weights = _nodes(np.unique(np.concatenate(edges)))
        density, score = _laplace_density(y, s)
    else:
        half, reach = WIDTH / 2, 12 * s
        inner = max(half - reach, 0.0)
        edges = [np.linspace(0.0, inner, 3), inner + np.arange(0.0, half + reach - inner, 0.25 * s)]
        y, weights = _nodes(np.unique(np.concatenate([*edges, [half + reach]])))
        # By tails, where differences of Φ would cancel; y ≥ 0.
        density = (ndtr((half - y) / s) - ndtr((-half - y) / s)) / WIDTH
        bells = np.exp(log_ndtr(0.0) - np.stack([y + half, y - half]) ** 2 / (2 * v))
        bells *= 2 / math.sqrt(2 * math.pi) / s / WIDTH
        score = (bells[0] - bells[1]) / np.where(density > 0, density, 1.0)
    entropy = 2 * float(weights @ entr(density))
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
