r"""What ridge's posterior tells of the data: its divergence from the prior, which bounds an information.

For every law Q fixed before the data ``E KL(P_{Ŵ|S} ‖ Q) = I(S; Ŵ) + KL(P_Ŵ ‖ Q) ≥ I(S; Ŵ)``, with equality
for Q = P_Ŵ alone. Here Ŵ is a sample of ``N(W_λ, s²(A + λI)⁻¹)`` and Q is N(0, τ²I), so that the left side
is what bits-back coding of such a sample costs. It says nothing of W_λ itself, whose information is infinite.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.linear_model.model import GaussianLinearModel, require_signal
from ratedist.theory.ridge import Spectrum, checked_penalty, shifted_inverse, trace


def ridge_information_bound(
    model: GaussianLinearModel,
    penalty: ArrayLike,
    posterior_variance: float | None = None,
    prior_variance: float | None = None,
    num_samples: int | None = None,
) -> np.ndarray:
    """``E KL(N(W_λ, s²(A + λI)⁻¹) ‖ N(0, τ²I)) ≥ I(S; Ŵ)`` in nats, exactly, for Σ a multiple of I.

    Args:
        model: the linear model, min(n, d) ≤ 5000; its covariance one number. Of w* only ‖w*‖ matters.
        penalty: λ ≥ 0 on the scale of A = XXᵀ, any shape; 0 for n > d + 1 only, with a ``prior_variance``.
        posterior_variance: s² > 0 of the posterior that Ŵ is a sample of; σ² by default.
        prior_variance: τ² > 0; s²/λ by default, the prior whose posterior this is.
        num_samples: n in place of the model's own. It may be below d.

    Returns:
        Nats for the whole vector, the shape of ``penalty``: the mean over the eigenvalues a of A of
        ``½[x − 1 − ln x + m²/τ²]``, ``x = s²/(τ²(a + λ))``, ``m² = (‖w*‖²a²/d + σ²a)/(a + λ)²``.

    Raises:
        ValueError: a covariance that is no multiple of the identity, numbers out of range, λ = 0 without a
            ``prior_variance`` or with n <= d + 1.

    Source: docs/description-length.md.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> bound = rd.theory.ridge_information_bound(model, [1.0, 10.0])
        >>> rd.units.nats_to_bits(bound).round(1)
        array([144. , 284.7])
    """
    require_signal(model)
    lam = checked_penalty(penalty)
    s2, tau2 = _variances(model, lam, posterior_variance, prior_variance)
    spectrum = Spectrum.of(model, num_samples)
    if np.any(lam == 0) and spectrum.num_samples <= model.d + 1:
        raise ValueError(
            f"penalty must be above 0 for n <= d + 1 = {model.d + 1}, got 0 with n = {spectrum.num_samples}"
        )
    a = np.append(spectrum.eigenvalues, np.zeros(1 if spectrum.num_zeros else 0))
    weights = np.append(spectrum.weights, [spectrum.num_zeros] if spectrum.num_zeros else [])
    s2, tau2 = s2[..., None], tau2[..., None]
    inverse = 1 / (a + lam[..., None])
    kept = a * inverse
    mean_squared = spectrum.signal * kept**2 + model.noise_variance * kept * inverse
    return (_excess(s2 / tau2 * inverse) + mean_squared / tau2) @ weights / 2


def ridge_information_bound_given_gram(
    model: GaussianLinearModel,
    gram: ArrayLike,
    penalty: float,
    posterior_variance: float | None = None,
    prior_variance: float | None = None,
) -> np.ndarray:
    """``E[KL(N(W_λ, s²(A + λI)⁻¹) ‖ N(0, τ²I)) | A]`` in nats, for any Σ; its mean over A is ≥ I(S; Ŵ).

    Args:
        model: the Gaussian linear model.
        gram: A = XXᵀ of the data's inputs, shape ``(..., d, d)``.
        penalty: λ ≥ 0, one number; above 0 where A is singular.
        posterior_variance: s² > 0 of the posterior that Ŵ is a sample of; σ² by default.
        prior_variance: τ² > 0; s²/λ by default.

    Returns:
        Nats for the whole vector, shape ``(...)``.

    Raises:
        ValueError: a gram of another shape, not finite or singular with λ, numbers out of range, λ = 0
            without a ``prior_variance``.

    Source: docs/description-length.md.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(20, rd.two_level_weights(4), covariance=rd.ar1_covariance(4, 0.5))
        >>> gram = np.diag([10.0, 15.0, 20.0, 25.0])
        >>> round(float(rd.theory.ridge_information_bound_given_gram(model, gram, penalty=2.0)), 3)
        6.045
    """
    require_signal(model)
    A, inverse, lam = shifted_inverse(model, gram, penalty)
    s2, tau2 = _variances(model, np.asarray(lam), posterior_variance, prior_variance)
    w = model.w_star
    inner = A @ np.outer(w, w) @ A + model.noise_variance * A
    mean_squared = trace(inverse @ inner, inverse)
    shares = s2 / tau2 * np.linalg.eigvalsh(inverse)
    if np.any(shares <= 0):
        raise ValueError(f"gram plus the penalty must be positive definite, got penalty {lam:g}")
    return (np.sum(_excess(shares), axis=-1) + mean_squared / tau2) / 2


def ridge_bayes_information(
    model: GaussianLinearModel, penalty: ArrayLike, num_samples: int | None = None
) -> np.ndarray:
    """``½ E ln det(I + A/λ)`` in nats: I(S; Ŵ) = E KL itself, were w* drawn from the prior N(0, (σ²/λ)I).

    Then w* and a sample Ŵ of the posterior have one law given S, so that P_Ŵ is the prior and I(S; Ŵ) = I(S;
    w*). The bound of :func:`ridge_information_bound`, averaged over w*, is an equality.

    Args:
        model: the linear model, min(n, d) ≤ 5000; its covariance one number. Its w* and σ² do not matter.
        penalty: λ > 0 on the scale of A = XXᵀ, any shape.
        num_samples: n in place of the model's own. It may be below d.

    Returns:
        Nats for the whole vector, the shape of ``penalty``.

    Raises:
        ValueError: a covariance that is no multiple of the identity, λ ≤ 0 or not finite, n < 1.

    Source: docs/description-length.md.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> round(float(rd.theory.ridge_bayes_information(model, 1.0)), 3)
        99.843
    """
    require_signal(model)
    lam = checked_penalty(penalty)
    if np.any(lam == 0):
        raise ValueError("penalty must be above 0, got 0: the prior would be infinitely wide")
    spectrum = Spectrum.of(model, num_samples)
    with np.errstate(over="ignore"):
        return np.log1p(spectrum.eigenvalues / lam[..., None]) @ spectrum.weights / 2


def _excess(share: np.ndarray) -> np.ndarray:
    """``x − 1 − ln x`` ≥ 0."""
    return share - 1 - np.log(share)


def _variances(
    model: GaussianLinearModel,
    lam: np.ndarray,
    posterior_variance: float | None,
    prior_variance: float | None,
) -> tuple[np.ndarray, np.ndarray]:
    """s² and τ², in the shape of λ."""
    if posterior_variance is None and model.noise_variance == 0:
        raise ValueError("posterior_variance must be given for a model without noise, got None")
    s2 = _checks.positive_number(
        "posterior_variance", model.noise_variance if posterior_variance is None else posterior_variance
    )
    if prior_variance is not None:
        return np.full_like(lam, s2), np.full_like(
            lam, _checks.positive_number("prior_variance", prior_variance)
        )
    if np.any(lam == 0):
        raise ValueError("prior_variance must be given where the penalty is 0, got None")
    return np.full_like(lam, s2), s2 / lam
