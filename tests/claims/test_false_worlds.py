"""No verdict that cannot turn: every claim, and every check of every claim, is seen to come out otherwise."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from ratedist import lowrank, theory
from ratedist.claims import CLAIMS, Claim, Verdict, sharper_bounds
from ratedist.claims.judging import judge
from tests.claims.false_worlds import WORLDS, denied, met

MANY_CHECKS = 40


def test_every_claim_has_a_false_world_and_nothing_else_has() -> None:
    assert set(WORLDS) == {claim.id for claim in CLAIMS}


def test_the_verdict_turns_in_a_false_world(numbers_of, family) -> None:
    for claim in CLAIMS:
        world = WORLDS[claim.id]
        assert world.verdict is not claim.expected, f"{claim.id}: a false world in which nothing changes"
        found = judge(world.change(numbers_of(claim.id)), family)
        assert found.verdict is world.verdict, (claim.id, world.what, found)


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
    # Of many, which are of a kind, every few: each is judged among all others.
    for k, check in list(enumerate(numbers.checks))[:: 1 + len(numbers.checks) // MANY_CHECKS]:
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


# Formulas that are wrong by one in n, or by one per cent: gathered anew, the claims about them fail.
CLAIM = {claim.id: claim for claim in CLAIMS}
Formula = Callable[..., object]


def with_samples(more: int) -> Callable[[Formula], Formula]:
    """The formula of a model that has ``more`` samples: n − d − 1 and the like are off by as many."""

    def wrong(formula: Formula) -> Formula:
        return lambda model, *rest, **options: formula(
            dataclasses.replace(model, n=model.n + more), *rest, **options
        )

    return wrong


def times(factor: float) -> Callable[[Formula], Formula]:
    """The formula by a factor."""

    def wrong(formula: Formula) -> Formula:
        return lambda *rest, **options: factor * np.asarray(formula(*rest, **options))

    return wrong


def without_metrics(project: Formula) -> Formula:
    """A projection that takes no notice of the metrics."""
    return lambda W, rank, *metrics: project(W, rank)


def with_larger_step(prox: Formula) -> Formula:
    """A proximal map for twice the step that was taken."""
    return lambda penalty, values, step: prox(penalty, values, 2 * step)


@pytest.mark.parametrize(
    ("claim", "where", "name", "wrong"),
    [
        *(("concave-start", theory, "distortion_rate_tight", with_samples(k)) for k in (-1, 1)),
        *(("gaussian-divergence", theory, "erm_gaussian_divergence", with_samples(k)) for k in (-1, 1)),
        *(("gaussian-divergence", theory, "erm_gaussian_divergence", times(c)) for c in (0.99, 1.01)),
        *(("gibbs", sharper_bounds, "gibbs_symmetrized_information", with_samples(k)) for k in (-1, 1)),
        *(("gibbs", sharper_bounds, "gibbs_symmetrized_information", times(c)) for c in (0.99, 1.01)),
        *(("equation-a8", theory, "codebook_squared_radius", times(c)) for c in (0.99, 1.01)),
        *(("ridge-information", theory, "ridge_information_bound", times(c)) for c in (0.99, 1.01)),
        ("ridge-information", theory, "ridge_information_bound", with_samples(1)),
        ("ridge-information", theory, "ridge_bayes_information", with_samples(1)),
        ("ridge-penalty", theory, "ridge_best_penalty", times(1.01)),
        pytest.param("ridge-penalty", theory, "ridge_best_penalty", times(0.99), marks=pytest.mark.slow),
        *(("remote-shrinkage", theory, "shrunk_population_risk", with_samples(k)) for k in (-1, 1)),
        *(("remote-shrinkage", theory, "shrinkage_factor", times(c)) for c in (0.99, 1.01)),
        *(("remote-trade-off", theory, "remote_population_risk", times(c)) for c in (0.9, 1.1)),
        ("remote-posterior-mean", theory, "remote_posterior_mean", times(0.99)),
        *(("bits-back-refund", theory, "bits_back_cost", times(c)) for c in (0.99, 1.01)),
        *(("penalty-is-length", theory, "code_length", times(c)) for c in (0.99, 1.01)),
        ("low-rank-thresholds", theory, "singular_value_hard_threshold", times(1.001)),
        pytest.param(
            *("low-rank-thresholds", theory, "singular_value_hard_threshold", times(0.999)),
            marks=pytest.mark.slow,
        ),
        ("low-rank-thresholds", theory, "marchenko_pastur_median", times(1.001)),
        pytest.param(
            *("low-rank-thresholds", theory, "marchenko_pastur_median", times(0.999)),
            marks=pytest.mark.slow,
        ),
        ("low-rank-thresholds", theory, "singular_value_median_threshold", times(1.001)),
        ("low-rank-thresholds", theory, "worst_singular_value_error", times(1.001)),
        ("low-rank-thresholds", theory, "singular_value_error", times(1.1)),
        *((f"low-rank-{one}", lowrank, "project", without_metrics) for one in ("projection", "regression")),
        ("low-rank-descent", lowrank.NuclearNorm, "prox", with_larger_step),
        ("gram-information", theory, "data_aware_gain", with_samples(-1)),
        ("gram-information", theory, "gram_information", times(0.999)),
        *(
            pytest.param("gram-information", theory, name, wrong, marks=pytest.mark.slow)
            for name, wrong in (("data_aware_gain", with_samples(1)), ("gram_information", times(1.001)))
        ),
        ("gram-information", theory, "data_aware_rate_bound", times(1.001)),
        # An inequality sees a formula that is wrong on one side only.
        ("equation-a13-gaussian", theory, "oracle_gaussian_rate", with_samples(1)),
        ("equation-a13-gaussian", theory, "oracle_gaussian_rate", times(0.99)),
        *(
            pytest.param("remark-2-sigma", theory, "remark2_lower_bound", wrong, marks=pytest.mark.slow)
            for wrong in (with_samples(-1), times(1.01))
        ),
        # Simulated: what 10,000 trials tell apart.
        *(("corollary-1-left", theory, "zero_rate_distortion", with_samples(k)) for k in (-1, 1)),
        *(("lemma-3", theory, "erm_generalization_error", with_samples(k)) for k in (-1, 1)),
        *(("erm-risks", theory, "erm_population_risk", with_samples(k)) for k in (-1, 1)),
        *(("erm-risks", theory, "erm_empirical_risk", with_samples(k)) for k in (-1, 1)),
        *(("equation-a12", theory, "oracle_distortion", with_samples(k)) for k in (-1, 1)),
        *(("oracle-risks", theory, "oracle_population_risk", with_samples(k)) for k in (-1, 1)),
    ],
)  # fmt: skip
def test_a_slightly_wrong_formula_is_found(
    evidence, family, monkeypatch, claim: str, where, name: str, wrong
) -> None:
    monkeypatch.setattr(where, name, wrong(getattr(where, name)))
    finding = judge(CLAIM[claim].gather(evidence), family)
    assert finding.verdict is Verdict.FAILS, finding
