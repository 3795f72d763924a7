"""The one definition of what a quantiser minimises, for NumPy and JAX arrays alike."""

from __future__ import annotations

from typing import Any

PENALTIES = ("squared", "linear")


def quantization_objective(
    weights: Any,
    reconstruction: Any,
    importance: Any,
    diameter: Any = 0.0,
    diameter_penalty: Any = 0.0,
    penalty: str = "squared",
) -> Any:
    """``Σ_j h_j (w_j − ŵ_j)² + P(diameter)``, Hessian-weighted distortion and diameter regulariser.

    Args:
        weights: w, any shape.
        reconstruction: ŵ, same shape.
        importance: h, same shape or a number.
        diameter: largest distance between two centres.
        diameter_penalty: β.
        penalty: P, see ``diameter_cost``.

    Source: Entropy 2021 eq. (30), (34), (35).

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> weights, reconstruction = np.array([0.0, 1.0, 3.0]), np.array([0.5, 0.5, 3.0])
        >>> objective = rd.quantizers.quantization_objective(weights, reconstruction, np.ones(3), 2.5, 0.1)
        >>> float(objective)  # ¼ + ¼ + 0.1 · 2.5²
        1.125
    """
    return (importance * (weights - reconstruction) ** 2).sum() + diameter_cost(
        diameter, diameter_penalty, penalty
    )


def diameter_cost(diameter: Any, diameter_penalty: Any, penalty: str) -> Any:
    """P(s) of the diameter s: ``βs²`` ("squared", as in the paper) or ``βs/2`` ("linear").

    The linear form is that of the code released with the Entropy 2021 article, which differs from its
    eq. (33); β is the constant called r there.
    """
    return diameter_penalty * diameter**2 if penalty == "squared" else diameter_penalty * diameter / 2


def diameter_slope(diameter: Any, diameter_penalty: Any, penalty: str) -> Any:
    """P′(s), the derivative of ``diameter_cost``."""
    return 2 * diameter_penalty * diameter if penalty == "squared" else diameter_penalty / 2
