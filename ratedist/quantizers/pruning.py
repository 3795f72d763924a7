"""Pruning: which weights are set to zero, and what becomes of those that are kept.

With ``h`` half the second derivatives of the loss, as everywhere in this room, a change e of the
weights costs ``eᵀHe``. Setting weight j to zero and leaving the others costs ``h_j w_j²``, the saliency of
optimal brain damage; with equal h that is pruning by magnitude. The surgeon lets the others answer. For kept
weights K and pruned ones P the least cost is at ``ŵ_K = W_K + H_KK⁻¹ H_KP W_P``. One weight alone then costs
``w_q²/[H⁻¹]_qq``.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import cho_solve, get_blas_funcs, get_lapack_funcs

from ratedist import _checks
from ratedist.quantizers.quantized import checked_weights, require_concrete

# Of the largest eigenvalue of H at unit diagonal: what is further below zero is no rounding.
NEGATIVE = 1e-8
ASYMMETRY = 1e-10


@dataclasses.dataclass(frozen=True, eq=False)
class PrunedWeights:
    """Weights of which some are zero.

    Attributes:
        kept: which are not set to zero, bool of shape ``(d,)``.
        weights: ŵ, shape ``(d,)``, zero where not kept.
        distortion: ``(ŵ − W)ᵀH(ŵ − W)``.
    """

    kept: np.ndarray
    weights: np.ndarray
    distortion: float


def pruning_mask(weights: ArrayLike, num_kept: int, importance: ArrayLike | None = None) -> np.ndarray:
    """The weights to keep: those of the largest saliency ``h_j w_j²``, or of the largest magnitude.

    Of equal saliencies the first is kept.

    Args:
        weights: W, shape ``(d,)``.
        num_kept: k, from 0 to d.
        importance: h of shape ``(d,)``, at least 0, half the second derivatives of the loss: optimal brain
            damage. ``None`` is pruning by magnitude.

    Returns:
        bool of shape ``(d,)`` with k entries that are true. O(d).

    Raises:
        ValueError: shapes that disagree, values that are not finite, negative importances, k out of range.

    Source: LeCun, Denker & Solla, NIPS 1989, eq. (5).

    Example:
        >>> import ratedist as rd
        >>> rd.quantizers.pruning_mask([3.0, -1.0, 2.0], 1)
        array([ True, False, False])
        >>> rd.quantizers.pruning_mask([3.0, -1.0, 2.0], 1, importance=[1.0, 1.0, 4.0])
        array([False, False,  True])
    """
    w, h = checked_weights(weights, importance)
    k = _checks.integer("num_kept", num_kept, 0, w.size)
    # Roots: squares of small weights would be zero.
    saliency = np.abs(w) if h is None else np.sqrt(h) * np.abs(w)
    if k in (0, w.size):
        return np.full(w.size, k == w.size)
    threshold = np.partition(saliency, w.size - k)[w.size - k]
    kept = saliency > threshold
    kept[np.flatnonzero(saliency == threshold)[: k - int(kept.sum())]] = True
    return kept


def surgeon_values(weights: ArrayLike, kept: ArrayLike, hessian: ArrayLike) -> np.ndarray:
    """The best weights that are zero outside a given set: ``ŵ_K = W_K + H_KK⁻¹ H_KP W_P``.

    Where the kept weights are not determined, because H_KK is singular, they change least, each measured by
    the root of its h.

    Args:
        weights: W, shape ``(d,)``.
        kept: K as booleans, shape ``(d,)``.
        hessian: H, half the second derivatives of the loss, symmetric positive semidefinite ``(d, d)``.

    Returns:
        ŵ, shape ``(d,)``. O(k³).

    Raises:
        ValueError: shapes that disagree, values that are not finite, H not symmetric positive semidefinite.

    Source: Hassibi & Stork, NIPS 1992, for several weights at once.

    Example:
        >>> import ratedist as rd
        >>> rd.quantizers.surgeon_values([1.0, 1.0], [True, False], [[2.0, 1.0], [1.0, 2.0]])
        array([1.5, 0. ])
    """
    w, H = _checked(weights, hessian)
    _checks.unmasked("kept", kept)
    mask = np.asarray(kept)
    if mask.shape != w.shape or mask.dtype != bool:
        raise ValueError(f"kept must be booleans of shape {w.shape}, got {mask.dtype} of {mask.shape}")
    scale, unit = _unit_diagonal(H)
    return _values(w, mask, scale, unit)


def surgeon_order(weights: ArrayLike, hessian: ArrayLike) -> np.ndarray:
    """The order in which the optimal brain surgeon removes weights, one at a time.

    Each time the weight of least ``w_q²/[H_KK⁻¹]_qq`` goes, and the others answer. That is greedy: the best
    set of k weights may be another one. Inputs that are dead or follow from others go first, for nothing.

    Args:
        weights: W, shape ``(d,)``.
        hessian: H, half the second derivatives of the loss, symmetric positive semidefinite ``(d, d)``.

    Returns:
        Indices 0 … d − 1 in the order of removal, shape ``(d,)``; of equal costs the last weight goes first.
        O(d³).

    Raises:
        ValueError: shapes that disagree, values that are not finite, H not symmetric positive semidefinite.

    Source: Hassibi & Stork, NIPS 1992, eq. (5).

    Example:
        >>> import ratedist as rd
        >>> rd.quantizers.surgeon_order([1.0, -3.0, 2.0], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.9], [0.0, 0.9, 1.0]])
        array([2, 0, 1])
    """
    w, H = _checked(weights, hessian)
    scale, unit = _unit_diagonal(H)
    live, redundant = _independent(unit)
    free = np.argsort(np.abs(w * scale)[redundant], kind="stable")
    mask = np.zeros(w.size, bool)
    mask[live] = True
    left = (scale * _values(w, mask, scale, unit))[live]
    return np.concatenate([redundant[free], live[_elimination(left, unit[np.ix_(live, live)])]])


def optimal_brain_surgeon(weights: ArrayLike, num_kept: int, hessian: ArrayLike) -> PrunedWeights:
    """Prune by the surgeon's order, then give the kept weights their best values.

    Args:
        weights: W, shape ``(d,)``.
        num_kept: k, from 0 to d.
        hessian: H, half the second derivatives of the loss, symmetric positive semidefinite ``(d, d)``.

    Returns:
        :class:`PrunedWeights`. O(d³).

    Raises:
        ValueError: shapes that disagree, values that are not finite, H not symmetric positive semidefinite,
            k out of range.

    Source: Hassibi & Stork, NIPS 1992.

    Example:
        >>> import ratedist as rd
        >>> pruned = rd.quantizers.optimal_brain_surgeon([1.0, 2.0], 1, [[2.0, 1.0], [1.0, 2.0]])
        >>> pruned.weights, pruned.distortion  # leaving the other weight at 2 would cost 2
        (array([0. , 2.5]), 1.5)
    """
    w, H = _checked(weights, hessian)
    k = _checks.integer("num_kept", num_kept, 0, w.size)
    kept = np.ones(w.size, bool)
    if k < w.size:
        kept[surgeon_order(w, H)[: w.size - k]] = False
    values = surgeon_values(w, kept, H)
    return PrunedWeights(kept, values, max(float((values - w) @ H @ (values - w)), 0.0))


def _checked(weights: ArrayLike, hessian: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    w, _ = checked_weights(weights, None)
    require_concrete("hessian", hessian)
    H = _checks.real_array("hessian", hessian)
    if H.shape != (w.size, w.size):
        raise ValueError(f"hessian must have shape ({w.size}, {w.size}), got {H.shape}")
    difference = np.max(np.abs(H - H.T))
    if difference > ASYMMETRY * np.max(np.abs(H)):
        raise ValueError(f"hessian must be symmetric, entries differ from their mirror by {difference:g}")
    return w, (H + H.T) / 2


def _unit_diagonal(H: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Roots s of the diagonal, and H with each weight measured in units of 1/s; zero where s is."""
    diagonal = np.diag(H)
    if np.any(diagonal < 0):
        raise ValueError(f"hessian must be positive semidefinite, its diagonal has {diagonal.min():g}")
    scale = np.sqrt(diagonal)
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
    unit = inverse[:, None] * H * inverse
    lost = (scale == 0)[:, None] & (H != 0)
    smallest = float(np.linalg.eigvalsh(unit)[0])
    if lost.any() or smallest < -NEGATIVE * H.shape[0]:
        raise ValueError(
            "hessian must be positive semidefinite, at unit diagonal its smallest eigenvalue is "
            f"{-np.inf if lost.any() else smallest:g}"
        )
    return scale, unit


