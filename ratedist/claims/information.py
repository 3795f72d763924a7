"""Claims of sections 2 to 4: rate distortion and generalisation bounds, checked where sums are finite."""

from __future__ import annotations

import numpy as np
from scipy.optimize import root_scalar

from ratedist import theory
from ratedist.claims import judging
from ratedist.claims.claim import Claim, Finding, Verdict
from ratedist.claims.evidence import Evidence
from ratedist.claims.finite_example import (
    NUM_SAMPLES,
    PROBABILITIES,
    SUB_GAUSSIAN,
    FiniteExample,
    channels,
    finite_example,
)
from ratedist.random_coding import bernoulli_random_code_distortion, random_code_distortion
from ratedist.theory.blahut_arimoto import RateDistortionPoint, blahut_arimoto
from ratedist.theory.sources import bernoulli_rate
from ratedist.units import NATS_PER_BIT

# What sums and iterations over a handful of numbers leave open.
ROUNDING = 1e-10
GIBBS_TEMPERATURE = 8.0


def lemma1_minimum(evidence: Evidence) -> Finding:
    comparisons = []
    for probability in (0.5, 0.3):
        for slope in (1.0, 2.0, 4.0):
            point = blahut_arimoto([1 - probability, probability], 1 - np.eye(2), slope)
            formula = float(bernoulli_rate(probability, point.distortion))
            label = f"R({point.distortion:.4f}) of a coin with P(1) = {probability}, nats"
            comparisons.append(judging.computed(label, formula, point.rate, point.gap + ROUNDING))
    return judging.agree(comparisons, "minimum by Blahut–Arimoto with its certificate, against h(p) − h(D)")


