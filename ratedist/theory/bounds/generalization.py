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
    """Bound ``|gen| ≤ √(2s²R/n)`` for a loss that is s-sub-Gaussian at every (compressed) hypothesis.

    Args:
        sub_gaussian_parameter: s ≥ 0, with ``ln E exp(λ(ℓ − Eℓ)) ≤ s²λ²/2`` for every real λ. It belongs
            to the loss and has nothing to do with the label noise; a loss in [a, b] has s = (b − a)/2.
        rate: R ≥ 0 in nats, any shape: I(S; W) for Lemma 2, ``min{I(W; Ŵ), I(S; W)}`` for Theorem 1.
        num_samples: n ≥ 1 training samples.

    Returns:
        The bound in units of the loss, the shape of ``rate``.

    Raises:
        ValueError: s or R negative or NaN, n < 1.

    Source: Entropy 2021 Lemma 2 (9) and Theorem 1 (10).

    Example:
        >>> import ratedist as rd
        >>> rd.theory.sub_gaussian_bound(0.5, [2.0, 8.0], num_samples=100)
        array([0.1, 0.2])
    """
    s = _checks.number("sub_gaussian_parameter", sub_gaussian_parameter)
    n = _checks.integer("num_samples", num_samples, 1, LARGEST_COUNT)
    R = _checks.in_range("rate", rate)
    return s * np.sqrt(2 * R / n)


