"""Rank in bits: two rounded factors against the matrix itself rounded, by codes agreed beforehand."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ratedist.compressors import ERM, QuantizedLowRank, UniformQuantizer
from ratedist.compressors.base import Compressor
from ratedist.experiments.low_rank_config import LowRankConfig
from ratedist.linear_model.multi_output import MultiOutputLinearModel
from ratedist.units import nats_to_bits

# Errors of these means are far smaller than what is seen between curves.
MOST_TRIALS = 500
# δ of the factors, in units of the square root of the weights' scale.
FACTOR_STEPS = (1.4, 0.8, 0.45, 0.25)
# δ of the weights themselves, in units of their scale.
WEIGHT_STEPS = (4.0, 2.8, 2.0, 1.4, 1.0, 0.7, 0.5, 0.35)
RANKS_BEYOND = 2


@dataclasses.dataclass(frozen=True, eq=False)
class BitsPoint:
    """One simulated point: rank is ``None`` where the matrix itself is rounded."""

    projection: str
    rank: int | None
    step: float
    compressor: Compressor


def points(model: MultiOutputLinearModel) -> Iterator[BitsPoint]:
    """Every rank up to a little more than the true one at every step, for two metrics; and no rank."""
    scale = float(np.mean(model.W_star**2)) ** 0.5
    most = min(int(np.linalg.matrix_rank(model.W_star)) + RANKS_BEYOND, *model.W_star.shape)
    spread = (
        float(np.mean(np.asarray(model.noise_covariance)))
        * _mean_inverse(model)
        / (model.n - model.num_inputs - 1)
    )
    for step in (scale * np.array(WEIGHT_STEPS)).tolist():
        prior_scale = math.sqrt(scale**2 + spread + step**2 / 12)
        yield BitsPoint("rounded", None, step, UniformQuantizer(step, prior_scale, dithered=True))
    for metric in ("plain", "information"):
        for rank in range(1, most + 1):
            for step in (math.sqrt(scale) * np.array(FACTOR_STEPS)).tolist():
                one = QuantizedLowRank(rank, metric, step=step, prior_scale=scale)
                yield BitsPoint(f"{metric}_quantized", rank, step, one)


def _mean_inverse(model: MultiOutputLinearModel) -> float:
    """Mean over inputs of the diagonal of Σ⁻¹, which the noise of a weight is proportional to."""
    L = np.asarray(model.covariance_cholesky)
    if L.ndim < 2:
        return float(np.mean(1 / np.square(L)))
    return float(np.sum(np.linalg.inv(L) ** 2) / len(L))


def quantized_rows(
    config: LowRankConfig, model: MultiOutputLinearModel, *, progress: bool
) -> list[dict[str, Any]]:
    """Rows of the table, from one simulation of all points."""
    import jax

    from ratedist.simulation.runner import simulate

    named = {f"{one.projection} {place}": one for place, one in enumerate(points(model))}
    result = simulate(
        model,
        {"erm": ERM()} | {name: one.compressor for name, one in named.items()},
        min(config.num_trials, MOST_TRIALS),
        jax.random.key(config.chosen_seed),
        progress=progress,
    )
    rows = []
    for name, one in named.items():
        risk, rate = result[name].population_risk, result[name].rates["code_length"]
        gain, bit = (
            result.difference(name, "erm").population_risk,
            float(nats_to_bits(1.0)) / model.num_weights,
        )
        rows.append({
            "projection": one.projection, "rank": one.rank, "step": one.step,
            "bits_per_weight": bit * rate.mean, "bits_per_weight_sem": bit * rate.sem,
            "excess_risk": risk.mean - model.bayes_risk, "excess_risk_sem": risk.sem,
            "minus_erm": gain.mean, "minus_erm_sem": gain.sem, "num_trials": risk.num_trials,
        })  # fmt: skip
    return rows
