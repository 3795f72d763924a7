r"""Ridge regression in the linear model: exact risks of ``W_λ = (A + λI)⁻¹XY``, and its best penalty.

``A = XXᵀ``, not divided by n, so that ``λ = σ²/τ²`` makes W_λ the Bayes estimate for a prior N(0, τ²I), and
``N(W_λ, σ²(A + λI)⁻¹)`` its posterior. With u = W_λ − w* and ``Xε | A ~ N(0, σ²A)``,

    u = −λ(A + λI)⁻¹w* + (A + λI)⁻¹Xε,    L_S(W_λ) = ‖ε‖²/n − 2uᵀXε/n + uᵀ(A/n)u.

For Σ = cI the eigenvectors of A are uniform, so that w*w*ᵀ acts as (‖w*‖²/d)I and every mean is one of
``E Σ_i f(λ_i)``. For another Σ there is no finite form: the mean over A is left to the caller's draws, or to
its limit (:mod:`ratedist.theory.ridge_limit`). Derivations: docs/description-length.md.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.linear_model.model import GaussianLinearModel, require_signal
from ratedist.theory.numerics import LARGEST_COUNT
from ratedist.theory.wishart import wishart_eigenvalue_quadrature

LARGEST = float(np.finfo(np.float64).max)
# Of the covariance, next to n = d: the quadrature's smallest eigenvalues are some 10⁻¹⁷ of it.
LEAST_PENALTY = 1e-14


@dataclasses.dataclass(frozen=True, eq=False)
class RidgeRisks:
    """Expected risks of ridge regression, in units of the loss, and its effective degrees of freedom.

    Attributes:
        population_risk: ``E L_μ(Ŵ)``.
        empirical_risk: ``E L_S(Ŵ)``.
        generalization_error: ``E[L_μ(Ŵ) − L_S(Ŵ)]``, not by way of the other two, which cancel for large n.
        degrees_of_freedom: ``E tr A(A + λI)⁻¹``, between 0 and min(n, d).
    """

    population_risk: np.ndarray
    empirical_risk: np.ndarray
    generalization_error: np.ndarray
    degrees_of_freedom: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Spectrum:
    """Quadrature for the ``min(n, d)`` eigenvalues of A that are not 0, Σ = cI.

    Attributes:
        num_samples: n.
        eigenvalues, weights: nodes and their weights, which sum to min(n, d).
        num_zeros: ``d − min(n, d)``, how many eigenvalues are 0.
        signal: ``‖w*‖²/d``.
        covariance: c.
    """

    num_samples: int
    eigenvalues: np.ndarray
    weights: np.ndarray
    num_zeros: int
    signal: float
    covariance: float

    @classmethod
    def of(cls, model: GaussianLinearModel, num_samples: int | None) -> Spectrum:
        """For ``num_samples`` in place of the model's own n, if given; Σ must be a multiple of I."""
        sigma, n = isotropic_covariance(model), samples(model, num_samples)
        nodes, weights = wishart_eigenvalue_quadrature(min(n, model.d), max(n, model.d))
        signal = float(model.w_star @ model.w_star) / model.d
        return cls(n, sigma * nodes, weights, max(model.d - n, 0), signal, sigma)


