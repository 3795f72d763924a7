"""Numbers on a grid in a stack of bits: each cell by a walk down a binary tree, with any law of their mass.

The 2^b cells of a grid are the leaves of a tree, and a walk from its root decides b times for the lower or
the upper half. Each decision has the probability that the law gives the halves, as an integer over 2^24, the
precision of ``constriction``'s coder. So no law is cut off or flattened, however many cells there are.

A code must be able to say everything, and gives no half less than 2^−24: what is far out costs fewer bits
than the law says, and the rest 2^−24 of a nat more. A draw must not come out where the law has no mass, and
takes halves of less than 2^−25 for impossible.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit

from ratedist import _checks
from ratedist.codes.ans import PRECISION_BITS, require_constriction

# ln of the mass of intervals, given their centres and their width.
LogMass = Callable[[np.ndarray, float, slice], np.ndarray]
WHOLE = 1 << PRECISION_BITS
# Cells are numbers that float64 holds exactly, halves between them too.
DEEPEST = 51
NEGLIGIBLE = 1e-9
# Numbers that are coded at once.
CHUNK = 1 << 14


@dataclasses.dataclass(frozen=True)
class Grid:
    """The cells ``[kδ − δ/2, kδ + δ/2)`` for k from −2^(b−1) to 2^(b−1) − 1.

    Attributes:
        step: δ > 0.
        depth: b, from 1 to 51.

    Raises:
        ValueError: a step not above zero, a depth out of range.
    """

    step: float
    depth: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "step", _checks.positive_number("step", self.step))
        object.__setattr__(self, "depth", _checks.integer("depth", self.depth, 1, DEEPEST))

    @classmethod
    def covering(cls, largest: float, step: float) -> Grid:
        """The smallest grid of this step whose cells reach from −largest to largest.

        Raises:
            ValueError: more cells than 2^51.
        """
        if not largest / step < 2.0 ** (DEEPEST - 1) - 1:
            raise ValueError(
                f"a grid of step {step:g} that reaches to {largest:g} has more than 2^{DEEPEST} cells: "
                "a larger step is needed"
            )
        return cls(step, int(largest / step + 1).bit_length() + 1)

    def beyond(self, log_mass: Callable[[float, float], Any]) -> Grid:
        """The grid made larger until a law has all but 10⁻⁹ of its mass on it.

        A law is coded as if it ended with the grid, which would make every number cheaper than it says.
        """
        grid = self
        while grid.depth < DEEPEST and log_mass(-grid.step / 2, 2 * grid.middle * grid.step) < -NEGLIGIBLE:
            grid = Grid(grid.step, grid.depth + 1)
        return grid

    @property
    def middle(self) -> int:
        """Number of the cell around 0."""
        return 1 << (self.depth - 1)

    def values(self, cells: np.ndarray) -> np.ndarray:
        """Centres of cells with these numbers, 0 … 2^b − 1."""
        return (cells - self.middle) * self.step

    def cells(self, values: np.ndarray) -> np.ndarray:
        """Numbers of the cells around these values.

        Raises:
            ValueError: a value outside the grid.
        """
        with np.errstate(over="ignore"):
            index = np.rint(values / self.step)
        if not np.all((index >= -self.middle) & (index < self.middle)):
            raise ValueError(f"values must lie within {self.middle} steps of 0, the grid has no more")
        return index.astype(np.int64) + self.middle


def push_cells(coder: Any, cells: np.ndarray, grid: Grid, log_mass: LogMass, *, draw: bool = False) -> float:
    """Put cells on the stack.

    Args:
        coder: ``constriction``'s ``AnsCoder``.
        cells: their numbers, shape ``(N,)``.
        grid: they are of.
        log_mass: ``log_mass(centers, width, part)``, ln of the masses of intervals around centres of shape
            ``(..., P)`` for the P numbers ``part`` of the N; up to a constant for each.
        draw: whether to undo a draw; else every cell has a code.

    Returns:
        Bits that they take, by the probabilities of the coder.

    Raises:
        ValueError: with ``draw``, a cell that cannot be drawn.
    """
    bits = 0.0
    for part in reversed(_parts(cells.size)):
        wanted, low = cells[part], np.zeros_like(cells[part])
        steps: list[tuple[np.ndarray, np.ndarray]] = []
        for level in reversed(range(grid.depth)):
            shares = _upper_shares(low, level, grid, log_mass, part, draw)
            upper = (wanted >> level) & 1
            taken = np.where(upper == 1, shares, WHOLE - shares)
            if not taken.all():
                raise ValueError("these cells are no draw of this law")
            bits -= float(np.log2(taken / WHOLE).sum())
            free = taken < WHOLE
            steps.append((upper[free].astype(np.int32), shares[free]))
            low += upper << level
        for upper, shares in reversed(steps):
            coder.encode_reverse(upper, _model(), shares / WHOLE)
    return bits


def pop_cells(
    coder: Any, num_cells: int, grid: Grid, log_mass: LogMass, *, draw: bool = False
) -> tuple[np.ndarray, float]:
    """Take cells off the stack: what ``push_cells`` put there, or a draw made from the bits that are there.

    Args:
        coder: ``constriction``'s ``AnsCoder``.
        num_cells: N.
        grid: they are of.
        log_mass: as for ``push_cells``.
        draw: whether they are drawn; else they were put there.

    Returns:
        Their numbers, int64 of shape ``(N,)``, and the bits that they took.
    """
    cells, bits = np.zeros(num_cells, np.int64), 0.0
    for part in _parts(num_cells):
        low = cells[part]
        for level in reversed(range(grid.depth)):
            shares = _upper_shares(low, level, grid, log_mass, part, draw)
            upper = (shares == WHOLE).astype(np.int64)
            free = (shares > 0) & (shares < WHOLE)
            if free.any():
                upper[free] = coder.decode(_model(), shares[free] / WHOLE)
            bits -= float(np.log2(np.where(upper == 1, shares, WHOLE - shares) / WHOLE).sum())
            low += upper << level
    return cells, bits


def _upper_shares(
    low: np.ndarray, level: int, grid: Grid, log_mass: LogMass, part: slice, draw: bool
) -> np.ndarray:
    """Probability of the upper of two halves of 2^level cells each, over 2^24: float64 integers."""
    half = 1 << level
    centers = grid.values(low + (half - 1) / 2)
    width = half * grid.step
    lower, upper = log_mass(np.stack([centers, centers + width]), width, part)
    with np.errstate(invalid="ignore"):
        difference = upper - lower
    # Where neither half has a mass that can be told, they are alike.
    shares = np.rint(expit(np.where(np.isnan(difference), 0.0, difference)) * WHOLE)
    return shares if draw else np.clip(shares, 1, WHOLE - 1)


def _model() -> Any:
    # With ``perfect`` its integers are rint(p·2^24) and the rest, and ours are exact.
    return require_constriction().stream.model.Bernoulli(perfect=True)


def _parts(size: int) -> list[slice]:
    return [slice(start, min(start + CHUNK, size)) for start in range(0, size, CHUNK)]
