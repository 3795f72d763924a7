"""Claims about compressors that see the data: a bracket, what seeing is worth, and points below R(D)."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import entr
from scipy.stats import t as student_t

from ratedist import theory
from ratedist.claims.claim import Claim, Verdict
from ratedist.claims.evidence import PRINTED_STEP, Evidence, sample_mean
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
from ratedist.estimate import Estimate
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.linear_model.weights import two_level_weights

# By (d, n): nats that seeing the data is worth at high rate, as printed.
PRINTED_WORTH = {(50, 80): 10.352, (50, 500): 1.317, (10, 30): 1.007, (1, 5): 0.0879}
PRINTED_INFORMATION = 14.4711
# By name: nats and distortion at the step 0.15, as printed of a simulation.
PRINTED_ROUNDING = {"plain": (82.57, 0.0939), "feedback": (83.22, 0.0653)}
# Its own errors were not printed. Its plain nats are 0.34 off the law's; both compressors had the same draws.
PRINTED_ERRORS = (0.4, 3e-4)
BRACKETED = ((50, 80), (50, 500), (10, 30))
# Of D₀, the distortion of sending nothing.
SHARES = (0.9, 0.1)
# Down these the excess of one curve over the other is followed, at a model where both are quick.
FOLLOWED, FALLING = (10, 30), (0.1, 0.01, 0.001)
# Between its distortion and this one the exact curve hardly bends, and its tangent judges the compressor.
NEAR = 0.3
ROUNDING = 1e-9


def model_of(d: int, n: int) -> GaussianLinearModel:
    """Identity covariance, unit noise; true weights do not matter."""
    return GaussianLinearModel(n, two_level_weights(d))


def weighted_sum(rate: Estimate, distortion: Estimate, slope: float) -> Estimate:
    """``rate + slope · distortion``, with an error that is right however the two depend on each other."""
    return Estimate(rate.mean + slope * distortion.mean, rate.sem + slope * distortion.sem, rate.num_trials)


def data_aware_bracket(evidence: Evidence) -> Numbers:
    """The closed ends against certified points of R(D), and the lower one against real compressors.

    Where R ≥ f(D) and f is convex, ``R + sD ≥ f(D₁) + sD₁`` with the slope −s of f at any D₁: a mean.
    """
    checks = []
    for d, n in BRACKETED:
        model = model_of(d, n)
        largest = d / n
        for share in SHARES:
            point = evidence.exact_point(model, share * largest)
            gap = float(point.rate[0] - point.rate_lower[0])
            label = f"R(D) at D = {share:g} D₀, nats, ({d}, {n}), against the"
            lower = d / 2 * math.log(1 / share)
            upper = d / 2 * math.log1p(n / (n - d - 1) * (1 / share - 1))
            rate = float(point.rate[0])
            checks += [
                computed(f"{label} lower end", AT_LEAST, lower, rate, gap),
                computed(f"{label} upper end", AT_MOST, upper, rate, gap),
            ]
    model = evidence.model
    largest = model.d / model.n
    for name, result in evidence.rounding.items():
        touched = float(f"{result.distortion.mean:.1g}")
        slope = model.d / (2 * touched)
        least = model.d / 2 * (math.log(largest / touched) + 1)
        found = weighted_sum(result.rates["code_length"], result.distortion, slope)
        label = f"nats + {slope:.4g} D of rounding, {name}, against the lower end"
        checks.append(simulated(label, AT_LEAST, least, found))
    below, above = (checks[k + 1].prediction - checks[k].prediction for k in (0, 2))
    return numbers(
        checks, f"at (50, 80) the ends are {below:.1f} nats apart at 0.9 D₀, {above:.1f} at 0.1 D₀"
    )


def gram_information(evidence: Evidence) -> Numbers:
    """Printed numbers, matrices drawn, and two curves whose difference tends to what is said.

    Gaussian reproductions cost the divergence of W from a Gaussian more at high rate: their bound less that
    has the limit I(W; A), and R(D) less the bound what seeing the data is worth.
    """
    checks = [
        computed(
            f"worth of seeing the data, nats, ({d}, {n})", EQUAL, printed,
            theory.data_aware_gain(model_of(d, n)), half_unit(printed),
        )
        for (d, n), printed in PRINTED_WORTH.items()
    ]  # fmt: skip
    information = theory.gram_information(evidence.model)
    checks.append(
        computed("I(W; A), nats, (50, 80)", EQUAL, PRINTED_INFORMATION, information, half_unit(14.4711))
    )
    d, n = FOLLOWED
    model, generator = model_of(d, n), evidence.generator("gram matrices")
    inputs = generator.standard_normal((evidence.num_trials, n + 1, d))
    logs = np.linalg.slogdet(np.swapaxes(inputs, 1, 2) @ inputs)[1]
    worth = sample_mean((d * math.log(n + 1) - logs) / 2)
    gain, divergence = theory.data_aware_gain(model), theory.erm_gaussian_divergence(model)
    checks.append(simulated(f"½(ln|E A| − E ln|A|) given W, ({d}, {n})", EQUAL, gain, worth, resolution=0.1))
    largest, own = d / n, theory.gram_information(model)
    distortions = largest * np.array(FALLING)
    bounds = theory.data_aware_rate_bound(model, distortions) - divergence
    points = [evidence.exact_point(model, D) for D in distortions.tolist()]
    exact = np.array([point.rate[0] for point in points])
    gaps = [float(point.rate[0] - point.rate_lower[0]) for point in points]
    known = bounds - d / 2 * np.log(1 / np.array(FALLING))
    return numbers(
        [
            *checks,
            trend(
                f"bound on R_S less (d/2) ln(D₀/D) and I(W; A), ({d}, {n})", Course.VANISHES,
                1 / distortions, np.abs(known - own), ROUNDING,
            ),
            trend(
                f"R(D) less the bound on R_S and the worth, ({d}, {n})", Course.VANISHES,
                1 / distortions, np.abs(exact - bounds - gain), gaps,
            ),
        ],
        f"I(W; A) = {information:.4f} nats at (50, 80); with more samples seeing is worth less",
    )  # fmt: skip


def half_unit(printed: float) -> float:
    """Half a unit of the last digit."""
    return 0.5 * 10.0 ** -len(f"{printed}".split(".")[1])


def feedback_rounding(evidence: Evidence) -> Numbers:
    """Against the printed numbers, and for plain rounding against the entropy of its cells."""
    checks = []
    for name, printed in PRINTED_ROUNDING.items():
        found = evidence.rounding[name]
        means = found.rates["code_length"], found.distortion
        for what, one, mean, error in zip(("nats", "D"), printed, means, PRINTED_ERRORS, strict=True):
            label = f"{what} of rounding to {PRINTED_STEP}, {name}"
            checks.append(simulated(label, EQUAL, one, mean, error=error))
    more = evidence.rounding.difference("feedback", "plain")
    nats = more.rates["code_length"]
    plain = evidence.rounding["plain"].rates["code_length"]
    printed = PRINTED_ROUNDING["feedback"][0] - PRINTED_ROUNDING["plain"][0]
    return numbers(
        [
            *checks,
            simulated("nats of plain rounding, and its entropy", EQUAL, cell_entropy(evidence.model), plain),
            simulated("nats that feedback costs", EQUAL, printed, nats, scale=plain.mean, error=0.01),
            simulated("D that feedback saves", AT_MOST, 0.0, more.distortion),
        ]
    )


def cell_entropy(model: GaussianLinearModel) -> float:
    """Entropy of all multiples in nats: each weight is Student's of n − d + 1 degrees of freedom; Σ = I."""
    nu = model.degrees_of_freedom
    edges = (np.arange(2001) - 0.5) * PRINTED_STEP * math.sqrt(nu / model.noise_variance)
    beyond = student_t.sf(edges, nu)
    side = np.append(beyond[:-1] - beyond[1:], beyond[-1])[1:]
    middle = 1 - 2 * beyond[1]
    return model.d * float(entr(middle) + 2 * np.sum(entr(side)))


