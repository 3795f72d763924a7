"""Covariances and the like in their canonical form: a number, a diagonal or a matrix, and its factor."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks

SYMMETRY_TOLERANCE = 1e-10
# Of the largest eigenvalue: what rounding may leave below zero of a matrix that may be singular.
NEGATIVE_TOLERANCE = 1e-10


def canonical_covariance(
    name: str, value: ArrayLike | None, size: int, *, singular: bool = False
) -> np.ndarray:
    """``value`` as a read-only float64 array of shape ``()``, ``(size,)`` or ``(size, size)``, or an error.

    Args:
        name: what it is called in an error.
        value: ``None`` (identity), a number (multiple of the identity), a diagonal or a symmetric matrix.
        size: number of rows.
        singular: whether eigenvalues may be zero.

    Raises:
        ValueError: another shape, not finite, not symmetric, or not positive (semi)definite.
    """
    matrix = np.ones(()) if value is None else _checks.real_array(name, value)
    if matrix.shape not in ((), (size,), (size, size)):
        raise ValueError(
            f"{name} must be a number or have shape ({size},) or ({size}, {size}), got {matrix.shape}"
        )
    if matrix.ndim < 2:
        smallest = float(np.min(matrix))
        if smallest < 0 or (smallest == 0 and not singular):
            wanted = "at least zero" if singular else "positive"
            raise ValueError(f"{name} must be {wanted}, its smallest entry is {smallest:g}")
    else:
        matrix = _symmetric(name, matrix)
        _require_definite(name, matrix, singular)
    matrix.flags.writeable = False
    return matrix


def _symmetric(name: str, matrix: np.ndarray) -> np.ndarray:
    asymmetry = np.max(np.abs(matrix - matrix.T))
    if asymmetry > SYMMETRY_TOLERANCE * np.max(np.abs(matrix)):
        raise ValueError(f"{name} must be symmetric, entries differ from their mirror by {asymmetry:g}")
    return (matrix + matrix.T) / 2


def _require_definite(name: str, matrix: np.ndarray, singular: bool) -> None:
    eigenvalues = np.linalg.eigvalsh(matrix)
    smallest = eigenvalues[0]
    if singular:
        if smallest < -NEGATIVE_TOLERANCE * np.max(np.abs(eigenvalues)):
            raise ValueError(f"{name} must be positive semidefinite, its smallest eigenvalue is {smallest:g}")
        return
    if smallest <= 0:
        raise ValueError(f"{name} must be positive definite, its smallest eigenvalue is {smallest:g}")
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        raise ValueError(
            f"{name} must be positive definite beyond rounding, its smallest eigenvalue is {smallest:g}"
        ) from None


def factor_of(matrix: np.ndarray) -> np.ndarray:
    """A C with ``CCᵀ`` = ``matrix``, in its shape: the Cholesky factor, or another if that does not exist."""
    if matrix.ndim < 2:
        return np.sqrt(matrix)
    try:
        return np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        eigenvalues, vectors = np.linalg.eigh(matrix)
        return vectors * np.sqrt(np.maximum(eigenvalues, 0.0))


def as_matrix(value: np.ndarray, size: int) -> np.ndarray:
    """A canonical form written out, shape ``(size, size)``."""
    return value if value.ndim == 2 else np.diag(np.broadcast_to(value, (size,)))
