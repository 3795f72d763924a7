"""Figure 2 of the Entropy article (Figures 2–4 of the AAAI paper): the linear model, compressed.

JAX and pandas are imported inside :func:`run`, so that the command line can show its options at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ratedist.experiments.figure2_config import Figure2Config
from ratedist.experiments.model_options import configuration_record, option_name
from ratedist.experiments.stopwatch import Stopwatch
from ratedist.experiments.table import Table, versions
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.linear_model.quantities import RISK_NAMES
from ratedist.units import nats_to_bits

if TYPE_CHECKING:
    from ratedist.experiments.figure2_points import CodebookPoint, Point
    from ratedist.simulation.estimates import RiskEstimates
    from ratedist.simulation.results import SimulationResult

NUM_ORACLES = 17
NUM_CURVE_POINTS = 101

PANELS = ("generalization_error", "distortion", "population_risk")
QUANTITIES = (*PANELS, *(name for name in RISK_NAMES if name not in PANELS))
COLUMNS = (
    "algorithm",
    "parameter",
    "rate_name",
    "rate_nats",
    "rate_nats_sem",
    "rate_bits",
    *(column for quantity in QUANTITIES for column in (quantity, f"{quantity}_sem")),
    "num_trials",
)

RADIUS_RECORD = {
    "bound_proposition1": (
        "C(w*) = sum over the weights of the largest squared distance from a centre of the fixed codebook: "
        "exact, the codebook (K equally spaced levels from min w* to max w*) is chosen before the data"
    ),
    "plug_in_proposition1": (
        "C(w*) replaced by the largest squared distance of a K-means reconstruction from w* over the trials: "
        "it grows with their number and the rate is not an upper bound on I(W; W-hat), so this is not a bound"
    ),
}


def run(config: Figure2Config, *, progress: bool = False, checkpoint_path: str | Path | None = None) -> Table:
    """Simulate every point of Figure 2 and tabulate it with the closed forms and bounds.

    It computes in the precision that JAX is set to. The command's is double: for its numbers, call
    ``jax.config.update("jax_enable_x64", True)`` first.

    Args:
        config: the setting.
        progress: show a progress bar on standard error.
        checkpoint_path: where to keep the state of a long run, see :func:`ratedist.simulate`.

    Returns:
        One row a point. Rates are those of the whole weight vector; a standard error is empty where the
        number is exact. ``parameter`` is K for K-means, the fixed codebook and the bounds, α for the
        oracle, whose rate is the exact mutual information.
    """
    import jax
    import pandas as pd

    from ratedist.compressors import ERM
    from ratedist.experiments.figure2_points import codebook_points, kmeans_points, oracle_points
    from ratedist.simulation.runner import simulate
    from ratedist.theory import oracle_alpha_at_rate

    stopwatch = Stopwatch()
    config.check()
    model = config.model()
    highest_rate = model.d * math.log(max(config.max_clusters, 2))
    alphas = np.asarray(oracle_alpha_at_rate(model, np.linspace(0.0, highest_rate, NUM_ORACLES))).tolist()
    kmeans, codebooks, oracles = (
        kmeans_points(config), codebook_points(config, model), oracle_points(alphas),
    )  # fmt: skip
    result = simulate(
        model,
        {"erm": ERM()} | {point.name: point.compressor for point in (*kmeans, *codebooks, *oracles)},
        config.num_trials,
        jax.random.key(config.seed),
        config.sampler,
        progress=progress,
        checkpoint_path=checkpoint_path,
        target_sem=config.target_sem,
        max_trials=config.max_trials,
    )
    stopwatch.lap("simulation")

    rows = [_erm_row(model)]
    rows += [_simulated_row(point, result[point.name]) for point in (*oracles, *kmeans, *codebooks)]
    rows += _bound_rows(model, codebooks)
    # The plug-in is that of one method.
    rows += [_plug_in_row(model, point, result[point.name]) for point in kmeans[: config.max_clusters]]
    rows += _distortion_rate_rows(model, highest_rate)
    record = {
        "experiment": "figure2",
        "configuration": configuration_record(config) | {"d": model.d},
        "w_star": model.w_star.tolist()
        if model.d <= 1000
        else f"{option_name(config.w_star)}, seed {config.seed}",
        "radius": RADIUS_RECORD,
        "num_trials": result.num_trials,
        "sampler": result.sampler,
        "precision": str(jax.numpy.result_type(float)),
        "backend": jax.default_backend(),
        "versions": versions(),
        "duration_seconds": {
            "simulation": stopwatch.seconds["simulation"],
            "total": stopwatch.total,
        },
        "best": _best(kmeans, result),
        "largest_standard_error": max(one.sem for name in result for one in result[name].risks.values()),
        "standard_error_note": result.note,
    }
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"num_trials": "Int64"})
    return Table(frame, record)


def _row(algorithm: str, parameter: float, rate_name: str, rate: float, **cells: float) -> dict[str, Any]:
    rates = {"rate_name": rate_name, "rate_nats": rate, "rate_bits": nats_to_bits(rate)}
    return {"algorithm": algorithm, "parameter": parameter, **rates, **cells}


def _erm_row(model: GaussianLinearModel) -> dict[str, Any]:
    from ratedist.theory import erm_empirical_risk, erm_generalization_error, erm_population_risk

    return {
        "algorithm": "erm",
        "generalization_error": erm_generalization_error(model),
        "distortion": 0.0,
        "population_risk": erm_population_risk(model),
        "empirical_risk": erm_empirical_risk(model),
    }


def _simulated_row(point: Point, estimates: RiskEstimates) -> dict[str, Any]:
    rate = estimates.rates[point.rate_name]
    cells: dict[str, float] = {"rate_nats_sem": rate.sem or math.nan}
    for quantity in QUANTITIES:
        estimate = getattr(estimates, quantity)
        cells |= {quantity: estimate.mean, f"{quantity}_sem": estimate.sem}
    cells["num_trials"] = estimates.distortion.num_trials
    return _row(point.algorithm, point.parameter, point.rate_name, rate.mean, **cells)


def _bound_rows(model: GaussianLinearModel, codebooks: Sequence[CodebookPoint]) -> list[dict[str, Any]]:
    from ratedist.theory import codebook_squared_radius, proposition1_bound

    rows = []
    for point in codebooks:
        rate = point.compressor.fixed_rates(model)[point.rate_name]
        radius = math.sqrt(codebook_squared_radius(model, point.centers))
        bound = float(proposition1_bound(model, rate, radius=radius))
        rows.append(
            _row("bound_proposition1", point.parameter, point.rate_name, rate, generalization_error=bound)
        )
    return rows


def _plug_in_row(model: GaussianLinearModel, point: Point, estimates: RiskEstimates) -> dict[str, Any]:
    from ratedist.theory import proposition1_bound

    rate = estimates.rates[point.rate_name]
    value = proposition1_bound(model, rate.mean, radius=math.sqrt(estimates.max_squared_distance))
    cells = {"generalization_error": float(value), "num_trials": rate.num_trials}
    return _row("plug_in_proposition1", point.parameter, point.rate_name, rate.mean, **cells)


def _distortion_rate_rows(model: GaussianLinearModel, highest_rate: float) -> list[dict[str, Any]]:
    from ratedist.theory import distortion_rate_bound, distortion_rate_tight

    rates = np.linspace(0.0, highest_rate, NUM_CURVE_POINTS)
    curves = {"distortion_rate_paper": distortion_rate_bound, "distortion_rate_tight": distortion_rate_tight}
    return [
        _row(name, math.nan, "mutual_information", rate, distortion=distortion)
        for name, curve in curves.items()
        for rate, distortion in zip(rates, curve(model, rates), strict=True)
    ]


def _best(kmeans: Sequence[Point], result: SimulationResult) -> dict[str, Any]:
    """Per method the K of least population risk, and how far it lies below ERM, trial by trial."""
    best = {}
    for algorithm in dict.fromkeys(point.algorithm for point in kmeans):
        own = [point for point in kmeans if point.algorithm == algorithm]
        winner = min(own, key=lambda point: result[point.name].population_risk.mean)
        risk = result[winner.name].population_risk
        gain = result.difference(winner.name, "erm").population_risk
        best[algorithm] = {
            "num_clusters": winner.parameter,
            "population_risk": risk.mean,
            "population_risk_sem": risk.sem,
            "minus_erm": gain.mean,
            "minus_erm_sem": gain.sem,
        }
    return best
