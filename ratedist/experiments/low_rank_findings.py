"""What rank does to the population risk: the best rank of each projection, and whether it is the true one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ratedist.estimate import Estimate
from ratedist.experiments.ahead import errors_ahead
from ratedist.linear_model.multi_output import MultiOutputLinearModel

NAMES = {
    "plain": "plain SVD",
    "noise": "the noise's metric",
    "inputs": "the inputs' metric",
    "information": "information",
}


def estimate(values: np.ndarray) -> Estimate:
    """The mean over trials with its standard error."""
    return Estimate(float(np.mean(values)), float(np.std(values, ddof=1) / len(values) ** 0.5), len(values))


def findings(
    model: MultiOutputLinearModel, excess: Mapping[str, np.ndarray], chosen: np.ndarray, erm: float
) -> dict[str, Any]:
    """The numbers that the sentence of the record is made of.

    Args:
        model: whose W* has the true rank.
        excess: excess risks by projection, shape ``(num_trials, min(o, d) + 1)``.
        chosen: the rank that the threshold chooses in each trial.
        erm: the excess of least squares.

    Returns:
        For each projection the risks at its best rank, at its best rank from 1 on, and at the true one.
        ``clear`` is whether all other ranks are behind by more than four standard errors, paired, or what
        fewer trials ask for. Then
        ``behind`` is that of the second-best rank, and else of the best that is within them.
    """
    true_rank = int(np.linalg.matrix_rank(model.W_star))
    return {
        "true_rank": true_rank,
        "erm": erm,
        "threshold_share_of_true_rank": float(np.mean(chosen == true_rank)),
        "projections": {name: _of_projection(values, true_rank) for name, values in excess.items()},
    }


def _of_projection(values: np.ndarray, true_rank: int) -> dict[str, Any]:
    means = values.mean(axis=0)
    best, *others = (int(rank) for rank in np.argsort(means, kind="stable"))
    at_best, at_true = estimate(values[:, best]), estimate(values[:, true_rank])
    behinds = {rank: estimate(values[:, rank] - values[:, best]) for rank in others}
    close = [rank for rank, one in behinds.items() if one.mean <= errors_ahead(one.num_trials) * one.sem]
    # Where one is within the error, the nearest of these; it need not be the second in the mean.
    second = (close or others)[0]
    behind = behinds[second]
    over_erm = estimate(values[:, true_rank] - values[:, -1])
    kept = 1 + int(np.argmin(means[1:]))
    return {
        "num_trials": len(values),
        "best_rank": best,
        "excess_risk": at_best.mean,
        "excess_risk_sem": at_best.sem,
        "second_rank": second,
        "behind": behind.mean,
        "behind_sem": behind.sem,
        "clear": not close,
        "best_rank_kept": kept,
        "at_best_rank_kept": float(means[kept]),
        "at_true_rank": at_true.mean,
        "at_true_rank_sem": at_true.sem,
        "at_true_rank_minus_erm": over_erm.mean,
        "at_true_rank_minus_erm_sem": over_erm.sem,
    }


def sentence(found: Mapping[str, Any]) -> str:
    """What was found in words, a line a statement."""
    rank, erm = found["true_rank"], found["erm"]
    lines = [f"Least squares has an excess risk of {_number(erm)}. The true rank is {rank}."]
    lines += [_at_true_rank(name, one) for name, one in found["projections"].items()]
    lines.append(_minimum(found["projections"]["information"], rank))
    share = 100 * found["threshold_share_of_true_rank"]
    lines.append(f"A threshold on singular values finds the true rank in {share:.0f}% of the trials.")
    return "\n".join(lines)


def _at_true_rank(name: str, one: Mapping[str, Any]) -> str:
    gap, error = one["at_true_rank_minus_erm"], one["at_true_rank_minus_erm_sem"]
    if abs(gap) <= errors_ahead(one["num_trials"]) * error:
        place = "not told apart from least squares"
    else:
        place = "worse than no compression" if gap > 0 else "below least squares"
    text = (
        f"At the true rank {NAMES[name]} has {_number(one['at_true_rank'])}, {place}; "
        f"it is best at rank {one['best_rank']} with {_number(one['excess_risk'])}"
    )
    if not one["best_rank"]:
        text += f", and next at rank {one['best_rank_kept']} with {_number(one['at_best_rank_kept'])}"
    return text + "."


def _minimum(one: Mapping[str, Any], true_rank: int) -> str:
    best, second = one["best_rank"], one["second_rank"]
    if not one["clear"]:
        return f"Which rank is best by information is undecided: {best} and {second} are within the error."
    place = "the true rank" if best == true_rank else f"not at the true rank, {true_rank}"
    return (
        f"By information the minimum over ranks is at {best}, {place}: "
        f"rank {second} is {_number(one['behind'])} ± {one['behind_sem']:.1g} behind."
    )


def _number(value: float) -> str:
    return f"{value:.3g}"
