"""Data as what thresholding and projections take: least squares' weights and the inputs' second moments."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks


@dataclasses.dataclass(frozen=True, eq=False)
class LeastSquares:
    """A regression as a quadratic: the mean of ``‖y − Vx‖²`` is ``residual + tr (W − V)S(W − V)ᵀ`` for any V.

    Attributes:
        weights: W, shape ``(o, d)``; 0 for dead features. Where several are as good, the shortest
            in units that make the features alike.
        input_moment: ``S = mean xxᵀ``, shape ``(d, d)``, the metric ``right``.
        residual: the mean of ``‖y − Wx‖²``.
    """

    weights: np.ndarray
    input_moment: np.ndarray
    residual: float


def least_squares(inputs: ArrayLike, outputs: ArrayLike) -> LeastSquares:
    """The weights of least squares, and the second moments of the inputs that say what other weights lose.

    Args:
        inputs: x, one sample a row, shape ``(n, d)``. There may be fewer samples than features, and
            dead features.
        outputs: y, shape ``(n, o)``.

    Returns:
        :class:`LeastSquares`.

    Raises:
        ValueError: shapes that disagree, no samples, values that are not finite or of squares beyond float64.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(200, 6))
        >>> y = x @ np.outer([1, 2, 0, 0, 1, 1], [1, -1, 1]) + 0.1 * rng.normal(size=(200, 3))
        >>> fit = rd.lowrank.least_squares(x, y)
        >>> found = rd.lowrank.thresholding(fit.weights, rd.lowrank.NuclearNorm(0.05), right=fit.input_moment)
        >>> found.weights.shape, found.rank
        ((3, 6), 1)
    """
    x, y = _checks.real_array("inputs", inputs), _checks.real_array("outputs", outputs)
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or not (x.size and y.size):
        raise ValueError(
            f"inputs and outputs must have shapes (n, d) and (n, o), got {x.shape} and {y.shape}"
        )
    # Features of forty decades have their columns scaled by powers of two, which loses no digit.
    exponent = np.frexp(np.max(np.abs(x), axis=0))[1]
    scaled = np.ldexp(x, -exponent)
    solution = np.linalg.lstsq(scaled, y, rcond=None)[0]
    solution[~np.any(x, axis=0)] = 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        residual = float(np.sum((y - scaled @ solution) ** 2) / len(x))
        weights, moment = np.ldexp(solution, -exponent[:, None]).T, x.T @ x / len(x)
    if not (np.all(np.isfinite(weights)) and np.all(np.isfinite(moment)) and np.isfinite(residual)):
        raise ValueError(
            "inputs and outputs must be of another scale: their weights or mean squares are beyond float64"
        )
    return LeastSquares(weights, moment, residual)
