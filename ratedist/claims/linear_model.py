"""Claims of section 5 and appendix A about ERM in the linear model, and what the samplers rest on."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma, exp1
from scipy.stats import t as student_t

from ratedist import theory
from ratedist.claims import judging
from ratedist.claims.claim import Claim, Finding, Verdict
from ratedist.claims.evidence import DataSets, Evidence, sample_mean
from ratedist.estimate import Estimate
from ratedist.problem import GaussianLinearModel
from ratedist.results import RiskEstimates, SimulationResult
from ratedist.units import NATS_PER_BIT

RISKS = ("population_risk", "empirical_risk", "distortion", "generalization_error")
# Of sums of residuals over 80 samples in float64, relative.
ROUNDING = 1e-9
STEPS = 2.0 ** -np.arange(2, 11)


def lemma3(evidence: Evidence) -> Finding:
    comparisons = [
        judging.simulated(
            f"gen of ERM at d = {model.d}, n = {model.n}",
            theory.erm_generalization_error(model),
            result["erm"].generalization_error,
        )
        for model, result in _settings(evidence)
    ]
    return judging.agree(comparisons, "from the residuals on whole data sets")


def lemma3_at_the_edge(evidence: Evidence) -> Finding:
    """At n = d + 1, E[1/g; 1/g < M] for g ~ χ²_2 grows by ½ ln 10 with every tenfold M: no finite mean."""
    caps = 10.0 ** np.arange(2, 9)
    truncated = exp1(1 / (2 * caps)) / 2
    growth = judging.computed(
        "growth of E[1/g; 1/g < M], g ~ χ²_2, from M = 10⁷ to 10⁸", 0.0, truncated[-1] - truncated[-2], 1e-9
    )
    comment = (
        "Var W and with it gen are infinite: the truncated mean grows by ½ ln 10 = 1.151 with every tenfold M"
    )
    return judging.reversed_verdict(judging.at_least([growth]), Verdict.PREMISE, comment)


def erm_risks(evidence: Evidence) -> Finding:
    comparisons = []
    for model, result in _settings(evidence):
        setting = f"of ERM at d = {model.d}, n = {model.n}"
        risks = result["erm"]
        comparisons += [
            judging.simulated(f"E L_S {setting}", theory.erm_empirical_risk(model), risks.empirical_risk),
            judging.simulated(f"E L_μ {setting}", theory.erm_population_risk(model), risks.population_risk),
        ]
    return judging.agree(comparisons)


def infinite_information(evidence: Evidence) -> Finding:
    """I(S; W) ≥ H(W rounded to a step), which has no limit."""
    entropies = rounded_entropies(evidence.model.degrees_of_freedom)
    growth = -np.diff(entropies) / np.diff(np.log(STEPS))
    comparison = judging.computed(
        "growth of H(W_1 rounded to a step), bits for each halving", 1.0, growth[-1], 1e-3
    )
    comment = (
        f"one weight alone shows {entropies[-1] / NATS_PER_BIT:.1f} bits at a step of 2⁻¹⁰, and more below"
    )
    return judging.agree([comparison], comment)


def equation12(evidence: Evidence) -> Finding:
    result = evidence.data_sets
    erm_risk = result["erm"].empirical_risk
    comparisons = [
        judging.simulated("E L_S(W) of ERM", theory.erm_empirical_risk(evidence.model), erm_risk),
    ]
    for name in result.compressors:
        risks = result[name]
        parts = erm_risk.mean + risks.generalization_error.mean + risks.distortion.mean
        label = f"E L_μ(Ŵ) of {name}, sum of three parts"
        comparisons.append(judging.computed(label, risks.population_risk.mean, parts, ROUNDING * parts))
    return judging.agree(
        comparisons, "residuals of whole data sets; the first term is the same for every compressor"
    )


def equation13(evidence: Evidence) -> Finding:
    """d_S by residuals ‖Y − Xŵ‖² against the quadratic form, ŵ as far from W as may be."""
    data = evidence.numpy_data_sets
    n = evidence.correlated_model.n
    reproduction = np.sign(data.weights) + 0.3

    def risk(w: np.ndarray) -> np.ndarray:
        quadratic = np.einsum("ti,tij,tj->t", w, data.gram, w)
        return (data.outputs_squared - 2 * np.sum(w * data.product, axis=1) + quadratic) / n

    by_residuals = risk(reproduction) - risk(data.weights)
    error = reproduction - data.weights
    quadratic = np.einsum("ti,tij,tj->t", error, data.gram, error) / n
    worst = int(np.argmax(np.abs(by_residuals - quadratic)))
    comparison = judging.computed(
        "d_S of one data set by residuals", quadratic[worst], by_residuals[worst], ROUNDING * quadratic[worst]
    )
    if by_residuals.min() < 0:
        return judging.finding(comparison, Verdict.FAILS, f"d_S = {by_residuals.min():g}")
    return judging.agree(
        [comparison], f"{len(quadratic)} data sets, the least d_S is {by_residuals.min():.3g}"
    )


def student_law(evidence: Evidence) -> Finding:
    """Two means that determine little alone; the tails enter the second."""
    model, data = evidence.correlated_model, evidence.numpy_data_sets
    squared = model.squared_norm(data.weights - model.w_star) / model.noise_variance
    log_mean = float(digamma((model.n + 1) / 2) - digamma(model.degrees_of_freedom / 2))
    beta = squared / (1 + squared)
    d, n = model.d, model.n
    return judging.agree(
        [
            judging.simulated("E ln(1 + ‖u‖²/σ²)", log_mean, sample_mean(np.log1p(squared))),
            judging.simulated("E of b = ‖u‖²/(σ² + ‖u‖²)", d / (n + 1), sample_mean(beta)),
            judging.simulated("E b²", d * (d + 2) / ((n + 1) * (n + 3)), sample_mean(beta**2)),
        ],
        "b is Beta(d/2, ν/2)",
    )


def rao_blackwell(evidence: Evidence) -> Finding:
    """d_S minus its claimed conditional mean is uncorrelated with functions of W."""
    model, data = evidence.correlated_model, evidence.numpy_data_sets
    claimed, actual = _distortions(model, data, np.sign(data.weights))
    squared = model.squared_norm(data.weights - model.w_star)
    tests = {"1": np.ones_like(actual), "‖u‖²": squared, "the claim": claimed, "W_1": data.weights[:, 0]}
    comparisons = []
    for name, test in tests.items():
        mean = sample_mean((actual - claimed) * test)
        scale = float(np.mean(np.abs(actual * test)))
        comparisons.append(judging.simulated(f"E[(d_S − claim) · {name}]", 0.0, mean, scale))
    return judging.agree(
        comparisons, "Ŵ = sgn W; uncorrelated with functions of W, as a conditional mean must be"
    )


def gram_given_weights(evidence: Evidence) -> Finding:
    """E[A | W] = (n + 1)(Σ⁻¹ + uuᵀ/σ²)⁻¹, along one direction, against functions of W."""
    model, data = evidence.correlated_model, evidence.numpy_data_sets
    u = data.weights - model.w_star
    direction = np.linspace(1.0, -1.0, model.d)
    sigma_v = np.asarray(model.covariance) @ direction
    shrunk = direction @ sigma_v - (u @ sigma_v) ** 2 / (model.noise_variance + model.squared_norm(u))
    claimed = (model.n + 1) * shrunk
    actual = np.einsum("i,tij,j->t", direction, data.gram, direction)
    # Var[vᵀAv | W] = 2 (vᵀMv)² (n + 1) for a Wishart matrix of scale M.
    variance = 2 * (model.n + 1) * shrunk**2
    comparisons = [
        judging.simulated("E[vᵀAv − claim]", 0.0, sample_mean(actual - claimed), float(actual.mean())),
        judging.simulated(
            "E[(vᵀAv − claim)·‖u‖²]",
            0.0,
            sample_mean((actual - claimed) * model.squared_norm(u)),
            float(np.mean(actual * model.squared_norm(u))),
        ),
        judging.simulated(
            "E[(vᵀAv − claim)² / claimed variance]", 1.0, sample_mean((actual - claimed) ** 2 / variance)
        ),
    ]
    return judging.agree(comparisons, resolution=0.1)


def samplers_agree(evidence: Evidence) -> Finding:
    comparisons = []
    for one, other in (("erm", "dataset"), ("statistics", "dataset"), ("erm", "statistics")):
        first, second = evidence.correlated[one], evidence.correlated[other]
        for name in ("erm", "codebook"):
            for risk in RISKS:
                comparisons.append(
                    _difference(f"{risk} of {name}, {one} minus {other}", first[name], second[name], risk)
                )
    for name in evidence.data_sets.compressors:
        for risk in RISKS:
            pair = evidence.figure2[name], evidence.data_sets[name]
            comparisons.append(_difference(f"{risk} of {name} at (50, 80), erm minus dataset", *pair, risk))
    return judging.agree(
        comparisons, f"{len(comparisons)} differences; Σ correlated and Σ = I", resolution=0.1
    )


def less_variance(evidence: Evidence) -> Finding:
    """Variances with and without averaging over the data given W, on the same data sets."""
    model, data = evidence.correlated_model, evidence.numpy_data_sets
    reproduction = np.sign(data.weights)
    claimed, actual = _distortions(model, data, reproduction)
    erm_fit = np.einsum("ti,tij,tj->t", data.weights, data.gram, data.weights)
    erm_risk = (data.outputs_squared - erm_fit) / model.n  # L_S(W): its mean takes its place
    population = model.squared_norm(reproduction - model.w_star)
    pairs = {
        "distortion": (actual, claimed),
        "empirical risk": (erm_risk + actual, claimed),
        "generalisation error": (population - erm_risk - actual, population - claimed),
    }
    comparisons = []
    for name, (plain, averaged) in pairs.items():
        squares = (plain - plain.mean()) ** 2, (averaged - averaged.mean()) ** 2
        ratio = squares[0].mean() / squares[1].mean()
        # The error of a ratio of two means over the same trials, to first order.
        sem = sample_mean(squares[0] / squares[0].mean() - squares[1] / squares[1].mean()).sem * ratio
        estimate = Estimate(float(ratio), float(sem), plain.size)
        comparisons.append(judging.simulated(f"variance of {name} over that given W", 1.0, estimate))
    slow, fast = evidence.data_sets["kmeans 2"], evidence.figure2["kmeans 2"]
    parts = ", ".join(
        f"{risk.replace('_', ' ')} {(slow.risks[risk].sem / fast.risks[risk].sem) ** 2:.1f}" for risk in RISKS
    )
    return judging.at_least(comparisons, f"at Figure 2, K = 2 (heavy tails, so uncertain): {parts}")


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


def _distortions(
    model: GaussianLinearModel, data: DataSets, reproduction: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The claimed mean of d_S given W, and d_S itself, both of shape ``(trials,)``."""
    e, u = reproduction - data.weights, data.weights - model.w_star
    inner = np.sum((u @ np.asarray(model.covariance)) * e, axis=1)
    seen = inner**2 / (model.noise_variance + model.squared_norm(u))
    claimed = (model.n + 1) / model.n * (model.squared_norm(e) - seen)
    return claimed, np.einsum("ti,tij,tj->t", e, data.gram, e) / model.n


