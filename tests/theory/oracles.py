"""What several tests of the exact rate–distortion function compare with."""

import numpy as np


def averaged_distortion(u: np.ndarray, v: np.ndarray, n: int) -> np.ndarray:
    """``E[d_S | W, ŵ]`` at σ² = 1, Σ = I, along the last axis."""
    e = v - u
    along = np.sum(u * e, axis=-1)
    return (n + 1) / n * (np.sum(e**2, axis=-1) - along**2 / (1 + np.sum(u**2, axis=-1)))
