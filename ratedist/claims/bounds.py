"""Claims of section 5.1 and appendix B: generalisation bounds of the linear model, and their premises."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.optimize import root_scalar
from scipy.special import logsumexp
from scipy.stats import chi2

from ratedist import theory
from ratedist.claims.claim import Claim, Verdict
from ratedist.claims.evidence import CODEBOOK, Evidence, sample_mean
from ratedist.claims.linear_model import STEPS, rounded_entropies
from ratedist.claims.numbers import AT_MOST, EQUAL, Course, Numbers, computed, numbers, simulated, trend
from ratedist.estimate import Estimate
from ratedist.linear_model.model import GaussianLinearModel, ar1_covariance
from ratedist.linear_model.weights import gaussian_weights
from ratedist.theory.bounds.generalization import worst_loss_variance
from ratedist.units import NATS_PER_BIT

LOSS_VARIANCE = 1.7
QUADRATURE = 1e-9


def sub_gaussian_loss(evidence: Evidence) -> Numbers:
    """The best σ² on [0, λ] grows without bound as λ → 1/(2σ_ℓ²)."""
    closeness = 10.0 ** np.arange(1, 9)
    slopes = (1 - 1 / closeness) / (2 * LOSS_VARIANCE)
    needed = 2 * _cumulant(slopes) / slopes**2 / LOSS_VARIANCE**2
    least = float(2 * _cumulant(np.array(-1e-4)) / 1e-8)
    return numbers(
        [computed("2Λ(λ)/λ² at λ → 0, the variance of the loss", EQUAL, 2 * LOSS_VARIANCE**2, least, 1e-2)],
        "Λ(λ) = ∞ from λ = 1/(2σ_ℓ²) on: no two-sided bound follows from Lemma 2, Theorem 1 or (31); "
        "Lemma A1 gives one-sided ones",
        premise=[
            trend(
                "σ² that Λ(λ) ≤ σ²λ²/2 needs, over σ_ℓ⁴, λ = (1 − 1/s)/(2σ_ℓ²), tenfold s",
                Course.BOUNDED,
                closeness,
                needed,
                QUADRATURE,
            ),
        ],
    )


def equation_a5(evidence: Evidence) -> Numbers:
    checks = []
    for slope in (-20.0, -3.0, -1.0, -0.1, 0.05, 0.1, 0.2):
        value = _cumulant_by_quadrature(slope)
        label = f"Λ({slope:g}) of σ_ℓ²χ²_1, σ_ℓ² = {LOSS_VARIANCE}"
        formula = float(_cumulant(np.asarray(slope)))
        checks.append(computed(label, EQUAL, formula, value, QUADRATURE * max(1, abs(formula))))
    model, data = evidence.correlated_model, evidence.numpy_data_sets
    # The premise of (A5): at ŵ = 0 a fresh loss is σ_ℓ²χ²_1, whose first two moments fix σ_ℓ².
    variance = float(model.squared_norm(model.w_star)) + model.noise_variance
    mean = sample_mean(data.outputs_squared / model.n)
    checks.append(simulated("E ℓ(0, Z)", EQUAL, variance, mean))
    return numbers(checks)


def equation_a6(evidence: Evidence) -> Numbers:
    slopes = -np.geomspace(1e-4, 1e4, 33)
    values = _cumulant(slopes) / (LOSS_VARIANCE * slopes) ** 2
    return numbers(
        [
            computed(f"Λ(λ)/(σ_ℓ⁴λ²) at λ = {slope:.3g}", AT_MOST, 1.0, value, 1e-7)
            for slope, value in zip(slopes, values, strict=True)
        ],
        "the ratio tends to 1 as λ → 0: no smaller constant serves",
    )


def equation_a8(evidence: Evidence) -> Numbers:
    """Every one of the 3⁵ reproductions of a small codebook."""
    model = GaussianLinearModel(
        n=12, w_star=gaussian_weights(5, seed=1), noise_variance=0.3, covariance=ar1_covariance(5, 0.7)
    )
    centers = (-1.0, 0.2, 1.5)
    reproductions = np.array(list(itertools.product(centers, repeat=model.d)))
    worst = float(np.max(model.squared_norm(reproductions - model.w_star))) + model.noise_variance
    bounds = {
        norm: worst_loss_variance(model, theory.codebook_squared_radius(model, centers, norm) ** 0.5, norm)
        for norm in ("euclidean", "covariance")
    }
    euclidean = float(np.max(np.sum((reproductions - model.w_star) ** 2, axis=1)))
    radius = theory.codebook_squared_radius(model, centers)
    return numbers(
        [
            computed("largest σ_ℓ² of 243 reproductions", AT_MOST, bounds["euclidean"], worst, 0.0),
            computed("largest σ_ℓ², Σ-norm", AT_MOST, bounds["covariance"], worst, 0.0),
            computed("σ*² in the Σ-norm", AT_MOST, bounds["euclidean"], bounds["covariance"], 0.0),
            computed("C(w*) by enumeration", EQUAL, radius, euclidean, 1e-9),
        ],
        f"C‖Σ‖ + σ² = {bounds['euclidean']:.2f}; in the Σ-norm {bounds['covariance']:.2f}",
    )


def proposition1(evidence: Evidence) -> Numbers:
    checks = [
        simulated(
            f"gen of the codebook ±1, d = {model.d}, n = {model.n}",
            AT_MOST,
            float(theory.proposition1_bound(model, rate, radius)),
            gen,
        )
        for model, radius, rate, gen in codebooks(evidence)
    ]
    _, radius, _, gen = codebooks(evidence)[0]
    return numbers(
        checks,
        f"C(w*) exact, I(W; Ŵ) ≤ d ln 2; at (50, 80) C = {radius**2:g}, "
        f"the bound is {checks[0].prediction:.1f} and gen {gen.mean:.4f}: valid, and loose",
    )


def proposition1_oracle(evidence: Evidence) -> Numbers:
    """‖Ŵ − w*‖² is passed with probability 10⁻ᵏ at values that grow with k without bound."""
    model, alpha = evidence.model, 0.5
    exponents = np.arange(2, 15, 2)
    quantiles = [oracle_radius_quantile(model, alpha, 10.0**-k) for k in exponents]
    bound = float(
        theory.proposition1_bound(model, float(theory.oracle_rate(model, alpha)), quantiles[0] ** 0.5)
    )
    gen = evidence.data_sets[f"oracle {alpha}"].generalization_error
    return numbers(
        [simulated("gen of the oracle, α = 0.5, C passed once in a hundred trials", AT_MOST, bound, gen)],
        f"C(w*) = ∞ for a Gaussian reproduction, so (21) bounds nothing; a plug-in grows with the number of "
        f"trials ({quantiles[0]:.2f} is passed once in 10², {quantiles[-1]:.2f} once in 10¹⁴); the "
        "conditional-CGF bound needs no C",
        premise=[
            trend(
                "‖Ŵ − w*‖² passed with probability 1/s, α = 0.5, hundredfold s",
                Course.BOUNDED,
                10.0**exponents,
                quantiles,
                1e-6,
            ),
        ],
    )


def proposition1_kmeans(evidence: Evidence) -> Numbers:
    """With K = 1 the only centre is the mean weight, a real number with a density."""
    bits = rounded_entropies(evidence.model.degrees_of_freedom) / NATS_PER_BIT
    estimates = evidence.figure2["kmeans 2"]
    rate = estimates.rates["assignment_entropy"].mean
    bound = float(theory.proposition1_bound(evidence.model, rate, estimates.max_squared_distance**0.5))
    return numbers(
        [
            simulated(
                "gen of K = 2, rate from the labels alone", AT_MOST, bound, estimates.generalization_error
            )
        ],
        f"I(W; Ŵ) = ∞ for real-valued centres computed from W: K = 1 shows {bits[0]:.1f} bits at a step of "
        f"2⁻², {bits[-1]:.1f} at 2⁻¹⁰ ({len(STEPS) - 1} halvings); centres rounded and clipped mend it",
        premise=[
            trend(
                "lower bound on I(W; Ŵ) for K = 1, bits, for half the step",
                Course.BOUNDED,
                1 / STEPS,
                bits,
                1e-9,
            )
        ],
    )


def oracle_radius_quantile(model: GaussianLinearModel, alpha: float, probability: float) -> float:
    """What ``‖Ŵ − w*‖²`` of the channel (26) passes with this probability, Σ = I and σ² = 1.

    Given g ~ χ²_ν it is ``((1 − α)²/g + α(1 − α)/n) χ²_d``.
    """
    log_g = np.linspace(np.log(1e-3), np.log(400.0), 4001)
    g = np.exp(log_g)
    law = chi2.pdf(g, model.degrees_of_freedom) * g * (log_g[1] - log_g[0])
    scale = (1 - alpha) ** 2 / g + alpha * (1 - alpha) / model.n
    excess = lambda log_r: float(np.log(law @ chi2.sf(np.exp(log_r) / scale, model.d)) - np.log(probability))  # noqa: E731
    return float(np.exp(root_scalar(excess, bracket=(-2.0, 6.0), xtol=1e-12).root))


def _cumulant(slope: np.ndarray) -> np.ndarray:
    """(A5)."""
    return -LOSS_VARIANCE * slope - np.log1p(-2 * LOSS_VARIANCE * slope) / 2


def _cumulant_by_quadrature(slope: float) -> float:
    """ln E exp(λ(ℓ − Eℓ)), ℓ = σ_ℓ²z², by the trapezoidal rule in z."""
    z = np.linspace(-40, 40, 80_001)
    terms = slope * LOSS_VARIANCE * (z**2 - 1) - z**2 / 2
    return float(logsumexp(terms) + np.log((z[1] - z[0]) / np.sqrt(2 * np.pi)))


def codebooks(evidence: Evidence) -> list[tuple[GaussianLinearModel, float, float, Estimate]]:
    """Per setting the model, √C(w*), d ln 2 nats, and gen of the codebook ±1 from whole data sets."""
    settings = (
        (evidence.model, evidence.data_sets),
        (evidence.correlated_model, evidence.correlated["dataset"]),
    )
    return [
        (
            model,
            theory.codebook_squared_radius(model, CODEBOOK) ** 0.5,
            model.d * float(np.log(len(CODEBOOK))),
            result["codebook"].generalization_error,
        )
        for model, result in settings
    ]


CLAIMS = [
    Claim(
        "sub-gaussian-loss", "Lemma 2, Theorems 1 and 2 and (31) apply to the linear model.",
        "Lemma 2, Theorems 1, 2, (31)", "Lemma 2, Theorems 1, 2, (28)", "sub-Gaussian loss; χ² is not",
        Verdict.PREMISE, sub_gaussian_loss, premise_met=False,
    ),
    Claim(
        "equation-a5", "Λ(λ) = −σ_ℓ²λ − ½ ln(1 − 2σ_ℓ²λ) for λ < 1/(2σ_ℓ²), σ_ℓ² = ‖ŵ − w*‖²_Σ + σ².",
        "(A4)–(A5)", "", "Gaussian inputs and noise", Verdict.HOLDS, equation_a5,
    ),
    Claim(
        "equation-a6", "Λ(λ) ≤ σ_ℓ⁴λ² for λ < 0.",
        "(A6)", "", "λ < 0", Verdict.HOLDS, equation_a6,
    ),
    Claim(
        "equation-a8", "σ_ℓ² ≤ C(w*)‖Σ‖ + σ² on the reproduction set; sup ‖ŵ − w*‖²_Σ + σ² is tighter.",
        "(20), (A8)", "(18)", "compact reproduction set", Verdict.HOLDS, equation_a8,
    ),
    Claim(
        "proposition-1", "gen ≤ 2(C‖Σ‖ + σ²)√(I(W; Ŵ)/n), a codebook fixed before the data.",
        "Proposition 1 (21), (32), (A9)", "Theorem 3 (19), (29)", "compact reproduction set, finite rate",
        Verdict.HOLDS, proposition1,
    ),
    Claim(
        "proposition-1-oracle", "The same for the oracle, as in Figure 2a.",
        "Proposition 1 (21), §5.3", "Theorem 3 (19), §5.3",
        "compact reproduction set; the oracle's is all of R^d",
        Verdict.PREMISE, proposition1_oracle, premise_met=False,
    ),
    Claim(
        "proposition-1-kmeans", "The same for K-means, as in Figure 2a.",
        "Proposition 1 (21), §5.3", "Theorem 3 (19), §5.3", "finite rate; centres are real functions of W",
        Verdict.PREMISE, proposition1_kmeans, premise_met=False,
    ),
]  # fmt: skip