def _difference(label: str, first: RiskEstimates, second: RiskEstimates, risk: str) -> judging.Comparison:
    a, b = first.risks[risk], second.risks[risk]
    estimate = Estimate(a.mean - b.mean, float(np.hypot(a.sem, b.sem)), min(a.num_trials, b.num_trials))
    # Differences near zero are resolved against the risk of ERM's order, not against themselves.
    return judging.simulated(label, 0.0, estimate, max(abs(a.mean), abs(b.mean), 1.0))


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
    Claim(
        "student-law", "W is multivariate t with ν = n − d + 1 degrees of freedom and scale σ²Σ⁻¹/ν.",
        "", "", "n ≥ d", Verdict.HOLDS, student_law,
    ),
    Claim(
        "gram-given-weights",
        "A given W is Wishart with n + 1 degrees of freedom and scale (Σ⁻¹ + uuᵀ/σ²)⁻¹, u = W − w*.",
        "", "", "n ≥ d", Verdict.HOLDS, gram_given_weights,
    ),
    Claim(
        "rao-blackwell", "E[d_S | W, ŵ] = ((n + 1)/n)(‖e‖²_Σ − (uᵀΣe)²/(σ² + ‖u‖²_Σ)), e = ŵ − W.",
        "", "", "S → W → Ŵ", Verdict.HOLDS, rao_blackwell,
    ),
    Claim(
        "samplers-agree", "Data sets, sufficient statistics and ERM weights alone give the same risks.",
        "", "", "S → W → Ŵ for the last", Verdict.HOLDS, samplers_agree,
    ),
    Claim(
        "less-variance",
        "Averaging over the data given W lowers the variance of distortion, empirical risk and gen.",
        "", "", "S → W → Ŵ", Verdict.HOLDS, less_variance,
    ),
]  # fmt: skip
