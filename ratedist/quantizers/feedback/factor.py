r"""What the error of one input's weights costs when those of the inputs after it make up for it.

With the inputs in some order, ``tr EᵀME`` is the sum over inputs i and columns of
``p_i² (e_i + Σ_{j before i} c_ij e_j)²``. The pivots p and the coefficients c are those of a Cholesky factor
of M, eliminated from the last input to the first.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np

Order = Literal["largest_first", "given"]

# Columns that are eliminated one by one before their effect on the others is taken account of at once.
BLOCK = 64
# Of a matrix of unit diagonal: a pivot below −INDEFINITE is more than rounding in single precision explains.
INDEFINITE = 1e-3
# Part of the largest diagonal entry below which squares of an input's size underflow.
LEAST = 1e-290


@dataclasses.dataclass(frozen=True, eq=False)
class FeedbackFactor:
    """The factor of a matrix M of second moments, ``(d, d)``, with d′ inputs that are not dead.

    Attributes:
        order: the inputs that are not dead, in the order in which they are rounded, shape ``(d′,)``.
        pivots: p² of each, shape ``(d′,)``; 0 where those after it can make up for any error.
        coefficients: c, strictly lower triangular, shape ``(d′, d′)``.
        damping: what was added to the diagonal, in the units of M.
    """

    order: np.ndarray
    pivots: np.ndarray
    coefficients: np.ndarray
    damping: float


def feedback_factor(second_moment: np.ndarray, order: Order, damping: float) -> FeedbackFactor:
    """Factor ``M + δI`` over the inputs that are not dead, δ a part ``damping`` of their mean diagonal entry.

    A pivot that rounding cannot tell from zero is zero, and so is its column, as in the exact factor. O(d³).

    Args:
        second_moment: M, symmetric, its largest diagonal entry of ordinary size.
        order: "largest_first", the inputs of most energy, or "given".
        damping: at least 0.

    Raises:
        ValueError: a matrix that is not positive semidefinite.
    """
    diagonal = np.diag(second_moment)
    alive = np.flatnonzero(diagonal > LEAST * max(float(np.max(diagonal)), 0.0))
    if alive.size == 0:
        return FeedbackFactor(alive, np.zeros(0), np.zeros((0, 0)), 0.0)
    if order == "largest_first":
        alive = alive[np.argsort(-diagonal[alive], kind="stable")]
    added = damping * float(np.mean(diagonal[alive]))
    scale = np.sqrt(diagonal[alive] + added)
    # The last to be rounded is the first to be eliminated.
    inputs, backwards = alive[::-1], scale[::-1]
    unit = second_moment[np.ix_(inputs, inputs)] / backwards[:, None] / backwards[None, :]
    np.fill_diagonal(unit, 1.0)
    lower = _semidefinite_cholesky(unit)[::-1, ::-1]
    pivots = np.diag(lower)
    ratios = lower / np.where(pivots > 0, pivots, 1.0)[None, :]
    coefficients = np.tril(ratios.T, -1) * scale[None, :] / scale[:, None]
    return FeedbackFactor(alive, (pivots * scale) ** 2, coefficients, added)


def _semidefinite_cholesky(unit: np.ndarray) -> np.ndarray:
    """Lower L with ``LLᵀ = unit``, of unit diagonal; a pivot that is rounding alone has a column of zeros."""
    d = len(unit)
    least = 16 * d * np.finfo(np.float64).eps
    lower = np.zeros_like(unit)
    for start in range(0, d, BLOCK):
        stop = min(start + BLOCK, d)
        rest = unit[start:, start:stop] - lower[start:, :start] @ lower[start:stop, :start].T
        for j in range(stop - start):
            pivot = rest[j, j]
            if pivot < -INDEFINITE:
                raise ValueError(
                    "second_moment must be positive semidefinite, as a mean of x xᵀ is; with its diagonal "
                    f"scaled to 1 it has a pivot of {pivot:.3g}"
                )
            if pivot > least:
                column = rest[j:, j] / np.sqrt(pivot)
                lower[start + j :, start + j] = column
                rest[j:, j + 1 :] -= np.outer(column, column[1 : stop - start - j])
    return lower
