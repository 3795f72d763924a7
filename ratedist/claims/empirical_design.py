"""The remark of section 5.3 on codebooks designed on few samples (Linder, Lugosi and Zeger 1994)."""

from __future__ import annotations

import functools

import numpy as np
from scipy.stats import norm

from ratedist.claims.claim import Claim, Verdict
from ratedist.claims.evidence import Evidence, SampleMean, sample_mean
from ratedist.claims.numbers import AT_LEAST, Course, Numbers, numbers, simulated, trend
from ratedist.quantizers import kmeans

CLUSTERS = 4
SIZES = (50, 200, 800, 3200)
MAX_DESIGNS = 1000
# Standard errors that a mean may be off by in the course of the gap with the sample size.
WIDE = 5.0


def designed_codebook(evidence: Evidence) -> Numbers:
    """Distortion on the law itself of the best codebook of d samples, minus the least there is."""
    least, checks, gaps = gaussian_distortion(optimal_centers(CLUSTERS)), [], []
    for size in SIZES:
        _, on_law = _designs(evidence, size)
        gaps.append(SampleMean(on_law.mean - least, on_law.sem, on_law.num_trials, skewness=on_law.skewness))
        checks.append(
            simulated(f"distortion on the law minus the optimum, {size} samples", AT_LEAST, 0.0, gaps[-1])
        )
    values = [gap.mean for gap in gaps]
    checks.append(
        trend("the same as samples grow", Course.VANISHES, SIZES, values, [WIDE * gap.sem for gap in gaps])
    )
    parts = ", ".join(f"{gap:.2g} at d = {d}" for gap, d in zip(values, SIZES, strict=True))
    return numbers(checks, f"N(0, 1), K = {CLUSTERS}, optimum {least:.5f}; above it by {parts}")


def designed_on_the_same(evidence: Evidence) -> Numbers:
    """Distortion on the very samples, which is what Figure 2b shows of K-means."""
    least, checks = gaussian_distortion(optimal_centers(CLUSTERS)), []
    for size in SIZES:
        own, _ = _designs(evidence, size)
        label = f"distortion on its own {size} samples, against the optimum"
        checks.append(simulated(label, AT_LEAST, least, own))
    return numbers(
        checks,
        f"{checks[0].estimate:.4f} at d = {SIZES[0]} where the optimum is {least:.4f}: the best codebook of "
        "the samples is better on them than the law's, so that this gap does not explain Figure 2b",
    )


@functools.lru_cache(maxsize=len(SIZES))
def _designs(evidence: Evidence, size: int) -> tuple[SampleMean, SampleMean]:
    """Mean distortion of optimal codebooks on their own samples, and on the law."""
    generator = evidence.generator(f"designs {size}")
    own, law = [], []
    for _ in range(max(50, min(MAX_DESIGNS, evidence.num_trials // 10) * SIZES[0] // size)):
        run = kmeans(generator.standard_normal(size), CLUSTERS, method="optimal")
        own.append(run.objective / size)
        law.append(gaussian_distortion(run.centers))
    return sample_mean(np.array(own)), sample_mean(np.array(law))


def gaussian_distortion(centers: np.ndarray) -> float:
    """Mean squared distance of N(0, 1) from the nearest of these ascending centres."""
    edges = np.concatenate([[-np.inf], (centers[1:] + centers[:-1]) / 2, [np.inf]])
    mass, first = np.diff(norm.cdf(edges)), -np.diff(norm.pdf(edges))
    return float(1 - 2 * centers @ first + centers**2 @ mass)


def optimal_centers(num_clusters: int) -> np.ndarray:
    """The Lloyd–Max quantiser of N(0, 1): every centre the mean of its cell."""
    centers = norm.ppf((np.arange(num_clusters) + 0.5) / num_clusters)
    for _ in range(500):
        edges = np.concatenate([[-np.inf], (centers[1:] + centers[:-1]) / 2, [np.inf]])
        centers = -np.diff(norm.pdf(edges)) / np.diff(norm.cdf(edges))
    return centers


CLAIMS = [
    Claim(
        "empirical-design",
        "A codebook designed on d i.i.d. samples is above the optimal quantiser, by less as d grows.",
        "§5.3, after Figure 2b", "§5.3, after Figure 3", "distortion on the law of the samples",
        Verdict.LIMIT, designed_codebook,
    ),
    Claim(
        "empirical-design-own",
        "Were the weights i.i.d., K-means would still be above the optimal quantiser on them.",
        "§5.3, after Figure 2b", "§5.3, after Figure 3", "distortion on the samples themselves (Figure 2b)",
        Verdict.FAILS, designed_on_the_same,
    ),
]  # fmt: skip
