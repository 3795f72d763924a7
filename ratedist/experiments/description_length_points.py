"""What the figure of description lengths compares at one scale of the true weights."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from ratedist.compressors import (
    ERM,
    EntropyConstrained,
    KMeans,
    PosteriorMean,
    Shrunk,
    UniformQuantizer,
)
from ratedist.compressors.base import Compressor
from ratedist.experiments.description_length_config import DescriptionLengthConfig
from ratedist.experiments.dithered_ridge import DitheredRidge
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.theory import (
    MixturePrior,
    oracle_alpha_at_rate,
    oracle_population_risk,
    oracle_rate,
    remote_population_risk,
    ridge_best_penalty,
    ridge_information_bound,
    ridge_risks,
    shrinkage_factor,
)
from ratedist.units import NATS_PER_BIT, nats_to_bits

# Of a centre, where centres are counted.
CENTER_BITS = 16
# λ of ridge, in units of the best one.
PENALTIES = 10.0 ** np.linspace(-1.5, 1.0, 21)
SIMULATED_PENALTIES = PENALTIES[4::3]
# δ of rounded weights, in units of the root mean square of w*.
STEPS = (1.4, 1.0, 0.7, 0.5, 0.35, 0.25)
# λ of entropy-constrained quantisers, in units of the estimate's variance under a Gaussian prior.
MULTIPLIERS = (1.0, 0.3, 0.2, 0.14, 0.1, 0.05, 0.02)
MOST_BITS = 4.0  # a weight, of the curves
NUM_CURVE_POINTS = 25


@dataclasses.dataclass(frozen=True, eq=False)
class Point:
    """One simulated point: in the table as ``algorithm`` and ``parameter``, at the rate of this name."""

    algorithm: str
    parameter: float
    rate_name: str
    compressor: Compressor


def root_mean_square(model: GaussianLinearModel) -> float:
    """Of the true weights: the scale of the Gaussian prior that knows their second moment."""
    return float(np.mean(model.w_star**2)) ** 0.5


def weights_prior(config: DescriptionLengthConfig, model: GaussianLinearModel) -> MixturePrior | None:
    """The prior that named true weights are drawn from; ``None`` for a file, of which none is known."""
    if not isinstance(config.w_star, str):
        return None
    c = root_mean_square(model)
    if config.w_star == "two-level":
        return MixturePrior.two_level(c)
    if config.w_star == "sparse":
        level = float(np.abs(model.w_star).max())
        share = float(np.mean(model.w_star != 0))
        return MixturePrior((share / 2, 1 - share, share / 2), (-level, 0.0, level), (0.0, 0.0, 0.0))
    return MixturePrior.gaussian(c**2) if config.w_star == "gaussian" else None


def posterior_scale(model: GaussianLinearModel, penalty: float) -> float:
    """s of ridge's posterior N(W_λ, σ²(A + λI)⁻¹): the root mean square over weights and inputs."""
    sampled = ridge_risks(model, penalty, posterior_variance=model.noise_variance).population_risk
    return float((sampled - ridge_risks(model, penalty).population_risk) / model.d) ** 0.5


def ridge_squared_norm(model: GaussianLinearModel, penalty: float) -> float:
    """``E‖W_λ‖²``, from E‖W_λ − w*‖² and ``E w*ᵀW_λ = ‖w*‖² E tr A(A + λI)⁻¹/d``."""
    risks, squared = ridge_risks(model, penalty), float(np.sum(model.w_star**2))
    freedom = float(risks.degrees_of_freedom)
    return float(risks.population_risk) - model.noise_variance + squared * (2 * freedom / model.d - 1)


def white_bits_back(model: GaussianLinearModel, penalty: float) -> float:
    """``E KL(N(W_λ, s²I) ‖ N(0, τ²I))`` in nats, τ² = σ²/λ: draws as wide as the posterior's, but white."""
    tau2 = model.noise_variance / penalty
    share = posterior_scale(model, penalty) ** 2 / tau2
    return (model.d * (share - 1 - math.log(share)) + ridge_squared_norm(model, penalty) / tau2) / 2


