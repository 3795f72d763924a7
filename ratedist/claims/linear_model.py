"""Claims of section 5 and appendix A about ERM in the linear model: its risks and its information."""

from __future__ import annotations

import numpy as np
from scipy.special import exp1
from scipy.stats import t as student_t

from ratedist import theory
from ratedist.claims.claim import Claim, Verdict
from ratedist.claims.evidence import DataSets, Evidence, draw_data_sets, sample_mean
from ratedist.claims.numbers import (
    AT_LEAST,
    EQUAL,
    Comparison,
    Course,
    Numbers,
    computed,
    numbers,
    simulated,
    trend,
)
from ratedist.estimate import Estimate
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.simulation.results import RiskEstimates, SimulationResult
from ratedist.units import NATS_PER_BIT

# Of sums of residuals over 80 samples in float64, relative.
ROUNDING = 1e-9
STEPS = 2.0 ** -np.arange(2, 11)


def lemma3(evidence: Evidence) -> Numbers:
    checks = [
        simulated(
            f"gen of ERM at d = {model.d}, n = {model.n}",
            EQUAL,
            theory.erm_generalization_error(model),
            result["erm"].generalization_error,
        )
        for model, result in _settings(evidence)
    ]
    return numbers(checks, "from the residuals on whole data sets")


def lemma3_at_the_edge(evidence: Evidence) -> Numbers:
    """At n = d + 1, E[1/g; 1/g < M] for g ~ χ²_2 grows by ½ ln 10 with every tenfold M: no finite mean."""
    caps = 10.0 ** np.arange(2, 9)
    truncated = exp1(1 / (2 * caps)) / 2
    return numbers(
        [computed("E[1/g; 1/g < 10⁸], against 1/(n − d − 1)", EQUAL, np.inf, truncated[-1], 1e-3)],
        "Var W and with it gen are infinite: the truncated mean of 1/g grows by ½ ln 10 = 1.151 with every "
        "tenfold M",
        premise=[trend("E[1/g; 1/g < M], g ~ χ²_2, for tenfold M", Course.BOUNDED, caps, truncated, 1e-12)],
    )


def erm_risks(evidence: Evidence) -> Numbers:
    checks = []
    for model, result in _settings(evidence):
        setting = f"of ERM at d = {model.d}, n = {model.n}"
        risks = result["erm"]
        checks += [
            simulated(f"E L_S {setting}", EQUAL, theory.erm_empirical_risk(model), risks.empirical_risk),
            simulated(f"E L_μ {setting}", EQUAL, theory.erm_population_risk(model), risks.population_risk),
        ]
    return numbers(checks)


def infinite_information(evidence: Evidence) -> Numbers:
    """I(S; W) ≥ H(W rounded to a step), which has no limit."""
    entropies = rounded_entropies(evidence.model.degrees_of_freedom) / NATS_PER_BIT
    return numbers(
        [
            trend(
                "H(W_1 rounded to a step), bits, for half the step", Course.GROWS, 1 / STEPS, entropies, 1e-9
            )
        ],
        f"one weight alone shows {entropies[-1]:.1f} bits at a step of 2⁻¹⁰, and one more for each halving",
    )


def equation12(evidence: Evidence) -> Numbers:
    """Each term by itself: closed forms or another sampler on the right, whole data sets on the left."""
    model, left, right = evidence.model, evidence.data_sets, evidence.figure2
    erm = theory.erm_empirical_risk(model)
    checks = [
        simulated("E L_S(W) of ERM", EQUAL, erm, left["erm"].empirical_risk),
        simulated(
            "E L_μ(W) of ERM, two parts of (11)",
            EQUAL,
            erm + theory.erm_generalization_error(model),
            left["erm"].population_risk,
        ),
    ]
    for alpha in (1.0, 0.5, 0.1):
        gen = float(theory.oracle_generalization_error(model, alpha))
        distortion = float(theory.oracle_distortion(model, alpha))
        label = f"E L_μ(Ŵ) of the oracle, α = {alpha}, three parts"
        risk = left[f"oracle {alpha}"].population_risk
        checks.append(simulated(label, EQUAL, erm + gen + distortion, risk))
    for name in ("kmeans 2", "codebook"):
        label = f"E L_μ(Ŵ) of {name} less gen and E d_S"
        checks.append(_first_term(label, erm, left[name].population_risk, right[name]))
    # The left side from examples that no data set holds.
    small = evidence.correlated_model
    fresh = draw_data_sets(small, evidence.num_trials, evidence.generator("fresh examples"))
    losses = sample_mean(_empirical_risk(small.n, fresh, np.sign(evidence.numpy_data_sets.weights)))
    label = "E ℓ(sgn W, Z) of fresh examples less gen and E d_S, d = 6"
    parts = evidence.correlated["erm"]["codebook"]
    checks.append(_first_term(label, theory.erm_empirical_risk(small), losses, parts))
    return numbers(
        checks,
        "left sides from whole data sets, right sides closed or from W alone",
    )


