"""True weights w* to try the linear model with."""

from __future__ import annotations

import numpy as np

from ratedist import _checks


def two_level_weights(d: int, separation: float = 2.0) -> np.ndarray:
    """w*_i = ±separation/2, alternating, shape ``(d,)``: ±1 by default, the w* of our Figure 2."""
    d = _checks.integer("d", d, 1)
    separation = float(_checks.in_range("separation", separation, high=np.finfo(np.float64).max))
    return np.where(np.arange(d) % 2 == 0, separation / 2, -separation / 2)


def gaussian_weights(d: int, scale: float = 1.0, *, seed: int) -> np.ndarray:
    """w*_i ~ N(0, scale²) independently, shape ``(d,)``: no few levels describe it."""
    d = _checks.integer("d", d, 1)
    return np.random.default_rng(_checks.seed(seed)).normal(0.0, _checks.positive_number("scale", scale), d)


def sparse_weights(d: int, num_nonzero: int | None = None, *, seed: int) -> np.ndarray:
    """``num_nonzero`` (default: a fifth, at least one) of the d weights are ±1 at random, the rest zero."""
    d = _checks.integer("d", d, 1)
    count = max(1, d // 5) if num_nonzero is None else _checks.integer("num_nonzero", num_nonzero, 0)
    if count > d:
        raise ValueError(f"num_nonzero must be at most d = {d}, got {count}")
    rng = np.random.default_rng(_checks.seed(seed))
    weights = np.zeros(d)
    weights[rng.choice(d, count, replace=False)] = rng.choice([-1.0, 1.0], count)
    return weights
