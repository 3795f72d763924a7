r"""Bounds on rate and distortion of several outputs' weights: water-filling over the directions of the noise.

In directions of the outputs in which MΓ is diag(γ) and the noise is white, W − W* has o rows of one law, and
the distortion is the sum of γ_i times that of row i. A test channel for each row, as the oracle's, gives

    D = (d/n) Σ_i γ_i α_i,    R ≤ (d/2) Σ_i ln(1 + (n/m)(1/α_i − 1)),    m = n − d − 1,

with α_i in [0, 1] its share of the largest distortion. The best shares have one slope. Where the curve of a
row starts concave (n < 2d + 2) its chord takes its place, by time sharing. For M = Γ⁻¹ all shares are equal.

Given A the rows are Gaussian, of variances γ_i/n in the metric of the distortion. Reverse water-filling of
these is a lower bound for every compressor. Derivation: docs/derivations.md §5.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.linear_model.base import LinearModel
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.linear_model.multi_output import MultiOutputLinearModel, require_linear_model
from ratedist.theory.bounds.time_sharing import time_sharing_rate

# Halvings of a bracket: they leave the last digit of a slope.
HALVINGS = 100


class _Point(NamedTuple):
    """Distortion, rate and excess population risk of the channels of one slope."""

    distortion: np.ndarray
    rate: np.ndarray
    excess: np.ndarray


def multi_output_rate_bound(model: LinearModel, distortion: ArrayLike) -> np.ndarray:
    """Upper bound on R(D): Gaussian test channels for all directions of the noise, and time sharing.

    With one output it is :func:`rate_distortion_envelope`.

    Args:
        model: the linear model of several outputs or one, n > d + 1.
        distortion: D ≥ 0 in units of the loss, any shape.

    Returns:
        Rate in nats for all weights, the shape of ``distortion``: 0 from tr(MΓ)d/n on, infinite at 0.

    Raises:
        ValueError: n <= d + 1, or a negative distortion.

    Source: docs/derivations.md §5; water-filling: CT06, section 10.3.3.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> model = rd.MultiOutputLinearModel(80, np.zeros((2, 50)), noise_covariance=[1.0, 0.25])
        >>> rd.theory.multi_output_rate_bound(model, [0.1, 0.4, 0.78125]).round(2)
        array([135.09,  41.76,   0.  ])
    """
    noise = _noise(model, "the bound on R(D)")
    D = _checks.in_range("distortion", distortion)
    scale = model.num_inputs / model.n * noise.sum()
    if scale == 0:
        return np.zeros_like(D)
    inside = (D > 0) & (scale > D)
    wanted = np.where(inside, D, scale / 2)
    # α ≤ 2/g for every row, g the slope times its noise.
    high = np.log(4 * model.num_weights / model.n) - np.log(wanted)
    rate = _at(model, noise, wanted, np.maximum(high, 2.0 - np.log(noise[0])), "distortion").rate
    return np.where(inside, rate, np.where(D > 0, 0.0, np.inf))


def multi_output_distortion_bound(model: LinearModel, rate: ArrayLike) -> np.ndarray:
    """Upper bound on D(R), the inverse of :func:`multi_output_rate_bound`.

    Args:
        model: the linear model of several outputs or one, n > d + 1.
        rate: R ≥ 0 in nats for all weights, any shape.

    Returns:
        Distortion in units of the loss, the shape of ``rate``: tr(MΓ)d/n at rate 0.

    Raises:
        ValueError: n <= d + 1, or a negative rate.

    Source: docs/derivations.md §5.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> model = rd.MultiOutputLinearModel(80, np.zeros((2, 50)), noise_covariance=[1.0, 0.25])
        >>> rd.theory.multi_output_distortion_bound(model, [0.0, 41.762, 135.089]).round(3)
        array([0.781, 0.4  , 0.1  ])
    """
    return _by_rate(model, rate, "the bound on D(R)").distortion


def multi_output_excess_risk(model: LinearModel, rate: ArrayLike) -> np.ndarray:
    """Excess population risk of the channels that :func:`multi_output_distortion_bound` has at a rate.

    ``Σ_i γ_i [(1 − α_i)² d/m + α_i(1 − α_i) d/n]``, m = n − d − 1. They know W*, so it is 0 at rate 0 and
    that of ERM, tr(MΓ)d/m, at an infinite one.

    Args:
        model: the linear model of several outputs or one, n > d + 1.
        rate: R ≥ 0 in nats for all weights, any shape.

    Returns:
        Excess over tr MΓ in units of the loss, the shape of ``rate``.

    Raises:
        ValueError: n <= d + 1, or a negative rate.

    Source: docs/derivations.md §5.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> model = rd.MultiOutputLinearModel(80, np.zeros((2, 50)), noise_covariance=[1.0, 0.25])
        >>> rd.theory.multi_output_excess_risk(model, [0.0, 25.87, np.inf]).round(3)
        array([0.   , 0.421, 2.155])
    """
    return _by_rate(model, rate, "the channels' risk").excess


def multi_output_rate_lower_bound(model: LinearModel, distortion: ArrayLike) -> np.ndarray:
    """Lower bound on the rate of any compressor: encoder and decoder both know A.

    ``(d/2) Σ_i ln⁺(γ_i/(nθ))`` with the water level θ of ``D = d Σ_i min(θ, γ_i/n)``; for one output
    ``(d/2) ln⁺(dσ²/(nD))``.

    Args:
        model: the linear model of several outputs or one, any n ≥ d.
        distortion: D ≥ 0 in units of the loss, any shape.

    Returns:
        Rate in nats for all weights, the shape of ``distortion``; infinite at 0.

    Raises:
        ValueError: a negative distortion.

    Source: docs/derivations.md §5; CT06, Theorem 10.3.3.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> model = rd.MultiOutputLinearModel(80, np.zeros((2, 50)), noise_covariance=[1.0, 0.25])
        >>> rd.theory.multi_output_rate_lower_bound(model, [0.1, 0.4, 0.78125]).round(2)
        array([91.63, 23.54,  0.  ])
    """
    require_linear_model(model)
    D = _checks.in_range("distortion", distortion)
    variances = np.sort(_spectrum(model)) / model.n
    variances = variances[variances > 0]
    if variances.size == 0:
        return np.zeros_like(D)
    d, levels = model.num_inputs, np.concatenate([[0.0], variances])
    below = d * (np.cumsum(levels) + levels * np.arange(variances.size, -1, -1))
    water = np.interp(D, below, levels)[..., None]
    with np.errstate(divide="ignore"):
        return d / 2 * np.sum(np.maximum(np.log(variances) - np.log(water), 0.0), axis=-1)


def _by_rate(model: LinearModel, rate: ArrayLike, quantity: str) -> _Point:
    noise = _noise(model, quantity)
    R = _checks.in_range("rate", rate)
    if noise.sum() == 0:
        return _Point(np.zeros_like(R), R, np.zeros_like(R))
    finite = np.where(np.isinf(R), 1.0, R)
    # Of the largest noise alone the rate is at least (d/2) ln(g/2).
    high = np.log(4.0) + 2 * finite / model.num_inputs - np.log(noise[0])
    point = _at(model, noise, finite, np.maximum(high, 2.0 - np.log(noise[0])), "rate")
    free, ends = model.n - model.num_inputs - 1, np.isinf(R)
    erm = model.num_inputs / free * noise.sum()
    return _Point(np.where(ends, 0.0, point.distortion), R, np.where(ends, erm, point.excess))


def _at(model: LinearModel, noise: np.ndarray, wanted: np.ndarray, high: np.ndarray, name: str) -> _Point:
    """The point at which the quantity ``name`` has the value that is wanted, by halving ln of the slope.

    Where it jumps, the two sides are mixed: time sharing.
    """
    least = _least_slope(model)
    low = np.full(wanted.shape, np.log(least / 2) - np.log(noise[0]))
    high = np.maximum(high, np.log(2 * least) - np.log(noise[0])) + 1.0
    sign = 1.0 if name == "rate" else -1.0

    def value(x: np.ndarray) -> np.ndarray:
        return sign * getattr(_channels(model, noise, x, least), name)

    for _ in range(HALVINGS):
        middle = (low + high) / 2
        over = value(middle) > sign * wanted
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    before, after = _channels(model, noise, low, least), _channels(model, noise, high, least)
    start, end = getattr(before, name), getattr(after, name)
    gap = end - start
    share = np.clip(np.where(gap != 0, (wanted - start) / np.where(gap != 0, gap, 1.0), 0.0), 0.0, 1.0)
    return _Point(*(one + share * (other - one) for one, other in zip(before, after, strict=True)))


def _channels(model: LinearModel, noise: np.ndarray, log_slope: np.ndarray, least: float) -> _Point:
    """All rows at one slope −d ln(...)/dα = g_i = slope·γ_i; those of g_i up to ``least`` send nothing."""
    n, d = model.n, model.num_inputs
    c = n / (n - d - 1)
    log_g = log_slope[..., None] + np.log(noise)
    sends = log_g > np.log(least)
    with np.errstate(under="ignore"):
        # The smaller root of (c − 1)α² − cα + c/g = 0.
        root = np.sqrt(np.maximum(c**2 - 4 * (c - 1) * c * np.exp(-np.where(sends, log_g, 1.0)), 0.0))
        log_alpha = np.where(sends, np.log(2 * c) - np.log(c + root) - log_g, 0.0)
        alpha = np.exp(log_alpha)
        rate = d / 2 * np.sum(np.where(sends, np.log(c - (c - 1) * alpha) - log_alpha, 0.0), axis=-1)
        excess = (1 - alpha) ** 2 * d / (n - d - 1) + alpha * (1 - alpha) * d / n
        return _Point(d / n * (alpha @ noise), rate, excess @ noise)


def _least_slope(model: LinearModel) -> float:
    """The slope g at which a row starts to send: at α = 1, or where the chord from there is tangent."""
    n, d = model.n, model.num_inputs
    c = n / (n - d - 1)
    start = 2 / d * time_sharing_rate(GaussianLinearModel(n, np.zeros(d)))
    alpha = c / (c + np.expm1(start))
    return float(c / (alpha * (c - (c - 1) * alpha)))


def _spectrum(model: LinearModel) -> np.ndarray:
    return model.noise_spectrum if isinstance(model, MultiOutputLinearModel) else np.array([model.bayes_risk])


def _noise(model: LinearModel, quantity: str) -> np.ndarray:
    """Eigenvalues of MΓ that are not zero, in descending order; one zero where there are none."""
    require_linear_model(model)
    model.require_finite_risk(quantity)
    spectrum = _spectrum(model)
    present = spectrum[spectrum > 0]
    return present if present.size else np.zeros(1)
