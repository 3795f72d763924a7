r"""Priors of a true weight as mixtures of spikes and Gaussians, and what they make of it seen through noise.

``w* ~ Σ_k π_k N(m_k, s_k)``, s_k = 0 for a spike. Two spikes are two levels, one Gaussian is what L2 assumes,
a spike at 0 beside others is sparse. Seen as W = w* + N(0, v), component k has the responsibility
``r_k ∝ π_k N(W; m_k, s_k + v)`` and says ``m_k + s_k/(s_k + v) (W − m_k)``; E[w*|W] is their mean.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_softmax, logsumexp

from ratedist import _checks
from ratedist.codes.interval_masses import LOG_ROOT_TWO_PI
from ratedist.theory.priors import go_together

LARGEST = float(np.finfo(np.float64).max)
# By which probabilities may miss one in all.
SUM_TOLERANCE = 1e-9


@dataclasses.dataclass(frozen=True)
class MixturePrior:
    """The law ``Σ_k π_k N(m_k, s_k)`` of one true weight; all weights have it, independently.

    Args:
        probabilities: π_k above 0, which add up to 1.
        means: m_k.
        variances: s_k of at least 0; 0 is a spike, a single value.

    Raises:
        ValueError: lengths that differ, no component, values out of range.

    ``MixturePrior.gaussian(variance)``, ``.two_level(level)`` and ``.sparse(share, variance)`` are the three
    cases of the documents. It is the law of the *true* weights, which an estimate starts from. The priors
    that a code charges weights by are :class:`GaussianPrior` and its kind.

    Example:
        >>> import ratedist as rd
        >>> prior = rd.theory.MixturePrior((0.5, 0.5), means=(0.0, 1.0), variances=(0.0, 2.0))
        >>> prior.second_moment, rd.theory.MixturePrior.two_level(0.25).means
        (1.5, (-0.25, 0.25))
    """

    probabilities: tuple[float, ...]
    means: tuple[float, ...]
    variances: tuple[float, ...]

    def __post_init__(self) -> None:
        probabilities = _checks.in_range("probabilities", self.probabilities, high=1.0, open_low=True)
        means = _checks.real_array("means", self.means)
        variances = _checks.in_range("variances", self.variances, high=np.finfo(np.float64).max)
        if probabilities.ndim != 1 or not probabilities.shape == means.shape == variances.shape:
            shapes = ", ".join(str(one.shape) for one in (probabilities, means, variances))
            raise ValueError(f"probabilities, means and variances must have one shape (K,), got {shapes}")
        if not abs(probabilities.sum() - 1) <= SUM_TOLERANCE:  # of no component too
            raise ValueError(f"probabilities must add up to 1, got {probabilities.sum():g}")
        # Tuples of floats: equal priors compare equal, and a compressor that holds one compiles once.
        for name, values in (("probabilities", probabilities), ("means", means), ("variances", variances)):
            object.__setattr__(self, name, tuple(values.tolist()))

    @classmethod
    def gaussian(cls, variance: float) -> MixturePrior:
        """``w* ~ N(0, τ²)``, the prior behind L2, of this variance τ² above 0."""
        return cls((1.0,), (0.0,), (_checks.positive_number("variance", variance),))

    @classmethod
    def two_level(cls, level: float) -> MixturePrior:
        """``w* = ±c``, either with probability one half, of this level c above 0."""
        c = _checks.positive_number("level", level)
        return cls((0.5, 0.5), (-c, c), (0.0, 0.0))

    @classmethod
    def sparse(cls, share: float, variance: float) -> MixturePrior:
        """Spike and slab: w* is 0, but a ``share`` strictly between 0 and 1 of them ``N(0, variance)``."""
        rho = _checks.number("share", share, open_low=True)
        if not rho < 1:
            raise ValueError(f"share must lie strictly between 0 and 1, got {rho:g}")
        return cls((1 - rho, rho), (0.0, 0.0), (0.0, _checks.positive_number("variance", variance)))

    @property
    def second_moment(self) -> float:
        """``E w*² = Σ π_k (m_k² + s_k)``, what linear shrinkage knows of the prior."""
        pi, m, s = (np.asarray(one) for one in (self.probabilities, self.means, self.variances))
        return float(np.sum(pi * (m**2 + s)))


def log_marginal_density(prior: MixturePrior, weights: ArrayLike, noise_variance: ArrayLike) -> np.ndarray:
    """``ln Σ_k π_k N(W; m_k, s_k + v)``, the law of a weight that is seen through Gaussian noise.

    Args:
        prior: of w*.
        weights: W, any shape.
        noise_variance: v above 0, of a shape that broadcasts with ``weights``.

    Raises:
        ValueError: v not above 0, values that are not finite, a prior of another kind.

    Example:
        >>> import ratedist as rd
        >>> rd.theory.log_marginal_density(rd.theory.MixturePrior.gaussian(1.0), [0.0, 1.0], 1.0).round(4)
        array([-1.2655, -1.5155])
    """
    W, v, pi, m, s = _arrays(prior, weights, noise_variance)
    with np.errstate(over="ignore", under="ignore"):
        squares = ((W - m) / np.sqrt(s + v)) ** 2
    return np.asarray(logsumexp(np.log(pi) - LOG_ROOT_TWO_PI - np.log(s + v) / 2 - squares / 2, axis=-1))


def posterior_mean(prior: MixturePrior, weights: ArrayLike, noise_variance: ArrayLike) -> np.ndarray:
    """``E[w*|W]`` of one weight seen as W = w* + N(0, v); for w* = ±c it is ``c tanh(cW/v)``.

    It never falls as W rises: its slope is Var(w*|W)/v. As v → 0 two levels become the nearer of the two,
    which is what K-means does with its centres: see :func:`soft_kmeans_step`.

    Args:
        prior: of w*.
        weights: W, any shape.
        noise_variance: v above 0, of a shape that broadcasts with ``weights``.

    Returns:
        The shape of ``weights`` and ``noise_variance`` together.

    Raises:
        ValueError: v not above 0, values that are not finite, a prior of another kind.

    Example:
        >>> import ratedist as rd
        >>> rd.theory.posterior_mean(rd.theory.MixturePrior.two_level(1.0), [-2.0, 0.0, 0.5], 1.0).round(4)
        array([-0.964 ,  0.    ,  0.4621])
    """
    W, v, pi, m, s = _arrays(prior, weights, noise_variance)
    responsibilities = np.exp(
        log_softmax(np.log(pi) - np.log(s + v) / 2 + _relative_terms(W, v, m, s), axis=-1)
    )
    return np.sum(responsibilities * (m * (v / (s + v)) + W * (s / (s + v))), axis=-1)


def soft_kmeans_step(
    weights: ArrayLike, centers: ArrayLike, temperature: float
) -> tuple[np.ndarray, np.ndarray]:
    """One step of soft K-means: responsibilities ``∝ exp(−(W − c_k)²/2T)``, and the centres they average to.

    It is one step of expectation maximisation for K equally likely spikes behind noise of variance T, so the
    likelihood of the weights never falls. As T → 0 each weight belongs to its nearest centre, and the step is
    Lloyd's. The responsible centre in the mean, ``Σ r_k c_k``, is E[w*|W] of the prior of these spikes.

    Args:
        weights: W, shape ``(d,)``.
        centers: c, shape ``(K,)``.
        temperature: T above 0, in units of a squared weight.

    Returns:
        Responsibilities, shape ``(d, K)``, and new centres, shape ``(K,)``; one without responsibility stays.

    Raises:
        ValueError: other shapes, T not above 0, values that are not finite.

    Source: MacKay, Information Theory, Inference, and Learning Algorithms (2003), chapters 20 and 22.

    Example:
        >>> import ratedist as rd
        >>> _, centers = rd.theory.soft_kmeans_step([-1.1, -0.9, 1.0, 2.0], [-0.5, 0.5], 1e-3)
        >>> centers
        array([-1. ,  1.5])
    """
    w, c = _checks.real_array("weights", weights), _checks.real_array("centers", centers)
    if w.ndim != 1 or c.ndim != 1 or not w.size or not c.size:
        raise ValueError(f"weights and centers must have shapes (d,) and (K,), got {w.shape} and {c.shape}")
    T = _checks.positive_number("temperature", temperature)
    log_terms = _relative_terms(w[:, None], np.full((1, 1), T), c, np.zeros_like(c))
    responsibilities = np.exp(log_softmax(log_terms, axis=1))
    masses = responsibilities.sum(axis=0)
    means = responsibilities.T @ w / np.where(masses > 0, masses, 1.0)
    return responsibilities, np.where(masses > 0, means, c)


def require_mixture(prior: object) -> None:
    """``ValueError`` for what is no prior."""
    if not isinstance(prior, MixturePrior):
        raise ValueError(f"prior must be a MixturePrior, got {prior!r:.80}")


def _arrays(prior: MixturePrior, weights: ArrayLike, noise_variance: ArrayLike) -> tuple[np.ndarray, ...]:
    """W and v with a last axis of length 1; π, m and s of shape ``(K,)``."""
    require_mixture(prior)
    W = _checks.real_array("weights", weights)
    v = _checks.in_range("noise_variance", noise_variance, high=LARGEST, open_low=True)
    go_together(weights=W, noise_variance=v)
    pi, m, s = (np.asarray(one) for one in (prior.probabilities, prior.means, prior.variances))
    return W[..., None], v[..., None], pi, m, s


def _relative_terms(W: np.ndarray, v: np.ndarray, m: np.ndarray, s: np.ndarray) -> np.ndarray:
    """``−(W − m_k)²/2(s_k + v)`` less the largest of them: by squares, or without, where these cancel."""
    total = s + v
    root = np.sqrt(total)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        scaled = np.abs(W - m) / root
        best = np.argmin(scaled, axis=-1, keepdims=True)
        center, spread = m[best], s[best]
        least, other = np.take_along_axis(scaled, best, -1), np.sqrt(spread + v)
        aside = (m - center) / root * ((W - (m / 2 + center / 2)) / root)
        share = np.sign(spread - s) * (np.sqrt(np.abs(spread - s) / total) * ((W - center) / other)) ** 2 / 2
        squares, smallest = scaled**2 / 2, least**2 / 2
        terms = np.where(
            np.abs(aside) + np.abs(share) <= squares + smallest, aside - share, smallest - squares
        )
    # Where nothing is finite the nearest is infinitely more likely.
    terms = np.where(np.isnan(terms), np.where(scaled > least, -np.inf, 0.0), terms)
    return np.clip(terms, -LARGEST / 4, LARGEST / 4)
