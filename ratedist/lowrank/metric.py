"""What an error in a matrix of weights costs: the metrics that weighted low-rank methods are named for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.lowrank.metric_factor import metric_factor

CHUNK = 4096  # rows that are converted to float64 at once


class Metric(NamedTuple):
    """The norm ``tr L E R Eᵀ`` of an error E = W − Ŵ of shape ``(o, d)``: what :func:`project` minimises.

    L = ``left`` weights outputs, shape ``()``, ``(o,)`` or ``(o, o)``; R = ``right`` weights inputs, shape
    ``()``, ``(d,)`` or ``(d, d)``; ``None`` is the identity. Both are positive semidefinite. A metric unpacks
    into the last arguments of ``project``. Its builders are named as the methods are in the literature.
    Activations and gradients have one row a sample.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> rng = np.random.default_rng(0)
        >>> W, activations = rng.normal(size=(3, 4)), rng.normal(size=(10, 4))
        >>> metric = rd.lowrank.Metric.svd_llm(activations)
        >>> factors = rd.lowrank.project(W, 2, *metric)
        >>> outputs = (W - factors.matrix()) @ activations.T
        >>> bool(np.isclose(factors.distortion, np.mean(np.sum(outputs**2, axis=0))))
        True
    """

    left: np.ndarray | None = None
    right: np.ndarray | None = None

    @classmethod
    def plain(cls) -> Metric:
        """``‖E‖²_F``: truncated singular value decomposition of W itself."""
        return cls()

    @classmethod
    def fwsvd(cls, fisher: ArrayLike) -> Metric:
        """Fisher-weighted: L = diag(row sums of the Fisher information), so that Ŵ = D⁻¹[DW]_r, D = L^½.

        Args:
            fisher: Fisher information of each weight, its mean squared derivative, shape ``(o, d)``, ≥ 0.

        Raises:
            ValueError: another shape, or values that are negative or not finite.

        Source: Hsu et al. 2022 (there W is transposed).
        """
        values = _checks.in_range("fisher", fisher, high=np.finfo(np.float64).max)
        if values.ndim != 2 or values.size == 0:
            raise ValueError(f"fisher must have the shape (o, d) of the weights, got {values.shape}")
        with np.errstate(over="ignore"):
            return cls(left=_finite("fisher", values.sum(axis=1)))

    @classmethod
    def asvd(cls, activations: ArrayLike) -> Metric:
        """Activation-aware: Ŵ = [WS]_r S⁻¹ with S = diag(mean |x|)^½, so that R = diag(mean |x|).

        Args:
            activations: inputs x of the layer, shape ``(n, d)``.

        Raises:
            ValueError: another shape, or values that are not finite.

        Source: Yuan et al. 2023, their α = ½.
        """
        x = _rows("activations", activations)
        total = np.zeros(x.shape[1])
        for start in range(0, len(x), CHUNK):
            rows = _checks.real_array("activations", x[start : start + CHUNK])
            with np.errstate(over="ignore"):
                total += np.sum(np.abs(rows), axis=0)
        return cls(right=_finite("activations", total / len(x)))

    @classmethod
    def svd_llm(cls, activations: ArrayLike) -> Metric:
        """The layer's output: R = mean of xxᵀ, so that the distortion is ``‖WX − ŴX‖²_F / n``.

        Ŵ attains ``‖WX − [WX]_r‖_F``, the least that any matrix of rank r can, with fewer samples than
        features and dead features too.

        Args:
            activations: inputs x of the layer, shape ``(n, d)``.

        Raises:
            ValueError: another shape, or values that are not finite.

        Source: Wang et al. 2024.
        """
        return cls(right=second_moment("activations", activations))

    @classmethod
    def information(cls, noise_covariance: ArrayLike, input_covariance: ArrayLike | None) -> Metric:
        """Information divergence of linear regression: L = Γ⁻¹, R = A/n for outputs with noise N(0, Γ).

        Half of the distortion is the mean Kullback–Leibler divergence between both models' outputs, in nats.
        With R the mean of xxᵀ over the training inputs and W least squares, Ŵ is reduced-rank regression: the
        maximum-likelihood estimate of rank r.

        Args:
            noise_covariance: Γ, one number, shape ``(o,)`` (diagonal) or ``(o, o)``, positive definite.
            input_covariance: A/n or the inputs' covariance Σ, ``None`` for the identity, shape ``(d,)`` or
                ``(d, d)``.

        Raises:
            ValueError: another shape, values that are not finite, or Γ that is singular: without noise in
                an output any error there is infinitely many nats.

        Source: docs/low-rank.md.
        """
        noise = _checks.real_array("noise_covariance", noise_covariance)
        if noise.size == 0:
            raise ValueError(f"noise_covariance must have at least one output, got shape {noise.shape}")
        factor = metric_factor("noise_covariance", noise, len(noise) if noise.ndim else 1)
        if not factor.regular:
            raise ValueError("noise_covariance must be positive definite, it has a direction without noise")
        with np.errstate(over="ignore"):
            left = factor.inverse() if noise.ndim == 2 else 1 / noise
        right = None if input_covariance is None else _checks.real_array("input_covariance", input_covariance)
        return cls(_finite("noise_covariance", left), right)

    @classmethod
    def kronecker(cls, activations: ArrayLike, gradients: ArrayLike, damping: float = 1e-3) -> Metric:
        """Kronecker-factored Fisher information of a layer: L = mean of ggᵀ, R = mean of xxᵀ.

        Damping adds a share of the mean eigenvalue to both: ``L + damping · (tr L/o) I``, and R likewise. It
        is for what *neither* the activations nor the gradients show: there weights could become large
        (:func:`ratedist.lowrank.project`). With 0 the factors are as measured.

        Args:
            activations: inputs x of the layer, shape ``(n, d)``.
            gradients: derivatives g of each sample's loss by the layer's outputs, shape ``(n, o)``; n may
                be another number.
            damping: share of the mean eigenvalue, at least 0.

        Raises:
            ValueError: another shape, values that are not finite, or a negative damping.

        Source: Martens & Grosse 2015.
        """
        share = _checks.number("damping", damping, high=np.finfo(np.float64).max)
        moments = second_moment("gradients", gradients), second_moment("activations", activations)
        with np.errstate(over="ignore", invalid="ignore"):
            damped = [
                moment + share * (np.trace(moment) / len(moment)) * np.eye(len(moment)) for moment in moments
            ]
        return cls(*(_finite("damping", moment) for moment in damped))

    def distortion(self, W: ArrayLike, reconstruction: ArrayLike) -> float:
        """``tr L(W − Ŵ)R(W − Ŵ)ᵀ`` of any Ŵ, such as quantised factors' product.

        Args:
            W: shape ``(o, d)``.
            reconstruction: Ŵ, the same shape.

        Raises:
            ValueError: shapes that disagree, values that are not finite, or a distortion beyond float64.
        """
        w, other = _checks.real_array("W", W), _checks.real_array("reconstruction", reconstruction)
        if w.ndim != 2 or w.shape != other.shape:
            raise ValueError(f"W and reconstruction must have one shape (o, d), got {w.shape}, {other.shape}")
        P, Q = (
            metric_factor(name, metric, size)
            for name, metric, size in (("left", self.left, w.shape[0]), ("right", self.right, w.shape[1]))
        )
        with np.errstate(over="ignore", invalid="ignore"):
            difference = w - other
            exponent = int(np.frexp(np.max(np.abs(difference), initial=0.0))[1])
            error = Q.times(P.times(np.ldexp(difference, -exponent).T).T)
            distortion = float(np.ldexp(np.sum(error**2), 2 * (exponent + P.exponent + Q.exponent)))
        if not np.isfinite(distortion):
            raise ValueError(
                "W, reconstruction and metrics must be smaller, for a distortion in float64: rescale them"
            )
        return distortion


def second_moment(name: str, samples: ArrayLike) -> np.ndarray:
    """Mean of xxᵀ in float64, shape ``(d, d)``, over samples in rows, shape ``(n, d)``."""
    x = _rows(name, samples)
    total = np.zeros((x.shape[1], x.shape[1]))
    for start in range(0, len(x), CHUNK):
        rows = _checks.real_array(name, x[start : start + CHUNK])
        with np.errstate(over="ignore", invalid="ignore"):
            total += rows.T @ rows
    return _finite(name, total / len(x))


def _rows(name: str, samples: ArrayLike) -> np.ndarray:
    _checks.unmasked(name, samples)
    # Arrays may be large and are converted in parts; lists may hide booleans.
    x = _checks.real_array(name, samples) if isinstance(samples, list | tuple) else np.asarray(samples)
    if x.ndim != 2 or x.size == 0:
        raise ValueError(f"{name} must have two axes, one row a sample, got shape {x.shape}")
    return x


def _finite(name: str, values: np.ndarray) -> np.ndarray:
    if not np.all(np.isfinite(values)):
        raise ValueError(f"{name} must be of another scale: a metric from it is beyond float64")
    return values
