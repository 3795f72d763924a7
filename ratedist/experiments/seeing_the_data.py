"""What a compressor gains that sees the data: rate, distortion and population risk beside the exact curve.

JAX, SciPy and pandas are imported inside :func:`run`, so that the command line can show its options at once.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from ratedist import _checks
from ratedist.experiments.model_options import NumTrials
from ratedist.experiments.stopwatch import Stopwatch
from ratedist.experiments.table import Table, versions
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.quantizers.trellis.convolutional import trellis_of
from ratedist.units import nats_to_bits

COLUMNS = (
    "kind",
    "step",
    "multiplier",
    "rate_nats",
    "rate_sem",
    "rate_bits",
    "distortion",
    "distortion_sem",
    "population_risk",
    "population_risk_sem",
    "markov_rate_nats",
    "above_markov_nats",
    "above_markov_sem",
)
# Steps in units of the weights' standard deviation, and multipliers in units of the price that a nat has at
# high rate, 2D a weight. Found by hand: beyond the last pair nothing is sent any more.
SETTINGS = ((0.6, 0.7), (0.8, 0.7), (1.07, 0.8), (1.34, 0.8), (1.6, 0.8), (1.6, 1.0), (1.93, 1.0))
KINDS = ("plain", "feedback", "paths", "trellis")
# Levels of both unions together are denser than those of one: a trellis has steps shorter by this.
TRELLIS_STEP = 4 / 7
NUM_CURVE_POINTS = 25
MOST_SAMPLES = 10**9
MOST_WEIGHTS = 500
PILOT_TRIALS = 500


@dataclasses.dataclass(frozen=True)
class SeeingTheDataConfig:
    """One linear model; true weights and the covariance of the inputs do not matter."""

    d: int = 50
    """Number of weights."""
    n: int = 80
    """Number of training samples, above d + 1."""
    noise_variance: float = 1.0
    """Variance of the noise in the outputs."""
    num_paths: int = 16
    """How many partial roundings the search with feedback keeps side by side."""
    num_states: int = 8
    """States of the trellis: a power of two from 4 to 256."""
    trellis_paths: int = 64
    """How many partial roundings the search along the trellis keeps side by side."""
    num_trials: NumTrials = 4000
    """Data sets over which each compressor is averaged."""
    seed: int = 0
    """Seed of every random draw."""

    def check(self) -> None:
        """Raise ``ValueError``, in words, for a setting without a figure."""
        _checks.integer("d", self.d, 1, MOST_WEIGHTS)
        _checks.integer("n", self.n, self.d + 2, MOST_SAMPLES)
        _checks.positive_number("noise_variance", self.noise_variance)
        _checks.integer("num_paths", self.num_paths, 2, 1024)
        trellis_of(self.num_states)
        _checks.integer("trellis_paths", self.trellis_paths, 2, 1024)
        _checks.integer("num_trials", self.num_trials, 2)
        _checks.seed(self.seed)

    def model(self) -> GaussianLinearModel:
        """The model with zeros as true weights: rounding of W − w* is the same for all."""
        return GaussianLinearModel(self.n, np.zeros(self.d), self.noise_variance)


def run(config: SeeingTheDataConfig, *, progress: bool = False) -> Table:
    """Tabulate the curves, then simulate rounding with and without feedback at their distortions.

    Args:
        config: the setting.
        progress: show a progress bar on standard error.

    Returns:
        One row a point. ``kind`` is a curve or a compressor. "given_gram" is the rate if both sides know the
        Gram matrix, a lower bound on any compressor's. "encoder_alone" is an upper bound on what is enough
        if the encoder alone does. "markov" is the exact curve of compressors that see the weights only.
        "oracle" is the papers' channel, at its exact rate. "plain", "feedback", "paths" and "trellis" round
        W − w* to a grid with designed codes; their rates are code lengths. ``above_markov_nats`` is the rate
        less the exact Markov rate at the same distortion. Rates are those of the whole weight vector.
    """
    import pandas as pd
    from tqdm import tqdm

    config.check()
    stopwatch, model = Stopwatch(), config.model()
    rows = curve_rows(model)
    pairs = [(kind, *setting) for kind in KINDS for setting in SETTINGS]
    for kind, step, price in tqdm(pairs, unit="point", disable=not progress):
        rows.append(simulated_row(config, model, kind, step, price))
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame["rate_bits"] = nats_to_bits(frame["rate_nats"].to_numpy())
    record = {
        "experiment": "seeing-the-data",
        "configuration": dataclasses.asdict(config),
        "findings": findings(frame),
        "constants_nats": constants(model),
        "versions": versions(),
        "duration_seconds": stopwatch.total,
    }
    return Table(frame, record)


def constants(model: GaussianLinearModel) -> dict[str, float]:
    """What W tells of the Gram matrix, and what seeing the data is worth at high rate."""
    from ratedist import theory

    return {
        "gram_information": theory.gram_information(model),
        "gain_at_high_rate": theory.data_aware_gain(model),
    }


def curve_rows(model: GaussianLinearModel) -> list[dict[str, Any]]:
    """The three curves and the oracle, at distortions from a tenth of a decade below the largest down."""
    from ratedist import theory

    largest = float(theory.zero_rate_distortion(model))
    distortions = largest * np.geomspace(0.97, 0.04, NUM_CURVE_POINTS)
    rates = {
        "given_gram": theory.rate_given_gram(model, distortions),
        "encoder_alone": theory.data_aware_rate_bound(model, distortions),
        "markov": np.array([markov_point(model, float(D))[0] for D in distortions]),
    }
    rows = [
        {"kind": kind, "distortion": D, "rate_nats": rate}
        for kind, all_rates in rates.items()
        for D, rate in zip(distortions.tolist(), all_rates.tolist(), strict=True)
    ]
    for alpha in theory.oracle_alpha(model, distortions).tolist():
        rows.append(
            {
                "kind": "oracle",
                "distortion": float(theory.oracle_distortion(model, alpha)),
                "rate_nats": float(theory.oracle_rate(model, alpha)),
                "population_risk": float(theory.oracle_population_risk(model, alpha)),
            }
        )
    return rows


def markov_point(model: GaussianLinearModel, distortion: float) -> tuple[float, float]:
    """The certified rate from below and the slope −dR/dD of the exact curve; both 0 from dσ²/n on."""
    from ratedist import theory

    if distortion >= float(theory.zero_rate_distortion(model)):
        return 0.0, 0.0
    point = theory.rate_at_distortion(model, distortion)
    return float(point.rate_lower[0]), float(point.slopes[0])


def simulated_row(
    config: SeeingTheDataConfig, model: GaussianLinearModel, kind: str, step: float, price: float
) -> dict[str, Any]:
    """One compressor with a code designed on draws of its own, and how far it lies above the exact curve."""
    import jax

    from ratedist.experiments.designed_rounding import designed
    from ratedist.simulation.runner import simulate

    judged, designing = jax.random.split(jax.random.key(config.seed))
    compressor = designed(compressor_of(config, model, kind, step, price), model, PILOT_TRIALS, designing)
    found = simulate(model, {kind: compressor}, config.num_trials, judged)[kind]
    rate, distortion, risk = found.rates["code_length"], found.distortion, found.population_risk
    markov, slope = markov_point(model, distortion.mean)
    return {
        "kind": kind,
        "step": compressor.step,
        "multiplier": compressor.multiplier,
        "rate_nats": rate.mean,
        "rate_sem": rate.sem,
        "distortion": distortion.mean,
        "distortion_sem": distortion.sem,
        "population_risk": risk.mean,
        "population_risk_sem": risk.sem,
        "markov_rate_nats": markov,
        "above_markov_nats": rate.mean - markov,
        # At most: the two errors add up where they do not cancel.
        "above_markov_sem": rate.sem + slope * distortion.sem,
    }


def compressor_of(
    config: SeeingTheDataConfig, model: GaussianLinearModel, kind: str, step: float, price: float
) -> Any:
    """The compressor of a kind, at a step and a multiplier in the units of :data:`SETTINGS`."""
    from ratedist.compressors import CenteredRounding, FeedbackRounding

    deviation = math.sqrt(model.noise_variance / (model.n - model.d - 1))
    own = step * deviation
    # The price of a nat at high rate is 2D a weight, and D of one weight δ²/12 in the metric it is seen in.
    multiplier = price * own**2 / 6
    if kind == "plain":
        return CenteredRounding(own, multiplier=multiplier)
    pivots = float(np.mean(model.n - np.arange(model.d)) / model.n)
    if kind == "trellis":
        return FeedbackRounding(
            TRELLIS_STEP * own,
            multiplier=multiplier * pivots,
            num_paths=config.trellis_paths,
            num_states=config.num_states,
        )
    num_paths = config.num_paths if kind == "paths" else 1
    return FeedbackRounding(own, multiplier=multiplier * pivots, num_paths=num_paths)


def findings(frame: Any) -> dict[str, Any]:
    """For each compressor how many points lie below the exact Markov curve, by four standard errors."""
    found = {}
    for kind in KINDS:
        rows = frame[frame["kind"] == kind]
        clear = rows["above_markov_nats"] < -4 * rows["above_markov_sem"]
        found[kind] = {
            "points": len(rows),
            "below_markov": int(clear.sum()),
            "lowest_above_markov_nats": float(rows["above_markov_nats"].min()),
        }
    return found
