"""Is a claim of so many bits at such an error possible, and how far above the limit is it?

What is printed is rounded, and the doubt is the claim's: half a unit of the last digit given, for the error
and for bits that are no whole number. Whole bits are exact, "2.0" too.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from ratedist.theory.sources.brackets import Limit
from ratedist.units import bits_to_nats, nats_to_bits

# Rounding in float64 decides nothing.
SLACK = 1e-9


@dataclasses.dataclass(frozen=True)
class Rounded:
    """A number as it was printed: its value, and the largest that is printed so."""

    printed: str
    value: float
    largest: float


@dataclasses.dataclass(frozen=True)
class AuditedClaim:
    """A claim beside its limit; rates in bits.

    Attributes:
        bits, mse: as they were printed.
        needed: R at the largest error that is printed so: what the claim needs at least.
        rate: R(D) at the error as printed.
        distortion: D(R) at the bits as printed; ``None`` where it is not known.
    """

    bits: Rounded
    mse: Rounded
    needed: Limit
    rate: Limit
    distortion: Limit | None

    @property
    def possible(self) -> bool:
        """Whether it is at or above the limit, as far as the limit is known."""
        return self.bits.largest >= self.needed.lower - SLACK

    @property
    def settled(self) -> bool:
        """Whether the limit is known well enough to say so."""
        return not self.possible or self.bits.largest >= self.needed.upper - SLACK

    @property
    def decibels(self) -> float | None:
        """``10·log₁₀(mse / D(bits))``, for a limit in the middle of its bracket; ``None`` if not known."""
        middle = self.middle
        # Both may be at the ends of float64, and their ratio beyond.
        return 10 * (math.log10(self.mse.value) - math.log10(middle)) if middle else None

    @property
    def middle(self) -> float | None:
        """The error that the bits as printed allow, in the middle of its bracket; ``None`` if not known."""
        if self.distortion is None:
            return None
        return math.sqrt(self.distortion.lower) * math.sqrt(self.distortion.upper)


def rounded(name: str, printed: str, *, whole_is_exact: bool = False) -> Rounded:
    """What was printed, with half a unit of its last digit more.

    Args:
        name: of the number, for messages.
        printed: its digits, as they were given.
        whole_is_exact: whether a whole number has no doubt.

    Raises:
        ValueError: what is no finite number above zero.
    """
    try:
        number = Decimal(printed)
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite() or not 0 < float(number) < math.inf:
        raise ValueError(f"{name} must be one number above zero, got {printed!r:.80}")
    half = Decimal(5).scaleb(int(number.as_tuple().exponent) - 1)
    exact = whole_is_exact and number == number.to_integral_value()
    return Rounded(printed, float(number), float(number if exact else number + half))


def audit_claim(
    bits: str,
    mse: str,
    variance: float,
    rate_limit: Callable[[float], Limit],
    distortion_limit: Callable[[float], Limit],
) -> AuditedClaim:
    """A claim beside the limit of its source.

    Args:
        bits: a number, as printed.
        mse: mean squared error, as printed, in the units of ``variance``.
        variance: of the source.
        rate_limit: from an error above 0 and below the variance to a bracket of R in nats.
        distortion_limit: from a rate in nats to a bracket of D. ``ValueError`` where it is not known.

    Raises:
        ValueError: digits that are none; an error from the variance on, which needs no bits.
    """
    spent = rounded("bits", bits, whole_is_exact=True)
    error = rounded("mse", mse)
    if not error.value < variance:
        raise ValueError(
            f"mse must be below the variance of the source, {variance:.6g}, which needs no bits at all, "
            f"got {mse}"
        )
    rate = _in_bits(rate_limit(error.value))
    needed = _in_bits(rate_limit(error.largest)) if error.largest < variance else Limit(0.0, 0.0)
    try:
        distortion = distortion_limit(bits_to_nats(spent.value))
    except ValueError:  # so many bits that the error is out of reach of the numerics
        distortion = None
    if distortion is not None and distortion.width > 0.01 * distortion.upper:
        distortion = None
    return AuditedClaim(spent, error, needed, rate, distortion)


def _in_bits(limit: Limit) -> Limit:
    return Limit(nats_to_bits(limit.lower), nats_to_bits(limit.upper))
