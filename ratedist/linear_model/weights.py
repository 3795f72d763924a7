"""True weights w* to try the linear model with."""

from __future__ import annotations

import numpy as np

from ratedist import _checks


def two_level_weights(d: int, separation: float = 2.0) -> np.ndarray:
    """True weights of two levels, alternating: w*_i = ±separation/2, shape ``(d,)``. The w* of our Figure 2.

    Args:
        d: number of weights, at least 1.
        separation: distance of the two levels, finite, at least 0; by default 2, for levels ±1.

    Raises:
        ValueError: d < 1, or a separation out of range.

    Example:
        >>> import ratedist as rd
        >>> rd.two_level_weights(4)
        array([ 1., -1.,  1., -1.])
    """
    d = _checks.integer("d", d, 1)
    separation = float(_checks.in_range("separation", separation, high=np.finfo(np.float64).max))
    return np.where(np.arange(d) % 2 == 0, separation / 2, -separation / 2)


def gaussian_weights(d: int, scale: float = 1.0, *, seed: int) -> np.ndarray:
    """True weights that no few levels describe: w*_i ~ N(0, scale²) independently, shape ``(d,)``.

    Args:
        d: number of weights, at least 1.
        scale: standard deviation, above 0.
        seed: of NumPy's generator, an integer; the same seed gives the same weights.

    Raises:
        ValueError: d < 1, a scale not above 0, or a seed that is none.

    Example:
        >>> import ratedist as rd
        >>> rd.gaussian_weights(3, seed=0).round(2)
        array([ 0.13, -0.13,  0.64])
    """
    d = _checks.integer("d", d, 1)
    return np.random.default_rng(_checks.seed(seed)).normal(0.0, _checks.positive_number("scale", scale), d)


def sparse_weights(d: int, num_nonzero: int | None = None, *, seed: int) -> np.ndarray:
    """True weights of which few are not zero: these are ±1 at random places, shape ``(d,)``.

    Args:
        d: number of weights, at least 1.
        num_nonzero: how many are not zero, from 0 to d; by default a fifth of them, at least one.
        seed: of NumPy's generator, an integer; the same seed gives the same weights.

    Raises:
        ValueError: d < 1, ``num_nonzero`` out of range, or a seed that is none.

    Example:
        >>> import ratedist as rd
        >>> rd.sparse_weights(10, seed=0)
        array([0., 0., 1., 0., 1., 0., 0., 0., 0., 0.])
    """
    d = _checks.integer("d", d, 1)
    count = max(1, d // 5) if num_nonzero is None else _checks.integer("num_nonzero", num_nonzero, 0)
    if count > d:
        raise ValueError(f"num_nonzero must be at most d = {d}, got {count}")
    rng = np.random.default_rng(_checks.seed(seed))
    weights = np.zeros(d)
    weights[rng.choice(d, count, replace=False)] = rng.choice([-1.0, 1.0], count)
    return weights
