r"""An entropy-constrained scalar quantiser designed from laws alone, before any weight is seen.

A weight w* of known prior is seen as W = w* + N(0, v) and has to be described. Best for squared error is to
code the estimate η(W) = E[w*|W], which rises with W: cells are intervals. Between them, for a price λ of a
nat, lie the points where ``(η − c_k)² + λℓ_k`` of two neighbours are equal; c_k is E[w*| cell] and ℓ_k the
code length −ln P(cell). The two are met by turns, as Lloyd does. Nothing of it depends on data, so encoder
and decoder both have it, and the lengths are those of a real code.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.special import ndtr

from ratedist import _checks
from ratedist.quantizers.baselines import lower_envelope
from ratedist.theory.mixture_prior import MixturePrior, posterior_mean

# Weights on either side of every component that the design looks at, in standard deviations.
REACH = 9.0
NUM_NODES = 1 << 14
MAX_ITERATIONS = 2000
# Of the objective in one iteration, relative to E w*²: below it nothing more is gained.
SMALLEST_GAIN = 1e-13
LARGEST_START = 512
# Of cells less probable than this there is no use, and the numbers of some would underflow.
NEVER = 1e-60


@dataclasses.dataclass(frozen=True, eq=False)
class DesignedQuantizer:
    """A scalar quantiser with its code: label k is sent where ``thresholds[k−1] < W <= thresholds[k]``.

    Attributes:
        thresholds: ascending, shape ``(K − 1,)``.
        levels: c_k, ascending, shape ``(K,)``.
        code_lengths: ℓ_k in nats, shape ``(K,)``; ``Σ exp(−ℓ_k) = 1``.
        rate: ``Σ P_k ℓ_k``, nats a weight, if W follows the law of the design.
        distortion: ``E(w* − c)²`` a weight.
    """

    thresholds: np.ndarray
    levels: np.ndarray
    code_lengths: np.ndarray
    rate: float
    distortion: float


def entropy_constrained_design(
    prior: MixturePrior, noise_variance: float, multiplier: float
) -> DesignedQuantizer:
    """The scalar quantiser of least ``E(w* − ŵ)² + λ·(nats)`` for w* of a known prior, seen through noise.

    Descended to from several numbers of levels; the best is taken, which is a local minimum. For λ from about
    E w*² on one level remains, and nothing is sent.

    Args:
        prior: of w*.
        noise_variance: v above 0, of W − w*, taken as Gaussian.
        multiplier: λ above 0, the squared error that one nat has to save. At high rate the cells are √(6λ)
            wide.

    Raises:
        ValueError: arguments out of range; λ so small that more than 512 levels are needed to start from.

    Source: Chou, Lookabaugh & Gray 1989 for the descent; Wolf & Ziv 1970 for coding the estimate.

    Example:
        >>> import ratedist as rd
        >>> prior = rd.theory.MixturePrior.two_level(1.0)
        >>> design = rd.quantizers.entropy_constrained_design(prior, noise_variance=0.1, multiplier=0.1)
        >>> design.levels.round(3), round(rd.units.nats_to_bits(design.rate), 3)
        (array([-0.998,  0.998]), 1.0)
    """
    v = _checks.positive_number("noise_variance", noise_variance)
    price = _checks.positive_number("multiplier", multiplier)
    means = np.asarray(prior.means)
    deviations = np.sqrt(np.asarray(prior.variances) + v)
    reach = REACH * deviations
    W = np.linspace((means - reach).min(), (means + reach).max(), NUM_NODES)
    estimates = posterior_mean(prior, W, v)
    best, least = None, np.inf
    for levels in _starts(estimates[0], estimates[-1], price):
        design = _descend(prior, v, price, W, estimates, levels)
        cost = design.distortion + price * design.rate
        if cost < least:
            best, least = design, cost
    assert best is not None  # there is always a start
    return best


def _starts(low: float, high: float, price: float) -> list[np.ndarray]:
    """Levels to start from: few ones, and the even and odd number of cells of the width for high rate."""
    wanted = int(np.ceil(min((high - low) / np.sqrt(6 * price), 2.0 * LARGEST_START)))
    if wanted > LARGEST_START:
        raise ValueError(
            f"multiplier must be at least {((high - low) / LARGEST_START) ** 2 / 6:.3g} for this prior, "
            f"got {price:g}: below it more than {LARGEST_START} levels are needed"
        )
    counts = sorted({1, 2, 3, 4, wanted, wanted + 1})
    return [low + (np.arange(count) + 0.5) / count * (high - low) for count in counts]


def _descend(
    prior: MixturePrior, v: float, price: float, W: np.ndarray, estimates: np.ndarray, levels: np.ndarray
) -> DesignedQuantizer:
    lengths, least = np.zeros(levels.size), np.inf
    smallest = SMALLEST_GAIN * prior.second_moment
    design = None
    for _ in range(MAX_ITERATIONS):
        _, cuts = lower_envelope(levels, price * lengths)
        # Cuts beyond all estimates leave cells without probability, which are dropped.
        thresholds = np.interp(cuts[(cuts > estimates[0]) & (cuts < estimates[-1])], estimates, W)
        thresholds, probabilities, levels = _cells(prior, v, thresholds)
        lengths = -np.log(probabilities)
        rate = float(probabilities @ lengths)
        distortion = float(prior.second_moment - probabilities @ levels**2)
        cost = distortion + price * rate
        if design is not None and not cost < least - smallest:
            break
        design, least = DesignedQuantizer(thresholds, levels, lengths, rate, max(distortion, 0.0)), cost
    assert design is not None  # of the first iteration
    return design


def _cells(
    prior: MixturePrior, v: float, thresholds: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Thresholds of the cells that are ever met, their probabilities and E[w*| cell], by closed forms."""
    mass, _ = _moments(prior, v, thresholds)
    met = np.flatnonzero(mass > NEVER)
    # A cell that is never met, as between two narrow spikes, belongs to the one below it.
    thresholds = thresholds[met[1:] - 1]
    probabilities, moments = _moments(prior, v, thresholds)
    return thresholds, probabilities / probabilities.sum(), moments / probabilities


def _moments(prior: MixturePrior, v: float, thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """P(cell) and E[w*; cell] for each of the ``thresholds.size + 1`` cells."""
    pi, m, s = (np.asarray(one) for one in (prior.probabilities, prior.means, prior.variances))
    edges = np.concatenate([[-np.inf], thresholds, [np.inf]])[:, None]
    z = (edges - m) / np.sqrt(s + v)
    # Above the mean by the upper tail, where differences of Φ cancel.
    above = z[:-1] > 0
    mass = np.where(above, ndtr(-z[:-1]) - ndtr(-z[1:]), ndtr(z[1:]) - ndtr(z[:-1]))
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    moment = m * mass + s / np.sqrt(s + v) * (density[:-1] - density[1:])
    return mass @ pi, moment @ pi
