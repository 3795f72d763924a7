"""Claims about the bounds derived for this package, and about two teaching cases."""

from __future__ import annotations

import numpy as np

from ratedist import theory
from ratedist.claims.bounds import codebooks
from ratedist.claims.claim import Claim, Verdict
from ratedist.claims.evidence import CODEBOOK, Evidence, draw_data_sets, sample_mean
from ratedist.claims.numbers import AT_LEAST, AT_MOST, EQUAL, Numbers, computed, numbers, simulated
from ratedist.estimate import Estimate
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.linear_model.weights import gaussian_weights
from ratedist.theory.bounds.conditional_cgf import (
    CgfBound,
    conditional_cgf_bound,
    conditional_cgf_relaxation,
    product_cgf_bound,
)
from ratedist.theory.bounds.gaussian_mean import (
    gaussian_mean_generalization_error,
    gaussian_mean_individual_bound,
    gaussian_mean_individual_information,
)
from ratedist.theory.bounds.generalization import exact_cgf_factor
from ratedist.theory.bounds.oracle_cgf import oracle_conditional_cgf_bound, oracle_loss_variance
from ratedist.theory.gibbs import (
    gibbs_generalization_error,
    gibbs_posterior,
    gibbs_symmetrized_information,
)

RATES_PER_SAMPLE = (1e-4, 0.01, 0.1, 1.0, 10.0)


def exact_cgf(evidence: Evidence) -> Numbers:
    checks, notes = [], []
    for model, radius, rate, gen in codebooks(evidence):
        bound = float(theory.exact_cgf_bound(model, rate, radius))
        looser = float(theory.proposition1_bound(model, rate, radius))
        notes.append(f"{bound:.1f} where Proposition 1 says {looser:.1f}")
        checks += [
            simulated(f"gen of the codebook ±1, d = {model.d}, n = {model.n}", AT_MOST, bound, gen),
            computed(f"bound of the codebook ±1, d = {model.d}", AT_MOST, looser, bound, 0.0),
        ]
    for eta in RATES_PER_SAMPLE:
        factor = float(exact_cgf_factor(eta))
        checks += [
            computed(
                f"−y − ln(1 − y) at η = {eta:g}", EQUAL, 2 * eta, -factor - np.log1p(-factor), 1e-6 * eta
            ),
            computed(f"y at η = {eta:g}, against 2√η", AT_MOST, 2 * eta**0.5, factor, 0.0),
            computed(f"y at η = {eta:g}, against 1", AT_MOST, 1.0, factor, 0.0),
        ]
    return numbers(checks, "; ".join(notes))


def conditional_cgf(evidence: Evidence) -> Numbers:
    checks, notes = [], []
    for alpha in (0.1, 0.5):
        gaussian = float(theory.oracle_gaussian_rate(evidence.model, alpha))
        nodes = oracle_loss_variance(evidence.model, alpha)
        loose = conditional_cgf_bound(evidence.model, gaussian, *nodes).value
        bound = oracle_conditional_cgf_bound(evidence.model, alpha).value
        gen = evidence.data_sets[f"oracle {alpha}"].generalization_error
        checks.append(simulated(f"gen of the oracle, α = {alpha}", AT_MOST, bound, gen))
        truth = float(theory.oracle_generalization_error(evidence.model, alpha))
        notes.append(f"α = {alpha}: {truth:.4f} ≤ {bound:.4f} ({loose:.4f} with the Gaussian rate)")
    return numbers(checks, "; ".join(notes))


