"""Points of the exact curve as one record, and when a point is certified."""

from __future__ import annotations

import dataclasses

import numpy as np

from ratedist.theory.exact.points import CERTIFIED_GAP, CERTIFIED_RELATIVE_GAP
from ratedist.theory.exact.search import Answer

ROUNDING = 1e-6  # nats by which a lower bound may exceed the rate before it counts as an error
TINY = 1e-300


@dataclasses.dataclass(frozen=True, eq=False)
class RateDistortionCurve:
    """Points of the exact curve, all arrays of shape ``(m,)``, rates in nats for the whole weight vector.

    Attributes:
        slopes: λ = −dR/dD, nats per unit of distortion; where a point is not certified, that of ``rate``.
        distortion: D.
        rate: achievable at D: a channel of at most this mutual information and this distortion exists.
        rate_lower: no channel of distortion at most D has less mutual information than this.
        certified: whether ``gap`` is at most ``CERTIFIED_GAP`` = 0.001 nats and ``relative_gap`` at most
            ``CERTIFIED_RELATIVE_GAP`` = 1%, and neither below zero by more than rounding. The two bounds are
            bounds either way, and every number is finite.
        reason: why a point is not certified, one string each, empty where it is.
    """

    slopes: np.ndarray
    distortion: np.ndarray
    rate: np.ndarray
    rate_lower: np.ndarray
    certified: np.ndarray
    reason: tuple[str, ...]

    @property
    def gap(self) -> np.ndarray:
        """``rate − rate_lower`` in nats, shape ``(m,)``."""
        return self.rate - self.rate_lower

    @property
    def relative_gap(self) -> np.ndarray:
        """``gap / rate``, shape ``(m,)``; 0 where the rate is 0."""
        return np.divide(self.gap, self.rate, out=np.zeros_like(self.gap), where=self.rate > 0)


def curve_of(
    answers: list[Answer], noise_variance: float, slopes: np.ndarray | None = None
) -> RateDistortionCurve:
    """The curve of these answers, which are for σ² = 1."""
    # A mutual information is at least zero; the rate can only be below by rounding.
    rate = np.array([max(answer.rate, 0.0) for answer in answers])
    lower = np.array([max(answer.rate_lower, 0.0) for answer in answers])
    gap = rate - lower
    # A lower bound above the rate by more than rounding could only mean that one of the two is wrong.
    certified = (gap <= np.minimum(CERTIFIED_GAP, CERTIFIED_RELATIVE_GAP * rate + TINY)) & (gap >= -ROUNDING)
    reasons = tuple(
        ""
        if good
        else f"the gap is {size:.2g} nats and {size / max(of, TINY):.2g} of the rate, not from 0 to "
        f"{CERTIFIED_GAP:g} and {CERTIFIED_RELATIVE_GAP:g}: {answer.reason}"
        for good, size, of, answer in zip(certified, gap, rate, answers, strict=True)
    )
    if slopes is None:
        slopes = np.array([answer.slope for answer in answers]) / noise_variance
    distortion = np.array([answer.distortion for answer in answers]) * noise_variance
    return RateDistortionCurve(slopes, distortion, rate, lower, certified, reasons)