def below_exact(evidence: Evidence) -> Numbers:
    """Against a tangent of the certified curve: all compressors of W alone lie above it."""
    point = evidence.exact_point(evidence.model, NEAR)
    slope = float(point.slopes[0])
    # The least of I + λD over all channels from W, certified from below.
    least = float(point.rate_lower[0]) + slope * float(point.distortion[0])
    found = evidence.rounding["paths"]
    rate, distortion = found.rates["code_length"], found.distortion
    label = f"nats + {slope:.4g} D of rounding with feedback and 16 paths"
    exact = float(evidence.exact_point(evidence.model, distortion.mean).rate[0])
    return numbers(
        [simulated(label, AT_MOST, least, weighted_sum(rate, distortion, slope))],
        f"{rate.mean:.2f} nats at D = {distortion.mean:.4f}, where R(D) = {exact:.2f}",
    )


def risk_at_equal_bits(evidence: Evidence) -> Numbers:
    """Against the oracle with as many nats as were found; their error counts by the slope of its risk."""
    model, found = evidence.model, evidence.rounding["paths"]
    rate = found.rates["code_length"]
    risk, slope = oracle_risk_at(model, rate.mean)
    measured = Estimate(
        found.population_risk.mean, found.population_risk.sem + slope * rate.sem, rate.num_trials
    )
    label = f"E L_μ of rounding with feedback and 16 paths, the oracle's at {rate.mean:.2f} nats"
    return numbers(
        [simulated(label, AT_LEAST, risk, measured)],
        f"{measured.mean:.3f} against {risk:.3f}; its distortion is {found.distortion.mean:.3f} against "
        f"{float(theory.oracle_distortion(model, oracle_alpha_at(model, rate.mean))):.3f}",
    )


