"""Priors of a weight: what a code charges it by. Three regularisers as densities.

A Gaussian prior charges w²/(2τ²) nats and a constant, which is the L2 penalty; a Laplace prior |w|/b, which
is the L1 penalty. Two Gaussian spikes charge the squared distance from the nearer of two centres, once they
are narrow: what K-means with two centres minimises.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erf, ndtr

from ratedist import _checks
from ratedist.codes.interval_masses import LOG_ROOT_TWO_PI, gaussian_log_mass, laplace_log_mass

# The trapezoidal rule for E ln 2cosh(Y), Y Gaussian of standard deviation ≤ 1: the integrand is analytic to a
# distance π/2 from the real axis, which leaves an error of e^−39, and e^−50 is outside.
TRAPEZOID = np.arange(-40, 41) / 4
TRAPEZOID_WEIGHTS = np.exp(-(TRAPEZOID**2) / 2) / 4 / np.sqrt(2 * np.pi)
# For means beyond this and standard deviations ≤ 1, E ln(1 + e^−2|Y|) is below e^−50.
FAR = 30.0
# For wider ones Gauss–Legendre for E ln(1 + e^−2|Y|) on panels; beyond the last the integrand is below e^−40.
PANELS = np.linspace(0.0, 20.0, 11)
NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)
HALF_LINE = ((PANELS[1:] + PANELS[:-1])[:, None] / 2 + NODES).ravel()
HALF_LINE_WEIGHTS = np.tile(WEIGHTS, len(PANELS) - 1)
# Weights whose quadrature is in memory at once.
CHUNK = 1 << 14
# Where something beyond floating point is as good as infinite.
LARGEST = 1e300


class Prior(Protocol):
    """A density of one weight, of all weights alike and independent."""

    def log_density(self, weights: ArrayLike) -> np.ndarray:
        """ln p(w) of each weight."""
        ...

    def log_mass(self, weights: ArrayLike, step: ArrayLike) -> np.ndarray:
        """Logarithm of the mass of ``[w − δ/2, w + δ/2]``, for each weight."""
        ...

    def divergence(self, mean: ArrayLike, scale: ArrayLike) -> np.ndarray:
        """``KL(N(μ, s²) ‖ prior)`` in nats, for each weight."""
        ...


@dataclasses.dataclass(frozen=True)
class GaussianPrior:
    """N(0, τ²): the prior of L2.

    Attributes:
        scale: τ > 0, the standard deviation.

    Raises:
        ValueError: a scale not above zero.
    """

    scale: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", _checks.positive_number("scale", self.scale))

    def log_density(self, weights: ArrayLike) -> np.ndarray:
        """``−w²/2τ² − ½ ln 2πτ²`` of each weight."""
        return _gaussian_log_density(_checks.real_array("weights", weights), self.scale)

    def log_mass(self, weights: ArrayLike, step: ArrayLike) -> np.ndarray:
        """Logarithm of the mass of ``[w − δ/2, w + δ/2]``, for each weight."""
        return gaussian_log_mass(*_cells(weights, step), self.scale)

    def divergence(self, mean: ArrayLike, scale: ArrayLike) -> np.ndarray:
        """``ln(τ/s) + (s² + μ²)/2τ² − ½`` nats, for each weight."""
        mu, s = _posterior(mean, scale)
        with np.errstate(over="ignore", under="ignore"):
            ratio = s / self.scale
            spread = (ratio - 1) * (ratio + 1) / 2 - (np.log(s) - np.log(self.scale))
            return np.maximum(spread, 0.0) + (mu / self.scale) ** 2 / 2


@dataclasses.dataclass(frozen=True)
class LaplacePrior:
    """The density exp(−|w|/b)/2b: the prior of L1.

    Attributes:
        scale: b > 0, the mean size; the standard deviation is √2·b.

    Raises:
        ValueError: a scale not above zero.
    """

    scale: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", _checks.positive_number("scale", self.scale))

    def log_density(self, weights: ArrayLike) -> np.ndarray:
        """``−|w|/b − ln 2b`` of each weight."""
        with np.errstate(over="ignore"):
            sizes = np.abs(_checks.real_array("weights", weights)) / self.scale
        return -sizes - np.log(self.scale) - np.log(2.0)

    def log_mass(self, weights: ArrayLike, step: ArrayLike) -> np.ndarray:
        """Logarithm of the mass of ``[w − δ/2, w + δ/2]``, for each weight."""
        return laplace_log_mass(*_cells(weights, step), self.scale)

    def divergence(self, mean: ArrayLike, scale: ArrayLike) -> np.ndarray:
        """``ln 2b + E|w|/b − ½ ln 2πes²`` nats, w ~ N(μ, s²), for each weight; in closed form."""
        mu, s = _posterior(mean, scale)
        with np.errstate(over="ignore", under="ignore"):
            logs = np.log(2.0) + np.log(self.scale) - np.log(s) - 0.5 - LOG_ROOT_TWO_PI
            return logs + mean_size(mu, s) / self.scale


@dataclasses.dataclass(frozen=True)
class TwoSpikePrior:
    """The mixture ½N(−c, σ²) + ½N(c, σ²): the prior of two centres, softly.

    Attributes:
        center: c > 0.
        spike_scale: σ > 0, the standard deviation of each spike.

    Raises:
        ValueError: a centre or a scale not above zero.
    """

    center: float
    spike_scale: float

    def __post_init__(self) -> None:
        for name in ("center", "spike_scale"):
            object.__setattr__(self, name, _checks.positive_number(name, getattr(self, name)))

    def log_density(self, weights: ArrayLike) -> np.ndarray:
        """Logarithm of ``½N(w; −c, σ²) + ½N(w; c, σ²)``, for each weight."""
        size = np.abs(_checks.real_array("weights", weights))
        near, far = (_gaussian_log_density(size - c, self.spike_scale) for c in (self.center, -self.center))
        return np.logaddexp(near, far) - np.log(2.0)

    def log_mass(self, weights: ArrayLike, step: ArrayLike) -> np.ndarray:
        """Logarithm of the mass of ``[w − δ/2, w + δ/2]``, for each weight."""
        w, delta = _cells(weights, step)
        near, far = (
            gaussian_log_mass(np.abs(w) - c, delta, self.spike_scale) for c in (self.center, -self.center)
        )
        return np.minimum(np.logaddexp(near, far) - np.log(2.0), 0.0)

    def divergence(self, mean: ArrayLike, scale: ArrayLike) -> np.ndarray:
        """``KL(N(μ, s²) ‖ prior)`` in nats, for each weight; by a quadrature that is exact to rounding.

        The density is ``N(w; 0, σ²) e^{−c²/2σ²} cosh Y`` with Y = wc/σ²,
        and ``ln 2cosh Y = |Y| + ln(1 + e^{−2|Y|})``.
        """
        mu, s = _posterior(mean, scale)
        mu, s = np.broadcast_arrays(np.abs(mu), s)
        sigma = self.spike_scale
        with np.errstate(over="ignore", under="ignore"):
            c, spread = self.center / sigma, s / sigma
            # E(|w| − c)², from E|w| = |μ| + 2E(−w)⁺ for μ ≥ 0: nothing cancels when the spikes are narrow.
            # It is at least (1 − 2/π)s²; a c beyond floating point meets either that or a mean of exactly 0.
            below = _mean_below_zero(mu, s) / sigma
            distance = spread**2 + ((mu - self.center) / sigma) ** 2
            finite = np.isfinite(distance) & (below > 0)
            squared = distance - 4 * np.where(finite, c, 0.0) * np.where(finite, below, 0.0)
            remainder = np.empty(mu.shape)
            flat, center, width = remainder.reshape(-1), (mu / sigma).reshape(-1), spread.reshape(-1)
            for start in range(0, flat.size, CHUNK):
                part = slice(start, start + CHUNK)
                flat[part] = _mean_log1p_exp(_product(c, center[part]), _product(c, width[part]))
            logs = np.log(2.0) + np.log(sigma) - np.log(s) - 0.5
            return np.maximum(squared / 2 - remainder + logs, 0.0)


def _product(factor: float, values: np.ndarray) -> np.ndarray:
    """Their products, where 0·∞ of what over- and underflowed is 0."""
    some = values > 0
    return np.where(some, min(factor, LARGEST) * np.where(some, values, 0.0), 0.0)


def mean_size(mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """``E|w|`` for w ~ N(μ, s²): the mean of the folded Gaussian."""
    with np.errstate(over="ignore", under="ignore"):
        # A scale of 0 is one that underflowed: all mass is at the mean.
        z = mean / np.where(scale > 0, scale, 1.0)
        spread = mean * erf(z / np.sqrt(2)) + scale * np.sqrt(2 / np.pi) * np.exp(-(z**2) / 2)
        return np.where(scale > 0, spread, np.abs(mean))


def _mean_below_zero(mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """``E(−w)⁺`` for w ~ N(μ, s²), μ ≥ 0."""
    z = np.minimum(mean / scale, 100.0)  # beyond it nothing is left
    return scale * np.maximum(np.exp(-(z**2) / 2 - LOG_ROOT_TWO_PI) - z * ndtr(-z), 0.0)


def _mean_log1p_exp(mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """``E ln(1 + e^{−2|Y|})`` for Y ~ N(m, v²) of shape ``(N,)``, m ≥ 0."""
    result = np.zeros(mean.shape)
    # Far from 0 there is nothing, and |Y| would cancel to less than its own rounding.
    narrow = (scale <= 1) & (mean <= FAR)
    m, v = mean[narrow], scale[narrow]
    y = np.abs(m[:, None] + v[:, None] * TRAPEZOID)
    # ln 2cosh Y has no kink; |Y|, whose mean is known, has.
    result[narrow] = (y + np.log1p(np.exp(-2 * y))) @ TRAPEZOID_WEIGHTS - mean_size(m, v)
    # Beyond the largest there is no mass near 0, nor anything left of the integrand.
    wide = (scale > 1) & (scale < LARGEST) & (mean < LARGEST)
    m, v = mean[wide, None], scale[wide, None]
    density = sum(np.exp(-(((HALF_LINE + sign * m) / v) ** 2) / 2 - LOG_ROOT_TWO_PI) / v for sign in (-1, 1))
    result[wide] = density @ (HALF_LINE_WEIGHTS * np.log1p(np.exp(-2 * HALF_LINE)))
    return result


def _gaussian_log_density(weights: np.ndarray, scale: float) -> np.ndarray:
    with np.errstate(over="ignore", under="ignore"):
        return -((weights / scale) ** 2) / 2 - np.log(scale) - LOG_ROOT_TWO_PI


def _cells(weights: ArrayLike, step: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    w, delta = _checks.real_array("weights", weights), positive_array("step", step)
    go_together(weights=w, step=delta)
    return w, delta


def _posterior(mean: ArrayLike, scale: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    mu, s = _checks.real_array("mean", mean), positive_array("scale", scale)
    go_together(mean=mu, scale=s)
    return mu, s


def positive_array(name: str, value: ArrayLike) -> np.ndarray:
    """Finite numbers above zero, or ``ValueError``."""
    return _checks.in_range(name, value, high=float(np.finfo(np.float64).max), open_low=True)


def go_together(**arrays: np.ndarray) -> None:
    """Raise ``ValueError`` if these arrays have shapes that do not broadcast."""
    try:
        np.broadcast_shapes(*(array.shape for array in arrays.values()))
    except ValueError:
        shapes = ", ".join(str(array.shape) for array in arrays.values())
        raise ValueError(f"{' and '.join(arrays)} must have shapes that go together, got {shapes}") from None


def require_prior(prior: Any, method: str) -> None:
    """Raise ``ValueError`` if an object has no such method, or is the class of a prior."""
    if isinstance(prior, type) or not callable(getattr(prior, method, None)):
        raise ValueError(
            f"prior must be a GaussianPrior, LaplacePrior or TwoSpikePrior, or have their {method}, "
            f"got {type(prior).__name__}"
        )
