"""Claims of section 5.3 about Figure 2 (AAAI 2020: Figures 2 to 4), at w* = ±1 and optimal K-means."""

from __future__ import annotations

from ratedist import theory
from ratedist.claims import judging
from ratedist.claims.claim import Claim, Finding, Verdict
from ratedist.claims.evidence import ALPHAS, MAX_CLUSTERS, Evidence

# "fewer clusters", §5.3. Beyond, K-means is so near to ERM that differences need more trials.
FEW = range(2, 9)


def smaller_generalization_error(evidence: Evidence) -> Finding:
    names = [*(f"kmeans {K}" for K in FEW), *(f"oracle {alpha}" for alpha in ALPHAS)]
    return judging.at_most(
        [
            judging.simulated(
                f"gen of {name} minus that of ERM",
                0.0,
                evidence.figure2.difference(name, "erm").generalization_error,
            )
            for name in names
        ],
        f"paired; K from {FEW.start} to {FEW.stop - 1}, and {len(ALPHAS)} oracles",
    )


def valid_bound(evidence: Evidence) -> Finding:
    """The plug-in with the largest radius met: generous enough here, and no bound."""
    comparisons = []
    for K in FEW:
        estimates = evidence.figure2[f"kmeans {K}"]
        rate = estimates.rates["assignment_entropy"].mean
        value = theory.proposition1_bound(evidence.model, rate, estimates.max_squared_distance**0.5)
        gen = estimates.generalization_error
        comparisons.append(judging.simulated(f"gen of K-means, K = {K}", float(value), gen))
    return judging.at_most(
        comparisons, "with C the largest ‖ŵ − w*‖² of the trials: a plug-in, larger with more of them"
    )


def tight_at_small_rate(evidence: Evidence) -> Finding:
    """gen of the oracle is of order R, the bound of order √R, even at the least σ*² there is, σ²."""
    model = evidence.model
    ratios, label = [], ""
    for rate in (10.0, 1.0, 0.1):
        alpha = theory.oracle_alpha_at_rate(model, rate)
        gen = float(theory.oracle_generalization_error(model, alpha))
        ratios.append(float(theory.proposition1_bound(model, rate, radius=0.0)) / gen)
        label = f"(21) with C = 0 over gen of the oracle, R = {rate:g} nats"
    comparison = judging.computed(label, 1.0, ratios[-1], 0.0)
    grows = ratios[0] < ratios[1] < ratios[2]
    parts = ", ".join(f"{ratio:.1f}" for ratio in ratios)
    comment = f"bound over truth is {parts} at R = 10, 1, 0.1 nats: only the difference vanishes"
    return judging.finding(comparison, Verdict.FAILS if grows and ratios[-1] > 2 else Verdict.HOLDS, comment)


def oracle_matches(evidence: Evidence) -> Finding:
    """Papers' D(R) minus the oracle's distortion at its exact rate, along rising rates."""
    model, excesses = evidence.model, []
    for alpha in ALPHAS:
        rate = float(theory.oracle_rate(model, alpha))
        excesses.append(
            float(theory.distortion_rate_bound(model, rate) - theory.oracle_distortion(model, alpha))
        )
    simulated = evidence.figure2["oracle 1.0"].distortion
    first = judging.simulated(
        "distortion of the oracle at R = 0, against (25)",
        float(theory.distortion_rate_bound(model, 0.0)),
        simulated,
    )
    comment = (
        f"(25) is above it by {excesses[0]:.2f} at R = 0, {excesses[2]:.2f} at α = 0.5 and "
        f"{excesses[-1]:.4f} at α = {ALPHAS[-1]}; the tight bound is within 0.004 everywhere"
    )  # fmt: skip
    return judging.in_the_limit(first, excesses, comment)


def kmeans_gap(evidence: Evidence) -> Finding:
    comparisons = []
    for K in FEW:
        estimates = evidence.figure2[f"kmeans {K}"]
        rate = estimates.rates["assignment_entropy"].mean
        bound = float(theory.distortion_rate_bound(evidence.model, rate))
        comparisons.append(
            judging.simulated(f"distortion of K-means, K = {K}, against (25)", bound, estimates.distortion)
        )
    return judging.at_least(comparisons)


