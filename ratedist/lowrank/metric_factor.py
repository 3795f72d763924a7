"""Square roots of positive semidefinite matrices that may be singular, of any scale."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks

# Of a matrix that says to be symmetric and positive semidefinite, after its diagonal has become ones. Means
# in single precision over a million samples are off by less.
TOLERANCE = 1e-4


@dataclasses.dataclass(frozen=True, eq=False)
class MetricFactor:
    """F with ``M = F Fᵀ``, for a positive semidefinite M of shape ``(size, size)``.

    Attributes:
        values: ``None`` for the identity, shape ``(size,)`` for a diagonal, else ``(size, rank)``, where
            rank is how many directions M sees.
        exponent: the factor is ``values · 2^exponent``, and the longest row of ``values`` is about 1 long.
    """

    values: np.ndarray | None
    exponent: int = 0

    @property
    def regular(self) -> bool:
        """Whether M sees every direction."""
        if self.values is None:
            return True
        return (
            bool(np.all(self.values > 0))
            if self.values.ndim == 1
            else self.values.shape[1] == len(self.values)
        )

    def inverse(self) -> np.ndarray:
        """M⁻¹ of a regular M that is a full matrix."""
        assert self.values is not None
        scale = np.linalg.norm(self.values, axis=1)
        root = np.linalg.inv(self.values / scale[:, None]) / scale
        return np.ldexp(root.T @ root, -2 * self.exponent)

    def times(self, matrix: np.ndarray) -> np.ndarray:
        """``matrix @ values``."""
        if self.values is None:
            return matrix
        return matrix * self.values if self.values.ndim == 1 else matrix @ self.values

    def unseen(self, matrix: np.ndarray) -> np.ndarray:
        """``matrix (I − Π)``, with Π the projector on the range of M."""
        if self.values is None:
            return np.zeros_like(matrix)
        if self.values.ndim == 1:
            return np.where(self.values > 0, 0.0, matrix)
        scale = np.linalg.norm(self.values, axis=1)
        basis, size, _ = np.linalg.svd(
            self.values / np.where(scale > 0, scale, 1)[:, None], full_matrices=False
        )
        # The range of D F is D times the range of F.
        seen = size > len(basis) * np.finfo(np.float64).eps * size.max(initial=0.0)
        basis = np.linalg.qr(np.where(scale > 0, scale, 1)[:, None] * basis[:, seen])[0]
        return matrix - (matrix @ basis) @ basis.T


def metric_factor(name: str, metric: ArrayLike | None, size: int) -> MetricFactor:
    """Factor a metric given as ``None``, a number, a diagonal ``(size,)`` or a matrix ``(size, size)``.

    Rows are scaled to ones on the diagonal first, so that features may differ by forty decades. By Cholesky
    where M is safely positive definite then, else by eigenvectors, those of rounding errors left out.

    Raises:
        ValueError: another shape, values that are not finite, not symmetric, or a negative direction.
    """
    if metric is None:
        return MetricFactor(None)
    M = _checks.real_array(name, metric)
    if M.shape not in ((), (size,), (size, size)):
        raise ValueError(
            f"{name} must be a number or have shape ({size},) or ({size}, {size}), got {M.shape}"
        )
    diagonal = np.broadcast_to(M, size) if M.ndim < 2 else np.diagonal(M)
    if np.any(diagonal < 0):
        raise ValueError(f"{name} must be positive semidefinite, its diagonal has {diagonal.min():g}")
    exponent = int(np.frexp(diagonal.max())[1]) // 2
    root = np.sqrt(np.ldexp(diagonal, -2 * exponent))
    if M.ndim < 2:
        return MetricFactor(root, exponent)
    inverse = np.where(root > 0, 1 / np.where(root > 0, root, 1), 0.0)
    scaled = np.ldexp(M, -2 * exponent) * inverse[:, None] * inverse
    if np.any(M[root == 0]) or np.any(M[:, root == 0]):
        raise ValueError(
            f"{name} must be positive semidefinite, it has a zero on its diagonal whose row is not"
        )
    asymmetry = np.max(np.abs(scaled - scaled.T))
    if asymmetry > TOLERANCE:
        raise ValueError(f"{name} must be symmetric, entries differ from their mirror by {asymmetry:g} of it")
    values = _scaled_factor(name, (scaled + scaled.T) / 2, np.asarray(metric).dtype)
    return MetricFactor(root[:, None] * values, exponent)


def _scaled_factor(name: str, M: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """F of a matrix with ones, or zeros, on its diagonal."""
    precision = np.finfo(dtype if dtype in (np.float16, np.float32) else np.float64).eps * len(M)
    try:
        lower = np.linalg.cholesky(M)
        if np.min(np.diagonal(lower)) ** 2 > 100 * precision:
            return lower
    except np.linalg.LinAlgError:
        pass
    eigenvalues, vectors = np.linalg.eigh(M)
    if eigenvalues[0] < -TOLERANCE * eigenvalues[-1]:
        raise ValueError(
            f"{name} must be positive semidefinite, with ones on its diagonal it has the eigenvalue "
            f"{eigenvalues[0]:g}"
        )
    # A negative eigenvalue is an error, and shows how large errors are.
    seen = eigenvalues > max(precision * eigenvalues[-1], -2 * eigenvalues[0])
    return vectors[:, seen] * np.sqrt(eigenvalues[seen])
