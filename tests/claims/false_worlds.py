"""For every claim a world in which it is otherwise: what its numbers would be there, and the verdict due."""

import dataclasses
from collections.abc import Callable

from ratedist.claims.numbers import Check, Comparison, Course, Numbers, Relation, Trend
from ratedist.claims.verdict import Verdict

HOLDS, LIMIT, FAILS = Verdict.HOLDS, Verdict.LIMIT, Verdict.FAILS
Change = Callable[[Numbers], Numbers]


@dataclasses.dataclass(frozen=True)
class World:
    """What is the case there, how that changes the numbers, and the verdict that they must get."""

    what: str
    change: Change
    verdict: Verdict = FAILS


def change_checks(kind: type, at: str, change: Callable, premise: bool = False) -> Change:
    """Change the checks of a kind whose name contains ``at``; there must be some."""

    def changed(numbers: Numbers) -> Numbers:
        checks = numbers.premise if premise else numbers.checks
        hits = [isinstance(check, kind) and at in check.measured for check in checks]
        assert any(hits), f"no check named {at!r}"
        new = tuple(change(check) if hit else check for check, hit in zip(checks, hits, strict=True))
        return dataclasses.replace(numbers, **{"premise" if premise else "checks": new})

    return changed


def estimate(at: str = "", times: float = 1.0, plus: float = 0.0, to: float | None = None) -> Change:
    """What is found is another number."""
    return change_checks(
        Comparison,
        at,
        lambda one: dataclasses.replace(one, estimate=one.estimate * times + plus if to is None else to),
    )


def prediction(at: str = "", times: float = 1.0) -> Change:
    """The formula is another one."""
    return change_checks(
        Comparison, at, lambda one: dataclasses.replace(one, prediction=one.prediction * times)
    )


def agreement() -> Change:
    """What is found is what was predicted."""
    return change_checks(Comparison, "", lambda one: dataclasses.replace(one, estimate=one.prediction))


def values(change: Callable[[int, float], float], premise: bool = False) -> Change:
    """A sequence takes another course: new values by index and old value."""
    return change_checks(
        Trend,
        "",
        lambda one: dataclasses.replace(one, values=tuple(change(k, v) for k, v in enumerate(one.values))),
        premise,
    )


def levelled(amount: float) -> Change:
    """A sequence does not vanish but tends to this amount."""
    return values(lambda k, v: v + amount)


def saturated(premise: bool = False) -> Change:
    """A sequence that grew is bounded."""
    return values(lambda k, v: 2.0 - 10.0**-k, premise)


def both(*changes: Change) -> Change:
    def changed(numbers: Numbers) -> Numbers:
        for change in changes:
            numbers = change(numbers)
        return numbers

    return changed


def met(check: Check) -> Check:
    """A world where this assertion is true, and clearly so."""
    return _moved(check, -1)


def denied(check: Check) -> Check:
    """A world where this assertion is false, and clearly so."""
    return _moved(check, 1)


def _moved(check: Check, violation: int) -> Check:
    if isinstance(check, Trend):
        courses = {
            Course.VANISHES: lambda k: 10.0**-k if violation < 0 else 1.0 + 10.0**-k,
            Course.GROWS: lambda k: float(k) if violation < 0 else 2.0 - 10.0**-k,
            Course.BOUNDED: lambda k: 2.0 - 10.0**-k if violation < 0 else float(k),
        }
        found = tuple(courses[check.course](k) for k in range(len(check.values)))
        rising = tuple(2.0**k for k in range(len(check.values)))
        return dataclasses.replace(check, parameters=rising, values=found, errors=(0.0,) * len(found))
    if check.relation is Relation.EQUAL and violation < 0:
        return dataclasses.replace(check, estimate=check.prediction)
    noise = (check.standard_error or 0.0) * 100 + 10 * check.error
    distance = max(noise, 1e-3 * max(1.0, abs(check.prediction)))
    sign = -violation if check.relation is Relation.AT_LEAST else violation
    trials = check.num_trials if check.num_trials is None else max(check.num_trials, 100)
    if check.is_share:
        return dataclasses.replace(check, estimate=0.0 if sign < 0 else 1.0)
    return dataclasses.replace(check, estimate=check.prediction + sign * distance, num_trials=trials)