def _first_term(label: str, erm: float, risk: Estimate, parts: RiskEstimates) -> Comparison:
    """E L_S(W) as what is left of a population risk, the other two terms from another simulation."""
    gen, distortion = parts.generalization_error, parts.distortion
    sem = float(np.hypot(risk.sem, gen.sem + distortion.sem))  # the two share their trials
    rest = Estimate(risk.mean - gen.mean - distortion.mean, sem, min(risk.num_trials, gen.num_trials))
    return simulated(label, EQUAL, erm, rest, scale=risk.mean)


def equation13(evidence: Evidence) -> Numbers:
    """d_S by residuals ‖Y − Xŵ‖² against the quadratic form, ŵ as far from W as may be."""
    data, n = evidence.numpy_data_sets, evidence.correlated_model.n
    reproduction = np.sign(data.weights) + 0.3
    by_residuals = _empirical_risk(n, data, reproduction) - _empirical_risk(n, data, data.weights)
    error = reproduction - data.weights
    quadratic = np.einsum("ti,tij,tj->t", error, data.gram, error) / n
    worst = int(np.argmax(np.abs(by_residuals - quadratic)))
    accuracy = ROUNDING * quadratic[worst]
    return numbers(
        [
            computed(
                "d_S of one data set by residuals", EQUAL, quadratic[worst], by_residuals[worst], accuracy
            ),
            computed("least d_S of all data sets", AT_LEAST, 0.0, by_residuals.min(), 0.0),
        ],
        f"{len(quadratic)} data sets, the least d_S is {by_residuals.min():.3g}",
    )


def rounded_entropies(degrees_of_freedom: int) -> np.ndarray:
    """Entropy in nats of ``t/√ν``, t Student with ν degrees of freedom, rounded to each of ``STEPS``.

    This is the law of (W − w*) along any unit direction, Σ = I and σ = 1: of one weight, and of the mean of
    all weights times √d.
    """
    scale, end = degrees_of_freedom**-0.5, 40.0
    entropies = []
    for step in STEPS:
        cells = np.diff(student_t.cdf(np.arange(-end, end + step / 2, step), degrees_of_freedom, scale=scale))
        cells = cells[cells > 0]
        entropies.append(float(-cells @ np.log(cells)))
    return np.array(entropies)


def _empirical_risk(n: int, data: DataSets, w: np.ndarray) -> np.ndarray:
    """``‖Y − Xᵀw‖²/n`` of every data set, w of shape ``(trials, d)``."""
    quadratic = np.einsum("ti,tij,tj->t", w, data.gram, w)
    return (data.outputs_squared - 2 * np.sum(w * data.product, axis=1) + quadratic) / n


def _settings(evidence: Evidence) -> list[tuple[GaussianLinearModel, SimulationResult]]:
    return [
        (evidence.model, evidence.data_sets),
        (evidence.correlated_model, evidence.correlated["dataset"]),
    ]


CLAIMS = [
    Claim(
        "lemma-3", "gen of ERM = (σ²d/n)(2 + (d + 1)/(n − d − 1)).",
        "Lemma 3 (19), (A1)–(A3)", "Lemma 3 (17)", "n > d + 1", Verdict.HOLDS, lemma3,
    ),
    Claim(
        "lemma-3-edge", "The same at n = d + 1.",
        "Lemma 3 (19)", "Lemma 3 (17)", "n > d + 1", Verdict.PREMISE, lemma3_at_the_edge, premise_met=False,
    ),
    Claim(
        "erm-risks", "E L_S(W) = σ²(n − d)/n and E L_μ(W) = σ²(1 + d/(n − d − 1)).",
        "(A2)–(A3)", "", "n > d + 1", Verdict.HOLDS, erm_risks,
    ),
    Claim(
        "infinite-information", "I(S; W) = ∞, so that Lemma 2 says nothing about ERM here.",
        "§5.1", "§5.1", "W is a function of S with a density", Verdict.HOLDS, infinite_information,
    ),
    Claim(
        "equation-12", "E L_μ(Ŵ) = E L_S(W) + gen + E[L_S(Ŵ) − L_S(W)].",
        "(11)–(12)", "§4.1", "none", Verdict.HOLDS, equation12,
    ),
    Claim(
        "equation-13", "d_S(ŵ, W) = L_S(ŵ) − L_S(W) = (ŵ − W)ᵀ(A/n)(ŵ − W), at least 0 for ERM.",
        "(13), (23)", "(11), (21)", "W minimises L_S", Verdict.HOLDS, equation13,
    ),
]  # fmt: skip
