"""Figure 2 of the Entropy article (Figures 2–4 of the AAAI paper): the linear model, compressed.

JAX and pandas are imported inside :func:`run`, so that the command line can show its options at once.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ratedist import _checks
from ratedist.experiments.model_options import (
    CovarianceOption,
    WeightsOption,
    configuration_record,
    linear_model,
    option_name,
)
from ratedist.experiments.table import Table, versions
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.units import nats_to_bits

if TYPE_CHECKING:
    from ratedist.compressors.base import Compressor
    from ratedist.simulation.results import RiskEstimates, SimulationResult

NUM_ORACLES = 17
NUM_CURVE_POINTS = 101
# Of a centre in the description length, if not given.
CENTER_BITS = 32

Method = Literal["optimal", "lloyd", "both"]
Sampler = Literal["auto", "dataset", "statistics", "erm"]
Rate = Literal["assignment_entropy", "fixed_length", "description_length"]
CHOICES = {
    name: get_args(kind) for name, kind in {"method": Method, "sampler": Sampler, "rate": Rate}.items()
}

QUANTITIES = ("generalization_error", "distortion", "population_risk", "empirical_risk")
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


@dataclasses.dataclass(frozen=True, eq=False)
class Figure2Config:
    """The setting of Figure 2; the defaults are the papers' where they say."""

    d: int | None = None
    """Number of weights; if not given, 50 or as many as a file of true weights has."""
    n: int = 80
    """Number of training samples, above d + 1."""
    noise_variance: float = 1.0
    """Variance of the noise in the outputs."""
    covariance: CovarianceOption = "identity"
    """Covariance of the inputs: "identity", "ar1:RHO" with correlation RHO of neighbours, or a .npy file."""
    w_star: WeightsOption = "two-level"
    """True weights: "two-level" (+1 and -1 in turn), "gaussian", "sparse" (a fifth +-1), or a .npy file."""
    trials: int = 10_000
    """Monte Carlo trials."""
    max_clusters: int = 16
    """Largest number K of clusters; every K from 1 on is run."""
    method: Method = "optimal"
    """K-means by its global optimum, by Lloyd's iteration from one random start (the papers'), or both."""
    sampler: Sampler = "auto"
    """What is drawn: data sets, their sufficient statistics, or the ERM weights alone (the fastest)."""
    rate: Rate = "assignment_entropy"
    """Which rate of K-means is the abscissa."""
    center_bits: int | None = None
    """Bits of a centre in the description length, 32 if not given; the centres are really rounded to them.
    For --rate description_length only."""
    seed: int = 0
    """Seed of every random draw."""

    def check(self) -> None:
        """Raise ``ValueError``, in words, for a setting that has no Figure 2."""
        for name, choices in CHOICES.items():
            _checks.one_of(name, getattr(self, name), choices)
        _checks.integer("trials", self.trials, 2)
        _checks.seed(self.seed)
        model = self.model()
        if _checks.integer("max_clusters", self.max_clusters, 1) > model.d:
            raise ValueError(f"max_clusters must be at most d = {model.d}, got {self.max_clusters}")
        if self.center_bits is not None and self.rate != "description_length":
            raise ValueError(
                f"center_bits is for rate description_length, got {self.center_bits} with {self.rate}"
            )
        model.require_finite_risk("Figure 2")

    def model(self) -> GaussianLinearModel:
        """The linear model of this configuration."""
        return linear_model(self.w_star, self.covariance, self.d, self.n, self.noise_variance, self.seed)