def ridge_risks(
    model: GaussianLinearModel,
    penalty: ArrayLike,
    posterior_variance: float = 0.0,
    num_samples: int | None = None,
) -> RidgeRisks:
    """Risks of ``W_λ = (A + λI)⁻¹XY``, or of a sample of its posterior, exactly, for Σ a multiple of I.

    Args:
        model: the linear model, min(n, d) ≤ 5000; its covariance one number. Of w* only ‖w*‖ matters.
        penalty: λ ≥ 0 on the scale of A = XXᵀ, any shape; 0 is ERM, for n > d + 1 only. For n from d − 1 to
            d + 1 at least 10⁻¹⁴ of the covariance: there A has eigenvalues next to 0.
        posterior_variance: s² ≥ 0. Above 0 Ŵ is a sample of ``N(W_λ, s²(A + λI)⁻¹)``: of the posterior, if
            s² is σ². At 0 it is W_λ itself.
        num_samples: n in place of the model's own. It may be below d, where a model has no ERM.

    Returns:
        :class:`RidgeRisks` with entries in the shape of ``penalty``, by quadrature to about 12 digits. They
        are means over the eigenvalues a of A of ``λ²‖w*‖²/d/(a + λ)²``, ``σ²a/(a + λ)²`` and the like.

    Raises:
        ValueError: a covariance that is no multiple of the identity, λ < 0 or not finite, λ = 0 with
            n <= d + 1, λ too small beside n = d, s² < 0, n < 1.

    Source: docs/description-length.md.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> risks = rd.theory.ridge_risks(model, [0.0, 1.0, 10.0])
        >>> risks.population_risk.round(3)
        array([2.724, 2.579, 5.105])
        >>> risks.degrees_of_freedom.round(2)
        array([50.  , 48.42, 39.89])
    """
    require_signal(model)
    lam, s2 = checked_penalty(penalty), _checks.number("posterior_variance", posterior_variance, high=LARGEST)
    spectrum = Spectrum.of(model, num_samples)
    n, d, noise, c = spectrum.num_samples, model.d, model.noise_variance, spectrum.covariance
    if np.any(lam == 0) and n <= d + 1:
        raise ValueError(
            f"penalty must be above 0 for n <= d + 1 = {d + 1}, got 0 with n = {n}: the variance of the ERM "
            "weights is infinite"
        )
    least = LEAST_PENALTY * c
    if abs(n - d) <= 1 and np.any((lam > 0) & (lam < least)):
        raise ValueError(
            f"penalty must be at least {least:g} where n = {n} is next to d = {d}, got {lam.min():g}: the "
            "eigenvalues next to 0 that decide the risk then are finer than the quadrature"
        )
    positive = np.where(lam > 0, lam, 1.0)
    a, weights, zeros = spectrum.eigenvalues, spectrum.weights, spectrum.num_zeros
    inverse = 1 / (a + positive[..., None])
    kept, lost = a * inverse, positive[..., None] * inverse
    signal = spectrum.signal * lost**2
    squared = signal + noise * kept * inverse + s2 * inverse  # of Ŵ − w* along an eigenvector
    nowhere = zeros * c * (spectrum.signal + s2 / positive)  # along those of eigenvalue 0
    population = noise + c * (squared @ weights) + nowhere
    interpolated = n - (d - zeros)
    empirical = noise * (interpolated + lost**2 @ weights) + (a * (signal + s2 * inverse)) @ weights
    freedom = kept @ weights
    error = ((c - a / n) * squared) @ weights + nowhere + 2 * noise / n * freedom
    # ERM in closed form: E tr A⁻¹ converges slowly where n − d is small.
    trace = d / max(n - d - 1, 1)
    return RidgeRisks(
        np.where(lam > 0, population, noise + (noise + s2) * trace),
        np.where(lam > 0, empirical / n, noise * (n - d) / n + s2 * d / n),
        np.where(lam > 0, error, (noise + s2) * (trace - d / n) + 2 * noise * d / n),
        np.where(lam > 0, freedom, float(d)),
    )


def ridge_risks_given_gram(
    model: GaussianLinearModel,
    gram: ArrayLike,
    penalty: float,
    posterior_variance: float = 0.0,
    num_samples: int | None = None,
) -> RidgeRisks:
    """Risks of ``W_λ``, or of a sample of its posterior, given A: averaged over the label noise alone.

    For any Σ. The mean over A ~ Wishart_d(n, Σ), which has no closed form then, is left to draws of A.

    Args:
        model: the Gaussian linear model.
        gram: A = XXᵀ of the data's inputs, shape ``(..., d, d)``.
        penalty: λ ≥ 0, one number; above 0 where A is singular.
        posterior_variance: s² ≥ 0. Above 0 Ŵ is a sample of ``N(W_λ, s²(A + λI)⁻¹)``.
        num_samples: n in place of the model's own: that of the data behind ``gram``.

    Returns:
        :class:`RidgeRisks` with entries of shape ``(...)``, for which
        ``M = E[(Ŵ − w*)(Ŵ − w*)ᵀ | A] = (A + λI)⁻¹(λ²w*w*ᵀ + σ²A)(A + λI)⁻¹ + s²(A + λI)⁻¹``: population
        ``σ² + tr ΣM``, generalisation ``tr (Σ − A/n)M + (2σ²/n) tr A(A + λI)⁻¹``.

    Raises:
        ValueError: a gram of another shape, not finite or singular with λ, λ < 0, s² < 0, n < 1.

    Source: docs/description-length.md.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(20, rd.two_level_weights(4), covariance=rd.ar1_covariance(4, 0.5))
        >>> risks = rd.theory.ridge_risks_given_gram(model, np.diag([10.0, 15.0, 20.0, 25.0]), penalty=2.0)
        >>> round(float(risks.population_risk), 4), round(float(risks.degrees_of_freedom), 4)
        (1.2241, 3.5507)
    """
    require_signal(model)
    A, inverse, lam = shifted_inverse(model, gram, penalty)
    s2, n = (
        _checks.number("posterior_variance", posterior_variance, high=LARGEST),
        samples(model, num_samples),
    )
    w, noise = model.w_star, model.noise_variance
    M = inverse @ (lam**2 * np.outer(w, w) + noise * A) @ inverse + s2 * inverse
    sigma = full_covariance(model)
    freedom = trace(A, inverse)
    # σ²(1 − 2 tr A(A + λI)⁻¹/n) + tr AM/n, without differences: its terms are all of one sign.
    a = np.maximum(np.linalg.eigvalsh(A)[..., -min(n, model.d) :], 0.0)
    kept_noise = max(n - model.d, 0) + np.sum((lam / (a + lam)) ** 2, axis=-1)
    bias = lam * inverse @ w
    of_signal = np.sum(bias * (A @ bias[..., None])[..., 0], axis=-1)
    return RidgeRisks(
        noise + trace(sigma, M),
        (noise * kept_noise + of_signal + s2 * freedom) / n,
        trace(sigma - A / n, M) + 2 * noise / n * freedom,
        freedom,
    )


