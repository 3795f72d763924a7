"""Claims about the lengths of weights: what bits back refunds, and that a penalty is a code length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import laplace, norm

from ratedist import theory
from ratedist.claims.claim import Claim, Verdict
from ratedist.claims.evidence import Evidence
from ratedist.claims.numbers import EQUAL, Course, Numbers, computed, numbers, trend
from ratedist.theory.priors import Prior

# Standard deviations of the posterior, in units of the prior's: a fraction of 4^-k.
RATIOS = 4.0 ** np.arange(1, 5)
FINE = 256.0
Function = Callable[[np.ndarray], np.ndarray]


def bits_back_refund(evidence: Evidence) -> Numbers:
    """Two-part totals from distribution functions, KL by the trapezoidal rule: no formula of the package."""
    laws: list[tuple[str, Prior, Function, Function]] = [
        ("Gaussian", theory.GaussianPrior(1.0), norm.cdf, norm.logpdf),
        ("Laplace", theory.LaplacePrior(1.0), laplace.cdf, laplace.logpdf),
        ("two spikes", theory.TwoSpikePrior(3.0, 1.0), _spikes_cdf, _spikes_logpdf),
    ]
    checks = []
    for name, prior, cdf, logpdf in laws:
        refund = _refund(cdf, logpdf, 1 / FINE)
        checks.append(
            computed(f"refund, {name} prior, s = τ/256", EQUAL, theory.BITS_BACK_REFUND, refund, 2e-4)
        )
        divergence = float(np.mean(theory.bits_back_cost(PLACES, 1 / FINE, prior)))
        cost = float(np.mean([_divergence(logpdf, place, 1 / FINE) for place in PLACES]))
        checks.append(computed(f"bits-back cost, {name} prior", EQUAL, divergence, cost, 1e-4))
    gaps = [abs(_refund(norm.cdf, norm.logpdf, 1 / ratio) - theory.BITS_BACK_REFUND) for ratio in RATIOS]
    steps = 2.0 ** -np.arange(1, 6)
    losses = [_divergence(norm.logpdf, 0.7, 0.05) - _divergence_on_grid(0.7, 0.05, 0.05 * k) for k in steps]
    return numbers(
        [
            *checks,
            trend("|two parts − bits back − refund|, Gaussian prior, fourfold τ/s", Course.VANISHES,
                  RATIOS, gaps, 1e-7),
            trend("KL less net cost on a grid of step δ, twofold s/δ", Course.VANISHES,
                  1 / steps, losses, 1e-9),
        ],
        "the best step of the two parts is near √12·s; either code loses half a nat of the data",
    )  # fmt: skip


def penalty_is_length(evidence: Evidence) -> Numbers:
    """Lengths by differences of distribution functions against penalties, each less its value at 0."""
    step, weights = 0.01, np.array([0.3, 1.0, 2.0, 4.0, 6.0])
    checks = []
    for name, prior, penalty in (
        ("w²/2τ²", theory.GaussianPrior(1.0), weights**2 / 2),
        ("|w|/b", theory.LaplacePrior(1.0), weights),
    ):
        cdf = norm.cdf if name == "w²/2τ²" else laplace.cdf
        cells = -np.log(cdf(-weights + step / 2) - cdf(-weights - step / 2))
        longer = cells - -np.log(cdf(step / 2) - cdf(-step / 2))
        found = theory.code_length(weights, step, prior)
        # A cell's mean density is near that of its middle; |w| bends at 0, worth a quarter of a step.
        error = step**2 * (1 + weights**2) / 24 + (0 if name == "w²/2τ²" else step / 4)
        for w, expected, value, length, cell, e in zip(
            weights, penalty, longer, found, cells, error, strict=True
        ):
            checks += [
                computed(f"length less that of 0, against {name} at w = {w:g}", EQUAL, expected, value, e),
                computed(f"length by the formula, {name} at w = {w:g}", EQUAL, length, cell, 1e-9),
            ]
    steps = 2.0 ** -np.arange(2, 8)
    differences = [
        np.max(np.abs(theory.code_length(weights, d, theory.GaussianPrior(1.0))
                      - theory.code_length(0.0, d, theory.GaussianPrior(1.0)) - weights**2 / 2))
        for d in steps
    ]  # fmt: skip
    return numbers(
        [
            *checks,
            trend("largest difference of length and w²/2τ², twofold τ/δ", Course.VANISHES,
                  1 / steps, differences, 1e-12),
        ],
        "the constant of each weight is ½ ln(2πτ²) − ln δ for L2 and ln 2b − ln δ for L1",
    )  # fmt: skip


PLACES = np.linspace(-4, 4, 9) + 0.1
# Places of weights and centres of cells, over which everything is summed.
LINE = np.linspace(-45.0, 45.0, 6001)
SPACING = LINE[1] - LINE[0]
DRAWS = np.linspace(-9.0, 9.0, 37)
SHARES = norm.pdf(DRAWS) * (DRAWS[1] - DRAWS[0])


def _refund(cdf: Function, logpdf: Function, scale: float) -> float:
    """Least total of the two-part code less that of bits back, averaged over weights of the prior, nats.

    The grid lies anywhere with equal probability: its cells are then centred anywhere, with the density of
    their mass over δ, and the error of rounding has the variance δ²/12 exactly.
    """

    def two_parts(step: float) -> float:
        masses = cdf(LINE + step / 2) - cdf(LINE - step / 2)
        inside = masses > 0
        lengths = -np.log(masses[inside]) @ masses[inside] * SPACING / step
        return float(lengths + step**2 / (24 * scale**2))

    best: Any = minimize_scalar(
        two_parts, bounds=(scale, 10 * scale), method="bounded", options={"xatol": 1e-4 * scale}
    )
    density = np.exp(logpdf(LINE)) * SPACING
    # A draw is spread as the prior and the posterior together.
    cross = -sum(share * (density @ logpdf(LINE + scale * z)) for z, share in zip(DRAWS, SHARES, strict=True))
    bits_back = cross - np.log(2 * np.pi * np.e * scale**2) / 2 + 0.5
    return float(best.fun - bits_back)


def _divergence(logpdf: Function, mean: float, scale: float) -> float:
    """KL of N(mean, scale²) from a density, by the trapezoidal rule."""
    return float(SHARES @ (norm.logpdf(DRAWS) - np.log(scale) - logpdf(mean + scale * DRAWS)))


def _divergence_on_grid(mean: float, scale: float, step: float) -> float:
    """KL of the cells' masses from those of N(0, 1): the net cost of a sample on the grid."""
    cells = step * np.arange(np.floor((mean - 9 * scale) / step), np.ceil((mean + 9 * scale) / step) + 1)
    drawn, sent = (
        law.cdf(cells + step / 2) - law.cdf(cells - step / 2) for law in (norm(mean, scale), norm(0, 1))
    )
    inside = drawn > 0
    return float(drawn[inside] @ np.log(drawn[inside] / sent[inside]))


def _spikes_cdf(weights: np.ndarray) -> np.ndarray:
    return (norm.cdf(weights - 3) + norm.cdf(weights + 3)) / 2


def _spikes_logpdf(weights: np.ndarray) -> np.ndarray:
    return np.logaddexp(norm.logpdf(weights - 3), norm.logpdf(weights + 3)) - np.log(2)


CLAIMS = [
    Claim(
        "bits-back-refund",
        "Bits back takes ½ log₂(2πe/12) = 0.2546 bit a weight less than the best two-part code.",
        "", "", "high resolution: s small against the prior; the data lose e²/2s² nats",
        Verdict.LIMIT, bits_back_refund,
    ),
    Claim(
        "penalty-is-length",
        "The penalties of L2 and L1 are code lengths under a Gaussian and a Laplace prior, up to constants.",
        "", "", "a step that is small against the prior", Verdict.LIMIT, penalty_is_length,
    ),
]  # fmt: skip
