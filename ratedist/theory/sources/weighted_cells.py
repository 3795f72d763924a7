r"""Numbers with importances h, for the distortion ``h(x − y)²``, as laws of few importances each in cells.

Few importances ``a_0 < a_1 < …`` stand for all. A number with ``h = (1 − τ)a_i + τa_{i+1}`` counts with mass
1 − τ as one of importance a_i and with mass τ as one of a_{i+1}. H' drawn so has ``E[H' | x, h] = h``. Any
code of (X, H) codes (X, H') as well, after drawing H from its law given X and H', at the same rate and the
same mean distortion. So R(D) of (X, H') is at most that of (X, H).

It is lower still if both ends are told which of the a_i it is. Then the laws are coded each by itself, at one
slope λ of the whole: ``R = Σ P_i R_i(D_i)`` and ``D = Σ P_i a_i D_i``, with ``−R_i′(D_i) = λa_i``. These are
the conditions of reverse water-filling.
"""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
from scipy.optimize import brentq

from ratedist.theory.sources.cells import CHUNK, Cells, cells_of, distinct, joined
from ratedist.theory.sources.line_dual import Line, line_at, steepest

# Importances are by so many steps an octave, but no more than so many, nor more than one for so many numbers:
# else importance would tell which number it is. So many different ones are taken as they are.
STEPS, MOST, NUMBERS, FEW = 2, 64, 128, 32
TINY = 1e-300
# Masses below count as importance 0: ten million of them are coded exactly within 1e-11 nats.
LEAST_MASS = 1e-20


@dataclasses.dataclass(frozen=True, eq=False)
class WeightedLaw:
    """Laws of numbers by their importance, in units of the largest one.

    Attributes:
        importances: a, shape ``(n,)``.
        shares: P, shape ``(n,)``; what is missing to 1 has importance 0.
        cells: of each.
        variance: distortion at rate 0.
    """

    importances: np.ndarray
    shares: np.ndarray
    cells: list[Cells]
    variance: float

    @property
    def steepest(self) -> float:
        """The largest slope for which the cells are narrow enough."""
        return min(steepest(one) / a for one, a in zip(self.cells, self.importances, strict=True))

    @property
    def all_told(self) -> tuple[float, float]:
        """Distortion and nats of saying the cell of each number."""
        P = self.shares
        return (
            float((P * self.importances) @ [one.within for one in self.cells]),
            float(P @ [one.entropy for one in self.cells]),
        )

    def gaussian_slope(self, distortion: float) -> float:
        """The slope at D if all laws were Gaussian: of reverse water-filling."""
        variances = np.array([one.spread for one in self.cells])

        def excess(log_slope: float) -> float:
            left = np.minimum(np.exp(-log_slope) / 2, self.importances * variances)
            return float(self.shares @ left) - distortion

        most = float((self.importances * variances).max())
        # In logarithms, since both ends may be far apart.
        found = brentq(excess, -math.log(2 * most + TINY) - 1, -math.log(2 * distortion) + 1, xtol=1e-6)
        return math.exp(float(found))  # pyright: ignore[reportArgumentType]

    def line(self, slope: float, tolerance: float) -> Line:
        """The sum of the lines of all laws, at one slope of the whole.

        Laws of so small a share that they would not be seen take the line 0, which is below every curve.
        """
        intercept = distortion = rate = 0.0
        for a, share, cells in zip(self.importances, self.shares, self.cells, strict=True):
            if share * math.log(2 + 2 * slope * a * cells.spread) < tolerance / 10 / self.shares.size:
                distortion += share * a * cells.spread
                continue
            found = line_at(cells, slope * a, tolerance)
            intercept += share * found.intercept
            distortion += share * a * found.distortion
            rate += share * found.rate
        return Line(slope, float(intercept), float(distortion), float(rate))


def weighted_law(
    numbers: np.ndarray,
    importance: np.ndarray,
    distortion: float,
    fineness: float,
    most_cells: int,
    narrowest: float,
) -> WeightedLaw:
    """Count numbers with importances.

    Args:
        numbers: shape ``(d,)``, finite.
        importance: shape ``(d,)``, at least 0, not all 0.
        distortion: D above 0, a mean of h(x − y)² over the largest h.
        fineness: width of cells over ``√(D/a)``, which no kernel is narrower than.
        most_cells: of each law.
        narrowest: least width of cells.
    """
    largest = float(importance.max())
    nodes = _nodes(importance, largest)
    parts: list[list[Cells]] = [[] for _ in nodes]
    widths = np.maximum(fineness * np.sqrt(distortion / nodes), narrowest)
    for start in range(0, numbers.size, CHUNK):
        h = importance[start : start + CHUNK].astype(np.float64) / largest
        x = numbers[start : start + CHUNK].astype(np.float64)
        x, h = x[h > 0], h[h > 0]
        above = np.minimum(np.searchsorted(nodes, h), nodes.size - 1)
        below = np.where(above > 0, nodes[above - 1], 0.0)
        upper = np.clip((h - below) / (nodes[above] - below), 0.0, 1.0)
        order = np.argsort(above.astype(np.uint16), kind="stable")
        x, upper = x[order], upper[order]
        ends = np.searchsorted(above[order], np.arange(nodes.size + 1))
        for node, (begin, end) in enumerate(itertools.pairwise(ends)):
            for place, mass in ((node, upper[begin:end]), (node - 1, 1 - upper[begin:end])):
                counts = mass > LEAST_MASS
                if place >= 0 and counts.any():
                    parts[place].append(cells_of(x[begin:end][counts], widths[place], mass[counts]))
    filled = [node for node, found in enumerate(parts) if found]
    cells = [joined(parts[node]).at_most(most_cells) for node in filled]
    a = nodes[filled]
    shares = np.array([one.mass.sum() for one in cells]) / numbers.size
    variances = np.array([one.spread for one in cells])
    return WeightedLaw(a, shares, cells, float(shares @ (a * variances)))


def _nodes(importance: np.ndarray, largest: float) -> np.ndarray:
    """Importances that stand for all, over the largest, ascending; what is below them is split with 0."""
    most = min(max(importance.size // NUMBERS, 1), MOST)
    few, _ = distinct(importance[:CHUNK])
    if few.size <= min(FEW, most):
        few, _ = distinct(importance)
        if few.size <= min(FEW, most):
            return few[few > 0] / largest
    steps = set()
    for start in range(0, importance.size, CHUNK):
        h = importance[start : start + CHUNK].astype(np.float64) / largest
        steps.update(np.unique(np.floor(STEPS * np.log2(h[h > 0]))).tolist())
    ends = np.unique([*steps, *(step + 1 for step in steps)])
    ends = ends[ends <= 0]
    return 2.0 ** (ends[::-1][:: -(-ends.size // most)][::-1] / STEPS)
