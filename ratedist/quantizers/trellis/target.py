"""What is asked of a trellis, what came of one price, and which of several tries is taken."""

from __future__ import annotations

import dataclasses
import math

from ratedist.quantizers.trellis.design import Fit

# What a result may stay away from its target: bits a weight, or natural logarithms of the error.
NEAR = 2e-3
# Prices this near say nothing of a slope, and slopes this much smaller than at high rate are not believed.
FLAT, FLATTEST = 0.01, 20.0


@dataclasses.dataclass(frozen=True, eq=False)
class Try:
    """What came of one price: its logarithm, the fit in steps, and how many bits its levels are stored in."""

    log_price: float
    step: float
    fit: Fit
    level_bits: int
    bits_per_weight: float
    mean_squared_error: float

    @property
    def num_levels(self) -> int:
        """Levels that are used."""
        return int((self.fit.found.counts > 0).sum())

    def without_path(self) -> Try:
        """All but the symbols of the weights."""
        return dataclasses.replace(
            self, fit=dataclasses.replace(self.fit, symbols=self.fit.symbols[:0].copy())
        )


@dataclasses.dataclass(frozen=True)
class Target:
    """What is asked: at most so many bits a weight, or at most such an error; both fall to a number ``y``.

    ``y`` falls as the price rises. It is bits a weight, or −ln of the mean squared error.
    """

    bits_per_weight: float | None
    mean_squared_error: float | None

    @property
    def y(self) -> float:
        """Of the target itself."""
        if self.bits_per_weight is not None:
            return self.bits_per_weight
        assert self.mean_squared_error is not None
        return -math.log(self.mean_squared_error)

    def of(self, one: Try) -> float:
        """``y`` of a try."""
        if self.bits_per_weight is not None:
            return one.bits_per_weight
        return -math.log(one.mean_squared_error) if one.mean_squared_error > 0 else math.inf

    def met(self, y: float) -> bool:
        """Whether the promise is kept."""
        return y <= self.y if self.bits_per_weight is not None else y >= self.y

    def near(self, y: float) -> bool:
        """Whether it is kept and little is left over."""
        return self.met(y) and abs(y - self.y) <= NEAR

    @property
    def aim(self) -> float:
        """What to aim at: the middle of what is near."""
        return self.y - NEAR / 2 if self.bits_per_weight is not None else self.y + NEAR / 2

    def better(self, one: Try, other: Try) -> bool:
        """Whether one of two that keep the promise is better at what is left open."""
        if self.bits_per_weight is not None:
            return one.mean_squared_error < other.mean_squared_error
        return one.bits_per_weight < other.bits_per_weight


def best_of(found: list[Try], target: Target) -> Try | None:
    """The best of those that keep the promise, ``None`` if none does."""
    best: Try | None = None
    for one in found:
        if target.met(target.of(one)) and (best is None or target.better(one, best)):
            best = one
    return best


def with_one_path(found: list[Try], target: Target) -> list[Try]:
    """The same tries: paths are long, and only that of the best is still of use."""
    best = best_of(found, target)
    return [one if one is best else one.without_path() for one in found]


def nearest_of(found: list[Try], target: Target) -> Try | None:
    """The one nearest to the target, whether it keeps the promise or not."""
    return min(found, key=lambda one: abs(target.of(one) - target.y), default=None)


def slope_of(designs: list[Try], target: Target, otherwise: float) -> float:
    """dy/d ln λ by the two tries next to the target that are apart, or ``otherwise``."""
    order = sorted(designs, key=lambda one: abs(target.of(one) - target.y))
    for one in order[1:]:
        apart = one.log_price - order[0].log_price
        slope = (target.of(one) - target.of(order[0])) / apart if abs(apart) > FLAT else 0.0
        if math.isfinite(slope) and slope < otherwise / FLATTEST:
            return slope
    return otherwise
