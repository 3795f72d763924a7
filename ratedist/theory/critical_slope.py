"""The slope below which nothing is worth encoding, at σ² = 1: found by search, not certified."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from ratedist.theory import radial_kernel, radial_source
from ratedist.theory.radial_source import RadialSource

LOG_TOLERANCE = -16.0


@functools.lru_cache(maxsize=256)
def unit_critical_slope(source: RadialSource) -> float:
    """The least root λ(ρ) > 0 of ``c(ρ) = 1`` over all ρ, by Newton's method from above.

    ``c(ρ) = E exp(−λ[d(U, V) − d(U, 0)])`` is a moment generating function in λ: convex, and 1 at λ = 0.
    """
    n, nu = source.n, source.degrees_of_freedom
    limit = n**2 * (n + 3) / (2 * nu * (n + 1))
    radii = np.geomspace(0.02 * np.sinh(source.quantiles(0.5)[0]), np.sinh(source.quantiles(1e-3)[1]), 60)
    # From below, because the angular rule has to be the finer the steeper the slope.
    for start in limit * 0.5 ** np.arange(5)[::-1]:
        root = _critical_root(source, float(start))
        best, lowest = float(start), -1
        for index, radius in enumerate(radii):
            candidate = root(radius, best)
            if candidate < best:
                best, lowest = candidate, index
        if lowest >= 0:
            around = radii[max(lowest - 1, 0)], radii[min(lowest + 1, radii.size - 1)]
            finer = np.linspace(*around, 200)
            return min(root(radius, best) for radius in finer)
    return limit


def _critical_root(source: RadialSource, steepest: float) -> Callable[[float, float], float]:
    """A function of ρ and a slope up to ``steepest``: the root of ``c(ρ) = 1`` below it, or that slope."""
    d, n = source.d, source.n
    rule = radial_kernel.angular_rule(d, 20 + 2 * steepest * (n + 1) / n * d / (n + 1), LOG_TOLERANCE)
    # The trapezoidal rule in ln r: the integrand is analytic and falls off exponentially at both ends.
    low, high = np.log(np.sinh(source.quantiles(1e-13)))
    log_radius = np.linspace(low, high, 200 + int((high - low) * 3 * np.sqrt(steepest)))
    x = np.arcsinh(np.exp(log_radius))
    log_weight = source.log_density(x) + np.log(np.tanh(x) * (log_radius[1] - log_radius[0]))
    letters = radial_source.points(x, np.exp(log_weight))
    square = letters.cosine_squared[:, None] + letters.sine_squared[:, None] * rule.one_minus_square
    cosine = 2 * letters.sine_cosine[:, None] * (1 - rule.one_minus)
    log_weights = log_weight[:, None] + rule.log_weight

    def root(radius: float, slope: float) -> float:
        # d(U, V) − d(U, 0) = κ(ρ²(1 − t²s²) − 2ρt sinφ cosφ)
        excess = (n + 1) / n * radius * (radius * square - cosine)
        for _ in range(50):
            terms = log_weights - slope * excess
            largest = np.max(terms)
            np.exp(terms - largest, out=terms)
            total = np.sum(terms)
            value, derivative = np.log(total) + largest, -np.sum(terms * excess) / total
            if value <= 1e-12 or derivative <= 0:
                break
            slope -= float(value / derivative)
        return slope

    return root
