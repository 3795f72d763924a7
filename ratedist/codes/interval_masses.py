"""Logarithms of the mass that a law gives an interval, for intervals of any width and any distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import exprel, log_ndtr, ndtr

# An interval this narrow in units of the scale, over which the density changes by e^8 at most, is integrated:
# the difference of two values of the distribution function would cancel there.
NARROW = 1.0
LOG_CHANGE = 8.0
# Gauss–Legendre with so many nodes is exact to rounding there, and so are two terms of the power series where
# the width is this small (tests/codes).
FINE = 0.02
NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)
# Scales from the centre beyond which 1/x² is nothing beside x².
FAR = 1e5
LOG_ROOT_TWO_PI = float(np.log(2 * np.pi) / 2)


def gaussian_log_mass(center: ArrayLike, width: ArrayLike, scale: ArrayLike) -> np.ndarray:
    """``ln ∫ N(w; 0, τ²) dw`` over the interval of this width around a centre; unchecked, broadcast.

    Args:
        center: c of the interval.
        width: δ > 0 of the interval.
        scale: τ > 0.

    Returns:
        ``ln[Φ((c + δ/2)/τ) − Φ((c − δ/2)/τ)]``, −∞ where it is below −1.8e308.
    """
    c, delta, tau = np.broadcast_arrays(
        np.abs(np.asarray(center, dtype=np.float64)),
        np.asarray(width, dtype=np.float64),
        np.asarray(scale, dtype=np.float64),
    )
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        middle, wide = c / tau, delta / tau
        narrow = (wide <= NARROW) & (middle * wide <= LOG_CHANGE)
        result = np.empty(c.shape)
        log_width = np.log(delta[narrow]) - np.log(tau[narrow])
        m, h = middle[narrow], wide[narrow]
        result[narrow] = _log_average(m, h) - m * m / 2 - LOG_ROOT_TWO_PI + log_width
        low, high = ((c + sign * (delta / 2))[~narrow] / tau[~narrow] for sign in (-1, 1))
        # From the upper tail where the interval is in it, else from what is outside.
        outer, inner = log_ndtr(-high), log_ndtr(-low)
        difference = np.where(np.isneginf(outer), -np.inf, outer - inner)
        tail = inner + np.log(-np.expm1(difference))
        # Far out the tail is φ(x)/x to rounding, and the two of them may have equal logarithms.
        share = np.log(-np.expm1(-middle[~narrow] * wide[~narrow]))
        beyond = share - low**2 / 2 - np.log(low) - LOG_ROOT_TWO_PI
        tail = np.where(low > FAR, beyond, tail)
        result[~narrow] = np.where(low > 0, tail, np.log1p(-ndtr(low) - ndtr(-high)))
    return result


def _log_average(middle: np.ndarray, width: np.ndarray) -> np.ndarray:
    """ln of the density along an interval over that in its middle, averaged; unit scale, shape ``(N,)``."""
    widths, products = width**2, (width * middle) ** 2
    fine = width * (1 + middle) <= FINE
    series = (products - widths) / 24 + (products**2 - 6 * widths * products + 3 * widths**2) / 1920
    average = np.log1p(np.where(fine, series, 0.0))
    t = width[~fine, None] / 2 * NODES
    average[~fine] = np.log(np.exp(-t * (middle[~fine, None] + t / 2)) @ (WEIGHTS / 2))
    return average


def laplace_log_mass(center: ArrayLike, width: ArrayLike, scale: ArrayLike) -> np.ndarray:
    """``ln ∫ exp(−|w|/b)/(2b) dw`` over the interval of this width around a centre; unchecked, broadcast.

    Args:
        center: c of the interval.
        width: δ > 0 of the interval.
        scale: b > 0.

    Returns:
        The logarithm, −∞ where it is below −1.8e308.
    """
    c, delta = np.abs(np.asarray(center, dtype=np.float64)), np.asarray(width, dtype=np.float64)
    b = np.asarray(scale, dtype=np.float64)
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        h = delta / b
        log_half_width = np.log(delta) - np.log(b) - np.log(2.0)
        low, high = (c - delta / 2) / b, (c + delta / 2) / b
        # (1 − e^−x)/x is exprel(−x). Away from 0: e^−low (1 − e^−h)/2.
        beside = -low + np.where(h < 1, log_half_width + np.log(exprel(-h)), np.log(-np.expm1(-h) / 2))
        # Around 0 two pieces add up, p below and q above; where they are wide the rest is what is small.
        share = c / delta
        p, q = np.maximum(-low, 0.0), high
        pieces = (0.5 - share) * exprel(-p) + (0.5 + share) * exprel(-q)
        across = np.where(h < 1, log_half_width + np.log(pieces), np.log1p(-(np.exp(-p) + np.exp(-q)) / 2))
        return np.where(low > 0, beside, across)
