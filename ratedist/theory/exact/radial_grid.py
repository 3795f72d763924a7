r"""The grids of the certificate, and proved bounds on the errors made by using them.

The source radius is sinh x, the reproduction radius sinh z. In both variables the kernel is analytic near
the real axis and grows there by little more than a Gaussian factor, so that the trapezoidal rule in x and
local polynomial interpolation in z converge geometrically. Proofs: docs/exact-rate-distortion.md, sections 4
and 6.
"""

from __future__ import annotations

import bisect
import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from ratedist.theory.exact.radial_source import RadialSource

WIDTH = 1.0  # of the Gaussians that carry the multipliers, in steps of the source grid
HALF_STENCIL = 8  # the interpolation in z uses 2·8 points
SUBDIVISION = 128  # points tried between two of the z grid
LOG_INTERPOLATION_TOLERANCE = -12.0
SHRINKAGE = 0.97  # steps are tried in this ratio


@dataclasses.dataclass(frozen=True, eq=False)
class RadialGrid:
    """Source nodes ``x_k = (k + ½)h``, ``k = first…last``, and reproduction nodes ``z_j = jδ``, ``j = 0…``.

    Nodes ``lowest…highest`` carry a Gaussian each; the ``reach`` nodes on either side of them (cut off at
    the origin, where everything is reflected) serve to integrate the flanks.
    """

    step: float
    lowest: int
    highest: int
    reach: int
    z_step: float
    z_count: int

    @property
    def first(self) -> int:
        """Index of the first source node."""
        return max(0, self.lowest - self.reach)

    @property
    def x(self) -> np.ndarray:
        """All source nodes."""
        return self.step * (np.arange(self.first, self.highest + self.reach + 1) + 0.5)

    @property
    def inner(self) -> slice:
        """Positions in ``x`` of the nodes that carry a Gaussian."""
        return slice(self.lowest - self.first, self.highest - self.first + 1)

    @property
    def ends(self) -> np.ndarray:
        """The two radii beyond which s is constant; the first may be 0."""
        return self.step * np.array([self.lowest, self.highest + 1.0])

    @property
    def z(self) -> np.ndarray:
        """All reproduction nodes."""
        return self.z_step * np.arange(self.z_count)


def radial_grid(
    source: RadialSource,
    energy_scale: float,
    log_mass: float,
    tail_probabilities: tuple[float, float],
    log_tolerance: float,
) -> RadialGrid:
    """Steps for which both error bounds stay below ``exp(log_tolerance)``, provided ``ln ∫m ≤ log_mass``.

    The nodes that carry a Gaussian leave out these probabilities of the smallest and of the largest radii.
    """
    x_low, x_high = source.quantiles(tail_probabilities[0])[0], source.quantiles(tail_probabilities[1])[1]
    step = coarsest_step(
        (x_high - x_low) / 90, lambda step: source_error(step, energy_scale, log_mass) <= log_tolerance
    )
    z_step = coarsest_step(
        step, lambda step: interpolation_error(step, energy_scale, log_mass) <= LOG_INTERPOLATION_TOLERANCE
    )
    reach = int(np.ceil(WIDTH * np.sqrt(2 * (log_mass - 2 * log_tolerance))))
    highest = int(x_high / step)
    z_count = int(np.ceil((highest + reach + 1) * step / z_step)) + HALF_STENCIL + 1
    return RadialGrid(step, int(x_low / step), highest, reach, z_step, z_count)


def coarsest_step(start: float, fine_enough: Callable[[float], bool]) -> float:
    """The largest of the steps ``start · 0.97^k`` that is fine enough, as smaller ones then are too."""

    def after(shrinkages: int) -> bool:
        return fine_enough(start * SHRINKAGE**shrinkages)

    enough = 1
    while not after(enough):
        enough *= 2
    return start * SHRINKAGE ** bisect.bisect_left(range(enough), True, key=after)


def source_error(step: float, energy_scale: float, log_mass: float) -> float:
    """Log of the relative error of the trapezoidal rule in x, least over the half-widths of the strip."""
    eta = np.geomspace(_narrowest(energy_scale), 0.7, 800)
    sigma = 4 * np.sin(eta / 2) ** 2
    split = 1.5 * np.sqrt((log_mass + 1) / energy_scale)
    chi = 2.25 * (1 + 1 / split) * sigma
    growth = eta**2 / (2 * (WIDTH * step) ** 2) + energy_scale * (1 + split) * sigma / np.cos(eta) ** 4
    decay = 2 * np.pi * eta / step
    bound = np.log(2) + growth + chi * log_mass - decay - np.log1p(-np.exp(-decay))
    return float(np.min(bound[chi <= 1]))


def _narrowest(energy_scale: float) -> float:
    """Half-width of the narrowest strip tried: the useful ones are some 1/√L wide."""
    return min(1e-8, 1e-2 / np.sqrt(energy_scale))


def interpolation_error(z_step: float, energy_scale: float, log_mass: float) -> float:
    """Log of the relative error of the interpolated maximum in z, least over the radii of Cauchy's circle."""
    radius = np.geomspace(_narrowest(energy_scale), 1.5, 800)
    sigma = 4 * np.sin(radius / 2) ** 2
    split = 1.5 * np.sqrt((log_mass + 1) / energy_scale)
    chi = (2 + 2.25 / split) * sigma
    growth = energy_scale * (2 + split) * sigma + chi * log_mass
    m = HALF_STENCIL
    stencil = 2 * np.sum(np.log(np.arange(m) + 0.5))
    polynomial = growth + stencil + 2 * m * np.log(z_step / radius)
    between = growth + 2 * np.log(z_step / (2 * SUBDIVISION * radius))
    return float(np.logaddexp(np.min(polynomial[chi <= 1]), np.min(between[chi <= 1])))


def interpolated_maxima(on_grid: np.ndarray) -> np.ndarray:
    """Largest value, on each interval ``[jδ, (j+1)δ]``, of the local interpolant of an even function."""
    m = HALF_STENCIL
    values = np.concatenate([on_grid[m - 1 : 0 : -1], on_grid])
    windows = np.lib.stride_tricks.sliding_window_view(values, 2 * m)
    return np.max(windows @ _stencils(), axis=1)


@functools.cache
def _stencils() -> np.ndarray:
    """Weights of the 2m points of a window at each of the places tried in its middle interval."""
    stencil = np.arange(1 - HALF_STENCIL, HALF_STENCIL + 1)
    theta = np.arange(SUBDIVISION) / SUBDIVISION
    weights = np.ones((stencil.size, SUBDIVISION))
    for row, node in enumerate(stencil):
        others = stencil[stencil != node]
        weights[row] = np.prod((theta[:, None] - others) / (node - others), axis=1)
    return weights
