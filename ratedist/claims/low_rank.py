"""Claims about low rank: projections, thresholds of singular values, what fine-tuning leaves of a metric."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from ratedist import lowrank, theory
from ratedist.claims.claim import Claim, Verdict
from ratedist.claims.evidence import Evidence, sample_mean
from ratedist.claims.low_rank_searches import (
    STARTS,
    below,
    excess_risks,
    low_rank_errors,
    minus_log_likelihood,
    most_likely,
    objectives,
    searched_distortion,
    worst_of_hard,
)
from ratedist.claims.low_rank_searches import fine_tuned as descended
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
from ratedist.linear_model.model import ar1_covariance
from ratedist.linear_model.multi_output import MultiOutputLinearModel
from ratedist.linear_model.multi_output_weights import decaying_spectrum_weights, planted_rank_weights

# Of searches by alternating least squares, relative to ‖W‖² in the metric, and of minima of smooth functions.
SEARCH, ACCURACY = 1e-7, 1e-6
# Trials of the linear model with 20 × 50 weights, each with five decompositions.
TRIALS = 300
NUM_SAMPLES, RANKS = 80, (1, 2, 3)
# Square noise of this size with one signal, in units of σ√n; its errors are off their limits by less.
SIGNAL, SIZE, THRESHOLD_TRIALS, FINITE_SIZE = 3.0, 50, 500, 0.05
FINE_TUNING_STEPS = (100, 1000, 10_000)


def projection(evidence: Evidence) -> Numbers:
    """The least distortion that alternating least squares finds from many starts, singular metrics too."""
    generator, checks = evidence.generator("low-rank projection"), []
    W = generator.standard_normal((5, 7))
    left, right = (
        rows.T @ rows for rows in (generator.standard_normal((8, 5)), generator.standard_normal((9, 7)))
    )
    few = generator.standard_normal((4, 7))
    alive = np.array([1.0, 1.0, 0.0, 1.0, 1.0])
    metrics = {
        "no metric": (np.eye(5), np.eye(7)),
        "both metrics": (left, right),
        "four samples of seven inputs": (np.eye(5), few.T @ few),
        "four samples, a dead output": (left * np.outer(alive, alive), few.T @ few),
    }
    for name, (L, R) in metrics.items():
        size = np.trace(L @ W @ R @ W.T)
        for rank in (1, 2):
            factors = lowrank.project(W, rank, L, R)
            error = W - factors.matrix()
            checks += [
                computed(
                    f"tr L(W − Ŵ)R(W − Ŵ)ᵀ at rank {rank}, {name}",
                    EQUAL, factors.distortion, np.trace(L @ error @ R @ error.T), 1e-12 * size,
                ),
                computed(
                    f"least distortion of {STARTS} searches at rank {rank}, {name}",
                    EQUAL, factors.distortion, searched_distortion(W, rank, L, R, generator), SEARCH * size,
                ),
            ]  # fmt: skip
    return numbers(checks, "5 × 7")


def reduced_rank_regression(evidence: Evidence) -> Numbers:
    """The likelihood of data, raised in turn by either factor, which sees no least squares and no W."""
    generator, checks = evidence.generator("reduced-rank regression"), []
    for rank in (1, 2, 3):
        X = np.linalg.cholesky(ar1_covariance(6, 0.8)) @ generator.standard_normal((6, 40))
        root = generator.standard_normal((4, 4)) + 2 * np.eye(4)
        Y = generator.standard_normal((4, 2)) @ generator.standard_normal((2, 6)) @ X
        Y = Y + root @ generator.standard_normal((4, 40))
        noise, moment = root @ root.T, X @ X.T
        W = np.linalg.solve(moment, X @ Y.T).T
        metric = lowrank.Metric.information(noise, moment / 40)
        factors = lowrank.project(W, rank, *metric)
        likely = most_likely(X, Y, noise, rank, generator)
        size = np.linalg.norm(W)
        checks += [
            computed(
                f"‖maximum-likelihood estimate of rank {rank} − Ŵ‖ / ‖W‖",
                AT_MOST, ACCURACY, float(np.linalg.norm(likely - factors.matrix()) / size), 0.0,
            ),
            computed(
                f"log-likelihood that rank {rank} costs, as n/2 of the distortion",
                EQUAL, 20 * factors.distortion,
                minus_log_likelihood(X, Y, noise, likely) - minus_log_likelihood(X, Y, noise, W), ACCURACY,
            ),
        ]  # fmt: skip
    return numbers(checks, "4 × 6, n = 40, Γ known")


def thresholds(evidence: Evidence) -> Numbers:
    """The hard threshold by a search for the least worst error; the median by integrating the density."""
    checks = []
    for beta in (1.0, 0.5, 0.1):
        found: Any = minimize_scalar(
            lambda y, beta=beta: worst_of_hard(y, beta), bounds=(1.001 * (1 + beta**0.5), 4.0),
            method="bounded", options={"xatol": 1e-10},
        )  # fmt: skip
        median = float(theory.marchenko_pastur_median(beta))
        checks += [
            computed(
                f"threshold of least worst error, β = {beta:g}",
                EQUAL, float(theory.singular_value_hard_threshold(beta)), found.x, ACCURACY,
            ),
            computed(
                f"its worst error over nσ², β = {beta:g}",
                EQUAL, float(theory.worst_singular_value_error("hard", beta)), found.fun, ACCURACY,
            ),
            computed(
                f"Marchenko–Pastur's law below its median, β = {beta:g}",
                EQUAL, 0.5, below(median, beta), 1e-8,
            ),
            computed(
                f"threshold over the root of the median, β = {beta:g}",
                EQUAL, float(theory.singular_value_median_threshold(beta)), found.x / median**0.5, ACCURACY,
            ),
        ]  # fmt: skip
    for measured, quoted, value, digits in (
        (
            "4/√3, hard threshold of square matrices",
            4 / 3**0.5,
            theory.singular_value_hard_threshold(1.0),
            1e-12,
        ),
        ("2.858 of the median", 2.858, theory.singular_value_median_threshold(1.0), 5e-4),
        *(
            (f"worst error, {method}", quoted, theory.worst_singular_value_error(method), 1e-12)
            for method, quoted in (("hard", 3.0), ("truncation", 5.0), ("soft", 6.0), ("shrinkage", 2.0))
        ),
    ):
        checks.append(computed(measured, EQUAL, quoted, float(value), digits))
    errors = low_rank_errors(SIGNAL, SIZE, THRESHOLD_TRIALS, evidence.generator("thresholds"))
    checks += [
        simulated(
            f"error over nσ² at the signal {SIGNAL:g}, n = {SIZE}, {method}",
            EQUAL, float(theory.singular_value_error(SIGNAL, method)), sample_mean(found),
            resolution=0.1, error=FINITE_SIZE,
        )
        for method, found in errors.items()
    ]  # fmt: skip
    return numbers(checks, "units of σ√n and nσ² for each singular value; errors in the limit")


def descent(evidence: Evidence) -> Numbers:
    """Iterative thresholding step by step, its objective from the definition."""
    generator = evidence.generator("thresholding")
    W = generator.standard_normal((5, 8))
    left, right = (
        rows.T @ rows / 8 for rows in (generator.standard_normal((8, 5)), generator.standard_normal((9, 8)))
    )
    lipschitz = float(np.linalg.norm(left, 2) * np.linalg.norm(right, 2))
    penalties = {
        "nuclear norm": lowrank.NuclearNorm(0.3),
        "rank": lowrank.RankPenalty(0.3),
        "Schatten-½": lowrank.SchattenPenalty(0.3, exponent=0.5),
        "firm": lowrank.FirmPenalty(0.3, saturation=3.0),
        "rank at most 2": lowrank.FixedRank(2),
    }
    checks = []
    for name, penalty in penalties.items():
        for part in (0.3, 1.0):
            rise = max(np.diff(objectives(W, left, right, penalty, part / lipschitz)))
            checks.append(
                computed(f"largest rise of the objective, {name}, η = {part:g}/ℓ", AT_MOST, 0.0, rise, 0.0)
            )
    rise = max(np.diff(objectives(W, left, right, penalties["nuclear norm"], 3 / lipschitz)))
    checks.append(computed("largest rise, nuclear norm, η = 3/ℓ", AT_LEAST, 1.0, rise, 0.0))
    return numbers(checks, "5 × 8, two metrics")


def zero_shot(evidence: Evidence) -> Numbers:
    """Excess population risk of projections of least squares, paired trial by trial."""
    generator, checks, notes = evidence.generator("low-rank zero-shot"), [], []
    truths = {
        "planted rank 3": planted_rank_weights(20, 50, 3, 0.2, seed=0),
        "decaying spectrum": decaying_spectrum_weights(20, 50, 1.0, 0.2, seed=0),
    }
    for name, W_star in truths.items():
        model = MultiOutputLinearModel(
            NUM_SAMPLES, W_star, np.linspace(0.2, 3.0, 20), ar1_covariance(50, 0.7), "noise_precision"
        )
        risks = excess_risks(model, RANKS, min(evidence.num_trials, TRIALS), generator)
        for rank in RANKS:
            own = risks["information", rank]
            for other in ("plain", "inputs"):
                difference = sample_mean(own - risks[other, rank])
                checks.append(
                    simulated(
                        f"excess of information minus {other}, rank {rank}, {name}", AT_MOST, 0.0, difference
                    )
                )
        own, plain = risks["information", 3].mean(), risks["plain", 3].mean()
        notes.append(
            f"{name}, rank 3: {own:.1f} against {plain:.1f} plain and {risks['erm', 0].mean():.1f} of ERM"
        )
    return numbers(checks, "; ".join(notes))


def fine_tuned(evidence: Evidence) -> Numbers:
    """Gradient descent on the training loss from the plain and from the information projection."""
    generator = evidence.generator("low-rank fine-tuning")
    noise = 0.1 * np.geomspace(0.5, 4.0, 20)
    X = np.linalg.cholesky(ar1_covariance(50, 0.7)) @ generator.standard_normal((50, NUM_SAMPLES))
    truth = decaying_spectrum_weights(20, 50, 1.0, seed=0)
    Y = truth @ X + noise[:, None] ** 0.5 * generator.standard_normal((20, NUM_SAMPLES))
    moment = X @ X.T / NUM_SAMPLES
    W = np.linalg.solve(X @ X.T, X @ Y.T).T
    metric = lowrank.Metric.information(noise, moment)
    starts = {"plain": lowrank.project(W, 8), "information": lowrank.project(W, 8, *metric)}
    whole = metric.distortion(W, 0 * W)
    lost = {name: descended(W, metric, one, FINE_TUNING_STEPS) / whole for name, one in starts.items()}
    least = starts["information"].distortion / whole
    gaps = lost["plain"] - lost["information"]
    parts = ", ".join(f"{100 * a:.2f}% and {100 * b:.2f}%" for a, b in zip(*lost.values(), strict=True))
    counts = ", ".join(f"{steps:,}" for steps in (0, *FINE_TUNING_STEPS))
    return numbers(
        [
            computed("information lost at first, plain less its own", AT_LEAST, 0.01, gaps[0], 0.0),
            computed("information's own projection, at last", EQUAL, least, lost["information"][-1], 1e-6),
            trend("information lost, plain less its own, by steps of descent", Course.VANISHES,
                  FINE_TUNING_STEPS, gaps[1:], 1e-12),
        ],
        f"rank 8 of 20 × 50; lost from plain and from information after {counts} steps: {parts}",
    )  # fmt: skip


CLAIMS = [
    Claim(
        "low-rank-projection",
        "The nearest matrix of rank r in the norm of two metrics is that of [PᵀWQ]_r, singular ones too.",
        "", "", "L and R positive semidefinite", Verdict.HOLDS, projection,
    ),
    Claim(
        "low-rank-regression",
        "Least squares projected by information is reduced-rank regression: most likelihood at rank r.",
        "", "", "Gaussian noise with Γ known", Verdict.HOLDS, reduced_rank_regression,
    ),
    Claim(
        "low-rank-thresholds",
        "Hard threshold 4/√3, 2.858 of the median; worst errors 3 (hard), 5 (rank), 6 (soft), 2 (shrinkage).",
        "", "", "white noise, square matrices of growing size, fixed rank", Verdict.HOLDS, thresholds,
    ),
    Claim(
        "low-rank-descent",
        "Iterative thresholding of singular values never raises its objective for η ≤ 1/ℓ, convex or not.",
        "", "", "quadratic loss", Verdict.HOLDS, descent,
    ),
    Claim(
        "low-rank-zero-shot",
        "Without fine-tuning, of all metrics information divergence gives the least population risk.",
        "", "", "linear model, loss weighted by Γ⁻¹", Verdict.HOLDS, zero_shot,
    ),
    Claim(
        "low-rank-fine-tuning",
        "After fine-tuning of both factors the metric of the projection no longer matters.",
        "", "", "linear model, one matrix, many steps of gradient descent", Verdict.LIMIT, fine_tuned,
    ),
]  # fmt: skip
