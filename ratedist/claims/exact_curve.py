"""Claims about the exact R(D) of the ERM weights: its certificate, where it starts, where it goes."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp
from scipy.stats import beta as beta_law

from ratedist import theory
from ratedist.claims.claim import Claim, Verdict
from ratedist.claims.evidence import Evidence
from ratedist.claims.numbers import AT_LEAST, AT_MOST, EQUAL, Course, Numbers, computed, numbers, trend
from ratedist.claims.rate_distortion import student_grid
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.theory.exact import curves
from ratedist.theory.sources.discrete import blahut_arimoto

# What "certified" means of R(D), nats.
CERTIFIED = 1e-3
# Where the condition at the critical slope is evaluated: δ₀ ceases to be optimal at ρ near 0.5.
RADII = np.concatenate([np.linspace(0.02, 1.2, 60), np.linspace(1.25, 3.0, 15)])


def exact_certified(evidence: Evidence) -> Numbers:
    """The certificate, and a plain Blahut–Arimoto on a line that knows nothing of radii."""
    curve = evidence.exact_curve
    checks = [
        computed(f"certified gap of R(D) at λ = {slope:g}, nats", AT_MOST, CERTIFIED, gap, 0.0)
        for slope, gap in zip(curve.slopes, curve.rate - curve.rate_lower, strict=True)
    ]
    model = GaussianLinearModel(n=5, w_star=np.zeros(1))
    slope = 10.0
    point = curves.rate_distortion(model, [slope])
    where = "at λ = 10, d = 1, n = 5, by a grid on the line"
    other = _plain_blahut_arimoto(model, slope)
    checks += [
        computed(f"R {where}, nats", EQUAL, float(point.rate[0]), other.rate, 1e-3),
        computed(f"D {where}", EQUAL, float(point.distortion[0]), other.distortion, 1e-4),
    ]
    return numbers(checks, f"largest certified gap at (50, 80): {curve.gap.max():.1e} nats")


def critical_slope(evidence: Evidence) -> Numbers:
    """The condition for q = δ₀ to be optimal, c(ρ) ≤ 1 at every ρ, by a quadrature of its own."""
    model = evidence.model
    n, nu = model.n, model.degrees_of_freedom
    critical = curves.critical_slope(model)
    local = n**2 * (n + 3) / (2 * nu * (n + 1))
    start = theory.zero_rate_distortion(model)
    below, above = (float(_log_ratios(model, side * critical, RADII).max()) for side in (0.999, 1.001))
    distortion = float(curves.rate_distortion(model, [critical * 1.001]).distortion[0])
    return numbers(
        [
            computed("ln sup c(ρ) of δ₀ at 0.999 times the critical slope", AT_MOST, 0.0, below, 1e-6),
            computed("ln sup c(ρ) of δ₀ at 1.001 times the critical slope", AT_LEAST, 0.0, above, 1e-6),
            computed("D at 1.001 times it", AT_MOST, 0.99 * start, distortion, 1e-6),
            computed(
                "λ at which D(R) leaves (dσ²/n, 0), against the local test", AT_MOST, local, critical, 1e-3
            ),
        ],
        f"λ = {critical:.3f} against {local:.3f}; at 1.001 times it D has dropped from {start:g} to "
        f"{distortion:.4f}",
    )


def asymptote(evidence: Evidence) -> Numbers:
    curve = evidence.exact_curve
    excess = curves.high_rate_asymptote(evidence.model, curve.distortion) - curve.rate
    d, n = evidence.model.d, evidence.model.n
    limit = (d + 1) * n / (2 * (n + 1) * evidence.model.noise_variance)
    ratios = excess / curve.distortion
    away = abs(ratios / limit - 1)
    return numbers(
        [
            trend(
                "|excess of the asymptote over R| at λ, nats",
                Course.VANISHES,
                1 / curve.distortion,
                abs(excess),
                curve.gap,
            ),
            trend(
                "|excess/D over (d+1)n/(2(n+1)σ²) − 1| at λ",
                Course.VANISHES,
                1 / curve.distortion,
                away,
                curve.gap / curve.distortion / limit,
            ),
        ],
        f"excess {excess[-1]:.3f} nats at D = {curve.distortion[-1]:.5f}; excess/D = {ratios[-2]:.2f} and "
        f"{ratios[-1]:.2f} at the last two points, {limit:.2f} in the limit",
    )


def _log_ratios(model: GaussianLinearModel, slope: float, radii: np.ndarray) -> np.ndarray:
    """``ln c(ρ) = ln E exp(−λ(d(U, v) − d(U, 0)))``, ‖v‖ = ρ, for each ρ; Σ = I and σ² = 1.

    With r = ‖u‖ and t the cosine between u and v: b = r²/(1 + r²) is Beta(d/2, ν/2), and the density of the
    angle is in proportion to sin^(d−2).
    """
    d, n, nu = model.d, model.n, model.degrees_of_freedom
    nodes, weights = np.polynomial.legendre.leggauss(200)
    b = (nodes + 1) / 2
    log_radial = np.log(weights / 2) + beta_law.logpdf(b, d / 2, nu / 2)
    angles = (np.arange(256) + 0.5) * np.pi / 256
    log_angular = (d - 2) * np.log(np.sin(angles))
    log_angular -= logsumexp(log_angular)
    t, r = np.cos(angles)[None, :], np.sqrt(b / (1 - b))[:, None]
    ratios = []
    for rho in radii:
        # ‖v − u‖² − (uᵀ(v − u))²/(1 + r²) less its value at v = 0.
        difference = rho**2 - 2 * rho * r * t - (rho**2 * r**2 * t**2 - 2 * rho * r**3 * t) / (1 + r**2)
        exponent = -slope * (n + 1) / n * difference + log_angular
        ratios.append(float(np.asarray(logsumexp(np.asarray(logsumexp(exponent, axis=1)) + log_radial))))
    return np.array(ratios)


def _plain_blahut_arimoto(model: GaussianLinearModel, slope: float):
    u, probabilities = student_grid(model, end=10.0, size=401)
    v, n = np.linspace(-3.0, 3.0, 121), model.n
    distortion = (n + 1) / n * (v - u[:, None]) ** 2 / (1 + u[:, None] ** 2)
    return blahut_arimoto(probabilities, distortion, slope, tolerance=1e-5)


CLAIMS = [
    Claim(
        "exact-certified", "R(D) by radial Blahut–Arimoto is certified to 0.001 nats.",
        "", "", "n ≥ d", Verdict.HOLDS, exact_certified,
    ),
    Claim(
        "critical-slope",
        "Below a critical slope only (dσ²/n, 0) is optimal; it is less than the local test at 0 says.",
        "", "", "(d, n) = (50, 80)", Verdict.HOLDS, critical_slope,
    ),
    Claim(
        "asymptote",
        "R = h(U) − ½E ln(1 + ‖U‖²) − (d/2) ln(2πeDn/((n+1)σ²d)) − (d+1)nD/(2(n+1)σ²) + O(D²).",
        "", "", "D → 0", Verdict.LIMIT, asymptote,
    ),
]  # fmt: skip
