r"""Differences of ln Γ and ψ that keep their digits where the functions themselves are large.

``ln B(a, b)`` as a difference of three ln Γ loses ``10⁻¹⁶·n ln n`` to rounding: 10⁻⁶ nats at n = 10⁹. Here
the leading terms of Stirling's series are subtracted by hand, so that the error is relative to the result.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

LEAST_STIRLING = 32.0  # from here on Stirling's series to the terms below errs by less than 10⁻¹⁸


def log_beta(a: float, b: float) -> float:
    """``ln B(a, b) = ln Γ(a) + ln Γ(b) − ln Γ(a + b)`` for a, b > 0, to a few units in the last place."""
    a, b = min(a, b), max(a, b)
    if b < LEAST_STIRLING:
        return float(special.betaln(a, b))
    if a < LEAST_STIRLING:
        return float(special.gammaln(a)) - log_rising(b, a)
    ratio = a / b
    return (
        0.5 * math.log(2 * math.pi / b)
        - (a - 0.5) * math.log1p(b / a)
        - b * math.log1p(ratio)
        + stirling_remainder(a)
        + stirling_remainder(b)
        - stirling_remainder(a + b)
    )


def log_rising(b: float, a: float) -> float:
    """``ln Γ(b + a) − ln Γ(b)`` for a, b > 0."""
    if b < LEAST_STIRLING:
        return float(special.gammaln(a + b) - special.gammaln(b))
    return (
        a * (math.log(b + a) - 1)
        + (b - 0.5) * math.log1p(a / b)
        + stirling_remainder(a + b)
        - stirling_remainder(b)
    )


def digamma_rise(b: float, a: float) -> float:
    """``ψ(b + a) − ψ(b)`` for a, b > 0."""
    if b < LEAST_STIRLING:
        return float(special.digamma(a + b) - special.digamma(b))
    c = a + b
    # ψ(z) = ln z − 1/2z − 1/12z² + 1/120z⁴ − 1/252z⁶ + 1/240z⁸ − 1/132z¹⁰, every difference a multiple of a.
    total = math.log1p(a / b) + a / (2 * b * c)
    for coefficient, power in ((1 / 12, 2), (-1 / 120, 4), (1 / 252, 6), (-1 / 240, 8), (1 / 132, 10)):
        total += coefficient * -math.expm1(-power * math.log1p(a / b)) / b**power
    return total


def stirling_remainder(z: float) -> float:
    """``ln Γ(z) − (z − ½)ln z + z − ½ ln 2π`` for z ≥ 32, by its series in 1/z."""
    y = 1 / z
    terms = np.array([1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156])
    return float(y * np.polynomial.polynomial.polyval(y * y, terms))
