"""A Gaussian that is seen through noise, and one that is described in stages: two teaching cases."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.theory.sources.textbook import LARGEST, gaussian_rate


def remote_gaussian_distortion(source_variance: float, noise_variance: float, rate: ArrayLike) -> np.ndarray:
    r"""``D(R) = PN/(P + N) + P²/(P + N) exp(−2R)``: a Gaussian seen only through noise, squared error.

    The encoder must describe X and sees Y = X + noise. It is optimal to estimate first and then to code the
    estimate; the first term is lost whatever the rate.

    Args:
        source_variance: P > 0, of X.
        noise_variance: N ≥ 0, of the noise in what the encoder sees, Y = X + noise.
        rate: R ≥ 0 in nats a symbol, any shape.

    Returns:
        Distortion, the shape of ``rate``; 0.625 for P = N = 1 at one bit.

    Raises:
        ValueError: P ≤ 0, N < 0 or R < 0.

    Source: Dobrushin & Tsybakov, IRE Trans. IT-8 (1962) 293–304; Wolf & Ziv, IEEE Trans. IT-16 (1970).

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> rate = rd.units.bits_to_nats(np.array([0.0, 1.0]))
        >>> rd.theory.remote_gaussian_distortion(1.0, 1.0, rate).round(4)
        array([1.   , 0.625])
    """
    P = _checks.positive_number("source_variance", source_variance)
    N = _checks.number("noise_variance", noise_variance, high=LARGEST)
    R = _checks.in_range("rate", rate)
    return P * (N / (P + N)) + P * (P / (P + N)) * np.exp(-2 * R)


def remote_gaussian_rate(source_variance: float, noise_variance: float, distortion: ArrayLike) -> np.ndarray:
    """Rate of a Gaussian seen only through noise, squared error.

    Infinite where D ≤ PN/(P + N), zero for D ≥ P. The inverse of :func:`remote_gaussian_distortion`.

    Args:
        source_variance: P > 0, of the X that is to be described.
        noise_variance: N ≥ 0, of the noise in what the encoder sees, Y = X + noise.
        distortion: D ≥ 0, the mean squared error allowed, any shape.

    Returns:
        Nats a symbol, the shape of ``distortion``.

    Raises:
        ValueError: P ≤ 0, N < 0 or D < 0.

    Source: Dobrushin & Tsybakov, IRE Trans. IT-8 (1962) 293–304; Wolf & Ziv, IEEE Trans. IT-16 (1970).

    Example:
        >>> import ratedist as rd
        >>> rd.units.nats_to_bits(rd.theory.remote_gaussian_rate(1.0, 1.0, [0.5, 0.625, 1.0]))
        array([inf,  1.,  0.])
    """
    P = _checks.positive_number("source_variance", source_variance)
    N = _checks.number("noise_variance", noise_variance, high=LARGEST)
    D = _checks.in_range("distortion", distortion)
    seen = P * (P / (P + N))
    return np.where(D >= P, 0.0, gaussian_rate(seen, np.maximum(D - P * (N / (P + N)), 0.0)))


@dataclasses.dataclass(frozen=True, eq=False)
class SuccessiveRefinement:
    """A Gaussian described in stages.

    Attributes:
        distortions: mean squared error after each stage, shape ``(k,)``.
        covariance: of ``(X, X̂_1, …, X̂_k)``, shape ``(k+1, k+1)``.
    """

    distortions: np.ndarray
    covariance: np.ndarray


def gaussian_successive_refinement(variance: float, rates: ArrayLike) -> SuccessiveRefinement:
    """A Gaussian described in stages: after ``R_1, …, R_j`` nats D is ``σ² exp(−2(R_1 + … + R_j))``.

    No rate is lost. The reproductions form the Markov chain X̂_1 – … – X̂_k – X with Var X̂_j = Cov(X, X̂_j)
    = σ² − D_j, so that I(X; X̂_1, …, X̂_j) = R_1 + … + R_j. Describing a Gaussian coarsely first costs
    nothing later.

    Args:
        variance: σ² > 0 of the source.
        rates: R_j ≥ 0 in nats, shape ``(k,)``, the *increment* of each stage.

    Returns:
        :class:`SuccessiveRefinement` with ``distortions`` and ``covariance``.

    Raises:
        ValueError: σ² ≤ 0, a negative rate, or not a vector.

    Source: Equitz & Cover, IEEE Trans. IT-37 (1991) 269–275, Theorem 4.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> rates = rd.units.bits_to_nats(np.array([1.0, 1.0]))
        >>> rd.theory.gaussian_successive_refinement(1.0, rates).distortions
        array([0.25  , 0.0625])
    """
    s2 = _checks.positive_number("variance", variance)
    increments = _checks.in_range("rates", rates)
    if increments.ndim != 1 or increments.size == 0:
        raise ValueError(f"rates must have shape (k,) with k >= 1, got shape {increments.shape}")
    distortions = s2 * np.exp(-2 * np.cumsum(increments))
    # Cov of any two of (X̂_1, …, X̂_k, X) is the variance of the coarser; X is the finest of all.
    explained = np.concatenate([[s2], s2 - distortions])
    return SuccessiveRefinement(distortions, np.minimum.outer(explained, explained))