def codebook_squared_radius(model: GaussianLinearModel, centers: ArrayLike, norm: str = "euclidean") -> float:
    """``C(w*) = sup ‖ŵ − w*‖²`` over the reproductions of a fixed scalar codebook, ``Σ_i max_c (c − w*_i)²``.

    Every weight is replaced by one of the same K centres, and the centres were fixed before the data. A
    codebook computed from W has no such C, and a maximum over trials is not an upper bound.

    Args:
        model: the Gaussian linear model, any n ≥ d.
        centers: the K ≥ 1 centres c, shape ``(K,)``.
        norm: ``"euclidean"`` for the papers' C(w*), ``"covariance"`` for ``sup ‖ŵ − w*‖²_Σ``, which is exact
            for diagonal Σ. For another Σ it is the smaller of ``C‖Σ‖`` and ``Σ_ij |Σ_ij| r_i r_j`` with
            ``r_i = max_c |c − w*_i|``, both upper bounds.

    Returns:
        C, the *square*: 200 for the centres ±1 at w* = ±1, d = 50. What the bounds take is its root:
        :func:`codebook_radius`.

    Raises:
        ValueError: no centres, centres that are not finite, or an unknown norm.

    Source: Entropy 2021 eq. (20).

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> rd.theory.codebook_squared_radius(model, [-1.0, 1.0])
        200.0
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
    """``√C(w*)``, how far the reproductions of a fixed codebook lie from w* at most: the bounds' ``radius``.

    The root of :func:`codebook_squared_radius`.

    Args:
        model: the Gaussian linear model, any n ≥ d.
        centers: the K ≥ 1 centres, fixed before the data, shape ``(K,)``.
        norm: ``"euclidean"`` (the papers) or ``"covariance"``, ‖ŵ − w*‖_Σ. The bound must be given the same
            norm.

    Returns:
        √200 for the centres ±1 at w* = ±1, d = 50.

    Raises:
        ValueError: no centres, centres that are not finite, or an unknown norm.

    Source: Entropy 2021 eq. (20).

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> round(rd.theory.codebook_radius(model, [-1.0, 1.0]), 3)
        14.142
    """
    return math.sqrt(codebook_squared_radius(model, centers, norm))


def worst_loss_variance(model: GaussianLinearModel, radius: float, norm: str = "euclidean") -> float:
    """``σ*² = C‖Σ‖ + σ²``, an upper bound on σ_ℓ² = ‖ŵ − w*‖²_Σ + σ² over the reproduction set.

    Args:
        model: the Gaussian linear model, any n ≥ d.
        radius: √C(w*), the farthest that a reproduction may lie from w*, as :func:`codebook_radius` returns
            it (not its square). Finite, at least 0.
        norm: the norm that ``radius`` is in. ``"euclidean"`` is the papers'. With ``"covariance"``, ‖ŵ −
            w*‖_Σ, σ*² is radius² + σ²: for the same set never larger, and smaller unless the worst ŵ − w* is
            a top eigenvector of Σ.

    Returns:
        σ*² in units of the loss.

    Raises:
        ValueError: a radius that is negative or not finite (the reproduction set is then not compact and
            no such bound exists), or an unknown norm.

    Source: Entropy 2021 Proposition 1, after eq. (21).

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> round(rd.theory.worst_loss_variance(model, radius=10.0), 6)
        101.0
    """
    require_model(model)
    r = _checks.number("radius", radius, high=np.finfo(np.float64).max)
    scale = model.covariance_norm if _checks.one_of("norm", norm, NORMS) == "euclidean" else 1.0
    return scale * r**2 + model.noise_variance


def proposition1_bound(
    model: GaussianLinearModel, rate: ArrayLike, radius: float, norm: str = "euclidean"
) -> np.ndarray:
    """Bound ``gen ≤ 2(C‖Σ‖ + σ²)√(R/n)`` for a *compact* reproduction set and a *finite* rate: Proposition 1.

    Neither holds by itself: the oracle's Gaussian reproduction is unbounded, and real-valued centres
    computed from W have infinite rate. It applies to a codebook fixed before the data. With a radius
    taken from simulated trials it is a plug-in that grows with their number, not a bound.

    Args:
        model: the Gaussian linear model, any n ≥ d.
        rate: R ≥ 0 in nats for the whole weight vector, any shape: an upper bound on I(W; Ŵ).
        radius: √C(w*), the farthest that a reproduction may lie from w*, as :func:`codebook_radius` returns
            it (not its square). Finite, at least 0.
        norm: the norm that ``radius`` is in, ``"euclidean"`` (the papers) or ``"covariance"``, ‖ŵ − w*‖_Σ.

    Returns:
        The bound in units of the loss, the shape of ``rate``.

    Raises:
        ValueError: a negative rate or radius, or an unknown norm.

    Source: Proposition 1, Entropy 2021 eq. (21).

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> radius = rd.theory.codebook_radius(model, [-1.0, 1.0])
        >>> rd.theory.proposition1_bound(model, [0.2, 20.0], radius).round(2)
        array([ 20.1, 201. ])
    """
    require_model(model)
    R = _checks.in_range("rate", rate)
    worst = worst_loss_variance(model, radius, norm)
    return 2 * worst * np.sqrt(R / model.n) if worst > 0 else np.zeros(R.shape)


def exact_cgf_bound(
    model: GaussianLinearModel, rate: ArrayLike, radius: float, norm: str = "euclidean"
) -> np.ndarray:
    """Bound ``gen ≤ σ*² y``, ``−y − ln(1 − y) = 2R/n``: Proposition 1 with the χ² cumulant (A5) kept exact.

    Never above :func:`proposition1_bound`, and never above σ*² = C‖Σ‖ + σ² however large the rate. It needs
    the same premises: a compact reproduction set, such as a codebook fixed before the data.

    Args:
        model: the Gaussian linear model, any n ≥ d.
        rate: R ≥ 0 in nats for the whole weight vector, any shape: an upper bound on I(W; Ŵ).
        radius: √C(w*), the farthest that a reproduction may lie from w*, as :func:`codebook_radius` returns
            it (not its square). Finite, at least 0.
        norm: the norm that ``radius`` is in, ``"euclidean"`` (the papers) or ``"covariance"``, ‖ŵ − w*‖_Σ.

    Returns:
        The bound in units of the loss, the shape of ``rate``.

    Raises:
        ValueError: a negative rate or radius, or an unknown norm.

    Source: docs/bounds.md §1; Entropy 2021 (A5) in place of (A6).

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> radius = rd.theory.codebook_radius(model, [-1.0, 1.0])
        >>> rd.theory.exact_cgf_bound(model, [0.2, 20.0], radius).round(2)
        array([ 19.44, 140.36])
    """
    require_model(model)
    R = _checks.in_range("rate", rate)
    return worst_loss_variance(model, radius, norm) * exact_cgf_factor(R / model.n)


def exact_cgf_factor(rate_per_sample: ArrayLike) -> np.ndarray:
    """The root y in [0, 1] of ``−y − ln(1 − y) = 2η``, that is ``1 + W₀(−exp(−1 − 2η))``.

    Solved by Newton's method for ``z = −ln(1 − y)``, ``z − 1 + e^{−z} = 2η``. The Lambert form cancels for
    small η, where it becomes NaN at η = 1e-17, and y itself is too close to 1 for large ones.

    Args:
        rate_per_sample: η = R/n ≥ 0 in nats, any shape.

    Returns:
        y, the shape of ``rate_per_sample``: 2√η − 4η/3 + O(η^{3/2}) for small η, 1 at infinity.

    Raises:
        ValueError: η negative or NaN.

    Source: docs/bounds.md §1.

    Example:
        >>> import ratedist as rd
        >>> rd.theory.exact_cgf_factor([0.0, 0.01, 1.0]).round(4)
        array([0.    , 0.1869, 0.9475])
    """
    return -np.expm1(-log_slope_root(rate_per_sample))
