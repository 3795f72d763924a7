r"""A curve R(D) between the supporting lines and the chords of certified points, which are added as needed.

R is convex and falls. At a point of slope −λ the line ``R_lower + λ(D_point − D)`` lies below it everywhere.
A chord between two points, or from one to (variance, 0), lies above it between them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

from ratedist.theory.sources.discrete import RateDistortionPoint

# Nats: wanted of a bracket, 0.7e-4 bit.
TOLERANCE = 5e-5
MAX_POINTS = 12
# A point as near as this to the target, in the logarithm of D, leaves nothing to be gained by another.
NEAR = 1e-4
# A step beyond the slope that is expected, so that the target comes to lie between two points.
OVERSHOOT, LONGEST_STEP = 1.01, 8.0


@dataclasses.dataclass(frozen=True)
class Limit:
    """A number known to lie between two.

    Attributes:
        lower: the number is no less.
        upper: the number is no more.

    Example:
        >>> import ratedist as rd
        >>> rd.theory.Limit(0.5, 0.75).width
        0.25
    """

    lower: float
    upper: float

    @property
    def width(self) -> float:
        """``upper − lower``."""
        return self.upper - self.lower


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
        known = Limit(lower, min(known.upper, below_chords(corners, rate)))
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
    return below_chords(corners, distortion)


def below_chords(corners: list[tuple[float, float]], at: float) -> float:
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
