r"""Ridge regression as n and d grow in proportion: the deterministic equivalent, and Marchenko–Pastur's law.

Then ``λ(A + λI)⁻¹`` acts as ``κ(Σ + κI)⁻¹``, where κ ≥ 0 solves ``λ = κ(n − tr Σ(Σ + κI)⁻¹)``. For Σ = I that
is a quadratic equation, and tr (A + λI)⁻¹/d the resolvent of Marchenko–Pastur's law. These are limits: at
finite n and d they err by a share of about 1/n.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.linear_model.model import GaussianLinearModel, require_signal
from ratedist.theory.ridge import LARGEST, RidgeRisks, checked_penalty, samples

# Newton's iteration descends to κ from above; it halves the distance at least where the root is double.
NEWTON_ITERATIONS = 200


def ridge_risks_asymptotic(
    model: GaussianLinearModel,
    penalty: ArrayLike,
    posterior_variance: float = 0.0,
    num_samples: int | None = None,
) -> RidgeRisks:
    """Limits of the risks of ridge regression as n and d grow in proportion, for every Σ.

    They are no bounds. For Σ a multiple of I, :func:`ridge_risks` is exact at finite n and d.

    Args:
        model: the linear model, whose Σ and w* stand for a sequence of such.
        penalty: λ ≥ 0 on the scale of A = XXᵀ, any shape; above 0 where n = d.
        posterior_variance: s² ≥ 0. Above 0 Ŵ is a sample of ``N(W_λ, s²(A + λI)⁻¹)``, and λ > 0 for n < d.
        num_samples: n in place of the model's own. It may be below d.

    Returns:
        :class:`RidgeRisks` with entries in the shape of ``penalty``. With ``f_k = tr (Σ(Σ + κI)⁻¹)^k``: for
        W_λ population ``p = (σ² + κ²w*ᵀ(Σ + κI)⁻²Σw*)/(1 − f_2/n)``, empirical ``(1 − f_1/n)²p``, degrees of
        freedom f_1; a sample adds ``s²f_1/(n − f_1)`` and ``s²f_1/n``.

    Raises:
        ValueError: λ < 0 or not finite, λ = 0 with n = d or, for a sample, n < d; s² < 0, n < 1.

    Source: Hastie, Montanari, Rosset & Tibshirani, Annals of Statistics 50 (2022) 949–986;
        docs/description-length.md.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> rd.theory.ridge_risks_asymptotic(model, [0.0, 1.0, 10.0]).population_risk.round(3)
        array([2.667, 2.537, 5.   ])
    """
    require_signal(model)
    lam, s2 = checked_penalty(penalty), _checks.number("posterior_variance", posterior_variance, high=LARGEST)
    n, d = samples(model, num_samples), model.d
    if np.any(lam == 0) and (n == d or (n < d and s2 > 0)):
        raise ValueError(f"penalty must be above 0 for n = {n}, d = {d}, got 0: the limit is infinite")
    mu, coordinates = _eigen(model)
    kappa = _implicit_penalty(mu, lam, n)[..., None]
    shares, kept = mu / (mu + kappa), kappa / (mu + kappa)
    first, second = shares.sum(axis=-1), np.sum(shares**2, axis=-1)
    residual = 1 - first / n
    # λ/(nκ) is the same without cancellation.
    residual = np.where(kappa[..., 0] > 0, lam / np.where(kappa[..., 0] > 0, n * kappa[..., 0], 1), residual)
    residual = np.where(lam == 0, max(1 - d / n, 0.0), residual)
    mean = (model.noise_variance + np.sum(kept**2 * mu * coordinates**2, axis=-1)) / (1 - second / n)
    sample = np.where(s2 > 0, s2 * first / n / np.where(residual > 0, residual, 1), 0.0)
    population, empirical = mean + sample, residual**2 * mean + s2 * first / n
    # 1 − residual is f_1/n: for large n the difference of the two risks would cancel.
    error = first / n * (1 + residual) * mean + sample - s2 * first / n
    return RidgeRisks(population, empirical, error, first)


def marchenko_pastur_resolvent(aspect_ratio: ArrayLike, shift: ArrayLike) -> np.ndarray:
    """``lim tr (A/n + zI)⁻¹/d`` for A ~ Wishart_d(n, I) as d/n → γ: the resolvent of Marchenko–Pastur's law.

    Args:
        aspect_ratio: γ > 0, the limit of d/n; any shape.
        shift: z > 0; a shape that broadcasts with that of ``aspect_ratio``.

    Returns:
        ``m = 2/(b + √(b² + 4γz))``, ``b = z + 1 − γ``: the positive root of ``γzm² + bm = 1``.

    Raises:
        ValueError: γ or z not above 0, or not finite.

    Source: Marchenko & Pastur, Math. USSR-Sbornik 1 (1967) 457–483.

    Example:
        >>> import ratedist as rd
        >>> rd.theory.marchenko_pastur_resolvent(0.625, [1e-9, 1.0]).round(4)
        array([2.6667, 0.5763])
    """
    gamma = _checks.in_range("aspect_ratio", aspect_ratio, high=LARGEST, open_low=True)
    z = _checks.in_range("shift", shift, high=LARGEST, open_low=True)
    try:
        gamma, z = np.broadcast_arrays(gamma, z)
    except ValueError:
        raise ValueError(
            f"aspect_ratio and shift must broadcast, got shapes {gamma.shape} and {z.shape}"
        ) from None
    # Divided by the largest coefficient, so that squares neither overflow nor vanish.
    scale = np.maximum(np.maximum(z, gamma), 1.0)
    b = z / scale + (1 - gamma) / scale
    c = 4 * (gamma / scale) * (z / scale)
    root = np.sqrt(b**2 + c)
    # The form without cancellation on either side of b = 0.
    below = (root - b) / (2 * (gamma / scale) * z)
    return np.where(b > 0, 2 / scale / np.where(b > 0, root + b, 1.0), below)


def _eigen(model: GaussianLinearModel) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues of Σ, and w* in the basis of its eigenvectors; both shape ``(d,)``."""
    sigma = np.asarray(model.covariance)
    if sigma.ndim < 2:
        return np.broadcast_to(sigma, model.d).astype(np.float64), model.w_star
    values, vectors = np.linalg.eigh(sigma)
    return np.maximum(values, 0.0), vectors.T @ model.w_star


def _implicit_penalty(mu: np.ndarray, lam: np.ndarray, n: int) -> np.ndarray:
    """κ ≥ 0 with ``κ(n − Σ μ/(μ + κ)) = λ``, by Newton's method from above: the left side is convex."""
    kappa = (lam + mu.sum()) / n
    for _ in range(NEWTON_ITERATIONS):
        shares = mu / (mu + kappa[..., None])
        excess = kappa * (n - shares.sum(axis=-1)) - lam
        slope = n - np.sum(shares**2, axis=-1)
        following = np.maximum(kappa - excess / np.where(slope > 0, slope, 1.0), 0.0)
        if np.all(np.abs(following - kappa) <= 4 * np.finfo(np.float64).eps * kappa):
            break
        kappa = following
    return kappa
