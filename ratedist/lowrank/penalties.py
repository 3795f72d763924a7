r"""Penalties on the singular values of a matrix, each with its exact proximal map.

``prox_{η pen}(W) = argmin_X ½‖X − W‖_F² + η pen(X)`` keeps the singular vectors of W and changes its singular
values s alone (von Neumann's trace inequality). Each record maps them: to a global minimum, also where there
is more than one. Of two minima it takes the one with the smaller singular value.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks

# Newton's steps for a Schatten penalty. The slope is in [½, 1] there, so that half as many reach rounding.
NEWTON_STEPS = 60


@runtime_checkable
class Penalty(Protocol):
    """What proximal gradient asks of a penalty; singular values have shape ``(k,)``, in any order."""

    def value(self, singular_values: ArrayLike) -> float:
        """The penalty at these singular values, in units of the loss; infinite where they are not allowed."""
        ...

    def prox(self, singular_values: ArrayLike, step: float) -> np.ndarray:
        """The singular values of the proximal map at step size η; what falls away is exactly 0."""
        ...


@dataclasses.dataclass(frozen=True)
class NuclearNorm:
    """``λ Σ s``, convex. Its proximal map is the soft threshold, ``max(s − ηλ, 0)``.

    Args:
        strength: λ ≥ 0, units of the loss for each unit of a singular value.

    Example:
        >>> import ratedist as rd
        >>> rd.lowrank.NuclearNorm(1.0).prox([3.0, 0.4], step=0.5).tolist()
        [2.5, 0.0]
    """

    strength: float

    def __post_init__(self) -> None:
        _require_strength(self.strength)

    def value(self, singular_values: ArrayLike) -> float:
        return _total(self.strength, _singular_values(singular_values))

    def prox(self, singular_values: ArrayLike, step: float) -> np.ndarray:
        s = _singular_values(singular_values)
        return np.maximum(s - _product(step, self.strength), 0.0)


@dataclasses.dataclass(frozen=True)
class RankPenalty:
    """``λ rank``. Its proximal map is the hard threshold: s stays where ``s > √(2ηλ)``, and is 0 elsewhere.

    Args:
        strength: λ ≥ 0, units of the loss for each singular value that is not 0.

    Example:
        >>> import ratedist as rd
        >>> rd.lowrank.RankPenalty(1.0).prox([3.0, 0.9], step=0.5).tolist()
        [3.0, 0.0]
    """

    strength: float

    def __post_init__(self) -> None:
        _require_strength(self.strength)

    def value(self, singular_values: ArrayLike) -> float:
        return float(self.strength) * int(np.count_nonzero(_singular_values(singular_values)))

    def prox(self, singular_values: ArrayLike, step: float) -> np.ndarray:
        s = _singular_values(singular_values)
        return np.where(s > 2 * _root(_step(step) / 2, self.strength), s, 0.0)


@dataclasses.dataclass(frozen=True)
class SchattenPenalty:
    """``λ Σ s^p`` with 0 < p < 1: between the rank (p → 0) and the nuclear norm (p → 1), not convex.

    Up to ``x̄(2 − p)/(2 − 2p)``, ``x̄ = (2ηλ(1 − p))^{1/(2 − p)}``, s becomes 0. Above it becomes the larger
    root of ``x + ηλp x^{p−1} = s``, at least x̄: by Newton's iteration from s, which descends to the root.

    Args:
        strength: λ ≥ 0.
        exponent: p, above 0 and below 1.

    Example:
        >>> import ratedist as rd
        >>> rd.lowrank.SchattenPenalty(1.0, exponent=0.5).prox([3.0, 1.4], step=1.0).round(4).tolist()
        [2.6955, 0.0]
    """

    strength: float
    exponent: float = 0.5

    def __post_init__(self) -> None:
        _require_strength(self.strength)
        if not 0 < _checks.number("exponent", self.exponent, 0.0, 1.0) < 1:
            raise ValueError(f"exponent must be above 0 and below 1, got {self.exponent!r}")

    def value(self, singular_values: ArrayLike) -> float:
        s = _singular_values(singular_values)
        return _total(self.strength, s**self.exponent)

    def prox(self, singular_values: ArrayLike, step: float) -> np.ndarray:
        s, p = _singular_values(singular_values), self.exponent
        power = 1 / (2 - p)
        jump = (2 * (1 - p)) ** power * _step(step) ** power * self.strength**power
        if jump == 0:
            return s.copy()
        # In units of x̄ the root solves u + a u^{p−1} = v, whatever η and λ are.
        a = p / (2 * (1 - p))
        with np.errstate(over="ignore"):
            v = s / jump
        kept, beyond = (v > 1 + a) & np.isfinite(v), np.isinf(v)
        v = u = np.where(kept, v, 2 + a)
        for _ in range(NEWTON_STEPS):
            slope = 1 - a * (1 - p) * u ** (p - 2)
            following = np.clip(u - (u + a * u ** (p - 1) - v) / slope, 1.0, u)
            if np.all(following == u):
                break
            u = following
        return np.where(beyond, s, np.where(kept, np.minimum(jump * u, s), 0.0))


@dataclasses.dataclass(frozen=True)
class FirmPenalty:
    """``λ Σ t(1 − t/(2μ))``, t = min(s, μ): the minimax concave penalty, which leaves large values alone.

    Its proximal map is the firm threshold. With ηλ < μ: 0 up to ηλ, from there linear, and s itself above μ.
    With ηλ ≥ μ it is the hard threshold at ``√(ηλμ)``. As μ → ∞ the penalty is the nuclear norm.

    Args:
        strength: λ ≥ 0, its slope at 0.
        saturation: μ > 0, the singular value from which on the penalty is constant.

    Source: Zhang, Annals of Statistics 38 (2010) 894–942; Gao & Bruce, Statistica Sinica 7 (1997) 855–874.

    Example:
        >>> import ratedist as rd
        >>> rd.lowrank.FirmPenalty(1.0, saturation=2.0).prox([3.0, 1.5, 0.9], step=1.0).tolist()
        [3.0, 1.0, 0.0]
    """

    strength: float
    saturation: float

    def __post_init__(self) -> None:
        _require_strength(self.strength)
        _checks.positive_number("saturation", self.saturation)

    def value(self, singular_values: ArrayLike) -> float:
        t = np.minimum(_singular_values(singular_values), self.saturation)
        return _total(self.strength, t * (1 - t / (2 * self.saturation)))

    def prox(self, singular_values: ArrayLike, step: float) -> np.ndarray:
        s, mu = _singular_values(singular_values), self.saturation
        soft = _product(step, self.strength)
        if soft >= mu:
            return np.where(s > _root(soft, mu), s, 0.0)
        between = np.maximum(np.minimum(s, mu) - soft, 0.0) * (mu / (mu - soft))
        return np.where(s > mu, s, np.minimum(between, s))


@dataclasses.dataclass(frozen=True)
class FixedRank:
    """The constraint ``rank ≤ r``: 0 where it holds, else infinite. Its proximal map keeps the r largest.

    Args:
        rank: r ≥ 0. Where the r-th value has equals, the first of them stay.

    Example:
        >>> import ratedist as rd
        >>> rd.lowrank.FixedRank(1).prox([3.0, 2.0], step=1.0).tolist()
        [3.0, 0.0]
    """

    rank: int

    def __post_init__(self) -> None:
        _checks.integer("rank", self.rank, 0)

    def value(self, singular_values: ArrayLike) -> float:
        return 0.0 if np.count_nonzero(_singular_values(singular_values)) <= self.rank else math.inf

    def prox(self, singular_values: ArrayLike, step: float) -> np.ndarray:
        s = _singular_values(singular_values)
        _step(step)
        return np.where(_largest(s, self.rank), s, 0.0)


@dataclasses.dataclass(frozen=True)
class DampedRank:
    """``½λ Σ_{i>r} s_i²``, half the squared distance to rank r times λ: ``FixedRank`` as λ → ∞.

    Its proximal map keeps the r largest values and divides the others by ``1 + ηλ``. So the rank is
    approached step by step, and not cut off at once.

    Args:
        rank: r ≥ 0.
        strength: λ ≥ 0, of the dimension of a curvature.

    Example:
        >>> import ratedist as rd
        >>> rd.lowrank.DampedRank(1, strength=1.0).prox([3.0, 2.0], step=1.0).tolist()
        [3.0, 1.0]
    """

    rank: int
    strength: float

    def __post_init__(self) -> None:
        _checks.integer("rank", self.rank, 0)
        _require_strength(self.strength)

    def value(self, singular_values: ArrayLike) -> float:
        s = _singular_values(singular_values)
        return _total(self.strength, np.where(_largest(s, self.rank), 0.0, s), 2) / 2

    def prox(self, singular_values: ArrayLike, step: float) -> np.ndarray:
        s = _singular_values(singular_values)
        return np.where(_largest(s, self.rank), s, s / (1 + _product(step, self.strength)))


def require_penalty(name: str, value: object) -> Penalty:
    """Return ``value`` if it has ``value`` and ``prox``, or raise ``ValueError``."""
    if isinstance(value, type) or not isinstance(value, Penalty):
        raise ValueError(
            f"{name} must be a penalty such as rd.lowrank.NuclearNorm(0.1) or rd.lowrank.FixedRank(3), "
            f"got {value!r:.80}"
        )
    return value


def _singular_values(values: ArrayLike) -> np.ndarray:
    s = _checks.real_array("singular_values", values)
    if s.ndim != 1 or np.any(s < 0):
        raise ValueError(f"singular_values must be numbers of at least 0 in one row, got shape {s.shape}")
    return s


def _total(strength: float, terms: np.ndarray, power: int = 1) -> float:
    """``λ Σ terms^power``, infinite without a warning where it overflows."""
    largest = float(np.max(terms, initial=0.0))
    if largest == 0:
        return 0.0
    total = float(strength) * float(np.sum((terms / largest) ** power))
    for _ in range(power):
        total *= largest
    return total


def _step(value: float) -> float:
    return _checks.positive_number("step", value)


def _product(step: float, strength: float) -> float:
    """ηλ as Python's floats have it: infinite where it overflows, without a warning."""
    return _step(step) * float(strength)


def _root(one: float, other: float) -> float:
    """The root of their product, of numbers of any size."""
    product = float(one) * float(other)
    # Below, and where it overflows, the product has lost its digits.
    return math.sqrt(product) if 1e-290 < product < math.inf else math.sqrt(one) * math.sqrt(other)


def _require_strength(value: float) -> None:
    if not math.isfinite(_checks.number("strength", value)):
        raise ValueError(f"strength must be finite, got {value!r}")


def _largest(s: np.ndarray, count: int) -> np.ndarray:
    """Which are the ``count`` largest; among equals the first."""
    order = np.argsort(-s, kind="stable")
    chosen = np.zeros(s.shape, dtype=bool)
    chosen[order[:count]] = True
    return chosen
