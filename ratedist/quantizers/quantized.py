"""What every quantiser takes and returns."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks

# Weights whose squares, and the sums of some billions of them, stay far from the largest float.
LARGEST = 1e140
# Largest exponent of the objective of two centres.
LARGEST_EXPONENT = 1000


@dataclasses.dataclass(frozen=True, eq=False)
class Quantized:
    """A quantised weight vector.

    Attributes:
        centers: c, float64 of shape ``(K,)``, ascending; of shape ``(K, m)`` for blocks of m. A centre may
            be used by no weight.
        labels: shape ``(d,)``, or ``(⌈d/m⌉,)`` for blocks, in the smallest unsigned type that holds K.
        reconstruction: ``centers[labels]``, shape ``(d,)``.
        objective: what the quantiser minimises, at this result.
        lower_bound: certified lower bound on the objective of every quantiser with K clusters and real
            centres, rounding subtracted; 0 where the method certifies nothing.
        converged: whether the method stopped by itself rather than at its cap on iterations. Where it
            certifies a bound: whether that is within its tolerance of the objective. Between weights that are
            neighbours as floats there may be no centres as good.
        num_iterations: iterations done, of the best start.
    """

    centers: np.ndarray
    labels: np.ndarray
    reconstruction: np.ndarray
    objective: float
    lower_bound: float
    converged: bool
    num_iterations: int

    @property
    def counts(self) -> np.ndarray:
        """|C_k|, int64 of shape ``(K,)``: what the functions of ``ratedist.codes`` take."""
        return np.bincount(self.labels, minlength=len(self.centers))


def checked_weights(weights: ArrayLike, importance: ArrayLike | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Weights and importances as float64 of shape ``(d,)``.

    Raises:
        ValueError: shapes other than ``(d,)`` with d >= 1 or that disagree, values that are not finite,
            importances that are negative, all zero or too large for the objective, and what JAX traces.
    """
    w = _floats("weights", weights)
    if w.ndim != 1 or w.size == 0:
        raise ValueError(f"weights must have shape (d,) with d >= 1, got shape {w.shape}")
    largest = max(w.max(), -w.min())
    if largest > LARGEST:
        raise ValueError(f"weights must be at most {LARGEST:g} in size, for their squares: rescale them")
    if importance is None:
        return w, None
    h = _floats("importance", importance, indicator=True)
    if h.shape != w.shape:
        raise ValueError(f"importance must have the shape {w.shape} of weights, got {h.shape}")
    if (least := h.min()) < 0:
        raise ValueError(f"importance must be at least 0, its smallest entry is {least:g}")
    if h.max() == 0:
        raise ValueError("importance must be positive for at least one weight, got all zero")
    exponents = [int(np.frexp(size)[1]) for size in (h.max(), h.size, 2 * largest)]
    if exponents[0] + exponents[1] + 2 * max(exponents[2], -LARGEST_EXPONENT // 2) > LARGEST_EXPONENT:
        raise ValueError(
            f"importance must be smaller, for its product with squares of weights: its largest entry is "
            f"{h.max():g}, rescale it"
        )
    return w, h


def require_concrete(name: str, value: object) -> None:
    """Raise ``ValueError`` for what JAX traces."""
    # Told by the names of classes: scalars need no JAX.
    kinds = {type(one) for one in value} if isinstance(value, list | tuple) else {type(value)}
    bases = {base for kind in kinds for base in kind.__mro__}
    if any(base.__name__ == "Tracer" and base.__module__.partition(".")[0] == "jax" for base in bases):
        raise ValueError(
            f"{name} must have values already, got what JAX traces: quantisers run outside jit, vmap and grad"
        )


def require_one_key(key: object) -> None:
    """Raise ``ValueError`` for an array of several JAX PRNG keys."""
    shape, dtype = getattr(key, "shape", ()), str(getattr(key, "dtype", ""))
    # Keys of the old kind are a few words each.
    keys = shape if dtype.startswith("key<") else shape[:-1]
    if keys:
        raise ValueError(f"key must be one JAX PRNG key, got an array of {np.prod(keys)}: take one of them")


def _floats(name: str, value: ArrayLike, *, indicator: bool = False) -> np.ndarray:
    """As ``real_array``, but no copy of what is float64 already: nothing here writes to it."""
    require_concrete(name, value)
    if isinstance(value, np.ndarray) and value.dtype == np.float64 and np.all(np.isfinite(value)):
        _checks.unmasked(name, value)
        return np.asarray(value)
    return _checks.real_array(name, value, indicator=indicator)
