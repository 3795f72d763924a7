"""What the comparison sets side by side: every code with the steps, levels or ranks that make its curve."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ratedist.compressors import (
    HessianWeightedKMeans,
    KMeans,
    Pruned,
    QuantizedLowRank,
    Shrunk,
    UniformQuantizer,
)
from ratedist.compressors.low_rank import MetricName
from ratedist.experiments.compare_config import CompareConfig
from ratedist.experiments.description_length_points import Point
from ratedist.experiments.designed_code import DesignedCode
from ratedist.experiments.shared_ridge import SharedRidge
from ratedist.linear_model.base import LinearModel
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.theory import (
    MixturePrior,
    erm_population_risk,
    oracle_alpha_at_rate,
    oracle_gaussian_rate,
    oracle_population_risk,
    oracle_rate,
    ridge_risks,
)
from ratedist.units import NATS_PER_BIT, nats_to_bits

# Of a centre: below, rounded centres cost risk, and above, bits.
CENTER_BITS = 10
CLUSTERS = (2, 3, 4, 8)
# Of the diameter regulariser; its programme for more clusters takes more time than all else.
PENALIZED_CLUSTERS = (2, 3, 4)
DIAMETER_PENALTIES = (0.1, 0.5)
# δ of rounded weights, in units of the root mean square of w*.
STEPS = (2.8, 2.0, 1.4, 1.0, 0.7, 0.5, 0.3, 0.18)
# λ of entropy-constrained quantisers, in units of the mean square of w*, or of the noise if that is larger.
MULTIPLIERS = (1.0, 0.6, 0.4, 0.25, 0.15, 0.08, 0.03, 0.01, 0.003)
# Share of the weights that pruning keeps, and what K-means makes of these.
KEPT = (0.06, 0.1, 0.14, 0.2, 0.3, 0.45, 0.7)
KEPT_CLUSTERS = (2, 4)
# δ of rounded factors, in units of the square root of the weights' scale.
FACTOR_STEPS = (1.4, 0.8, 0.45, 0.25, 0.14)
MOST_RANK = 4
LOW_RANK: dict[str, MetricName] = {"low_rank": "plain", "low_rank_information": "information"}
# Of a weight's noise, in which the design of a quantiser of W sees W itself.
SHARPNESS = 1e-6
MOST_BITS = 6.0  # a weight, of the oracle's curve
NUM_CURVE_POINTS = 49


def root_mean_square(model: LinearModel) -> float:
    """Of the true weights: the scale of the Gaussian prior that knows their second moment."""
    return float(np.mean(np.square(model.w_star))) ** 0.5


def weight_noise(model: LinearModel) -> float:
    """Variance of a weight of ERM about the true one, averaged: inputs are white."""
    return model.bayes_risk / model.num_outputs / (model.n - model.num_inputs - 1)


def erm_excess(model: LinearModel) -> float:
    """ERM's population risk above that of the true weights, exact."""
    return float(erm_population_risk(model) - model.bayes_risk)


def best_penalty(model: LinearModel) -> float:
    """λ of ridge with the least population risk: the noise over the mean square of the true weights."""
    return model.bayes_risk / model.num_outputs / root_mean_square(model) ** 2


def ridge_excess(model: LinearModel) -> float:
    """The excess of ridge at its best penalty in real numbers, exact: every output is a ridge of its own."""
    rows, noise = np.reshape(model.w_star, (model.num_outputs, -1)), model.bayes_risk / model.num_outputs
    models = [GaussianLinearModel(model.n, row, noise) for row in rows]
    penalty = best_penalty(model)
    return float(sum(ridge_risks(one, penalty).population_risk - noise for one in models))


def weights_prior(config: CompareConfig, model: LinearModel) -> MixturePrior:
    """The prior that named true weights are drawn from; for others the Gaussian of their second moment."""
    name, c = config.w_star if isinstance(config.w_star, str) else "", root_mean_square(model)
    if name == "two-level":
        return MixturePrior.two_level(c)
    if name == "sparse":
        level, share = float(np.abs(model.w_star).max()), float(np.mean(model.w_star != 0))
        return MixturePrior((share / 2, 1 - share, share / 2), (-level, 0.0, level), (0.0, 0.0, 0.0))
    return MixturePrior.gaussian(c**2)


def points(config: CompareConfig, model: LinearModel) -> list[Point]:
    """All simulated points."""
    low_rank = _low_rank_points(model) if model.num_outputs > 1 else ()
    return [*_kmeans_points(model), *_scalar_points(config, model), *_pruned_points(model), *low_rank]


