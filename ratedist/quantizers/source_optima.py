r"""The best scalar quantisers of three textbook sources, from their laws: at a fixed rate, and entropy-coded.

At a fixed rate of log₂K bits it is Lloyd's and Max's: each level the mean of its cell, each border midway. A
log-concave density has one such quantiser only, so that the one found is the best. Coded by its entropy, the
Gaussian's is designed by :func:`ratedist.quantizers.entropy_constrained_design`, and equal cells do
from three and a half bits on. The Laplace source has equal cells but for the middle one (Sullivan 1996), the
uniform one K equal cells.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
from scipy.optimize import fminbound, root_scalar
from scipy.special import entr, log_ndtr, ndtr, ndtri

from ratedist import _checks
from ratedist.quantizers.designed import entropy_constrained_design
from ratedist.theory.mixture_prior import MixturePrior
from ratedist.theory.sources.limits import SCALE, SOURCES

MAX_LEVELS, MAX_ITERATIONS = 256, 100_000
# From so many bits on equal cells are as good as any for the Gaussian, to five digits.
EQUAL_CELLS_FROM = 3.5
MOST_BITS = 12.0
# Of a weight without noise, of variance 1.
NO_NOISE = 1e-12


@functools.lru_cache(maxsize=256)
def fixed_rate_distortion(source: str, num_levels: int) -> float:
    """Least mean squared error of K levels for the unit-variance source: Lloyd–Max.

    Args:
        source: "gaussian", "laplace" or "uniform".
        num_levels: K from 1 to 256.

    Raises:
        ValueError: another source, or K out of range.
    """
    _checks.one_of("source", source, SOURCES)
    K = _checks.integer("num_levels", num_levels, 1, MAX_LEVELS)
    if source == "uniform":
        return 1 / K**2
    quantiles = (np.arange(K) + 0.5) / K
    # Dense as the cube root of the density, which is where many levels go.
    if source == "gaussian":
        levels = math.sqrt(3) * ndtri(quantiles)
    else:
        levels = 3 * SCALE * np.sign(quantiles - 0.5) * -np.log1p(-np.abs(2 * quantiles - 1))
    moved = math.inf
    for _ in range(MAX_ITERATIONS):
        masses, moments = _cells(source, (levels[1:] + levels[:-1]) / 2)
        previous, levels = levels, moments / masses
        moved = float(np.abs(levels - previous).max())
        if moved < 1e-13:
            break
    masses, moments = _cells(source, (levels[1:] + levels[:-1]) / 2)
    return 1 - float(np.sum(moments**2 / masses))


@functools.lru_cache(maxsize=256)
def entropy_coded_distortion(source: str, bits: float) -> float:
    """Mean squared error of an entropy-coded scalar quantiser of at most these bits, unit variance.

    That of a quantiser that was found, hence an upper bound on what is possible.

    Args:
        source: "gaussian", "laplace" or "uniform".
        bits: of entropy a number, above 0 and at most 12.

    Raises:
        ValueError: another source, or bits out of range.
    """
    _checks.one_of("source", source, SOURCES)
    B = _checks.number("bits", bits, high=MOST_BITS, open_low=True)
    if source == "uniform":
        return 1 / math.floor(2**B + 1e-12) ** 2
    if source == "laplace":
        return _laplace_at(B)
    if B >= EQUAL_CELLS_FROM:
        return _by_step(_gaussian_cells, B, 2.0)
    return _gaussian_at(B)


def _gaussian_at(bits: float) -> float:
    """By bisection in the price of a nat; between the last two designs numbers are shared, as on a chord."""
    prior, rate = MixturePrior.gaussian(1.0), bits * math.log(2)
    # A nat halves the error twice over at high rate, and does less at low rate.
    expected = math.log(2) - 2 * rate
    low, high = expected - 0.7, expected + 0.7
    below, above = (0.0, 1.0), (math.inf, 0.0)
    for _ in range(10):
        middle = (low + high) / 2
        design = entropy_constrained_design(prior, NO_NOISE, math.exp(middle))
        if design.rate <= rate:
            below, high = max(below, (design.rate, design.distortion)), middle
        else:
            above, low = min(above, (design.rate, design.distortion)), middle
    if above[0] == math.inf:
        return below[1]
    return below[1] + (above[1] - below[1]) * (rate - below[0]) / (above[0] - below[0])


def _by_step(cells: Callable[[float], tuple[float, float]], bits: float, shortest: float) -> float:
    """The error of equal cells at the step that gives these bits."""
    found = root_scalar(
        lambda x: cells(math.exp(x))[0] - bits, bracket=(math.log(shortest) - bits * math.log(2), 6.0)
    )
    return cells(math.exp(found.root) * (1 + 1e-12))[1]


def _gaussian_cells(step: float) -> tuple[float, float]:
    """Bits and error of equal cells, one of them in the middle, each with its mean as its level."""
    reach = math.ceil(9.0 / step)
    masses, moments = _cells("gaussian", (np.arange(-reach, reach) + 0.5) * step)
    met = masses > 0
    return (
        float(np.sum(entr(masses))) / math.log(2),
        1 - float(np.sum(moments[met] ** 2 / masses[met])),
    )


def _laplace_at(bits: float) -> float:
    """Equal cells beside a middle one of its own width, the ratio of the two chosen best."""

    def error(ratio: float) -> float:
        return _by_step(lambda step: _laplace_cells(step, ratio), bits, 0.1)

    ratio = fminbound(error, 0.4, 4.0, xtol=1e-7)
    return error(float(np.asarray(ratio)))


def _laplace_cells(step: float, ratio: float) -> tuple[float, float]:
    """Bits and error for cells ``[t + ks, t + (k+1)s)`` and their mirror images, with t = ratio·s."""
    b, t = SCALE, ratio * step
    tail = math.exp(-t / b)  # P(|X| > t)
    stop = -math.expm1(-step / b)  # that a number in the tail is in its first cell
    middle = -math.expm1(-t / b)
    # The sign, and a geometric number of cells.
    geometric = (float(entr(stop)) + float(entr(1 - stop))) / stop
    entropy = float(entr(middle)) + float(entr(tail)) + tail * (math.log(2) + geometric)
    # Variance of an exponential cut to a cell of this width; beyond t it has no memory.
    within = b**2 - step**2 * math.exp(-step / b) / stop**2
    inside = 2 * b**2 - tail * (t**2 + 2 * b * t + 2 * b**2)  # E[X²; |X| < t]
    return entropy / math.log(2), inside + tail * within


def _cells(source: str, borders: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """P(cell) and E[X; cell] for the cells between ascending borders."""
    edges = np.concatenate([[-np.inf], borders, [np.inf]])
    if source == "gaussian":
        above = edges[:-1] > 0
        masses = np.where(above, ndtr(-edges[:-1]) - ndtr(-edges[1:]), ndtr(edges[1:]) - ndtr(edges[:-1]))
        density = np.exp(log_ndtr(0.0) - edges**2 / 2) * 2 / math.sqrt(2 * math.pi)
        return masses, density[:-1] - density[1:]
    tails = np.exp(-np.abs(edges) / SCALE) / 2
    below = np.where(edges < 0, tails, 1 - tails)
    masses = np.where(edges[:-1] > 0, tails[:-1] - tails[1:], np.diff(below))
    # −∫_x^∞ of the density times its argument, which is even in x.
    finite = np.where(np.isfinite(edges), np.abs(edges), 0.0)
    partial = np.where(np.isfinite(edges), -tails * (finite + SCALE), 0.0)
    return masses, partial[1:] - partial[:-1]
