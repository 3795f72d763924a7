"""Balls of FLINT: a midpoint and a radius that encloses every rounding made on the way. The few helpers used.

The package ``flint`` is imported by the modules of this room alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from flint import arb

# Called between pieces of the work with the share of it that is done; it may raise.
Watch = Callable[[float], None]

PRECISION = (
    96  # bits; what cancels in the exponents and in differences of incomplete beta functions is far less
)


def unwatched(share: float) -> None:
    """Nobody looks, and there is no limit."""


def at_least(x: arb) -> float:
    """The largest float, or nearly, that is certainly above no number in the ball; −∞ if none is."""
    return -at_most(-x)


def at_most(x: arb) -> float:
    """The least float, or nearly, that is certainly below no number in the ball; ∞ if none is."""
    upper = x.upper()
    value = float(upper)
    if math.isnan(value):
        return math.inf
    # ``float`` rounds to nearest; the next float is above whatever it rounded.
    return value if arb(value) >= upper else math.nextafter(value, math.inf)


def up_to(upper: arb) -> arb:
    """The ball that contains [0, upper]."""
    return arb(0).union(upper.upper())


def total(balls: Iterable[arb]) -> arb:
    """Their sum."""
    result = arb(0)
    for ball in balls:
        result += ball
    return result


def upper_maximum(balls: Iterable[arb]) -> arb:
    """An exact number that no number in any of the balls exceeds; NaN where one of them knows nothing."""
    result = arb.neg_inf()
    for ball in balls:
        if not ball.is_finite():
            return arb.nan()
        result = result.max(ball.upper())
    return result
