"""L2 as compression: bits of one weight against its step, and population risk against bits of all of them.

JAX and pandas are imported inside :func:`run`, so that the command line can show its options at once.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ratedist.experiments.description_length_config import DescriptionLengthConfig
from ratedist.experiments.model_options import configuration_record, option_name
from ratedist.experiments.stopwatch import Stopwatch
from ratedist.experiments.table import Table, versions
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.units import nats_to_bits

if TYPE_CHECKING:
    from ratedist.experiments.description_length_points import Point
    from ratedist.simulation.results import SimulationResult

COLUMNS = (
    "scale", "algorithm", "parameter", "rate_name", "rate_bits", "rate_bits_sem", "population_risk",
    "population_risk_sem", "minus_erm", "minus_erm_sem", "num_trials", "step", "weight_bits", "data_bits",
    "total_bits",
)  # fmt: skip
# The one weight of panel (a), at the standard deviation of its prior.
WEIGHT = 1.0
STEPS_OF_ONE = 121
DITHERS = 64

RATES = {
    "assignment_entropy": "d times the entropy of the labels' frequencies; centres are not counted",
    "decodable_length": "Huffman code of the labels, two centres of 16 bits, and the header a decoder needs",
    "code_length": "exact length of a code that is agreed before the data",
    "bits_back": "E KL(law of the draw || prior): the net cost of a draw around ridge's mean",
    "mutual_information": "I(W; W-hat), of the oracle and of the Gaussian limit of remote coding",
}
ALGORITHMS = {
    "ridge_bits_back": "what bits back delivers: a sample of ridge's posterior",
    "ridge_white_bits_back": "a draw around ridge as wide as its posterior's, but the same in all directions",
    "ridge_mean": "ridge's mean, set beside the cost of a sample; no code of that length delivers the mean",
    "ridge_two_part": "ridge's mean rounded to the step that is best in two parts, over its penalty",
    "quantized_ridge": "ridge of the best penalty, rounded to a sweep of steps; these grids are dithered",
    "kmeans_coded": "K-means with its centres counted",
    "shrunk_kmeans": "K-means of weights shrunk by the best factor",
    "shrunk_uniform": "weights shrunk by the best factor, then rounded to a sweep of steps: a Gaussian prior",
    "remote_own_prior": "an entropy-constrained quantiser designed for the prior of the true weights",
    "remote_gaussian_limit": "Gaussian weights behind Gaussian noise, the worst case of remote coding",
    "posterior_mean": "E[w*|W] without a limit to the bits, for the weights' prior (Gaussian for a file)",
}


def run(config: DescriptionLengthConfig, *, progress: bool = False) -> Table:
    """Tabulate both panels, and find who wins where.

    It computes in the precision that JAX is set to. The command's is double: for its numbers, call
    ``jax.config.update("jax_enable_x64", True)`` first.

    Args:
        config: the setting.
        progress: show a progress bar on standard error.

    Returns:
        Rows of ``one_weight`` have ``step``, and the bits of the weight, of what rounding costs the data, and
        of both. All others have a ``scale``, that of the true weights, a rate in bits for the whole vector
        and a population risk; ``minus_erm`` is paired trial by trial. A standard error is empty where
        the number is exact. The record has ``one_weight``, ``findings`` by scale, and what they say in words.
    """
    import jax
    import pandas as pd

    from ratedist.experiments.description_length_findings import findings, sentence
    from ratedist.experiments.description_length_points import estimators, exact_rows, simulated_points
    from ratedist.simulation.runner import simulate

    stopwatch = Stopwatch()
    config.check()
    rows, one_weight = one_weight_rows(config.posterior_scale)
    stopwatch.lap("one weight")
    found, note = [], ""
    models = config.models()
    for scale, model in zip(config.scales, models, strict=True):
        # Names of places, not of parameters: the same at every scale, so that all compile once.
        points = {
            f"{point.algorithm} {place}": point for place, point in enumerate(simulated_points(config, model))
        }
        result = simulate(
            model,
            estimators(config, model) | {name: point.compressor for name, point in points.items()},
            config.num_trials,
            jax.random.key(config.seed),
            progress=progress,
            target_sem=config.target_sem,
            max_trials=config.max_trials,
        )
        own = [
            *_estimator_rows(model, result),
            *(_row(name, point, result) for name, point in points.items()),
            *exact_rows(model),
        ]
        erm = own[0]["population_risk"]
        for row in own:
            row.setdefault("minus_erm", row["population_risk"] - erm)
            row["scale"] = scale
        rows += own
        found.append(findings(config, model, scale, own))
        note = note or result.note
    stopwatch.lap("risks")
    record = {
        "experiment": "description-length",
        "configuration": configuration_record(config) | {"d": models[0].d},
        "w_star": option_name(config.w_star),
        "one_weight": one_weight,
        "findings": found,
        "sentence": sentence(found),
        "rates": RATES,
        "algorithms": ALGORITHMS,
        "precision": str(jax.numpy.result_type(float)),
        "backend": jax.default_backend(),
        "versions": versions(),
        "duration_seconds": {**stopwatch.seconds, "total": stopwatch.total},
        "standard_error_note": note,
    }
    return Table(pd.DataFrame(rows, columns=list(COLUMNS)).astype({"num_trials": "Int64"}), record)


def one_weight_rows(scale: float) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Bits of the weight 1 under N(0, 1) against the step, if the data fix it to within ``scale``.

    Averaged over where the grid lies, so that the length of one rounded weight is that of many.

    Returns:
        The rows; and the best step, the bits there, those with bits back, and the difference.
    """
    from ratedist.theory import GaussianPrior, bits_back_cost, code_length, optimal_step, rounding_cost

    prior = GaussianPrior(1.0)
    best = np.asarray(optimal_step(scale)).item()
    steps = best * np.geomspace(1 / 16, 8, STEPS_OF_ONE)
    nodes, shares = np.polynomial.legendre.leggauss(DITHERS)

    def bits(step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        lengths = code_length(WEIGHT + step[:, None] / 2 * nodes, step[:, None], prior) @ shares / 2
        return nats_to_bits(lengths), nats_to_bits(rounding_cost(scale, step))

    weight, data = bits(steps)
    rows = [
        {"algorithm": "one_weight", "step": step, "weight_bits": w, "data_bits": r, "total_bits": w + r}
        for step, w, r in zip(steps.tolist(), weight.tolist(), data.tolist(), strict=True)
    ]
    at_best = float(np.sum(bits(np.array([best]))))
    # A sample of the posterior costs the data half a nat, as rounding to the best step does.
    back = float(nats_to_bits(bits_back_cost(WEIGHT, scale, prior) + 0.5))
    values = {
        "best_step": best,
        "two_part_bits": at_best,
        "bits_back_bits": back,
        "refund_bits": at_best - back,
    }
    return rows, values


def _estimator_rows(model: GaussianLinearModel, result: SimulationResult) -> list[dict[str, Any]]:
    from ratedist.theory import erm_population_risk

    erm = {"algorithm": "erm", "population_risk": erm_population_risk(model)}
    return [erm, {"algorithm": "posterior_mean", **_risk(result, "posterior_mean")}]


def _row(name: str, point: Point, result: SimulationResult) -> dict[str, Any]:
    rate = result[name].rates[point.rate_name]
    return {
        "algorithm": point.algorithm, "parameter": point.parameter, "rate_name": point.rate_name,
        "rate_bits": nats_to_bits(rate.mean), "rate_bits_sem": nats_to_bits(rate.sem or math.nan),
        **_risk(result, name),
    }  # fmt: skip


def _risk(result: SimulationResult, name: str) -> dict[str, float]:
    risk, gain = result[name].population_risk, result.difference(name, "erm").population_risk
    return {
        "population_risk": risk.mean, "population_risk_sem": risk.sem, "minus_erm": gain.mean,
        "minus_erm_sem": gain.sem, "num_trials": risk.num_trials,
    }  # fmt: skip
