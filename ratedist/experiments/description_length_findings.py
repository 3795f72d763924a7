"""Who wins where in the figure of description lengths: found in its rows, and said in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ratedist.experiments.description_length_config import DescriptionLengthConfig
from ratedist.experiments.description_length_points import ridge_squared_norm, root_mean_square
from ratedist.experiments.model_options import option_name
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.theory import ridge_best_penalty, ridge_information_bound, ridge_risks
from ratedist.theory.erm import erm_weight_variance
from ratedist.units import nats_to_bits

# Those that deliver weights in so many bits and do not know w*.
CODED = {
    "kmeans": "K-means",
    "ridge_bits_back": "a sample of ridge's posterior",
    "ridge_white_bits_back": "a draw around ridge",
    "ridge_two_part": "rounded ridge",
    "quantized_ridge": "rounded ridge",
    "shrunk_kmeans": "K-means of shrunk weights",
    "shrunk_uniform": "remote coding with a Gaussian prior",
    "remote_own_prior": "remote coding with the weights' prior",
}
# So much above one bit a weight still counts as one: labels of two centres need a little less.
SLACK = 1.02
# Levels that are so many standard deviations of the noise from 0 are hardly ever mistaken.
CLEAR = 3.0


def findings(
    config: DescriptionLengthConfig, model: GaussianLinearModel, scale: float, rows: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """The numbers that the sentence of the record is made of, at one scale of the true weights."""
    two_level = isinstance(config.w_star, str) and config.w_star == "two-level"
    kmeans = [row for row in rows if row["algorithm"] == "kmeans"]
    best = min(kmeans, key=_risk)
    erm = next(row for row in rows if row["algorithm"] == "erm")
    coded = [row for row in rows if row["algorithm"] in CODED]
    cheap = [row for row in coded if row["rate_bits"] <= SLACK * model.d]
    return {
        "scale": scale,
        "d": model.d,
        "label": f"w* = ±{scale:g}" if two_level else f"w* = {scale:g} × {option_name(config.w_star)}",
        "two_level": two_level,
        "signal_to_noise": root_mean_square(model) / erm_weight_variance(model) ** 0.5,
        "erm": erm["population_risk"],
        "ridge": _ridge(model),
        "kmeans": {str(row["parameter"]): _shown(row) for row in kmeans},
        "best_kmeans": _shown(best),
        "one_bit": [_shown(row) for row in _best_of_each(cheap)],
        "any_bits": [_shown(row) for row in _best_of_each(coded)],
    }


def sentence(found: Sequence[dict[str, Any]]) -> str:
    """Who wins where and why, from the findings alone; a line for each scale of the true weights."""
    return "\n".join(_of_scale(one) for one in found)


def _of_scale(one: dict[str, Any]) -> str:
    """At one scale."""
    first, *others = one["one_bit"]
    second = next((row for row in others if row["name"] != first["name"]), None)
    behind = f", {second['name']} {second['population_risk']:.2f}" if second else ""
    most = one["any_bits"][0]
    text = (
        f"{one['label']}: at one bit a weight {_named(first)} has the least risk, "
        f"{first['population_risk']:.2f}{behind}"
    )
    if most["population_risk"] < first["population_risk"] - 0.005:
        text += f"; with {most['rate_bits']:.0f} bits {_named(most)} reaches {most['population_risk']:.2f}"
    ridge = one["ridge"]
    text += (
        f". ERM has {one['erm']:.2f}, the best ridge {ridge['population_risk']:.2f} in real numbers, and "
        f"a sample of its posterior {ridge['sample_population_risk']:.2f} for {ridge['bits_back']:.0f} bits. "
    )
    return text + _reason(one)


def _reason(one: dict[str, Any]) -> str:
    ratio = one["signal_to_noise"]
    far = f"A true weight is {ratio:.1f} standard deviations of its noise"
    if not one["two_level"]:
        return f"{far} in size."
    if ratio >= CLEAR:
        return f"{far} from 0: one bit tells its level, and a Gaussian prior cannot say that there are two."
    return f"{far} from 0: which level it has is often mistaken, and shrinking is worth more than levels."


def _ridge(model: GaussianLinearModel) -> dict[str, float]:
    """Ridge at its best penalty: closed forms, with the part of its cost that is the squared norm."""
    lam = ridge_best_penalty(model)
    mean, sample = (ridge_risks(model, lam, posterior_variance=s) for s in (0.0, model.noise_variance))
    norm = ridge_squared_norm(model, lam)
    return {
        "penalty": lam,
        "population_risk": float(mean.population_risk),
        "sample_population_risk": float(sample.population_risk),
        "bits_back": float(nats_to_bits(ridge_information_bound(model, lam))),
        "squared_norm_bits": float(nats_to_bits(lam * norm / (2 * model.noise_variance))),
    }


def _best_of_each(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The least risk of each algorithm, least first."""
    best: dict[str, dict[str, Any]] = {}
    for row in rows:
        name = row["algorithm"]
        if name not in best or _risk(row) < _risk(best[name]):
            best[name] = row
    return sorted(best.values(), key=_risk)


def _risk(row: dict[str, Any]) -> float:
    return row["population_risk"]


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    kept = ("algorithm", "parameter", "rate_bits", "population_risk", "population_risk_sem", "minus_erm_sem")
    return {"name": CODED[row["algorithm"]]} | {name: row[name] for name in kept if name in row}


def _named(row: dict[str, Any]) -> str:
    at = f" at K = {row['parameter']:.0f}" if row["algorithm"] == "kmeans" else ""
    return row["name"] + at
