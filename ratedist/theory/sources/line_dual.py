r"""A bracket of R(D) at one slope for numbers in cells, whose lower end holds for every output on the line.

In units of its width ``1/√(2λ)`` the kernel is ``K(x, y) = exp(−½(x − y)²)``. An output law q gives
``Z(x) = Σ q(y) K(x, y)`` and a posterior law of y. Of cell b take mass p, mean m, variance σ², the longest
way r from m to an end, and ŷ, the posterior mean at m.

**Above.** Who codes the means errs by ε = Σpσ² more, and by no cross term: a channel for the means at
distortion D − ε is one for the numbers at D, and at its rate.

**Below.** For every positive function μ with ``c(y) = E[μ(X) K(X, y)] ≤ 1`` at all real y,
``R(D) ≥ E ln μ(X) − λD`` (Berger, Theorem 2.5.3). Take in cell b, with a constant C_b still to be chosen,

    ln μ(x) = −ln Z(m) − ln C_b + ½(x − m)² + (m − ŷ)(x − m),

whose mean is ``−ln Z(m) − ln C_b + ½σ²``. Then ``μ(x) K(x, y) = K(m, y) e^{(x − m)(y − ŷ)}/(Z(m) C_b)``. As
``e^z ≤ 1 + z + ½z²e^{|z|}``, its mean over the cell is at most

    K(m, y) exp(½v(y − ŷ)²)/(Z(m) C_b),  v = σ² e^{r(T + |m − ŷ|)}  for |y − m| ≤ T,

and by Hoeffding's lemma with a quarter of the squared width of the cell for v: the lesser is taken.
So what numbers within T of y contribute to c(y) with all C = 1 is at most f(y), a sum of Gaussian bells
slightly wider than K; and those beyond T contribute at most ``Σ p e^{−½T² + r(T + |m − ŷ|)}/(Z C)``, which is
counted too. Where C_b is at least the supremum of f over ``[m − T, m + T]``, c is at most 1.

**The supremum.** A sum of bells of width 1 or more has ``|f⁗| ≤ 3.75·√2 sup f``, since
``|u⁴ − 6u² + 3| e^{−u²/2} ≤ 3.75 e^{−u²/4}``, and a bell of width √2 is a mean of bells of width 1 over √2.
On a segment of length Δ the cubic with the values and derivatives of f at both ends then errs by at most
``5.31 Δ⁴/384 · sup f``. Farther than its width from the middle of a bell, the bell is convex. So between two
segments, where all bells are that far, f is at most its value at an end.

Rounding in float64 is the only error left out.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from scipy.ndimage import maximum_filter1d

from ratedist.theory.sources.cells import Cells
from ratedist.theory.sources.discrete import optimal_output
from ratedist.theory.sources.windows import Window, WindowedKernel, covered

# In units of the kernel's width: cells, and places of the output law.
CELL, SPACING = 1 / 16, 1.0
# No more cells than these are finer than that. The output law is found from wider ones, eight times as wide
# at most, where they are more than the others.
MANY, MANY_COARSE, COARSEST = 2000, 800, 8.0
# Of fewer places products by arrays are quicker than by bands.
FEW = 120
# How far the channel reaches, and T.
REACH, FAR = 5.5, 7.0
# Δ, and the error of the cubic over the supremum.
SEGMENT = 0.25
CUBIC_ERROR = 5.31 * SEGMENT**4 / 384
# How often places are added at most. Where a bracket has become less than a fifth narrower by them, it is
# good enough at so many times the tolerance.
ROUNDS, FEW_ROUNDS, GAIN, ENOUGH = 8, 2, 0.8, 4
LEAST_LOG_Z = -50.0
# Of a number that is a float64 still.
MOST_EXPONENT = 700.0
# Part of the mean share of an output below which it is dropped.
NEGLIGIBLE = 1e-7


@dataclasses.dataclass(frozen=True)
class Line:
    """What is known at slope λ: ``intercept − λD ≤ R(D)`` for every D, and ``R(distortion) ≤ rate``.

    Attributes:
        slope: λ, nats per unit of distortion.
        intercept: in nats.
        distortion: of the channel found.
        rate: its mutual information, in nats.
    """

    slope: float
    intercept: float
    distortion: float
    rate: float

    @property
    def gap(self) -> float:
        """Nats between both at the distortion of the channel."""
        return self.rate - self.at(self.distortion)

    def at(self, distortion: float) -> float:
        """The lower bound at D."""
        return self.intercept - self.slope * distortion


def steepest(cells: Cells) -> float:
    """The largest slope for which these cells are narrow enough."""
    return (CELL / cells.width) ** 2 / 2


def line_at(cells: Cells, slope: float, tolerance: float) -> Line:
    """The bracket at a slope.

    Args:
        cells: a law of numbers, in units of their own, no wider than ``CELL`` in units of the kernel's width.
        slope: λ > 0 in nats per unit of distortion.
        tolerance: nats; the output law is improved until the bracket is no wider, or cannot be improved.
    """
    unit = 1 / math.sqrt(2 * slope)
    fine = cells.in_units(unit).shares()
    while fine.mass.size > MANY and 2 * fine.width <= CELL:
        fine = fine.merged(2.0)
    coarse = fine
    while coarse.mass.size > MANY_COARSE and 2 * coarse.width <= COARSEST * CELL:
        coarse = coarse.merged(2.0)
    y = SPACING * covered(np.floor((coarse.mean - 1) / SPACING), np.ceil((coarse.mean + 1) / SPACING))
    best = None
    for _ in range(ROUNDS if fine.mass.size <= MANY else FEW_ROUNDS):
        kernel = WindowedKernel(coarse.mean, y, REACH)
        array = kernel.dense() if y.size <= FEW else kernel
        q = optimal_output(coarse.mass, array, np.full(y.size, 1 / y.size), tolerance / 20)
        kept = q > NEGLIGIBLE / y.size
        # Numbers of next to no mass keep the outputs that they have.
        lost = array @ np.where(kept, q, 0.0) < 0.5 * (array @ q)
        kept |= lost.astype(np.float64) @ array > 0
        y, q = y[kept], q[kept] / q[kept].sum()
        line, tops = _bracket(fine, y, q, tolerance)
        before = math.inf if best is None else best.gap
        best = line if line.gap < before else best
        enough = ENOUGH * tolerance if line.gap > GAIN * before else tolerance
        if line.gap <= enough or tops.size == 0:
            break
        y = np.union1d(y, tops)
    assert best is not None  # ROUNDS > 0, gaps are finite
    return dataclasses.replace(best, slope=slope, distortion=best.distortion * unit * unit)


def _bracket(cells: Cells, y: np.ndarray, q: np.ndarray, tolerance: float) -> tuple[Line, np.ndarray]:
    """The line of an output law in units of the kernel, and places where its c is above 1."""
    m, p, r = cells.mean, cells.mass, cells.reach
    kernel = WindowedKernel(m, y, REACH)
    relative = kernel @ q
    log_z = np.log(relative) + kernel.offset
    channel = kernel.values * q[kernel.columns] / relative[:, None]
    places = y[kernel.columns]
    posterior = np.sum(channel * places, axis=1)
    distortion = float(p @ np.sum(channel * (places - m[:, None]) ** 2, axis=1))
    share = (p / relative) @ kernel  # output over q
    used = share > 0
    rate = -distortion / 2 - float(p @ log_z) - float(q[used] @ (share[used] * np.log(share[used])))

    # The lower end may be told any Z and ŷ: those beyond all bounds, of next to no mass, are cut off.
    log_z, posterior = np.maximum(log_z, LEAST_LOG_Z), np.clip(posterior, m - FAR, m + FAR)
    aside = np.abs(m - posterior)
    v = np.minimum(cells.variance * np.exp(np.minimum(r * (FAR + aside), MOST_EXPONENT)), cells.width**2 / 4)
    log_weight = np.log(p) - log_z
    beyond = np.exp(log_weight - FAR**2 / 2 + (FAR + aside) * (r + v * (FAR + aside) / 2))
    reach = (1 + v * aside) / (1 - v)
    segments = covered(np.floor((m - reach) / SEGMENT), np.floor((m + reach) / SEGMENT))
    nodes = covered(segments, segments + 1)
    value, derivative = _bells(SEGMENT * nodes, m, log_weight, posterior, v)
    left = np.searchsorted(nodes, segments)
    top, where = _cubic_maximum(value[left], derivative[left], value[left + 1], derivative[left + 1])
    far = float(beyond.sum())
    supremum = (float(top.max()) + 2 * far) / (1 - CUBIC_ERROR)
    bound = top + CUBIC_ERROR * supremum + 3 * far

    around = math.ceil(FAR / SEGMENT) + 2
    of_cell = np.searchsorted(segments, np.floor(m / SEGMENT))
    log_c = np.log(maximum_filter1d(bound, 2 * around + 1, mode="nearest"))[of_cell]
    excess = math.log1p(float(np.exp(-log_c) @ beyond))
    within = cells.within
    intercept = within / 2 - float(p @ (log_z + log_c)) - excess
    padded = np.concatenate([[-np.inf], top, [-np.inf]])
    peaks = (top >= padded[:-2]) & (top > padded[2:]) & (top > 1 + tolerance / 4)
    tops = SEGMENT * (segments[peaks] + where[peaks])
    return Line(0.5, intercept, distortion + within, max(rate, 0.0)), tops


def _bells(
    at: np.ndarray, m: np.ndarray, log_weight: np.ndarray, posterior: np.ndarray, v: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """f and its derivative, of the bells within T alone."""
    value, derivative = np.empty(at.size), np.empty(at.size)
    window = Window.of(at, m, FAR)
    lengths = window.stop - window.start
    for part in np.array_split(np.arange(at.size), max(1, int(lengths.sum()) // 1_000_000)):
        row, cell, heads = Window(window.start[part], window.stop[part]).pairs()
        y = at[part][row]
        apart, aside = y - m[cell], y - posterior[cell]
        bell = np.exp(log_weight[cell] + (v[cell] * aside**2 - apart**2) / 2)
        value[part] = np.add.reduceat(bell, heads)
        derivative[part] = np.add.reduceat(bell * (v[cell] * aside - apart), heads)
    return value, derivative


def _cubic_maximum(
    f0: np.ndarray, d0: np.ndarray, f1: np.ndarray, d1: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Greatest values, and where between 0 and 1, of the cubics with these values and derivatives."""
    d0, d1 = d0 * SEGMENT, d1 * SEGMENT
    cubic, square = 2 * (f0 - f1) + d0 + d1, 3 * (f1 - f0) - 2 * d0 - d1
    # Where 3a t² + 2b t + d = 0, in the form that is stable at small a.
    inside = np.sqrt(np.maximum(square**2 - 3 * cubic * d0, 0.0))
    best, where = np.maximum(f0, f1), np.where(f1 > f0, 1.0, 0.0)
    for denominator in (-square + inside, -square - inside):
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(denominator != 0, d0 / denominator, 0.0)
        t = np.clip(np.nan_to_num(t), 0.0, 1.0)
        value = f0 + t * (d0 + t * (square + t * cubic))
        where = np.where(value > best, t, where)
        best = np.maximum(best, value)
    return best, where