def _all_met(numbers: Numbers) -> Numbers:
    return dataclasses.replace(numbers, checks=tuple(met(check) for check in numbers.checks))


COMPACT = both(saturated(premise=True))

WORLDS: dict[str, World] = {
    # Sections 2 to 4
    "lemma-1-minimum": World("rates 1% above the formula", estimate(times=1.01)),
    "lemma-1-coding": World("codes that stay 10% above D(R)", levelled(0.1)),
    "lemma-2": World("|gen| twice as large", estimate(times=2.0)),
    "lemma-a1": World("gen twice as large", estimate(times=2.0)),
    "data-processing": World("1% more information after a channel", estimate(times=1.01)),
    "theorem-1": World("|gen| twice as large", estimate(times=2.0)),
    "theorem-1-below-lemma-2": World("a bound of Theorem 1 that is 1% larger", estimate(times=1.01)),
    "equation-14": World("a left side larger by 0.02", estimate(plus=0.02)),
    "theorem-2": World("a left side larger by 0.2", estimate("E[L_μ", plus=0.2)),
    "remark-1": World("the sum of the separate minima is reached", estimate(to=-0.0726)),
    # ERM and the samplers
    "lemma-3": World("a formula 5% larger", prediction(times=1.05)),
    "lemma-3-edge": World(
        "E 1/g is finite, and what (19) says",
        both(saturated(premise=True), lambda n: dataclasses.replace(n, checks=(_equal(n.checks[0], 2.0),))),
        HOLDS,
    ),
    "erm-risks": World("E L_μ by a formula 3% smaller", prediction("E L_μ", times=0.97)),
    "infinite-information": World("a weight of finite entropy", saturated()),
    "equation-12": World("a left side 5% larger", estimate("oracle, α = 0.5", times=1.05)),
    "equation-13": World("a data set on which W is not the minimiser", estimate("least", to=-1e-3)),
    "student-law": World("moments 10% off", prediction(times=1.1)),
    "gram-given-weights": World("a mean 5 larger", estimate("E[vᵀAv − claim]", plus=5.0)),
    "rao-blackwell": World("a conditional mean 0.05 off", estimate("· 1]", plus=0.05)),
    "samplers-agree": World("one sampler 0.2 off", estimate("population_risk of erm, erm minus", plus=0.2)),
    "less-variance": World("more variance", estimate(to=0.8)),
    # Rate and distortion
    "equation-a12": World("a formula 2% larger", prediction("α = 0.5, d = 50", times=1.02)),
    "oracle-risks": World("a formula 3% larger", prediction("E L_μ", times=1.03)),
    "oracle-rate": World("a formula 3% smaller", prediction(times=0.97)),
    "equation-a13-gaussian": World("a t source that needs 1% more", estimate(times=1.01)),
    "equation-a13-last": World("a step that does not relax", estimate(times=1.01)),
    "proposition-2-rate": World("R(D) 1% larger", estimate(times=1.01)),
    "proposition-2-distortion": World("D(R) 10% larger", estimate(times=1.1)),
    "equation-26-attains": World("the channel needs what (24) says", agreement(), HOLDS),
    "equation-26-independent": World("no correlation", agreement(), HOLDS),
    "zero-rate": World("a constant nearer than w*", estimate("off w* along the last", to=-0.1)),
    "concave-start": World("convex from the start", estimate("below", to=1e-5)),
    "order-of-curves": World("D(R) 5% above its bounds", estimate(times=1.05)),
    "exact-certified": World("a gap of 0.01 nats", estimate("gap", to=0.01)),
    "critical-slope": World("c(ρ) above 1 below the critical slope", estimate("0.999", to=0.1)),
    "asymptote": World("an excess that stays 1 nat", levelled(1.0)),
    "gaussian-divergence": World("a divergence 0.1% larger", estimate(times=1.001)),
    "remark-2-sigma": World("a channel 1% below the bound", estimate(times=0.99)),
    "remark-2": World("an oracle that needs 40 nats", estimate(to=40.0), HOLDS),
    "remark-2-limit": World("an excess that stays 1 nat", levelled(1.0)),
    "remark-2-concentration": World("every draw within ε", estimate(to=1.0), HOLDS),
    "data-aware-bracket": World("an exact curve 20% higher", estimate("upper", times=1.2)),
    "gram-information": World("a worth that is 0.001 nats off", estimate("nats, (1, 5)", plus=1e-3)),
    "feedback-rounding": World(
        "feedback that saves nothing", estimate("D of rounding to 0.15, f", to=0.0939)
    ),
    "below-the-exact-curve": World("a compressor that needs 10% more nats", estimate(times=1.1)),
    "below-at-a-price": World("a risk lower by 0.4", estimate(plus=-0.4)),
    "steps-by-pivots": World("a gap larger by 0.01 bit", estimate("limit, AR(1), ρ = 0.9", plus=0.01)),
    "equal-steps": World("a gap that is bounded", saturated()),
    # Generalisation bounds
    "sub-gaussian-loss": World("a σ² that serves every λ", saturated(premise=True), HOLDS),
    "equation-a5": World("a formula 1% larger", prediction("Λ(0.1)", times=1.01)),
    "equation-a6": World("a cumulant 10% larger", estimate(times=1.1)),
    "equation-a8": World("a reproduction farther away", estimate(times=1.2)),
    "proposition-1": World("gen of 300", estimate(to=300.0)),
    "proposition-1-oracle": World("a compact reproduction set", COMPACT, HOLDS),
    "proposition-1-kmeans": World("a finite rate", COMPACT, HOLDS),
    "corollary-1": World("a left side of 5", estimate(to=5.0)),
    "corollary-1-left": World("a left side 20% larger", estimate("E[L_μ", times=1.2)),
    "corollary-1-minimum": World("a right side of 1 at a positive rate", estimate("right side", to=1.0)),
    "corollary-1-compact": World("a set that contains w*", estimate(to=0.625), HOLDS),
    "corollary-1-own-distortion": World("a left side of 1000", estimate(to=1000.0)),
    "exact-cgf": World("a factor above 1", estimate("η = 10, against 1", to=1.1)),
    "conditional-cgf": World("gen of 3", estimate(to=3.0)),
    "order-of-bounds": World("an exact-CGF bound half as large", prediction(times=0.5)),
    "gibbs": World("an information 10% larger", prediction(times=1.1)),
    "gaussian-mean": World("a bound below the truth", estimate("bound by", to=0.1)),
    "remote-shrinkage": World("the least risk at a factor 0.1% larger", estimate("searched", times=1.001)),
    "remote-posterior-mean": World("a multiple of W is better", estimate("best multiple", to=-1.0)),
    "remote-trade-off": World("a channel that needs 1% more", estimate("for 2 nats", times=1.01)),
    "ridge-bayes": World("a posterior mean 0.01 off", estimate("weight 0", plus=0.01)),
    "ridge-penalty": World("the least risk at a penalty 0.1% larger", estimate("least risk", plus=1e-3)),
    "ridge-information": World("an information above the bound", estimate("against I(S; Ŵ)", times=0.5)),
    "ridge-generalisation": World("gen of 100", estimate("against the bound", to=100.0)),
    # Low rank
    "low-rank-projection": World("a search that does better by 1%", estimate("searches", times=0.99)),
    "low-rank-regression": World("a likelihood that costs 1% less", estimate("log-likelihood", times=0.99)),
    "low-rank-thresholds": World("a threshold larger by 0.1%", estimate("threshold of least", times=1.001)),
    "low-rank-descent": World("an objective that rises by 1e-6", estimate("rank, η", to=1e-6)),
    "low-rank-zero-shot": World("every change the other way", estimate(times=-1.0)),
    "low-rank-fine-tuning": World("a gap that stays 0.5%", levelled(0.005)),
    # Figure 2
    "figure-2a-smaller": World("gen larger than ERM's by 0.1", estimate(to=0.1)),
    "figure-2a-valid": World("gen of 1000", estimate(to=1000.0)),
    "figure-2a-tight": World("bound over truth tends to 1", values(lambda k, v: 10.0**-k), LIMIT),
    "figure-2b-oracle": World("a distance that stays 0.5", levelled(0.5)),
    "figure-2b-gap": World("K-means without distortion", estimate(to=0.0)),
    "figure-2c-kmeans": World("a risk above ERM's by 0.05", estimate(to=0.05)),
    "figure-2c-two": World("K = 3 better than K = 2 by 0.05", estimate("minus K = 3", to=0.05)),
    "figure-2-values": World("a risk 0.02 off", estimate(plus=0.02)),
    "figure-2c-oracle": World("an oracle away from w*", estimate(to=1.1)),
    "empirical-design": World("a gap that stays 0.05", levelled(0.05)),
    "empirical-design-own": World("samples coded worse than the law", estimate(to=0.13), HOLDS),
    # Section 6
    "log2-k": World("labels of 0.9 bits", estimate(to=0.9), HOLDS),
    "equation-22": World("a loss with ½", estimate(to=1.0), HOLDS),
    "equation-30": World("the true Hessian in (30)", estimate(times=2.0)),
    "equation-36": World("the nearest centre is the cheapest", agreement(), HOLDS),
    "algorithm-1-descends": World("no ascent", estimate(to=0.0), HOLDS),
    "algorithm-1-penalized": World("no ascent", estimate(to=0.0), HOLDS),
    "equation-37-two": World("(37) off the minimum by 10%", estimate(times=1.1)),
    "equation-37": World("(37)–(38) at the minimum", agreement(), HOLDS),
    "optimal-quantizer": World("an optimum missed by 1%", estimate(times=1.01)),
    "equation-33": World("C(w*) = 4", estimate(to=4.0), HOLDS),
    "equation-33-beta": World("one ratio for all codebooks", agreement(), HOLDS),
    "radius-and-diameter": World("C(w*) ten times as large", estimate(times=10.0)),
    "diameter-shrinks": World("diameters that grow with β", estimate(times=2.0)),
    "diameter-two": World("a risk larger by 0.01", estimate(to=0.01)),
    "diameter-four": World("a risk larger by 0.1", estimate(to=0.1)),
    "equation-39": World("a label read back wrongly", estimate("read back", plus=1.0)),
    "equation-39-decodable": World("Kraft's sum below 1", estimate(to=0.9), HOLDS),
    "decodable-length": World("Kraft's sum above 1", estimate(to=1.5)),
    "same-time": World("a ratio that grows with d′", values(lambda k, v: 1.0 + k)),
    # Code lengths
    "bits-back-refund": World("a refund larger by 1%", estimate("refund", times=1.01)),
    "penalty-is-length": World("a penalty twice as large", estimate("less that of 0", times=2.0)),
    # Section 7
    "figure-1-tradeoff": World("every change the other way", estimate(times=-1.0)),
    "figure-1-improves": World("every change the other way", estimate(times=-1.0)),
    "figure-1-converges": World("a loss that stays 0.05 off", levelled(0.05)),
    "figure-3-tradeoff": World("every change the other way", estimate(times=-1.0)),
    "figure-3-plain": World("clearly below the original at every K", _all_met, HOLDS),
    "figure-3-regularised": World("every change the other way", estimate(times=-1.0)),
    "figure-3-better": World("every change the other way", estimate(times=-1.0)),
    "figure-4-tradeoff": World("a hundred networks that agree", _all_met, HOLDS),
    "figure-4-below-original": World("a hundred networks that agree", _all_met, HOLDS),
    "figure-4-better": World("a hundred networks that agree", _all_met, HOLDS),
    "figure-5-blocks": World("blocks better by 0.05", estimate(to=-0.05), HOLDS),
    "figure-5-regulariser": World("every change the other way", estimate(times=-1.0)),
    "figure-6-generalisation": World("every change the other way", estimate(times=-1.0)),
    "figure-6-distortion": World("every change the other way", estimate(times=-1.0)),
    "figure-6-cross-validation": World("a choice that harms", estimate(times=-1.0)),
    "network-calibration": World("calibrated networks that gain", estimate(times=-1.0)),
}


def _equal(check: Check, value: float) -> Check:
    assert isinstance(check, Comparison)
    return dataclasses.replace(check, prediction=value, estimate=value)
