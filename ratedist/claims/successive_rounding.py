"""Claims about rounding with feedback under any Hessian: 0.255 bit from the limit, or as far as one likes."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr

from ratedist import theory
from ratedist.claims.claim import Claim, Verdict
from ratedist.claims.evidence import Evidence, SampleMean, sample_mean
from ratedist.claims.numbers import AT_MOST, EQUAL, Course, Numbers, numbers, simulated, trend
from ratedist.linear_model.model import ar1_covariance

# In bits a weight; the number that was printed, and ½ log₂(2πe/12) of high rate.
PRINTED_GAP = 0.255
CUBE_GAP = 0.5 * math.log2(2 * math.pi * math.e / 12)
WEIGHTS = 8
# Correlations of the inputs, by equal ratios of 1/(1 − ρ).
CORRELATIONS = (0.9, 0.99, 0.999, 0.9999)
# The longest step, in standard deviations of a weight. Multiples have δ²/12 more variance than the weight: at
# 0.1 that is another 0.0006 bit, which would be above the printed number.
LONGEST = 0.02


def geometric_covariance(generator: np.random.Generator) -> np.ndarray:
    """Eigenvalues from 1 to 10⁻⁴ by equal ratios, along random directions."""
    rotation = np.linalg.qr(generator.standard_normal((WEIGHTS, WEIGHTS)))[0]
    return (rotation * np.geomspace(1.0, 1e-4, WEIGHTS)) @ rotation.T


def gap_and_distortion(
    hessian: np.ndarray, by_pivots: bool, num_trials: int, generator: np.random.Generator
) -> tuple[SampleMean, SampleMean]:
    """Bits a weight above the limit, and the distortion over that of errors uniform in their cells.

    Weights are independent, of variance 1. Each is rounded from the last to the first with the errors before
    fed back, and coded by the cells of a Gaussian. The limit is reverse water-filling over the eigenvalues,
    where both sides know the Hessian.
    """
    factor = np.linalg.cholesky(hessian)
    pivots = np.diagonal(factor)
    steps = 1 / pivots if by_pivots else np.ones(WEIGHTS)
    fed = factor / pivots  # row k, column j: what error k adds to weight j
    np.fill_diagonal(fed, 0.0)
    spread = np.sqrt((fed**2).T @ steps**2)
    steps = steps * LONGEST / max(float(steps.max()), float(spread.max()))
    weights = generator.standard_normal((num_trials, WEIGHTS))
    errors, nats = np.zeros_like(weights), np.zeros(num_trials)
    for j in range(WEIGHTS - 1, -1, -1):
        seen = weights[:, j] + errors @ fed[:, j]
        deviation = math.sqrt(1 + float(fed[:, j] ** 2 @ steps**2) / 12)
        multiples = np.rint(seen / steps[j])
        errors[:, j] = weights[:, j] - steps[j] * multiples
        edges = (np.abs(multiples)[:, None] + [-0.5, 0.5]) * steps[j] / deviation
        nats -= np.log(ndtr(-edges[:, 0]) - ndtr(-edges[:, 1]))
        # Of mean zero: what a weight larger than others costs by being so.
        nats -= ((seen / deviation) ** 2 - 1) / 2
    uniform = float(pivots**2 @ steps**2) / 12
    limit = float(theory.water_filling_at_distortion(np.linalg.eigvalsh(hessian), uniform).rate)
    costs = np.sum((errors @ factor) ** 2, axis=1)
    return sample_mean((nats - limit) / (WEIGHTS * math.log(2))), sample_mean(costs / uniform)


def steps_by_pivots(evidence: Evidence) -> Numbers:
    generator, checks = evidence.generator("successive rounding"), []
    hessians = {f"AR(1), ρ = {rho:g}": ar1_covariance(WEIGHTS, rho) for rho in (0.0, *CORRELATIONS[:2])}
    hessians["eigenvalues down to 10⁻⁴"] = geometric_covariance(generator)
    for name, hessian in hessians.items():
        gap, distortion = gap_and_distortion(hessian, True, evidence.num_trials, generator)
        checks += [
            simulated(f"bits a weight above the limit, {name}", AT_MOST, PRINTED_GAP, gap),
            simulated(f"distortion over that of cells, {name}", EQUAL, 1.0, distortion),
        ]
    return numbers(checks, f"½ log₂(2πe/12) = {CUBE_GAP:.4f}; at high rate, with pivots known at both ends")


def equal_steps(evidence: Evidence) -> Numbers:
    """At ρ → 1 one pivot stays 1 and the others vanish: their arithmetic mean outgrows the geometric one."""
    generator, checks, gaps = evidence.generator("equal steps"), [], []
    for rho in CORRELATIONS:
        gap, distortion = gap_and_distortion(
            ar1_covariance(WEIGHTS, rho), False, evidence.num_trials, generator
        )
        gaps.append(gap)
        checks.append(simulated(f"distortion over that of cells, ρ = {rho:g}", EQUAL, 1.0, distortion))
    parameters = [1 / (1 - rho) for rho in CORRELATIONS]
    values, errors = [one.mean for one in gaps], [5 * one.sem for one in gaps]
    grown = trend("bits a weight above the limit, by 1/(1 − ρ)", Course.GROWS, parameters, values, errors)
    return numbers([*checks, grown], f"{values[0]:.2f} bits at ρ = 0.9, {values[-1]:.2f} at ρ = 0.9999")


CLAIMS = [
    Claim(
        "steps-by-pivots",
        "Feedback with steps by pivots is within 0.255 bit of the limit for every covariance (WaterSIC).",
        "", "", "high rate; pivots are known at both ends", Verdict.HOLDS, steps_by_pivots,
    ),
    Claim(
        "equal-steps", "With equal steps (GPTQ) that gap has no bound.", "", "",
        "high rate, ρ → 1", Verdict.HOLDS, equal_steps,
    ),
]  # fmt: skip
