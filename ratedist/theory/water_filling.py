r"""Rate–distortion function of a Gaussian vector with independent components: reverse water-filling."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks


@dataclasses.dataclass(frozen=True, eq=False)
class WaterFilling:
    """A point of the vector Gaussian's R(D): ``D_i = min(θ, σ_i²)``, ``R = Σ ½ ln(σ_i²/D_i)``.

    Attributes:
        water_level: θ.
        distortion: D = Σ D_i, the total squared error.
        rate: R in nats for the whole vector.
        component_distortions: D_i, shape ``(m,)``; a component with D_i = σ_i² is not coded at all.
    """

    water_level: float
    distortion: float
    rate: float
    component_distortions: np.ndarray


def reverse_water_filling(variances: ArrayLike, water_level: float) -> WaterFilling:
    """The optimal split at water level θ: every coded component gets the same distortion θ.

    Args:
        variances: σ_i² ≥ 0, shape ``(m,)`` (the eigenvalues of the covariance if components are dependent).
        water_level: θ > 0.

    Returns:
        :class:`WaterFilling`; for variances (4, 1, ¼) at θ = ½: D = 1.25, R = 2 bits.

    Raises:
        ValueError: a negative variance, θ ≤ 0, or not a vector.

    Source: CT06, Theorem 10.3.3.
    """
    s2 = _vector(variances)
    theta = _checks.positive_number("water_level", water_level)
    D = np.minimum(theta, s2)
    rate = np.sum(np.log(s2[s2 > theta] / theta)) / 2
    return WaterFilling(theta, float(D.sum()), float(rate), D)


def water_filling_at_distortion(variances: ArrayLike, distortion: float) -> WaterFilling:
    """Reverse water-filling at total distortion 0 < D ≤ Σσ_i² (larger D needs no rate either).

    Raises:
        ValueError: D ≤ 0, variances that are negative or all zero, or not a vector.
    """
    s2 = np.sort(_vector(variances))
    D = min(_checks.positive_number("distortion", distortion), s2.sum())
    # With the k smallest components under water, D = (their sum) + (m − k)θ; the right k has θ ≤ σ²_k.
    below = np.concatenate([[0.0], np.cumsum(s2)[:-1]])
    levels = (D - below) / (s2.size - np.arange(s2.size))
    under = levels <= s2 * (1 + np.finfo(np.float64).eps * 4)
    under[-1] = True  # at D = Σσ², where rounding may leave none
    k = int(np.argmax(under))
    return reverse_water_filling(variances, float(levels[k]))


def water_filling_at_rate(variances: ArrayLike, rate: float) -> WaterFilling:
    """Reverse water-filling at a finite rate R ≥ 0, nats for the whole vector.

    Raises:
        ValueError: R negative or infinite, variances that are negative or all zero, or not a vector.
    """
    R = float(_checks.in_range("rate", rate, high=np.finfo(np.float64).max))
    s2 = np.sort(_vector(variances))[::-1]
    s2 = s2[s2 > 0]
    # With the k largest components coded, R = Σ ½ ln(σ_i²/θ); the right k is the last with θ < σ²_k.
    log_levels = (np.cumsum(np.log(s2)) - 2 * R) / np.arange(1, s2.size + 1)
    k = int(np.flatnonzero(log_levels <= np.log(s2))[-1])
    level = float(np.exp(log_levels[k]))  # 0 where so high a rate takes it below the smallest float
    D = np.minimum(level, _vector(variances))
    return WaterFilling(level, float(D.sum()), R, D)


def _vector(variances: ArrayLike) -> np.ndarray:
    s2 = _checks.in_range("variances", variances, high=np.finfo(np.float64).max)
    if s2.ndim != 1 or s2.size == 0 or not np.any(s2 > 0):
        raise ValueError(f"variances must be a vector with a positive entry, got {variances!r:.60}")
    return s2
