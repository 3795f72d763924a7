"""The Gaussian linear model of the papers."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.linear_model.base import LARGEST_N, LinearModel
from ratedist.linear_model.covariances import canonical_covariance

LARGEST_SIGNAL = 1e290


@dataclasses.dataclass(frozen=True, eq=False)
class GaussianLinearModel(LinearModel):
    r"""``Y_i = X_iᵀ w* + ε_i`` with ``X_i ~ N(0, Σ)``, ``ε_i ~ N(0, σ²)``, i = 1…n, under squared loss.

    The papers' symbols: ``n`` and ``d`` as here, ``w_star`` = w*, ``noise_variance`` = σ'² (σ² in the
    derivations), ``covariance`` = Σ_X.

    Args:
        n: number of training samples, from ``d`` to 2⁵³. Risks of the empirical risk minimiser have a
            finite expectation only for n > d + 1; the functions that need this say so.
        w_star: true weights, shape ``(d,)``.
        noise_variance: σ², one finite number of at least zero.
        covariance: Σ as ``None`` (identity), a number (multiple of the identity), shape ``(d,)``
            (diagonal) or shape ``(d, d)`` (symmetric positive definite).

    Attributes after construction are NumPy float64, read-only; ``covariance`` has shape ``()``,
    ``(d,)`` or ``(d, d)``, whichever says the same with least.

    Raises:
        ValueError: shapes that disagree, values that are not finite, σ² < 0, n < d, n > 2⁵³, or a Σ that is
            not symmetric positive definite.

    Source: Entropy 2021 eq. (16)–(18); AAAI 2020 eq. (14)–(16).

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50), noise_variance=1.0)
        >>> model.d, model.n, model.degrees_of_freedom
        (50, 80, 31)
        >>> correlated = rd.GaussianLinearModel(20, [1.0, -1.0, 0.5], covariance=rd.ar1_covariance(3, 0.5))
        >>> round(correlated.covariance_norm, 4)
        1.8431
    """

    n: int
    w_star: np.ndarray
    noise_variance: float = 1.0
    covariance: ArrayLike | None = None

    def __post_init__(self) -> None:
        w_star = _checks.real_array("w_star", self.w_star)
        if w_star.ndim != 1 or w_star.size == 0:
            raise ValueError(f"w_star must have shape (d,) with d >= 1, got shape {w_star.shape}")
        n = _checks.integer("n", self.n, 1, LARGEST_N)
        if n < w_star.size:
            raise ValueError(f"n must be at least d = {w_star.size} for ERM to be unique, got n = {n}")
        noise_variance = _checks.real_array("noise_variance", self.noise_variance)
        if noise_variance.ndim != 0 or noise_variance < 0:
            raise ValueError(f"noise_variance must be one number of at least 0, got {self.noise_variance!r}")
        covariance = canonical_covariance("covariance", self.covariance, w_star.size)
        w_star.flags.writeable = False
        object.__setattr__(self, "n", n)
        object.__setattr__(self, "w_star", w_star)
        object.__setattr__(self, "noise_variance", float(noise_variance))
        object.__setattr__(self, "covariance", covariance)

    @property
    def d(self) -> int:
        """Number of weights."""
        return self.w_star.size

    @property
    def num_outputs(self) -> int:
        """One output."""
        return 1

    @property
    def num_inputs(self) -> int:
        """d: with one output there are as many inputs as weights."""
        return self.d

    @property
    def bayes_risk(self) -> float:
        """``L_μ(w*) = σ²``."""
        return self.noise_variance

    def squared_norm(self, vector: ArrayLike) -> np.ndarray:
        """‖v‖²_Σ = vᵀΣv along the last axis of ``vector``, shape ``(..., d)`` to ``(...)``."""
        v = np.asarray(vector, dtype=np.float64)
        if v.shape[-1:] != (self.d,):
            raise ValueError(f"vector must have last axis of length d = {self.d}, got shape {v.shape}")
        sigma = np.asarray(self.covariance)
        return np.sum((v @ sigma if sigma.ndim == 2 else v * sigma) * v, axis=-1)


def require_model(model: Any) -> None:
    """Raise ``ValueError`` unless ``model`` is a :class:`GaussianLinearModel`."""
    if not isinstance(model, GaussianLinearModel):
        raise ValueError(
            "model must be a GaussianLinearModel, such as GaussianLinearModel(80, two_level_weights(50)), "
            f"got {model!r:.80}"
        )


def require_signal(model: Any) -> None:
    """Raise ``ValueError`` unless ``model`` is one whose ‖w*‖²_Σ floating point holds, with room to spare."""
    require_model(model)
    with np.errstate(over="ignore", invalid="ignore"):
        signal = float(model.squared_norm(model.w_star))
    if not signal <= LARGEST_SIGNAL:
        raise ValueError(
            "w_star must have a squared norm, in the metric of the covariance, of at most "
            f"{LARGEST_SIGNAL:g}, got {signal:g}: rescale the problem"
        )


def ar1_covariance(d: int, correlation: float) -> np.ndarray:
    """Covariance with unit variances and correlated neighbours: Σ_ij = correlation^|i−j|, shape ``(d, d)``.

    Args:
        d: number of weights, at least 1.
        correlation: of neighbours, strictly between −1 and 1.

    Raises:
        ValueError: d < 1, or a correlation out of range.

    Example:
        >>> import ratedist as rd
        >>> rd.ar1_covariance(3, 0.5)
        array([[1.  , 0.5 , 0.25],
               [0.5 , 1.  , 0.5 ],
               [0.25, 0.5 , 1.  ]])
    """
    d = _checks.integer("d", d, 1)
    rho = float(_checks.real_array("correlation", correlation))
    if not -1 < rho < 1:
        raise ValueError(f"correlation must lie strictly between -1 and 1, got {rho:g}")
    index = np.arange(d)
    return rho ** np.abs(index[:, None] - index[None, :])
