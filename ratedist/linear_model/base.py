"""What linear models of one output and of several have in common."""

from __future__ import annotations

import abc
import functools
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ratedist.linear_model.covariances import factor_of

LARGEST_N = 2**53  # float64 holds every integer up to it


class LinearModel(abc.ABC):
    """Gaussian inputs, linear outputs and Gaussian noise: what compressors and simulations ask of a model.

    Weights are one vector everywhere, of ``num_weights`` numbers. Its parts are :class:`GaussianLinearModel`
    (one output) and :class:`MultiOutputLinearModel`.

    Attributes:
        n: number of training samples.
        w_star: true weights, shape ``(num_weights,)``.
        covariance: Σ of the inputs, shape ``()``, ``(num_inputs,)`` or ``(num_inputs, num_inputs)``.
    """

    n: int
    w_star: Any
    covariance: Any

    @property
    @abc.abstractmethod
    def num_outputs(self) -> int:
        """o, the number of outputs."""

    @property
    @abc.abstractmethod
    def num_inputs(self) -> int:
        """d, the number of inputs."""

    @property
    @abc.abstractmethod
    def bayes_risk(self) -> float:
        """The population risk of the true weights, which no others go below."""

    @abc.abstractmethod
    def squared_norm(self, vector: ArrayLike) -> np.ndarray:
        """The excess population risk of ``w_star + vector``, shape ``(..., num_weights)`` to ``(...)``."""

    @property
    def num_weights(self) -> int:
        """o·d, the number of weights."""
        return self.num_outputs * self.num_inputs

    @property
    def degrees_of_freedom(self) -> int:
        """ν = n − d + 1, the degrees of freedom of the t law of the ERM weights of each output."""
        return self.n - self.num_inputs + 1

    @functools.cached_property
    def covariance_cholesky(self) -> np.ndarray:
        """Lower factor L of Σ = LLᵀ, in the shape of ``covariance`` (square roots where it is diagonal)."""
        return factor_of(np.asarray(self.covariance))

    @functools.cached_property
    def covariance_norm(self) -> float:
        """Spectral norm ‖Σ‖."""
        sigma = np.asarray(self.covariance)
        return float(np.linalg.eigvalsh(sigma)[-1] if sigma.ndim == 2 else np.max(sigma))

    def require_finite_risk(self, quantity: str) -> None:
        """Raise ``ValueError`` unless n > d + 1, where E‖W − w*‖² is finite."""
        if self.n <= self.num_inputs + 1:
            raise ValueError(
                f"{quantity} needs n > d + 1 = {self.num_inputs + 1}, got n = {self.n}: below that the "
                "variance of the ERM weights is infinite"
            )
