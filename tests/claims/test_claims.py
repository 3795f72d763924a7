"""Every claim gets its documented verdict, and wrong statements are found out."""

import dataclasses
import math

import pytest

from ratedist import theory
from ratedist.claims import CLAIMS, Claim, Evidence, Verdict, frame, sampling, sharper_bounds, verify
from ratedist.claims.finite_example import channels, finite_example
from ratedist.claims.judging import judge
from ratedist.linear_model.model import GaussianLinearModel

BY_ID = {claim.id: claim for claim in CLAIMS}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_documented_verdict(numbers_of, family, claim: Claim) -> None:
    finding = judge(numbers_of(claim.id), family)
    assert finding.verdict is claim.expected, finding
    assert math.isfinite(finding.estimate)
    # A simulated number has a standard error, a computed one a gap.
    assert (finding.standard_error is None) != (finding.gap is None)
    assert finding.judged_by
    assert bool(finding.needs) == (finding.verdict is Verdict.UNDECIDED)
    if claim.expected is not Verdict.HOLDS:
        assert finding.comment, "the verdict says less than its parenthesis"


def test_claims_are_well_formed(numbers_of) -> None:
    assert len(BY_ID) == len(CLAIMS)
    assert {claim.expected for claim in CLAIMS} == set(Verdict)
    for claim in CLAIMS:
        assert claim.statement.endswith(".")
        assert "\n" not in claim.statement
        assert claim.premise
        if claim.expected is Verdict.PREMISE:
            assert not claim.premise_met
            assert numbers_of(claim.id).premise


def scaled(name: str, factor: float):
    true = getattr(theory, name)
    return lambda *args, **keywords: true(*args, **keywords) * factor


WRONG = [
    ("lemma-3", "erm_generalization_error", 1.03),
    ("erm-risks", "erm_population_risk", 0.98),
    ("equation-12", "erm_empirical_risk", 1.05),
    ("equation-12", "oracle_generalization_error", 1.05),
    ("equation-12", "oracle_distortion", 1.1),
    ("equation-a12", "oracle_distortion", 1.02),
    ("oracle-risks", "oracle_population_risk", 1.01),
    ("oracle-rate", "oracle_rate", 0.97),
    ("equation-a13-gaussian", "oracle_gaussian_rate", 0.99),
    ("equation-a13-last", "rate_distortion_bound", 0.8),
    ("proposition-2-rate", "rate_distortion_bound", 0.99),
    ("proposition-2-distortion", "distortion_rate_bound", 0.95),
    ("order-of-curves", "distortion_rate_tight", 0.9),
    ("zero-rate", "zero_rate_distortion", 1.02),
    ("gaussian-divergence", "erm_gaussian_divergence", 1.001),
    ("remark-2-sigma", "remark2_lower_bound", 1.01),
    ("equation-a8", "codebook_squared_radius", 0.9),
    ("proposition-1", "proposition1_bound", 0.01),
    ("exact-cgf", "exact_cgf_bound", 0.01),
    ("order-of-bounds", "exact_cgf_bound", 0.1),
    ("figure-2b-gap", "distortion_rate_bound", 5.0),
    ("figure-2b-oracle", "oracle_distortion", 1.2),
    ("figure-2a-valid", "proposition1_bound", 0.05),
    ("corollary-1", "zero_rate_distortion", 8.0),
    ("corollary-1-left", "zero_rate_distortion", 1.2),
    ("corollary-1-own-distortion", "proposition1_bound", 0.0),
    pytest.param("remark-2-sigma", "oracle_rate", 0.99, marks=pytest.mark.slow),
    ("oracle-risks", "oracle_generalization_error", 1.1),
]  # fmt: skip


@pytest.mark.parametrize(("id", "name", "factor"), WRONG)
def test_wrong_formulae_fail(evidence, monkeypatch, id: str, name: str, factor: float) -> None:
    monkeypatch.setattr(theory, name, scaled(name, factor))
    assert BY_ID[id].check(evidence).verdict is Verdict.FAILS


def test_wrong_conditional_mean_fails(evidence, monkeypatch) -> None:
    true = sampling._distortions

    def without_factor(model: GaussianLinearModel, data, reproduction):
        claimed, actual = true(model, data, reproduction)
        return claimed * model.n / (model.n + 1), actual

    monkeypatch.setattr(sampling, "_distortions", without_factor)
    assert BY_ID["rao-blackwell"].check(evidence).verdict is Verdict.FAILS


def test_wrong_conditional_bound_fails(evidence, monkeypatch) -> None:
    true = sharper_bounds.oracle_conditional_cgf_bound
    smaller = lambda model, alpha: dataclasses.replace(true(model, alpha), value=1.9)  # noqa: E731
    monkeypatch.setattr(sharper_bounds, "oracle_conditional_cgf_bound", smaller)
    assert BY_ID["conditional-cgf"].check(evidence).verdict is Verdict.FAILS


def test_a_mended_remark_2_is_not_the_documented_one(evidence, monkeypatch) -> None:
    monkeypatch.setattr(theory, "remark2_lower_bound", scaled("remark2_lower_bound", 0.5))
    (one,) = verify(evidence, ["remark-2"])
    assert one.finding.verdict is Verdict.HOLDS
    assert not one.as_documented


@pytest.mark.parametrize("trials", [10, 100])
def test_too_few_trials_leave_claims_undecided(trials: int) -> None:
    few = Evidence(num_trials=trials, seed=3)
    ids = ["student-law", "rao-blackwell", "gibbs", "gaussian-mean", "equation-a5"]
    assert [one.finding.verdict for one in verify(few, ids)] == [Verdict.UNDECIDED] * len(ids)


def test_the_seed_decides_and_nothing_else() -> None:
    first, again, other = (Evidence(num_trials=200, seed=seed) for seed in (0, 0, 1))
    ids = ["rao-blackwell", "lemma-1-coding"]
    assert frame(verify(first, ids)).equals(frame(verify(again, ids[::-1])))
    assert not frame(verify(first, ids)).equals(frame(verify(other, ids)))


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="num_trials must be at least 10, got 9"):
        Evidence(num_trials=9)
    with pytest.raises(ValueError, match="seed must be at least 0"):
        Evidence(seed=-1)
    with pytest.raises(ValueError, match="no claim 'lemma-9'; the claims are lemma-1-minimum"):
        verify(Evidence(), ["lemma-9"])


def test_finite_example_by_brute_force() -> None:
    """All 729 sequences of letters, one by one, against the 28 counts."""
    import itertools

    import numpy as np

    from ratedist.claims.finite_example import NUM_SAMPLES, PROBABILITIES

    example = finite_example()
    channel = channels(np.random.default_rng(0))[-1]
    gen = distortion = 0.0
    for letters in itertools.product(range(3), repeat=NUM_SAMPLES):
        probability = np.prod(PROBABILITIES[list(letters)])
        risk = 1 - np.bincount(letters, minlength=3) / NUM_SAMPLES
        w = int(np.argmin(risk))
        gen += probability * channel[w] @ (1 - PROBABILITIES - risk)
        distortion += probability * channel[w] @ (risk - risk[w])
    assert example.generalization_error(channel) == pytest.approx(gen, rel=1e-12)
    assert example.distortion(channel) == pytest.approx(distortion, rel=1e-12)
    assert example.information_data(channel) == pytest.approx(example.information_weights(channel), rel=1e-12)