def order_of_bounds(evidence: Evidence) -> Numbers:
    """On the codebook ±1 by simulated σ_ℓ², on the oracle by quadrature."""
    small, radius, rate, _ = codebooks(evidence)[1]
    nearest = np.where(evidence.numpy_data_sets.weights > 0, CODEBOOK[1], CODEBOOK[0])
    variance = small.squared_norm(nearest - small.w_star) + small.noise_variance
    checks = [
        simulated(
            "conditional-CGF of the codebook ±1 against exact-CGF, d = 6, n = 20",
            AT_MOST,
            float(theory.exact_cgf_bound(small, rate, radius)),
            _as_estimate(conditional_cgf_bound(small, rate, variance), variance.size // 2),
        )
    ]
    model = evidence.model
    for alpha in (0.02, 0.1, 0.5, 0.9):
        nodes, probabilities = oracle_loss_variance(model, alpha)
        rate = float(theory.oracle_rate(model, alpha))
        value = conditional_cgf_bound(model, rate, nodes, probabilities).value
        relaxed = conditional_cgf_relaxation(model, rate, nodes, probabilities).value
        product = product_cgf_bound(model, rate, nodes, probabilities).value
        largest = (nodes.max() - model.noise_variance) ** 0.5
        exact = float(theory.exact_cgf_bound(model, rate, largest, norm="covariance"))
        for name, other in (("its relaxation", relaxed), ("the product form", product), ("exact-CGF", exact)):
            label = f"conditional-CGF of the oracle against {name}, α = {alpha}"
            checks.append(computed(label, AT_MOST, other, value, 0.0))
    return numbers(checks)


def gibbs(evidence: Evidence) -> Numbers:
    model = GaussianLinearModel(n=8, w_star=gaussian_weights(3, seed=2), noise_variance=0.5)
    gamma, prior = 4.0, 2.0
    gen = gibbs_generalization_error(model, gamma, prior)
    information = gibbs_symmetrized_information(model, gamma, prior)
    generator = evidence.generator("gibbs")
    data = draw_data_sets(model, evidence.num_trials, generator)
    posterior = gibbs_posterior(data.gram, data.product, model.n, gamma, prior)
    factor = np.linalg.cholesky(posterior.precision)
    noise = generator.standard_normal(posterior.mean.shape)[..., None]
    sample = posterior.mean + np.linalg.solve(np.swapaxes(factor, 1, 2), noise)[..., 0]
    fit = np.einsum("ti,tij,tj->t", sample, data.gram, sample) - 2 * np.sum(sample * data.product, axis=1)
    empirical = (data.outputs_squared + fit) / model.n
    population = model.squared_norm(sample - model.w_star) + model.noise_variance
    difference = sample_mean(population - empirical)
    formula = information / gamma
    return numbers(
        [
            computed("gen by quadrature against I_SKL/γ", EQUAL, formula, gen, 1e-8),
            simulated("gen simulated against I_SKL/γ", EQUAL, formula, difference, resolution=0.1),
        ],
        "d = 3, n = 8",
    )


def gaussian_mean(evidence: Evidence) -> Numbers:
    d, n, s2 = 3, 10, 0.7
    generator = evidence.generator("gaussian mean")
    samples = s2**0.5 * generator.standard_normal((evidence.num_trials, n, d))
    mean = samples.mean(axis=1)
    empirical = np.mean(np.sum((samples - mean[:, None]) ** 2, axis=2), axis=1)
    gen = sample_mean(np.sum(mean**2, axis=1) + s2 * d - empirical)
    # Squared correlation of one coordinate of W and Z_1 gives the information of a Gaussian pair.
    covariance = sample_mean(np.sum(mean * samples[:, 0], axis=1))
    truth, bound = gaussian_mean_generalization_error(d, n, s2), gaussian_mean_individual_bound(d, n, s2)
    information = gaussian_mean_individual_information(d, n)
    correlation = 1 - np.exp(-2 * information / d)  # 1/n
    return numbers(
        [
            simulated("gen of the mean, d = 3, n = 10", EQUAL, truth, gen, resolution=0.1),
            simulated("E Wᵀ Z_1", EQUAL, d * s2 * correlation, covariance, resolution=0.1),
            computed("bound by single samples", AT_LEAST, truth, bound, 0.0),
        ],
        f"I(W; Z_i) = (d/2) ln(n/(n − 1)) = {information:.4f} nats, bound {bound:.3f}, gen {truth:.3f}",
    )


def _as_estimate(bound: CgfBound, num_trials: int) -> Estimate:
    return Estimate(bound.value, bound.sem, num_trials)


CLAIMS = [
    Claim(
        "exact-cgf", "gen ≤ σ*²y, −y − ln(1 − y) = 2R/n: never above Proposition 1, never above σ*².",
        "", "", "compact reproduction set, finite rate", Verdict.HOLDS, exact_cgf,
    ),
    Claim(
        "conditional-cgf", "gen ≤ inf_{λ>0} [R/n + λE σ_ℓ² − ½E ln(1 + 2λσ_ℓ²)]/λ, shown for the oracle.",
        "", "", "S → W → Ŵ, finite rate", Verdict.HOLDS, conditional_cgf,
    ),
    Claim(
        "order-of-bounds",
        "conditional-CGF ≤ exact-CGF, its relaxation 2√(E σ_ℓ⁴ R/n), and the product form.",
        "", "", "the same rate and reproduction set", Verdict.HOLDS, order_of_bounds,
    ),
    Claim(
        "gibbs", "gen of the Gibbs algorithm = I_SKL(Ŵ; S)/γ (Aminian et al. 2021), in closed form here.",
        "", "", "posterior N(m, Λ⁻¹)", Verdict.HOLDS, gibbs,
    ),
    Claim(
        "gaussian-mean",
        "Mean of n Gaussians: gen = 2σ²d/n, I(W; Z_i) = (d/2) ln(n/(n − 1)), bounded by single samples.",
        "", "", "i.i.d. Gaussian", Verdict.HOLDS, gaussian_mean,
    ),
]  # fmt: skip
