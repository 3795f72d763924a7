r"""Generalisation bounds through the mutual information: Theorem 1, Proposition 1 and its exact-CGF form.

Everywhere ``η = R/n`` with R any upper bound on I(W; Ŵ) in nats, for a compressor that sees the data
through W only (S → W → Ŵ). Lemma 2 and Theorem 1 bound |gen|; every other bound here is one-sided,
``gen = E[L_μ(Ŵ) − L_S(Ŵ)] ≤ …``, because the χ² loss of the linear model is not sub-Gaussian.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.linear_model.model import GaussianLinearModel, require_model
from ratedist.theory.numerics import LARGEST_COUNT, log_slope_root

NORMS = ("euclidean", "covariance")


def sub_gaussian_bound(sub_gaussian_parameter: float, rate: ArrayLike, num_samples: int) -> np.ndarray:
    """``|gen| ≤ √(2s²R/n)`` for a loss that is s-sub-Gaussian at every (compressed) hypothesis.

    Args:
        sub_gaussian_parameter: s ≥ 0, with ``ln E exp(λ(ℓ − Eℓ)) ≤ s²λ²/2`` for every real λ. It belongs
            to the loss and has nothing to do with the label noise; a loss in [a, b] has s = (b − a)/2.
        rate: R ≥ 0 in nats, any shape: I(S; W) for Lemma 2, ``min{I(W; Ŵ), I(S; W)}`` for Theorem 1.
        num_samples: n ≥ 1.

    Returns:
        The bound in units of the loss, the shape of ``rate``.

    Raises:
        ValueError: s or R negative or NaN, n < 1.

    Source: Entropy 2021 Lemma 2 (9) and Theorem 1 (10).
    """
    s = _checks.number("sub_gaussian_parameter", sub_gaussian_parameter)
    n = _checks.integer("num_samples", num_samples, 1, LARGEST_COUNT)
    R = _checks.in_range("rate", rate)
    return s * np.sqrt(2 * R / n)


def codebook_squared_radius(model: GaussianLinearModel, centers: ArrayLike, norm: str = "euclidean") -> float:
    """``C(w*) = sup ‖ŵ − w*‖²`` over the reproductions of a fixed scalar codebook, ``Σ_i max_c (c − w*_i)²``.

    Every weight is replaced by one of the same K centres, and the centres were fixed before the data: a
    codebook computed from W has no such C, and a maximum over trials is not an upper bound.

    Args:
        model: the linear model.
        centers: the K ≥ 1 centres c, shape ``(K,)``.
        norm: ``"euclidean"`` for the papers' C(w*), ``"covariance"`` for ``sup ‖ŵ − w*‖²_Σ``. The latter
            is exact for diagonal Σ; else it is the smaller of ``C‖Σ‖`` and ``Σ_ij |Σ_ij| r_i r_j`` with
            ``r_i = max_c |c − w*_i|``, both upper bounds.

    Returns:
        C, the *square*: 200 for the centres ±1 at w* = ±1, d = 50. What the bounds take is its root:
        :func:`codebook_radius`.

    Raises:
        ValueError: no centres, centres that are not finite, or an unknown norm.

    Source: Entropy 2021 eq. (20).
    """
    require_model(model)
    c = _checks.real_array("centers", centers)
    if c.ndim != 1 or c.size == 0:
        raise ValueError(f"centers must have shape (K,) with K >= 1, got shape {c.shape}")
    _checks.one_of("norm", norm, NORMS)
    farthest = np.maximum(np.abs(c.max() - model.w_star), np.abs(c.min() - model.w_star))
    squared = float(np.sum(farthest**2))
    if norm == "euclidean":
        return squared
    sigma = np.asarray(model.covariance)
    if sigma.ndim < 2:
        return float(np.sum(sigma * farthest**2))
    return min(squared * model.covariance_norm, float(farthest @ np.abs(sigma) @ farthest))


def codebook_radius(model: GaussianLinearModel, centers: ArrayLike, norm: str = "euclidean") -> float:
    """``√C(w*)``, the root of :func:`codebook_squared_radius`: what every bound here takes as ``radius``.

    Args and raises as there; give the bound the same ``norm``. √200 for the centres ±1 at w* = ±1, d = 50.

    Source: Entropy 2021 eq. (20).
    """
    return math.sqrt(codebook_squared_radius(model, centers, norm))


def worst_loss_variance(model: GaussianLinearModel, radius: float, norm: str = "euclidean") -> float:
    """``σ*² = C‖Σ‖ + σ²``, an upper bound on σ_ℓ² = ‖ŵ − w*‖²_Σ + σ² over the reproduction set.

    Args:
        model: the linear model.
        radius: √C(w*) as :func:`codebook_radius` returns it, not its square, or ``sup ‖ŵ − w*‖_Σ`` if
            ``norm`` says so; finite, at least 0.
        norm: ``"euclidean"`` (the papers) or ``"covariance"``: then σ*² = radius² + σ², which is never
            larger for the same reproduction set, and smaller unless the worst ŵ − w* is a top eigenvector.

    Raises:
        ValueError: a radius that is negative or not finite (the reproduction set is then not compact and
            no such bound exists), or an unknown norm.

    Source: Entropy 2021 Proposition 1, after eq. (21).
    """
    require_model(model)
    r = _checks.number("radius", radius, high=np.finfo(np.float64).max)
    scale = model.covariance_norm if _checks.one_of("norm", norm, NORMS) == "euclidean" else 1.0
    return scale * r**2 + model.noise_variance


def proposition1_bound(
    model: GaussianLinearModel, rate: ArrayLike, radius: float, norm: str = "euclidean"
) -> np.ndarray:
    """``gen ≤ 2(C‖Σ‖ + σ²)√(R/n)`` for a *compact* reproduction set and a *finite* rate.

    Neither holds by itself: the oracle's Gaussian reproduction is unbounded, and real-valued centres
    computed from W have infinite rate. It applies to a codebook fixed before the data. With a radius
    taken from simulated trials it is a plug-in that grows with their number, not a bound.

    Args:
        model: the linear model.
        rate: R ≥ 0 in nats, any shape.
        radius: √C(w*) and its ``norm``, as in :func:`worst_loss_variance`.

    Returns:
        The bound in units of the loss, the shape of ``rate``.

    Raises:
        ValueError: a negative rate or radius, or an unknown norm.

    Source: Proposition 1, Entropy 2021 eq. (21).
    """
    require_model(model)
    R = _checks.in_range("rate", rate)
    worst = worst_loss_variance(model, radius, norm)
    return 2 * worst * np.sqrt(R / model.n) if worst > 0 else np.zeros(R.shape)


def exact_cgf_bound(
    model: GaussianLinearModel, rate: ArrayLike, radius: float, norm: str = "euclidean"
) -> np.ndarray:
    """``gen ≤ σ*² y``, ``−y − ln(1 − y) = 2R/n``: Proposition 1 with the χ² cumulant (A5) kept exact.

    Never above :func:`proposition1_bound`, and never above σ*² however large the rate. The same premises.

    Args, returns, raises: as :func:`proposition1_bound`.

    Source: docs/bounds.md §1; Entropy 2021 (A5) in place of (A6).
    """
    require_model(model)
    R = _checks.in_range("rate", rate)
    return worst_loss_variance(model, radius, norm) * exact_cgf_factor(R / model.n)


def exact_cgf_factor(rate_per_sample: ArrayLike) -> np.ndarray:
    """The root y in [0, 1] of ``−y − ln(1 − y) = 2η``, that is ``1 + W₀(−exp(−1 − 2η))``.

    Solved by Newton's method for ``z = −ln(1 − y)``, ``z − 1 + e^{−z} = 2η``: the Lambert form cancels
    for small η (it is NaN at η = 1e-17), and y itself is too close to 1 for large ones.

    Args:
        rate_per_sample: η = R/n ≥ 0 in nats, any shape.

    Returns:
        y, the shape of ``rate_per_sample``: 2√η − 4η/3 + O(η^{3/2}) for small η, 1 at infinity.

    Raises:
        ValueError: η negative or NaN.

    Source: docs/bounds.md §1.
    """
    return -np.expm1(-log_slope_root(rate_per_sample))
