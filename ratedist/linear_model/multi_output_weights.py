"""True weights W* to try the linear model of several outputs with: matrices of few directions, or of many.

Two levels as a matrix are ``two_level_weights(o * d).reshape(o, d)``, of rank one as they alternate; of full
rank are signs at random, ``sparse_weights(o * d, o * d, seed=0).reshape(o, d)``.
"""

from __future__ import annotations

import numpy as np

from ratedist import _checks


def planted_rank_weights(
    num_outputs: int, num_inputs: int, rank: int, scale: float = 1.0, *, seed: int
) -> np.ndarray:
    """True weights of a given rank: ``W* = scale·GH/√r``, G ``(o, r)`` and H ``(r, d)`` standard normal.

    An entry has mean 0 and standard deviation ``scale`` whatever the rank.

    Args:
        num_outputs: o, at least 1.
        num_inputs: d, at least 1.
        rank: r, from 0 (all zero) to the smaller of o and d.
        scale: standard deviation of an entry, above 0.
        seed: of NumPy's generator, an integer; the same seed gives the same weights.

    Returns:
        Shape ``(o, d)``.

    Raises:
        ValueError: sizes below 1, a rank or scale out of range, or a seed that is none.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> W_star = rd.planted_rank_weights(20, 50, rank=3, seed=0)
        >>> W_star.shape, int(np.linalg.matrix_rank(W_star))
        ((20, 50), 3)
    """
    o, d = _checks.integer("num_outputs", num_outputs, 1), _checks.integer("num_inputs", num_inputs, 1)
    r = _checks.integer("rank", rank, 0, min(o, d))
    scale = _checks.positive_number("scale", scale)
    rng = np.random.default_rng(_checks.seed(seed))
    G, H = rng.standard_normal((o, r)), rng.standard_normal((r, d))
    return scale / max(r, 1) ** 0.5 * (G @ H)


def decaying_spectrum_weights(
    num_outputs: int, num_inputs: int, decay: float = 1.0, scale: float = 1.0, *, seed: int
) -> np.ndarray:
    """True weights whose k-th singular value falls as ``k^−decay``, with singular vectors at random.

    No rank is the true one; the smaller the decay, the more directions matter.

    Args:
        num_outputs: o, at least 1.
        num_inputs: d, at least 1.
        decay: exponent, at least 0: 0 makes all singular values equal.
        scale: root mean square of the entries, above 0.
        seed: of NumPy's generator, an integer; the same seed gives the same weights.

    Returns:
        Shape ``(o, d)``.

    Raises:
        ValueError: sizes below 1, a decay or scale out of range, or a seed that is none.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> singular_values = np.linalg.svd(rd.decaying_spectrum_weights(4, 6, seed=0), compute_uv=False)
        >>> (singular_values / singular_values[0]).round(3)
        array([1.   , 0.5  , 0.333, 0.25 ])
    """
    o, d = _checks.integer("num_outputs", num_outputs, 1), _checks.integer("num_inputs", num_inputs, 1)
    decay = _checks.number("decay", decay, high=np.finfo(np.float64).max)
    scale = _checks.positive_number("scale", scale)
    rng = np.random.default_rng(_checks.seed(seed))
    left, _, right = np.linalg.svd(rng.standard_normal((o, d)), full_matrices=False)
    with np.errstate(under="ignore"):
        values = np.arange(1, min(o, d) + 1) ** -decay
        return scale * (o * d / np.sum(values**2)) ** 0.5 * (left * values) @ right
