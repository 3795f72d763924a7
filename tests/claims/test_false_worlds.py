"""No verdict that cannot turn: every claim, and every check of every claim, is seen to come out otherwise."""

import dataclasses

import pytest

from ratedist.claims import CLAIMS, Claim, Verdict
from ratedist.claims.judging import judge
from tests.claims.false_worlds import WORLDS, denied, met


def test_every_claim_has_a_false_world_and_nothing_else_has() -> None:
    assert set(WORLDS) == {claim.id for claim in CLAIMS}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_the_verdict_turns_in_a_false_world(numbers_of, family, claim: Claim) -> None:
    world = WORLDS[claim.id]
    assert world.verdict is not claim.expected, "a false world in which nothing changes"
    found = judge(world.change(numbers_of(claim.id)), family)
    assert found.verdict is world.verdict, (world.what, found)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_every_check_of_a_claim_can_sink_it(numbers_of, family, claim: Claim) -> None:
    """All others true, this one false: it fails. All true: it holds. A false premise: it is not met."""
    numbers = numbers_of(claim.id)
    true = tuple(met(check) for check in numbers.checks)
    premise = tuple(met(check) for check in numbers.premise)
    ideal = dataclasses.replace(numbers, checks=true, premise=premise)
    # A prediction that is infinite (Lemma 3 at its edge) agrees with nothing.
    good = (Verdict.HOLDS, Verdict.LIMIT)
    infinite = claim.id == "lemma-3-edge"
    assert infinite or judge(ideal, family).verdict in good
    for k, check in enumerate(numbers.checks):
        if infinite:
            continue
        sunk = dataclasses.replace(ideal, checks=(*true[:k], denied(check), *true[k + 1 :]))
        assert judge(sunk, family).verdict is Verdict.FAILS, check
    for k, check in enumerate(numbers.premise):
        without = dataclasses.replace(ideal, premise=(*premise[:k], denied(check), *premise[k + 1 :]))
        assert judge(without, family).verdict is Verdict.PREMISE, check


def test_a_violated_conclusion_is_never_excused_by_its_premise(numbers_of, family) -> None:
    for claim in CLAIMS:
        if claim.expected is Verdict.PREMISE and claim.id != "lemma-3-edge":
            numbers = numbers_of(claim.id)
            sunk = dataclasses.replace(numbers, checks=tuple(denied(check) for check in numbers.checks))
            assert judge(sunk, family).verdict is Verdict.FAILS, claim.id
