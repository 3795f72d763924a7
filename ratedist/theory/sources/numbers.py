r"""How few bits a given mean squared error needs for numbers that are at hand: R(D) of their own law.

The law puts 1/N on each of N numbers. Sorted, they are cut into bins, each with its share p, its mean μ and
its ends a ≤ x ≤ b. Where a bin is one number only, nothing is lost; else both sides count what is.

**Above.** Coding the bin's mean in the number's place errs by the variance ε within bins more, and by no
cross term: a channel for the means of distortion D − ε is one for the numbers of distortion D, at its rate.

**Below.** With an output law q and G(x) = Σ_y q(y) exp(2λxy − λy²) the dual bound of
:mod:`ratedist.theory.sources.discrete` is R(D) ≥ −λD + λE x² − E ln G(x) − ln sup_y c(y), with
c(y) = e^{−λy²} E[e^{2λxy}/G(x)]. Now ln G is convex, so that within a bin its mean is at most that of its
chord from a to b. And 2λxy − ln G(x) is concave, below its tangent at μ, of slope t there. With r the longest
way from μ to an end, the mean of e^{t(x−μ)} in a bin of variance s² is at most 1 + ½t²s²e^{|t|r}. Both lose
only to second order in the width of bins.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr, logsumexp

from ratedist import _checks
from ratedist.theory.sources.atoms import supremum
from ratedist.theory.sources.brackets import TOLERANCE, Limit, distortion_bracket, rate_bracket
from ratedist.theory.sources.discrete import RateDistortionPoint, certified_point, optimal_output

NUM_BINS = 3000
# Outputs, in units of the kernel's width 1/√(2λ): those to start from, and those looked at between them.
SPACING, SEARCH_SPACING = 0.3, 0.06
# Nor does anything farther from all numbers code them well, in the same units.
NEAR = 5.0
MAX_OUTPUTS, LARGEST_GRID = 1200, 200_000
ROUNDS = 4
# Numbers held at once.
BLOCK = 4_000_000
# Deviations whose squares are float64.
SMALLEST, LARGEST = 1e-150, 1e150
# Its logarithm is taken in place of that of 0.
TINY = 1e-300


@dataclasses.dataclass(frozen=True, eq=False)
class Bins:
    """A law of numbers, of mean 0 and variance 1, in bins.

    Attributes:
        shares: p, summing to 1, shape ``(m,)`` as all.
        means: μ of the numbers of each bin.
        variances: of the numbers within each bin.
        low, high: the least and the greatest number of each bin.
    """

    shares: np.ndarray
    means: np.ndarray
    variances: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def within(self) -> float:
        """ε, the mean squared distance of a number to the mean of its bin."""
        return float(self.shares @ self.variances)


def numbers_rate_limit(numbers: ArrayLike, distortion: float, num_bins: int = NUM_BINS) -> Limit:
    """R(D) in nats a number of the law of given numbers, squared error, bracketed.

    Args:
        numbers: any shape, finite, not all equal. Their order carries no information here.
        distortion: D above 0 and below their variance, a mean square in their own units.
        num_bins: at most so many bins.

    Returns:
        The bracket, 1e-4 bit wide or so up to two bits; its upper end is infinite for a D below the variance
        within bins.

    Raises:
        ValueError: numbers that are none, not finite or all equal; D out of range, or so small that the work
            is out of proportion.

    Cost: a second at one bit, ten at three.

    Source: docs/audit.md.

    Example:
        >>> import ratedist as rd
        >>> limit = rd.theory.numbers_rate_limit([-1.0, 1.0], 0.1)
        >>> round(rd.units.nats_to_bits(limit.lower), 3)
        0.828
    """
    bins, variance = _standardised(numbers, num_bins)
    D = _checks.positive_number("distortion", distortion) / variance
    if not D < 1:
        raise ValueError(
            f"distortion must be below the variance of the numbers, {variance:.6g}, which needs no bits, "
            f"got {distortion:g}"
        )
    return rate_bracket(lambda slope: _point(bins, slope), 1.0, D, Limit(0.0, math.inf))


def numbers_distortion_limit(numbers: ArrayLike, rate: float, num_bins: int = NUM_BINS) -> Limit:
    """D(R) of the law of given numbers in their own units squared: the inverse of ``numbers_rate_limit``.

    Args:
        numbers: any shape, finite, not all equal.
        rate: R above 0 in nats a number. From the entropy of their values on D is 0.
        num_bins: at most so many bins.

    Returns:
        The bracket.

    Raises:
        ValueError: as :func:`numbers_rate_limit`.

    Source: docs/audit.md.

    Example:
        >>> import ratedist as rd
        >>> limit = rd.theory.numbers_distortion_limit([-1.0, 1.0], rd.units.bits_to_nats(0.828))
        >>> round(limit.lower, 3)
        0.1
    """
    R = _checks.positive_number("rate", rate)
    bins, variance = _standardised(numbers, num_bins)
    if values_entropy(numbers) <= R:
        return Limit(0.0, 0.0)
    found = distortion_bracket(lambda slope: _point(bins, slope), 1.0, R, Limit(0.0, 1.0))
    return Limit(found.lower * variance, found.upper * variance)


def values_entropy(numbers: ArrayLike) -> float:
    """Entropy in nats of the values that numbers have: what they cost without any error."""
    _, counts = np.unique(_checks.real_array("numbers", numbers), return_counts=True)
    return float(np.sum(entr(counts / counts.sum())))


def _standardised(numbers: ArrayLike, num_bins: int) -> tuple[Bins, float]:
    """The bins of numbers brought to mean 0 and variance 1, and their variance."""
    x = _checks.real_array("numbers", numbers).ravel()
    if x.size == 0 or x.min() == x.max():
        raise ValueError(f"numbers must be at least two that differ, got {x.size} of one value at most")
    scale = float(np.abs(x).max())
    x = x / scale  # squares neither overflow nor vanish
    deviation = float(np.std(x))
    if not deviation > 0 or not SMALLEST < scale * deviation < LARGEST:
        raise ValueError(f"numbers must have a variance in the range of float64, got a largest of {scale:g}")
    return binned((x - x.mean()) / deviation, num_bins), (scale * deviation) ** 2


def binned(numbers: np.ndarray, num_bins: int) -> Bins:
    """Bins of equal width, the least and the greatest numbers alone; exact where values are few."""
    x = np.sort(numbers)
    starts = np.flatnonzero(np.concatenate([[True], x[1:] > x[:-1]]))
    if starts.size > num_bins:
        # Far out, where numbers are few, a bin would be wide: an eighth of the bins at each end are numbers.
        alone = num_bins // 8
        low, high = x[starts[alone]], x[starts[-alone]]
        cuts = np.searchsorted(x, np.linspace(low, high, num_bins - 2 * alone + 1))
        starts = np.unique(np.concatenate([starts[:alone], cuts, starts[-alone:]]))
        starts = starts[starts < x.size]
    counts = np.diff(np.append(starts, x.size))
    low, high = x[starts], x[np.append(starts[1:], x.size) - 1]
    means = np.clip(np.add.reduceat(x, starts) / counts, low, high)
    variances = np.add.reduceat((x - np.repeat(means, counts)) ** 2, starts) / counts
    return Bins(counts / x.size, means, variances, low, high)


def _point(bins: Bins, slope: float) -> RateDistortionPoint:
    """A point that the means achieve, with the dual bound of the numbers at its distortion."""
    y, q = _best_output(bins, slope)
    of_means = certified_point(bins.shares, (bins.means[:, None] - y) ** 2, slope, q)
    D = of_means.distortion + bins.within
    log_q = np.log(q) - slope * y**2

    def log_g(x: np.ndarray) -> np.ndarray:
        return np.asarray(logsumexp(log_q + 2 * slope * x[:, None] * y, axis=1))

    exponent = log_q + 2 * slope * bins.means[:, None] * y
    at_mean = np.asarray(logsumexp(exponent, axis=1))
    posterior_mean = np.exp(exponent - at_mean[:, None]) @ y
    width = bins.high - bins.low
    right = np.where(width > 0, (bins.means - bins.low) / np.where(width > 0, width, 1.0), 0.0)
    chord = (1 - right) * log_g(bins.low) + right * log_g(bins.high)
    longest = np.maximum(bins.high - bins.means, bins.means - bins.low)

    def log_c(at: np.ndarray) -> np.ndarray:
        tilt = 2 * slope * np.abs(at[:, None] - posterior_mean)
        spread = np.logaddexp(0.0, np.log(tilt**2 * bins.variances / 2 + TINY) + tilt * longest)
        level = np.log(bins.shares) + 2 * slope * bins.means * at[:, None] - at_mean + spread
        return np.asarray(logsumexp(level, axis=1)) - slope * at**2

    def in_blocks(at: np.ndarray) -> np.ndarray:
        blocks = np.array_split(at, max(1, at.size * bins.shares.size // BLOCK))
        return np.concatenate([log_c(one) for one in blocks])

    highest = supremum(in_blocks, _outputs(bins, slope, SEARCH_SPACING), slope, TOLERANCE / 3)
    # The variance of the numbers is 1, their mean 0.
    lower = -slope * D + slope - float(bins.shares @ chord) - highest
    return RateDistortionPoint(slope, D, of_means.rate, max(lower, 0.0), q)


def _best_output(bins: Bins, slope: float) -> tuple[np.ndarray, np.ndarray]:
    """Solve on a grid; then add what is highest between its points, drop what got no mass, and repeat."""
    search, y = (_outputs(bins, slope, spacing) for spacing in (SEARCH_SPACING, SPACING))
    if y.size > MAX_OUTPUTS:
        raise _too_small(y.size)
    q = np.full(y.size, 1 / y.size)
    for _ in range(ROUNDS):
        kernel = _kernel(bins, y, slope)
        q = optimal_output(bins.shares, kernel, np.full(y.size, 1 / y.size), TOLERANCE / 100)
        kept = q > 1e-9 / y.size
        y, q = y[kept], q[kept] / q[kept].sum()
        weight = bins.shares / (kernel[:, kept] @ q)
        c = weight @ _kernel(bins, search, slope)
        if c.max() < 1 + TOLERANCE / 4:
            return y, q
        padded = np.concatenate([[-np.inf], c, [-np.inf]])
        tops = search[(c >= padded[:-2]) & (c >= padded[2:]) & (c > 1)]
        around = tops[:, None] + np.linspace(-1, 1, 17) * SEARCH_SPACING / math.sqrt(2 * slope)
        around = np.clip(around, search[0], search[-1])
        heights = (weight @ _kernel(bins, around.ravel(), slope)).reshape(around.shape)
        grown = np.union1d(y, around[np.arange(tops.size), heights.argmax(axis=1)])
        if grown.size == y.size:
            return y, q
        q = np.bincount(np.searchsorted(grown, y), weights=q, minlength=grown.size)
        y = grown
    kept = q > 0
    return y[kept], q[kept]


def _kernel(bins: Bins, y: np.ndarray, slope: float) -> np.ndarray:
    return np.exp(-slope * (bins.means[:, None] - y) ** 2)


def _outputs(bins: Bins, slope: float, spacing: float) -> np.ndarray:
    """A grid of outputs where numbers are near, and both ends; with few bins their means too."""
    ends = bins.low[0], bins.high[-1]
    count = math.ceil((ends[1] - ends[0]) * math.sqrt(2 * slope) / spacing) + 2
    if count > LARGEST_GRID:
        raise _too_small(count)
    grid = np.linspace(*ends, count)
    after = np.minimum(np.searchsorted(bins.low, grid), bins.low.size - 1)
    above = np.abs(bins.low[after] - grid)
    below = np.maximum(grid - bins.high[np.maximum(after - 1, 0)], 0.0)
    near = grid[np.minimum(above, below) * math.sqrt(2 * slope) <= NEAR]
    means = bins.means if bins.means.size <= MAX_OUTPUTS // 4 else np.empty(0)
    return np.union1d(np.concatenate([near, ends]), means)


def _too_small(count: int) -> ValueError:
    return ValueError(
        f"distortion is too small for these numbers: some {count:,} values would be needed to code them, "
        f"and {MAX_OUTPUTS:,} are tried at most"
    )