def lemma1_coding(evidence: Evidence) -> Finding:
    rate = NATS_PER_BIT / 2
    limit = root_scalar(lambda D: float(bernoulli_rate(0.5, D)) - rate, bracket=(1e-6, 0.499)).root
    num_codes = max(2, evidence.trials // 50)
    simulated = random_code_distortion(evidence.generator("random codes"), "bernoulli", 16, rate, num_codes)
    exact = bernoulli_random_code_distortion(16, rate)
    mean = judging.agree(
        [judging.simulated("distortion of random codes of 16 fair bits at ½ bit each", exact, simulated)],
    )
    if mean.verdict is not Verdict.HOLDS:
        return mean
    lengths = (8, 16, 24, 32, 40)
    excesses = [bernoulli_random_code_distortion(m, rate) / limit - 1 for m in lengths]
    worst = judging.computed(
        "distortion of random codes of 40 fair bits at ½ bit each", limit, limit * (1 + excesses[-1]), 0.0
    )
    parts = ", ".join(f"{100 * e:.0f}% at m = {m}" for m, e in zip(lengths, excesses, strict=True))
    return judging.in_the_limit(worst, excesses, f"random codes of m symbols are above D(R) by {parts}")


def lemma2(evidence: Evidence) -> Finding:
    comparisons = []
    for temperature in (1.0, GIBBS_TEMPERATURE, 50.0, np.inf):
        example = finite_example(temperature)
        bound = _sub_gaussian_bound(example.information_data())
        gen = abs(example.generalization_error(np.eye(3)))
        label = f"|gen| of a Gibbs learner with γ = {temperature:g}"
        comparisons.append(judging.computed(label, bound, gen, ROUNDING))
    return judging.at_most(comparisons, "by summing over all data sets of six letters")


def lemma_a1(evidence: Evidence) -> Finding:
    variance = max(_one_sided_variance(1 - p) for p in PROBABILITIES)
    comparisons = []
    for temperature in (GIBBS_TEMPERATURE, np.inf):
        example = finite_example(temperature)
        for channel in channels(evidence.generator("channels")):
            information = example.information_data(channel)
            if information > ROUNDING:
                bound = np.sqrt(2 * variance * information / NUM_SAMPLES)
                gen = example.generalization_error(channel)
                comparisons.append(judging.computed("gen of a learner and channel", bound, gen, ROUNDING))
    return judging.at_most(
        comparisons, f"with the one-sided parameter {variance:.4f}, {len(comparisons)} learners and channels"
    )


def data_processing(evidence: Evidence) -> Finding:
    example = finite_example(GIBBS_TEMPERATURE)
    direct, comparisons = example.information_data(), []
    for channel in channels(evidence.generator("channels")):
        least = min(example.information_weights(channel), direct)
        if least > ROUNDING:
            information = example.information_data(channel)
            comparisons.append(judging.computed("I(S; Ŵ), nats", least, information, 0.0))
    lossy = max(one.estimate for one in comparisons if one.estimate < direct - ROUNDING)
    comment = f"{len(comparisons)} channels; I(S; W) = {direct:.4f}, the least lossy one keeps {lossy:.4f}"
    return judging.at_most(comparisons, comment)


def theorem1(evidence: Evidence) -> Finding:
    comparisons = []
    for temperature in (GIBBS_TEMPERATURE, np.inf):
        example = finite_example(temperature)
        for channel in channels(evidence.generator("channels")):
            least = min(example.information_weights(channel), example.information_data())
            if least > ROUNDING:
                gen = abs(example.generalization_error(channel))
                label = "|gen| of a learner and channel"
                comparisons.append(judging.computed(label, _sub_gaussian_bound(least), gen, ROUNDING))
    return judging.at_most(
        comparisons, f"by summing over all data sets, {len(comparisons)} compressed learners"
    )


def equation14(evidence: Evidence) -> Finding:
    comparisons = []
    for temperature in (GIBBS_TEMPERATURE, np.inf):
        example = finite_example(temperature)
        for channel in channels(evidence.generator("channels")):
            information = example.information_weights(channel)
            bound = _sub_gaussian_bound(information) + example.distortion(channel)
            excess = example.excess_population_risk(channel)
            if information > ROUNDING:
                label = "E[L_μ(Ŵ) − L_S(W)]"
                comparisons.append(judging.computed(label, bound, excess, ROUNDING))
    return judging.at_most(
        comparisons, f"by summing over all data sets, {len(comparisons)} compressed learners"
    )


def theorem2(evidence: Evidence) -> Finding:
    example = finite_example()
    cost = _distortion_matrix(example)
    comparisons, distortions = [], []
    for slope in (12.0, 16.0, 24.0, 40.0, 80.0):
        point = blahut_arimoto(example.weights, cost, slope)
        channel = _channel(point, cost)
        bound = _sub_gaussian_bound(point.rate_lower) + point.distortion
        excess = example.excess_population_risk(channel)
        label = f"E[L_μ(Ŵ) − L_S(W)] at R = {point.rate:.3f} nats"
        comparisons.append(judging.computed(label, bound, excess, point.gap + ROUNDING))
        distortions.append(point.distortion)
    if not np.all(np.diff(distortions) < 0):
        return judging.finding(comparisons[0], Verdict.FAILS, "D(R) does not decrease")
    return judging.at_most(
        comparisons, "D(R) by Blahut–Arimoto; its channels satisfy the bound, and it decreases"
    )


def remark1(evidence: Evidence) -> Finding:
    """No channel of this rate is below the sum of the two separate minima: how far above is the best?"""
    example = finite_example()
    distortion = _distortion_matrix(example)
    generalization = example.population_risk - example.empirical_risk_given_weights()
    rate = 0.3
    separate = sum(_least_cost(example.weights, cost, rate) for cost in (distortion, generalization))
    joint = _least_cost(example.weights, distortion + generalization, rate)
    comparison = judging.computed(f"least E[L_μ(Ŵ) − L_S(W)] at R = {rate} nats", separate, joint, 1e-6)
    return judging.at_least(
        [comparison], "the prediction adds the least gen to the least distortion at that rate"
    )


def _sub_gaussian_bound(information: float) -> float:
    return float(theory.sub_gaussian_bound(SUB_GAUSSIAN, information, NUM_SAMPLES))


def _one_sided_variance(risk: float) -> float:
    """``sup_{λ<0} 2Λ(λ)/λ²`` of a loss that is 1 with probability ``risk``, else 0."""
    slope = -np.geomspace(1e-3, 50, 20_001)
    cumulant = np.log1p(risk * np.expm1(slope)) - slope * risk
    return float(np.max(2 * cumulant / slope**2))


def _distortion_matrix(example: FiniteExample) -> np.ndarray:
    """``E[L_S(ŵ) − L_S(w) | W = w]``, at least 0 for ERM."""
    risk = example.empirical_risk_given_weights()
    return np.maximum(risk - np.diag(risk)[:, None], 0.0)


def _channel(point: RateDistortionPoint, cost: np.ndarray) -> np.ndarray:
    channel = point.output * np.exp(-point.slope * cost)
    return channel / channel.sum(axis=1, keepdims=True)


def _least_cost(law: np.ndarray, cost: np.ndarray, rate: float) -> float:
    """Least mean cost over channels of at most this rate; costs may be negative."""
    least = cost.min(axis=1)
    offset, shifted = float(law @ least), cost - least[:, None]

    def excess(slope: float) -> float:
        return blahut_arimoto(law, shifted, slope).rate - rate

    if np.ptp(np.argmin(cost, axis=1)) == 0:  # one letter is best whatever W says: no rate is needed
        return offset
    slope = root_scalar(excess, bracket=(1e-3, 1e3), xtol=1e-10).root
    return offset + blahut_arimoto(law, shifted, slope).distortion


EXAMPLE = "loss in [0, 1], hence ½-sub-Gaussian"

CLAIMS = [
    Claim(
        "lemma-1-minimum",
        "R(D) of a discrete source is the least I(W; Ŵ) over channels of distortion at most D.",
        "Lemma 1 (4)–(5)", "Lemma 1 (7)–(8)", "i.i.d. source", Verdict.HOLDS, lemma1_minimum,
    ),
    Claim(
        "lemma-1-coding", "Codes of m symbols come down to that D(R).",
        "Definitions 1, 2, Lemma 1; §5.3", "Definitions 1, 2, Lemma 1; §5.3",
        "blocks of m → ∞ symbols (a compressor used once, as in Figure 2, has m = 1)",
        Verdict.LIMIT, lemma1_coding,
    ),
    Claim(
        "lemma-2", "|gen| ≤ √(2σ²I(S; W)/n) for a σ-sub-Gaussian loss.",
        "Lemma 2 (9)", "Lemma 2 (9)", EXAMPLE, Verdict.HOLDS, lemma2,
    ),
    Claim(
        "lemma-a1", "gen ≤ √(2σ²I(Ŵ; S)/n) if Λ(λ) ≤ σ²λ²/2 for λ ≤ 0 alone.",
        "Lemma A1 (A7)", "", "cumulant bounded on one side, at every ŵ", Verdict.HOLDS, lemma_a1,
    ),
    Claim(
        "data-processing", "I(S; Ŵ) ≤ min{I(W; Ŵ), I(S; W)}.",
        "§3, before Theorem 1", "§3, before Theorem 1", "S → W → Ŵ", Verdict.HOLDS, data_processing,
    ),
    Claim(
        "theorem-1", "|gen| of the compressed model ≤ √(2σ² min{I(W; Ŵ), I(S; W)}/n).",
        "Theorem 1 (10)", "Theorem 1 (10)", f"{EXAMPLE}; S → W → Ŵ", Verdict.HOLDS, theorem1,
    ),
    Claim(
        "equation-14", "E[L_μ(Ŵ) − L_S(W)] ≤ √(2σ²I(W; Ŵ)/n) + E d_S(Ŵ, W).",
        "(14)", "(12)", f"{EXAMPLE}; S → W → Ŵ", Verdict.HOLDS, equation14,
    ),
    Claim(
        "theorem-2", "The least E[L_μ(Ŵ) − L_S(W)] at rate R is at most √(2σ²R/n) + D(R).",
        "Theorem 2 (15)", "Theorem 2 (13)", f"{EXAMPLE}; W minimises L_S", Verdict.HOLDS, theorem2,
    ),
    Claim(
        "remark-1", "Lower bounds on gen and on distortion do not add up to one on their sum that is tight.",
        "Remark 1", "", "none", Verdict.HOLDS, remark1,
    ),
]  # fmt: skip