def _kmeans_points(model: LinearModel) -> Iterator[Point]:
    length = "decodable_length"
    # With the codes of low rank beside them there is time for one price, the higher.
    penalties = DIAMETER_PENALTIES if model.num_outputs == 1 else DIAMETER_PENALTIES[-1:]
    for K in CLUSTERS:
        yield Point("kmeans", K, length, KMeans(K, center_bits=CENTER_BITS))
        yield Point("hessian_weighted", K, length, HessianWeightedKMeans(K, center_bits=CENTER_BITS))
        for beta in penalties if K in PENALIZED_CLUSTERS else ():
            one = HessianWeightedKMeans(K, beta, center_bits=CENTER_BITS)
            yield Point("diameter_regularized", K, length, one)


def _scalar_points(config: CompareConfig, model: LinearModel) -> Iterator[Point]:
    """Grids with a Gaussian code for W, for shrunk W and for ridge; quantisers designed for W and for w*."""
    tau, v, prior = root_mean_square(model), weight_noise(model), weights_prior(config, model)
    factor = tau**2 / (tau**2 + v)

    def grid(step: float, variance: float) -> UniformQuantizer:
        # Dither adds the variance of the cell to what is sent.
        return UniformQuantizer(step, math.sqrt(variance + step**2 / 12), dithered=True)

    for step in (tau * np.array(STEPS)).tolist():
        estimated, code = tau**2 * factor, "code_length"
        yield Point("entropy_coded", step, code, grid(step, tau**2 + v))
        yield Point("remote_gaussian", step, code, Shrunk(grid(step, estimated), factor))
        scale = math.sqrt(estimated + step**2 / 12)
        yield Point("ridge_coded", step, code, SharedRidge(best_penalty(model), step, scale))
    seen = MixturePrior(prior.probabilities, prior.means, tuple(s + v for s in prior.variances))
    # The finest has hundreds of levels, and takes the time of the codes of low rank.
    for multiplier in MULTIPLIERS if model.num_outputs == 1 else MULTIPLIERS[:-1]:
        weights = DesignedCode(max(tau**2, v) * multiplier, seen, SHARPNESS * v)
        yield Point("entropy_constrained", weights.multiplier, "code_length", weights)
        estimates = DesignedCode(tau**2 * multiplier, prior, v)
        yield Point("remote_prior", estimates.multiplier, "code_length", estimates)


def _pruned_points(model: LinearModel) -> Iterator[Point]:
    """The weights of largest saliency, clustered, and sent with their places."""
    for K in KEPT_CLUSTERS:
        for share in KEPT:
            one = Pruned(fraction=share, method="hessian", num_clusters=K, center_bits=CENTER_BITS)
            if share * model.num_weights >= K:
                yield Point("pruned", share, "decodable_length", one)


def _low_rank_points(model: LinearModel) -> Iterator[Point]:
    """Two rounded factors of the plain projection, and of that by information."""
    scale = root_mean_square(model)
    for name, metric in LOW_RANK.items():
        for rank in range(1, min(MOST_RANK, model.num_outputs, model.num_inputs) + 1):
            for step in (math.sqrt(scale) * np.array(FACTOR_STEPS)).tolist():
                one = QuantizedLowRank(rank, metric, step=step, prior_scale=scale)
                yield Point(name, rank, "code_length", one)


def oracle_rows(model: LinearModel) -> list[dict[str, Any]]:
    """The channel that knows w*, in closed forms; of several outputs the rate is an upper bound."""
    rates = np.linspace(0.0, model.num_weights * MOST_BITS * NATS_PER_BIT, NUM_CURVE_POINTS)[1:]
    if isinstance(model, GaussianLinearModel):
        name, alphas = "mutual_information", np.asarray(oracle_alpha_at_rate(model, rates))
        rates = [float(oracle_rate(model, alpha)) for alpha in alphas]
    else:
        # e^{2R/od} − 1 = (1 − α) n/(α (n − d − 1)) of Gaussian weights.
        share = np.expm1(2 * rates / model.num_weights) * (model.n - model.num_inputs - 1) / model.n
        name, alphas = "gaussian_bound", 1 / (1 + share)
        rates = oracle_gaussian_rate(model, alphas).tolist()
    risks = np.asarray(oracle_population_risk(model, alphas)) - model.bayes_risk
    return [
        {
            "algorithm": "oracle", "parameter": alpha, "rate_name": name,
            "bits_per_weight": nats_to_bits(rate) / model.num_weights, "excess_risk": risk,
        }
        for alpha, rate, risk in zip(alphas.tolist(), rates, risks.tolist(), strict=True)
    ]  # fmt: skip
