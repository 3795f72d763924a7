"""Claims about Remark 2 and appendix D: when is (27) a lower bound on R(D)?"""

from __future__ import annotations

import numpy as np
from scipy.integrate import quad
from scipy.special import gammaln

from ratedist import theory
from ratedist.claims.claim import Claim, Verdict
from ratedist.claims.evidence import Evidence
from ratedist.claims.numbers import (
    AT_LEAST,
    EQUAL,
    Course,
    Numbers,
    computed,
    numbers,
    share,
    trend,
)
from ratedist.claims.rate_distortion import INNER_ALPHAS, QUADRATURE, student_grid
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.linear_model.weights import two_level_weights
from ratedist.theory.exact import curves
from ratedist.theory.sources.discrete import blahut_arimoto

# Where the documentation quotes the oracle against (27).
COUNTEREXAMPLE = 0.402019
# What "with high probability" is taken to mean.
HIGH_PROBABILITY = 0.9


def gaussian_divergence(evidence: Evidence) -> Numbers:
    """KL by quadrature over the radius, against the closed form."""
    checks = []
    for d, n in ((50, 80), (50, 500), (3, 8)):
        model = GaussianLinearModel(n, two_level_weights(d))
        nu = model.degrees_of_freedom
        log_t = gammaln((nu + d) / 2) - gammaln(nu / 2) - d / 2 * np.log(np.pi)

        def integrand(x: float, d=d, nu=nu, log_t=log_t) -> float:  # x = ln ‖u‖², u of scale I/ν
            squared = np.exp(x)
            density = log_t - (nu + d) / 2 * np.log1p(squared)
            gaussian = -d / 2 * np.log(2 * np.pi / (nu - 2)) - (nu - 2) * squared / 2
            radial = density + d / 2 * (np.log(np.pi) + x) - gammaln(d / 2)
            return float(np.exp(radial) * (density - gaussian))

        value, error = quad(integrand, np.log(d / nu) - 16, np.log(d / nu) + 16, limit=500, epsabs=1e-10)
        label = f"KL(P_W‖P_W_G), nats, d = {d}, n = {n}"
        formula = theory.erm_gaussian_divergence(model)
        checks.append(computed(label, EQUAL, formula, value, error + 1e-8))
    return numbers(checks)


def remark2_sigma(evidence: Evidence) -> Numbers:
    """Channels of known rate and Σ-distortion, and for d = 1 the lower end of a certified curve."""
    model, checks = evidence.model, []
    d, n = model.d, model.n
    for alpha in INNER_ALPHAS:
        distortion = alpha**2 * d / (n - d - 1) + alpha * (1 - alpha) * d / n
        bound = float(theory.remark2_lower_bound(model, distortion))
        rate = float(theory.oracle_rate(model, alpha))
        label = f"I of a channel of Σ-distortion {distortion:.4f}, nats, (50, 80)"
        checks.append(computed(label, AT_LEAST, bound, rate, QUADRATURE))
    scalar = GaussianLinearModel(n=8, w_star=np.zeros(1))
    points, probabilities = student_grid(scalar)
    for slope in (4.0, 12.0):
        point = blahut_arimoto(probabilities, (points[:, None] - points) ** 2, slope, tolerance=1e-6)
        bound = float(theory.remark2_lower_bound(scalar, point.distortion))
        label = f"R(D) for squared error, d = 1, n = 8, D = {point.distortion:.4f}, nats"
        checks.append(computed(label, AT_LEAST, bound, point.rate_lower, point.gap))
    return numbers(checks, "it is Shannon's lower bound h(W) − (d/2) ln(2πeD/d) while D ≤ dσ²/(n − d − 1)")


def remark2(evidence: Evidence) -> Numbers:
    model = evidence.model
    alpha = float(theory.oracle_alpha(model, COUNTEREXAMPLE))
    rate = float(theory.oracle_rate(model, alpha))
    claimed = float(theory.remark2_lower_bound(model, COUNTEREXAMPLE))
    exact_rate = curves.rate_at_distortion(model, COUNTEREXAMPLE)
    label = f"I(W; Ŵ) of the oracle at D = {COUNTEREXAMPLE}, nats"
    return numbers(
        [computed(label, AT_LEAST, claimed, rate, QUADRATURE)],
        f"the oracle needs {rate:.2f} nats, R(D) is {exact_rate.rate[0]:.2f}: "
        f"(27) is {claimed - exact_rate.rate[0]:.1f} above it",
    )


