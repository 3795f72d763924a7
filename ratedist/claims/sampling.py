"""Claims that the samplers of the linear model rest on: laws of W and A, means given W, equal risks."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma

from ratedist.claims.claim import Claim, Verdict
from ratedist.claims.evidence import DataSets, Evidence, SampleMean, sample_mean
from ratedist.claims.numbers import AT_LEAST, EQUAL, Comparison, Numbers, numbers, simulated
from ratedist.estimate import Estimate
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.simulation.results import RiskEstimates

RISKS = ("population_risk", "empirical_risk", "distortion", "generalization_error")


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


CLAIMS = [
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
