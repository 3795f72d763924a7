r"""Uniform and Laplace sources under squared error: R(D) without a closed form, bracketed.

The optimal output law of such a source is discrete. Its atoms are found by exchange: solve for the masses on
the present atoms, add the maxima of ``c(y) = E[exp(−λ(X − y)²)/Z(X)]``, drop what got no mass, repeat.
The bracket is that of :mod:`ratedist.theory.sources.discrete`; two facts make its dual side rigorous on
the line instead of on a grid. (i) ``ln c(y) + λy²`` is convex, being the logarithm of a Laplace transform, so
that c between two points is bounded by its values there. (ii) Only y within the range of the source matter,
since to pull a farther y back lowers the distortion; a source without bound is cut at |x| = r and
``R(D) ≥ (1 − ε) R_cut(D/(1 − ε))`` with ε = P(|X| > r). Integrals are Gauss–Legendre sums of analytic
functions, and bounds on their errors (:mod:`ratedist.theory.sources.panel_errors`, some 1e-13) are counted
on either side. Rounding in float64 is the only error left out. Sources are symmetric: all is written for |X|
and |y|.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable

import numpy as np
from scipy.optimize import root_scalar
from scipy.special import logsumexp

from ratedist import _checks
from ratedist.theory.sources.atoms import (
    EXCHANGE_TOLERANCE,
    SEARCH_SPACING,
    TOLERANCE,
    Atoms,
    exchange,
    log_c,
    log_folded_kernel,
    newton,
    squared_error,
    supremum,
)
from ratedist.theory.sources.discrete import RateDistortionPoint
from ratedist.theory.sources.panel_errors import PanelErrors, panel_errors

# Panels of the quadrature in units of the kernel's width 1/√(2λ).
PANEL = 1.5
NODES_PER_PANEL = 16


# The Laplace source (scale 1) is cut here for the dual bound, ε = 3e-8; beyond the end, of probability 3e-20,
# the channel is that of the end.
LAPLACE_CUT, LAPLACE_END = 17.5, 45.0
# The cut over the kernel's width at most: 3 bits for the Laplace source. The work grows with its cube.
LARGEST_RATIO = 120.0


@dataclasses.dataclass(frozen=True, eq=False)
class _Source:
    """Law of |X| of density ``exp(−decay·x)``, on panels between ``breaks`` with nodes and weights for each.

    ``inside`` tells which nodes lie within the cut; beyond the last of the ``breaks`` there are none.
    """

    breaks: np.ndarray
    nodes: np.ndarray
    weights: np.ndarray
    inside: np.ndarray
    cut: float
    decay: float

    @property
    def share(self) -> float:
        """Probability of the part within the cut."""
        return -math.expm1(-self.decay * self.cut) if self.decay else 1.0

    @property
    def beyond(self) -> float:
        """Probability of what lies beyond the last panel."""
        return math.exp(-self.decay * self.breaks[-1]) if self.decay else 0.0


def uniform_rate_distortion(width: float, slope: float, tolerance: float = 0.0) -> RateDistortionPoint:
    """A point of R(D) of the uniform source of the given width, squared error, at slope λ.

    Args:
        width: of the interval, above 0; the variance is width²/12.
        slope: λ > 0 in nats per unit of distortion.
        tolerance: a gap in nats that is good enough. The default 0 is for as small a gap as can be had.

    Returns:
        The point and its bracket; ``output`` holds the masses of the atoms at y ≥ 0 (one at y > 0
        stands for ±y). At unit variance and 1 bit D = 0.20723545, at 2 bits 0.04744910.

    Raises:
        ValueError: width or slope not above 0, a negative tolerance, or a slope so steep that the work is out
            of proportion.

    Source: docs/bounds.md §6.

    Example:
        >>> import ratedist as rd
        >>> point = rd.theory.uniform_rate_distortion(width=1.0, slope=8.0)
        >>> round(point.distortion, 4), round(point.rate, 4), point.gap < 1e-6
        (0.0536, 0.2035, True)
    """
    half = _checks.positive_number("width", width) / 2
    unit_slope = _unit_slope(slope, half, 1.0)
    breaks, nodes, weights = _panels([0.0, 1.0], unit_slope)
    source = _Source(breaks, nodes, weights, np.ones(nodes.shape, dtype=bool), 1.0, 0.0)
    return _rescaled(_point(source, unit_slope, tolerance), half)


def laplace_rate_distortion(scale: float, slope: float, tolerance: float = 0.0) -> RateDistortionPoint:
    """A point of R(D) of the Laplace source of density exp(−|x|/b)/(2b), *squared* error, at slope λ.

    Args:
        scale: b > 0; the variance is 2b².
        slope: λ > 0 in nats per unit of distortion.
        tolerance: a gap in nats that is good enough. The default 0 is for as small a gap as can be had.

    Returns:
        The point and its bracket; ``output`` holds the masses of the atoms at y ≥ 0 (one at y > 0
        stands for ±y). At unit variance and 1 bit D = 0.2171224.

    Raises:
        ValueError: scale or slope not above 0, a negative tolerance, or a slope so steep that the work is out
            of proportion.

    Source: docs/bounds.md §6.

    Example:
        >>> import ratedist as rd
        >>> point = rd.theory.laplace_rate_distortion(scale=1.0, slope=0.5)
        >>> round(point.distortion, 4), round(point.rate, 4), point.gap < 1e-6
        (0.9521, 0.3091, True)
    """
    b = _checks.positive_number("scale", scale)
    unit_slope = _unit_slope(slope, b, LAPLACE_CUT)
    breaks, nodes, weights = _panels([0.0, LAPLACE_CUT, LAPLACE_END], unit_slope)
    source = _Source(breaks, nodes, weights * np.exp(-nodes), nodes < LAPLACE_CUT, LAPLACE_CUT, 1.0)
    return _rescaled(_point(source, unit_slope, tolerance), b)


def point_at_rate(
    curve: Callable[[float], RateDistortionPoint], rate: float, slope: float = 1.0
) -> RateDistortionPoint:
    """The point of a curve that has a given rate, where the curve is known as a function of its slope.

    A curve with straight parts has one slope for many rates; the point returned then is an end of the part.

    Args:
        curve: a function from the slope λ > 0 to a :class:`RateDistortionPoint`, rising in rate.
        rate: R > 0 in nats, finite.
        slope: where the search starts, λ > 0 in nats per unit of distortion.

    Returns:
        The point of ``curve`` whose rate is ``rate``.

    Raises:
        ValueError: a rate that is not finite and above 0, or that no slope within 2⁶⁰ of the start reaches.

    Example:
        >>> import ratedist as rd
        >>> def curve(slope):
        ...     return rd.theory.blahut_arimoto([0.5, 0.5], [[0.0, 1.0], [1.0, 0.0]], slope)
        >>> round(rd.theory.point_at_rate(curve, 0.5 * rd.units.NATS_PER_BIT).distortion, 4)
        0.11
    """
    if not callable(curve):
        raise ValueError(f"curve must be a function from a slope to a point, got {curve!r:.80}")
    R = _checks.positive_number("rate", rate)
    low = high = math.log(_checks.positive_number("slope", slope))
    for _ in range(60):
        if curve(math.exp(low)).rate <= R:
            break
        low -= math.log(2)
    for _ in range(60):
        if curve(math.exp(high)).rate >= R:
            break
        high += math.log(2)
    else:
        raise ValueError(
            f"rate {R:g} nats is beyond this source: the curve ends at {curve(math.exp(high)).rate:g}"
        )
    if low == high:
        return curve(math.exp(low))
    root = root_scalar(lambda x: curve(math.exp(x)).rate - R, bracket=(low, high), xtol=1e-11).root
    return curve(math.exp(root))


def _point(source: _Source, slope: float, tolerance: float) -> RateDistortionPoint:
    """The better of exchange alone and exchange finished by Newton, which may lose atoms where c is flat."""
    p = source.weights[source.inside] / source.weights[source.inside].sum()
    x = source.nodes[source.inside]
    search = np.linspace(0.0, source.cut, math.ceil(source.cut * math.sqrt(2 * slope) / SEARCH_SPACING) + 1)
    good_enough = _checks.number("tolerance", tolerance)
    masses, grouped = exchange(x, p, slope, search, max(good_enough, EXCHANGE_TOLERANCE))
    exchanged = _certified(source, slope, search, masses)
    if exchanged.gap <= good_enough:
        return exchanged
    finished = _certified(source, slope, search, newton(x, p, slope, grouped, source.cut))
    return min(exchanged, finished, key=lambda point: point.gap)


def _certified(source: _Source, slope: float, search: np.ndarray, law: Atoms) -> RateDistortionPoint:
    """The bracket an output law gives: achieved by the whole source, dual for its part within the cut."""
    log_channel = log_folded_kernel(source.nodes, law.places, slope) + np.log(law.masses)
    log_z = np.asarray(logsumexp(log_channel, axis=1))
    channel = np.exp(log_channel - log_z[:, None])
    output = source.weights @ channel
    D = float(source.weights @ np.sum(channel * squared_error(source.nodes, law.places, slope), axis=1))
    within, without = (_errors(source, law, slope, part) for part in ("inside", "outside"))
    if not math.isfinite(within.log_normalizer + without.log_normalizer):
        return RateDistortionPoint(slope, D, math.inf, 0.0, output)
    # Beyond the last panel the channel is that of its end, whose divergence from q is at most −ln Z there.
    end = source.breaks[-1:]
    farthest = float(end[0] + law.places.max())
    beyond_log_z = float(
        np.asarray(logsumexp(log_folded_kernel(end, law.places, slope) + np.log(law.masses)))
    )
    beyond_distortion = farthest**2 + 2 * farthest + 2  # E (X + y)² given X > end, of scale 1
    distortion = D + within.distortion + without.distortion + source.beyond * beyond_distortion

    used = output > 0
    log_ratio = np.log(output[used] / law.masses[used])
    # The divergence of the output is convex in it.
    output_error = within.output + without.output + source.beyond
    divergence = float(output[used] @ log_ratio) - output_error * float(np.sum(np.abs(log_ratio) + 1))
    rate = -slope * (D - within.distortion - without.distortion) - float(source.weights @ log_z)
    rate += within.log_normalizer + without.log_normalizer - source.beyond * min(float(beyond_log_z), 0.0)
    rate -= max(divergence, 0.0)

    p, x, log_z = source.weights[source.inside], source.nodes[source.inside], log_z[source.inside]
    dual = -slope * distortion - float(p @ log_z) - within.log_normalizer
    tolerance = max(TOLERANCE, abs(rate - dual) / 10)
    highest = supremum(lambda y: log_c(y, x, p / source.share, log_z, slope), search, slope, tolerance)
    highest += math.log1p(within.multiplied_kernel / source.share * math.exp(-highest))
    return RateDistortionPoint(
        slope, distortion, max(rate, 0.0), max(dual - source.share * highest, 0.0), output
    )


def _errors(source: _Source, law: Atoms, slope: float, part: str) -> PanelErrors:
    """Bounds on the errors of the sums over the panels within the cut, or over the others."""
    low, high = source.breaks[:-1], source.breaks[1:]
    chosen = (low < source.cut) == (part == "inside")
    return panel_errors(
        low[chosen], high[chosen], source.decay, law.places, law.masses, slope, NODES_PER_PANEL
    )


def _panels(edges: list[float], slope: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ends, Gauss–Legendre nodes and weights of panels a little wider than the kernel, for a unit density."""
    unit, unit_weights = np.polynomial.legendre.leggauss(NODES_PER_PANEL)
    breaks = np.unique(np.concatenate([
        np.linspace(low, high, math.ceil((high - low) * math.sqrt(2 * slope) / PANEL) + 1 + int(high - low))
        for low, high in itertools.pairwise(edges)
    ]))  # fmt: skip
    half = np.diff(breaks)[:, None] / 2
    return breaks, (breaks[:-1, None] + half * (1 + unit)).ravel(), (half * unit_weights).ravel()


def _unit_slope(slope: float, length: float, cut: float) -> float:
    """λ in units of the source's own length, refused where the work would be out of proportion."""
    unit_slope = _checks.positive_number("slope", slope) * length**2
    if cut * math.sqrt(2 * unit_slope) > LARGEST_RATIO:
        limit = (LARGEST_RATIO / cut / length) ** 2 / 2
        raise ValueError(
            f"slope must be at most {limit:.4g} for this source (the work grows cubically), got {slope:g}"
        )
    return unit_slope


def _rescaled(point: RateDistortionPoint, length: float) -> RateDistortionPoint:
    return dataclasses.replace(point, slope=point.slope / length**2, distortion=point.distortion * length**2)
