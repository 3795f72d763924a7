"""From numbers to verdicts: every estimate is an interval, and a verdict needs all of it on one side.

The interval of a simulated estimate is four standard errors both ways, that of a computed one its certified
gap or numerical error. A wrong statement is thus found out, a right one is confirmed only by enough trials,
and in between nothing is said. Of right statements compared with Gaussian estimates about one comparison in
16,000 falls outside four standard errors by chance.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence

from ratedist.claims.claim import Finding, Verdict
from ratedist.estimate import Estimate

STANDARD_ERRORS = 4.0
# From fewer trials a standard error is itself too uncertain for four of them to mean anything.
MIN_TRIALS = 50
# An equality is confirmed once the interval is within this part of the size of the predicted quantity.
RESOLUTION = 0.05
# Of float64 arithmetic, relative to the number or to 1.
ROUNDING = 1e-12


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One number against what a claim says about it.

    Attributes:
        measured: what it is a number of.
        prediction: what the claim says.
        estimate: what was found, anywhere in [estimate − margin, estimate + margin].
        margin: half the interval; infinite where nothing is known.
        standard_error: of a simulated estimate.
        gap: of a computed one.
        scale: the size of the quantity, which an equality is resolved against; |prediction| by default.
    """

    measured: str
    prediction: float
    estimate: float
    margin: float
    standard_error: float | None = None
    gap: float | None = None
    scale: float | None = None

    @property
    def relative_margin(self) -> float:
        """The margin as a part of the size of the quantity."""
        return self.margin / (abs(self.prediction) if self.scale is None else self.scale)


def simulated(measured: str, prediction: float, estimate: Estimate, scale: float | None = None) -> Comparison:
    """Compare a Monte Carlo estimate, four standard errors both ways."""
    enough = estimate.num_trials >= MIN_TRIALS and math.isfinite(estimate.sem)
    rounding = ROUNDING * abs(estimate.mean)
    margin = max(STANDARD_ERRORS * estimate.sem, rounding) if enough else math.inf
    return Comparison(measured, float(prediction), estimate.mean, margin, estimate.sem, None, scale)


def computed(measured: str, prediction: float, value: float, error: float) -> Comparison:
    """Compare a number known to within ``error``: a certified gap, or the accuracy of a quadrature."""
    return Comparison(measured, float(prediction), float(value), error, gap=error)


def agree(comparisons: Sequence[Comparison], comment: str = "", resolution: float = RESOLUTION) -> Finding:
    """Every estimate equals its prediction; shown is the one that comes nearest to contradicting."""
    worst = max(comparisons, key=lambda one: abs(one.estimate - one.prediction) / (one.margin or 1e-300))
    widest = max(comparisons, key=lambda one: one.relative_margin)
    if not abs(worst.estimate - worst.prediction) <= worst.margin:
        return finding(worst, Verdict.FAILS, comment)
    if not widest.relative_margin <= resolution:
        return finding(widest, Verdict.UNDECIDED, comment)
    return finding(worst, Verdict.HOLDS, comment)


def at_most(comparisons: Sequence[Comparison], comment: str = "") -> Finding:
    """Every estimate is at most its prediction; shown is the one that comes nearest to contradicting."""
    return _one_sided(comparisons, comment, sign=1)


def at_least(comparisons: Sequence[Comparison], comment: str = "") -> Finding:
    """Every estimate is at least its prediction; shown is the one that comes nearest to contradicting."""
    return _one_sided(comparisons, comment, sign=-1)


def finding(comparison: Comparison, verdict: Verdict, comment: str = "") -> Finding:
    """The finding that shows this comparison."""
    return Finding(
        comparison.measured,
        comparison.prediction,
        comparison.estimate,
        verdict,
        comparison.standard_error,
        comparison.gap,
        comment,
    )


def reversed_verdict(contrary: Finding, verdict: Verdict, comment: str) -> Finding:
    """Judge a claim by its contrary: where that holds the claim gets ``verdict``, where it fails it holds."""
    verdicts = {Verdict.HOLDS: verdict, Verdict.FAILS: Verdict.HOLDS}
    return dataclasses.replace(
        contrary, verdict=verdicts.get(contrary.verdict, contrary.verdict), comment=comment
    )


def in_the_limit(comparison: Comparison, violations: Sequence[float], comment: str) -> Finding:
    """Judge by violations along a sequence that goes to the limit: they must fall, by half at least.

    No violation anywhere means that the claim holds outright.
    """
    if max(violations) <= 0:
        verdict = Verdict.HOLDS
    elif all(later < earlier for earlier, later in itertools.pairwise(violations)) and (
        violations[-1] < violations[0] / 2
    ):
        verdict = Verdict.LIMIT
    else:
        verdict = Verdict.FAILS
    return finding(comparison, verdict, comment)


def _one_sided(comparisons: Sequence[Comparison], comment: str, sign: int) -> Finding:
    def excess(one: Comparison) -> float:
        difference = sign * (one.estimate - one.prediction)
        # Two sides that are one number up to rounding satisfy the inequality.
        return difference if abs(difference) > ROUNDING * max(abs(one.prediction), 1.0) else 0.0

    worst = max(comparisons, key=lambda one: excess(one) / (one.margin or 1e-300))
    if any(excess(one) > one.margin for one in comparisons):
        return finding(worst, Verdict.FAILS, comment)
    if all(excess(one) <= -one.margin for one in comparisons):
        return finding(worst, Verdict.HOLDS, comment)
    return finding(worst, Verdict.UNDECIDED, comment)
