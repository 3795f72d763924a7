r"""The exact rate–distortion function of the Gaussian linear model, with a certificate.

For the Markov chain S → W → Ŵ and the distortion ``d(w, ŵ) = E[L_S(ŵ) − L_S(W) | W = w]`` the function
``R(D) = min I(W; Ŵ)`` over channels with ``E d(W, Ŵ) ≤ D`` has no closed form, but a one-dimensional
one: only radii matter. Every point has an achievable rate, a lower bound with every error in it but
rounding, and is *certified* when the two are within ``CERTIFIED_GAP`` nats and within the share
``CERTIFIED_RELATIVE_GAP`` of the rate. Where that takes more time or memory than allowed, the answer is the
closed bracket of :func:`ratedist.theory.rate_distortion_bracket`.

The model enters through d, n and σ² alone; Σ and w* drop out. Derived in docs/exact-rate-distortion.md.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.linear_model.model import GaussianLinearModel, require_model
from ratedist.theory.exact import closed_bracket
from ratedist.theory.exact.certified_curve import TINY, RateDistortionCurve, curve_of
from ratedist.theory.exact.criticality import least_critical_slope, local_critical_slope, unit_critical_slope
from ratedist.theory.exact.effort import Effort, UnsolvedError
from ratedist.theory.exact.log_gamma import digamma_rise, log_rising
from ratedist.theory.exact.points import point_at_slope
from ratedist.theory.exact.radial_source import RadialSource
from ratedist.theory.exact.search import SMALL_RATE, Answer, at_distortion, at_rate
from ratedist.theory.exact.zero_rate_tangent import proved_slope

TIME_LIMIT = 60.0  # seconds


def rate_distortion(
    model: GaussianLinearModel,
    slopes: ArrayLike,
    *,
    rigorous: bool = False,
    time_limit: float = TIME_LIMIT,
    progress: bool = False,
) -> RateDistortionCurve:
    """Exact rate–distortion function at given slopes λ = −dR/dD, as a curve of certified points.

    Up to some thirty times the critical slope a point takes a tenth of a second at d = 50, n = 80. Near
    n = d + 1 it takes about one second. At d = 50, n = 52 and a thousand times that slope it takes three
    seconds and 0.5 GB.

    Args:
        model: the linear model, n ≥ d, σ² > 0.
        slopes: one or more numbers above zero, nats per unit of distortion, shape ``()`` or ``(m,)``.
            At or below ``critical_slope`` the point is the zero-rate one, ``(dσ²/n, 0)``.
        rigorous: evaluate both bounds anew in ball arithmetic, so that ``rate_lower ≤ R(distortion) ≤ rate``
            holds for the numbers reported, rounding included. Some four seconds more a point, minutes near
            n = d + 1. It needs python-flint: ``pip install 'ratedist[rigorous]'``.
        time_limit: seconds for each slope, ball arithmetic included, looked at every few seconds. A point
            that needs more, or more than 4·10⁸ kernel entries, is that of the closed bracket with this slope,
            not certified, with the reason. With ``rigorous`` its bounds are in balls then too; minutes need
            a limit of minutes.
        progress: show a bar on standard error once two seconds have passed.

    Returns:
        A curve of m points in the order of ``slopes``; distortion in units of the loss, rates in nats.

    Raises:
        ValueError: slopes that are not finite and positive, σ² = 0, or a ``time_limit`` not above zero.
        ModuleNotFoundError: ``rigorous`` without python-flint.

    Derived in docs/exact-rate-distortion.md; neither paper has it.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=4, w_star=[1.0])
        >>> curve = rd.theory.rate_distortion(model, [10.0])
        >>> curve.distortion.round(3), curve.rate.round(3), curve.certified
        (array([0.055]), array([0.941]), array([ True]))
    """
    source, noise_variance = _unit_problem(model)
    slopes = np.atleast_1d(_checks.real_array("slopes", slopes))
    if slopes.ndim != 1 or np.any(slopes <= 0):
        raise ValueError(f"slopes must be positive numbers of shape () or (m,), got {slopes!r:.80}")
    answers = []
    if rigorous:
        from ratedist.theory.exact.rigorous.evaluation import rigorous_at_slope

        with Effort(time_limit, progress=progress, total=slopes.size) as effort:
            for slope in slopes:
                unit_slope = float(slope) * noise_variance
                answers.append(rigorous_at_slope(source, unit_slope, noise_variance, effort))
                effort.advance()
        return curve_of(answers, 1.0, slopes)  # rounded already, in the units of the model
    with Effort(time_limit, progress=progress, total=slopes.size) as effort:
        for slope in slopes:
            answers.append(_at_slope(source, float(slope) * noise_variance, effort))
            effort.advance()
    return curve_of(answers, noise_variance, slopes)


def rate_at_distortion(
    model: GaussianLinearModel,
    distortion: ArrayLike,
    *,
    time_limit: float = TIME_LIMIT,
    progress: bool = False,
) -> RateDistortionCurve:
    """Exact R(D) at given distortions, as a curve with one certified point for each, at that very distortion.

    Time sharing between two points of the curve, refined until it meets the lower bound; where the
    curve is straight the two points stay apart. Each costs three to ten points of ``rate_distortion``. Below
    some 0.01 nats a line through the zero-rate point certifies. Near n = d + 1, and from some 200 weights
    on, it is not found, and rates so small may be bracketed only.
    A bound in closed form, as an array, is :func:`rate_distortion_tight`.

    Args:
        model: the linear model, n ≥ d, σ² > 0.
        distortion: D above zero, finite, in units of the loss, shape ``()`` or ``(m,)``. From dσ²/n on the
            rate is 0.
        time_limit: seconds for each distortion, looked at every few seconds. What is known by then is
            returned, or the closed bracket where that is sharper. It is not certified unless the gap is small
            enough, with a reason.
        progress: show a bar on standard error once two seconds have passed.

    Returns:
        A curve of m points in the order of ``distortion``; rates in nats for the whole weight vector.

    Raises:
        ValueError: distortions that are not finite and positive, σ² = 0, or a ``time_limit`` not above zero.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=4, w_star=[1.0])
        >>> rd.theory.rate_at_distortion(model, 0.1).rate.round(3)
        array([0.599])
    """
    source, noise_variance = _unit_problem(model)
    targets = np.atleast_1d(_checks.real_array("distortion", distortion))
    if targets.ndim != 1 or np.any(targets <= 0):
        raise ValueError(f"distortion must be positive numbers of shape () or (m,), got {distortion!r:.80}")
    answers = []
    with Effort(time_limit, progress=progress) as effort:
        for target in targets:
            effort.restart()
            answers.append(at_distortion(source, float(target) / noise_variance, effort))
    return dataclasses.replace(curve_of(answers, noise_variance), distortion=targets)


def distortion_at_rate(
    model: GaussianLinearModel,
    rate: ArrayLike,
    *,
    time_limit: float = TIME_LIMIT,
    progress: bool = False,
) -> RateDistortionCurve:
    """Exact D(R) at given rates, as a curve with one certified point for each, at that very rate.

    Each costs three to ten points of ``rate_distortion``. A bound in closed form, as an array, is
    :func:`distortion_rate_tight`.

    Args:
        model: the linear model, n ≥ d, σ² > 0.
        rate: nats for the whole weight vector, finite and at least zero, shape ``()`` or ``(m,)``.
        time_limit: seconds for each rate, looked at every few seconds. What is known by then is returned, or
            the closed bracket where that is sharper. It is not certified unless the gap is small enough, with
            a reason.
        progress: show a bar on standard error once two seconds have passed.

    Returns:
        A curve of m points in the order of ``rate``; distortion in units of the loss.

    Raises:
        ValueError: rates that are negative, not finite or beyond what float64 can follow, σ² = 0, or a
            ``time_limit`` not above zero.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=4, w_star=[1.0])
        >>> rd.theory.distortion_at_rate(model, 0.5).distortion.round(3)
        array([0.117])
    """
    source, noise_variance = _unit_problem(model)
    targets = np.atleast_1d(_checks.real_array("rate", rate))
    if targets.ndim != 1 or np.any(targets < 0):
        raise ValueError(f"rate must be numbers of at least 0, of shape () or (m,), got {rate!r:.80}")
    highest = float(np.max(targets, initial=0.0))
    if closed_bracket.lower_at_rate(source.d, source.n, highest) * noise_variance < TINY:
        raise ValueError(f"rate = {highest:g} nats asks for a distortion below {TINY:g}, d = {source.d}")
    answers = []
    with Effort(time_limit, progress=progress) as effort:
        for target in targets:
            effort.restart()
            answers.append(at_rate(source, float(target), effort))
    return curve_of(answers, noise_variance)


def critical_slope(
    model: GaussianLinearModel, *, time_limit: float = TIME_LIMIT, progress: bool = False
) -> float:
    """The slope at or below which the zero-rate point ``(dσ²/n, 0)`` alone is optimal, nats per distortion.

    The largest λ for which ``c(ρ) = E exp(−λ[d(U, V) − d(U, 0)]) ≤ 1`` at every radius ρ = ‖V‖. It is reached
    either as ρ → 0, where it is ``n²(n+3)/(2ν(n+1)σ²)``, or at some radius away from 0 (100.705 at d = 50, n
    = 80, σ² = 1, ρ ≈ 0.497). It is found by search and not certified. No bound rests on it, only the choice
    to report the zero-rate point, which lies on the curve whatever the slope. Proved is
    ``n/(2σ²) ≤ λ ≤ n²(n+3)/(2ν(n+1)σ²)``. A fraction of a second; half a minute near n = d + 1 at d = 2000.

    Args:
        model: the linear model, n ≥ d, σ² > 0.
        time_limit: seconds after which the search is given up.
        progress: show on standard error, once two seconds have passed, how many radii were tried.

    Raises:
        ValueError: σ² = 0, or a search beyond its limits of time and memory; the message has the proved
            bracket.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> round(rd.theory.critical_slope(model), 2)
        100.71
    """
    source, noise_variance = _unit_problem(model)
    with Effort(time_limit, progress=progress) as effort:

        def check() -> None:
            effort.check()
            effort.advance()

        try:
            return unit_critical_slope(source, check) / noise_variance
        except UnsolvedError as error:
            low = least_critical_slope(source) / noise_variance
            high = local_critical_slope(source) / noise_variance
            raise ValueError(f"no critical slope: {error}; it lies from {low:g} to {high:g}") from None


def high_rate_asymptote(model: GaussianLinearModel, distortion: ArrayLike) -> np.ndarray:
    r"""Rate in nats that the exact curve approaches as D → 0, same shape as ``distortion``.

    .. math:: h(U) - \tfrac12 E\ln(1+\|U\|^2) - \tfrac d2 \ln\frac{2\pi e D n}{(n+1)\sigma^2 d},

    U multivariate t with ν = n − d + 1 degrees of freedom and scale I/ν: Shannon's formula for the
    distortion's metric at the source. The exact rate is lower by about ``(d+1)nD/(2(n+1)σ²)`` (a formal
    expansion, checked against the certified curve; docs/exact-rate-distortion.md, section 9).

    Args:
        model: the linear model, n ≥ d, σ² > 0.
        distortion: D above zero, finite, in units of the loss, any shape.

    Raises:
        ValueError: σ² = 0, or distortions that are not finite and positive.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> rd.theory.high_rate_asymptote(model, [0.001, 0.01]).round(2)
        array([185.77, 128.2 ])
    """
    source, noise_variance = _unit_problem(model)
    distortion = _checks.in_range("distortion", distortion, high=np.finfo(np.float64).max, open_low=True)
    d, n, nu = source.d, source.n, source.degrees_of_freedom
    # As differences, and with π left out of the logarithms of both h(U) and the noise: at n = 10¹² either of
    # them has lost three digits after the point.
    mean_log = digamma_rise(nu / 2, d / 2)
    entropy = (n + 1) / 2 * mean_log - log_rising(nu / 2, d / 2)
    noise = 2 * np.e * distortion * n / ((n + 1) * noise_variance * d)
    return entropy - mean_log / 2 - d / 2 * np.log(noise)


def _unit_problem(model: GaussianLinearModel) -> tuple[RadialSource, float]:
    require_model(model)
    if model.noise_variance <= 0:
        raise ValueError(
            "noise_variance must be above zero: without noise W = w* and nothing is to be encoded, got 0"
        )
    return RadialSource(model.d, model.n), model.noise_variance


def _at_slope(source: RadialSource, slope: float, effort: Effort) -> Answer:
    """The certified point, or that of the closed bracket with this slope; the sharper of both bounds."""
    effort.restart()
    try:
        point = point_at_slope(source, slope, check=effort.check)
    except UnsolvedError as error:
        distortion, rate = closed_bracket.upper_at_slope(source.d, source.n, slope)
        if rate == 0:
            # Exact, but not the point with this slope: rather the nearest one with a rate.
            distortion, rate = (
                float(column[-2]) for column in closed_bracket.time_sharing(source.d, source.n)
            )
        return Answer(slope, distortion, rate, closed_bracket.lower(source, distortion), str(error))
    distortion = point.distortion
    lower = max(point.intercept_lower - point.slope * distortion, closed_bracket.lower(source, distortion))
    if 0 < point.rate < SMALL_RATE:
        lower = max(lower, proved_slope(source) * (source.d / source.n - distortion))
    rate = min(point.rate, closed_bracket.upper(source, distortion))
    return Answer(point.slope, distortion, rate, lower, point.reason)
