r"""``E ln s`` in balls, from below, by tangents to the convex ``ln s + x²/2τ²`` on small cells.

Derived in docs/exact-rate-distortion.md, section 5; the same as in :mod:`ratedist.theory.exact.multipliers`.
"""

from __future__ import annotations

import math

from flint import arb, arb_mat

from ratedist.theory.exact.multipliers import CELLS_PER_WIDTH, STEEPEST_FLAT, WINDOW
from ratedist.theory.exact.radial_grid import WIDTH, RadialGrid
from ratedist.theory.exact.rigorous.ball_source import BallSource
from ratedist.theory.exact.rigorous.balls import Watch, unwatched


def mean_log_multiplier(
    source: BallSource, grid: RadialGrid, heights: list[arb], watch: Watch = unwatched
) -> arb:
    """Lower bound on the part of ``E ln s`` between ``grid.ends``, where s is at least m/f.

    Args:
        source: law of the source radius.
        grid: its nodes carry the Gaussians of m.
        heights: of those Gaussians, one for each of ``grid.inner``.
        watch: called for every cell.
    """
    step, per_step = arb(grid.step), math.ceil(CELLS_PER_WIDTH / WIDTH)
    cells = (grid.highest + 1 - grid.lowest) * per_step
    # Edges and middles of cells are exact fractions of the step.
    edges = [step * (arb(grid.lowest * per_step + i) / per_step) for i in range(cells + 1)]
    middles = [step * (arb(2 * (grid.lowest * per_step + i) + 1) / (2 * per_step)) for i in range(cells)]
    half, width = step / (2 * per_step), arb(WIDTH) * step
    probabilities = source.cell_probabilities(edges)
    slopes = [source.log_density_slope(x.tanh(), x.cosh()) if x > 0 else None for x in edges]
    result = arb(0)
    for i, (y, (m, derivative)) in enumerate(zip(middles, _mixture(grid, heights, per_step), strict=True)):
        watch(i / cells)
        tanh, cosh = y.tanh(), y.cosh()
        slope = derivative / m - source.log_density_slope(tanh, cosh)
        # f is log-concave: its mean on a cell lies between those of the exponentials with its two end slopes.
        offset = _exponential_mean(slopes[i + 1], half).union(_exponential_mean(slopes[i], half))
        spread = _largest_spread(slopes[i], slopes[i + 1], half)
        result += probabilities[i] * (
            m.log() - source.log_density(tanh, cosh) + _least(slope, offset) - spread / (2 * width**2)
        )
    return result


def _mixture(grid: RadialGrid, heights: list[arb], per_step: int) -> list[tuple[arb, arb]]:
    """m and its derivative at the middles of the cells, without Gaussians farther than ``WINDOW`` steps."""
    width, step = arb(WIDTH), arb(grid.step)
    rows = []
    for q in range(grid.lowest, grid.highest + 1):
        nodes = range(q - WINDOW, q + WINDOW + 1)
        folded = [node if node >= 0 else -1 - node for node in nodes]
        rows.append([
            heights[i - grid.lowest] if grid.lowest <= i <= grid.highest else arb(0) for i in folded
        ])  # fmt: skip
    values, derivatives = [], []
    for j in range(-WINDOW, WINDOW + 1):
        # In steps, from the node that is j steps off to every middle of a step's cells.
        distances = [arb(2 * i + 1) / (2 * per_step) - j - arb(1) / 2 for i in range(per_step)]
        scale = 1 / (width * (2 * arb.pi()).sqrt())
        gaussians = [scale * (-(d**2) / (2 * width**2)).exp() for d in distances]
        values.append(gaussians)
        derivatives.append([-g * d / (width**2 * step) for g, d in zip(gaussians, distances, strict=True)])
    windows = arb_mat(rows)
    return list(
        zip((windows * arb_mat(values)).entries(), (windows * arb_mat(derivatives)).entries(), strict=True)
    )


def _least(slope: arb, offset: arb) -> arb:
    """Lower bound on ``slope·e`` over the e in ``offset``."""
    return (slope * offset).lower()


def _largest_spread(left: arb | None, right: arb | None, half: arb) -> arb:
    """The mean of x² on ``[−half, half]`` is no larger, where the slopes of ln f lie between these two."""
    if left is None or right is None:
        return half**2
    slope = abs(left).max(abs(right)).max(arb(STEEPEST_FLAT) / half)
    return half**2 - 2 * _exponential_mean(slope, half) / slope


def _exponential_mean(slope: arb | None, half: arb) -> arb:
    """Mean of the density ``∝ exp(slope·x)`` on ``[−half, half]``; ``None`` is an infinite slope."""
    if slope is None:
        return half
    y = slope * half
    if not abs(y) < arb(1) / 4:
        return half * (1 / y.tanh() - 1 / y)
    # coth y − 1/y = Σ 2y/(k²π² + y²): an alternating series in y², whose partial sums enclose it.
    even = y**2
    series = 1 / arb(3) - even / 45 + 2 * even**2 / 945 - even**3 / 4725
    return half * y * series.union(series + 2 * even**4 / 93555)
