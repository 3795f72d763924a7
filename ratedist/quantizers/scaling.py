"""Weights and importances of extreme size, taken to ordinary size by powers of two."""

from __future__ import annotations

import dataclasses

import numpy as np

from ratedist.quantizers.quantized import Quantized

# Between 2^-ORDINARY and 2^ORDINARY squares and their sums neither overflow nor lose digits near zero.
ORDINARY = 200


@dataclasses.dataclass(frozen=True)
class Scaling:
    """Weights are ``2^weight`` times those that are computed with, importances ``2^importance`` times."""

    weight: int
    importance: int

    def of_weights(self, weights: np.ndarray) -> np.ndarray:
        """Weights, or centres, of ordinary size."""
        return np.ldexp(weights, -self.weight)

    def of_importance(self, importance: np.ndarray | None) -> np.ndarray | None:
        """Importances of ordinary size."""
        return None if importance is None else np.ldexp(importance, -self.importance)

    def of_penalty(self, diameter_penalty: float, penalty: str) -> float:
        """β that weighs as much beside them.

        Raises:
            ValueError: it would be beyond the range of floats.
        """
        exponent = self.importance + (self.weight if penalty == "linear" else 0)
        with np.errstate(over="ignore"):
            scaled = np.ldexp(diameter_penalty, -exponent)
            if np.ldexp(scaled, exponent) != diameter_penalty:
                raise ValueError(
                    f"diameter_penalty {diameter_penalty:g} is too far from the size of weights and "
                    "importance to be computed with: rescale them"
                )
        return float(scaled)

    def undone(self, result: Quantized) -> Quantized:
        """The result for the weights as they were."""
        centers = np.ldexp(result.centers, self.weight)
        exponent = 2 * self.weight + self.importance
        lower = np.ldexp(result.lower_bound, exponent)
        if np.ldexp(lower, -exponent) > result.lower_bound:
            lower = np.nextafter(lower, 0.0)
        return dataclasses.replace(
            result,
            centers=centers,
            reconstruction=np.ldexp(result.reconstruction, self.weight),
            objective=float(np.ldexp(result.objective, exponent)),
            lower_bound=float(lower),
        )


def needed_scaling(weights: np.ndarray, importance: np.ndarray | None) -> Scaling | None:
    """What takes the largest weight and the largest importance to ordinary size, ``None`` if they have it."""
    largest = (
        max(float(weights.max()), -float(weights.min())),
        1.0 if importance is None else float(np.max(importance)),
    )
    exponents = [int(np.frexp(value)[1]) for value in largest]
    scaling = Scaling(*(exponent if abs(exponent) > ORDINARY else 0 for exponent in exponents))
    return None if scaling == Scaling(0, 0) else scaling
