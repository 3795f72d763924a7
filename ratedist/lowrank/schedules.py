"""Penalties in stages: strengths in equal ratios, ranks that fall to the one that is wanted."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ratedist import _checks
from ratedist.lowrank.penalties import FixedRank, Penalty, require_penalty

LARGEST_RANK = 2**53  # floats hold every integer up to it


def strength_path(penalty: Penalty, first_strength: float, num_stages: int) -> tuple[Penalty, ...]:
    """The same penalty at strengths from ``first_strength`` to its own, in equal ratios: λ annealed.

    Args:
        penalty: one with a strength λ above 0, that of the last stage.
        first_strength: of the first stage, above 0. Larger than λ, it falls.
        num_stages: how many, at least 2.

    Returns:
        One penalty a stage, for ``thresholding_path``.

    Raises:
        ValueError: a penalty without a strength, strengths not above 0, fewer than two stages.

    Example:
        >>> import ratedist as rd
        >>> path = rd.lowrank.strength_path(rd.lowrank.NuclearNorm(1.0), first_strength=100.0, num_stages=3)
        >>> [round(one.strength, 6) for one in path]
        [100.0, 10.0, 1.0]
    """
    record: Any = require_penalty("penalty", penalty)
    if not hasattr(record, "strength"):
        raise ValueError(f"penalty must have a strength, {penalty!r} has none")
    last = _checks.positive_number("the strength of penalty", record.strength)
    first = _checks.positive_number("first_strength", first_strength)
    num_stages = _checks.integer("num_stages", num_stages, 2)
    logs = np.linspace(np.log(first), np.log(last), num_stages)
    return (
        dataclasses.replace(record, strength=first),
        *(dataclasses.replace(record, strength=float(np.exp(log))) for log in logs[1:-1]),
        record,
    )


def rank_path(first_rank: int, last_rank: int, num_stages: int) -> tuple[FixedRank, ...]:
    """Constraints on the rank from ``first_rank`` to ``last_rank`` in about equal ratios, each once.

    Args:
        first_rank: of the first stage, at least ``last_rank``.
        last_rank: of the last stage, at least 1.
        num_stages: how many at most; equal ranks are one stage.

    Returns:
        One :class:`FixedRank` a stage, for ``thresholding_path``.

    Raises:
        ValueError: ranks out of their range, fewer than two stages.

    Example:
        >>> import ratedist as rd
        >>> [stage.rank for stage in rd.lowrank.rank_path(64, 4, num_stages=5)]
        [64, 32, 16, 8, 4]
    """
    last = _checks.integer("last_rank", last_rank, 1, LARGEST_RANK)
    first = _checks.integer("first_rank", first_rank, last, LARGEST_RANK)
    num_stages = _checks.integer("num_stages", num_stages, 2)
    ranks = np.rint(np.geomspace(first, last, num_stages)).astype(int).tolist()
    return tuple(FixedRank(rank) for rank in dict.fromkeys(ranks))