def remark2_limit(evidence: Evidence) -> Numbers:
    """At D = dσ²/n, where R(D) = 0 exactly, and with n = 500 and 5000 in the middle of the curve too."""
    d, sizes = 50, (80, 500, 5000, 50_000, 500_000)
    models = [GaussianLinearModel(n, two_level_weights(d)) for n in sizes]
    excesses = [float(theory.remark2_lower_bound(one, theory.zero_rate_distortion(one))) for one in models]
    middle = []
    for model in models[:3]:
        curve = curves.rate_distortion(model, [2 * curves.critical_slope(model)])
        middle.append(float(theory.remark2_lower_bound(model, curve.distortion[0]) - curve.rate[0]))
    parts = ", ".join(f"{excess:.3g} at n = {n}" for excess, n in zip(excesses, sizes, strict=True))
    return numbers(
        [
            trend("(27) at D = dσ²/n, where R(D) = 0, d = 50, nats", Course.VANISHES, sizes, excesses, 1e-9),
            trend("(27) less R(D) half-way down the curve, nats", Course.VANISHES, sizes[:3], middle, 1e-3),
        ],
        f"(27) exceeds R(dσ²/n) = 0 by {parts} nats (d = 50); half-way down the curve by {middle[0]:.1f} at "
        f"n = 80, {middle[1]:.3f} at n = 500 and {middle[2]:.3f} at n = 5000",
    )


def remark2_concentration(evidence: Evidence) -> Numbers:
    """‖A/n − I‖ is near 2ε + ε² with ε = √(d/n) (Marchenko–Pastur), not below ε."""
    d, n, draws = 50, 5000, 1000
    generator = evidence.generator("concentration")
    norms = []
    for _ in range(draws):
        lower = np.tril(generator.standard_normal((d, d)), -1)
        lower[np.diag_indices(d)] = np.sqrt(generator.chisquare(n - np.arange(d)))
        norms.append(float(np.abs(np.linalg.eigvalsh(lower @ lower.T / n) - 1).max()))
    epsilon = (d / n) ** 0.5
    within = sum(norm <= epsilon for norm in norms)
    label = f"share of draws with ‖A/n − Σ‖ ≤ ε = √(d/n), d = {d}, n = {n}"
    return numbers(
        [share(label, AT_LEAST, HIGH_PROBABILITY, within, draws)],
        f"ε = {epsilon:g}, and ‖A/n − Σ‖ = {np.mean(norms):.3f} on average, {min(norms):.3f} at least, near "
        f"2ε + ε² = {2 * epsilon + epsilon**2:.3f}: a constant is missing",
    )


CLAIMS = [
    Claim(
        "gaussian-divergence", "KL(P_W‖P_W_G) has a closed form: t against Gaussian, free of σ² and Σ.",
        "(27), (A15)", "(24)", "n > d + 1", Verdict.HOLDS, gaussian_divergence,
    ),
    Claim(
        "remark-2-sigma", "For the distortion ‖ŵ − w‖²_Σ, R(D) ≥ (d/2) ln(dσ²/((n−d−1)D)) − KL(P_W‖P_W_G).",
        "(A14)–(A17)", "", "A/n replaced by Σ", Verdict.HOLDS, remark2_sigma,
    ),
    Claim(
        "remark-2", "The same bounds R(D) from below for d_S, at (d, n) = (50, 80).",
        "Remark 2 (27)", "Remark 1 (24)", "A/n ≈ Σ, which n = 1.6 d does not give", Verdict.FAILS, remark2,
        premise_met=False,
    ),
    Claim(
        "remark-2-limit", "The same for d_S as n grows: its excess over R(D) vanishes as n/d² → ∞.",
        "Remark 2 (27)", "Remark 1 (24)", "n ≫ d²", Verdict.LIMIT, remark2_limit,
    ),
    Claim(
        "remark-2-concentration", "If n > d/ε², ‖A/n − Σ‖ ≤ ε with high probability.",
        "Remark 2", "", "no constant, as printed (AAAI has n = O(d/ε²))",
        Verdict.FAILS, remark2_concentration,
    ),
]  # fmt: skip