def run(config: Figure2Config, *, progress: bool = False, checkpoint_path: str | Path | None = None) -> Table:
    """Simulate every point of Figure 2 and tabulate it with the closed forms and bounds.

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

    from ratedist.compressors import Oracle
    from ratedist.simulation.runner import simulate
    from ratedist.theory import oracle_alpha_at_rate

    started = time.perf_counter()
    config.check()
    model = config.model()
    num_clusters = range(1, config.max_clusters + 1)
    codebooks = {K: fixed_codebook_centers(model, K) for K in num_clusters if K.bit_count() == 1}
    compressors = _compressors(config, codebooks)
    highest_rate = model.d * math.log(max(config.max_clusters, 2))
    alphas = np.asarray(oracle_alpha_at_rate(model, np.linspace(0.0, highest_rate, NUM_ORACLES))).tolist()
    compressors |= {f"oracle {alpha}": Oracle(alpha=alpha) for alpha in alphas}
    result = simulate(
        model,
        compressors,
        config.trials,
        jax.random.key(config.seed),
        config.sampler,
        progress=progress,
        checkpoint_path=checkpoint_path,
    )
    simulated = time.perf_counter()

    rows = [_erm_row(model)]
    rows += [
        _simulated_row("oracle", alpha, "mutual_information", result[f"oracle {alpha}"]) for alpha in alphas
    ]
    for method in _methods(config):
        rows += [
            _simulated_row(f"kmeans_{method}", K, config.rate, result[f"kmeans_{method} {K}"])
            for K in num_clusters
        ]
    rows += [
        _simulated_row("fixed_codebook", K, "fixed_length", result[f"fixed_codebook {K}"]) for K in codebooks
    ]
    rows += _bound_rows(config, model, codebooks, result)
    rows += _distortion_rate_rows(model, highest_rate)
    record = {
        "experiment": "figure2",
        "configuration": configuration_record(config) | {"d": model.d},
        "w_star": model.w_star.tolist()
        if model.d <= 1000
        else f"{option_name(config.w_star)}, seed {config.seed}",
        "radius": RADIUS_RECORD,
        "sampler": result.sampler,
        "precision": str(jax.numpy.result_type(float)),
        "backend": jax.default_backend(),
        "versions": versions(),
        "duration_seconds": {
            "simulation": simulated - started,
            "total": time.perf_counter() - started,
        },
        "best": _best(config, result),
        "standard_error_note": result.note,
    }
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"num_trials": "Int64"})
    return Table(frame, record)


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


def fixed_codebook_centers(model: GaussianLinearModel, num_clusters: int) -> np.ndarray:
    """K equally spaced levels from min w* to max w* (their midpoint for K = 1), shape ``(K,)``."""
    low, high = model.w_star.min(), model.w_star.max()
    return np.linspace(low, high, num_clusters) if num_clusters > 1 else np.array([(low + high) / 2])


def _methods(config: Figure2Config) -> tuple[Literal["optimal", "lloyd"], ...]:
    return ("optimal", "lloyd") if config.method == "both" else (config.method,)


def _compressors(config: Figure2Config, codebooks: Mapping[int, np.ndarray]) -> dict[str, Compressor]:
    from ratedist.compressors import ERM, FixedCodebook, KMeans

    center_bits = None
    if config.rate == "description_length":
        center_bits = CENTER_BITS if config.center_bits is None else config.center_bits
    compressors: dict[str, Compressor] = {"erm": ERM()}
    for method in _methods(config):
        compressors |= {
            f"kmeans_{method} {K}": KMeans(K, method, center_bits=center_bits)
            for K in range(1, config.max_clusters + 1)
        }
    return compressors | {f"fixed_codebook {K}": FixedCodebook(centers) for K, centers in codebooks.items()}


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


def _simulated_row(
    algorithm: str, parameter: float, rate_name: str, estimates: RiskEstimates
) -> dict[str, Any]:
    rate = estimates.rates[rate_name]
    cells: dict[str, float] = {"rate_nats_sem": rate.sem or math.nan}
    for quantity in QUANTITIES:
        estimate = getattr(estimates, quantity)
        cells |= {quantity: estimate.mean, f"{quantity}_sem": estimate.sem}
    num_trials = estimates.distortion.num_trials
    return _row(algorithm, parameter, rate_name, rate.mean, **cells, num_trials=num_trials)


def _bound_rows(
    config: Figure2Config,
    model: GaussianLinearModel,
    codebooks: Mapping[int, np.ndarray],
    result: SimulationResult,
) -> list[dict[str, Any]]:
    from ratedist.theory import codebook_squared_radius, proposition1_bound

    rows = []
    for K, centers in codebooks.items():
        rate = result[f"fixed_codebook {K}"].rates["fixed_length"].mean
        bound = proposition1_bound(model, rate, radius=math.sqrt(codebook_squared_radius(model, centers)))
        rows.append(_row("bound_proposition1", K, "fixed_length", rate, generalization_error=float(bound)))
    method = _methods(config)[0]
    for K in range(1, config.max_clusters + 1):
        estimates = result[f"kmeans_{method} {K}"]
        rate = estimates.rates[config.rate].mean
        value = proposition1_bound(model, rate, radius=math.sqrt(estimates.max_squared_distance))
        rows.append(
            _row(
                "plug_in_proposition1",
                K,
                config.rate,
                rate,
                generalization_error=float(value),
                num_trials=config.trials,
            )
        )
    return rows


def _distortion_rate_rows(model: GaussianLinearModel, highest_rate: float) -> list[dict[str, Any]]:
    from ratedist.theory import distortion_rate_bound, distortion_rate_tight

    rates = np.linspace(0.0, highest_rate, NUM_CURVE_POINTS)
    curves = {"distortion_rate_paper": distortion_rate_bound, "distortion_rate_tight": distortion_rate_tight}
    return [
        _row(name, math.nan, "mutual_information", rate, distortion=distortion)
        for name, curve in curves.items()
        for rate, distortion in zip(rates, curve(model, rates), strict=True)
    ]


def _best(config: Figure2Config, result: SimulationResult) -> dict[str, Any]:
    """Per method the K of least population risk, and how far it lies below ERM, trial by trial."""
    best = {}
    for method in _methods(config):
        names = [f"kmeans_{method} {K}" for K in range(1, config.max_clusters + 1)]
        winner = min(names, key=lambda name: result[name].population_risk.mean)
        risk, gain = result[winner].population_risk, result.difference(winner, "erm").population_risk
        best[f"kmeans_{method}"] = {
            "num_clusters": int(winner.split()[-1]),
            "population_risk": risk.mean,
            "population_risk_sem": risk.sem,
            "minus_erm": gain.mean,
            "minus_erm_sem": gain.sem,
        }
    return best
