"""One point of a sweep: its compressors on the same trials, half of which choose K and half judge it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from typing import Any

import jax
import numpy as np

from ratedist.compressors import ERM
from ratedist.compressors.tails import interval_notes
from ratedist.experiments.figure2_config import Figure2Config
from ratedist.experiments.figure2_points import Point, codebook_points, kmeans_points
from ratedist.experiments.model_options import configuration_record, option_name
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.linear_model.quantities import RISK_NAMES
from ratedist.simulation.identity import LAW
from ratedist.simulation.results import SimulationResult
from ratedist.simulation.runner import simulate
from ratedist.units import nats_to_bits

# To be raised whenever a point would come out otherwise.
FORMAT = 1


def identity(config: Figure2Config) -> str:
    """What tells the rows of a point from those of all others, drawn or computed otherwise."""
    model = config.model()
    digest = hashlib.sha256()
    for numbers in (model.w_star, model.covariance):
        array = np.asarray(numbers, np.float64)
        digest.update(f"{array.shape}".encode() + array.tobytes())
    precision = str(jax.numpy.result_type(float))
    known = configuration_record(config) | {"d": model.d, "arrays": digest.hexdigest()}
    return json.dumps([FORMAT, LAW, jax.__version__, precision, known], sort_keys=True)


def separation_to_noise(model: GaussianLinearModel) -> float:
    """Twice the root mean square of the true weights, in standard deviations of the noise.

    Of two levels ±c it is their distance over σ.
    """
    level = math.sqrt(np.mean(np.square(model.w_star)))
    return 2 * level / math.sqrt(model.noise_variance) if model.noise_variance else math.inf


def point_rows(config: Figure2Config) -> list[dict[str, Any]]:
    """A row a compressor, as JSON can hold them.

    ``minus_erm`` is the mean of the difference from ERM in the same trials. ``chosen`` is the K of least
    population risk in the first half of the trials, and ``held_out_minus_erm`` the difference in the second.
    """
    model = config.model()
    kmeans = kmeans_points(config)
    points = [*kmeans, *codebook_points(config, model)]
    compressors = {"erm": ERM()} | {point.name: point.compressor for point in points}
    first = config.num_trials // 2
    halves = [
        simulate(
            model, compressors, count, jax.random.key(config.seed), config.sampler,
            first_trial=start, devices=jax.local_devices(),
        )
        for start, count in ((0, first), (first, config.num_trials - first))
    ]  # fmt: skip
    whole, (choosing, judging) = _together(*halves), halves
    chosen = {
        min(
            (point.name for point in kmeans if point.algorithm == algorithm),
            key=lambda name: choosing[name].population_risk.mean,
        )
        for algorithm in {point.algorithm for point in kmeans}
    }
    setting = {
        "w_star": option_name(config.w_star),
        "covariance": option_name(config.covariance),
        "d": model.d,
        "n": model.n,
        "noise_variance": model.noise_variance,
        "separation_to_noise": separation_to_noise(model),
    }
    others = ("max_clusters", "method", "sampler", "rate", "center_bits", "seed")
    setting |= {name: getattr(config, name) for name in others}
    rows = [_row("erm", whole) | {"algorithm": "erm"}]
    rows += [_row(point.name, whole, judging, point) | {"chosen": point.name in chosen} for point in points]
    return [setting | row | {"note": whole.note} for row in rows]


def _together(one: SimulationResult, other: SimulationResult) -> SimulationResult:
    """The trials of both."""
    moments = {quantity: one.moments[quantity].merge(other.moments[quantity]) for quantity in one.moments}
    num_trials = one.num_trials + other.num_trials
    notes = {
        name: interval_notes(source.compressor, source.model, num_trials)
        for name, source in one.sources.items()
    }
    return dataclasses.replace(one, num_trials=num_trials, moments=moments, notes=notes)


def _row(
    name: str, whole: SimulationResult, judging: SimulationResult | None = None, point: Point | None = None
) -> dict[str, Any]:
    own = whole[name]
    row: dict[str, Any] = {"num_trials": whole.num_trials}
    for risk in RISK_NAMES:
        estimate = own.risks[risk]
        row |= {risk: estimate.mean, f"{risk}_sem": estimate.sem}
    if point is None or judging is None:
        return row
    rate, gain = own.rates[point.rate_name], whole.difference(name, "erm").population_risk
    held_out = judging.difference(name, "erm").population_risk
    return row | {
        "algorithm": point.algorithm, "parameter": point.parameter, "rate_name": point.rate_name,
        "rate_nats": rate.mean, "rate_nats_sem": rate.sem, "rate_bits": nats_to_bits(rate.mean),
        "minus_erm": gain.mean, "minus_erm_sem": gain.sem,
        "held_out_minus_erm": held_out.mean, "held_out_minus_erm_sem": held_out.sem,
    }  # fmt: skip
