"""Claims about Corollary 1: what its two sides are, and when it holds."""

from __future__ import annotations

import numpy as np

from ratedist import theory
from ratedist.claims.bounds import codebooks, oracle_radius_quantile
from ratedist.claims.claim import Claim, Verdict
from ratedist.claims.evidence import Evidence, draw_data_sets, sample_mean
from ratedist.claims.numbers import (
    AT_LEAST,
    AT_MOST,
    EQUAL,
    Course,
    Numbers,
    computed,
    numbers,
    simulated,
    trend,
)
from ratedist.claims.rate_distortion import student_grid
from ratedist.estimate import Estimate
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.theory.bounds.corollary1 import (
    corollary1_bound,
    corollary1_minimizer,
    corollary1_stationary_rate,
)
from ratedist.theory.sources.discrete import blahut_arimoto

# Of a source on a grid of cells in place of the line.
DISCRETISATION = 1e-3


def corollary1(evidence: Evidence) -> Numbers:
    """The two assumptions exclude each other: the channel behind (25) is not compact."""
    model = evidence.model
    left = theory.zero_rate_distortion(model)
    right = corollary1_minimizer(model, radius=0.0).value
    exponents = np.arange(2, 15, 2)
    quantiles = [oracle_radius_quantile(model, 0.5, 10.0**-k) for k in exponents]
    return numbers(
        [
            computed(
                "least left side of (28), any rate, against the least right side", AT_MOST, right, left, 1e-9
            )
        ],
        f"(25) is reached by channels with unbounded output, (21) asks for a compact one; the left side is "
        f"{left:g} at every rate and the right one never below {right:.3f}, even with C = 0",
        premise=[
            trend(
                "‖Ŵ − w*‖² of the channel (26) passed with probability 1/s, hundredfold s",
                Course.BOUNDED,
                10.0**exponents,
                quantiles,
                1e-6,
            ),
        ],
    )


def corollary1_left(evidence: Evidence) -> Numbers:
    """Ŵ = w* + δ·sgn(W − w*) carries d bits, the signs being fair and independent, at an excess of dδ²."""
    model, delta = GaussianLinearModel(n=12, w_star=np.zeros(4)), 1e-3
    data = draw_data_sets(model, evidence.num_trials, evidence.generator("signs"))
    population = model.noise_variance + model.squared_norm(delta * np.sign(data.weights))
    fit = np.einsum("ti,tij,tj->t", data.weights, data.gram, data.weights)
    erm_risk = (data.outputs_squared - fit) / model.n
    patterns = np.bincount((data.weights > 0) @ (1 << np.arange(4)), minlength=16)
    checks = [
        simulated(
            "E[L_μ(Ŵ) − L_S(W)] of Ŵ = w* + δ sgn(W − w*), d = 4, n = 12",
            EQUAL,
            theory.zero_rate_distortion(model),
            sample_mean(population - erm_risk),
        )
    ]
    # Sixteen equally likely reproductions: d bits.
    checks += [
        simulated(
            f"share of sign pattern {k}",
            EQUAL,
            1 / 16,
            sample_mean(_indicator(count, data.weights.shape[0])),
            resolution=0.3,
        )
        for k, count in enumerate(patterns)
    ]
    return numbers(
        checks, f"δ = {delta:g}; it cannot be less, as L_μ ≥ σ²; with δ → 0 it is dσ²/n at a rate of d bits"
    )


def corollary1_minimum(evidence: Evidence) -> Numbers:
    """f(0) against a fine grid of positive rates."""
    model = evidence.model
    minimum = corollary1_minimizer(model, radius=0.0)
    stationary = corollary1_stationary_rate(model, radius=0.0)
    start = float(corollary1_bound(model, 0.0, radius=0.0))
    rates = np.geomspace(1e-6, 1e4, 200_001)
    values = corollary1_bound(model, rates, radius=0.0)
    interior = float(corollary1_bound(model, stationary, radius=0.0)) if stationary else np.nan
    return numbers(
        [
            computed(
                "right side of (28), C = 0, least on R > 0, against R = 0", AT_LEAST, start, values.min(), 0.0
            ),
            computed("minimiser of (28), C = 0, nats", EQUAL, 0.0, minimum.rate, 0.0),
        ],
        f"f(0) = {start:.4f}; the stationary point, {stationary:.1f} nats, gives {interior:.4f}",
    )


