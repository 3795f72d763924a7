r"""Closed bounds on the exact rate–distortion function of the Gaussian linear model, for every n ≥ d.

Where the certified numerics have no answer in the time or memory allowed, and beside them wherever they
are sharper. Proofs: docs/exact-rate-distortion.md, section 10.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize

from ratedist import _checks
from ratedist.linear_model.model import GaussianLinearModel, require_model
from ratedist.theory.exact.log_gamma import digamma_rise, log_rising
from ratedist.theory.exact.radial_source import RadialSource

HULL_POINTS = 1000
LEAST_SHARE = 1e-12  # of D₀ down to which time sharing is looked at


class RateBracket(NamedTuple):
    """Two bounds on R(D).

    Attributes:
        lower: nats for the whole weight vector, the shape of D.
        upper: nats for the whole weight vector, the shape of D.
    """

    lower: np.ndarray
    upper: np.ndarray


def rate_distortion_bracket(model: GaussianLinearModel, distortion: ArrayLike) -> RateBracket:
    r"""Closed bounds from both sides on the exact curve: ``(d/2) ln(D₀/D) ≤ R(D) ≤ …``, D₀ = dσ²/n.

    Both are 0 from D₀ on. Below, the rate of an encoder and a decoder that know the Gram matrix. Above, the
    least of

    .. math:: \tfrac d2\ln\Bigl(1 + \tfrac{n}{n-d-1}\bigl(\tfrac{D_0}D - 1\bigr)\Bigr)\qquad (n > d + 1),

    the oracle's channel against a Gaussian reproduction, of the same channel against a multivariate t, and of
    time sharing with the point (D₀, 0). The second needs no second moment and holds for every n ≥ d. It takes
    a hundredth of a second.

    Args:
        model: the linear model, n ≥ d, σ² > 0.
        distortion: D above zero, any shape, in units of the loss.

    Returns:
        ``(lower, upper)``, both in nats for the whole weight vector and of the shape of ``distortion``.

    Raises:
        ValueError: σ² = 0, or a distortion that is not positive.

    Derived in docs/exact-rate-distortion.md, section 10.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> lower, upper = rd.theory.rate_distortion_bracket(model, [0.1, 0.402, 0.7])
        >>> lower.round(2), upper.round(2)
        (array([45.81, 11.03,  0.  ]), array([68.42, 23.21,  0.  ]))
    """
    require_model(model)
    distortion = _checks.in_range("distortion", distortion, open_low=True)
    if model.noise_variance <= 0:
        raise ValueError("noise_variance must be above zero: without noise nothing is to be encoded, got 0")
    unit = distortion / model.noise_variance
    return RateBracket(unit_lower(model.d, model.n, unit), unit_upper(model.d, model.n, unit))


def unit_lower(d: int, n: int, distortion: np.ndarray) -> np.ndarray:
    """``(d/2) ln⁺(D₀/D)`` at σ² = 1."""
    zero = d / n
    # Near D₀ the difference of the logarithms would cancel.
    near = np.log1p((zero - distortion) / np.maximum(distortion, zero / 2))
    return d / 2 * np.maximum(np.where(distortion < zero / 2, np.log(zero) - np.log(distortion), near), 0.0)


def unit_upper(d: int, n: int, distortion: np.ndarray) -> np.ndarray:
    """The upper bound at σ² = 1: the least of both formulas and of time sharing."""
    zero = d / n
    inside = np.minimum(distortion, zero)
    hull = time_sharing(d, n)
    shared = np.where(inside < hull.distortion[0], np.inf, np.interp(inside, hull.distortion, hull.rate))
    return np.minimum(shared, np.minimum(_gaussian(d, n, inside), _student(d, n, inside)))


class UpperHull(NamedTuple):
    """Corners of an achievable curve at σ² = 1, distortion rising, rate falling to 0, convex."""

    distortion: np.ndarray
    rate: np.ndarray


@functools.lru_cache(maxsize=64)
def time_sharing(d: int, n: int) -> UpperHull:
    """Convex hull from below of both formulas and the point (D₀, 0)."""
    zero = d / n
    distortion = zero * np.concatenate(
        [np.geomspace(LEAST_SHARE, 0.5, HULL_POINTS), np.linspace(0.5, 1, HULL_POINTS)[1:]]
    )
    rate = np.minimum(_gaussian(d, n, distortion), _student(d, n, distortion))
    rate[-1] = 0.0
    corners: list[int] = []
    for index in np.flatnonzero(np.isfinite(rate)):
        while len(corners) > 1 and _turns_down(distortion, rate, corners[-2], corners[-1], int(index)):
            corners.pop()
        corners.append(int(index))
    return UpperHull(distortion[corners], rate[corners])


def lower(source: RadialSource, distortion: float) -> float:
    """``unit_lower`` at one distortion."""
    return float(unit_lower(source.d, source.n, np.array(distortion)))


def upper(source: RadialSource, distortion: float) -> float:
    """``unit_upper`` at one distortion."""
    return float(unit_upper(source.d, source.n, np.array(distortion)))


def upper_at_slope(d: int, n: int, slope: float) -> tuple[float, float]:
    """The point of the achievable curve that minimises R + λD, at σ² = 1."""
    hull = time_sharing(d, n)
    slopes = -np.diff(hull.rate) / np.diff(hull.distortion)
    if slope > slopes[0]:
        # At high rate the curve is (d/2) ln(1/D) but for a constant.
        distortion = d / (2 * slope)
        return distortion, float(unit_upper(d, n, np.array(distortion)))
    corner = int(np.sum(slopes > slope))
    distortion, rate = float(hull.distortion[corner]), float(hull.rate[corner])
    ends = np.log(hull.distortion[[max(corner - 1, 0), min(corner + 1, hull.rate.size - 1)]])
    if corner == hull.rate.size - 1 or np.ptp(ends) > 0.1:
        return distortion, rate  # an end of the straight part
    found: Any = optimize.minimize_scalar(
        lambda y: float(unit_upper(d, n, np.exp(y))) + slope * np.exp(y), bounds=tuple(ends), method="bounded"
    )
    distortion = float(np.exp(found.x))
    return distortion, float(unit_upper(d, n, np.array(distortion)))


def slope_of_upper(d: int, n: int, distortion: float) -> float:
    """``−dR/dD`` of the achievable curve, at σ² = 1."""
    hull = time_sharing(d, n)
    if distortion < hull.distortion[0]:
        return d / (2 * distortion)
    index = min(int(np.searchsorted(hull.distortion, distortion, side="right")), hull.rate.size - 1)
    rise, width = hull.rate[index - 1] - hull.rate[index], hull.distortion[index] - hull.distortion[index - 1]
    return float(rise / width)


def upper_at_rate(d: int, n: int, rate: float) -> float:
    """A distortion achievable at this rate, at σ² = 1; 0 if it is too small for float64."""
    hull = time_sharing(d, n)
    if rate <= hull.rate[0]:
        index = int(np.searchsorted(-hull.rate, -rate))
        ends = hull.distortion[[max(index - 1, 0), index]]

        def excess(distortion: float) -> float:
            return float(unit_upper(d, n, np.array(distortion))) - rate

        if excess(ends[0]) * excess(ends[1]) >= 0:
            return float(ends[1])
        found = optimize.root_scalar(excess, bracket=tuple(ends), method="brentq", xtol=1e-15 * ends[1])
        return float(found.root)
    # Beyond the corners both formulas rise by at least d/2 nats with every factor e in 1/D, to rounding.
    return float(hull.distortion[0] * np.exp(-2 * (rate - hull.rate[0]) / d))


def lower_at_rate(d: int, n: int, rate: float) -> float:
    """No channel of this rate has less distortion, at σ² = 1."""
    return float(d / n * np.exp(-2 * rate / d))


def _gaussian(d: int, n: int, distortion: np.ndarray) -> np.ndarray:
    """``(d/2) ln(1 + (n/(n−d−1))(D₀/D − 1))``, infinite for n ≤ d + 1, where W has no covariance."""
    if n <= d + 1:
        return np.where(distortion < d / n, np.inf, 0.0)
    return d / 2 * np.log1p(n / (n - d - 1) * ((d / n - distortion) / distortion))


def _student(d: int, n: int, distortion: np.ndarray) -> np.ndarray:
    """The oracle's channel against the law of sU, ``s² = (1 − α)(1 − α − D)``, where that is positive.

    ``ln Γ(ν/2) − ln Γ((n+1)/2) + ((n+1)/2)(ψ((n+1)/2) − ψ(ν/2)) + (d/2) ln(d(1−α−D)/(2eD))
    + ((n+1)/2) ln((1−α)/(1−α−D))``, α = D/D₀.
    """
    nu = n - d + 1
    constant = (n + 1) / 2 * digamma_rise(nu / 2, d / 2) - log_rising(nu / 2, d / 2)
    rest = 1 - distortion * (n / d)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(rest > distortion, rest - distortion, np.nan)
        bound = (
            constant
            + d / 2 * (np.log(d / 2) - 1 + np.log(scale) - np.log(distortion))
            - (n + 1) / 2 * np.log1p(-distortion / rest)
        )
    return np.where(np.isnan(bound), np.inf, bound)


def _turns_down(x: np.ndarray, y: np.ndarray, i: int, j: int, k: int) -> bool:
    """Whether corner j lies on or above the chord from i to k."""
    return bool((y[j] - y[i]) * (x[k] - x[i]) >= (y[k] - y[i]) * (x[j] - x[i]))
