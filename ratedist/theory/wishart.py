r"""Means of spectral functions of a real Wishart matrix, ``E Σ_i f(λ_i)``, by deterministic quadrature.

The eigenvalues of ``A ~ Wishart_d(n, I)`` have joint density ∝ ``Π|λ_i − λ_j| Π λ_i^{(n−d−1)/2} e^{−λ_i/2}``.
With the orthonormal Laguerre functions ``φ_k`` of the weight ``x^a e^{−x}``, a = n − d, their mean density is

    ρ(x) = Σ_{k≤d−2} φ_k(x)² + x^{−½} φ_{d−1}(x) [c − ½√((d−1)(n−1)) (εf)(x)],   f(t) = t^{−½} φ_{d−2}(t),

``εf(x) = ½∫ sgn(x − t) f(t) dt``; c is 0 for even d and ``1/∫ t^{−½} φ_{d−1}`` for odd d.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from ratedist import _checks

# Means of powers were checked up to here; the time grows as d².
LARGEST_DIMENSION = 5000
NODES_PER_PANEL = 20
# √λ is kept up to this beyond the edges √n ± √d of the spectrum; its density there is below rounding.
EDGE_MARGIN = 12.0
# Panels are halved this often towards 0, for functions such as 1/(λ + κ) with small κ.
NUM_HALVINGS = 24
# The functions are rescaled every so many steps of their recurrence, long before they overflow.
STEPS_PER_SCALE = 8
# Above this ln Γ is by Stirling's series, whose cancellation is done by hand.
MANY = 1e3


def wishart_eigenvalue_quadrature(dimension: int, degrees_of_freedom: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes x and weights with ``E Σ_i f(λ_i) = Σ weights · f(nodes)`` for A ~ Wishart_d(n, I), smooth f.

    Args:
        dimension: 1 ≤ d ≤ 5000.
        degrees_of_freedom: n ≥ d.

    Returns:
        Nodes and weights, both shape ``(num_nodes,)``; the weights sum to d.

    Raises:
        ValueError: d or n out of range.

    Source: Adler, Forrester, Nagao & van Moerbeke, J. Stat. Phys. 99 (2000) 141–170; docs/bounds.md §5.
    """
    d = _checks.integer("dimension", dimension, 1)
    n = _checks.integer("degrees_of_freedom", degrees_of_freedom, d)
    if d > LARGEST_DIMENSION:
        raise ValueError(f"dimension must be at most {LARGEST_DIMENSION}, got {d}")
    # In s = √x the density is smooth at 0, and of one width over the whole spectrum.
    start = max(np.sqrt(n) - np.sqrt(d) - EDGE_MARGIN, 0.0)
    end = np.sqrt(n) + np.sqrt(d) + EDGE_MARGIN
    breaks = np.linspace(start, end, int(np.ceil((end - start) * np.sqrt(d + 1) / 4)) + 4)
    if start == 0:
        breaks = np.concatenate([[0.0], breaks[1] * 0.5 ** np.arange(NUM_HALVINGS, 0, -1), breaks[1:]])
    half_widths = np.diff(breaks) / 2
    unit, unit_weights = np.polynomial.legendre.leggauss(NODES_PER_PANEL)
    s = (breaks[:-1, None] + half_widths[:, None] * (1 + unit)).ravel()
    ds = (half_widths[:, None] * unit_weights).ravel()

    kernel, before, last = _laguerre_functions(d, n - d, s**2)
    # x^{−½}φ(x) dx = 2φ(s²) ds.
    running = _running_integral(2 * before.reshape(-1, NODES_PER_PANEL), half_widths).ravel()
    epsilon = running - before @ ds
    bracket = -np.sqrt((d - 1) * (n - 1)) / 2 * epsilon
    if d % 2:
        bracket += 1 / (2 * last @ ds)
    return s**2, (kernel * 2 * s + 2 * last * bracket) * ds


def _laguerre_functions(count: int, alpha: int, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``Σ_{k≤count−2} φ_k²``, ``φ_{count−2}`` (0 if there is none) and ``φ_{count−1}`` at x > 0.

    By their three-term recurrence; a scale of each node apart keeps those that start below all floats.
    """
    log_scale = _log_first(alpha, x)
    previous, value, squares = np.zeros_like(x), np.ones_like(x), np.zeros_like(x)
    for k in range(count - 1):
        squares += value**2
        following = (2 * k + 1 + alpha - x) * value - np.sqrt(k * (k + alpha)) * previous
        previous, value = value, following / np.sqrt((k + 1) * (k + 1 + alpha))
        if k % STEPS_PER_SCALE == STEPS_PER_SCALE - 1:
            size = np.maximum(np.abs(value), np.abs(previous))
            value, previous, squares = value / size, previous / size, squares / size**2
            log_scale += np.log(size)
    scale = np.exp(log_scale)
    # Of a scale so small that its square vanishes the sum may still be large.
    with np.errstate(divide="ignore"):
        return np.exp(2 * log_scale + np.log(squares)), previous * scale, value * scale


def _log_first(alpha: int, x: np.ndarray) -> np.ndarray:
    """``ln φ_0 = (α ln x − x − ln α!)/2``, without cancellation for large α near x = α."""
    if alpha == 0:
        return -x / 2
    far = np.abs(x - alpha) > alpha / 2
    t = np.where(far, 0.0, x / alpha - 1)
    excess = np.where(far, np.log(x / alpha) - (x / alpha - 1), np.log1p(t) - t)
    if alpha > MANY:
        normalisation = -np.log(2 * np.pi * alpha) / 2 - 1 / (12 * alpha)
    else:
        normalisation = alpha * np.log(alpha) - alpha - float(gammaln(alpha + 1))
    return (alpha * excess + normalisation) / 2


def _running_integral(values: np.ndarray, half_widths: np.ndarray) -> np.ndarray:
    """``∫`` from the start to every node, of values on Gauss–Legendre panels, ``(panels, nodes)``."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES_PER_PANEL)
    # Legendre coefficients of the interpolant, integrated term by term from −1.
    vandermonde = np.polynomial.legendre.legvander(nodes, NODES_PER_PANEL - 1)
    to_coefficients = (vandermonde * weights[:, None]).T * (np.arange(NODES_PER_PANEL)[:, None] + 0.5)
    integrated = np.polynomial.legendre.legint(np.eye(NODES_PER_PANEL), lbnd=-1, axis=0)
    matrix = np.polynomial.legendre.legval(nodes, integrated).T @ to_coefficients
    within = half_widths[:, None] * (values @ matrix.T)
    panel_totals = half_widths * (values @ weights)
    return within + (np.cumsum(panel_totals) - panel_totals)[:, None]