def corollary1_compact(evidence: Evidence) -> Numbers:
    """The codebook ±½ at w* = ±1: every channel into it has L_μ ≥ σ² + d/4."""
    model, centers = evidence.model, (-0.5, 0.5)
    radius = theory.codebook_squared_radius(model, centers) ** 0.5
    nearest = np.min([(c - model.w_star) ** 2 for c in centers], axis=0)
    least = float(np.sum(nearest)) + theory.zero_rate_distortion(model)
    rates = (0.0, 0.01, 0.1)
    checks = [
        computed(
            f"least E[L_μ(Ŵ) − L_S(W)] of channels into ±½, R = {rate:g} nats",
            AT_MOST,
            float(corollary1_bound(model, rate, radius)),
            least,
            1e-9,
        )
        for rate in rates
    ]
    return numbers(
        checks,
        f"codebook ±½, w* = ±1, R = 0: the left side is {least:.3f} at least, (28) says "
        f"{checks[0].prediction:.3f}; D(R) must be that of channels into the set",
    )


def corollary1_own_distortion(evidence: Evidence) -> Numbers:
    """Optimal channels into five points, d = 1, and the codebook ±1 on whole data sets."""
    model = GaussianLinearModel(n=8, w_star=np.zeros(1))
    u, law = student_grid(model, size=1201, end=12.0)
    n, checks = model.n, []
    for radius in (0.5, 1.0):
        v = np.linspace(-radius, radius, 5)
        cost = (n + 1) / n * (v - u[:, None]) ** 2 / (1 + u[:, None] ** 2)
        for slope in (6.0, 15.0, 60.0):
            point = blahut_arimoto(law, cost, slope)
            channel = point.output * np.exp(-slope * cost)
            channel /= channel.sum(axis=1, keepdims=True)
            left = float(law @ channel @ v**2) + theory.zero_rate_distortion(model)
            right = float(theory.proposition1_bound(model, point.rate_lower, radius)) + point.distortion
            label = f"E[L_μ(Ŵ) − L_S(W)] into five points, C = {radius**2:g}, R = {point.rate:.3f} nats"
            checks.append(computed(label, AT_MOST, right, left, DISCRETISATION))
    for (model, radius, rate, _), result in zip(
        codebooks(evidence), (evidence.data_sets, evidence.correlated["dataset"]), strict=True
    ):
        bound = float(theory.proposition1_bound(model, rate, radius)) + theory.erm_empirical_risk(model)
        risk, distortion = result["codebook"].population_risk, result["codebook"].distortion
        left = Estimate(risk.mean - distortion.mean, risk.sem + distortion.sem, risk.num_trials)
        label = f"E[L_μ(Ŵ) − d_S] of the codebook ±1, d = {model.d}, against the bound and E L_S(W)"
        checks.append(simulated(label, AT_MOST, bound, left))
    return numbers(checks, "d = 1: optimal channels by Blahut–Arimoto; codebooks at rate d ln 2")


def _indicator(count: int, size: int) -> np.ndarray:
    """As many ones as were counted, zeros else: its mean is the share, with its standard error.

    What few trials never showed is counted once: a share of 0 would have a standard error of 0.
    """
    return (np.arange(size) < max(count, 1)).astype(float)


CLAIMS = [
    Claim(
        "corollary-1", "The least E[L_μ(Ŵ) − L_S(W)] at rate R ≤ 2σ*²√(R/n) + (dσ²/(n−d−1)) e^(−2R/d).",
        "Corollary 1 (28)", "Corollary 1 (26)", "compact reproduction set, and (25) within it",
        Verdict.PREMISE, corollary1, premise_met=False,
    ),
    Claim(
        "corollary-1-left", "The left side of Corollary 1 is dσ²/n at every rate: the channel may know w*.",
        "", "", "minimum over all channels P(Ŵ|W)", Verdict.HOLDS, corollary1_left,
    ),
    Claim(
        "corollary-1-minimum",
        "At (50, 80) the right side of Corollary 1 is least at R = 0, even with C(w*) = 0.",
        "", "", "σ² = 1", Verdict.HOLDS, corollary1_minimum,
    ),
    Claim(
        "corollary-1-compact",
        "Corollary 1 as printed, for a compact reproduction set that does not contain w*.",
        "Corollary 1 (28)", "Corollary 1 (26)", "Ŵ compact, as (20) asks; D(R) of all of R^d, as (25) has it",
        Verdict.FAILS, corollary1_compact,
    ),
    Claim(
        "corollary-1-own-distortion",
        "E[L_μ(Ŵ) − L_S(W)] ≤ 2σ*²√(R/n) + D(R), D(R) of channels into the same compact set.",
        "", "", "Ŵ compact, finite rate", Verdict.HOLDS, corollary1_own_distortion,
    ),
]  # fmt: skip
