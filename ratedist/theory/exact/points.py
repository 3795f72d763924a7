r"""One point of the exact rate–distortion function at σ² = 1: optimise, bound from above and from below.

The optimisation runs on a grid and is trusted for nothing. From its reproduction law follow an
achievable point, for the source as it is, and through :mod:`ratedist.theory.exact.certificate` a lower bound.
Derived in docs/exact-rate-distortion.md, sections 2 and 7.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from scipy import sparse

from ratedist.theory.exact import certificate, radial_kernel, radial_source
from ratedist.theory.exact.achievable import Achieved, achievable_point, cell_edges, cell_rule
from ratedist.theory.exact.certificate import LowerBound
from ratedist.theory.exact.criticality import least_critical_slope, local_critical_slope, unit_critical_slope
from ratedist.theory.exact.effort import UnsolvedError
from ratedist.theory.exact.multipliers import CELLS_PER_WIDTH
from ratedist.theory.exact.radial_grid import RadialGrid, radial_grid
from ratedist.theory.exact.radial_kernel import AngularRule
from ratedist.theory.exact.radial_source import RadialCells, RadialSource
from ratedist.theory.exact.reproduction_law import optimal_weights

CERTIFIED_GAP = 1e-3  # nats
CERTIFIED_RELATIVE_GAP = 1e-2  # share of the rate
TAIL_PROBABILITY = 1e-7
# Wider ranges of radii, tried in turn where the gap stays above CERTIFIED_GAP: the probability left out below
# and the factor on that left out above. Just above the critical slope atoms of weight 10⁻¹² matter.
WIDER = ((1e-40, 1e-3), (1e-120, 1e-6))
LOG_TOLERANCE = -16.0
LARGEST_KERNEL = 400_000_000  # entries, one per cent of which are stored
FEW_ATOMS = 30
LEAST_WEIGHT = 1e-200


@dataclasses.dataclass(frozen=True, eq=False)
class Construction:
    """What the two bounds of a point are made of: enough to evaluate them again, in other arithmetic.

    Attributes:
        source: law of the source radius.
        energy_scale: L = λ(n+1)/n, at σ² = 1.
        radius: ρ of the atoms of the reproduction law, shape ``(k,)``, rising.
        weights: their probabilities, shape ``(k,)``.
        cell_edges: edges in x of the cells of source radii that the achievable channel looks at, 0 to ∞.
        cell_rule: angular rule of the achievable point.
        grid: nodes of the certificate.
        rule: angular rule of the certificate.
        lower: the certificate: heights of the Gaussians of m, constants in the tails, and all error bounds.
        cells_per_width: cells of ``E ln s`` in a width of those Gaussians, ``2w`` each.
    """

    source: RadialSource
    energy_scale: float
    radius: np.ndarray
    weights: np.ndarray
    cell_edges: np.ndarray
    cell_rule: AngularRule
    grid: RadialGrid
    rule: AngularRule
    lower: LowerBound
    cells_per_width: int


@dataclasses.dataclass(frozen=True)
class Point:
    """One point at σ² = 1, and the line ``intercept_lower − slope·D`` below the curve; all numbers finite.

    The zero-rate point carries the line R ≥ 0, at whatever slope it is the optimum, and no construction.
    """

    slope: float
    distortion: float
    rate: float
    intercept_lower: float
    reason: str
    construction: Construction | None = None

    @property
    def gap(self) -> float:
        """Rate minus the tangent at the same distortion, nats."""
        return self.rate - (self.intercept_lower - self.slope * self.distortion)


def zero_rate_point(source: RadialSource) -> Point:
    """``(d/n, 0)``, exact at every slope up to the critical one."""
    return Point(0.0, source.d / source.n, 0.0, 0.0, "")


def point_at_slope(
    source: RadialSource,
    slope: float,
    *,
    tail_probability: float | None = None,
    reproduction_limit: float = np.inf,
    check: Callable[[], None] = lambda: None,
) -> Point:
    """Solve at σ² = 1.

    Args:
        source: law of the source radius.
        slope: λ > 0.
        tail_probability: for the tests, which set it carelessly; otherwise chosen, and lowered if need be.
        reproduction_limit: for the tests, which set it carelessly.
        check: called between pieces of the work; it may raise.

    Raises:
        UnsolvedError: more kernel entries than ``LARGEST_KERNEL``, or error bounds that say nothing.
    """
    certain = slope > local_critical_slope(source)
    if slope <= least_critical_slope(source) or not (certain or slope > unit_critical_slope(source, check)):
        # No tangent of this slope: the critical slope is found by search and proves none.
        return zero_rate_point(source)
    if tail_probability is not None:
        tails = tail_probability / 1e6, tail_probability
        return _solve(source, slope, tails, reproduction_limit, check)
    high = _tail_probability(source, slope)
    # Below the typical radii the source is light-tailed, so that little is saved by stopping early there.
    best = _solve(source, slope, (high / 1e6, high), reproduction_limit, check)
    for low, factor in WIDER:
        if best.gap <= CERTIFIED_GAP or reproduction_limit < np.inf:
            break
        try:
            wider = _solve(source, slope, (low, high * factor), reproduction_limit, check)
        except UnsolvedError:
            break
        best = min(best, wider, key=lambda point: point.gap)
    return best


def _solve(
    source: RadialSource,
    slope: float,
    tail_probabilities: tuple[float, float],
    reproduction_limit: float,
    check: Callable[[], None],
) -> Point:
    """A point from nodes that leave out these probabilities of the smallest and the largest radii."""
    energy_scale = slope * (source.n + 1) / source.n
    log_mass = 10 - _log_least_peak(source, energy_scale, tail_probabilities[1])
    grid = radial_grid(source, energy_scale, log_mass, tail_probabilities, LOG_TOLERANCE)
    entries = float(grid.x.size) * grid.z_count
    if entries > LARGEST_KERNEL:
        raise UnsolvedError(
            f"slope {slope:g} (at noise variance 1) needs {grid.x.size} by {grid.z_count} kernel entries, "
            f"more than {LARGEST_KERNEL}: high_rate_asymptote is accurate at high rates"
        )
    rule = radial_kernel.angular_rule(source.d, log_mass, LOG_TOLERANCE, with_energies=False)
    letters = radial_source.points(grid.x, grid.step * np.exp(source.log_density(grid.x)))
    log_peak = radial_kernel.log_peak(letters, energy_scale, rule)

    def kernel(z: np.ndarray) -> radial_kernel.Kernel:
        return radial_kernel.kernel(
            letters, np.sinh(z), energy_scale, rule, certificate.DEFERRED, log_peak, check
        )

    full = kernel(grid.z)
    law = _reproduction_law(grid, letters, full, kernel, reproduction_limit, check)
    lower = certificate.lower_bound(source, grid, energy_scale, rule, full, law.normalizer, check)
    radius, edges = np.sinh(law.z), cell_edges(source, energy_scale)
    cells = source.cells(edges)
    finer_rule = cell_rule(cells, radius, energy_scale, source.d)
    achieved = achievable_point(cells, slope, energy_scale, finer_rule, radius, law.weights, check)
    if not np.isfinite([achieved.distortion, achieved.rate, lower.intercept]).all():
        raise UnsolvedError(
            "an error bound that says nothing: "
            + (
                _largest_error(lower)
                if achieved.error < np.inf
                else "angular quadrature of the achievable point"
            )
        )
    return Point(
        slope,
        achieved.distortion,
        achieved.rate,
        lower.intercept,
        _reason(achieved, slope, law.objective, lower, tail_probabilities),
        Construction(
            source,
            energy_scale,
            radius,
            law.weights,
            edges,
            finer_rule,
            grid,
            rule,
            lower,
            CELLS_PER_WIDTH,
        ),
    )


@dataclasses.dataclass(frozen=True, eq=False)
class _Law:
    """Atoms ``z = arcsinh ρ``, their weights, Z at the nodes ``grid.inner``, and ``−E ln Z`` on the nodes."""

    z: np.ndarray
    weights: np.ndarray
    normalizer: np.ndarray
    objective: float


def _reproduction_law(
    grid: RadialGrid,
    letters: RadialCells,
    full: radial_kernel.Kernel,
    kernel: Callable[[np.ndarray], radial_kernel.Kernel],
    reproduction_limit: float,
    check: Callable[[], None],
) -> _Law:
    allowed = np.sinh(grid.z) <= reproduction_limit
    z, matrix = grid.z[allowed], full.values[grid.inner][:, allowed]
    probability = letters.probability[grid.inner] / np.sum(letters.probability[grid.inner])
    start = np.interp(z, grid.x[grid.inner], probability, left=0.0, right=0.0) + 1e-9
    # A quarter of the nodes carry a smooth law as well as all of them; Newton's method adds others if needed.
    start[np.arange(start.size) % 4 != 0] = 0.0
    weights = optimal_weights(matrix, probability, start, CERTIFIED_GAP / 1000, check)
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
        weights = optimal_weights(matrix, probability, start, CERTIFIED_GAP / 1e5, check)
    # Not those on the way to underflow: a cell that has no other atom would be left with a sum of 0.
    weights = np.where(weights > LEAST_WEIGHT, weights, 0.0)
    atoms = weights > 0
    normalizer = matrix @ weights
    objective = -float(probability @ (np.log(normalizer) + full.log_scale[grid.inner]))
    return _Law(z[atoms], weights[atoms], normalizer, objective)


def _log_least_peak(source: RadialSource, energy_scale: float, tail_probability: float) -> float:
    """``ln sup_ρ K`` at the largest radius resolved: how far K ranges, hence how fine the grids must be."""
    edge = radial_source.points(np.array([source.quantiles(tail_probability)[1]]), np.ones(1))
    steepness = energy_scale * edge.sine_squared[0] / edge.cosine_squared[0]
    rough = radial_kernel.angular_rule(source.d, 20 + source.d * np.log1p(2 * steepness), -5.0)
    return float(radial_kernel.log_peak(edge, energy_scale, rough)[0])


def _tail_probability(source: RadialSource, slope: float) -> float:
    """Where the reproduction law ends: the source beyond pays some ``2L/((ν+1)(ν+2))`` nats too much."""
    energy_scale, nu = slope * (source.n + 1) / source.n, source.degrees_of_freedom
    return min(TAIL_PROBABILITY, CERTIFIED_GAP / 40 * (nu + 1) * (nu + 2) / energy_scale)


def _reason(
    achieved: Achieved,
    slope: float,
    objective: float,
    lower: LowerBound,
    tail_probabilities: tuple[float, float],
) -> str:
    """Where most of the gap comes from, whether or not it is small enough."""
    quadratures = lower.log_supremum - max(lower.log_grid_maximum, 0.0)
    parts = {
        f"the {_largest_error(lower)} of the lower bound": quadratures,
        "the angular quadrature of the achievable point": achieved.error,
        "the cells of radii and the source beyond the last atoms of the reproduction law": (
            achieved.rate + slope * achieved.distortion - objective - achieved.error
        ),
        "the lowering of the multipliers to c ≤ 1: the law is not optimal, or the nodes leave out too much "
        f"({tail_probabilities[0]:.2g} and {tail_probabilities[1]:.2g} of the radii)": (
            objective - lower.mean_log_multiplier + max(lower.log_grid_maximum, 0.0)
        ),
    }
    name = max(parts, key=parts.__getitem__)
    return f"{parts[name]:.2g} nats of it from {name}"


def _largest_error(lower: LowerBound) -> str:
    errors = {
        "source quadrature": lower.source_error,
        "angular quadrature": lower.angular_error,
        "interpolation in the reproduction radius": lower.interpolation_error,
    }
    return max(errors, key=errors.__getitem__)
