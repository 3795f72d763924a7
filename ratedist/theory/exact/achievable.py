"""An achievable point of the exact rate–distortion function at σ² = 1: a channel, its D and its R.

Derived in docs/exact-rate-distortion.md, sections 2 and 3.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from ratedist.theory.exact import kernel_support, radial_kernel
from ratedist.theory.exact.radial_kernel import AngularRule
from ratedist.theory.exact.radial_source import RadialCells, RadialSource

CELL_LOSS = 2e-5  # nats given away by a channel that looks at cells of radii
DEFERRED = 50.0  # kernel entries this many nats below the best of their row are not evaluated
LOG_TOLERANCE = -20.0  # multiplied by the mean energy, hundreds of nats, in the error bounds


@dataclasses.dataclass(frozen=True)
class Achieved:
    """D and R of a channel at σ² = 1; ``error`` is what of ``R + λD`` allows for the angular rule."""

    distortion: float
    rate: float
    error: float


def achievable_point(
    cells: RadialCells,
    slope: float,
    energy_scale: float,
    rule: AngularRule,
    radius: np.ndarray,
    weights: np.ndarray,
    check: Callable[[], None] = lambda: None,
) -> Achieved:
    """A channel that sees the direction of U and the cell ‖U‖ lies in.

    The cells cover the whole half line and their means are exact, so that neither a quadrature in the
    radius nor a truncation of the source enters; the error bounds of the angular rule are added. Both are
    infinite where those bounds say nothing.
    """
    kernel = radial_kernel.kernel(
        cells, radius, energy_scale, rule, DEFERRED, None, check, with_energies=True
    )
    assert kernel.energies is not None
    normalizer = kernel.values @ weights
    mean_energy = (kernel.energies @ weights) / normalizer
    ranges = radial_kernel.log_range(kernel.steepest, rule)
    relative = rule.error(ranges)
    # |N̂/Ẑ − N/Z| ≤ (2rN/Z + ε)/(1 − r), which is no more than this as long as 7(Ē + 1)r ≤ 1.
    bound = 2 * (relative * mean_energy + rule.energy_error(ranges))
    energy_error = cells.probability @ np.where(7 * (mean_energy + 1) * relative <= 1, bound, np.inf)
    rate_error = cells.probability @ np.where(relative < 0.5, -np.log1p(-np.minimum(relative, 0.5)), np.inf)
    energy = cells.probability @ mean_energy
    rate = -(cells.probability @ (np.log(normalizer) + kernel.log_scale)) - energy
    return Achieved(
        float((energy + energy_error) / slope),
        float(rate + rate_error + energy_error),
        float(rate_error + 2 * energy_error),
    )


def cell_rule(cells: RadialCells, radius: np.ndarray, energy_scale: float, d: int) -> AngularRule:
    """An angular rule fine enough for every atom that a cell reaches.

    It is not the certificate's, which knows nothing of the atoms far out that improbable cells use.
    """
    reached = kernel_support.reached_range(cells, radius, energy_scale, d, DEFERRED)
    return radial_kernel.angular_rule(d, reached, LOG_TOLERANCE)


def cell_edges(source: RadialSource, energy_scale: float) -> np.ndarray:
    """Edges from 0 to ∞ of cells of width ``h ∝ f^{−1/3}``, which minimises ``E Lh²/12``, what they cost."""
    low, high = source.quantiles(1e-12)
    x = np.linspace(low, high, 8001)[1:]
    total = np.cumsum(np.exp(source.log_density(x) / 3)) * (x[1] - x[0])
    count = int(np.ceil(np.sqrt(energy_scale / (12 * CELL_LOSS)) * total[-1] ** 1.5)) + 10
    return np.concatenate([[0.0], np.interp(np.linspace(total[0], total[-1], count), total, x), [np.inf]])
