r"""Individual-sample mutual information at work: estimating the mean of a Gaussian (a teaching case).

``Z_1, …, Z_n ~ N(μ, σ²I_d)`` independent, ``W = (Z_1 + … + Z_n)/n``, ``ℓ(w, z) = ‖w − z‖²``. W is a
function of the data with I(S; W) = ∞, so that Lemma 2 says nothing; each single sample tells little about
W, and the bound by I(W; Z_i) is finite and of order 1/√n, where the truth is of order 1/n.
"""

from __future__ import annotations

import math

import numpy as np

from ratedist import _checks
from ratedist.theory.bounds.generalization import exact_cgf_factor
from ratedist.theory.numerics import LARGEST_COUNT


def gaussian_mean_generalization_error(
    dimension: int, num_samples: int, noise_variance: float = 1.0
) -> float:
    """``gen = 2σ²d/n``: the population risk is σ²d(1 + 1/n), the empirical σ²d(1 − 1/n) on average.

    Args:
        dimension: d ≥ 1, of each sample and of the mean.
        num_samples: n ≥ 1, how many samples the mean is taken of.
        noise_variance: σ² ≥ 0, the variance of one coordinate.

    Returns:
        The generalisation error in units of the loss.

    Raises:
        ValueError: d < 1, n < 1 or σ² < 0.

    Source: Bu, Zou & Veeravalli, IEEE JSAIT 1 (2020) 121–130, section IV-A; docs/bounds.md §4.

    Example:
        >>> import ratedist as rd
        >>> rd.theory.gaussian_mean_generalization_error(dimension=3, num_samples=10)
        0.6
    """
    d, n, s2 = _checked(dimension, num_samples, noise_variance)
    return 2 * s2 * d / n


def gaussian_mean_individual_information(dimension: int, num_samples: int) -> float:
    """``I(W; Z_i) = (d/2) ln(n/(n − 1))`` nats: what the mean W of n Gaussians tells about one of them.

    Args:
        dimension: d ≥ 1, of each sample and of the mean.
        num_samples: n ≥ 1, how many samples the mean is taken of.

    Returns:
        Nats, the same for every i; infinite for n = 1.

    Raises:
        ValueError: d < 1 or n < 1.

    Source: Bu, Zou & Veeravalli, IEEE JSAIT 1 (2020) 121–130, section IV-A; docs/bounds.md §4.

    Example:
        >>> import ratedist as rd
        >>> round(rd.theory.gaussian_mean_individual_information(3, 10), 4)
        0.158
    """
    d, n, _ = _checked(dimension, num_samples, 1.0)
    return -d / 2 * math.log1p(-1 / n) if n > 1 else math.inf


def gaussian_mean_individual_bound(dimension: int, num_samples: int, noise_variance: float = 1.0) -> float:
    """Individual-sample bound ``gen ≤ σ²d(1 + 1/n) y``, ``−y − ln(1 − y) = 2I(W; Z_i)/d``, with exact CGF.

    Under the product of the laws of W and Z_i the loss is σ²(1 + 1/n) χ²_d, whose cumulant is d times
    the one of Proposition 1.

    Args:
        dimension: d ≥ 1, of each sample and of the mean.
        num_samples: n ≥ 1, how many samples the mean is taken of.
        noise_variance: σ² ≥ 0, the variance of one coordinate.

    Returns:
        The bound on the generalisation error in units of the loss.

    Raises:
        ValueError: d < 1, n < 1 or σ² < 0.

    Source: Bu, Zou & Veeravalli 2020, Theorem 1, with the χ² cumulant kept exact; docs/bounds.md §4.

    Example:
        >>> import ratedist as rd
        >>> round(rd.theory.gaussian_mean_individual_bound(3, 10), 4)
        1.2925
    """
    d, n, s2 = _checked(dimension, num_samples, noise_variance)
    return float(s2 * d * (1 + 1 / n) * exact_cgf_factor(gaussian_mean_individual_information(d, n) / d))


def _checked(dimension: int, num_samples: int, noise_variance: float) -> tuple[int, int, float]:
    s2 = _checks.number("noise_variance", noise_variance, high=np.finfo(np.float64).max)
    d = _checks.integer("dimension", dimension, 1, LARGEST_COUNT)
    return d, _checks.integer("num_samples", num_samples, 1, LARGEST_COUNT), s2
