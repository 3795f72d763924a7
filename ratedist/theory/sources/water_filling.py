r"""Rate–distortion function of a Gaussian vector with independent components: reverse water-filling."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks


@dataclasses.dataclass(frozen=True, eq=False)
class WaterFilling:
    """Points of the vector Gaussian's R(D): ``D_i = min(θ, σ_i²)``, ``R = Σ ½ ln(σ_i²/D_i)``.

    For one point the first three are floats, else arrays of the shape of what was asked for.

    Attributes:
        water_level: θ.
        distortion: D = Σ D_i, the total squared error.
        rate: R in nats for the whole vector.
        component_distortions: D_i, shape ``(..., m)``; a component with D_i = σ_i² is not coded at all.
    """

    water_level: float | np.ndarray
    distortion: float | np.ndarray
    rate: float | np.ndarray
    component_distortions: np.ndarray


def reverse_water_filling(variances: ArrayLike, water_level: ArrayLike) -> WaterFilling:
    """The optimal split at water level θ: every coded component gets the same distortion θ.

    Args:
        variances: σ_i² ≥ 0, shape ``(m,)`` (the eigenvalues of the covariance if components are dependent).
        water_level: θ > 0, finite, any shape.

    Returns:
        :class:`WaterFilling`; for variances (4, 1, ¼) at θ = ½: D = 1.25, R = 2 bits.

    Raises:
        ValueError: a negative variance, θ ≤ 0, or variances that are no vector.

    Source: CT06, Theorem 10.3.3.

    Example:
        >>> import ratedist as rd
        >>> point = rd.theory.reverse_water_filling([4.0, 1.0, 0.25], water_level=0.5)
        >>> point.distortion, round(rd.units.nats_to_bits(point.rate), 6)
        (1.25, 2.0)
    """
    s2 = _vector(variances)
    theta = _positive("water_level", water_level)
    coded = s2 > theta[..., None]
    rate = np.sum(np.log(np.where(coded, s2, 1.0) / np.where(coded, theta[..., None], 1.0)), axis=-1) / 2
    return _points(s2, theta, rate)


def water_filling_at_distortion(variances: ArrayLike, distortion: ArrayLike) -> WaterFilling:
    """Reverse water-filling at a distortion D: how a Gaussian vector's components share it at least rate.

    Args:
        variances: σ_i² ≥ 0 of independent components, shape ``(m,)``.
        distortion: D > 0, finite, any shape: the total squared error. From Σσ_i² on no rate is needed.

    Returns:
        :class:`WaterFilling` with the water level, D, the rate in nats and the distortion of each component.

    Raises:
        ValueError: D ≤ 0, variances that are negative or all zero, or variances that are no vector.

    Source: CT06, Theorem 10.3.3.

    Example:
        >>> import ratedist as rd
        >>> rd.theory.water_filling_at_distortion([4.0, 1.0, 0.25], 1.25).component_distortions
        array([0.5 , 0.5 , 0.25])
    """
    s2 = np.sort(_vector(variances))
    D = np.minimum(_positive("distortion", distortion), s2.sum())
    # With the k smallest components under water, D = (their sum) + (m − k)θ; the right k has θ ≤ σ²_k.
    below = np.concatenate([[0.0], np.cumsum(s2)[:-1]])
    levels = (D[..., None] - below) / (s2.size - np.arange(s2.size))
    under = levels <= s2 * (1 + np.finfo(np.float64).eps * 4)
    under[..., -1] = True  # at D = Σσ², where rounding may leave none
    k = np.argmax(under, axis=-1)
    return reverse_water_filling(variances, np.take_along_axis(levels, k[..., None], axis=-1)[..., 0])


def water_filling_at_rate(variances: ArrayLike, rate: ArrayLike) -> WaterFilling:
    """Reverse water-filling at a rate R: how a Gaussian vector's components share it at least distortion.

    Args:
        variances: σ_i² ≥ 0 of independent components, shape ``(m,)``.
        rate: R ≥ 0, finite, in nats for the whole vector, any shape.

    Returns:
        :class:`WaterFilling` with the water level, the distortion, R and the distortion of each component.

    Raises:
        ValueError: R negative or infinite, variances that are negative or all zero, or that are no vector.

    Source: CT06, Theorem 10.3.3.

    Example:
        >>> import ratedist as rd
        >>> round(rd.theory.water_filling_at_rate([4.0, 1.0, 0.25], rd.units.bits_to_nats(2.0)).distortion, 6)
        1.25
    """
    R = _checks.in_range("rate", rate, high=np.finfo(np.float64).max)
    s2 = np.sort(_vector(variances))[::-1]
    s2 = s2[s2 > 0]
    # With the k largest components coded, R = Σ ½ ln(σ_i²/θ); the right k is the last with θ < σ²_k.
    log_levels = (np.cumsum(np.log(s2)) - 2 * R[..., None]) / np.arange(1, s2.size + 1)
    k = s2.size - 1 - np.argmax((log_levels <= np.log(s2))[..., ::-1], axis=-1)
    # 0 where so high a rate takes it below the smallest float
    level = np.exp(np.take_along_axis(log_levels, k[..., None], axis=-1)[..., 0])
    return _points(_vector(variances), level, R)


def _points(s2: np.ndarray, theta: np.ndarray, rate: np.ndarray) -> WaterFilling:
    D = np.minimum(theta[..., None], s2)
    total = D.sum(axis=-1)
    if theta.ndim == 0:
        return WaterFilling(float(theta), float(total), float(rate), D)
    return WaterFilling(theta, total, rate, D)


def _positive(name: str, value: ArrayLike) -> np.ndarray:
    return _checks.in_range(name, value, high=np.finfo(np.float64).max, open_low=True)


def _vector(variances: ArrayLike) -> np.ndarray:
    s2 = _checks.in_range("variances", variances, high=np.finfo(np.float64).max)
    if s2.ndim != 1 or s2.size == 0 or not np.any(s2 > 0):
        raise ValueError(f"variances must be a vector with a positive entry, got {variances!r:.60}")
    return s2
