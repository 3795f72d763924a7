"""Claims about weights that are seen through ERM: shrinking, Bayes' estimate, and coding at a rate."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import norm
from scipy.stats import t as student_t

from ratedist import theory
from ratedist.claims.claim import Claim, Verdict
from ratedist.claims.evidence import Evidence, draw_data_sets, sample_mean
from ratedist.claims.numbers import AT_LEAST, AT_MOST, EQUAL, Numbers, computed, numbers, simulated
from ratedist.linear_model.model import GaussianLinearModel

# Of the integrals below, by halving their steps.
ACCURACY = 1e-7
NOISE, LEVEL = 0.5, 0.4


def shrinkage(evidence: Evidence) -> Numbers:
    """Risks of bW on data sets drawn in NumPy, and the least of them by a search."""
    model, weights = evidence.correlated_model, evidence.numpy_data_sets.weights
    best = theory.shrinkage_factor(model)
    checks = []
    for b in (0.25, best):
        risk = sample_mean(model.noise_variance + model.squared_norm(b * weights - model.w_star))
        predicted = float(theory.shrunk_population_risk(model, b))
        checks.append(simulated(f"population risk of bW, b = {b:.3f}", EQUAL, predicted, risk))
    # E‖bW − w*‖² is a parabola in b: at its minimum b E‖W‖² is E Wᵀw*, which is ‖w*‖².
    length = model.squared_norm(weights)
    slope = sample_mean(best * length - model.squared_norm(model.w_star))
    checks.append(
        simulated("b E‖W‖² − ‖w*‖²", EQUAL, 0.0, slope, scale=float(np.mean(length)), resolution=0.1)
    )
    found: Any = minimize_scalar(
        lambda b: float(theory.shrunk_population_risk(model, b)), bounds=(0, 1), method="bounded",
        options={"xatol": 1e-10},
    )  # fmt: skip
    checks.append(computed("b of the least risk, searched", EQUAL, best, found.x, 1e-6))
    return numbers(checks, f"b = {best:.4f} takes the risk from that of ERM to the least of any multiple")


def posterior_mean(evidence: Evidence) -> Numbers:
    """Two levels: all 2^d sets of true weights, each with the multivariate t density of W."""
    prior, checks = theory.MixturePrior.two_level(LEVEL), []
    generator = evidence.generator("remote")
    for d, n in ((1, 3), (2, 5), (3, 8)):
        model = GaussianLinearModel(n, np.full(d, LEVEL), NOISE)
        W = generator.normal(0, 0.6, (2, d))
        estimate = theory.remote_posterior_mean(model, W, prior)
        summed = _by_all_signs(model, W)
        checks += [
            computed(f"E[w*|W], weight {i}, d = {d}, n = {n}", EQUAL, s, e, ACCURACY)
            for i, (s, e) in enumerate(zip(summed.ravel(), estimate.ravel(), strict=True))
        ]
    # The risk in the mean over the prior, against the best multiple of W and against its nearest levels.
    d, n = 3, 8
    zero = GaussianLinearModel(n, np.zeros(d), NOISE)
    noise = draw_data_sets(zero, evidence.num_trials, generator).weights
    true = LEVEL * generator.choice([-1.0, 1.0], noise.shape)
    W = true + noise
    own = np.sum((_by_all_signs(zero, W) - true) ** 2, axis=1)
    b = theory.shrinkage_factor(GaussianLinearModel(n, np.full(d, LEVEL), NOISE))
    rivals = {"the best multiple of W": b * W, "the nearest level": LEVEL * np.sign(W)}
    for name, rival in rivals.items():
        difference = sample_mean(np.sum((rival - true) ** 2, axis=1) - own)
        checks.append(simulated(f"risk of {name} minus that of E[w*|W], paired", AT_LEAST, 0.0, difference))
    return numbers(checks, f"w* = ±{LEVEL:g}, σ² = {NOISE:g}; d = 3, n = 8 for the risks")


def trade_off(evidence: Evidence) -> Numbers:
    """One weight with a Gaussian prior: the test channel's information by integrals, its risk by samples."""
    n, prior = 5, 0.3
    model = GaussianLinearModel(n, np.array([prior**0.5]), NOISE)
    N = NOISE / (n - 2)
    generator, checks, notes = evidence.generator("remote trade-off"), [], []
    zero = GaussianLinearModel(n, np.zeros(1), NOISE)
    noise = draw_data_sets(zero, evidence.num_trials, generator).weights[:, 0]
    true = prior**0.5 * generator.standard_normal(noise.size)
    estimated = prior**2 / (prior + N)
    for rate in (0.1, 0.5, 2.0):
        kept = 1 - math.exp(-2 * rate)
        gain, spread = kept * prior / (prior + N), math.sqrt(kept * (1 - kept) * estimated)
        coded = gain * (true + noise) + spread * generator.standard_normal(noise.size)
        risk = sample_mean(NOISE + (coded - true) ** 2)
        predicted = float(theory.remote_population_risk(model, rate, prior))
        information = _channel_information(n, prior, gain, spread)
        checks += [
            simulated(f"population risk at {rate:g} nats", EQUAL, predicted, risk),
            computed(f"I(W; Ŵ) of the channel for {rate:g} nats", AT_MOST, rate, information, ACCURACY),
        ]
        notes.append(f"{information:.4f} ≤ {rate:g}")
    # Two levels: a bit a weight, spent on the sign, is below what the same bit buys in the Gaussian case.
    level = prior**0.5
    signs = level * generator.choice([-1.0, 1.0], noise.size)
    decided = sample_mean(NOISE + (level * np.sign(signs + noise) - signs) ** 2)
    gaussian = float(theory.remote_population_risk(model, math.log(2), prior))
    checks.append(simulated("population risk of a bit for the sign, w* = ±τ", AT_MOST, gaussian, decided))
    return numbers(checks, f"information in nats: {'; '.join(notes)}")


