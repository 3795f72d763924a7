"""Numbers of the explorer that need the package, as a script: ``python -m ratedist.explorer.tables``.

The script is checked in beside the pages. All other numbers are computed by the pages themselves.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ratedist.experiments.low_rank import simulated
from ratedist.experiments.low_rank_config import LowRankConfig
from ratedist.experiments.low_rank_findings import estimate
from ratedist.explorer.server import FOLDER
from ratedist.files import write_together
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.linear_model.weights import two_level_weights
from ratedist.simulation.random_codes import bernoulli_random_code_distortion, random_code_distortion
from ratedist.theory import (
    bernoulli_rate,
    conditional_cgf_relaxation,
    gaussian_distortion,
    oracle_alpha_at_rate,
    oracle_conditional_cgf_bound,
    oracle_generalization_error,
    oracle_loss_variance,
    point_at_rate,
)
from ratedist.theory.sources.discrete import blahut_arimoto
from ratedist.units import bits_to_nats

NAME = "tables.js"
DIGITS = 7

COIN_RATE, COIN_LENGTHS = 0.5, range(1, 41)
# Bits a number, the longest block, and the best quantiser of one number with so many bits.
GAUSSIAN_CODES = {"one": (1.0, 14), "two": (2.0, 8)}
NUM_CODES, SEED = 400, 0

NUM_WEIGHTS = 50
SAMPLES = (60, 80, 150, 500)
RATES = tuple(float(f"{rate:.2g}") for rate in np.geomspace(0.01, 250, 60))

PROJECTIONS = ("plain", "information")
MOST_RANK = 12
RANK_TRIALS = 1000


def blocks() -> dict[str, Any]:
    """Distortion a symbol of random codes by block length, the limit, and what they are compared with.

    The coin's is exact. The Gaussian's is simulated and has standard errors.
    """
    wrong = 1 - np.eye(2)
    rate = float(bits_to_nats(COIN_RATE))
    limit = point_at_rate(lambda slope: blahut_arimoto([0.5, 0.5], wrong, slope), rate).distortion
    assert abs(float(bernoulli_rate(0.5, limit)) - rate) < 1e-6  # two roads to one number
    found: dict[str, Any] = {
        "coin": {
            "rate": COIN_RATE,
            "clever": (1 - COIN_RATE) / 2,
            "limit": limit,
            "distortion": [bernoulli_random_code_distortion(m, rate) for m in COIN_LENGTHS],
            "error": [0.0 for _ in COIN_LENGTHS],
        }
    }
    generator = np.random.default_rng(SEED)
    for name, (bits, longest) in GAUSSIAN_CODES.items():
        rate = float(bits_to_nats(bits))
        codes = [
            random_code_distortion(generator, "gaussian", m, rate, NUM_CODES) for m in range(1, longest + 1)
        ]
        found[name] = {
            "rate": bits,
            "clever": lloyd_max_distortion(round(2**bits)),
            "limit": float(gaussian_distortion(1.0, rate)),
            "distortion": [code.mean for code in codes],
            "error": [code.sem for code in codes],
        }
    return found


def lloyd_max_distortion(num_levels: int) -> float:
    """Least mean squared error of a quantiser of one standard normal number."""
    from scipy.stats import norm

    centers = norm.ppf((np.arange(num_levels) + 0.5) / num_levels)

    def edges() -> np.ndarray:
        return np.concatenate([[-np.inf], (centers[1:] + centers[:-1]) / 2, [np.inf]])

    for _ in range(2000):  # a cell's mean is its next centre
        centers = -np.diff(norm.pdf(edges())) / np.diff(norm.cdf(edges()))
    return float(1 - np.sum(np.diff(norm.cdf(edges())) * centers**2))


def bounds() -> dict[str, Any]:
    """The oracle's generalisation error and two bounds on it, by samples and bits for the whole vector."""
    return {"rates": list(RATES), "samples": {str(n): bounds_at(n, RATES) for n in SAMPLES}}


def bounds_at(n: int, rates: tuple[float, ...]) -> dict[str, list[float]]:
    """As :func:`bounds`, for one number of samples."""
    model = GaussianLinearModel(n, two_level_weights(NUM_WEIGHTS))
    rows: dict[str, list[float]] = {"truth": [], "conditional": [], "root": []}
    for bits in rates:
        rate = float(bits_to_nats(bits))
        alpha = oracle_alpha_at_rate(model, rate)
        rows["truth"].append(float(oracle_generalization_error(model, alpha)))
        rows["conditional"].append(oracle_conditional_cgf_bound(model, alpha).value)
        rows["root"].append(
            conditional_cgf_relaxation(model, rate, *oracle_loss_variance(model, alpha)).value
        )
    return rows


def ranks(num_trials: int = RANK_TRIALS, seed: int | None = None) -> dict[str, Any]:
    """Excess risk against rank of a fitted matrix, for the example with unequal noise of ``low-rank``."""
    config = LowRankConfig(num_trials=num_trials)
    model = config.model()
    excess, _ = simulated(model, num_trials, config.chosen_seed if seed is None else seed)
    o, d = model.W_star.shape
    found: dict[str, Any] = {
        "outputs": o,
        "inputs": d,
        "samples": model.n,
        "fitted": float(model.bayes_risk * d / (model.n - d - 1)),
    }
    for name in PROJECTIONS:
        risks = [estimate(column) for column in excess[name].T[: MOST_RANK + 1]]
        found[name] = {"excess": [one.mean for one in risks], "error": [one.sem for one in risks]}
    return found


def script(tables: dict[str, Any]) -> str:
    """The file of ``tables``, numbers to seven digits."""
    lines = ",\n".join(
        f"  {json.dumps(name)}: {json.dumps(_rounded(table))}" for name, table in tables.items()
    )
    head = "// Written by python -m ratedist.explorer.tables: do not edit."
    return f"{head}\nglobalThis.Explorer.tables = {{\n{lines}\n}};\n"


def read(text: str) -> dict[str, Any]:
    """The tables of a file that :func:`script` wrote."""
    return json.loads(text[text.index("= {") + 2 :].rstrip().removesuffix(";"))


def _rounded(table: Any) -> Any:
    if isinstance(table, dict):
        return {name: _rounded(value) for name, value in table.items()}
    if isinstance(table, list):
        return [_rounded(value) for value in table]
    return float(f"{table:.{DIGITS}g}") if isinstance(table, float) else table


def main() -> None:
    """Compute the tables and write the script; a minute or two."""
    tables = {"blocks": blocks(), "bounds": bounds(), "ranks": ranks()}
    write_together({FOLDER / NAME: script(tables).encode()})


if __name__ == "__main__":
    main()
