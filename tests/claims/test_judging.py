"""How numbers become verdicts."""

import math

import pytest

from ratedist.claims.judging import MIN_TRIALS, Family, judge
from ratedist.claims.numbers import (
    AT_LEAST,
    AT_MOST,
    EQUAL,
    Comparison,
    Course,
    Numbers,
    Relation,
    computed,
    numbers,
    share,
    simulated,
    trend,
)
from ratedist.claims.verdict import Finding, Verdict
from ratedist.estimate import Estimate

RELATIONS = (EQUAL, AT_MOST, AT_LEAST)
# One comparison at the level of 3.29 standard errors.
ALONE = Family()


def mean(relation: Relation, value: float, sem: float, trials: int = 100_000) -> Comparison:
    return simulated("something", relation, 1.0, Estimate(value, sem, trials))


def verdict(*checks: Comparison) -> Verdict:
    return judge(numbers(checks), ALONE).verdict


@pytest.mark.parametrize(
    ("value", "sem", "expected"),
    [
        (1.0, 0.001, Verdict.HOLDS),
        (1.0032, 0.001, Verdict.HOLDS),
        (1.0034, 0.001, Verdict.FAILS),
        (0.9, 0.02, Verdict.FAILS),
        (1.0, 0.02, Verdict.UNDECIDED),  # 3.29 standard errors are 6.6% of it
        (1.0, math.nan, Verdict.UNDECIDED),
        (math.nan, 0.001, Verdict.UNDECIDED),
    ],
)
def test_equalities(value: float, sem: float, expected: Verdict) -> None:
    assert verdict(mean(EQUAL, value, sem)) is expected


@pytest.mark.parametrize(
    ("value", "at_most", "at_least"),
    [
        (0.9, Verdict.HOLDS, Verdict.FAILS),
        (0.97, Verdict.UNDECIDED, Verdict.UNDECIDED),
        (1.03, Verdict.UNDECIDED, Verdict.UNDECIDED),
        (1.1, Verdict.FAILS, Verdict.HOLDS),
    ],
)
def test_inequalities(value: float, at_most: Verdict, at_least: Verdict) -> None:
    assert verdict(mean(AT_MOST, value, 0.01)) is at_most
    assert verdict(mean(AT_LEAST, value, 0.01)) is at_least


@pytest.mark.parametrize("relation", RELATIONS)
def test_few_trials_say_nothing(relation: Relation) -> None:
    finding = judge(numbers([mean(relation, 5.0, 1e-6, trials=MIN_TRIALS - 1)]), ALONE)
    assert finding.verdict is Verdict.UNDECIDED
    assert finding.needs == "at least 50 trials of finite variance, here 49"


@pytest.mark.parametrize("relation", [EQUAL, AT_MOST])
def test_one_contradiction_among_many_decides_and_is_shown(relation: Relation) -> None:
    good = mean(relation, 1.0 if relation is EQUAL else 0.5, 0.001)
    bad = simulated("bad", relation, 2.0, Estimate(2.1, 0.001, 1000))
    finding = judge(numbers([good, bad, good]), Family(3))
    assert finding.verdict is Verdict.FAILS
    assert (finding.prediction, finding.estimate, finding.standard_error) == (2.0, 2.1, 0.001)
    assert "family-wise 0.001 over 3 comparisons" in finding.judged_by


def test_certified_gaps_are_margins() -> None:
    assert verdict(computed("R", AT_MOST, 1.0, 0.9, 0.05)) is Verdict.HOLDS
    assert verdict(computed("R", AT_MOST, 1.0, 0.98, 0.05)) is Verdict.UNDECIDED
    assert verdict(computed("R", AT_MOST, 1.0, 1.1, 0.05)) is Verdict.FAILS
    assert verdict(computed("R", AT_MOST, 1.0, 1.0 + 1e-15, 0.0)) is Verdict.HOLDS
    assert verdict(computed("R", AT_LEAST, 1.0, 1.0 - 1e-15, 0.0)) is Verdict.HOLDS
    assert verdict(computed("R", AT_LEAST, 1.0, 1.0 - 1e-9, 0.0)) is Verdict.FAILS
    assert judge(numbers([computed("R", EQUAL, 1.0, 1.0, 1e-9)]), ALONE).gap == 1e-9
    # Digits quoted of a prediction count beside the standard error.
    assert verdict(simulated("R", EQUAL, 1.0, Estimate(1.004, 1e-4, 10**6), error=0.005)) is Verdict.HOLDS
    assert verdict(simulated("R", EQUAL, 1.0, Estimate(1.006, 1e-4, 10**6), error=0.005)) is Verdict.FAILS


def test_a_bound_that_is_not_finite_says_nothing() -> None:
    assert verdict(computed("gen", AT_MOST, math.inf, 1.0, 0.0)) is Verdict.UNDECIDED
    assert verdict(computed("gen", AT_MOST, math.nan, 1.0, 0.0)) is Verdict.UNDECIDED


