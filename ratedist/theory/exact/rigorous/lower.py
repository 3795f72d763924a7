r"""The certificate in balls: ``R(D) ≥ E ln s − ln sup_ρ c(ρ) − λD`` with every rounding enclosed.

The multipliers s are those that :mod:`ratedist.theory.exact.certificate` found: heights of Gaussians of
width τ on the source nodes, and a constant beyond either end. They, the steps of the grids and the slope are
exact numbers here; every inequality of docs/exact-rate-distortion.md, sections 3 to 6, is evaluated for them.
"""

from __future__ import annotations

import numpy as np
from flint import arb, arb_mat

from ratedist.theory.exact.certificate import LowerBound
from ratedist.theory.exact.radial_grid import HALF_STENCIL, SUBDIVISION, WIDTH, RadialGrid
from ratedist.theory.exact.rigorous.angle import BallRule
from ratedist.theory.exact.rigorous.ball_source import BallSource
from ratedist.theory.exact.rigorous.balls import Watch, total, unwatched, up_to, upper_maximum
from ratedist.theory.exact.rigorous.mean import mean_log_multiplier
from ratedist.theory.exact.rigorous.upper import left_out, node_ranges

NODES_DEPTH = 28.0  # nats below 1 at which what a node adds to c is bounded rather than summed


def proved_intercept(
    source: BallSource,
    grid: RadialGrid,
    slope: arb,
    rule: BallRule,
    lower: LowerBound,
    watch: Watch = unwatched,
) -> arb:
    """A lower bound on ``R(D) + λD`` for every D, at σ² = 1; −∞ where the error bounds say nothing.

    Args:
        source: law of the source radius.
        grid: nodes of source and reproduction.
        slope: λ.
        rule: angular quadrature.
        lower: the bound in float64: its multipliers are used, ``log_heights`` and ``log_tails``.
        watch: called for every source node and every cell.
    """
    energy_scale = slope * (source.n + 1) / source.n
    step, heights = arb(grid.step), [arb(float(height)).exp() for height in lower.log_heights]
    if not step * (arb(grid.highest + grid.reach) + 0.5) < arb(grid.z_step) * (grid.z_count - HALF_STENCIL):
        return arb.neg_inf()  # the last interval of the interpolation must lie beyond the last source node
    ends = step * grid.lowest, step * (grid.highest + 1)
    log_tails = [arb(constant) for constant in lower.log_tails]
    probabilities = source.tails(*ends)
    constants = [p * constant.exp() for p, constant in zip(probabilities, log_tails, strict=True)]
    # K is at most the rule's, with all its weights, below; and at most its peak at the end, beyond.
    tails = constants[0] * rule.weight_below[-1] + constants[1] * _peak(ends[1], energy_scale, rule)

    # h Σ m(x_k) exceeds ∫m = h Σ heights by the sum of a unit Gaussian over the nodes, if at all.
    mass = step * total(heights) * _lattice_sum().max(arb(1)) + constants[0] + constants[1]
    log_mass = mass.max(arb(1)).log().upper()
    on_grid = _sums_on_grid(grid, energy_scale, rule, heights, watch)
    supremum = (upper_maximum(_between(on_grid)) + tails).max(arb(1))
    log_supremum = supremum.log()
    for error in (
        interpolation_error(grid.z_step, energy_scale, log_mass),
        source_error(grid.step, energy_scale, log_mass),
        rule.error(log_mass),
    ):
        if not error < 1:
            return arb.neg_inf()
        log_supremum -= (1 - error).log()
    mean = mean_log_multiplier(source, grid, heights, watch)
    for p, constant in zip(probabilities, log_tails, strict=True):
        mean += p * constant
    return (mean - log_supremum).lower()


