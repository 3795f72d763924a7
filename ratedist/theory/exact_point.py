r"""One point of the exact rate–distortion function at σ² = 1: optimise, bound from above and from below.

The optimisation runs on a grid and is trusted for nothing. From its reproduction law follow an
achievable point, for the source as it is, and through :mod:`ratedist.theory.certificate` a lower bound.
Derived in docs/exact-rate-distortion.md, sections 2 and 7.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from scipy import sparse

from ratedist.theory import certificate, radial_kernel, radial_source
from ratedist.theory.critical_slope import unit_critical_slope
from ratedist.theory.radial_grid import RadialGrid, radial_grid
from ratedist.theory.radial_kernel import AngularRule
from ratedist.theory.radial_source import RadialCells, RadialSource
from ratedist.theory.reproduction_law import optimal_weights

CERTIFIED_GAP = 1e-3  # nats
TAIL_PROBABILITY = 1e-7
LOG_TOLERANCE = -16.0
CELL_LOSS = 2e-5  # nats given away by the achievable channel, which looks at cells of radii
LARGEST_KERNEL = 100_000_000  # entries, a few per cent of which are stored
FEW_ATOMS = 30


@dataclasses.dataclass(frozen=True)
class Point:
    """One point at σ² = 1, and the line ``intercept_lower − slope·D`` below the curve.

    The zero-rate point carries the line R ≥ 0, at whatever slope it is the optimum.
    """

    slope: float
    distortion: float
    rate: float
    intercept_lower: float
    reason: str


def point_at_slope(
    source: RadialSource,
    slope: float,
    *,
    tail_probability: float | None = None,
    reproduction_limit: float = np.inf,
) -> Point:
    """Solve at σ² = 1. The two keyword arguments exist for the tests, which set them carelessly."""
    if slope <= unit_critical_slope(source):
        # No tangent of this slope: the critical slope is found by search and proves none.
        return Point(0.0, source.d / source.n, 0.0, 0.0, "")
    energy_scale = slope * (source.n + 1) / source.n
    if tail_probability is None:
        tail_probability = _tail_probability(source, energy_scale)
    log_mass = 10 - _log_least_peak(source, energy_scale, tail_probability)
    grid = radial_grid(source, energy_scale, log_mass, tail_probability, LOG_TOLERANCE)
    if grid.x.size * grid.z_count > LARGEST_KERNEL:
        raise ValueError(
            f"slope {slope:g} (at noise variance 1) needs {grid.x.size} by {grid.z_count} kernel entries, "
            f"more than {LARGEST_KERNEL}: use high_rate_asymptote there"
        )
    rule = radial_kernel.angular_rule(source.d, log_mass, LOG_TOLERANCE)
    letters = radial_source.points(grid.x, grid.step * np.exp(source.log_density(grid.x)))
    log_peak = radial_kernel.log_peak(letters, energy_scale, rule)

    def kernel(z: np.ndarray) -> radial_kernel.Kernel:
        return radial_kernel.kernel(letters, np.sinh(z), energy_scale, rule, certificate.DEFERRED, log_peak)

    full = kernel(grid.z)
    z, weights, normalizer = _reproduction_law(grid, letters, full, kernel, reproduction_limit)
    lower = certificate.lower_bound(source, grid, energy_scale, rule, full, normalizer)
    distortion, rate = _achievable_point(source, slope, rule, np.sinh(z), weights)
    return Point(slope, distortion, rate, lower.intercept, _reason(lower, tail_probability))


def _reproduction_law(
    grid: RadialGrid,
    letters: RadialCells,
    full: radial_kernel.Kernel,
    kernel: Callable[[np.ndarray], radial_kernel.Kernel],
    reproduction_limit: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Atoms ``z = arcsinh ρ``, their weights, and the normaliser Z at the nodes ``grid.inner``."""
    allowed = np.sinh(grid.z) <= reproduction_limit
    z, matrix = grid.z[allowed], full.values[grid.inner][:, allowed]
    probability = letters.probability[grid.inner] / np.sum(letters.probability[grid.inner])
    start = np.interp(z, grid.x[grid.inner], probability, left=0.0, right=0.0) + 1e-9
    # A quarter of the nodes carry a smooth law as well as all of them; Newton's method adds others if needed.
    start[np.arange(start.size) % 4 != 0] = 0.0
    weights = optimal_weights(matrix, probability, start, CERTIFIED_GAP / 1000)
    for divisor in (8, 64):
        if np.count_nonzero(weights) > FEW_ATOMS:
            break
        # Near the critical slope D is sensitive to where between two nodes an atom sits.
        offsets = grid.z_step * np.delete(np.arange(-7, 8), 7) / divisor
        added = np.unique(np.abs(z[weights > 0][:, None] + offsets))
        added = added[np.sinh(added) <= reproduction_limit]
        order = np.argsort(np.concatenate([z, added]))
        columns = [matrix.tocsc(), kernel(added).values[grid.inner].tocsc()]
        matrix = sparse.csc_array(sparse.hstack(columns)).tocsr()[:, order]
        z, start = np.concatenate([z, added])[order], np.concatenate([weights, np.zeros(added.size)])[order]
        weights = optimal_weights(matrix, probability, start, CERTIFIED_GAP / 1e5)
    atoms = weights > 0
    return z[atoms], weights[atoms], matrix @ weights


