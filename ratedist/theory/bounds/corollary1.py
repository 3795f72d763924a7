r"""Corollary 1: the bound on population risk above E L_S(W), and the rate that minimises it, globally.

    f(R) = (bound on gen at rate R) + (bound on D(R))

What it does not show. Its left side, ``min E[L_μ(Ŵ) − L_S(W)]`` over channels of rate R, lets the channel
know w*, so that its infimum is dσ²/n at *every* rate; and the Gaussian channel that attains the papers' D(R)
is not compact, as Proposition 1 asks. It is a sum of two upper bounds, and no statement about K-means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar
from scipy.special import lambertw

from ratedist import _checks
from ratedist.linear_model.model import GaussianLinearModel, require_model
from ratedist.theory.bounds.generalization import exact_cgf_bound, proposition1_bound, worst_loss_variance
from ratedist.theory.bounds.rate_distortion import distortion_rate_bound, distortion_rate_tight
from ratedist.theory.bounds.time_sharing import distortion_rate_envelope

DISTORTION_RATES = {
    "paper": distortion_rate_bound,
    "tight": distortion_rate_tight,
    "envelope": distortion_rate_envelope,
}
GENERALIZATION_BOUNDS = {"proposition1": proposition1_bound, "exact_cgf": exact_cgf_bound}

# The global minimum is certified to this relative accuracy.
RELATIVE_GAP = 1e-9
# Intervals of rate examined at first, and rounds of halving afterwards.
NUM_INTERVALS = 1024
MAX_HALVINGS = 200
# A saturating generalisation bound within this of its limit is taken to have reached it.
SATURATION = 1e-12


class Corollary1Minimum(NamedTuple):
    """The rate that minimises the bound of Corollary 1, and the bound there.

    Attributes:
        rate: R in nats.
        value: the bound in units of the loss.
    """

    rate: float
    value: float


def corollary1_bound(
    model: GaussianLinearModel,
    rate: ArrayLike,
    radius: float,
    distortion_rate: str = "paper",
    generalization_bound: str = "proposition1",
    norm: str = "euclidean",
) -> np.ndarray:
    """Corollary 1: ``min E[L_μ(Ŵ) − L_S(W)] ≤ 2σ*²√(R/n) + D(R)``, or either term by its tighter form.

    Args:
        model: the linear model, n > d + 1.
        rate: R ≥ 0 in nats for the whole weight vector, any shape.
        radius: √C(w*), the farthest that a reproduction may lie from w*, as :func:`codebook_radius` returns
            it (not its square). Finite, at least 0.
        distortion_rate: the bound on D(R): ``"paper"`` (25), ``"tight"`` or its convex ``"envelope"``.
        generalization_bound: the bound on gen: ``"proposition1"`` (21) or ``"exact_cgf"``.
        norm: the norm that ``radius`` is in, ``"euclidean"`` (the papers) or ``"covariance"``, ‖ŵ − w*‖_Σ.

    Returns:
        The bound in units of the loss, the shape of ``rate``.

    Raises:
        ValueError: n <= d + 1, a negative rate or radius, or an unknown name.

    Source: Corollary 1, Entropy 2021 eq. (28), with ``"paper"`` and ``"proposition1"``.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> rd.theory.corollary1_bound(model, [0.0, 30.0], radius=0.0).round(4)
        array([1.7241, 1.744 ])
    """
    require_model(model)
    first, second = _terms(model, radius, distortion_rate, generalization_bound, norm)
    return first(_checks.in_range("rate", rate)) + second(_checks.in_range("rate", rate))


def corollary1_minimizer(
    model: GaussianLinearModel,
    radius: float,
    distortion_rate: str = "paper",
    generalization_bound: str = "proposition1",
    norm: str = "euclidean",
) -> Corollary1Minimum:
    r"""The *global* minimiser over R ≥ 0 of :func:`corollary1_bound`.

    R = 0 is always a local minimum, since √R rises with infinite slope: a search from there, or from a
    stationary point, proves nothing. Here the first term rises and the second falls, so that
    ``f ≥ first(a) + second(b)`` on [a, b]. Intervals that this rules out are dropped and the others halved.
    The largest rate looked at is that where the first term alone passes the best value found.

    Args:
        model: the linear model, n > d + 1.
        radius: √C(w*), the farthest that a reproduction may lie from w*, as :func:`codebook_radius` returns
            it (not its square). Finite, at least 0.
        distortion_rate: the bound on D(R): ``"paper"`` (25), ``"tight"`` or its convex ``"envelope"``.
        generalization_bound: the bound on gen: ``"proposition1"`` (21) or ``"exact_cgf"``.
        norm: the norm that ``radius`` is in, ``"euclidean"`` (the papers) or ``"covariance"``, ‖ŵ − w*‖_Σ.

    Returns:
        ``(rate, value)``, the value within 1e-9 relative of the global minimum. At (d, n) = (50, 80),
        σ² = 1, the rate is 0 and the value 1.7241 even for radius 0.

    Raises:
        ValueError: n <= d + 1, a negative radius, or an unknown name.

    Source: docs/bounds.md §3; Entropy 2021 eq. (28).

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> rate, value = rd.theory.corollary1_minimizer(model, radius=0.0)
        >>> rate, round(value, 4)
        (0.0, 1.7241)
    """
    require_model(model)
    first, second = _terms(model, radius, distortion_rate, generalization_bound, norm)
    worst = worst_loss_variance(model, radius, norm)
    start = float(second(np.zeros(())))
    if worst == 0 or start == 0:
        return Corollary1Minimum(0.0, start)

    grid = model.d * np.concatenate([[0.0], np.geomspace(1e-6, 1e3, NUM_INTERVALS)])
    values = first(grid) + second(grid)
    best = float(values.min())
    # Where the first term alone is at least ``best`` nothing better can follow.
    if generalization_bound == "proposition1":
        last = model.n * (best / (2 * worst)) ** 2
    else:
        y = min(best / worst, 1 - SATURATION)
        last = model.n * (-y - np.log1p(-y)) / 2
    edges = np.concatenate([grid[grid < last], [last]])
    rate, best = minimum_of_rising_plus_falling(first, second, edges)
    return _polished(lambda R: float(first(np.asarray(R)) + second(np.asarray(R))), rate, best)


def minimum_of_rising_plus_falling(
    rising: Callable[[np.ndarray], np.ndarray], falling: Callable[[np.ndarray], np.ndarray], edges: np.ndarray
) -> tuple[float, float]:
    """Global minimum of ``rising + falling`` on ``[edges[0], edges[-1]]``, by branch and bound.

    Args:
        rising, falling: vectorised, non-decreasing and non-increasing, the sum positive.
        edges: increasing, shape ``(k,)``, k ≥ 2: the intervals examined first.

    Returns:
        A point and the value there, within 1e-9 relative of the global minimum.

    Source: docs/bounds.md §3.
    """
    low, high = edges[:-1], edges[1:]
    at_edges = rising(edges) + falling(edges)
    index = int(np.argmin(at_edges))
    point, best = float(edges[index]), float(at_edges[index])
    for _ in range(MAX_HALVINGS):
        alive = rising(low) + falling(high) < best * (1 - RELATIVE_GAP)
        if not alive.any():
            break
        low, high = low[alive], high[alive]
        middle = (low + high) / 2
        at_middle = rising(middle) + falling(middle)
        index = int(np.argmin(at_middle))
        if at_middle[index] < best:
            point, best = float(middle[index]), float(at_middle[index])
        low, high = np.concatenate([low, middle]), np.concatenate([middle, high])
    return point, best


def corollary1_stationary_rate(
    model: GaussianLinearModel, radius: float, norm: str = "euclidean"
) -> float | None:
    r"""The interior local minimum of eq. (28), ``R = −(d/4) W₋₁(−4c²/d)``, ``c = (n − d − 1)σ*²/(2σ²√n)``.

    It is a *local* minimum only; compare :func:`corollary1_minimizer`, which may be R = 0 all the same.

    Args:
        model: the linear model, n > d + 1.
        radius: √C(w*), the farthest that a reproduction may lie from w*, as :func:`codebook_radius` returns
            it (not its square). Finite, at least 0.
        norm: the norm that ``radius`` is in, ``"euclidean"`` (the papers) or ``"covariance"``, ‖ŵ − w*‖_Σ.

    Returns:
        The rate in nats (30.7 at (50, 80), σ² = 1, radius 0), or ``None`` if (28) increases throughout.

    Raises:
        ValueError: n <= d + 1, a negative radius, or an unknown norm.

    Source: docs/bounds.md §3.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> round(rd.theory.corollary1_stationary_rate(model, radius=0.0), 1)
        30.7
    """
    require_model(model)
    d = model.d
    start = float(distortion_rate_bound(model, 0.0))
    if start == 0:
        return None
    c = worst_loss_variance(model, radius, norm) * d / (2 * start * np.sqrt(model.n))
    argument = -4 * c**2 / d
    if argument < -np.exp(-1) or argument == 0:
        return None
    return float(-d / 4 * lambertw(argument, -1).real)


def _terms(
    model: GaussianLinearModel, radius: float, distortion_rate: str, generalization_bound: str, norm: str
) -> tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]:
    _checks.one_of("distortion_rate", distortion_rate, tuple(DISTORTION_RATES))
    _checks.one_of("generalization_bound", generalization_bound, tuple(GENERALIZATION_BOUNDS))
    bound, curve = GENERALIZATION_BOUNDS[generalization_bound], DISTORTION_RATES[distortion_rate]
    return lambda R: bound(model, R, radius, norm), lambda R: curve(model, R)


def _polished(f: Callable[[float], float], rate: float, value: float) -> Corollary1Minimum:
    """Refine an interior minimiser; the best edge or midpoint is within the gap but not at the bottom."""
    if rate == 0:
        return Corollary1Minimum(0.0, value)
    local: Any = minimize_scalar(
        f, bounds=(rate * 0.99, rate * 1.01), method="bounded", options={"xatol": 1e-10 * rate}
    )
    return (
        Corollary1Minimum(float(local.x), float(local.fun))
        if local.fun <= value
        else Corollary1Minimum(rate, value)
    )
