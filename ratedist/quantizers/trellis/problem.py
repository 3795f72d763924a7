"""Weights as the search sees them: about their median, of ordinary size, with importances of mean 1."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

# Weights on which codebooks are designed before all of them are looked at.
SAMPLE = 1 << 17


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """Weights ``offset + 2^exponent · x``, importances ``exp(log_importance) · h``.

    Attributes:
        x: weights of ordinary size, float64 of shape ``(n,)``.
        h: importances of mean 1, or ``None`` where all are equal.
        num_weights: N, which is above n for a sample.
    """

    x: np.ndarray
    h: np.ndarray | None
    offset: float
    exponent: int
    log_importance: float
    num_weights: int

    @property
    def counting(self) -> np.ndarray:
        """The weights that have any importance."""
        return self.x if self.h is None else self.x[self.h > 0]

    @property
    def spread(self) -> float:
        """A standard deviation that few outliers do not move, above 0."""
        counting = _some(self.counting)
        low, high = np.quantile(counting, [0.25, 0.75])
        return (float(high - low) / 1.349) or float(np.std(self.counting)) or 1.0

    @property
    def scaled_offset(self) -> float:
        """The offset in units of x."""
        return math.ldexp(self.offset, -self.exponent)

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
    offset = float(np.median(_some(counting)))
    reach = max(float(counting.max()) - offset, offset - float(counting.min()))
    exponent = int(np.frexp(reach or abs(offset))[1])
    x = weights - offset
    np.ldexp(x, -exponent, out=x)
    h, log_importance = None, 0.0
    if importance is not None:
        h = importance / importance.max()
        log_importance = math.log(importance.max()) + math.log(h.mean())
        h /= h.mean()
    return Problem(x, h, offset, exponent, log_importance, weights.size)


def with_idle_ones_near(weights: np.ndarray, importance: np.ndarray | None) -> np.ndarray:
    """Weights with one of the others in place of those that have no importance, however far these are."""
    if importance is None or np.all(importance > 0):
        return weights
    return np.where(importance > 0, weights, weights[np.argmax(importance)])


def _some(x: np.ndarray) -> np.ndarray:
    """An odd number of them, apart by equal distances, for quantiles of many."""
    some = x[:: -(-x.size // SAMPLE)]
    return some[: some.size - 1 + some.size % 2]
