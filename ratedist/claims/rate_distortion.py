"""Claims of section 5.2 and appendices C and D: the rate–distortion function of the ERM weights."""

from __future__ import annotations

import numpy as np
from scipy.stats import t as student_t

from ratedist import theory
from ratedist.claims.claim import Claim, Verdict
from ratedist.claims.evidence import ALPHAS, Evidence, sample_mean
from ratedist.claims.numbers import (
    AT_LEAST,
    AT_MOST,
    EQUAL,
    Comparison,
    Numbers,
    computed,
    numbers,
    simulated,
)
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.linear_model.weights import two_level_weights

INNER_ALPHAS = (0.9, 0.5, 0.1, 0.02, 0.001)
# Of the rate quadratures, nats; see the tests of ratedist.theory.oracle_information.
QUADRATURE = 1e-6


def equation_a12(evidence: Evidence) -> Numbers:
    checks = []
    for model, result, alphas in _oracles(evidence):
        for alpha in alphas:
            label = f"E d_S of the oracle, α = {alpha}, d = {model.d}, n = {model.n}"
            formula = float(theory.oracle_distortion(model, alpha))
            checks.append(simulated(label, EQUAL, formula, result[f"oracle {alpha}"].distortion))
    return numbers(checks)


def oracle_risks(evidence: Evidence) -> Numbers:
    checks = []
    for model, result, alphas in _oracles(evidence):
        for alpha in alphas:
            where = f"of the oracle, α = {alpha}, d = {model.d}, n = {model.n}"
            risks = result[f"oracle {alpha}"]
            population = float(theory.oracle_population_risk(model, alpha))
            gen = float(theory.oracle_generalization_error(model, alpha))
            checks.append(simulated(f"E L_μ {where}", EQUAL, population, risks.population_risk))
            # At α = 1 gen is 0 and L_S(w*) varies all the same: resolve it against σ².
            scale = max(gen, model.noise_variance)
            checks.append(simulated(f"gen {where}", EQUAL, gen, risks.generalization_error, scale))
    return numbers(checks)


def oracle_rate(evidence: Evidence) -> Numbers:
    checks = []
    for alpha in ALPHAS[1:]:
        rate = float(theory.oracle_rate(evidence.model, alpha))
        density = evidence.figure2[f"oracle {alpha}"].rates["information_density"]
        checks.append(simulated(f"I(W; Ŵ) of the oracle, nats, α = {alpha}", EQUAL, rate, density))
    return numbers(checks, "quadrature against the mean information density")


def equation_a13_gaussian(evidence: Evidence) -> Numbers:
    model = evidence.model
    return numbers(
        [
            computed(
                f"I(W; Ŵ) of the oracle, nats, α = {alpha}",
                AT_MOST,
                float(theory.oracle_gaussian_rate(model, alpha)),
                float(theory.oracle_rate(model, alpha)),
                QUADRATURE,
            )
            for alpha in INNER_ALPHAS
        ],
        "the prediction is the rate if W were Gaussian",
    )


def equation_a13_last(evidence: Evidence) -> Numbers:
    checks = []
    for d, n in ((50, 80), (50, 52), (50, 5000), (1, 5), (3, 1000)):
        model = GaussianLinearModel(n, two_level_weights(d))
        for fraction in (1e-6, 0.01, 0.3, 0.9, 1.0):
            distortion = fraction * theory.zero_rate_distortion(model)
            tight = float(theory.rate_distortion_tight(model, distortion))
            paper = float(theory.rate_distortion_bound(model, distortion))
            label = f"(A13) before its last step at D = {distortion:.4g}, d = {d}, n = {n}, nats"
            checks.append(computed(label, AT_MOST, paper, tight, 0.0))
    return numbers(checks, "the last step costs (d/2) ln(n/(n − d − 1)) nats at D = dσ²/n")


def proposition2_rate(evidence: Evidence) -> Numbers:
    curve = evidence.exact_curve
    bounds = theory.rate_distortion_bound(evidence.model, curve.distortion)
    return numbers(_curve_points("R(D), nats", "D", curve.distortion, bounds, curve.rate, curve.gap))


def proposition2_distortion(evidence: Evidence) -> Numbers:
    curve, model = evidence.exact_curve, evidence.model
    bounds = theory.distortion_rate_bound(model, curve.rate)
    # In distortion the gap is that in rate divided by the slope.
    points = _curve_points("D(R)", "R", curve.rate, bounds, curve.distortion, curve.gap / curve.slopes)
    start = float(theory.distortion_rate_bound(model, 0.0))
    points.append(computed("D(0)", AT_MOST, start, theory.zero_rate_distortion(model), 1e-12))
    return numbers(points, f"loosest at R = 0, where it says {start:.5f} and 0.625 is true")