def smaller_population_risk(evidence: Evidence) -> Finding:
    comparisons = [
        judging.simulated(
            f"E L_μ of K-means minus ERM, K = {K}",
            0.0,
            evidence.figure2.difference(f"kmeans {K}", "erm").population_risk,
        )
        for K in FEW
    ]
    return judging.at_most(comparisons, "paired")


def two_clusters(evidence: Evidence) -> Finding:
    result = evidence.figure2
    comparisons = [
        judging.simulated(
            f"E L_μ of K = 2 minus K = {K}", 0.0, result.difference("kmeans 2", f"kmeans {K}").population_risk
        )
        for K in range(1, MAX_CLUSTERS + 1)
        if K != 2
    ]
    risks = result["kmeans 2"].population_risk
    return judging.at_most(
        comparisons,
        f"paired; E L_μ at K = 2 is {risks}, of ERM {theory.erm_population_risk(evidence.model):.4f}",
    )


def kmeans_two_values(evidence: Evidence) -> Finding:
    risks = evidence.figure2["kmeans 2"]
    return judging.agree(
        [
            judging.simulated("E L_μ, K = 2", 1.0694, risks.population_risk),
            judging.simulated("E d_S, K = 2", 0.6416, risks.distortion),
            judging.simulated("gen, K = 2", 0.0529, risks.generalization_error, scale=1.0),
        ],
        "each known to ±0.0001",
    )


def oracle_small(evidence: Evidence) -> Finding:
    risk = evidence.figure2["oracle 1.0"].population_risk
    return judging.agree(
        [judging.simulated("E L_μ of the oracle at R = 0", evidence.model.noise_variance, risk)]
    )


CLAIMS = [
    Claim(
        "figure-2a-smaller", "Oracle and K-means have a smaller generalisation error than ERM.",
        "§5.3, Figure 2a", "§5.3, Figure 2", "K ≤ 8 (near ERM from there on)",
        Verdict.HOLDS, smaller_generalization_error,
    ),
    Claim(
        "figure-2a-valid", "The curve of Proposition 1 lies above the generalisation error of K-means.",
        "§5.3, Figure 2a", "§5.3, Figure 2", "C(w*) taken from the trials, rate from the labels",
        Verdict.HOLDS, valid_bound,
    ),
    Claim(
        "figure-2a-tight",
        "Proposition 1 is tight when R is small: bound over truth tends to 1.",
        "§5.3, Figure 2a", "§5.3, Figure 2", "σ*² = σ², the least there is",
        Verdict.FAILS, tight_at_small_rate,
    ),
    Claim(
        "figure-2b-oracle", "The oracle's distortion matches D(R), that is (25).",
        "§5.3, Figure 2b", "§5.3, Figure 3", "R → ∞", Verdict.LIMIT, oracle_matches,
    ),
    Claim(
        "figure-2b-gap", "There is a gap between the distortion of K-means and D(R).",
        "§5.3, Figure 2b", "§5.3, Figure 3", "rate d·H(labels), K ≤ 8", Verdict.HOLDS, kmeans_gap,
    ),
    Claim(
        "figure-2c-kmeans", "With fewer clusters K-means has a smaller population risk than ERM.",
        "§5.3, Figure 2c", "§5.3, Figure 4", "2 ≤ K ≤ 8", Verdict.HOLDS, smaller_population_risk,
    ),
    Claim(
        "figure-2c-two", "Two clusters have the least population risk.",
        "§5.3, Figure 2c", "§5.3, Figure 4", "w* has two levels", Verdict.HOLDS, two_clusters,
    ),
    Claim(
        "figure-2-values", "K = 2: population risk 1.0694, distortion 0.6416, generalisation error 0.0529.",
        "", "", "w* = ±1, optimal K-means", Verdict.HOLDS, kmeans_two_values,
    ),
    Claim(
        "figure-2c-oracle", "The oracle's Ŵ is w* at R = 0: population risk σ².",
        "§5.3, Figure 2c", "§5.3, Figure 4", "α = 1", Verdict.HOLDS, oracle_small,
    ),
]  # fmt: skip
