"""Weights as the search sees them: about their median, of ordinary size, with importances of mean 1."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from ratedist.quantizers.trellis.header import DOUBLE, SINGLE

# Weights on which codebooks are designed before all of them are looked at.
SAMPLE = 1 << 17
# The largest weight in units of the spread up to which single precision does for the levels.
LARGEST = 2.0**16


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """Weights ``offset + 2^exponent · x``, importances ``exp(log_importance) · h``.

    Attributes:
        x: weights of ordinary size, float64 of shape ``(n,)``.
        h: importances of mean 1, or ``None`` where all are equal.
        num_weights: N, which is above n for a sample.
        level_bits: bits that a level is stored in.
    """

    x: np.ndarray
    h: np.ndarray | None
    offset: float
    exponent: int
    log_importance: float
    num_weights: int
    level_bits: int

    @property
    def counting(self) -> np.ndarray:
        """The weights that have any importance."""
        return self.x if self.h is None else self.x[self.h > 0]

    @property
    def spread(self) -> float:
        """A standard deviation that few outliers do not move, above 0."""
        return _spread(self.counting)

    def log_price(self, multiplier: float) -> float:
        """ln of λ in units of x² and h."""
        return math.log(multiplier) - self.log_importance - 2 * self.exponent * math.log(2)

    def multiplier(self, log_price: float) -> float:
        """λ from its logarithm in units of x² and h."""
        return math.exp(min(log_price + self.log_importance + 2 * self.exponent * math.log(2), 709.0))

    def sample(self) -> Problem:
        """At most ``SAMPLE`` weights, always the same ones; this itself where it has no more."""
        if self.x.size <= SAMPLE:
            return self
        chosen = np.random.default_rng(0).integers(0, self.x.size, SAMPLE)
        h = None if self.h is None else self.h[chosen]
        if h is not None and not np.any(h):  # the few that matter were missed
            return self
        return dataclasses.replace(self, x=self.x[chosen], h=None if h is None else h / h.mean())


def problem_of(weights: np.ndarray, importance: np.ndarray | None) -> Problem:
    """The problem of checked weights and importances."""
    counting = weights if importance is None else weights[importance > 0]
    offset = float(np.partition(counting, counting.size // 2)[counting.size // 2])
    exponent = int(np.frexp(np.abs(counting - offset).max())[1])
    x, h, log_importance = np.ldexp(weights - offset, -exponent), None, 0.0
    counting = x
    if importance is not None:
        counting = x[importance > 0]
        h = importance / importance.max()
        log_importance = math.log(importance.max()) + math.log(h.mean())
        h = h / h.mean()
    level_bits = SINGLE if np.abs(counting).max() <= LARGEST * _spread(counting) else DOUBLE
    return Problem(x, h, offset, exponent, log_importance, weights.size, level_bits)


def _spread(x: np.ndarray) -> float:
    low, high = np.quantile(x, [0.25, 0.75])
    return (float(high - low) / 1.349) or float(np.std(x)) or 1.0