def equation26_attains(evidence: Evidence) -> Numbers:
    """The channel's own rate against (24) at its distortion."""
    model, checks = evidence.model, []
    for alpha in INNER_ALPHAS:
        paper = theory.rate_distortion_bound(model, theory.oracle_distortion(model, alpha))
        rate = float(theory.oracle_rate(model, alpha))
        label = f"I(W; Ŵ) of the channel (26), nats, α = {alpha}"
        checks.append(computed(label, EQUAL, float(paper), rate, QUADRATURE))
    missing = ", ".join(
        f"{one.prediction - one.estimate:.2f} at α = {a}" for one, a in zip(checks, INNER_ALPHAS, strict=True)
    )
    return numbers(
        checks,
        f"it needs fewer nats than (24) says, {missing}; as α → 0 the KL of Remark 2 remains, "
        f"{theory.erm_gaussian_divergence(model):.3f}",
    )


def equation26_independent(evidence: Evidence) -> Numbers:
    """E (W − Ŵ)ᵀ(W − w*) is α E‖W − w*‖², since ξ is independent of all else."""
    model, alpha = evidence.correlated_model, 0.5
    u = evidence.numpy_data_sets.weights - model.w_star
    product = sample_mean(alpha * np.sum(u**2, axis=1))
    size = float(np.mean(np.sum(u**2, axis=1)))
    return numbers(
        [simulated("E (W − Ŵ)ᵀ(W − w*), α = 0.5", EQUAL, 0.0, product, size)],
        "W − Ŵ = α(W − w*) − ξ contains W; it is independent of S only as α → 0",
    )


def zero_rate(evidence: Evidence) -> Numbers:
    """At w*, and at constants a little off it in three directions, on data sets of NumPy alone."""
    expected = theory.zero_rate_distortion(evidence.model)
    checks = [simulated("E d_S(w*, W)", EQUAL, expected, evidence.data_sets["oracle 1.0"].distortion)]
    model, data = evidence.correlated_model, evidence.numpy_data_sets
    u = data.weights - model.w_star
    eigenvectors = np.linalg.eigh(np.asarray(model.covariance))[1]
    for name, offset in (("first", 0.2), ("last", -0.2), ("third", 1.0)):
        shift = offset * eigenvectors[:, {"first": 0, "third": 2, "last": -1}[name]]
        pulled = np.einsum("i,tij,j->t", shift, data.gram, shift)
        crossed = np.einsum("i,tij,tj->t", shift, data.gram, u)
        further = sample_mean((pulled - 2 * crossed) / model.n)
        label = f"E d_S of a constant {offset:g} off w* along the {name} axis of Σ, minus w*'s"
        checks.append(simulated(label, AT_LEAST, 0.0, further))
    return numbers(checks, "any other constant is farther")


def concave_start(evidence: Evidence) -> Numbers:
    """The second derivative of the tight curve changes sign where the formula says."""
    model = evidence.model
    inflection = model.d / 2 * np.log((model.d + 1) / (model.n - model.d - 1))
    step = np.array([-0.5, 0.0, 0.5])
    # The inflection moves by 0.8 nats when n − d − 1 is one more or less.
    below, above = (
        float(np.array([1, -2, 1]) @ theory.distortion_rate_tight(model, inflection + side + step))
        for side in (-0.05, 0.05)
    )
    return numbers(
        [
            computed("second difference of the tight D(R) 0.05 nats below", AT_MOST, 0.0, below, 1e-13),
            computed("second difference of the tight D(R) 0.05 nats above", AT_LEAST, 0.0, above, 1e-13),
        ],
        f"inflection at {inflection:.2f} nats; below it {below:.1e}, so time sharing gains",
    )


def order_of_curves(evidence: Evidence) -> Numbers:
    curve, model = evidence.exact_curve, evidence.model
    checks = _curve_points(
        "exact D(R) against the envelope",
        "R",
        curve.rate,
        theory.distortion_rate_envelope(model, curve.rate),
        curve.distortion,
        curve.gap / curve.slopes,
    )
    for R in np.linspace(0.5, 200, 60):
        paper, tight, envelope = (
            float(f(model, R))
            for f in (
                theory.distortion_rate_bound,
                theory.distortion_rate_tight,
                theory.distortion_rate_envelope,
            )
        )
        checks.append(computed(f"tight D({R:.1f}) against the papers'", AT_MOST, paper, tight, 0.0))
        checks.append(computed(f"envelope of tight D({R:.1f}) against it", AT_MOST, tight, envelope, 0.0))
    return numbers(checks, f"{len(checks)} comparisons")


