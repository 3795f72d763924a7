"""Rank as a rate: what every rank costs in numbers and in distortion, and the rank that a budget allows."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.lowrank.projection import project


@dataclasses.dataclass(frozen=True, eq=False)
class RankCurve:
    """One matrix of shape ``(o, d)`` at every rank from 0 to min(o, d): the points that it can be stored at.

    Attributes:
        ranks: 0, 1, …, min(o, d).
        num_parameters: numbers to store, ``r(o + d)`` in two factors; at rank min(o, d) the ``o·d`` of W
            itself. Ranks near that may need more than W does; no allocation has a use for them.
        distortion: of the projection on each rank, in the units of ``project``.
    """

    ranks: np.ndarray
    num_parameters: np.ndarray
    distortion: np.ndarray


def rank_curve(W: ArrayLike, left: ArrayLike | None = None, right: ArrayLike | None = None) -> RankCurve:
    """The distortion of the best matrix of every rank, and the numbers that each takes.

    The distortion at rank r is the sum of squares of all singular values of the weighted matrix beyond the
    r-th. With ``num_parameters`` times the bits of a number, this is a group for :func:`ratedist.allocate`,
    which shares one budget among many matrices.

    Args:
        W: the matrix, shape ``(o, d)``, outputs by inputs.
        left: metric of outputs, as ``project`` has it.
        right: metric of inputs, as ``project`` has it.

    Returns:
        :class:`RankCurve`. One singular value decomposition gives it all.

    Raises:
        ValueError: as ``project``.

    Example:
        >>> import ratedist as rd
        >>> first = rd.lowrank.rank_curve([[3.0, 0, 0, 0], [0, 2.0, 0, 0], [0, 0, 1.0, 0]])
        >>> first.num_parameters, first.distortion
        (array([ 0,  7, 14, 12]), array([14.,  5.,  1.,  0.]))
        >>> second = rd.lowrank.rank_curve([[9.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]])
        >>> groups = [(curve.num_parameters * 16.0, curve.distortion) for curve in (first, second)]
        >>> rd.allocate(groups, total_bits=16.0 * 18).choices  # their ranks
        (3, 1)
    """
    found = project(W, 0, left, right)
    o, d = np.shape(W)
    ranks = np.arange(min(o, d) + 1)
    tails = np.cumsum(found.singular_values[::-1] ** 2)[::-1]
    parameters = np.append(ranks[:-1] * (o + d), o * d)
    return RankCurve(ranks, parameters, np.append(tails, 0.0))


def rank_for_parameters(shape: tuple[int, int], num_parameters: float) -> int:
    """The largest rank whose factors have at most this many numbers: r(o + d) of them, or o·d for W itself.

    Args:
        shape: ``(o, d)`` of the matrix.
        num_parameters: the budget, at least 0; may be infinite.

    Returns:
        From 0 (nothing fits) to min(o, d), which stands for W itself.

    Raises:
        ValueError: a shape that is none, or a negative budget.

    Example:
        >>> import ratedist as rd
        >>> [rd.lowrank.rank_for_parameters((20, 50), budget) for budget in (69, 70, 500, 999, 1000)]
        [0, 1, 7, 14, 20]
    """
    if not isinstance(shape, tuple | list) or len(shape) != 2:
        raise ValueError(f"shape must be (o, d), got {shape!r:.80}")
    o, d = (_checks.integer(name, size, 1) for name, size in zip(("o", "d"), shape, strict=True))
    budget = _checks.number("num_parameters", num_parameters)
    if budget >= o * d:
        return min(o, d)
    return int(budget // (o + d))


def rank_for_bits(shape: tuple[int, int], total_bits: float, bits_per_parameter: float) -> int:
    """The largest rank whose factors fit into so many bits, at a fixed number of bits each number.

    Args:
        shape: ``(o, d)`` of the matrix.
        total_bits: the budget, at least 0; may be infinite.
        bits_per_parameter: bits of one number of a factor, above 0.

    Returns:
        From 0 to min(o, d), as :func:`rank_for_parameters`.

    Raises:
        ValueError: a shape that is none, a negative budget, or no bits.

    Example:
        >>> import ratedist as rd
        >>> rd.lowrank.rank_for_bits((20, 50), total_bits=2000, bits_per_parameter=4.0)
        7
    """
    bits = _checks.positive_number("bits_per_parameter", bits_per_parameter)
    return rank_for_parameters(shape, _checks.number("total_bits", total_bits) / bits)
