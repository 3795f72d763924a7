r"""Curves of risk against rate, and the difference of two of them at one rate, trial by trial.

Between two points of an algorithm lies what a coin decides that both sides see: with share p the one code,
with 1 − p the other. Its rate and its risk are the mixtures. So the curve is the lower convex envelope of the
points, and of nothing sent at rate 0. With segment ends i and j, at rate R,

.. math:: \hat r(R) = \bar r_i + s (R − \bar b_i),  s = (\bar r_j − \bar r_i)/(\bar b_j − \bar b_i),

whose first-order deviation is the mean over trials of ``(1 − p)(r_i − s b_i) + p (r_j − s b_j)``. This counts
that rates are estimates too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ratedist.estimate import Estimate, Moments


@dataclasses.dataclass(frozen=True, eq=False)
class Sampled:
    """A point by its trials: excess risks and bits a weight, shape ``(num_trials,)`` each."""

    algorithm: str
    excess: np.ndarray
    bits: np.ndarray

    @property
    def mean_excess(self) -> float:
        """Mean over the trials."""
        return float(np.mean(self.excess))

    @property
    def mean_bits(self) -> float:
        """Mean over the trials."""
        return float(np.mean(self.bits))


@dataclasses.dataclass(frozen=True, eq=False)
class Curve:
    """The corners of an envelope, by ascending rate and descending risk; the first is nothing sent."""

    points: tuple[Sampled, ...]

    def at(self, rate: float) -> tuple[float, np.ndarray]:
        """The least excess risk with at most this rate, and its deviation in every trial."""
        bits = [point.mean_bits for point in self.points]
        after = int(np.searchsorted(bits, rate, side="right"))
        if after == len(bits):
            return self.points[-1].mean_excess, self.points[-1].excess
        i, j = self.points[after - 1], self.points[after]
        slope = (j.mean_excess - i.mean_excess) / (j.mean_bits - i.mean_bits)
        share = (rate - i.mean_bits) / (j.mean_bits - i.mean_bits)
        value = i.mean_excess + slope * (rate - i.mean_bits)
        deviation = (1 - share) * (i.excess - slope * i.bits) + share * (j.excess - slope * j.bits)
        return value, deviation


def nothing_sent(excess: float, num_trials: int) -> Sampled:
    """Ŵ = 0, which costs no bits."""
    return Sampled("nothing", np.full(num_trials, excess), np.zeros(num_trials))


def curves(points: Sequence[Sampled], nothing: Sampled) -> dict[str, Curve]:
    """The envelope of each algorithm's points."""
    names = dict.fromkeys(point.algorithm for point in points)
    return {
        name: envelope([nothing, *(point for point in points if point.algorithm == name)]) for name in names
    }


def envelope(points: Sequence[Sampled]) -> Curve:
    """The lower convex envelope as far as it falls."""
    corners: list[Sampled] = []
    for point in sorted(points, key=lambda one: (one.mean_bits, one.mean_excess)):
        if corners and point.mean_excess >= corners[-1].mean_excess:
            continue
        while len(corners) > 1 and not _turns_up(corners[-2], corners[-1], point):
            corners.pop()
        corners.append(point)
    return Curve(tuple(corners))


def _turns_up(first: Sampled, second: Sampled, third: Sampled) -> bool:
    """Whether the middle one lies below the line through the others."""
    whole = third.mean_bits - first.mean_bits
    share = (second.mean_bits - first.mean_bits) / whole if whole > 0 else 0.0
    line = first.mean_excess + share * (third.mean_excess - first.mean_excess)
    return second.mean_excess < line


def difference(one: Curve, other: Curve, rate: float) -> Estimate:
    """The first curve minus the second at one rate, paired."""
    (value, deviation), (other_value, other_deviation) = one.at(rate), other.at(rate)
    moments = Moments.of(("one", "other"), np.stack([deviation, other_deviation], axis=1))
    return dataclasses.replace(moments.difference("one", "other"), mean=value - other_value)
