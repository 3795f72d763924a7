"""A verdict on each published number: is it possible, at which bits, and is it beaten here?

Printed digits are rounded, and the doubt is the claim's: its error may have been half a unit of its last
digit more. Only where it would be impossible even so is it said to be.

What is beaten is beaten by a trellis of this package with no more real bytes, levels and counts among them,
or by an entropy-coded scalar quantiser, whichever has the smaller error.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from decimal import Decimal

from ratedist.claims.field_numbers import FieldNumber
from ratedist.claims.field_trellis import TRELLIS_POINTS, TRELLIS_STATES
from ratedist.quantizers.source_optima import (
    MAX_LEVELS,
    MOST_BITS,
    entropy_coded_distortion,
    fixed_rate_distortion,
)
from ratedist.theory.sources.limits import rate_limit
from ratedist.units import nats_to_bits

# Rounding in float64 decides nothing.
SLACK = 1e-9
# Who is better by less than a thousandth is as good.
MARGIN = 1e-3


class FieldVerdict(enum.Enum):
    """What can be said of a published number."""

    POSSIBLE = "possible"
    MORE_BITS = "possible only with more bits than stated"
    IMPOSSIBLE = "below the limit: impossible"
    BEATEN = "beaten here at equal bytes"


@dataclasses.dataclass(frozen=True)
class JudgedNumber:
    """A published number with its verdict.

    Attributes:
        number: as it was printed.
        verdict: on it.
        limit: R(D) in bits at the largest error that is printed so; its lower end where it is bracketed.
        gap: bits spent above the limit.
        needed: bits that the number needs at least, if more than those stated.
        ours: least error of this package at no more bits; ``None`` where there is none.
        by: what has it: a trellis, by its real bytes, or an entropy-coded scalar quantiser, by its entropy.
        because: in a sentence.
    """

    number: FieldNumber
    verdict: FieldVerdict
    limit: float
    gap: float
    needed: float | None
    ours: float | None
    by: str
    because: str


def half_unit(printed: str) -> float:
    """Half a unit of the last digit of a printed number."""
    exponent = Decimal(printed).as_tuple().exponent
    return float(Decimal(5).scaleb(int(exponent) - 1))


def judge_number(number: FieldNumber) -> JudgedNumber:
    """The verdict on one number, with what it rests on."""
    mse, doubt = float(number.mse), half_unit(number.mse)
    spent = number.bits if number.spent is None else number.spent
    # At an error of the variance nothing has to be sent.
    limit = nats_to_bits(rate_limit(number.source, mse + doubt).lower) if mse + doubt < 1 else 0.0
    ours, by = best_of_ours(number.source, spent)

    def judged(verdict: FieldVerdict, because: str, needed: float | None = None) -> JudgedNumber:
        return JudgedNumber(number, verdict, limit, spent - limit, needed, ours, by, because)

    if spent < limit - SLACK:
        return judged(
            FieldVerdict.IMPOSSIBLE, f"this error needs {limit:.4f} bits or more, whatever the code", limit
        )
    if number.bits < limit - SLACK:
        return judged(
            FieldVerdict.MORE_BITS,
            f"this error needs {limit:.4f} bits or more, and {spent:g} were spent",
            limit,
        )
    if number.scalar and (needed := scalar_bits(number.source, number.bits, mse + doubt)) is not None:
        return judged(
            FieldVerdict.MORE_BITS,
            f"no scalar quantiser at a fixed rate is so good; one needs {needed:.4f} bits",
            needed,
        )
    if ours is not None and ours < (mse - doubt) * (1 - MARGIN):
        return judged(FieldVerdict.BEATEN, f"{by} has {ours:.5g}")
    return judged(FieldVerdict.POSSIBLE, f"{spent - limit:.4f} bit above the limit")


def best_of_ours(source: str, bits: float) -> tuple[float | None, str]:
    """The least error of this package at no more than these bits, and what has it."""
    found = [
        (one.mse, f"a trellis of {TRELLIS_STATES} states, {one.bits:.4f} bits of real bytes,")
        for one in TRELLIS_POINTS
        if one.source == source and one.bits <= bits
    ]
    if bits <= MOST_BITS:
        found.append((entropy_coded_distortion(source, bits), "an entropy-coded scalar quantiser"))
    return min(found, default=(None, ""))


def scalar_bits(source: str, bits: float, mse: float) -> float | None:
    """Bits that a scalar quantiser at a fixed rate needs, ``None`` where the stated ones are enough."""
    levels = min(math.floor(2**bits + SLACK), MAX_LEVELS)
    if fixed_rate_distortion(source, levels) <= mse + SLACK:
        return None
    while levels < MAX_LEVELS and fixed_rate_distortion(source, levels) > mse + SLACK:
        levels += 1
    return math.log2(levels)


def field_row(one: JudgedNumber) -> dict[str, object]:
    """As a row of a table."""
    return {
        **dataclasses.asdict(one.number),
        "verdict": one.verdict.value,
        "limit_bits": one.limit,
        "gap_bits": one.gap,
        "needed_bits": one.needed,
        "ours_mse": one.ours,
        "ours": one.by,
        "because": one.because,
    }
