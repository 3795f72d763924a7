"""All codes of the package for one fitted model: excess population risk against bits a weight.

JAX and pandas are imported inside :func:`run`, so that the command line can show its options at once.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ratedist.experiments.compare_config import CompareConfig
from ratedist.experiments.compare_names import ALGORITHMS, RATES
from ratedist.experiments.model_options import configuration_record, option_name
from ratedist.experiments.stopwatch import Stopwatch
from ratedist.experiments.table import Table, versions
from ratedist.linear_model.base import LinearModel
from ratedist.units import nats_to_bits

if TYPE_CHECKING:
    from ratedist.experiments.compare_curves import Sampled
    from ratedist.experiments.description_length_points import Point
    from ratedist.simulation.results import SimulationResult

COLUMNS = (
    "algorithm", "parameter", "rate_name", "bits_per_weight", "bits_per_weight_sem", "excess_risk",
    "population_risk", "population_risk_sem", "minus_erm", "minus_erm_sem", "on_curve", "num_trials",
)  # fmt: skip


def run(config: CompareConfig, *, progress: bool = False) -> Table:
    """Simulate all points on the same trials, and find who wins at each rate.

    It computes in the precision that JAX is set to. The command's is double: for its numbers, call
    ``jax.config.update("jax_enable_x64", True)`` first.

    Args:
        config: the setting.
        progress: show a progress bar on standard error.

    Returns:
        Rows have a rate in bits a weight and the excess of the population risk over that of the true weights.
        ``minus_erm`` is the mean difference from ERM in the same trials. ``on_curve`` says that no mixture of
        other points of its algorithm is better. A standard error is empty where the number is exact. The
        record has ``levels``, ``verdicts`` by rate, and what they say in words.
    """
    import jax
    import pandas as pd

    from ratedist.compressors import ERM
    from ratedist.experiments.compare_curves import curves, nothing_sent
    from ratedist.experiments.compare_findings import sentence, verdict
    from ratedist.experiments.compare_points import erm_excess, oracle_rows, points, ridge_excess
    from ratedist.simulation.runner import simulate

    stopwatch = Stopwatch()
    config.check()
    model = config.model()
    # Names of places, not of parameters: the same for all true weights.
    named = {f"{point.algorithm} {place}": point for place, point in enumerate(points(config, model))}
    result = simulate(
        model,
        {"erm": ERM()} | {name: point.compressor for name, point in named.items()},
        config.num_trials,
        jax.random.key(config.seed),
        progress=progress,
        return_samples=True,
    )
    stopwatch.lap("simulation")
    level = erm_excess(model)
    sampled = [_sampled(point, name, model, result) for name, point in named.items()]
    nothing = nothing_sent(float(model.squared_norm(model.w_star)), config.num_trials)
    found = curves(sampled, nothing)
    drawn = {id(point) for curve in found.values() for point in curve.points}
    rows = [{"algorithm": "erm", "excess_risk": level}]
    rows += [
        _row(point, one, name, result, model.num_weights, id(one) in drawn)
        for (name, point), one in zip(named.items(), sampled, strict=True)
    ]
    rows += oracle_rows(model)
    verdicts = [verdict(found, rate, level) for rate in config.rates]
    record = {
        "experiment": "compare",
        "configuration": configuration_record(config) | _sizes(model),
        "w_star": option_name(config.w_star),
        "levels": {"erm": level, "ridge": ridge_excess(model), "nothing": nothing.mean_excess},
        "verdicts": verdicts,
        "sentence": sentence(verdicts),
        "rates": RATES,
        "algorithms": {name: dataclasses.asdict(one) for name, one in ALGORITHMS.items()},
        "precision": str(jax.numpy.result_type(float)),
        "backend": jax.default_backend(),
        "versions": versions(),
        "duration_seconds": {**stopwatch.seconds, "total": stopwatch.total},
        "standard_error_note": result.note,
    }
    return Table(pd.DataFrame(rows, columns=list(COLUMNS)).astype({"num_trials": "Int64"}), record)


def _sampled(point: Point, name: str, model: LinearModel, result: SimulationResult) -> Sampled:
    """Excess risk and bits a weight in every trial."""
    from ratedist.experiments.compare_curves import Sampled

    own = result[name].samples
    assert own is not None  # they were asked for
    bits = nats_to_bits(own[f"rate/{point.rate_name}"]) / model.num_weights
    return Sampled(point.algorithm, own["population_risk"] - model.bayes_risk, bits)


def _row(
    point: Point, sampled: Sampled, name: str, result: SimulationResult, num_weights: int, drawn: bool
) -> dict[str, Any]:
    risk, gain = result[name].population_risk, result.difference(name, "erm").population_risk
    rate = result[name].rates[point.rate_name]
    return {
        "algorithm": point.algorithm, "parameter": point.parameter, "rate_name": point.rate_name,
        "bits_per_weight": sampled.mean_bits, "bits_per_weight_sem": nats_to_bits(rate.sem) / num_weights,
        "excess_risk": sampled.mean_excess, "population_risk": risk.mean, "population_risk_sem": risk.sem,
        "minus_erm": gain.mean, "minus_erm_sem": gain.sem, "on_curve": drawn, "num_trials": risk.num_trials,
    }  # fmt: skip


def _sizes(model: LinearModel) -> dict[str, int]:
    """What was not given is in the record as it was chosen."""
    return {"n": model.n, "d": model.num_inputs, "o": model.num_outputs}
