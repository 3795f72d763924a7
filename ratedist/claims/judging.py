r"""From numbers to verdicts: a pure function, the same for every claim.

Every estimate is an interval, and an assertion is true or false only where all of the interval says so. The
interval of a computed number is its certified gap or numerical error. That of a simulated one is
``(t + |γ|(2t² + 1)/(6√N))`` standard errors both ways, t the quantile of Student's law with N − 1 degrees of
freedom, γ the skewness of a trial where the trials are at hand (first-order Cornish–Fisher).

**Family.** A run of all claims makes some three hundred and ninety comparisons that chance may upset. The
level is divided among them (Bonferroni, two-sided): all intervals of a run hold what they estimate with
probability 0.999 at least, however the estimates depend on each other, and then no verdict is wrong by
chance. Four standard errors for each, whatever their number, would be upset in one run of forty.

**Where normal quantiles are not adequate.** They are asymptotic, and the level of one comparison is
3·10⁻⁶. The means of ``simulate`` come with two moments only, so that no skewness enters unless it is given.
At 10⁴ trials the upper tail of a mean is then larger than nominal by about ``exp(|γ|t³/(6√N))``, 1.4 times
for γ = 2. The risks of ERM and of the oracles have γ ≤ 2.5 at the settings used, (50, 80) and (6, 20), where
W is t with 31 and 15 degrees of freedom; at n ≤ d + 8 their fourth moments would not exist. Not adequate are
two of the quantised. One is the population risk of K-means with K = 2, with γ near 13, which
``figure-2-values`` is given. The other is that of the codebook ±1 at (50, 80), where one trial in 10,000 has
any weight on the wrong side: a comparison of it says next to nothing, and enters ``samplers-agree`` and
``equation-12`` only against a scale of 1. Ratios of variances and products of risks (``less-variance``,
``rao-blackwell``, ``gram-given-weights``) are skewed too; their trials are at hand and the correction enters.
Networks are 50, which the correction widens most. From fewer than 50 trials nothing is concluded.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import itertools
import math
from collections.abc import Iterable

import numpy as np
from scipy.stats import t as student_t

from ratedist.claims.numbers import Check, Comparison, Course, Numbers, Relation, Trend
from ratedist.claims.verdict import Finding, Verdict

# Probability that any interval of a run misses what it estimates.
FAMILY_ERROR = 1e-3
# From fewer trials a standard error is itself too uncertain.
MIN_TRIALS = 50
# Of float64 arithmetic, relative to the number or to 1.
ROUNDING = 1e-12
# A violation vanishes if it falls at least like this power of the parameter, step by step, …
MIN_EXPONENT = 0.25
# … down to this part of the first one.
VANISHED = 0.05
# A sequence grows without bound if its last increment is at least this part of the largest one, …
STEADY = 0.5
# … and is bounded if it is at most this part.
SPENT = 0.1


class Truth(enum.Enum):
    """What an interval says about an assertion."""

    TRUE = "true"
    IN_THE_LIMIT = "true in the limit"
    FALSE = "false"
    OPEN = "open"


@dataclasses.dataclass(frozen=True)
class Family:
    """The comparisons of one run, which share the probability of a false alarm.

    Attributes:
        comparisons: how many may come out wrong by chance; at least 1.
        error: probability that any does, at most.
    """

    comparisons: int = 1
    error: float = FAMILY_ERROR

    @classmethod
    def of(cls, gathered: Iterable[Numbers]) -> Family:
        """The family of everything gathered in a run."""
        return cls(max(1, sum(one.num_simulated for one in gathered)))

    @property
    def level(self) -> float:
        """Probability that one interval misses, both sides together."""
        return self.error / self.comparisons

    def standard_errors(self, num_trials: int, skewness: float = 0.0) -> float:
        """Half an interval in standard errors; infinite below 50 trials."""
        if num_trials < MIN_TRIALS or not math.isfinite(skewness):
            return math.inf
        t = _quantile(self.level / 2, num_trials - 1)
        return t + abs(skewness) * (2 * t**2 + 1) / (6 * math.sqrt(num_trials))


@functools.lru_cache(maxsize=1024)
def _quantile(tail: float, degrees_of_freedom: int) -> float:
    return float(student_t.isf(tail, degrees_of_freedom))


def margin(one: Comparison, family: Family) -> float:
    """Half the interval: the estimate is within it of what it estimates."""
    if one.standard_error is None:
        return one.error
    if not math.isfinite(one.standard_error):
        return math.inf
    N = one.num_trials or 0
    if one.is_share:  # Hoeffding: exact at every number of trials
        return math.sqrt(math.log(2 / family.level) / (2 * N)) + one.error
    width = family.standard_errors(N, one.skewness)
    spread = 0.0 if one.standard_error == 0 and N >= MIN_TRIALS else width * one.standard_error
    return max(spread, ROUNDING * abs(one.estimate)) + one.error


def judge(numbers: Numbers, family: Family) -> Finding:
    """The verdict that these numbers give.

    Every check true: *holds*, or *holds in the limit* if a sequence tends there. One false: *fails*. Where
    the numbers deny the premise: *premise not met*, unless the conclusion fails too, which is said. Otherwise
    *undecided*. Shown is the check that decides, or comes nearest to deciding otherwise.
    """
    if numbers.missing:
        return Finding(
            numbers.missing,
            math.nan,
            math.nan,
            Verdict.UNDECIDED,
            needs="those tables",
            comment=numbers.comment,
        )
    truth, deciding = _all_true(numbers.checks, family)
    verdict = {
        Truth.TRUE: Verdict.HOLDS,
        Truth.IN_THE_LIMIT: Verdict.LIMIT,
        Truth.FALSE: Verdict.FAILS,
        Truth.OPEN: Verdict.UNDECIDED,
    }[truth]
    if numbers.premise and truth is not Truth.FALSE:
        met, decides_premise = _all_true(numbers.premise, family)
        if met is Truth.FALSE:
            verdict, deciding = Verdict.PREMISE, decides_premise
        elif met is Truth.OPEN:
            verdict, deciding = Verdict.UNDECIDED, decides_premise
    return _finding(deciding, verdict, family, numbers.comment)


def weigh(check: Check, family: Family) -> tuple[Truth, float]:
    """Whether an assertion is true, and by how many of its margins it is violated (negative: kept)."""
    if isinstance(check, Trend):
        truth = _course(check)
        return truth, {Truth.FALSE: math.inf, Truth.OPEN: 0.0}.get(truth, -math.inf)
    half = margin(check, family)
    difference = check.estimate - check.prediction
    if not math.isfinite(difference):
        return Truth.OPEN, 0.0
    if check.relation is Relation.EQUAL:
        violation = abs(difference)
        if violation > half:
            return Truth.FALSE, violation / (half or 1e-300)
        size = abs(check.prediction) if check.scale is None else check.scale
        known = half <= check.resolution * size or half == 0
        return (Truth.TRUE if known else Truth.OPEN), (violation / half - 1 if half else -1.0)
    signed = difference if check.relation is Relation.AT_MOST else -difference
    # Two sides that are one number up to rounding satisfy an inequality.
    if check.standard_error is None and abs(signed) <= ROUNDING * max(abs(check.prediction), 1.0):
        signed = min(signed, 0.0)
    ratio = signed / (half or 1e-300) if math.isfinite(half) else 0.0
    if signed > half:
        return Truth.FALSE, ratio
    return (Truth.TRUE if signed <= -half else Truth.OPEN), ratio


def _all_true(checks: tuple[Check, ...], family: Family) -> tuple[Truth, Check]:
    weighed = [(*weigh(check, family), check) for check in checks]
    for truth in (Truth.FALSE, Truth.OPEN, Truth.IN_THE_LIMIT, Truth.TRUE):
        found = [(violation, check) for one, violation, check in weighed if one is truth]
        if found:
            return truth, max(found, key=lambda pair: pair[0])[1]
    raise ValueError("a claim needs at least one check")


def _course(one: Trend) -> Truth:
    if one.course is Course.VANISHES:
        return _vanishes(np.array(one.parameters), np.array(one.values), np.array(one.errors))
    grows = _grows(np.array(one.values), np.array(one.errors))
    if one.course is Course.BOUNDED:
        return {Truth.TRUE: Truth.FALSE, Truth.FALSE: Truth.TRUE}.get(grows, grows)
    return grows


def _vanishes(parameters: np.ndarray, values: np.ndarray, errors: np.ndarray) -> Truth:
    if np.all(values <= errors):
        return Truth.TRUE
    for (s, v, e), (s1, v1, e1) in itertools.pairwise(zip(parameters, values, errors, strict=True)):
        if v1 <= e1:  # below what is known of it
            continue
        if v <= e or math.log(v / v1) < MIN_EXPONENT * math.log(s1 / s):
            return Truth.FALSE
    return Truth.IN_THE_LIMIT if values[-1] + errors[-1] <= VANISHED * values[0] else Truth.OPEN


def _grows(values: np.ndarray, errors: np.ndarray) -> Truth:
    if not np.all(np.isfinite(values)):
        return Truth.OPEN
    increments = np.diff(values)
    unknown = float(errors[-1] + errors[-2])
    largest, last = float(increments.max()), float(increments[-1])
    if largest <= unknown or last + unknown <= SPENT * largest:
        return Truth.FALSE
    return Truth.TRUE if last - unknown >= STEADY * largest else Truth.OPEN


def _finding(check: Check, verdict: Verdict, family: Family, comment: str) -> Finding:
    needs = _needs(check, family) if verdict is Verdict.UNDECIDED else ""
    if isinstance(check, Trend):
        limit = math.inf if check.course is Course.GROWS else 0.0
        if check.course is Course.BOUNDED:
            limit = check.values[-2]
        return Finding(
            check.measured,
            limit,
            check.values[-1],
            verdict,
            None,
            check.errors[-1],
            _rule(check, family),
            needs,
            comment,
        )
    gap = check.error if check.standard_error is None else None
    return Finding(
        check.measured,
        check.prediction,
        check.estimate,
        verdict,
        check.standard_error,
        gap,
        _rule(check, family),
        needs,
        comment,
    )


def _rule(check: Check, family: Family) -> str:
    if isinstance(check, Trend):
        if check.course is Course.VANISHES:
            return (
                f"sequence {check.course}: falls like parameter^(−{MIN_EXPONENT:g}) or faster at every step, "
                f"down to {100 * VANISHED:g}% of its start"
            )
        return f"sequence {check.course}: last increment over the largest ≥ {STEADY:g} grows, ≤ {SPENT:g} not"
    parts = [f"estimate {check.relation} prediction"]
    if check.is_share:
        parts.append(f"Hoeffding interval ± {margin(check, family):.2g}")
    elif check.standard_error is not None:
        width = family.standard_errors(check.num_trials or 0, check.skewness)
        parts.append(f"within {width:.2f} standard errors" if math.isfinite(width) else "too few trials")
        if check.error:
            parts.append(f"and {check.error:.1g}")
    elif check.error:
        parts.append(f"within its error {check.error:.1g}")
    else:
        parts.append("exact up to rounding")
    if check.standard_error is not None:
        parts.append(f"family-wise {family.error:g} over {family.comparisons} comparisons")
        if check.relation is Relation.EQUAL:
            size = abs(check.prediction) if check.scale is None else check.scale
            parts.append(f"resolved to {100 * check.resolution:g}% of {size:.3g}")
    return ", ".join(parts)


def _needs(check: Check, family: Family) -> str:
    if isinstance(check, Trend):
        return "a sequence that goes further"
    half, difference = margin(check, family), abs(check.estimate - check.prediction)
    if check.standard_error is None:
        return f"an error below {difference:.1g}"
    N = check.num_trials or 0
    if N < MIN_TRIALS or not math.isfinite(half):
        return f"at least {MIN_TRIALS} trials of finite variance, here {N}"
    size = abs(check.prediction) if check.scale is None else check.scale
    wanted = check.resolution * size if check.relation is Relation.EQUAL else difference
    factor = (half / wanted) ** 2 if wanted > 0 else math.inf
    if not math.isfinite(factor):
        return "a difference from zero"
    return f"about {int(float(f'{N * factor:.1g}')):,} trials, here {N:,}"