def _values(w: np.ndarray, kept: np.ndarray, scale: np.ndarray, unit: np.ndarray) -> np.ndarray:
    values = np.where(kept, w, 0.0)
    if kept.any() and not kept.all():
        answer = unit[np.ix_(kept, ~kept)] @ (scale * w)[~kept]
        change, *_ = np.linalg.lstsq(unit[np.ix_(kept, kept)], answer, rcond=None)
        values[kept] += np.divide(change, scale[kept], out=np.zeros_like(change), where=scale[kept] > 0)
    return values


def _independent(unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of weights none of which follows from the others, ascending, and those of the rest."""
    (pivoted_cholesky,) = get_lapack_funcs(("pstrf",), (unit,))
    _, pivots, rank, _ = pivoted_cholesky(unit, lower=1)
    return np.sort(pivots[:rank].astype(np.intp) - 1), np.sort(pivots[rank:].astype(np.intp) - 1)


def _elimination(w: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """The order of removal for a positive definite H of unit diagonal."""
    factor: Any = np.linalg.cholesky(unit)
    inverse = np.asfortranarray(cho_solve((factor, True), np.eye(w.size)))
    (rank_one,) = get_blas_funcs(("ger",), (inverse,))
    # Of ordinary size, for their squares.
    w = w / max(float(np.max(np.abs(w), initial=0.0)), np.finfo(float).tiny)
    order, gone = np.empty(w.size, np.intp), np.zeros(w.size, bool)
    for step in range(w.size):
        # An inverse that rounding has worn down stands for an input that the others leave no room.
        room = np.diag(inverse)
        costs = np.where(gone, np.inf, w**2 / np.where(room > 0, room, np.inf))
        q = w.size - 1 - int(np.argmin(costs[::-1]))
        order[step], gone[q] = q, True
        if inverse[q, q] > 0:
            column = inverse[:, q] / inverse[q, q]
            w -= column * w[q]
            inverse = rank_one(-1.0, column, inverse[q], a=inverse, overwrite_a=1)
        w[q], inverse[q], inverse[:, q] = 0.0, 0.0, 0.0
    return order