def _oracles(evidence: Evidence):
    return [
        (evidence.model, evidence.data_sets, (1.0, 0.5, 0.1)),
        (evidence.model, evidence.figure2, ALPHAS),
        (evidence.correlated_model, evidence.correlated["dataset"], (0.5,)),
    ]


def _curve_points(what: str, abscissa: str, at, predictions, values, gaps) -> list[Comparison]:
    return [
        computed(f"{what} at {abscissa} = {x:.4f}", AT_MOST, float(p), float(v), float(g))
        for x, p, v, g in zip(at, predictions, values, gaps, strict=True)
    ]


def student_grid(
    model: GaussianLinearModel, size: int = 161, end: float = 5.0
) -> tuple[np.ndarray, np.ndarray]:
    """The law of (W − w*)/σ for d = 1, as cells of a line; the outermost take the tails."""
    points = np.linspace(-end, end, size)
    edges = np.concatenate([[-np.inf], (points[1:] + points[:-1]) / 2, [np.inf]])
    nu = model.degrees_of_freedom
    return points, np.diff(student_t.cdf(edges, nu, scale=nu**-0.5))


CLAIMS = [
    Claim(
        "equation-a12", "The channel (26) has E d_S = D = αdσ²/n.",
        "(26), (A12)", "(25)", "0 ≤ α ≤ 1", Verdict.HOLDS, equation_a12,
    ),
    Claim(
        "oracle-risks",
        "Its E L_μ = σ² + (1−α)²dσ²/(n−d−1) + α(1−α)dσ²/n and gen = (1−α)²dσ²/(n−d−1) + (1−α²)dσ²/n.",
        "", "", "n > d + 1", Verdict.HOLDS, oracle_risks,
    ),
    Claim(
        "oracle-rate", "Its exact rate h(Ŵ) − h(ξ) is a double integral, since W is t.",
        "", "", "0 < α < 1", Verdict.HOLDS, oracle_rate,
    ),
    Claim(
        "equation-a13-gaussian",
        "Its rate is at most what it would be for a Gaussian W of the same covariance.",
        "(A13), step (a)", "", "n > d + 1", Verdict.HOLDS, equation_a13_gaussian,
    ),
    Claim(
        "equation-a13-last", "(d/2) ln(dσ²/((n−d−1)D) − n/(n−d−1) + 1) ≤ (d/2)(ln(dσ²/((n−d−1)D)))⁺.",
        "(A13), last step", "", "D ≤ dσ²/n (the left side is 0 beyond)", Verdict.HOLDS, equation_a13_last,
    ),
    Claim(
        "proposition-2-rate", "R(D) ≤ (d/2)(ln(dσ²/((n−d−1)D)))⁺.",
        "Proposition 2 (24)", "Theorem 4 (22)", "n > d + 1", Verdict.HOLDS, proposition2_rate,
    ),
    Claim(
        "proposition-2-distortion", "D(R) ≤ (dσ²/(n−d−1)) e^(−2R/d).",
        "Proposition 2 (25)", "Theorem 4 (23)", "n > d + 1", Verdict.HOLDS, proposition2_distortion,
    ),
    Claim(
        "equation-26-attains", "The upper bound (24) is achieved by the channel (26).",
        "after (25)", "before (25)", "n > d + 1", Verdict.FAILS, equation26_attains,
    ),
    Claim(
        "equation-26-independent", "Under the channel (26) W − Ŵ is independent of the data set S.",
        "after (25)", "before (25)", "α > 0", Verdict.FAILS, equation26_independent,
    ),
    Claim(
        "zero-rate", "D(0) = dσ²/n, by reproducing w*.",
        "", "", "n ≥ d", Verdict.HOLDS, zero_rate,
    ),
    Claim(
        "concave-start",
        "The tight D(R) is concave up to (d/2) ln((d+1)/(n−d−1)) nats: its convex envelope is better.",
        "", "", "n < 2d + 2", Verdict.HOLDS, concave_start,
    ),
    Claim(
        "order-of-curves", "exact D(R) ≤ convex envelope of the tight bound ≤ tight bound ≤ (25).",
        "", "", "n > d + 1", Verdict.HOLDS, order_of_curves,
    ),
]  # fmt: skip
