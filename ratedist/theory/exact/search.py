"""The exact curve at one distortion or one rate, σ² = 1: between tangents below it and chords above it.

Chords between achievable points are achievable by time sharing; every tangent is a lower bound at every D.
Points are placed until the two meet, or until the limits of time and memory are reached.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np

from ratedist.theory.exact import closed_bracket
from ratedist.theory.exact.criticality import unit_critical_slope
from ratedist.theory.exact.effort import Effort, UnsolvedError
from ratedist.theory.exact.points import (
    CERTIFIED_GAP,
    CERTIFIED_RELATIVE_GAP,
    Point,
    point_at_slope,
    zero_rate_point,
)
from ratedist.theory.exact.radial_source import RadialSource
from ratedist.theory.exact.zero_rate_tangent import proved_slope

SEARCH_POINTS = 40
# Below this rate the relative gap is what counts, and the tangent at the zero-rate point is needed.
SMALL_RATE = CERTIFIED_GAP / CERTIFIED_RELATIVE_GAP
STEERED_POINTS = 8  # placed by interpolation; from then on by the slope of the chord, which always converges
# Where the curve is straight from the zero-rate point on, its tangent has the critical slope. The tangent is
# taken this part above what the search found, lest there be none.
ABOVE_CRITICAL = 1e-6


@dataclasses.dataclass(frozen=True)
class Answer:
    """Two bounds at one distortion, at σ² = 1, and where their difference comes from."""

    slope: float
    distortion: float
    rate: float
    rate_lower: float
    reason: str

    @property
    def close(self) -> bool:
        """Whether the bounds are well within what counts as certified."""
        gap = self.rate - self.rate_lower
        return gap <= min(CERTIFIED_GAP, CERTIFIED_RELATIVE_GAP * self.rate) / 2


def at_distortion(source: RadialSource, distortion: float, effort: Effort) -> Answer:
    """R(D)."""
    if distortion >= source.d / source.n:
        return Answer(0.0, distortion, 0.0, 0.0, "")
    return _search(source, "distortion", distortion, effort)


def at_rate(source: RadialSource, rate: float, effort: Effort) -> Answer:
    """D(R)."""
    if rate == 0:
        return Answer(0.0, source.d / source.n, 0.0, 0.0, "")
    return _search(source, "rate", rate, effort)


@dataclasses.dataclass
class _Enclosure:
    """Points on either side of the target: left of smaller distortion, or None so far."""

    source: RadialSource
    axis: Literal["distortion", "rate"]
    target: float
    right: Point
    left: Point | None = None
    tangents: list[Point] = dataclasses.field(default_factory=list)
    # Of a line below the curve through its zero-rate point.
    zero_rate_slope: float = 0.0

    def add(self, point: Point) -> None:
        """A point more: it replaces one of the two unless it is no nearer."""
        self.tangents.append(point)
        by_distortion = self.axis == "distortion"
        beyond = point.distortion <= self.target if by_distortion else point.rate >= self.target
        if not beyond:
            self.right = min(self.right, point, key=lambda other: other.distortion)
        elif self.left is None or point.distortion > self.left.distortion:
            self.left = point

    @property
    def chord(self) -> float:
        """Slope of the chord."""
        assert self.left is not None
        return (self.left.rate - self.right.rate) / (self.right.distortion - self.left.distortion)

    def answer(self, reason: str) -> Answer:
        """The best that is known, the closed bracket included."""
        d, n = self.source.d, self.source.n
        if self.axis == "distortion":
            distortion = self.target
            rate = closed_bracket.upper(self.source, distortion)
        else:
            distortion, rate = closed_bracket.upper_at_rate(d, n, self.target), self.target
        slope = d / (2 * distortion)
        if self.left is not None:
            right, chord = self.right, self.chord
            if self.axis == "distortion":
                shared = right.rate + chord * (right.distortion - self.target)
                rate, slope = (shared, chord) if shared <= rate else (rate, slope)
            else:
                shared = right.distortion - (self.target - right.rate) / chord
                distortion, slope = (shared, chord) if shared <= distortion else (distortion, slope)
        tangents = [point.intercept_lower - point.slope * distortion for point in self.tangents]
        line = self.zero_rate_slope * (d / n - distortion)
        lower = max(closed_bracket.lower(self.source, distortion), line, *tangents, 0.0)
        return Answer(slope, distortion, rate, lower, reason)


def _search(
    source: RadialSource, axis: Literal["distortion", "rate"], target: float, effort: Effort
) -> Answer:
    d, n = source.d, source.n
    enclosure = _Enclosure(source, axis, target, zero_rate_point(source))
    answer = enclosure.answer("the closed bracket was not close enough")
    if answer.close:
        return answer
    if answer.rate_lower < SMALL_RATE:
        enclosure.zero_rate_slope = proved_slope(source)
        answer = enclosure.answer(answer.reason)
    try:
        least = unit_critical_slope(source, effort.check) * (1 + ABOVE_CRITICAL)
        slope = max(least, closed_bracket.slope_of_upper(d, n, answer.distortion))
        for count in range(SEARCH_POINTS):
            point = point_at_slope(source, slope, check=effort.check)
            effort.advance()
            enclosure.add(point)
            answer = enclosure.answer(point.reason)
            following = max(_next_slope(enclosure, least, slope, count), least)
            if answer.close or following in {known.slope for known in enclosure.tangents}:
                break
            slope = following
    except UnsolvedError as error:
        return dataclasses.replace(answer, reason=f"{error}, after {len(enclosure.tangents)} points")
    return answer


def _next_slope(enclosure: _Enclosure, least: float, slope: float, count: int) -> float:
    """Where to look next: near the target, on the side of it where the nearer point is missing."""
    right, left = enclosure.right, enclosure.left
    if left is None:
        # The rate rises by d/2 nats or more with every factor e in the slope.
        d = enclosure.source.d
        short = (
            2 * (enclosure.target - right.rate) / d
            if enclosure.axis == "rate"
            else np.log(right.distortion / enclosure.target)
        )
        return slope * float(np.exp(np.clip(1.1 * short, 0.01, 3.0)))
    chord = enclosure.chord
    if count >= STEERED_POINTS:
        return chord
    low, high = np.log(max(right.slope, least)), np.log(left.slope)
    near, far, aim = (
        (right.rate, left.rate, enclosure.target)
        if enclosure.axis == "rate"
        else tuple(-np.log([right.distortion, left.distortion, enclosure.target]))
    )
    # Chord and tangent differ by about (width)²·(dR/d ln λ)/8 between slopes a width apart in ln λ.
    allowed = 8 * 0.3 * min(CERTIFIED_GAP, CERTIFIED_RELATIVE_GAP * left.rate)
    width = np.sqrt(allowed * max(high - low, 1e-12) / max(left.rate - right.rate, 1e-12))
    if high - low <= 2 * width or far <= near:
        return chord
    place = low + (high - low) * (aim - near) / (far - near)
    place += width / 2 if high - place > place - low else -width / 2
    return float(np.exp(np.clip(place, low + width / 4, high - width / 4)))