def simulated_points(config: DescriptionLengthConfig, model: GaussianLinearModel) -> list[Point]:
    """K-means, rounded ridge, and remote coding."""
    tau, best = root_mean_square(model), ridge_best_penalty(model)
    factor = shrinkage_factor(model)
    estimated = tau**2 * factor
    entropy = "assignment_entropy"
    points = [Point("kmeans", K, entropy, KMeans(K)) for K in range(1, config.max_clusters + 1)]
    points.append(Point("kmeans_coded", 2, "decodable_length", KMeans(2, center_bits=CENTER_BITS)))
    points.append(Point("shrunk_kmeans", 2, entropy, Shrunk(KMeans(2), factor)))
    for lam in (best * SIMULATED_PENALTIES).tolist():
        step, scale = math.sqrt(12) * posterior_scale(model, lam), (model.noise_variance / lam) ** 0.5
        points.append(Point("ridge_two_part", lam, "code_length", DitheredRidge(lam, step, scale)))
    for step in (tau * np.array(STEPS)).tolist():
        points.append(Point("quantized_ridge", step, "code_length", DitheredRidge(best, step, tau)))
        # Dither adds the variance of the cell to what is sent.
        rounded = UniformQuantizer(step, (estimated + step**2 / 12) ** 0.5, dithered=True)
        points.append(Point("shrunk_uniform", step, "code_length", Shrunk(rounded, factor)))
    if (own := weights_prior(config, model)) is not None:
        points += [
            Point("remote_own_prior", multiplier, "code_length", EntropyConstrained(multiplier, own))
            for multiplier in (estimated * np.array(MULTIPLIERS)).tolist()
        ]
    return points


def estimators(config: DescriptionLengthConfig, model: GaussianLinearModel) -> dict[str, Compressor]:
    """ERM, and the best that can be made of it without any limit to the bits."""
    own = weights_prior(config, model) or MixturePrior.gaussian(root_mean_square(model) ** 2)
    return {"erm": ERM(), "posterior_mean": PosteriorMean(own)}


def exact_rows(model: GaussianLinearModel) -> list[dict[str, Any]]:
    """What has a closed form: ridge with bits back, the oracle, and the Gaussian limit of remote coding."""
    most = model.d * MOST_BITS * NATS_PER_BIT
    rows = []
    for lam in (ridge_best_penalty(model) * PENALTIES).tolist():
        cost = float(ridge_information_bound(model, lam))
        for algorithm, variance in (("ridge_bits_back", model.noise_variance), ("ridge_mean", 0.0)):
            risk = float(ridge_risks(model, lam, posterior_variance=variance).population_risk)
            rows.append(exact_row(algorithm, lam, "bits_back", cost, risk))
            if variance:
                rows.append(
                    exact_row("ridge_white_bits_back", lam, "bits_back", white_bits_back(model, lam), risk)
                )
    rates = np.linspace(0.0, most, NUM_CURVE_POINTS)
    for alpha in np.asarray(oracle_alpha_at_rate(model, rates)).tolist():
        rate, risk = float(oracle_rate(model, alpha)), float(oracle_population_risk(model, alpha))
        rows.append(exact_row("oracle", alpha, "mutual_information", rate, risk))
    risks = remote_population_risk(model, rates)
    rows += [
        exact_row("remote_gaussian_limit", math.nan, "mutual_information", rate, risk)
        for rate, risk in zip(rates.tolist(), risks.tolist(), strict=True)
    ]
    return rows


def exact_row(algorithm: str, parameter: float, rate_name: str, rate: float, risk: float) -> dict[str, Any]:
    """A row without standard errors."""
    bits = nats_to_bits(rate)
    return {
        "algorithm": algorithm, "parameter": parameter, "rate_name": rate_name, "rate_bits": bits,
        "population_risk": risk,
    }  # fmt: skip
