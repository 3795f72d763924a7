"""Rank as a rate: excess population risk against rank for each projection, and against bits of the factors.

JAX and pandas are imported inside :func:`run`, so that the command line can show its options at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ratedist.experiments.low_rank_config import LowRankConfig
from ratedist.experiments.low_rank_findings import estimate, findings, sentence
from ratedist.experiments.low_rank_projections import PROJECTIONS, draw_fits, excess_risks
from ratedist.experiments.model_options import configuration_record, option_name
from ratedist.experiments.stopwatch import Stopwatch
from ratedist.experiments.table import Table, versions
from ratedist.linear_model.multi_output import MultiOutputLinearModel
from ratedist.theory import reduced_rank_excess_asymptotic, reduced_rank_threshold

COLUMNS = (
    "projection", "rank", "step", "bits_per_weight", "bits_per_weight_sem", "excess_risk", "excess_risk_sem",
    "minus_erm", "minus_erm_sem", "num_trials",
)  # fmt: skip
# Of a data set, the noise of the chosen weights included.
DRAWS = 1
KINDS = {
    **{name: projection.words for name, projection in PROJECTIONS.items()},
    "information_threshold": "information, of the rank that a threshold chooses in each trial",
    "information_asymptotic": "information, in the limit of large n, o and d: no simulation",
    "erm": "least squares itself: exact",
    "rounded": "W rounded to a dithered grid, by the code of a Gaussian law: no rank",
    "plain_quantized": "two factors of the plain projection on a grid, by codes of Gaussian laws",
    "information_quantized": "two factors of the projection by information on a grid, likewise coded",
}


def run(config: LowRankConfig, *, progress: bool = False) -> Table:
    """Project the same fits in every metric on every rank, and round factors.

    Projections are computed by NumPy in double precision. Bits are simulated in the precision that JAX is set
    to. The command's is double: for its numbers, call ``jax.config.update("jax_enable_x64", True)`` first.

    Args:
        config: the setting.
        progress: show a progress bar on standard error.

    Returns:
        Rows have the excess of the population risk over that of the true weights, at a rank or at bits a
        weight. ``minus_erm`` is the mean difference from least squares in the same trials. A standard error
        is empty where a number is not simulated. The record has ``findings``, and what they say in words.
    """
    import jax
    import pandas as pd

    from ratedist.experiments.low_rank_bits import quantized_rows

    stopwatch = Stopwatch()
    config.check()
    model = config.model()
    excess, chosen = simulated(model, config.num_trials, config.chosen_seed)
    erm = model.bayes_risk * model.num_inputs / (model.n - model.num_inputs - 1)
    rows: list[dict[str, Any]] = [{"projection": "erm", "excess_risk": erm}]
    for name, values in excess.items():
        rows += [
            {"projection": name, "rank": rank, **_estimates(column, values[:, -1])}
            for rank, column in enumerate(values.T)
        ]
    at_threshold = np.take_along_axis(excess["information"], chosen[:, None], axis=1)[:, 0]
    rows.append(
        {
            "projection": "information_threshold",
            "rank": float(np.mean(chosen)),
            **_estimates(at_threshold, excess["information"][:, -1]),
        }
    )
    rows += [
        {"projection": "information_asymptotic", "rank": rank, "excess_risk": value}
        for rank, value in enumerate(asymptotic(model))
    ]
    stopwatch.lap("projections")
    rows += quantized_rows(config, model, progress=progress)
    stopwatch.lap("bits")
    found = findings(model, excess, chosen, erm)
    record = {
        "experiment": "low-rank",
        "configuration": configuration_record(config) | _chosen(config, model),
        "w_star": option_name(config.w_star),
        "findings": found,
        "sentence": sentence(found),
        "projections": KINDS,
        "precision": str(jax.numpy.result_type(float)),
        "backend": jax.default_backend(),
        "versions": versions(),
        "duration_seconds": {**stopwatch.seconds, "total": stopwatch.total},
        "standard_error_note": "",
    }
    return Table(pd.DataFrame(rows, columns=list(COLUMNS)).astype({"num_trials": "Int64"}), record)


def simulated(
    model: MultiOutputLinearModel, num_trials: int, seed: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Excess risks by projection, trial and rank, and the rank that the threshold chooses in each trial."""
    (o, d), n = model.W_star.shape, model.n
    threshold = reduced_rank_threshold(n, o, d)
    excess: dict[str, list[np.ndarray]] = {name: [] for name in PROJECTIONS}
    chosen = []
    for fits in draw_fits(model, num_trials, [seed, DRAWS]):
        for name, projection in PROJECTIONS.items():
            risks, sizes = excess_risks(model, fits, projection)
            excess[name].append(risks)
            if name == "information":
                # In units of the noise, whose entries have variance 1 in the metric of Γ⁻¹ and A.
                chosen.append(np.sum(np.sqrt(n) * sizes > threshold, axis=1))
    return {name: np.concatenate(parts) for name, parts in excess.items()}, np.concatenate(chosen)


def asymptotic(model: MultiOutputLinearModel) -> list[float]:
    """The excess of the projection by information at every rank, in the limit."""
    o, d = model.W_star.shape
    noise, L = np.asarray(model.noise_covariance), np.asarray(model.covariance_cholesky)
    weighted = model.W_star / np.reshape(np.sqrt(noise), (-1, 1))
    signals = np.linalg.svd(weighted @ L if L.ndim == 2 else weighted * L, compute_uv=False)
    signals[signals < max(o, d) * np.finfo(np.float64).eps * signals[0]] = 0.0
    # Its loss is the noise's precision; the model's may be the mean over outputs of that.
    share = model.bayes_risk / o
    return (share * reduced_rank_excess_asymptotic(signals, model.n, o, d)).tolist()


def _estimates(values: np.ndarray, erm: np.ndarray) -> dict[str, Any]:
    risk, gain = estimate(values), estimate(values - erm)
    return {
        "excess_risk": risk.mean, "excess_risk_sem": risk.sem, "minus_erm": gain.mean,
        "minus_erm_sem": gain.sem, "num_trials": risk.num_trials,
    }  # fmt: skip


def _chosen(config: LowRankConfig, model: MultiOutputLinearModel) -> dict[str, Any]:
    """What was not given is in the record as the example has it."""
    noise = np.broadcast_to(np.asarray(model.noise_covariance), (model.num_outputs,))
    return {
        "o": model.num_outputs,
        "d": model.num_inputs,
        "n": model.n,
        "seed": config.chosen_seed,
        "noise": [float(noise[0]), float(noise[-1])],
    }