def source_error(step: float, energy_scale: arb, log_mass: arb) -> arb:
    """Θ of the trapezoidal rule in x, for the strip that serves best: all of them give bounds."""
    split, mass = 1.5 * np.sqrt((float(log_mass) + 1) / float(energy_scale)), float(log_mass)
    widths = np.geomspace(_narrowest(energy_scale), 0.7, 800)
    sigma = 4 * np.sin(widths / 2) ** 2
    chi = 2.25 * (1 + 1 / split) * sigma
    bound = widths**2 / (2 * (WIDTH * step) ** 2) + chi * mass - 2 * np.pi * widths / step
    bound += float(energy_scale) * (1 + split) * sigma / np.cos(widths) ** 4
    eta = arb(float(widths[np.argmin(np.where(chi < 0.99, bound, np.inf))]))
    b, h = arb(float(split)), arb(step)
    sigma = 4 * (eta / 2).sin() ** 2
    chi = arb(9) / 4 * (1 + 1 / b) * sigma
    growth = eta**2 / (2 * (arb(WIDTH) * h) ** 2) + energy_scale * (1 + b) * sigma / eta.cos() ** 4
    theta = 2 * (growth + chi * log_mass).exp() / ((2 * arb.pi() * eta / h).exp() - 1)
    return theta if chi <= 1 else arb.pos_inf()


def _narrowest(energy_scale: arb) -> float:
    return min(1e-8, 1e-2 / np.sqrt(float(energy_scale)))


def interpolation_error(z_step: float, energy_scale: arb, log_mass: arb) -> arb:
    """Θ of the interpolated maximum in z; Cauchy's circle is chosen for either of its two parts."""
    split, mass = 1.5 * np.sqrt((float(log_mass) + 1) / float(energy_scale)), float(log_mass)
    radii = np.geomspace(_narrowest(energy_scale), 1.5, 800)
    sigma = 4 * np.sin(radii / 2) ** 2
    chi = (2 + 2.25 / split) * sigma
    growth = np.where(chi < 0.99, float(energy_scale) * (2 + split) * sigma + chi * mass, np.inf)
    b, delta, m = arb(float(split)), arb(z_step), HALF_STENCIL
    stencil = arb(1)
    for i in range(m):
        stencil *= (arb(i) + arb(1) / 2) ** 2
    result = arb(0)
    for power, factor in ((2 * m, stencil), (2, arb(1) / (2 * SUBDIVISION) ** 2)):
        r = arb(float(radii[np.argmin(growth - power * np.log(radii))]))
        sigma_r = 4 * (r / 2).sin() ** 2
        chi_r = (2 + 9 / (4 * b)) * sigma_r
        if not chi_r <= 1:
            return arb.pos_inf()
        result += (energy_scale * (2 + b) * sigma_r + chi_r * log_mass).exp() * factor * (delta / r) ** power
    return result


def _peak(x: arb, energy_scale: arb, rule: BallRule) -> arb:
    """Upper bound on the rule's K at every source radius from x on, and every reproduction radius."""
    s2 = x.tanh() ** 2
    return total(
        w * (-energy_scale * s2 * y / (1 / x.cosh() ** 2 + s2 * y)).exp()
        for w, y in zip(rule.weight, rule.square, strict=True)
    )


def _lattice_sum() -> arb:
    """``Σ_j exp(−j²/(2 WIDTH²))/(WIDTH √2π)`` over all integers j."""
    width = arb(WIDTH)
    terms = [(-arb(j * j) / (2 * width**2)).exp() for j in range(1, 60)]
    rest = (-arb(60 * 60) / (2 * width**2)).exp() / (1 - (-arb(60) / width**2).exp())
    return (1 + 2 * (total(terms) + up_to(rest))) / (width * (2 * arb.pi()).sqrt())


