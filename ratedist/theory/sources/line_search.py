"""R(D) and D(R) between supporting lines and chords, of a curve whose lines are found slope by slope."""

from __future__ import annotations

import math
from collections.abc import Callable

from ratedist.theory.sources.brackets import Limit, below_chords
from ratedist.theory.sources.line_dual import Line

MAX_LINES, FEW_LINES = 16, 6
# A line whose point is at another D is lower by a quarter of the square of their relative distance. It is as
# good as that of D if this is such a part of the tolerance.
NEAR = 0.5


def rate_between(
    line: Callable[[float], Line],
    distortion: float,
    variance: float,
    steepest: float,
    tolerance: float,
    known: tuple[float, float],
    *,
    start: float | None = None,
    upper: bool = True,
) -> Limit:
    """R(D) in nats, bracketed.

    Args:
        line: from a slope in nats per unit of distortion to what is known there.
        distortion: D above 0 and below ``variance``.
        variance: distortion at rate 0.
        steepest: slopes beyond are not asked for.
        tolerance: nats; lines are added until the bracket is no wider.
        known: a distortion, and a rate in nats at which it is achieved.
        start: slope to begin with; ``None`` for ``1/(2D)``, that of a Gaussian, than which none is steeper.
        upper: whether the upper end matters. Else lines are added until the lower end is good.
    """
    D = distortion
    lines: list[Line] = []
    low, high = 0.0, math.inf
    slope = min(1 / (2 * D) if start is None else start, steepest)
    while True:
        found = line(slope)
        lines.append(found)
        low = max(low, found.at(D))
        corners = [(one.distortion, one.rate) for one in lines]
        high = min(high, below_chords(sorted([*corners, (variance, 0.0), known]), D))
        best = min(one.gap for one in lines)
        near = abs(found.distortion - D) < 2 * math.sqrt(NEAR * tolerance) * D
        done = high - low <= tolerance + best or (near and not upper)
        if done or len(lines) == (MAX_LINES if upper else FEW_LINES):
            break
        following = _next(lines, D, variance, steepest)
        if following is None:
            break
        slope = following
    return Limit(low, max(high, low))


def distortion_between(
    line: Callable[[float], Line], rate: float, variance: float, tolerance: float
) -> Limit:
    """D(R), bracketed, at best to twice the tolerance of itself; arguments as ``rate_between``.

    ``line`` may answer for a slope less steep than the one it is asked for. Then there are no steeper ones.
    """
    low, high = 0.0, variance
    lines: list[Line] = []
    # Slopes on either side: those whose rate is too low, and too high.
    flat, steep = 0.0, math.inf
    slope = math.exp(min(2 * rate, 600.0)) / (2 * variance)
    for _ in range(MAX_LINES):
        found = line(slope)
        lines.append(found)
        low = max(low, (found.intercept - rate) / found.slope)
        corners = sorted([*((one.rate, one.distortion) for one in lines), (0.0, variance)])
        high = min(high, below_chords(corners, rate))
        if high - low <= 2 * tolerance * low or (found.rate < rate and found.slope < slope):
            break
        if found.rate < rate:
            flat = slope
        else:
            steep = slope
        if steep == math.inf:
            slope = flat * math.exp(2 * (rate - found.rate) + 0.05)
        elif flat == 0:
            slope = steep * math.exp(min(2 * (rate - found.rate), 0.0) - 0.05)
        else:
            slope = _of_chord(lines, flat, steep)
    return Limit(low, max(high, low))


def _next(lines: list[Line], D: float, variance: float, steepest: float) -> float | None:
    """A slope whose point should lie nearer to D; ``None`` if there is none."""
    steep = min((one.slope for one in lines if one.distortion <= D), default=math.inf)
    flat = max((one.slope for one in lines if one.distortion > D), default=0.0)
    if steep == math.inf:
        if flat == steepest:
            return None
        found = next(one for one in lines if one.slope == flat)
        return min(flat * found.distortion / D * 1.01, steepest)
    if flat == 0:
        found = next(one for one in lines if one.slope == steep)
        if found.distortion > D / 4:
            return steep * found.distortion / D / 1.01
        # Far below a discrete law's error falls by orders of magnitude where the slope changes little.
        least = 1 / (2 * variance)
        return math.sqrt(steep) * math.sqrt(least) if steep > 2 * least else steep / 4
    return _of_chord(lines, flat, steep) if steep > flat * (1 + 1e-9) else None


def _of_chord(lines: list[Line], flat: float, steep: float) -> float:
    """The slope of the chord between the points of two slopes: where the curve is straight, it is its own."""
    one, other = (next(line for line in lines if line.slope == slope) for slope in (flat, steep))
    if one.distortion > other.distortion:
        slope = (other.rate - one.rate) / (one.distortion - other.distortion)
        if flat < slope < steep:
            return slope
    return math.sqrt(flat) * math.sqrt(steep)
