r"""The multipliers ``s = m/f`` of the certificate: the mixture m of Gaussians, and ``E ln s`` from below.

Derived in docs/exact-rate-distortion.md, sections 4 and 5. All Gaussians have the width τ = ``WIDTH`` steps
of the source grid and are centred on its nodes; m is folded at the origin.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from ratedist.theory.exact.radial_grid import WIDTH, RadialGrid
from ratedist.theory.exact.radial_source import RadialSource

CELLS_PER_WIDTH = 60  # cells of the integral E ln s
CELLS_PER_BLOCK = 20_000
WINDOW = 16  # steps to either side of a cell within which Gaussians are counted in E ln s
STEEPEST_FLAT = (
    0.25  # slopes times half widths up to this count as this, where the spread on a cell is bounded
)


@dataclasses.dataclass(frozen=True, eq=False)
class Mixture:
    """The Gaussians within reach of given points: what of m does not change with their heights.

    Attributes:
        position: of each of them among the heights, and after the last height where there is none.
        log_gaussian: their logs at the points, the same shape ``(m, 2·reach + 1)``.
    """

    position: np.ndarray
    log_gaussian: np.ndarray

    def log_values(self, log_heights: np.ndarray) -> np.ndarray:
        """``ln m`` at the points, shape ``(m,)``."""
        terms = np.append(log_heights, -np.inf)[self.position]
        terms += self.log_gaussian
        largest = np.max(terms, axis=1, keepdims=True)
        terms -= largest
        np.exp(terms, out=terms)
        return np.log(np.sum(terms, axis=1)) + largest[:, 0]


def mixture_at(grid: RadialGrid, x: np.ndarray) -> Mixture:
    """At points ``x > 0``, Gaussians ``grid.reach`` steps to either side."""
    index = (x / grid.step).astype(int)[:, None] + np.arange(-grid.reach, grid.reach + 1)
    distance = (x[:, None] / grid.step - (index + 0.5)) / WIDTH
    # A Gaussian of unit mass is 1/(width √2π) high; heights are those of m, so 1/WIDTH remains.
    return Mixture(_position(grid, index), -(distance**2) / 2 - np.log(WIDTH * np.sqrt(2 * np.pi)))


def _position(grid: RadialGrid, index: np.ndarray) -> np.ndarray:
    """Where the heights of nodes stand, those below 0 folded; after the last one where there is none."""
    folded = np.where(index < 0, -1 - index, index) - grid.lowest
    count = grid.highest - grid.lowest + 1
    return np.where((folded >= 0) & (folded < count), folded, count)


def mean_log_multiplier(
    source: RadialSource,
    grid: RadialGrid,
    log_heights: np.ndarray,
    check: Callable[[], None] = lambda: None,
) -> float:
    """Lower bound on ``E ln s`` over the part between ``grid.ends``, by tangents to ``ln s + x²/2τ²``.

    Args:
        source: law of the source radius.
        grid: its nodes carry the Gaussians of m.
        log_heights: of those Gaussians, shape of ``grid.inner``.
        check: called between blocks of cells; it may raise.
    """
    per_step = math.ceil(CELLS_PER_WIDTH / WIDTH)
    width, half = WIDTH * grid.step, grid.step / (2 * per_step)
    # The cells of every step lie alike between the nodes: the Gaussians are one table.
    fraction = (np.arange(per_step) + 0.5) / per_step
    offsets = np.arange(-WINDOW, WINDOW + 1)
    distance = (fraction - (offsets[:, None] + 0.5)) / WIDTH
    gaussians = np.exp(-(distance**2) / 2) / (WIDTH * np.sqrt(2 * np.pi))
    derivatives = -gaussians * distance / width
    heights = np.append(log_heights, -np.inf)
    total = 0.0
    steps_per_block = max(1, CELLS_PER_BLOCK // per_step)
    for first in range(grid.lowest, grid.highest + 1, steps_per_block):
        check()
        steps = np.arange(first, min(first + steps_per_block, grid.highest + 1))
        window = heights[_position(grid, steps[:, None] + offsets)]
        highest = np.max(window, axis=1, keepdims=True)
        window = np.exp(window - highest)
        # What underflows lowers m, as leaving out distant Gaussians does.
        m = window @ gaussians
        middle = (grid.step * (steps[:, None] + fraction)).ravel()
        edges = grid.step * (steps[0] + np.arange(middle.size + 1) / per_step)
        log_m, slope = (np.log(m) + highest).ravel(), (window @ derivatives / m).ravel()
        slope -= source.log_density_slope(middle)
        density_slope = source.log_density_slope(edges)
        left, right = density_slope[:-1], density_slope[1:]
        # f is log-concave: its mean on a cell lies between those of the exponentials with its two end slopes,
        # and its spread about the middle is at most that of cosh with the steeper slope.
        first_moment = half * _langevin(half * np.where(slope > 0, right, left))
        steeper = np.maximum(half * np.maximum(np.abs(left), np.abs(right)), STEEPEST_FLAT)
        second_moment = half**2 * (1 - 2 * _langevin(steeper) / steeper)
        values = log_m - source.log_density(middle) + slope * first_moment - second_moment / (2 * width**2)
        total += float(source.cell_probabilities(edges) @ values)
    return total


def _langevin(y: np.ndarray) -> np.ndarray:
    """``coth y − 1/y``, the mean of the density ``∝ exp(yx)`` on ``[−1, 1]``."""
    small = np.abs(y) < 0.05
    safe, near = np.where(small, 1.0, y), np.where(small, y, 0.0)
    return np.where(small, near / 3 - near**3 / 45 + 2 * near**5 / 945, 1 / np.tanh(safe) - 1 / safe)
