"""How numbers become verdicts."""

import math

import pytest

from ratedist.claims import judging
from ratedist.claims.claim import Verdict
from ratedist.estimate import Estimate


def simulated(prediction: float, mean: float, sem: float, trials: int = 1000) -> judging.Comparison:
    return judging.simulated("something", prediction, Estimate(mean, sem, trials))


@pytest.mark.parametrize(
    ("mean", "sem", "verdict"),
    [
        (1.0, 0.001, Verdict.HOLDS),
        (1.0039, 0.001, Verdict.HOLDS),
        (1.0041, 0.001, Verdict.FAILS),
        (0.9, 0.02, Verdict.FAILS),
        (1.0, 0.02, Verdict.UNDECIDED),  # within four standard errors, which are 8% of it
        (1.0, math.nan, Verdict.UNDECIDED),
    ],
)
def test_equalities(mean: float, sem: float, verdict: Verdict) -> None:
    assert judging.agree([simulated(1.0, mean, sem)]).verdict is verdict


@pytest.mark.parametrize(
    ("mean", "at_most", "at_least"),
    [
        (0.9, Verdict.HOLDS, Verdict.FAILS),
        (0.97, Verdict.UNDECIDED, Verdict.UNDECIDED),
        (1.03, Verdict.UNDECIDED, Verdict.UNDECIDED),
        (1.1, Verdict.FAILS, Verdict.HOLDS),
    ],
)
def test_inequalities(mean: float, at_most: Verdict, at_least: Verdict) -> None:
    comparison = simulated(1.0, mean, 0.01)
    assert judging.at_most([comparison]).verdict is at_most
    assert judging.at_least([comparison]).verdict is at_least


def test_few_trials_say_nothing() -> None:
    comparison = simulated(1.0, 5.0, 1e-6, trials=judging.MIN_TRIALS - 1)
    for judge in (judging.agree, judging.at_most, judging.at_least):
        assert judge([comparison]).verdict is Verdict.UNDECIDED


def test_one_contradiction_among_many_decides_and_is_shown() -> None:
    good, bad = simulated(1.0, 1.0, 0.001), simulated(2.0, 2.1, 0.001)
    for judge in (judging.agree, judging.at_most):
        finding = judge([good, bad, good])
        assert finding.verdict is Verdict.FAILS
        assert (finding.prediction, finding.estimate, finding.standard_error) == (2.0, 2.1, 0.001)


def test_certified_gaps_are_margins() -> None:
    assert judging.at_most([judging.computed("R", 1.0, 0.9, 0.05)]).verdict is Verdict.HOLDS
    assert judging.at_most([judging.computed("R", 1.0, 0.98, 0.05)]).verdict is Verdict.UNDECIDED
    assert judging.at_most([judging.computed("R", 1.0, 1.1, 0.05)]).verdict is Verdict.FAILS
    assert judging.at_most([judging.computed("R", 1.0, 1.0 + 1e-15, 0.0)]).verdict is Verdict.HOLDS
    assert judging.agree([judging.computed("R", 1.0, 1.0, 1e-9)]).gap == 1e-9


def test_contraries() -> None:
    contrary = judging.at_least([simulated(1.0, 2.0, 0.01)])
    assert judging.reversed_verdict(contrary, Verdict.PREMISE, "why").verdict is Verdict.PREMISE
    contrary = judging.at_least([simulated(1.0, 0.5, 0.01)])
    assert judging.reversed_verdict(contrary, Verdict.PREMISE, "why").verdict is Verdict.HOLDS
    contrary = judging.at_least([simulated(1.0, 1.0, 0.01)])
    assert judging.reversed_verdict(contrary, Verdict.FAILS, "why").verdict is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("violations", "verdict"),
    [
        ([3.0, 1.0, 0.1], Verdict.LIMIT),
        ([0.0, -1.0], Verdict.HOLDS),
        ([1.0, 0.9, 0.8], Verdict.FAILS),  # does not go away
        ([1.0, 2.0, 0.1], Verdict.FAILS),  # does not fall all along
    ],
)
def test_limits(violations: list[float], verdict: Verdict) -> None:
    comparison = judging.computed("excess", 0.0, violations[-1], 0.0)
    assert judging.in_the_limit(comparison, violations, "").verdict is verdict
