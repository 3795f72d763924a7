"""Claims of section 6.2 about the diameter of the codebook: what it stands for, and what its price does."""

from __future__ import annotations

import itertools

import numpy as np

from ratedist import theory
from ratedist.claims.claim import Claim, Verdict
from ratedist.claims.evidence import CODEBOOK, DIAMETER_PENALTIES, Evidence, sample_mean
from ratedist.claims.numbers import AT_LEAST, AT_MOST, EQUAL, Numbers, computed, numbers, simulated
from ratedist.claims.two_centers import cross_validated_penalty, two_centers
from ratedist.quantizers import kmeans

# What cross-validation chooses β from at K = 2, and into how many parts it cuts the data.
CROSS_VALIDATED_PENALTIES = np.array([0.0, 0.1, 0.3])
FOLDS = 10
# Data sets that do so at most, and how many are in memory at once.
MAX_DATA_SETS = 2000
BATCH = 500


def equation33(evidence: Evidence) -> Numbers:
    """The codebook ±1 at w* = ±1, d = 50."""
    model = evidence.model
    radius = theory.codebook_squared_radius(model, CODEBOOK)
    scalar = _scalar_diameter(CODEBOOK)
    return numbers(
        [computed("C(w*) of the codebook ±1, against max |c_k − c_l|²", EQUAL, scalar, radius, 0.0)],
        f"C(w*) = {radius:g} where the scalar diameter² is {scalar:g}: every one of the d = {model.d} "
        f"weights adds its own; the diameter² of the reproduction set in R^d is d·{scalar:g} = "
        f"{model.d * scalar:g}",
    )


def equation33_proportional(evidence: Evidence) -> Numbers:
    """β fixed by the codebook ±1, then other codebooks for the same w*."""
    model = evidence.model
    codebooks = (CODEBOOK, (-2.0, 2.0), (-0.5, 0.5), (-1.0, 3.0))
    ratios = [theory.codebook_squared_radius(model, c) / _scalar_diameter(c) for c in codebooks]
    checks = [
        computed(
            f"C(w*)/max |c_k − c_l|² of the codebook {c}, against that of ±1", EQUAL, ratios[0], ratio, 1e-9
        )
        for c, ratio in zip(codebooks[1:], ratios[1:], strict=True)
    ]
    parts = ", ".join(f"{r:.3g} for {c}" for r, c in zip(ratios, codebooks, strict=True))
    return numbers(checks, f"the β that makes (33) exact is {parts}: it depends on the codebook")


def radius_within_diameter(evidence: Evidence) -> Numbers:
    """By enumeration of all reproductions, w* at random within the span of the centres."""
    generator, checks = evidence.generator("radius and diameter"), []
    for K in (2, 3):
        centers = np.sort(generator.standard_normal(K))
        d = 5
        w_star = generator.uniform(centers[0], centers[-1], d)
        reproductions = np.array(list(itertools.product(centers, repeat=d)))
        radius = float(np.max(np.sum((reproductions - w_star) ** 2, axis=1)))
        diameter = _scalar_diameter(centers)
        label = f"C(w*) by enumeration, K = {K}, d = {d}"
        checks += [
            computed(f"{label}, against d·max |c_k − c_l|²", AT_MOST, d * diameter, radius, 0.0),
            computed(f"{label}, against (d/4)·max |c_k − c_l|²", AT_LEAST, d / 4 * diameter, radius, 0.0),
        ]
    return numbers(checks, "so C(w*) is the scalar diameter² times a number between d/4 and d")


def diameter_shrinks(evidence: Evidence) -> Numbers:
    """Global minimisers of (34) along β, K = 3."""
    generator, checks = evidence.generator("diameters"), []
    for _ in range(5):
        weights, importance = generator.standard_normal(40), generator.exponential(size=40) + 0.05
        previous = None
        for penalty in (0.0, 0.3, 1.0, 3.0):
            run = kmeans(weights, 3, importance, method="optimal", diameter_penalty=penalty)
            diameter = float(np.ptp(run.centers))
            if previous is not None:
                label = f"max |c_k − c_l| at β = {penalty:g}, against that at the β before"
                checks.append(computed(label, AT_MOST, previous, diameter, 1e-9))
            previous = diameter
    return numbers(checks, "five vectors of 40 weights")


