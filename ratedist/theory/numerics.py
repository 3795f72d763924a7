"""Small numerics shared by the closed forms: a function that cancels, and the root that bounds need."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammainccinv, gammaincinv

from ratedist import _checks

# Samples and dimensions up to here are numbers that float64 holds exactly.
LARGEST_COUNT = 2**53

# Below this |x| the power series of eˣ − 1 − x replaces the formula, which cancels there.
SERIES_LIMIT = 0.5
NUM_SERIES_TERMS = 16
# Newton's iterations on a convex increasing function; from the starting point below 6 reach rounding.
NEWTON_ITERATIONS = 12


def log_slope_root(rate_per_sample: ArrayLike) -> np.ndarray:
    """The root z ≥ 0 of ``z − 1 + e^{−z} = 2η``: ln(1 + 2λσ*²) at the best slope λ of the exact-CGF bound."""
    eta = _checks.in_range("rate_per_sample", rate_per_sample)
    finite = eta < np.finfo(np.float64).max / 4
    target = np.where(finite, 2 * np.where(finite, eta, 0.0), 1.0)
    # The function is convex and increasing: one step lands above the root, the next ones descend to it.
    z = np.sqrt(2 * target) + target / 3
    for _ in range(NEWTON_ITERATIONS):
        slope = -np.expm1(-z)
        step = np.where(slope > 0, (exp_remainder(-z) - target) / np.where(slope > 0, slope, 1.0), 0.0)
        z = np.maximum(z - step, 0.0)
    return np.where(finite, z, np.inf)


def chi_square_quantiles(probability: float, degrees_of_freedom: float) -> tuple[float, float]:
    """Below the first and above the second number a χ² is with this probability each.

    By special functions: importing the laws of ``scipy.stats`` takes half a second.
    """
    shape = degrees_of_freedom / 2
    return 2 * float(gammaincinv(shape, probability)), 2 * float(gammainccinv(shape, probability))


def exp_remainder(x: ArrayLike) -> np.ndarray:
    """``eˣ − 1 − x`` to full relative accuracy, for any shape; near 0 it is x²/2, and the formula cancels."""
    x = np.asarray(x, dtype=np.float64)
    small = np.abs(x) < SERIES_LIMIT
    t = np.where(small, x, 0.0)
    series = np.ones_like(t)
    for k in range(NUM_SERIES_TERMS, 2, -1):  # Horner's rule for 2(eᵗ − 1 − t)/t² = 1 + t/3 + t²/12 + …
        series = 1 + t / k * series
    with np.errstate(over="ignore"):
        return np.where(small, t**2 / 2 * series, np.expm1(x) - x)
