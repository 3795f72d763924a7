r"""The Gibbs algorithm of the linear model: its posterior, and its generalisation error two ways.

``P(ŵ | S) ∝ exp(−‖ŵ‖²/(2τ²) − γ L_S(ŵ))`` is the Gaussian ``N(m, Λ⁻¹)`` with
``Λ = 2γA/n + I/τ²``, ``Λm = (2γ/n) XY``, A = XXᵀ. For every Gibbs algorithm

    gen = I_SKL(Ŵ; S)/γ,   I_SKL = KL(P_{Ŵ,S} ‖ P_Ŵ P_S) + KL(P_Ŵ P_S ‖ P_{Ŵ,S})

(Aminian, Bu, Toni, Rodrigues & Wornell, NeurIPS 2021, Theorem 1): an equality where the papers have bounds.
Here both sides are integrated in closed form over Ŵ and the label noise, given A. The mean over
``A ~ Wishart_d(n, Σ)`` is a one-dimensional integral for Σ a multiple of the identity, and is left to the
caller's draws of A otherwise.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.linear_model.model import GaussianLinearModel, require_model
from ratedist.theory.numerics import LARGEST_COUNT
from ratedist.theory.wishart import wishart_eigenvalue_quadrature


@dataclasses.dataclass(frozen=True, eq=False)
class GibbsPosterior:
    """The law ``N(mean, precision⁻¹)`` of the Gibbs algorithm's weights given a data set.

    Attributes:
        mean: m, shape ``(..., d)``.
        precision: Λ, the inverse of the covariance, shape ``(..., d, d)``.
    """

    mean: np.ndarray
    precision: np.ndarray


def gibbs_posterior(
    gram: ArrayLike,
    input_label_product: ArrayLike,
    num_samples: int,
    inverse_temperature: float,
    prior_variance: float,
) -> GibbsPosterior:
    """Gibbs posterior ``N(m, Λ⁻¹)`` given a data set, ``Λ = 2γA/n + I/τ²``, ``m = Λ⁻¹(2γ/n)XY``.

    Args:
        gram: A = XXᵀ of the data's inputs, shape ``(..., d, d)``.
        input_label_product: XY, the inputs times the labels, shape ``(..., d)``.
        num_samples: n ≥ 1, how many samples the data set has.
        inverse_temperature: γ ≥ 0 (γ → ∞ tends to ERM, 0 is the prior).
        prior_variance: τ² > 0 of the prior N(0, τ²I).

    Returns:
        :class:`GibbsPosterior` with ``mean`` and ``precision``.

    Raises:
        ValueError: shapes that disagree, values that are not finite, γ < 0 or τ² ≤ 0.

    Source: docs/bounds.md §5.

    Example:
        >>> import ratedist as rd
        >>> gram, product = [[10.0, 0.0], [0.0, 5.0]], [10.0, -5.0]
        >>> posterior = rd.theory.gibbs_posterior(
        ...     gram, product, 10, inverse_temperature=5.0, prior_variance=1.0
        ... )
        >>> posterior.mean.round(3)
        array([ 0.909, -0.833])
    """
    A, b = _checks.real_array("gram", gram), _checks.real_array("input_label_product", input_label_product)
    if A.ndim < 2 or A.shape[:-1] != b.shape or A.shape[-1] != A.shape[-2]:
        raise ValueError(
            "gram and input_label_product must have shapes (..., d, d) and (..., d), "
            f"got {A.shape} and {b.shape}"
        )
    n = _checks.integer("num_samples", num_samples, 1, LARGEST_COUNT)
    gamma, tau2 = _checked(inverse_temperature, prior_variance)
    precision = 2 * gamma / n * A + np.eye(A.shape[-1]) / tau2
    return GibbsPosterior(np.linalg.solve(precision, 2 * gamma / n * b[..., None])[..., 0], precision)


def gibbs_generalization_error(
    model: GaussianLinearModel, inverse_temperature: float, prior_variance: float
) -> float:
    """``gen = E[L_μ(Ŵ) − L_S(Ŵ)]`` of the Gibbs algorithm, exactly, for Σ a multiple of the identity.

    Args:
        model: the linear model, d ≤ 5000; its covariance one number.
        inverse_temperature: γ ≥ 0 (γ → ∞ tends to ERM, 0 is the prior).
        prior_variance: τ² > 0 of the prior N(0, τ²I).

    Returns:
        The generalisation error in units of the loss: the mean of
        :func:`gibbs_generalization_given_gram`, a spectral function of A once the directions of its
        eigenvectors are averaged.

    Raises:
        ValueError: a covariance that is no multiple of the identity, d > 5000, γ < 0 or τ² ≤ 0.

    Source: docs/bounds.md §5.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> round(
        ...     rd.theory.gibbs_generalization_error(model, inverse_temperature=10.0, prior_variance=1.0), 4
        ... )
        5.5077
    """
    require_model(model)
    eigenvalues, weights, gamma, tau2 = _spectrum(model, inverse_temperature, prior_variance)
    n, s2, sigma = model.n, model.noise_variance, float(np.asarray(model.covariance))
    signal = model.w_star @ model.w_star / model.d
    b = 2 * gamma / n * eigenvalues
    precision = b + 1 / tau2
    second_moment = 1 / precision + (signal / tau2**2 + 2 * gamma * s2 / n * b) / precision**2
    return float(weights @ ((sigma - eigenvalues / n) * second_moment + 2 * s2 / n * b / precision))


def gibbs_symmetrized_information(
    model: GaussianLinearModel, inverse_temperature: float, prior_variance: float
) -> float:
    """``I_SKL(Ŵ; S)`` of the Gibbs algorithm in nats, exactly; it is γ times the generalisation error.

    The mean over A of :func:`gibbs_symmetrized_information_given_gram`, for Σ a multiple of the identity.

    Args:
        model: the linear model, d ≤ 5000; its covariance one number.
        inverse_temperature: γ ≥ 0 (γ → ∞ tends to ERM, 0 is the prior).
        prior_variance: τ² > 0 of the prior N(0, τ²I).

    Raises:
        ValueError: a covariance that is no multiple of the identity, d > 5000, γ < 0 or τ² ≤ 0.

    Source: docs/bounds.md §5; Aminian et al. 2021, Theorem 1.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> round(
        ...     rd.theory.gibbs_symmetrized_information(model, inverse_temperature=10.0, prior_variance=1.0),
        ...     3,
        ... )
        55.077
    """
    require_model(model)
    eigenvalues, weights, gamma, tau2 = _spectrum(model, inverse_temperature, prior_variance)
    n, s2, sigma = model.n, model.noise_variance, float(np.asarray(model.covariance))
    signal = model.w_star @ model.w_star / model.d
    b = 2 * gamma / n * eigenvalues
    precision, mean_precision = b + 1 / tau2, 2 * gamma * sigma + 1 / tau2
    second_moment = (signal * b**2 + 2 * gamma * s2 / n * b) / precision**2
    terms = (2 * gamma * sigma - b) / precision + (mean_precision + precision) * second_moment
    return float(weights @ (terms / 2 - 2 * gamma * sigma * signal * b / precision))


def gibbs_generalization_given_gram(
    model: GaussianLinearModel, gram: ArrayLike, inverse_temperature: float, prior_variance: float
) -> np.ndarray:
    """``E[L_μ(Ŵ) − L_S(Ŵ) | A]`` of the Gibbs algorithm, exactly; the mean over A is its gen.

    Args:
        model: the Gaussian linear model, any n ≥ d.
        gram: A = XXᵀ of the data's inputs, shape ``(..., d, d)``.
        inverse_temperature: γ ≥ 0 (γ → ∞ tends to ERM, 0 is the prior).
        prior_variance: τ² > 0 of the prior N(0, τ²I).

    Returns:
        ``tr((Σ − A/n)M) + (2σ²/n) tr(Λ⁻¹B)``, shape ``(...)``, in units of the loss, where B = 2γA/n and
        ``M = E[(Ŵ − w*)(Ŵ − w*)ᵀ | A] = Λ⁻¹ + Λ⁻¹(w*w*ᵀ/τ⁴ + (2γσ²/n)B)Λ⁻¹``.

    Raises:
        ValueError: a gram of another shape or not finite, γ < 0 or τ² ≤ 0.

    Source: docs/bounds.md §5.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=20, w_star=rd.two_level_weights(4))
        >>> gram = np.diag([10.0, 15.0, 20.0, 25.0])
        >>> error = rd.theory.gibbs_generalization_given_gram
        >>> round(float(error(model, gram, inverse_temperature=10.0, prior_variance=1.0)), 4)
        0.479
    """
    require_model(model)
    A, B, inverse, gamma, tau2 = _matrices(model, gram, inverse_temperature, prior_variance)
    n, s2 = model.n, model.noise_variance
    w = model.w_star
    inner = np.outer(w, w) / tau2**2 + 2 * gamma * s2 / n * B
    second_moment = inverse + inverse @ inner @ inverse
    return _trace(_covariance(model) - A / n, second_moment) + 2 * s2 / n * _trace(inverse, B)


def gibbs_symmetrized_information_given_gram(
    model: GaussianLinearModel, gram: ArrayLike, inverse_temperature: float, prior_variance: float
) -> np.ndarray:
    """The part of ``I_SKL(Ŵ; S)`` that A contributes; its mean over A is I_SKL, which equals γ · gen.

    I_SKL is the mean of ``KL(P_{Ŵ|S} ‖ P_{Ŵ|S'})`` over two independent datasets; the second one and the
    label noise of the first are integrated out.

    Args:
        model: the Gaussian linear model, any n ≥ d.
        gram: A = XXᵀ of the data's inputs, shape ``(..., d, d)``.
        inverse_temperature: γ ≥ 0 (γ → ∞ tends to ERM, 0 is the prior).
        prior_variance: τ² > 0 of the prior N(0, τ²I).

    Returns:
        ``½tr(Λ̄Λ⁻¹) − d/2 + ½tr(Λ̄V) − 2γ m̄ᵀΣw* + ½tr(ΛV)``, shape ``(...)``, in nats, with
        ``Λ̄ = 2γΣ + I/τ²``, ``m̄ = Λ⁻¹Bw*`` and ``V = E[mmᵀ | A] = Λ⁻¹(Bw*w*ᵀB + (2γσ²/n)B)Λ⁻¹``.

    Raises:
        ValueError: a gram of another shape or not finite, γ < 0 or τ² ≤ 0.

    Source: docs/bounds.md §5; Aminian et al. 2021, Theorem 1.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=20, w_star=rd.two_level_weights(4))
        >>> gram = np.diag([10.0, 15.0, 20.0, 25.0])
        >>> information = rd.theory.gibbs_symmetrized_information_given_gram
        >>> round(float(information(model, gram, inverse_temperature=10.0, prior_variance=1.0)), 3)
        -0.21
    """
    require_model(model)
    _, B, inverse, gamma, tau2 = _matrices(model, gram, inverse_temperature, prior_variance)
    d, w, sigma = model.d, model.w_star, _covariance(model)
    mean_precision = 2 * gamma * sigma + np.eye(d) / tau2
    Bw = B @ w
    second_moment = inverse @ (
        Bw[..., :, None] * Bw[..., None, :] + 2 * gamma * model.noise_variance / model.n * B
    )
    second_moment = second_moment @ inverse
    mean = (inverse @ Bw[..., None])[..., 0]
    precision = B + np.eye(d) / tau2
    return (
        (_trace(mean_precision, inverse) - d + _trace(mean_precision + precision, second_moment)) / 2
        - 2 * gamma * mean @ (sigma @ w)
    )  # fmt: skip


def _spectrum(
    model: GaussianLinearModel, inverse_temperature: float, prior_variance: float
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Eigenvalues of A and weights of their quadrature, γ and τ²."""
    gamma, tau2 = _checked(inverse_temperature, prior_variance)
    if np.ndim(np.asarray(model.covariance)):
        raise ValueError(
            "covariance must be a multiple of the identity here, "
            f"got shape {np.shape(np.asarray(model.covariance))}; average the given-gram form over draws of A"
        )
    nodes, weights = wishart_eigenvalue_quadrature(model.d, model.n)
    return float(np.asarray(model.covariance)) * nodes, weights, gamma, tau2


def _matrices(
    model: GaussianLinearModel, gram: ArrayLike, inverse_temperature: float, prior_variance: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float, float]:
    """A, B = 2γA/n, Λ⁻¹, γ and τ²."""
    A = _checks.real_array("gram", gram)
    if A.shape[-2:] != (model.d, model.d):
        raise ValueError(f"gram must have shape (..., {model.d}, {model.d}), got {A.shape}")
    gamma, tau2 = _checked(inverse_temperature, prior_variance)
    B = 2 * gamma / model.n * A
    return A, B, np.linalg.inv(B + np.eye(model.d) / tau2), gamma, tau2


def _checked(inverse_temperature: float, prior_variance: float) -> tuple[float, float]:
    gamma = _checks.number("inverse_temperature", inverse_temperature, high=np.finfo(np.float64).max)
    return gamma, _checks.positive_number("prior_variance", prior_variance)


def _covariance(model: GaussianLinearModel) -> np.ndarray:
    sigma = np.asarray(model.covariance)
    return sigma if sigma.ndim == 2 else np.diag(np.broadcast_to(sigma, model.d))


def _trace(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """tr(LR) for symmetric L, R of shape ``(..., d, d)``."""
    return np.sum(left * right, axis=(-2, -1))
