"""Claims of section 5 and appendix A about ERM in the linear model, and what the samplers rest on."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma, exp1
from scipy.stats import t as student_t

from ratedist import theory
from ratedist.claims.claim import Claim, Verdict
from ratedist.claims.evidence import DataSets, Evidence, SampleMean, draw_data_sets, sample_mean
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

RISKS = ("population_risk", "empirical_risk", "distortion", "generalization_error")
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
    fresh = draw_data_sets(small, evidence.trials, evidence.generator("fresh examples"))
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


def student_law(evidence: Evidence) -> Numbers:
    """Two means that determine little alone; the tails enter the second."""
    model, data = evidence.correlated_model, evidence.numpy_data_sets
    squared = model.squared_norm(data.weights - model.w_star) / model.noise_variance
    log_mean = float(digamma((model.n + 1) / 2) - digamma(model.degrees_of_freedom / 2))
    beta = squared / (1 + squared)
    d, n = model.d, model.n
    second = d * (d + 2) / ((n + 1) * (n + 3))
    return numbers(
        [
            simulated("E ln(1 + ‖u‖²/σ²)", EQUAL, log_mean, sample_mean(np.log1p(squared))),
            simulated("E of b = ‖u‖²/(σ² + ‖u‖²)", EQUAL, d / (n + 1), sample_mean(beta)),
            simulated("E b²", EQUAL, second, sample_mean(beta**2)),
        ],
        "b is Beta(d/2, ν/2)",
    )


def rao_blackwell(evidence: Evidence) -> Numbers:
    """d_S minus its claimed conditional mean is uncorrelated with functions of W."""
    model, data = evidence.correlated_model, evidence.numpy_data_sets
    claimed, actual = _distortions(model, data, np.sign(data.weights))
    squared = model.squared_norm(data.weights - model.w_star)
    tests = {"1": np.ones_like(actual), "‖u‖²": squared, "the claim": claimed, "W_1": data.weights[:, 0]}
    checks = []
    for name, test in tests.items():
        mean = sample_mean((actual - claimed) * test)
        scale = float(np.mean(np.abs(actual * test)))
        checks.append(simulated(f"E[(d_S − claim) · {name}]", EQUAL, 0.0, mean, scale))
    return numbers(checks, "Ŵ = sgn W; uncorrelated with functions of W, as a conditional mean must be")


def gram_given_weights(evidence: Evidence) -> Numbers:
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
    error, squared = actual - claimed, model.squared_norm(u)
    size, product_size = float(actual.mean()), float(np.mean(actual * squared))
    spread = sample_mean(error**2 / variance)
    return numbers(
        [
            simulated("E[vᵀAv − claim]", EQUAL, 0.0, sample_mean(error), size, resolution=0.1),
            simulated(
                "E[(vᵀAv − claim)·‖u‖²]",
                EQUAL,
                0.0,
                sample_mean(error * squared),
                product_size,
                resolution=0.1,
            ),
            simulated("E[(vᵀAv − claim)² / claimed variance]", EQUAL, 1.0, spread, resolution=0.1),
        ]
    )


def samplers_agree(evidence: Evidence) -> Numbers:
    checks = []
    for one, other in (("erm", "dataset"), ("statistics", "dataset"), ("erm", "statistics")):
        first, second = evidence.correlated[one], evidence.correlated[other]
        for name in ("erm", "codebook"):
            for risk in RISKS:
                checks.append(
                    _difference(f"{risk} of {name}, {one} minus {other}", first[name], second[name], risk)
                )
    for name in evidence.data_sets.compressors:
        for risk in RISKS:
            pair = evidence.figure2[name], evidence.data_sets[name]
            checks.append(_difference(f"{risk} of {name} at (50, 80), erm minus dataset", *pair, risk))
    return numbers(checks, f"{len(checks)} differences; Σ correlated and Σ = I")


def less_variance(evidence: Evidence) -> Numbers:
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
    checks = []
    for name, (plain, averaged) in pairs.items():
        squares = (plain - plain.mean()) ** 2, (averaged - averaged.mean()) ** 2
        ratio = float(squares[0].mean() / squares[1].mean())
        # The error of a ratio of two means over the same trials, to first order.
        linear = sample_mean(squares[0] / squares[0].mean() - squares[1] / squares[1].mean())
        estimate = SampleMean(ratio, linear.sem * ratio, plain.size, skewness=linear.skewness)
        checks.append(simulated(f"variance of {name} over that given W", AT_LEAST, 1.0, estimate))
    slow, fast = evidence.data_sets["kmeans 2"], evidence.figure2["kmeans 2"]
    parts = ", ".join(
        f"{risk.replace('_', ' ')} {(slow.risks[risk].sem / fast.risks[risk].sem) ** 2:.1f}" for risk in RISKS
    )
    return numbers(checks, f"at Figure 2, K = 2 (heavy tails, so uncertain): {parts}")


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


def _difference(label: str, first: RiskEstimates, second: RiskEstimates, risk: str) -> Comparison:
    a, b = first.risks[risk], second.risks[risk]
    estimate = Estimate(a.mean - b.mean, float(np.hypot(a.sem, b.sem)), min(a.num_trials, b.num_trials))
    # Differences near zero are resolved against the risk of ERM's order, not against themselves.
    scale = max(abs(a.mean), abs(b.mean), 1.0)
    return simulated(label, EQUAL, 0.0, estimate, scale, resolution=0.1)


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
