"""Does the diameter regulariser lower the population risk of a linear model, where that risk is exact?

JAX and pandas are imported inside :func:`run`, so that the command line can show its options at once.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ratedist.experiments.diameter_config import DiameterConfig
from ratedist.experiments.diameter_findings import Point, excess_over_optimum, finding
from ratedist.experiments.model_options import configuration_record
from ratedist.experiments.stopwatch import Stopwatch
from ratedist.experiments.table import Table, versions
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.linear_model.quantities import RISK_NAMES
from ratedist.units import nats_to_bits

if TYPE_CHECKING:
    from ratedist.simulation.results import SimulationResult

CHOOSING = 1
QUANTITIES = tuple(name for name in RISK_NAMES if name != "empirical_risk")
RATES = ("assignment_entropy", "huffman_length", "description_length")
COLUMNS = (
    "w_star",
    "algorithm",
    "num_clusters",
    "diameter_penalty",
    "shrinkage",
    *(f"{rate}_bits" for rate in RATES),
    *(column for quantity in QUANTITIES for column in (quantity, f"{quantity}_sem")),
    "minus_hessian_weighted",
    "minus_hessian_weighted_sem",
    "num_trials",
)


def equivalent_shrinkage(diameter_penalty: float, d: int, num_clusters: int) -> float:
    """By how much β draws two centres of mass d/K each together, ``1/(1 + 2Kβ/d)``: the control for β."""
    return 1 / (1 + 2 * num_clusters * diameter_penalty / d)


def run(config: DiameterConfig, *, progress: bool = False) -> Table:
    """Simulate every compressor at every K and β on the same draws, for each w*.

    It computes in the precision that JAX is set to. The command's is double: for its numbers, call
    ``jax.config.update("jax_enable_x64", True)`` first.

    The findings name the best K and β. They are chosen by as many trials of their own, and reported from
    the trials of the table.

    The control is Hessian-weighted K-means (β = 0) whose centres are drawn towards the mean of the weights by
    a constant factor: by ``equivalent_shrinkage``, which for K = 2 and equal masses is what β itself does.

    Args:
        config: the setting.
        progress: show a progress bar on standard error.

    Returns:
        One row a point. ``algorithm`` is "erm" or "erm_shrunken" (times its best constant), both exact;
        "kmeans", "hessian_weighted" or "diameter_regularized" (β > 0), all optimal; "descent" (the objective
        of the last by Lloyd's iteration from a random start, the papers' way); or "shrunken" (the control;
        its ``diameter_penalty`` is the β that it answers). ``minus_hessian_weighted`` is the population risk
        minus that of "hessian_weighted" at the same K, paired. Rates are in bits for the whole vector.
    """
    import jax
    import pandas as pd

    from ratedist.simulation.runner import simulate

    stopwatch = Stopwatch()
    config.check()
    models = config.models()
    points = _points(config, next(iter(models.values())).d)
    compressors = {point.name: point.compressor(config.penalty, config.center_bits) for point in points}
    rows: list[dict[str, Any]] = []
    findings: dict[str, Any] = {}
    excesses: dict[str, Any] = {}
    note = ""
    # One function for all w*: it is compiled once for each K.
    compress = jax.jit(jax.vmap(lambda bound, *own: bound.compress(*own), in_axes=(None, 0, 0, 0)))
    options: dict[str, Any] = {
        "progress": progress, "target_sem": config.target_sem, "max_trials": config.max_trials,
    }  # fmt: skip
    for kind, model in models.items():
        key = jax.random.key(config.seed)
        result = simulate(model, compressors, config.num_trials, key, "statistics", **options)
        # What is best is chosen on trials of its own: on the same ones, its gain would be too large.
        choosing_key = jax.random.fold_in(key, CHOOSING)
        choosing = simulate(model, compressors, config.num_trials, choosing_key, "statistics", **options)
        erm_rows = _erm_rows(model)
        rows += [{"w_star": kind, **row} for row in erm_rows]
        rows += [{"w_star": kind, **_row(point, result)} for point in points]
        findings[kind] = {row["algorithm"]: row for row in erm_rows} | finding(points, choosing, result)
        if config.certified_trials:
            excesses[kind] = excess_over_optimum(config, model, compress)
        note = result.note
    record = {
        "experiment": "diameter",
        "configuration": configuration_record(config) | {"d": next(iter(models.values())).d},
        "findings": findings,
        "excess_over_certified_optimum": excesses,
        "precision": str(jax.numpy.result_type(float)),
        "backend": jax.default_backend(),
        "versions": versions(),
        "duration_seconds": stopwatch.total,
        "standard_error_note": note,
    }
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"num_clusters": "Int64"})
    return Table(frame, record)


def _points(config: DiameterConfig, d: int) -> list[Point]:
    points = []
    for K in config.clusters:
        points += [Point("kmeans", K), Point("hessian_weighted", K)]
        for algorithm in ("diameter_regularized", "descent"):
            points += [Point(algorithm, K, beta) for beta in config.diameter_penalties]
        points += [
            Point("shrunken", K, beta, equivalent_shrinkage(beta, d, K)) for beta in config.diameter_penalties
        ]
    return points


def _erm_rows(model: GaussianLinearModel) -> list[dict[str, Any]]:
    """ERM, and ERM times the constant s of least population risk, which depends on w*; both exact.

    ``E‖sW − w*‖²_Σ = (1 − s)²‖w*‖²_Σ + s²v`` with v = dσ²/(n − d − 1).
    """
    from ratedist.theory import erm_population_risk

    risk = float(erm_population_risk(model))
    excess, signal = risk - model.noise_variance, float(model.squared_norm(model.w_star))
    factor = signal / (signal + excess)
    return [
        {"algorithm": "erm", "shrinkage": 1.0, "population_risk": risk},
        {
            "algorithm": "erm_shrunken",
            "shrinkage": factor,
            "population_risk": model.noise_variance + factor * excess,
        },
    ]


def _row(point: Point, result: SimulationResult) -> dict[str, Any]:
    row: dict[str, Any] = {**dataclasses.asdict(point), "num_trials": result.num_trials}
    estimates = result[point.name]
    for quantity in QUANTITIES:
        estimate = getattr(estimates, quantity)
        row |= {quantity: estimate.mean, f"{quantity}_sem": estimate.sem}
    row |= {f"{rate}_bits": nats_to_bits(estimates.rates[rate].mean) for rate in RATES}
    unpenalized = Point("hessian_weighted", point.num_clusters)
    gain = result.difference(point.name, unpenalized.name).population_risk
    return row | {"minus_hessian_weighted": gain.mean, "minus_hessian_weighted_sem": gain.sem}
