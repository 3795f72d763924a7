"""Claims about ridge regression: Bayes' estimate, the best penalty, what its posterior tells of the data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import chi2

from ratedist import theory
from ratedist.claims.claim import Claim, Verdict
from ratedist.claims.evidence import DataSets, Evidence, draw_data_sets, sample_mean
from ratedist.claims.numbers import AT_LEAST, AT_MOST, EQUAL, Numbers, computed, numbers, simulated
from ratedist.linear_model.model import GaussianLinearModel, ar1_covariance
from ratedist.linear_model.weights import two_level_weights

NOISE, PRIOR = 0.5, 0.8
PENALTY = NOISE / PRIOR
# Accuracy of integrals by the trapezoidal and Gauss–Legendre rules below, which agree to 1e-12.
ACCURACY = 1e-9


def bayes_estimate(evidence: Evidence) -> Numbers:
    """E[w*|S] by integrating prior times likelihood, and the mean risk over w* from the prior."""
    generator, checks = evidence.generator("ridge"), []
    for n in (1, 2, 5):
        X = generator.standard_normal((2, n))
        Y = X.T @ generator.standard_normal(2) + NOISE**0.5 * generator.standard_normal(n)
        ridge = np.linalg.solve(X @ X.T + PENALTY * np.eye(2), X @ Y)
        integral = _posterior_mean(X, Y)
        checks += [
            computed(f"posterior mean by its integral, weight {i}, d = 2, n = {n}", EQUAL, r, w, ACCURACY)
            for i, (r, w) in enumerate(zip(ridge, integral, strict=True))
        ]
    # Correlated inputs: the optimum does not need Σ = cI if w* is drawn from the prior.
    weights, data, sigma = _with_prior_weights(evidence, ar1_covariance(3, 0.6), "ridge risks")

    def excess(penalty: float) -> np.ndarray:
        error = np.linalg.solve(data.gram + penalty * np.eye(3), data.product[..., None])[..., 0] - weights
        return np.sum(error @ sigma * error, axis=1)

    own = excess(PENALTY)
    for factor in (0.25, 4.0):
        checks.append(
            simulated(
                f"population risk at {factor:g}λ minus that at λ, paired",
                AT_LEAST,
                0.0,
                sample_mean(excess(factor * PENALTY) - own),
            )
        )
    error = np.linalg.solve(data.gram + PENALTY * np.eye(3), data.product[..., None])[..., 0] - weights
    correlation = sample_mean(np.sum(error @ sigma * data.weights, axis=1))
    checks.append(simulated("E (W_λ − w*)ᵀΣW", EQUAL, 0.0, correlation, scale=1.0, resolution=0.1))
    return numbers(checks, "d = 3, n = 8, AR(1) 0.6, for the risks")


def best_penalty(evidence: Evidence) -> Numbers:
    """The minimum of the risk and the maximum of the mean evidence, by a search that knows no formula."""
    model, checks = evidence.model, []
    for label, level, n in (("±1", 1.0, 80), ("±¼", 0.25, 80), ("±1", 1.0, 50), ("±1", 1.0, 20)):
        own = GaussianLinearModel(model.n, level * two_level_weights(model.d))
        predicted = theory.ridge_best_penalty(own)
        searched = {
            "least risk": lambda x, own=own, n=n: float(
                theory.ridge_risks(own, math.exp(x), num_samples=n).population_risk
            ),
            "most evidence": lambda x, own=own, n=n: (
                -float(theory.ridge_expected_log_evidence(own, math.exp(x), n))
            ),
        }
        for name, value in searched.items():
            found: Any = minimize_scalar(value, bounds=(-4, 6), method="bounded", options={"xatol": 1e-8})
            measured = f"λ of {name}, w* = {label}, d = {model.d}, n = {n}"
            checks.append(computed(measured, EQUAL, predicted, math.exp(found.x), 1e-5 * predicted))
    return numbers(checks, "λ = σ²d/‖w*‖² = 1 for w* = ±1 and 16 for ±¼, at every n")


def information_bound(evidence: Evidence) -> Numbers:
    """One weight, where I(S; Ŵ) is an integral; and w* from the prior, where the bound is an equality."""
    checks, notes = [], []
    for n, penalty, prior in ((1, PENALTY, PRIOR), (5, 0.2, 1.0), (5, 3.0, 0.7)):
        bound = float(
            theory.ridge_information_bound(
                GaussianLinearModel(n, np.array([0.8]), NOISE), penalty, NOISE, prior
            )
        )
        information, divergence = _one_weight(n, 0.8, penalty, prior)
        label = f"d = 1, n = {n}, λ = {penalty:g}, τ² = {prior:g}"
        checks += [
            computed(f"E KL(P_Ŵ|S ‖ Q) against I(S; Ŵ), {label}", AT_LEAST, information, bound, ACCURACY),
            computed(
                f"E KL, {label}, as I(S; Ŵ) + KL(P_Ŵ ‖ Q)", EQUAL, information + divergence, bound, ACCURACY
            ),
        ]
        notes.append(f"{bound:.3f} ≥ {information:.3f}")
    weights, data, _ = _with_prior_weights(evidence, np.eye(3), "ridge information")
    model = GaussianLinearModel(8, np.zeros(3), NOISE)
    # Ridge's posterior is Gibbs' at γ = n/2σ² and prior σ²/λ.
    posterior = theory.gibbs_posterior(data.gram, data.product, 8, 8 / (2 * NOISE), PRIOR)
    exact = float(theory.ridge_bayes_information(model, PENALTY))
    for prior, relation in ((PRIOR, EQUAL), (2 * PRIOR, AT_LEAST)):
        found = sample_mean(_divergence(posterior.mean, posterior.precision, prior))
        checks.append(
            simulated(
                f"E KL for w* ~ N(0, {PRIOR:g}I), τ² = {prior:g}", relation, exact, found, resolution=0.1
            )
        )
    # P_Ŵ is the prior: the mean of ln p(Ŵ|S)/p(Ŵ) is I(S; Ŵ).
    generator = evidence.generator("ridge samples")
    z = generator.standard_normal(weights.shape)
    factor = np.linalg.cholesky(posterior.precision)
    sample = posterior.mean + np.linalg.solve(np.swapaxes(factor, 1, 2), z[..., None])[..., 0]
    density = np.linalg.slogdet(PRIOR * posterior.precision)[1] - np.sum(z**2, axis=1)
    density = (density + np.sum(sample**2, axis=1) / PRIOR) / 2
    checks.append(
        simulated("I(S; Ŵ) for w* from the prior", EQUAL, exact, sample_mean(density), resolution=0.1)
    )
    return numbers(checks, f"nats for one weight: {', '.join(notes)}")


def generalization(evidence: Evidence) -> Numbers:
    """gen of a sample of the posterior, simulated, against the bound at the rate of bits-back coding."""
    model = GaussianLinearModel(20, two_level_weights(6), NOISE)
    generator, checks, notes = evidence.generator("ridge bound"), [], []
    for penalty in (0.1, 0.5, 2.0, 10.0):
        data = draw_data_sets(model, evidence.num_trials, generator)
        shifted = data.gram + penalty * np.eye(6)
        z = generator.standard_normal(data.product.shape)[..., None]
        upper = np.swapaxes(np.linalg.cholesky(shifted), 1, 2)
        mean = np.linalg.solve(shifted, data.product[..., None])
        sample = (mean + NOISE**0.5 * np.linalg.solve(upper, z))[..., 0]
        fit = np.einsum("ti,tij,tj->t", sample, data.gram, sample) - 2 * np.sum(sample * data.product, axis=1)
        variance = model.squared_norm(sample - model.w_star) + NOISE
        difference = sample_mean(variance - (data.outputs_squared + fit) / model.n)
        truth = float(theory.ridge_risks(model, penalty, NOISE).generalization_error)
        rate = float(theory.ridge_information_bound(model, penalty))
        bound = theory.conditional_cgf_bound(model, rate, variance)
        # The bound is an estimate too: its own error counts against it.
        least = bound.value - 4 * bound.sem
        label = f"a sample of the posterior, λ = {penalty:g}"
        checks += [
            simulated(f"gen of {label}, against quadrature", EQUAL, truth, difference, resolution=0.1),
            simulated(f"gen of {label}, against the bound", AT_MOST, least, difference),
        ]
        notes.append(f"λ = {penalty:g}: {truth:.3f} ≤ {bound.value:.3f}")
    return numbers(checks, "; ".join(notes))


def _posterior_mean(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """E[w*|S] of two weights: prior times likelihood on a grid, no formula for Gaussians."""
    axis = np.linspace(-9, 9, 1201) * PRIOR**0.5
    w = np.stack(np.meshgrid(axis, axis, indexing="ij"))
    residual = Y[:, None, None] - np.einsum("in,ixy->nxy", X, w)
    exponent = np.sum(residual**2, axis=0) / NOISE + np.sum(w**2, axis=0) / PRIOR
    density = np.exp((exponent.min() - exponent) / 2)
    return np.sum(w * density, axis=(1, 2)) / density.sum()


def _with_prior_weights(
    evidence: Evidence, sigma: np.ndarray, name: str
) -> tuple[np.ndarray, DataSets, np.ndarray]:
    """w* from N(0, τ²I) in every trial, data sets of d = 3, n = 8 with them, and Σ."""
    generator = evidence.generator(name)
    model = GaussianLinearModel(8, np.zeros(3), NOISE, sigma)
    data = draw_data_sets(model, evidence.num_trials, generator)
    weights = PRIOR**0.5 * generator.standard_normal(data.product.shape)
    shifted = (data.gram @ weights[..., None])[..., 0]
    return weights, _shifted(data, weights, shifted), sigma


def _shifted(data: DataSets, weights: np.ndarray, product: np.ndarray) -> DataSets:
    """The data sets of w* = 0 with labels raised by Xᵀw*."""
    return DataSets(
        data.weights + weights,
        data.gram,
        data.product + product,
        data.outputs_squared + np.sum(weights * (2 * data.product + product), axis=1),
        data.noise_squared,
        data.noise_product,
    )


def _divergence(mean: np.ndarray, precision: np.ndarray, prior: float) -> np.ndarray:
    """KL(N(m, Λ⁻¹) ‖ N(0, τ²I))."""
    d = mean.shape[-1]
    spread = np.trace(np.linalg.inv(precision), axis1=-2, axis2=-1) + np.sum(mean**2, axis=-1)
    return (spread / prior - d + np.linalg.slogdet(prior * precision)[1]) / 2


def _one_weight(n: int, w: float, penalty: float, prior: float) -> tuple[float, float]:
    """I(S; Ŵ) and KL(P_Ŵ ‖ Q) of one weight: P_Ŵ is a mixture of Gaussians over A ~ χ²_n."""
    u, du = np.polynomial.legendre.leggauss(200)
    end = math.sqrt(n) + 9
    root = (1 + u) / 2 * end
    a = root**2
    shares = chi2.pdf(a, n) * root * du * end
    spread = NOISE * a / (a + penalty) ** 2 + NOISE / (a + penalty)
    x = np.linspace(-14, 14, 6001) * math.sqrt(spread.max()) + w / 2
    kernel = np.exp(-((x[:, None] - a / (a + penalty) * w) ** 2) / 2 / spread) / np.sqrt(2 * np.pi * spread)
    density = kernel @ shares
    log_density = np.log(np.maximum(density, np.finfo(np.float64).tiny))
    step = x[1] - x[0]
    entropy = -np.sum(density * log_density) * step
    given = shares @ np.log(2 * np.pi * math.e * NOISE / (a + penalty)) / 2
    log_prior = -(x**2) / (2 * prior) - math.log(2 * np.pi * prior) / 2
    return float(entropy - given), float(np.sum(density * (log_density - log_prior)) * step)


CLAIMS = [
    Claim(
        "ridge-bayes", "Ridge with λ = σ²/τ² is Bayes' estimate E[w*|S] for w* ~ N(0, τ²I), for every Σ.",
        "", "", "Gaussian prior and noise", Verdict.HOLDS, bayes_estimate,
    ),
    Claim(
        "ridge-penalty",
        "λ = σ²d/‖w*‖² has the least population risk and the most mean evidence, at every n and d.",
        "", "", "Σ a multiple of I", Verdict.HOLDS, best_penalty,
    ),
    Claim(
        "ridge-information",
        "E KL(P_Ŵ|S ‖ Q) = I(S; Ŵ) + KL(P_Ŵ ‖ Q) ≥ I(S; Ŵ), an equality for the prior Q of Bayes.",
        "", "", "Ŵ a sample of ridge's posterior, Q fixed before the data", Verdict.HOLDS, information_bound,
    ),
    Claim(
        "ridge-generalisation",
        "The conditional-CGF bound at the rate of bits-back coding holds for ridge's posterior at every λ.",
        "", "", "Ŵ a sample of ridge's posterior", Verdict.HOLDS, generalization,
    ),
]  # fmt: skip
