"""Who wins at a rate: the least excess risk, if it is the least beyond chance; in numbers and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ratedist.experiments.ahead import errors_ahead, in_words
from ratedist.experiments.compare_curves import Curve, difference
from ratedist.experiments.compare_names import ALGORITHMS, PRIOR

# Differences below this multiple of the larger risk, ERM's or their own, are rounding.
SAME = 1e-9


def verdict(curves: Mapping[str, Curve], rate: float, erm: float) -> dict[str, Any]:
    """The order at one rate, and who is ahead of all others.

    Args:
        curves: by algorithm.
        rate: bits a weight.
        erm: the excess risk of ERM.

    Returns:
        ``order`` has excess risks with their standard errors, and how far each is behind the first, paired.
        ``winner`` is the first, or ``None`` if others are within four standard errors, of few trials more,
        which are in ``tied``.
        ``without_prior`` has the same of those that are not told the prior of w*.
    """
    order = sorted(curves, key=lambda name: curves[name].at(rate)[0])
    told_less = [name for name in order if ALGORITHMS[name].knows != PRIOR]
    return {
        "rate": rate,
        "erm": erm,
        **_ranked(curves, order, rate, erm),
        "without_prior": _ranked(curves, told_less, rate, erm) if told_less else None,
    }


def _ranked(curves: Mapping[str, Curve], order: Sequence[str], rate: float, erm: float) -> dict[str, Any]:
    first = order[0]
    least = curves[first].at(rate)[0]
    rows, tied, num_trials = [], [], len(curves[first].at(rate)[1])
    for name in order:
        behind = difference(curves[name], curves[first], rate)
        deviation = curves[name].at(rate)[1]
        rows.append(
            {
                "algorithm": name,
                "excess_risk": least + behind.mean,
                "excess_risk_sem": float(np.std(deviation, ddof=1) / len(deviation) ** 0.5),
                "behind": behind.mean,
                "behind_sem": behind.sem,
            }
        )
        # A code may have no excess in any trial: then nothing but rounding is behind it, without an error.
        rounding = SAME * max(abs(least), erm)
        if name != first and behind.mean <= max(errors_ahead(num_trials) * behind.sem, rounding):
            tied.append(name)
    return {
        "order": rows,
        "winner": None if tied else first,
        "tied": [first, *tied] if tied else [],
        "num_trials": num_trials,
    }


def sentence(verdicts: Sequence[Mapping[str, Any]]) -> str:
    """The verdicts in words, a line a rate."""
    return "\n".join(_at_rate(one) for one in verdicts)


def _at_rate(one: Mapping[str, Any]) -> str:
    rate, first = one["rate"], one["order"][0]
    unit = "bit" if rate == 1 else "bits"
    gap = first["excess_risk"] - one["erm"]
    if abs(gap) <= max(errors_ahead(one["num_trials"]) * first["excess_risk_sem"], SAME * one["erm"]):
        place = "not told apart from"
    else:
        place = "below" if gap < 0 else "above"
    text = f"At {rate:g} {unit} a weight {_outcome(one, one['erm'])}. "
    text += f"That is {place} ERM's {_number(one['erm'])}."
    other = one["without_prior"]
    if other is not None and ALGORITHMS[one["order"][0]["algorithm"]].knows == PRIOR:
        text += f" Without the prior {_outcome(other, one['erm'])}."
    return text


def _outcome(one: Mapping[str, Any], erm: float) -> str:
    """Who wins by how much, or who is level."""
    first, *others = one["order"]
    least = _number(first["excess_risk"] if abs(first["excess_risk"]) > SAME * erm else 0.0)
    if one["winner"] is None:
        names = [ALGORITHMS[name].name for name in one["tied"]]
        return f"there is no winner: {_listed(names)} are within {in_words(one['num_trials'])} at {least}"
    text = f"{ALGORITHMS[first['algorithm']].name} wins with {least}"
    if others:
        gap, error = others[0]["behind"], others[0]["behind_sem"]
        text += f", {_number(gap)} ± {error:.1g} below {ALGORITHMS[others[0]['algorithm']].name}"
    return text


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _number(value: float) -> str:
    return f"{value:.3g}"