def ridge_best_penalty(model: GaussianLinearModel) -> float:
    """``λ = σ²d/‖w*‖²``: the penalty of least population risk, exactly and at every n, for Σ a multiple of I.

    The derivative of the risk by λ is ``2 E Σ_i c a(λ‖w*‖²/d − σ²)/(a + λ)³`` over A's eigenvalues a. Its
    terms are all negative below this λ and all positive above it. The mean log-evidence has its maximum
    there too (:func:`ratedist.theory.ridge_expected_log_evidence`). For another Σ it depends on n and on the
    direction of w*. In the mean over w* ~ N(0, τ²I) it is σ²/τ² for every Σ.

    Args:
        model: the linear model; its covariance one number.

    Returns:
        λ on the scale of A = XXᵀ; infinite for w* = 0, where Ŵ = 0 is best.

    Raises:
        ValueError: a covariance that is no multiple of the identity.

    Source: docs/description-length.md.

    Example:
        >>> import ratedist as rd
        >>> rd.theory.ridge_best_penalty(rd.GaussianLinearModel(80, 0.25 * rd.two_level_weights(50)))
        16.0
    """
    require_signal(model)
    isotropic_covariance(model)
    squared = float(model.w_star @ model.w_star)
    return model.noise_variance * model.d / squared if squared > 0 else float("inf")


def checked_penalty(penalty: ArrayLike) -> np.ndarray:
    """λ as finite numbers of at least 0, any shape."""
    return _checks.in_range("penalty", penalty, high=LARGEST)


def samples(model: GaussianLinearModel, num_samples: int | None) -> int:
    """``num_samples`` if it is given, else the model's n."""
    return model.n if num_samples is None else _checks.integer("num_samples", num_samples, 1, LARGEST_COUNT)


def isotropic_covariance(model: GaussianLinearModel) -> float:
    """c of Σ = cI, or ``ValueError``."""
    sigma = np.asarray(model.covariance)
    if sigma.ndim:
        raise ValueError(
            f"covariance of the model must be a multiple of the identity here, got shape {sigma.shape}; "
            "average the given-gram form over draws of A, or take the asymptotic one"
        )
    return float(sigma)


def full_covariance(model: GaussianLinearModel) -> np.ndarray:
    """Σ, shape ``(d, d)``."""
    sigma = np.asarray(model.covariance)
    return sigma if sigma.ndim == 2 else np.diag(np.broadcast_to(sigma, model.d))


def shifted_inverse(
    model: GaussianLinearModel, gram: ArrayLike, penalty: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """A, (A + λI)⁻¹ and λ."""
    A = _checks.real_array("gram", gram)
    if A.shape[-2:] != (model.d, model.d):
        raise ValueError(f"gram must have shape (..., {model.d}, {model.d}), got {A.shape}")
    lam = _checks.number("penalty", penalty, high=LARGEST)
    try:
        return A, np.linalg.inv(A + lam * np.eye(model.d)), lam
    except np.linalg.LinAlgError:
        raise ValueError(f"gram plus the penalty must be invertible, got penalty {lam:g}") from None


def trace(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """tr(LR) for symmetric L, R of shape ``(..., d, d)``."""
    return np.sum(left * right, axis=(-2, -1))