def diameter_at_two(evidence: Evidence) -> Numbers:
    """Each data set chooses its own β, then all of it is used; both risks on the same data set."""
    model, generator = evidence.model, evidence.generator("cross-validation")
    gains, chosen, fixed = [], [], []
    data_sets = min(evidence.num_trials, MAX_DATA_SETS)
    for first in range(0, data_sets, BATCH):
        trials = min(BATCH, data_sets - first)
        inputs = generator.standard_normal((trials, model.n, model.d))
        outputs = inputs @ model.w_star + generator.standard_normal((trials, model.n))
        penalty = cross_validated_penalty(model, inputs, outputs, CROSS_VALIDATED_PENALTIES, FOLDS)
        gram = np.swapaxes(inputs, 1, 2) @ inputs
        weights = np.linalg.solve(gram, np.einsum("tni,tn->ti", inputs, outputs)[..., None])[..., 0]
        importance = np.einsum("tii->ti", gram) / model.n
        risks = [
            model.squared_norm(two_centers(weights, importance, beta) - model.w_star)
            for beta in (penalty, 0.0, 0.3)
        ]
        gains.append(risks[0] - risks[1])
        fixed.append(risks[2] - risks[1])
        chosen.append(penalty)
    penalties = np.concatenate(chosen)
    zero = np.mean(penalties == 0)
    return numbers(
        [
            simulated(
                "E L_μ of K = 2, β by cross-validation, minus β = 0",
                AT_MOST,
                0.0,
                sample_mean(np.concatenate(gains)),
            )
        ],
        f"each data set chooses among {', '.join(f'{b:g}' for b in CROSS_VALIDATED_PENALTIES)} on {FOLDS} "
        f"parts: β = 0 in {100 * zero:.0f}%, {penalties.mean():.2f} on average; β = 0.3 for all costs "
        f"{np.concatenate(fixed).mean():.3f}, as two centres already lie where w* has its levels",
    )


def diameter_at_four(evidence: Evidence) -> Numbers:
    result = evidence.hessian_weighted
    names = [f"K = 4, β = {beta:g}" for beta in DIAMETER_PENALTIES]
    checks = [
        simulated(
            f"E L_μ of {name} minus β = 0", AT_MOST, 0.0, result.difference(name, names[0]).population_risk
        )
        for name in names[1:]
    ]
    risk = result["K = 4, β = 1"].population_risk
    return numbers(
        checks, f"outer centres that follow noise are clipped; at β = 1 the risk is {risk}, still above K = 2"
    )


def _scalar_diameter(centers) -> float:
    """``max |c_k − c_l|²``."""
    return float(np.ptp(centers)) ** 2


CLAIMS = [
    Claim(
        "equation-33", "C(w*) is max |c_k − c_l|², the squared diameter of the codebook (β = 1).",
        "§6.2, (32)–(33)", "§6, (29)–(30)", "scalar centres shared by d weights", Verdict.FAILS, equation33,
    ),
    Claim(
        "equation-33-beta", "C(w*) is β max |c_k − c_l|² with one β for all codebooks.",
        "§6.2, (33)", "§6, (30)", "w* = ±1, two centres", Verdict.FAILS, equation33_proportional,
    ),
    Claim(
        "radius-and-diameter", "(d/4) max |c_k − c_l|² ≤ C(w*) ≤ d max |c_k − c_l|².",
        "", "", "every w*_i between the outer centres", Verdict.HOLDS, radius_within_diameter,
    ),
    Claim(
        "diameter-shrinks", "The regularised codebook has a diameter no larger than that of β = 0.",
        "§6.2, after (35)", "", "global minima of (34)", Verdict.HOLDS, diameter_shrinks,
    ),
    Claim(
        "diameter-two", "Regularising the diameter of the codebook lowers the population risk.",
        "§6.2, (33)–(34)", "§6, (30)–(31)",
        "linear model, w* = ±1, K = 2, β by cross-validation on each data set, optimal quantisers",
        Verdict.HOLDS, diameter_at_two,
    ),
    Claim(
        "diameter-four",
        "Regularising the diameter lowers the population risk where K exceeds the levels of w*.",
        "§6.2, (33)–(34)", "§6, (30)–(31)", "linear model, w* = ±1, K = 4, β ∈ {0.3, 1}, optimal quantisers",
        Verdict.HOLDS, diameter_at_four,
    ),
]  # fmt: skip
