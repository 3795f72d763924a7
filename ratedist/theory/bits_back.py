"""Bits back: what a weight costs as a sample of its posterior, and priors fitted to make it cheap.

The sender draws the weight from the posterior N(μ, s²) with bits of another message, and sends it under the
prior. The receiver, who can tell the posterior once the data are decoded, reads the other message off the
draw. What the weight cost in the end is ``KL(N(μ, s²) ‖ prior)``, at any precision (Hinton & van Camp 1993).
The data are longer by ``E(w − μ)²/2s²``, half a nat, because the weight is a draw and not the best one.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.theory.priors import (
    GaussianPrior,
    LaplacePrior,
    Prior,
    TwoSpikePrior,
    go_together,
    mean_size,
    require_prior,
)

# Nats a weight by which bits back beats the best two-part code, at high resolution: 0.2546 bit.
BITS_BACK_REFUND: float = math.log(2 * math.pi * math.e / 12) / 2

KINDS = ("gaussian", "laplace", "two_spike")
# The trapezoidal rule for means over a posterior, where they are smooth at its scale.
DRAWS = np.arange(-12, 13) / 2
SHARES = np.exp(-(DRAWS**2) / 2) / np.sum(np.exp(-(DRAWS**2) / 2))
# Of expectation–maximisation; relative to the root of the mean square.
ITERATIONS = 500
TOLERANCE = 1e-10
LEAST_SPIKE = 1e-6
# Weights whose draws are in memory at once.
CHUNK = 1 << 16


def bits_back_cost(mean: ArrayLike, scale: ArrayLike, prior: Prior) -> np.ndarray:
    """``KL(N(μ, s²) ‖ prior)`` of each weight: its net cost when it is sent as a sample of its posterior.

    ``ln(τ/s) + (s² + μ²)/2τ² − ½`` for the prior N(0, τ²). It knows no step. The data lose half a nat by a
    draw, as they do by the best step of a two-part code. At high resolution the weight of that code is longer
    than this by :data:`BITS_BACK_REFUND`.

    Args:
        mean: μ of the posterior, any shape.
        scale: s > 0 of the posterior, one number or a shape that goes with the means.
        prior: :class:`GaussianPrior`, :class:`LaplacePrior` or :class:`TwoSpikePrior`, or what has their
            ``divergence``.

    Returns:
        Nats, one number a weight.

    Raises:
        ValueError: means that are not finite, a scale not above zero.

    Source: Hinton & van Camp 1993, COLT; docs/description-length.md.

    Example:
        >>> import ratedist as rd
        >>> rd.theory.bits_back_cost([0.0, 1.0], 0.1, rd.theory.GaussianPrior(1.0)).round(4)
        array([1.8076, 2.3076])
    """
    require_prior(prior, "divergence")
    return prior.divergence(mean, scale)


def empirical_bayes_scale(weights: ArrayLike, posterior_scale: ArrayLike = 0.0) -> float:
    """τ of the prior N(0, τ²) under which the weights are shortest: ``τ² = mean(μ² + s²)``.

    Args:
        weights: μ, the weights or the means of their posteriors; any shape, at least one not zero.
        posterior_scale: s ≥ 0; with 0 τ² is the mean square of the weights.

    Returns:
        τ. A decoder needs it too: a number more for all these weights.

    Raises:
        ValueError: values that are not finite, s < 0, no weights, or nothing but zeros.

    Source: docs/description-length.md.

    Example:
        >>> import ratedist as rd
        >>> rd.theory.empirical_bayes_scale([3.0, -4.0], 0.0)
        3.5355339059327378
    """
    return _root_mean_square(*_weights_and_scales(weights, posterior_scale))


def empirical_bayes_prior(
    weights: ArrayLike, kind: str = "gaussian", posterior_scale: ArrayLike = 0.0
) -> GaussianPrior | LaplacePrior | TwoSpikePrior:
    """The prior of a kind under which these weights are shortest, by high-resolution or bits-back length.

    - ``"gaussian"``: τ² = mean(μ² + s²).
    - ``"laplace"``: b = mean E|w|.
    - ``"two_spike"``: by expectation–maximisation from c = mean E|w|, which is soft K-means with the two
      centres ±c: ``c ← mean E[w tanh(cw/σ²)]``, ``σ² = mean E[w²] − c²``. Hard K-means is what it tends to
      as σ/c → 0. There are at most 500 rounds, each of which makes the weights shorter. Where there are no
      two modes they shorten ever more slowly, and it stops there.

    Args:
        weights: μ, the weights or the means of their posteriors; any shape, at least one not zero.
        kind: ``"gaussian"``, ``"laplace"`` or ``"two_spike"``.
        posterior_scale: s ≥ 0, one number or a shape that goes with the weights.

    Returns:
        The prior. A decoder needs its numbers too.

    Raises:
        ValueError: values that are not finite, s < 0, no weights, nothing but zeros, another kind; for two
            spikes weights all of one size, whose spikes would have no width.

    Source: docs/description-length.md.

    Example:
        >>> import ratedist as rd
        >>> rd.theory.empirical_bayes_prior([1.1, -0.9, 0.8, -1.2], "two_spike").center
        1.0
    """
    kind = _checks.one_of("kind", kind, KINDS)
    mu, s = _weights_and_scales(weights, posterior_scale)
    if kind == "gaussian":
        return GaussianPrior(_root_mean_square(mu, s))
    if kind == "laplace":
        return LaplacePrior(_mean_size(mu, s))
    return _two_spikes(mu, s)


def _two_spikes(mu: np.ndarray, s: np.ndarray) -> TwoSpikePrior:
    size = _root_mean_square(mu, s)
    means, scales = mu / size, s / size
    offsets, shares = (DRAWS, SHARES) if s.any() else (np.zeros(1), np.ones(1))

    def mean_of(function: Callable[[np.ndarray], np.ndarray]) -> float:
        """Over the weights and their posteriors."""
        sums = [
            np.sum(function(means[part, None] + scales[part, None] * offsets) @ shares)
            for part in (slice(start, start + CHUNK) for start in range(0, means.size, CHUNK))
        ]
        return float(np.sum(sums)) / means.size

    center = mean_of(np.abs)
    for _ in range(ITERATIONS):
        variance = 1 - center**2
        if variance < LEAST_SPIKE**2:
            raise ValueError(
                "two spikes need weights of more than one size, got sizes that differ by less than "
                f"{LEAST_SPIKE:g} of themselves: give a TwoSpikePrior of your own"
            )
        slope, previous = center / variance, center
        center = mean_of(lambda w, slope=slope: w * np.tanh(slope * w))
        if abs(center - previous) < TOLERANCE:
            break
    return TwoSpikePrior(size * center, size * (1 - center**2) ** 0.5)


def _weights_and_scales(weights: ArrayLike, posterior_scale: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    mu = _checks.real_array("weights", weights)
    s = _checks.in_range("posterior_scale", posterior_scale, high=float(np.finfo(np.float64).max))
    go_together(weights=mu, posterior_scale=s)
    mu, s = (np.ravel(one) for one in np.broadcast_arrays(mu, s))
    if not (mu.any() or s.any()):
        raise ValueError(f"weights must be more than zeros, got {mu.size} zero(s)")
    return mu, s


def _root_mean_square(mu: np.ndarray, s: np.ndarray) -> float:
    largest = float(max(np.abs(mu).max(), s.max()))
    return largest * float(np.mean((mu / largest) ** 2 + (s / largest) ** 2)) ** 0.5


def _mean_size(mu: np.ndarray, s: np.ndarray) -> float:
    largest = float(max(np.abs(mu).max(), s.max()))
    wide = s > 0
    sizes = np.abs(mu) / largest
    sizes[wide] = mean_size(mu[wide] / largest, s[wide] / largest)
    return largest * float(np.mean(sizes))
