"""The slope below which nothing is worth encoding, at σ² = 1: found by search, not certified."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import optimize

from ratedist.theory.exact import radial_kernel, radial_source
from ratedist.theory.exact.effort import UnsolvedError
from ratedist.theory.exact.radial_source import RadialSource

COARSE, FINE = -5.0, -16.0  # log tolerances of the angular rule
SEARCHED_RADII = 60
LARGEST_SEARCH = 40_000_000  # source nodes times angular nodes
KEPT = 256
_FOUND: dict[RadialSource, float] = {}


def least_critical_slope(source: RadialSource) -> float:
    """n/2, the slope of ``(d/2) ln(D₀/D) ≤ R(D)`` at D₀: proved not to be above the critical slope."""
    return source.n / 2


def local_critical_slope(source: RadialSource) -> float:
    """The root λ(0) of ``c(ρ) = 1`` as ρ → 0: proved not to be below the critical slope."""
    n, nu = source.n, source.degrees_of_freedom
    return n / (n + 1) * (n / nu) * ((n + 3) / 2)


def unit_critical_slope(source: RadialSource, check: Callable[[], None] = lambda: None) -> float:
    """The least root λ(ρ) > 0 of ``c(ρ) = 1`` over all ρ, by Newton's method from above.

    ``c(ρ) = E exp(−λ[d(U, V) − d(U, 0)])`` is a moment generating function in λ: convex, and 1 at λ = 0.

    ``check`` is called between pieces of the work and may raise. What was found is kept.

    Raises:
        UnsolvedError: more than ``LARGEST_SEARCH`` nodes.
    """
    if source not in _FOUND:
        while len(_FOUND) >= KEPT:
            _FOUND.pop(next(iter(_FOUND)), None)
        _FOUND[source] = _search(source, check)
    return _FOUND[source]


def _search(source: RadialSource, check: Callable[[], None]) -> float:
    local = local_critical_slope(source)
    radii = np.geomspace(
        0.02 * np.sinh(source.quantiles(0.5)[0]), np.sinh(source.quantiles(1e-3)[1]), SEARCHED_RADII
    )
    # From below, because the nodes have to be the finer the steeper the slope.
    start = least_critical_slope(source)
    while start < local:
        start = min(2 * start, local)
        root = _critical_root(source, start, COARSE)
        best, lowest = start, -1
        for index, radius in enumerate(radii):
            check()
            candidate = root(radius, best)
            if candidate < best:
                best, lowest = candidate, index
        if lowest >= 0:
            # Newton's method comes from above: a little room, for what the coarse nodes got wrong.
            above = min(1.02 * best, local)
            root = _critical_root(source, above, FINE)
            around = radii[max(lowest - 1, 0)], radii[min(lowest + 1, radii.size - 1)]

            def slope_at(radius: float, root=root, above: float = above) -> float:
                check()
                return root(radius, above)

            found: Any = optimize.minimize_scalar(
                slope_at, bounds=around, method="bounded", options={"xatol": 1e-6 * around[0]}
            )
            return min(float(found.fun), local)
    return local


def _critical_root(
    source: RadialSource, steepest: float, log_tolerance: float
) -> Callable[[float, float], float]:
    """A function of ρ and a slope up to ``steepest``: the root of ``c(ρ) = 1`` below it, or that slope."""
    d, n = source.d, source.n
    rule = radial_kernel.angular_rule(d, 20 + 2 * steepest * (n + 1) / n * d / (n + 1), log_tolerance)
    # The trapezoidal rule in ln r: the integrand is analytic and falls off exponentially at both ends.
    low, high = np.log(np.sinh(source.quantiles(1e-13)))
    # The exponent changes by no more than some L E s² with ln r.
    curvature = steepest * min(1.0, 10 * d / n) * (1 if log_tolerance <= FINE else 0.1)
    count = 200 + int((high - low) * 3 * np.sqrt(curvature))
    if count * rule.log_weight.size > LARGEST_SEARCH:
        raise UnsolvedError(
            f"the search for the critical slope needs {count} by {rule.log_weight.size} nodes, "
            f"more than {LARGEST_SEARCH}"
        )
    log_radius = np.linspace(low, high, count)
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