def test_shares_by_an_interval_that_holds_at_every_number_of_trials() -> None:
    family = Family(10)
    width = math.sqrt(math.log(2 / 1e-4) / (2 * 1000))
    assert width == pytest.approx(0.0704, abs=1e-4)
    for within, expected in ((1000, Verdict.HOLDS), (930, Verdict.UNDECIDED), (800, Verdict.FAILS)):
        assert judge(numbers([share("draws", AT_LEAST, 0.9, within, 1000)]), family).verdict is expected


def premised(conclusion: Comparison, premise: Comparison) -> Verdict:
    return judge(numbers([conclusion], premise=[premise]), ALONE).verdict


def test_premises() -> None:
    true, false, open_ = (computed("x", AT_MOST, 1.0, value, 0.1) for value in (0.5, 1.5, 1.0))
    assert premised(true, true) is Verdict.HOLDS
    assert premised(true, false) is Verdict.PREMISE
    assert premised(open_, false) is Verdict.PREMISE
    assert premised(true, open_) is Verdict.UNDECIDED
    assert premised(open_, true) is Verdict.UNDECIDED
    # A violated conclusion is said whatever became of the premise.
    assert [premised(false, premise) for premise in (true, false, open_)] == [Verdict.FAILS] * 3


def course(kind: Course, values: list[float], errors: float = 0.0, ratio: float = 2.0) -> Finding:
    parameters = [ratio**k for k in range(len(values))]
    return judge(numbers([trend("sequence", kind, parameters, values, errors)]), ALONE)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0, 1.0, 0.1], Verdict.LIMIT),
        ([0.0, 0.0, 0.0], Verdict.HOLDS),
        ([1.0, 0.7, 0.49], Verdict.UNDECIDED),  # falls, and half of it is still there
        ([1.0, 0.5, 0.25, 0.125, 0.0625, 0.03], Verdict.LIMIT),
        ([1.0, 0.9, 0.8], Verdict.FAILS),  # too slowly to go away
        ([1.0, 0.1, 0.05, 0.0499], Verdict.FAILS),  # small, and it stays
        ([1.0, 2.0, 0.01], Verdict.FAILS),  # does not fall all along
        ([1.0, 0.01, 0.02], Verdict.FAILS),
    ],
)
def test_sequences_that_are_to_vanish(values: list[float], expected: Verdict) -> None:
    assert course(Course.VANISHES, values).verdict is expected


def test_what_is_below_its_error_has_vanished() -> None:
    assert course(Course.VANISHES, [1.0, 0.02, 0.001, 0.002], 0.003).verdict is Verdict.LIMIT
    assert course(Course.VANISHES, [1.0, 0.02, 0.001, 0.02], 0.003).verdict is Verdict.FAILS
    assert course(Course.VANISHES, [1.0, 0.1, 0.03], 0.04).verdict is Verdict.UNDECIDED  # 0.07 at most


@pytest.mark.parametrize(
    ("values", "grows", "bounded"),
    [
        ([1.0, 2.0, 3.0, 4.0], Verdict.HOLDS, Verdict.FAILS),
        ([1.0, 2.0, 4.0, 8.0], Verdict.HOLDS, Verdict.FAILS),
        ([1.0, 1.9, 1.99, 1.999], Verdict.FAILS, Verdict.HOLDS),
        ([2.0, 2.0, 2.0, 2.0], Verdict.FAILS, Verdict.HOLDS),
        ([4.0, 3.0, 2.0, 1.0], Verdict.FAILS, Verdict.HOLDS),
        ([1.0, 2.0, 2.5, 2.8], Verdict.UNDECIDED, Verdict.UNDECIDED),
        ([1.0, 2.0, 3.0, math.nan], Verdict.UNDECIDED, Verdict.UNDECIDED),
    ],
)
def test_sequences_that_are_to_grow(values: list[float], grows: Verdict, bounded: Verdict) -> None:
    assert course(Course.GROWS, values).verdict is grows
    assert course(Course.BOUNDED, values).verdict is bounded


def test_growth_within_its_error_is_none() -> None:
    assert course(Course.GROWS, [1.0, 1.01, 1.02], 0.1).verdict is Verdict.FAILS


def test_what_a_decision_needs() -> None:
    finding = judge(numbers([mean(EQUAL, 1.0, 0.02, trials=10_000)]), ALONE)
    assert finding.needs == "about 20,000 trials, here 10,000"  # (3.29 · 0.02/0.05)² = 1.7
    finding = judge(numbers([mean(AT_MOST, 0.99, 0.01, trials=10_000)]), ALONE)
    assert finding.needs == "about 100,000 trials, here 10,000"  # 3.29² = 10.8
    finding = judge(numbers([computed("R", AT_MOST, 1.0, 0.98, 0.05)]), ALONE)
    assert finding.needs == "an error below 0.02"
    assert course(Course.VANISHES, [1.0, 0.7, 0.49]).needs == "a sequence that goes further"
    finding = judge(numbers([mean(AT_MOST, 1.0, 0.01)]), ALONE)
    assert finding.needs == "a difference from zero"
    finding = judge(Numbers((), missing="tables not found: here"), ALONE)
    assert (finding.verdict, finding.measured) == (Verdict.UNDECIDED, "tables not found: here")


def test_a_claim_without_checks_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least one check"):
        judge(numbers([]), ALONE)
