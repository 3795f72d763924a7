r"""A proved lower bound on the exact rate–distortion function, every error in it but rounding.

For any measurable s > 0 on the source radii, ``R(D) ≥ E ln s − λD − ln sup_ρ c(ρ)`` with
``c(ρ) = E[s K(·, ρ)]``. Here s is chosen so that all three parts can be bounded:

* ``m = f s`` (f the source density in x) is a positive mixture of Gaussians of one width τ, centred on the
  nodes of an equispaced grid, so that the trapezoidal rule for c has a geometrically small error;
* ``ln s + x²/2τ²`` is convex, so that tangents bound ``E ln s`` from below, cell by cell;
* beyond both ends of the grid s is a constant, small enough to add next to nothing to c: the source is
  not truncated anywhere, so nothing is owed for a truncation;
* c as a function of z = arcsinh ρ is interpolated, with the error of the interpolation bounded, over all
  of [0, z_max]; beyond the last node of the source it falls.

Rounding in float64 is the only error left out. Proofs: docs/exact-rate-distortion.md, sections 4 to 6.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from scipy import special

from ratedist.theory.exact import radial_kernel, radial_source
from ratedist.theory.exact.multipliers import Mixture, mean_log_multiplier, mixture_at
from ratedist.theory.exact.radial_grid import (
    HALF_STENCIL,
    WIDTH,
    RadialGrid,
    interpolated_maxima,
    interpolation_error,
    source_error,
)
from ratedist.theory.exact.radial_kernel import AngularRule
from ratedist.theory.exact.radial_source import RadialSource
from ratedist.theory.exact.reproduction_law import Lowering

TAIL_SHARE = 1e-6  # what each tail of the source may add to c
MIXTURE_STEPS = 10  # of Van Cittert's iteration, which makes the mixture pass through its targets
BALANCING_STEPS = 12
DEFERRED = 50.0  # kernel entries this many nats below the peak of their row are not evaluated


@dataclasses.dataclass(frozen=True, eq=False)
class LowerBound:
    """``R(D) ≥ intercept − λD``, and what the intercept contains, in nats.

    Attributes:
        intercept: ``mean_log_multiplier − log_supremum``.
        mean_log_multiplier: lower bound on ``E ln s``.
        log_supremum: upper bound on ``ln sup_ρ c(ρ)``, at least 0.
        log_grid_maximum: ``ln max c`` over the grid alone, without any error term.
        source_error: bound on the error of the trapezoidal rule in x, relative to ``max(1, sup c)``.
        angular_error: the same for the mean over the angle.
        interpolation_error: the same for the interpolation in z.
        log_heights: logs of the heights of the Gaussians that make up m, one for each of ``grid.inner``.
        log_tails: ``ln s`` below the first and beyond the last of ``grid.ends``.
    """

    intercept: float
    mean_log_multiplier: float
    log_supremum: float
    log_grid_maximum: float
    source_error: float
    angular_error: float
    interpolation_error: float
    log_heights: np.ndarray
    log_tails: tuple[float, float]


def lower_bound(
    source: RadialSource,
    grid: RadialGrid,
    energy_scale: float,
    rule: AngularRule,
    kernel: radial_kernel.Kernel,
    normalizer: np.ndarray,
    check: Callable[[], None] = lambda: None,
) -> LowerBound:
    """The certified bound that follows from a reproduction law.

    Args:
        source: law of the source radius.
        grid: nodes of source and reproduction.
        energy_scale: L = λσ²(n+1)/n.
        rule: angular quadrature the kernel was evaluated with.
        kernel: that of ``grid.x`` and ``grid.z``, scaled by an upper bound on K over all reproduction radii,
            its depth ``DEFERRED``.
        normalizer: Z of the reproduction law, ``Σ_j q_j K·exp(−log_scale)``, at the nodes ``grid.inner``.
            Any positive numbers give a valid bound; those of the optimal law give a tight one.
        check: called between pieces of the work; it may raise.
    """
    x, inner, log_peak = grid.x, grid.inner, kernel.log_scale
    target = source.log_density(x[inner]) - log_peak[inner] - np.log(normalizer)
    log_heights = target.copy()
    # Where m rises like exp(βx), a Gaussian at x raises m the most at x − βτ².
    raised = x[inner] - np.gradient(target, x[inner]) * (WIDTH * grid.step) ** 2
    ends = [-3, -2, -1] if grid.lowest == 0 else [0, 1, 2, -3, -2, -1]
    everywhere = mixture_at(grid, x)
    within = Mixture(everywhere.position[inner], everywhere.log_gaussian[inner])
    for _ in range(MIXTURE_STEPS):
        check()
        residual = target - within.log_values(log_heights)
        log_heights += np.interp(raised, x[inner], residual)
        # Not at the two ends, where making up for the missing neighbours would push mass outwards.
        log_heights[ends] = np.minimum(log_heights, target)[ends]
    columns_of, lowering = kernel.values.T.tocsr(), Lowering(kernel.values)
    for _ in range(BALANCING_STEPS):
        check()
        log_nodes = everywhere.log_values(log_heights) + np.log(grid.step) + log_peak
        between = interpolated_maxima(columns_of @ np.exp(log_nodes))
        columns = np.concatenate([[between[0]], np.maximum(between[1:], between[:-1]), np.ones(HALF_STENCIL)])
        log_heights -= lowering(columns)[inner]
    nodes = np.exp(everywhere.log_values(log_heights) + np.log(grid.step) + log_peak)

    low, high = source.tails(*grid.ends)
    edge = radial_source.points(grid.ends[1:], np.ones(1))
    log_low = np.log(TAIL_SHARE / low) if low > 0 else 0.0
    log_high = np.log(TAIL_SHARE / high) - float(radial_kernel.log_peak(edge, energy_scale, rule)[0])
    mean_log = mean_log_multiplier(source, grid, log_heights, check) + low * log_low + high * log_high

    log_gaussians = special.logsumexp(log_heights) + np.log(grid.step)
    log_constants = np.logaddexp(log_high + np.log(high), np.log(TAIL_SHARE))
    log_mass = max(0.0, float(np.logaddexp(log_gaussians, log_constants)))
    # Kernel entries not evaluated, and Gaussians not followed beyond ``reach`` steps; the interpolation in z
    # magnifies either less than tenfold.
    left_out = 10 * (np.exp(-DEFERRED) * np.sum(nodes) + np.exp(log_mass - grid.reach**2 / (2 * WIDTH**2)))
    on_grid = columns_of @ nodes
    supremum = max(1.0, float(np.max(interpolated_maxima(on_grid))) + float(left_out) + 2 * TAIL_SHARE)
    quadrature = _exp(source_error(grid.step, energy_scale, log_mass))
    angular = float(rule.error(np.array(log_mass)))
    interpolation = _exp(interpolation_error(grid.z_step, energy_scale, log_mass))
    log_supremum = np.log(supremum)
    for error in (interpolation, quadrature, angular):
        log_supremum -= np.log1p(-error) if error < 1 else -np.inf
    return LowerBound(
        intercept=float(mean_log - log_supremum),
        mean_log_multiplier=float(mean_log),
        log_supremum=float(log_supremum),
        log_grid_maximum=float(np.log(np.max(on_grid))),
        source_error=quadrature,
        angular_error=angular,
        interpolation_error=interpolation,
        log_heights=log_heights,
        log_tails=(float(log_low), float(log_high)),
    )


def _exp(log_error: float) -> float:
    return float(np.exp(min(log_error, 0.0)))