def oracle_alpha_at(model: GaussianLinearModel, nats: float) -> float:
    """The oracle's α at a rate, by bisection."""
    low, high = 0.0, 1.0  # the rate falls with α
    for _ in range(60):
        middle = (low + high) / 2
        if float(theory.oracle_rate(model, middle)) > nats:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def oracle_risk_at(model: GaussianLinearModel, nats: float) -> tuple[float, float]:
    """The oracle's population risk at a rate, and its slope over the nat around it."""
    below, at, above = (
        float(theory.oracle_population_risk(model, oracle_alpha_at(model, one)))
        for one in (nats - 0.5, nats, nats + 0.5)
    )
    return at, above - below


CLAIMS = [
    Claim(
        "data-aware-bracket",
        "(d/2) ln⁺(D₀/D) ≤ R_S(D) ≤ R(D) ≤ (d/2) ln(1 + (n/(n−d−1))(D₀/D − 1)), D₀ = dσ²/n.",
        "Remark 2 (27)", "Remark 1 (24)", "n > d + 1; R_S: of compressors that see the data",
        Verdict.HOLDS, data_aware_bracket,
    ),
    Claim(
        "gram-information", "I(W; A) and what seeing the data is worth have closed forms.", "", "",
        "σ² > 0", Verdict.LIMIT, gram_information,
    ),
    Claim(
        "feedback-rounding", "At δ = 0.15 feedback takes rounding from D = 0.0939 to 0.0653 at equal nats.",
        "", "", "(50, 80), σ² = 1", Verdict.HOLDS, feedback_rounding,
    ),
    Claim(
        "below-the-exact-curve", "A real compressor that sees the data lies below R(D).", "", "",
        "(50, 80), σ² = 1; R(D) is of W alone", Verdict.HOLDS, below_exact,
    ),
    Claim(
        "below-at-a-price", "Its population risk is above the oracle's at equal bits.", "", "",
        "(50, 80), σ² = 1", Verdict.HOLDS, risk_at_equal_bits,
    ),
]  # fmt: skip