def _sums_on_grid(
    grid: RadialGrid, energy_scale: arb, rule: BallRule, heights: list[arb], watch: Watch = unwatched
) -> list[arb]:
    """``T(z_j) = Σ_k h m(x_k) K(x_k, z_j)`` over all source nodes, by the angular rule, at every z_j."""
    radii = [(arb(grid.z_step) * j).sinh() for j in range(grid.z_count)]
    rho = np.array([float(radius) for radius in radii])
    masses, everywhere = _node_masses(grid, heights, watch)
    sums = [arb(0)] * grid.z_count
    for k, mass in enumerate(masses):
        watch(k / len(masses))
        x = arb(grid.step) * (arb(grid.first + k) + arb(1) / 2)
        s, c = x.tanh(), 1 / x.cosh()
        s2, c2, mixed = energy_scale * s**2, energy_scale * c**2, 2 * energy_scale * s * c

        def aligned(radius: arb, s: arb = s, c: arb = c) -> arb:
            return energy_scale * (radius * c - s) ** 2

        # λd ≥ aligned, which grows on either side of ρ = tan φ: what is far off is bounded at its nearest.
        allowed = -NODES_DEPTH - float(mass.log()) + float(energy_scale) * (rho * float(c) - float(s)) ** 2
        near = np.flatnonzero(allowed < 0)
        start, stop = (int(near[0]), int(near[-1]) + 1) if near.size else (0, grid.z_count)
        for j in ([start - 1] if start > 0 else []) + ([stop] if stop < grid.z_count else []):
            everywhere += mass * (-aligned(radii[j])).exp()
        alpha, beta = float(s2) * rho[start:stop] ** 2, float(mixed) * rho[start:stop]
        first, last = node_ranges(rule, alpha, beta, allowed[start:stop])
        lowest, highest = int(first.min()), int(last.max())
        P = [c2 + s2 * y for y in rule.square[lowest:highest]]
        Q = [mixed * t for t in rule.cosine[lowest:highest]]
        weight = rule.weight[lowest:highest]
        for j, a, b in zip(range(start, stop), first.tolist(), last.tolist(), strict=True):
            radius, value = radii[j], arb(0)
            for i in range(a - lowest, b - lowest):
                value += weight[i] * ((Q[i] - radius * P[i]) * radius - s2).exp()
            left, _ = left_out(rule, a, b, aligned(radius), s2 * radius * radius, mixed * radius)
            sums[j] += mass * (value + up_to(left))
    return [value + up_to(everywhere * rule.weight_below[-1]) for value in sums]


def _node_masses(grid: RadialGrid, heights: list[arb], watch: Watch) -> tuple[list[arb], arb]:
    """``h m(x_k)`` at the nodes of ``grid.x``, all Gaussians counted, and the sum over the nodes left out."""
    width, step = arb(WIDTH), arb(grid.step)
    scale = step / (width * (2 * arb.pi()).sqrt())
    last = grid.highest + grid.reach
    gaussian = [scale * (-arb(j * j) / (2 * width**2)).exp() for j in range(2 * last + 2)]
    masses = []
    for k in range(grid.first, last + 1):
        watch((k - grid.first) / (last + 1 - grid.first))
        # Every Gaussian and its mirror image: node i lies at (i + ½)h, its image at −(i + ½)h.
        masses.append(
            total(
                height * (gaussian[abs(k - i)] + gaussian[k + i + 1])
                for i, height in enumerate(heights, start=grid.lowest)
            )
        )
    # A node left out is more than ``reach`` steps from every Gaussian, images included.
    j = grid.reach + 1
    flank = (-arb(j * j) / (2 * width**2)).exp() / (1 - (-arb(j) / width**2).exp())
    return masses, 4 * scale * flank * total(heights)


def _between(on_grid: list[arb]) -> list[arb]:
    """Values of the local interpolants of an even function, at ``SUBDIVISION`` points of each interval."""
    m = HALF_STENCIL
    values = on_grid[m - 1 : 0 : -1] + on_grid
    stencil = range(1 - m, m + 1)
    columns = []
    for i in range(SUBDIVISION):
        theta = arb(i) / SUBDIVISION
        column = []
        for node in stencil:
            weight = arb(1)
            for other in stencil:
                if other != node:
                    weight *= (theta - other) / (node - other)
            column.append(weight)
        columns.append(column)
    windows = arb_mat([values[i : i + 2 * m] for i in range(len(values) - 2 * m + 1)])
    return (windows * arb_mat(columns).transpose()).entries()
