r"""A line below the whole curve that meets it at the zero-rate point: proved, and sharp near rate 0.

Near (D₀, 0), D₀ = dσ²/n, the rate is smaller than the gap of the certificate. What is left of
``c(ρ) ≤ 1`` for all ρ is shown there without any quadrature. With X uniform on the unit sphere of n + 1
dimensions, y = X₁ and c² the sum of the squares of ν = n − d + 1 others, L = λ(n+1)/n,

    c(ρ) = e^{−x} E[e^{xy²} cosh(2c|y|√(Lx))] = Σ_m e^{−x} x^m/m! · b_m,    x = Lρ²,

    b_m = Σ_{j≤m} C(m, j) L^j/(½)_j · (½)_m (ν/2)_j / ((n+1)/2)_{m+j}.

A mean of the b_m: where none exceeds 1, c does not either. Derived in docs/exact-rate-distortion.md, §8.
"""

from __future__ import annotations

import functools

import numpy as np
from scipy.special import gammaln

from ratedist.theory.exact.criticality import least_critical_slope, local_critical_slope
from ratedist.theory.exact.radial_source import RadialSource

LARGEST_TABLE = 2500  # of b_m; their number is that of terms too
ROUNDING = 1e-10  # more than what gammaln and the sums lose
BISECTIONS = 12


@functools.lru_cache(maxsize=64)
def proved_slope(source: RadialSource) -> float:
    """The largest slope λ found at σ² = 1 with all b_m ≤ 1, so that ``R(D) ≥ λ(D₀ − D)`` at every D.

    Up to 1e-9 the critical slope where that is the local one, and less than 1% below it where tried. Where
    more than ``LARGEST_TABLE`` coefficients would have to be looked at, as near n = d + 1 or from some 200
    weights on, the slope n/2 of the closed bracket. A second or two at most.
    """
    least, most = least_critical_slope(source), local_critical_slope(source) * (1 - 1e-9)
    count = number_to_check(source, most)
    if count is None or least >= most:
        return least
    log_terms = _log_terms(source, count)

    def largest(slope: float) -> float:
        log_scale = np.log(slope * (source.n + 1) / source.n)
        return float(np.max(np.sum(np.exp(log_terms + np.arange(count + 1) * log_scale), axis=1)))

    if largest(most) <= 1 - ROUNDING:
        return most
    # The b_m grow with λ, and at n/2 the line needs no proof by them.
    low, high = least, most
    for _ in range(BISECTIONS):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if largest(middle) <= 1 - ROUNDING else (low, middle)
    return low


def number_to_check(source: RadialSource, slope: float) -> int | None:
    """A number M with b_m < 1 for all m > M; ``None`` if it would be more than ``LARGEST_TABLE``.

    ``b_m ≤ E[y^{2m} e^{2c√(mL)}] ≤ e^{L/θ} E|y|^{2m(1−θ)}`` for every θ in (0, 1), as y² ≤ 1 − c² ≤ e^{−c²};
    and ``E|y|^{2k} = (½)_k/((n+1)/2)_k`` falls with k.
    """
    share = np.linspace(0.3, 0.95, 66)[:, None]
    numbers = np.arange(1, LARGEST_TABLE + 1)
    k = numbers * (1 - share)
    power, half = slope * (source.n + 1) / source.n, (source.n + 1) / 2
    log_bound = power / share + gammaln(0.5 + k) - gammaln(0.5) - gammaln(half + k) + gammaln(half)
    small = np.min(log_bound, axis=0) < -ROUNDING
    return int(numbers[np.argmax(small)]) if small.any() else None


def _log_terms(source: RadialSource, count: int) -> np.ndarray:
    """Logs of the terms of b_m at L = 1, of shape ``(count, count + 1)``: m = 1 … by j = 0 …"""
    m, j = np.arange(1, count + 1)[:, None], np.arange(count + 1)
    half, nu_half = (source.n + 1) / 2, source.degrees_of_freedom / 2
    by_number = gammaln(m + 1) + gammaln(0.5 + m)
    by_term = gammaln(nu_half + j) - gammaln(nu_half) - gammaln(j + 1) - gammaln(0.5 + j)
    sums = np.arange(2 * count + 1)
    together = (gammaln(half + sums) - gammaln(half))[m + j]
    left = gammaln(np.maximum(sums - count, 0) + 1.0)[count + m - j]
    return np.where(j <= m, by_number + by_term - together - left, -np.inf)