def _by_all_signs(model: GaussianLinearModel, weights: np.ndarray) -> np.ndarray:
    """E[w*|W] for w* = ±LEVEL and Σ = I: ``(1 + ‖W − w*‖²/σ²)^{−(n+1)/2}`` is the density of W."""
    signs = LEVEL * np.array(list(itertools.product((-1.0, 1.0), repeat=model.d)))
    squares = np.sum((weights[:, None, :] - signs) ** 2, axis=2)
    density = (1 + squares / NOISE) ** (-(model.n + 1) / 2)
    return density @ signs / density.sum(axis=1, keepdims=True)


def _channel_information(n: int, prior: float, gain: float, spread: float) -> float:
    """I(W; aW + N(0, s²)) for W = N(0, τ²) and a t of n degrees of freedom, by convolution on a grid."""
    half = 60.0
    x = np.linspace(-half, half, 24_001)
    step = x[1] - x[0]
    scale = gain * math.sqrt(NOISE / n)
    smooth = norm.pdf(x, scale=math.hypot(gain * prior**0.5, spread))
    # The t law's tail beyond the grid is below 1e-9 of its mass for five degrees of freedom.
    tail = student_t.pdf(x / scale, n) / scale
    density = np.maximum(_convolved(smooth, tail) * step, np.finfo(np.float64).tiny)
    entropy = -np.sum(density * np.log(density)) * step
    return float(entropy - math.log(2 * np.pi * math.e * spread**2) / 2)


def _convolved(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The middle of their convolution, by the FFT of both with zeros between."""
    size = 2 * one.size
    product = np.fft.irfft(np.fft.rfft(one, size) * np.fft.rfft(other, size), size)
    start = one.size // 2
    return product[start : start + one.size]


CLAIMS = [
    Claim(
        "remote-shrinkage",
        "b = ‖w*‖²/(‖w*‖² + dσ²/(n − d − 1)) makes bW the best multiple of ERM's weights.",
        "", "", "norms in Σ, n > d + 1", Verdict.HOLDS, shrinkage,
    ),
    Claim(
        "remote-posterior-mean",
        "E[w*|W] of weights on two levels is as computed, and no worse than bW or the nearest level.",
        "", "", "prior known, Σ = I", Verdict.HOLDS, posterior_mean,
    ),
    Claim(
        "remote-trade-off",
        "R nats suffice for the Gaussian trade-off L(R), though W is not Gaussian; two levels do better.",
        "", "", "prior known", Verdict.HOLDS, trade_off,
    ),
]  # fmt: skip
