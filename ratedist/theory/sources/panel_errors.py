r"""Bounds on the Gauss–Legendre sums of :mod:`ratedist.theory.sources.continuous`: what quadrature may cost.

Take a panel of half-width ℓ, and a function bounded by M on the ellipse with foci at the panel's ends and
semi-axes ``ℓ(ρ ± 1/ρ)/2``. With N nodes its integral errs by at most ``4.01 ℓ M ρ^{−2N}/(1 − ρ^{−2})``.
In the integrands only the denominator ``Z(x) = e^{−λx²} G(x)``, ``G = ∫ e^{2λxy} ν(dy)``, could vanish. It
does not where the posterior of the output is narrow against the ellipse. Proofs: docs/bounds.md, section 6.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.special import logsumexp

# Sizes of the ellipses tried on every panel: the smallest bound is taken.
RHO = np.array([1.2, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0])


@dataclasses.dataclass(frozen=True)
class PanelErrors:
    """Bounds on the errors of four integrals over some panels, against a density; infinite if there is none.

    Attributes:
        log_normalizer: of ``∫ ln Z``.
        multiplied_kernel: of ``∫ K(x, y)/Z(x)``, at every y.
        distortion: of ``∫ E[(x − Y)² | x]``.
        output: of ``∫ P(Y = y | x)``, for every atom y.
    """

    log_normalizer: float
    multiplied_kernel: float
    distortion: float
    output: float


def panel_errors(
    low: np.ndarray,
    high: np.ndarray,
    decay: float,
    places: np.ndarray,
    masses: np.ndarray,
    slope: float,
    num_nodes: int,
) -> PanelErrors:
    """Sums over the panels of the bounds for each.

    Args:
        low, high: ends of the panels, shape ``(m,)``.
        decay: the density is ``exp(−decay·x)``: 0 for the uniform source, 1 for the Laplace source.
        places, masses: |y| of the atoms and their masses, shape ``(k,)``.
        slope: λ.
        num_nodes: N ≥ 11, on each panel.
    """
    center, half = (low + high) / 2, (high - low) / 2
    y = np.concatenate([places, -places])
    log_weight = np.log(np.concatenate([masses, masses]) / 2) - slope * (center[:, None] - y) ** 2
    log_z = np.asarray(logsumexp(log_weight, axis=1))
    posterior = np.exp(log_weight - log_z[:, None])
    mean = posterior @ y
    deviation = y - mean[:, None]
    errors = np.full((4, center.size), np.inf)
    for rho in RHO:
        across, up = half * (rho + 1 / rho) / 2, half * (rho - 1 / rho) / 2
        # E e^{±a(Y − m)} and E (Y − m)² e^{±a(Y − m)} are convex in a: their largest values are at the ends.
        with np.errstate(over="ignore", invalid="ignore"):
            tilts = [np.exp(sign * 2 * slope * across[:, None] * deviation) for sign in (1, -1)]
            growth = np.max([np.sum(posterior * tilt, axis=1) for tilt in tilts], axis=0)
            spread = np.max([np.sum(posterior * deviation**2 * tilt, axis=1) for tilt in tilts], axis=0)
            # |G(u + iv)| ≥ share·G(u) on the ellipse.
            share = 1 - 2 * slope**2 * up**2 * spread
            usable = share > 0
            share = np.where(usable, share, 1.0)
            reach = across * (2 * center + across) + 2 * np.abs(mean) * across
            peak = np.max(
                [slope * ((center + end) ** 2 - center**2 - 2 * mean * end) for end in (across, -across)],
                axis=0,
            )
            bounds = np.stack([
                np.abs(log_z) + slope * reach + np.maximum(np.log(growth), -np.log(share)) + np.pi / 2,
                np.exp(peak - log_z) / share,
                (up**2 + 2 * (np.abs(center - mean) + across) ** 2 + 2 * spread) / share,
                1 / share,
            ])  # fmt: skip
            density = np.exp(-decay * (center - across))
            gauss = 4.01 * half * rho ** (-2.0 * num_nodes) / (1 - rho**-2.0)
            errors = np.fmin(errors, np.where(usable, bounds * density * gauss, np.inf))
    return PanelErrors(*(float(total) for total in errors.sum(axis=1)))
