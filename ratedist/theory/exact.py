r"""The exact rate–distortion function of the Gaussian linear model, with a certificate.

For the Markov chain S → W → Ŵ and the distortion ``d(w, ŵ) = E[L_S(ŵ) − L_S(W) | W = w]`` the function
``R(D) = min I(W; Ŵ)`` over channels with ``E d(W, Ŵ) ≤ D`` has no closed form, but a one-dimensional
one: only radii matter. Every point has an achievable rate, a lower bound with every error in it but
rounding, and is *certified* when the two are within ``CERTIFIED_GAP`` nats.

The model enters through d, n and σ² alone; Σ and w* drop out. Derived in docs/exact-rate-distortion.md.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from ratedist import _checks
from ratedist.problem import GaussianLinearModel
from ratedist.theory.critical_slope import unit_critical_slope
from ratedist.theory.exact_point import CERTIFIED_GAP, Point, point_at_slope
from ratedist.theory.radial_source import RadialSource

SANDWICH_POINTS = 30
ROUNDING = 1e-6  # nats by which a lower bound may exceed the rate before it counts as an error
# Where the curve is straight from the zero-rate point on, its tangent has the critical slope. The tangent is
# taken this part above what the search found, lest there be none.
ABOVE_CRITICAL = 1e-6


@dataclasses.dataclass(frozen=True, eq=False)
class RateDistortionCurve:
    """Points of the exact curve, all arrays of shape ``(m,)``, rates in nats for the whole weight vector.

    Attributes:
        slopes: λ = −dR/dD, nats per unit of distortion.
        distortion: D.
        rate: achievable at D: a channel of at most this mutual information and this distortion exists.
        rate_lower: no channel of distortion at most D has less mutual information than this.
        certified: whether ``gap`` is at most ``CERTIFIED_GAP``, and not below zero by more than rounding;
            ``rate_lower`` is a bound either way.
        reason: why a point is not certified, one string each, empty where it is.
    """

    slopes: np.ndarray
    distortion: np.ndarray
    rate: np.ndarray
    rate_lower: np.ndarray
    certified: np.ndarray
    reason: tuple[str, ...]

    @property
    def gap(self) -> np.ndarray:
        """``rate − rate_lower`` in nats, shape ``(m,)``."""
        return self.rate - self.rate_lower


def rate_distortion(model: GaussianLinearModel, slopes: ArrayLike) -> RateDistortionCurve:
    """Exact rate–distortion function at given slopes λ = −dR/dD.

    Args:
        model: the linear model, n ≥ d, σ² > 0.
        slopes: one or more numbers above zero, nats per unit of distortion, shape ``()`` or ``(m,)``.
            At or below ``critical_slope`` the point is the zero-rate one, ``(dσ²/n, 0)``.

    Returns:
        A curve of m points in the order of ``slopes``; distortion in units of the loss, rates in nats.
        A point takes a second or so; near n = d + 1, a hundred times above the critical slope, a minute and
        gigabytes.

    Raises:
        ValueError: slopes that are not finite and positive, σ² = 0, or a slope so large that the
            discretisation would not fit into memory (``high_rate_asymptote`` is accurate there).

    Derived in docs/exact-rate-distortion.md; neither paper has it.
    """
    source, noise_variance = _unit_problem(model)
    slopes = np.atleast_1d(_checks.real_array("slopes", slopes))
    if slopes.ndim != 1 or np.any(slopes <= 0):
        raise ValueError(f"slopes must be positive numbers of shape () or (m,), got {slopes!r:.80}")
    points = [point_at_slope(source, float(slope) * noise_variance) for slope in slopes]
    distortion = np.array([point.distortion for point in points])
    return _curve(
        slopes,
        distortion * noise_variance,
        np.array([point.rate for point in points]),
        np.array([point.intercept_lower - point.slope * point.distortion for point in points]),
        [point.reason for point in points],
    )


def rate_at_distortion(model: GaussianLinearModel, distortion: float) -> RateDistortionCurve:
    """Exact R(D) at one distortion, as a curve of one point (exactly at that distortion).

    Time sharing between two points of the curve, refined until it meets the lower bound; where the
    curve is straight the two points stay apart.

    Args:
        model: the linear model, n ≥ d, σ² > 0.
        distortion: D above zero. From dσ²/n on the rate is 0.

    Raises:
        ValueError: a distortion that is not a positive number, and as ``rate_distortion``.
    """
    source, noise_variance = _unit_problem(model)
    target = _checks.positive_number("distortion", distortion)
    return _sandwich(source, noise_variance, "distortion", target / noise_variance)


def distortion_at_rate(model: GaussianLinearModel, rate: float) -> RateDistortionCurve:
    """Exact D(R) at one rate in nats, as a curve of one point (exactly at that achievable rate).

    Args:
        model: the linear model, n ≥ d, σ² > 0.
        rate: nats for the whole weight vector, finite and at least zero.

    Raises:
        ValueError: a rate that is negative or not finite, and as ``rate_distortion``.
    """
    source, noise_variance = _unit_problem(model)
    target = _checks.real_array("rate", rate)
    if target.ndim != 0 or target < 0:
        raise ValueError(f"rate must be one number of at least 0, got {rate!r}")
    return _sandwich(source, noise_variance, "rate", float(target))


def critical_slope(model: GaussianLinearModel) -> float:
    """The slope at or below which the zero-rate point ``(dσ²/n, 0)`` alone is optimal, nats per distortion.

    The largest λ for which ``c(ρ) = E exp(−λ[d(U, V) − d(U, 0)]) ≤ 1`` at every radius ρ = ‖V‖. It is
    reached either as ρ → 0, where it is ``n²(n+3)/(2ν(n+1)σ²)``, or at some radius away from 0
    (100.705 at d = 50, n = 80, σ² = 1, ρ ≈ 0.497). Found by search, not certified: no bound rests on it,
    only the choice to report the zero-rate point, which lies on the curve whatever the slope.
    """
    source, noise_variance = _unit_problem(model)
    return unit_critical_slope(source) / noise_variance


def high_rate_asymptote(model: GaussianLinearModel, distortion: ArrayLike) -> np.ndarray:
    r"""Rate in nats that the exact curve approaches as D → 0, same shape as ``distortion``.

    .. math:: h(U) - \tfrac12 E\ln(1+\|U\|^2) - \tfrac d2 \ln\frac{2\pi e D n}{(n+1)\sigma^2 d},

    U multivariate t with ν = n − d + 1 degrees of freedom and scale I/ν: Shannon's formula for the
    distortion's metric at the source. The exact rate is lower by about ``(d+1)nD/(2(n+1)σ²)`` (a formal
    expansion, checked against the certified curve; docs/exact-rate-distortion.md, section 9).

    Args:
        model: the linear model, n ≥ d, σ² > 0.
        distortion: D above zero.
    """
    source, noise_variance = _unit_problem(model)
    distortion = _checks.in_range("distortion", distortion, high=np.finfo(np.float64).max, open_low=True)
    d, n, nu = source.d, source.n, source.degrees_of_freedom
    mean_log = special.digamma((n + 1) / 2) - special.digamma(nu / 2)
    log_constant = special.gammaln((n + 1) / 2) - special.gammaln(nu / 2) - d / 2 * np.log(np.pi)
    entropy = (n + 1) / 2 * mean_log - log_constant
    noise = 2 * np.pi * np.e * distortion * n / ((n + 1) * noise_variance * d)
    return entropy - mean_log / 2 - d / 2 * np.log(noise)


def _unit_problem(model: GaussianLinearModel) -> tuple[RadialSource, float]:
    if model.noise_variance <= 0:
        raise ValueError(
            "noise_variance must be above zero: without noise W = w* and nothing is to be encoded, got 0"
        )
    return RadialSource(model.d, model.n), model.noise_variance


def _curve(
    slopes: np.ndarray, distortion: np.ndarray, rate: np.ndarray, lower: np.ndarray, reasons: list[str]
) -> RateDistortionCurve:
    # A mutual information is at least zero; the rate can only be below by rounding.
    lower, rate = np.maximum(lower, 0.0), np.maximum(rate, 0.0)
    gap = rate - lower
    # A lower bound above the rate by more than rounding could only mean that one of the two is wrong.
    certified = (gap <= CERTIFIED_GAP) & (gap >= -ROUNDING)
    texts = tuple(
        "" if good else f"the gap is {size:.2g} nats, not from 0 to {CERTIFIED_GAP:g}: {text}"
        for good, size, text in zip(certified, gap, reasons, strict=True)
    )
    return RateDistortionCurve(slopes, distortion, rate, lower, certified, texts)


def _sandwich(
    source: RadialSource, noise_variance: float, axis: Literal["distortion", "rate"], target: float
) -> RateDistortionCurve:
    """The curve at one distortion (σ² = 1) or rate, between the tangents below it and the chords above it."""

    def beyond(point: Point) -> bool:
        return point.distortion <= target if axis == "distortion" else point.rate >= target

    left = right = Point(0.0, source.d / source.n, 0.0, 0.0, "")
    points = [right]
    least = unit_critical_slope(source) * (1 + ABOVE_CRITICAL)
    slope = max(least, source.d / (2 * target) if axis == "distortion" else 0.0)
    while not beyond(left):
        slope *= 2
        right, left = left, point_at_slope(source, slope)
        points.append(left)
    if left is right:
        distortion = target if axis == "distortion" else right.distortion
        return _curve(np.zeros(1), np.full(1, distortion * noise_variance), np.zeros(1), np.zeros(1), [""])
    while True:
        chord = (left.rate - right.rate) / (right.distortion - left.distortion)
        if axis == "distortion":
            distortion, rate = target, right.rate + chord * (right.distortion - target)
        else:
            distortion, rate = right.distortion - (target - right.rate) / chord, target
        lower = max(point.intercept_lower - point.slope * distortion for point in points)
        tangent = max(chord, least)
        known = any(point.slope == tangent for point in points)
        if rate - lower <= CERTIFIED_GAP / 2 or known or len(points) > SANDWICH_POINTS:
            break
        middle = point_at_slope(source, tangent)
        points.append(middle)
        left, right = (middle, right) if beyond(middle) else (left, middle)
    return _curve(
        np.full(1, chord / noise_variance),
        np.full(1, distortion * noise_variance),
        np.full(1, rate),
        np.full(1, lower),
        [left.reason],
    )
