"""The Gaussian linear model with several outputs: the weights are a matrix."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import solve_triangular

from ratedist import _checks
from ratedist.linear_model.base import LARGEST_N, LinearModel
from ratedist.linear_model.covariances import as_matrix, canonical_covariance, factor_of
from ratedist.linear_model.model import GaussianLinearModel

LossName = Literal["noise_precision"]


@dataclasses.dataclass(frozen=True, eq=False)
class MultiOutputLinearModel(LinearModel):
    r"""``Y_i = W* X_i + ε_i ∈ R^o`` with ``X_i ~ N(0, Σ)``, ``ε_i ~ N(0, Γ)``, i = 1…n, quadratic loss.

    The loss of Ŵ on (x, y) is ``(y − Ŵx)ᵀM(y − Ŵx)``. With M = Γ⁻¹ it is twice the negative log-likelihood up
    to a constant, and the Hessian M ⊗ A/n is the exact Fisher information. With one output and M = 1 all is
    as in :class:`GaussianLinearModel`.

    ``A ~ W_d(n, Σ)`` and ``W | A = W* + Γ^½ Z A^{−½}`` for ERM, which is the same for every M. Its rows are
    multivariate t with n − d + 1 degrees of freedom.

    Args:
        n: number of training samples, from ``d`` to 2⁵³. Risks of the empirical risk minimiser have a finite
            expectation only for n > d + 1; the functions that need this say so.
        W_star: true weights, shape ``(o, d)``: one row for each output.
        noise_covariance: Γ as ``None`` (identity), a number (multiple of the identity), shape ``(o,)``
            (diagonal) or shape ``(o, o)`` (symmetric positive semidefinite). It may be zero.
        covariance: Σ in the same forms, positive definite.
        loss_matrix: M in the same forms, positive definite, or ``"noise_precision"`` for Γ⁻¹. An output that
            is not to count is left out of the model: that changes nothing for the others.

    Attributes after construction are NumPy float64, read-only; covariances have shape ``()``, ``(d,)`` or
    ``(d, d)``, whichever says the same with least.

    Raises:
        ValueError: shapes that disagree, values that are not finite, n < d, n > 2⁵³, matrices that are not
            symmetric or not positive definite, or ``"noise_precision"`` of a singular Γ.

    Source: docs/derivations.md §5; the loss of information of a projection, docs/low-rank.md.

    Example:
        >>> import ratedist as rd
        >>> W_star = rd.planted_rank_weights(num_outputs=20, num_inputs=50, rank=3, seed=0)
        >>> model = rd.MultiOutputLinearModel(n=80, W_star=W_star, loss_matrix="noise_precision")
        >>> model.num_outputs, model.num_inputs, model.num_weights, model.degrees_of_freedom
        (20, 50, 1000, 31)
    """

    n: int
    W_star: np.ndarray
    noise_covariance: ArrayLike | None = None
    covariance: ArrayLike | None = None
    loss_matrix: ArrayLike | LossName | None = None

    def __post_init__(self) -> None:
        W_star = _checks.real_array("W_star", self.W_star)
        if W_star.ndim != 2 or W_star.size == 0:
            raise ValueError(
                f"W_star must have shape (o, d), one row for each output, with o, d >= 1, got shape "
                f"{W_star.shape}"
            )
        o, d = W_star.shape
        n = _checks.integer("n", self.n, 1, LARGEST_N)
        if n < d:
            raise ValueError(f"n must be at least d = {d} for ERM to be unique, got n = {n}")
        W_star.flags.writeable = False
        noise = canonical_covariance("noise_covariance", self.noise_covariance, o, singular=True)
        covariance = canonical_covariance("covariance", self.covariance, d)
        object.__setattr__(self, "n", n)
        object.__setattr__(self, "W_star", W_star)
        object.__setattr__(self, "noise_covariance", noise)
        object.__setattr__(self, "covariance", covariance)
        if isinstance(self.loss_matrix, str):
            _checks.one_of("loss_matrix, where it is a name,", self.loss_matrix, ("noise_precision",))
            loss_factor = _precision_factor(noise)
            with np.errstate(over="ignore"):
                loss = loss_factor**2 if loss_factor.ndim < 2 else loss_factor @ loss_factor.T
            if not np.all(np.isfinite(loss)):
                raise ValueError(
                    "loss_matrix='noise_precision' needs a noise_covariance whose inverse floats hold"
                )
        else:
            loss = canonical_covariance("loss_matrix", self.loss_matrix, o)
            loss_factor = factor_of(loss)
        loss, loss_factor = np.asarray(loss), np.asarray(loss_factor)
        for array in (loss, loss_factor):
            array.flags.writeable = False
        object.__setattr__(self, "loss_matrix", loss)
        object.__setattr__(self, "_loss_factor", loss_factor)
        if not np.isfinite(self.bayes_risk):
            raise ValueError(
                "noise_covariance and loss_matrix must have a product that floating point holds, got a "
                f"risk of {self.bayes_risk} at the true weights"
            )

    @property
    def num_outputs(self) -> int:
        """o, the number of rows of W*."""
        return self.W_star.shape[0]

    @property
    def num_inputs(self) -> int:
        """d, the number of columns of W*."""
        return self.W_star.shape[1]

    @property
    def w_star(self) -> np.ndarray:
        """W* row by row, shape ``(o·d,)``: the order in which compressors see weights."""
        return self.W_star.reshape(-1)

    @functools.cached_property
    def noise_factor(self) -> np.ndarray:
        """A C with Γ = CCᵀ, in the shape of ``noise_covariance``: lower triangular unless Γ is singular."""
        return factor_of(np.asarray(self.noise_covariance))

    @property
    def loss_factor(self) -> np.ndarray:
        """A B with M = BBᵀ, in the shape of ``loss_matrix``; C⁻ᵀ for the noise precision."""
        factor: Any = getattr(self, "_loss_factor")  # noqa: B009
        return factor

    @functools.cached_property
    def noise_spectrum(self) -> np.ndarray:
        """Eigenvalues of MΓ in descending order, shape ``(o,)``: the noise in each direction of the loss."""
        B, C, o = self.loss_factor, self.noise_factor, self.num_outputs
        with np.errstate(over="ignore", invalid="ignore"):
            if B.ndim < 2 and C.ndim < 2:
                return np.sort(np.broadcast_to((B * C) ** 2, (o,)))[::-1]
            product = as_matrix(B, o).T @ as_matrix(C, o)
            if not np.all(np.isfinite(product)):
                return np.full(o, np.inf)
            return np.linalg.svd(product, compute_uv=False) ** 2

    @property
    def bayes_risk(self) -> float:
        """``L_μ(W*) = tr MΓ``, the population risk of the true weights."""
        return float(np.sum(self.noise_spectrum))

    def squared_norm(self, vector: ArrayLike) -> np.ndarray:
        """``tr MVΣVᵀ`` of weights V row by row, shape ``(..., o·d)`` to ``(...)``."""
        v = np.asarray(vector, dtype=np.float64)
        if v.shape[-1:] != (self.num_weights,):
            raise ValueError(
                f"vector must have last axis of length o·d = {self.num_weights}, got shape {v.shape}"
            )
        V = v.reshape(*v.shape[:-1], *self.W_star.shape)
        L, B = self.covariance_cholesky, self.loss_factor
        V = V @ L if L.ndim == 2 else V * L
        V = B.T @ V if B.ndim == 2 else np.reshape(B, (-1, 1)) * V
        return np.sum(V**2, axis=(-2, -1))


def _precision_factor(noise: np.ndarray) -> np.ndarray:
    """A B with ``BBᵀ = Γ⁻¹``: C⁻ᵀ for Γ = CCᵀ, so that BᵀC is the identity however Γ is scaled."""
    if noise.ndim < 2:
        smallest = float(np.min(noise))
        if smallest <= 0:
            raise ValueError(
                "loss_matrix='noise_precision' needs a noise_covariance above zero, its smallest entry is "
                f"{smallest:g}"
            )
        return 1 / np.sqrt(noise)
    try:
        C = np.linalg.cholesky(noise)
    except np.linalg.LinAlgError:
        raise ValueError(
            "loss_matrix='noise_precision' needs a noise_covariance that is not singular, its smallest "
            f"eigenvalue is {np.linalg.eigvalsh(noise)[0]:g}"
        ) from None
    inverse: Any = solve_triangular(C, np.eye(len(C)), lower=True)
    return inverse.T


def require_linear_model(model: Any) -> None:
    """Raise ``ValueError`` unless ``model`` is a linear model of one output or of several."""
    if not isinstance(model, LinearModel):
        raise ValueError(
            "model must be a GaussianLinearModel, such as GaussianLinearModel(80, two_level_weights(50)), or "
            f"a MultiOutputLinearModel, got {model!r:.80}"
        )


def single_output(what: str, model: LinearModel) -> GaussianLinearModel:
    """The model as one of a single output, with the same law of the weights.

    Raises:
        ValueError: more than one output, which ``what`` has no use for.
    """
    if isinstance(model, GaussianLinearModel):
        return model
    require_linear_model(model)
    if not isinstance(model, MultiOutputLinearModel) or model.num_outputs > 1:
        raise ValueError(f"{what} is known for one output only, got a model of {model.num_outputs}")
    noise = float(np.asarray(model.noise_covariance).reshape(()))
    return GaussianLinearModel(model.n, model.w_star, noise, model.covariance)
