r"""Means of spectral functions of a real Wishart matrix, ``E Σ_i f(λ_i)``, by deterministic quadrature.

The eigenvalues of ``A ~ Wishart_d(n, I)`` have joint density ∝ ``Π|λ_i − λ_j| Π w(λ_i)``,
``w(x) = x^{(n−d−1)/2} e^{−x/2}``. De Bruijn's integral makes its normalisation a Pfaffian of
``M_jk = ∫ψ_j εψ_k``, ``ψ_k = w p_k`` for any polynomials p_k of degree k < d,
``εψ(x) = ½∫ sgn(x − y)ψ(y)dy`` (bordered by ``∫ψ_k`` if d is odd), and a perturbation of w gives the mean
density of the eigenvalues, ``ρ(x) = ½ tr(M⁻¹ δM(x))``.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from ratedist import _checks

# Above this the weight functions underflow where the polynomials of highest degree live.
LARGEST_DIMENSION = 300
NODES_PER_PANEL = 20
# √λ is kept up to this above the edge √n + √d of the spectrum; its density there is below rounding.
EDGE_MARGIN = 12.0
# Panels are halved this often towards 0, for functions such as 1/(λ + κ) with small κ.
NUM_HALVINGS = 24


def wishart_eigenvalue_quadrature(dimension: int, degrees_of_freedom: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes x and weights with ``E Σ_i f(λ_i) = Σ weights · f(nodes)`` for A ~ Wishart_d(n, I), smooth f.

    Args:
        dimension: 1 ≤ d ≤ 300.
        degrees_of_freedom: n ≥ d.

    Returns:
        Nodes and weights, both shape ``(num_nodes,)``; the weights sum to d.

    Raises:
        ValueError: d or n out of range.

    Source: de Bruijn, J. Indian Math. Soc. 19 (1955) 133–151; docs/bounds.md §5.
    """
    d = _checks.integer("dimension", dimension, 1)
    n = _checks.integer("degrees_of_freedom", degrees_of_freedom, d)
    if d > LARGEST_DIMENSION:
        raise ValueError(f"dimension must be at most {LARGEST_DIMENSION}, got {d}")
    # In s = √x the weight is s^{n−d} e^{−s²/2} ds: smooth at 0, and of one width over the whole spectrum.
    end = np.sqrt(n) + np.sqrt(d) + EDGE_MARGIN
    breaks = np.linspace(0, end, int(np.ceil(end * np.sqrt(d + 1) / 4)) + 4)
    breaks = np.concatenate([[0.0], breaks[1] * 0.5 ** np.arange(NUM_HALVINGS, 0, -1), breaks[1:]])
    half_widths = np.diff(breaks) / 2
    unit, unit_weights = np.polynomial.legendre.leggauss(NODES_PER_PANEL)
    s = (breaks[:-1, None] + half_widths[:, None] * (1 + unit)).ravel()
    ds = (half_widths[:, None] * unit_weights).ravel()

    alpha = max(n - d - 1, 0)
    psi = 2 * s ** (n - d - alpha) * _laguerre_functions(d, alpha, s**2)
    running = _running_integral(psi.reshape(d, -1, NODES_PER_PANEL), half_widths).reshape(d, -1)
    total = psi @ ds
    epsilon = running - total[:, None] / 2
    M = (psi * ds) @ epsilon.T
    M = (M - M.T) / 2
    if d % 2:
        M = np.block([[M, total[:, None]], [-total[None, :], np.zeros((1, 1))]])
        psi, epsilon = np.vstack([psi, np.zeros_like(s)]), np.vstack([epsilon, np.ones_like(s)])
    density = np.sum(psi * np.linalg.solve(M.T, epsilon), axis=0)
    return s**2, density * ds


def _laguerre_functions(count: int, alpha: int, x: np.ndarray) -> np.ndarray:
    """Orthonormal ``p_k(x) x^{α/2} e^{−x/2}`` of Laguerre, k < ``count``, shape ``(count, x.size)``."""
    values = np.empty((count, x.size))
    values[0] = np.exp((alpha * np.log(x) - x - gammaln(alpha + 1)) / 2)
    for k in range(count - 1):
        previous = np.sqrt(k * (k + alpha)) * values[k - 1] if k else 0.0
        values[k + 1] = ((2 * k + 1 + alpha - x) * values[k] - previous) / np.sqrt((k + 1) * (k + 1 + alpha))
    return values


def _running_integral(values: np.ndarray, half_widths: np.ndarray) -> np.ndarray:
    """``∫`` from the start to every node, of values on Gauss–Legendre panels, ``(..., panels, nodes)``."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES_PER_PANEL)
    # Legendre coefficients of the interpolant, integrated term by term from −1.
    vandermonde = np.polynomial.legendre.legvander(nodes, NODES_PER_PANEL - 1)
    to_coefficients = (vandermonde * weights[:, None]).T * (np.arange(NODES_PER_PANEL)[:, None] + 0.5)
    integrated = np.polynomial.legendre.legint(np.eye(NODES_PER_PANEL), lbnd=-1, axis=0)
    matrix = np.polynomial.legendre.legval(nodes, integrated).T @ to_coefficients
    within = half_widths[:, None] * (values @ matrix.T)
    panel_totals = half_widths * (values @ weights)
    return within + (np.cumsum(panel_totals, axis=-1) - panel_totals)[..., None]