def _log_least_peak(source: RadialSource, energy_scale: float, tail_probability: float) -> float:
    """``ln sup_ρ K`` at the largest radius resolved: how far K ranges, hence how fine the grids must be."""
    edge = radial_source.points(np.array([source.quantiles(tail_probability)[1]]), np.ones(1))
    steepness = energy_scale * edge.sine_squared[0] / edge.cosine_squared[0]
    rough = radial_kernel.angular_rule(source.d, 20 + source.d * np.log1p(2 * steepness), -5.0)
    return float(radial_kernel.log_peak(edge, energy_scale, rough)[0])


def _tail_probability(source: RadialSource, energy_scale: float) -> float:
    """Where the reproduction law ends: the source beyond pays some ``2L/((ν+1)(ν+2))`` nats too much."""
    nu = source.degrees_of_freedom
    return min(TAIL_PROBABILITY, CERTIFIED_GAP / 40 * (nu + 1) * (nu + 2) / energy_scale)


def _reason(lower: certificate.LowerBound, tail_probability: float) -> str:
    errors = {
        "source quadrature": lower.source_error,
        "angular quadrature": lower.angular_error,
        "interpolation in the reproduction radius": lower.interpolation_error,
    }
    name = max(errors, key=errors.__getitem__)
    if errors[name] > CERTIFIED_GAP / 4:
        return f"the error bound of the {name} is {errors[name]:.2g}"
    return (
        "the reproduction law is not optimal enough, or the source is cut off too early "
        f"(ln sup c = {lower.log_supremum:.2g}, tail probability {tail_probability:.2g})"
    )


def _achievable_point(
    source: RadialSource, slope: float, rule: AngularRule, radius: np.ndarray, weights: np.ndarray
) -> tuple[float, float]:
    """Distortion and rate at σ² = 1 of a channel that sees the direction of U and the cell ‖U‖ lies in.

    The cells cover the whole half line and their means are exact, so that neither a quadrature in the
    radius nor a truncation of the source enters; the error bounds of the angular rule are added.
    """
    energy_scale = slope * (source.n + 1) / source.n
    cells = source.cells(_cell_edges(source, energy_scale))
    kernel = radial_kernel.kernel(cells, radius, energy_scale, rule, certificate.DEFERRED)
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
    return float((energy + energy_error) / slope), float(rate + rate_error + energy_error)


def _cell_edges(source: RadialSource, energy_scale: float) -> np.ndarray:
    """Edges from 0 to ∞ of cells of width ``h ∝ f^{−1/3}``, which minimises ``E Lh²/12``, what they cost."""
    low, high = source.quantiles(1e-12)
    x = np.linspace(low, high, 8001)[1:]
    total = np.cumsum(np.exp(source.log_density(x) / 3)) * (x[1] - x[0])
    count = int(np.ceil(np.sqrt(energy_scale / (12 * CELL_LOSS)) * total[-1] ** 1.5)) + 10
    return np.concatenate([[0.0], np.interp(np.linspace(total[0], total[-1], count), total, x), [np.inf]])
