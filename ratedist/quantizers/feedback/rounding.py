"""Nearest levels, input by input, after the errors of those before are fed back; and refitted levels."""

from __future__ import annotations

import numpy as np
import scipy.sparse

from ratedist.quantizers.feedback.factor import BLOCK, FeedbackFactor
from ratedist.quantizers.scalar.cells import midpoints


def nearest_plane_labels(weights: np.ndarray, factor: FeedbackFactor, levels: np.ndarray) -> np.ndarray:
    """Labels of the columns, each rounded by itself: Babai's nearest plane.

    Errors of a block of inputs reach those after it in one product of matrices. O(d² o).

    Args:
        weights: W of shape ``(d, o)``.
        factor: of the second moments of the inputs.
        levels: ascending, shape ``(K,)``.

    Returns:
        Integers of shape ``(d, o)``. A dead input's weights cost nothing: they get the label that most of the
        others have, which is the cheapest to code. Where all are dead it is that of most nearest levels.
    """
    cuts = midpoints(levels)
    labels = np.zeros(weights.shape, np.min_scalar_type(len(levels) - 1))
    c, inputs = factor.coefficients, factor.order
    w = weights[inputs]
    errors = np.zeros_like(w)
    for start in range(0, len(inputs), BLOCK):
        stop = min(start + BLOCK, len(inputs))
        wanted = w[start:stop] + c[start:stop, :start] @ errors[:start]
        for i in range(start, stop):
            fed_back = wanted[i - start] + c[i, start:i] @ errors[start:i]
            own = np.searchsorted(cuts, fed_back, side="left")
            labels[inputs[i]] = own
            errors[i] = w[i] - levels[own]
    if len(inputs) < len(weights):
        others = labels[inputs] if len(inputs) else np.searchsorted(cuts, weights, side="left")
        dead = np.ones(len(weights), bool)
        dead[inputs] = False
        labels[dead] = np.argmax(np.bincount(others.reshape(-1), minlength=len(levels)))
    return labels


def feedback_cost(errors: np.ndarray, second_moment: np.ndarray, factor: FeedbackFactor) -> float:
    """``tr Eᵀ(M + δI)E`` over the inputs that are not dead, a sum of squares: not below 0 by rounding."""
    own = errors[factor.order]
    product = second_moment[np.ix_(factor.order, factor.order)] @ own
    return max(float(np.sum(own * product) + factor.damping * np.sum(own**2)), 0.0)


def refitted_levels(
    weights: np.ndarray,
    labels: np.ndarray,
    levels: np.ndarray,
    second_moment: np.ndarray,
    factor: FeedbackFactor,
) -> np.ndarray:
    """The levels of least ``tr Eᵀ(M + δI)E`` for these labels, in their order, which may not ascend.

    With Z of shape ``(d, K)`` telling the labels of a column w, ``Σ Zᵀ(M + δI)Z c = Σ Zᵀ(M + δI)w`` over the
    columns. Of several solutions the nearest to ``levels`` is taken. Levels of no weight stay.
    O(d² o + K³).
    """
    inputs = factor.order
    if len(inputs) == 0:
        return levels
    used, own = np.unique(labels[inputs], return_inverse=True)
    own, errors = own.reshape(len(inputs), -1), weights[inputs] - levels[labels[inputs]]
    moment = second_moment[np.ix_(inputs, inputs)] + factor.damping * np.eye(len(inputs))
    force = np.bincount(own.reshape(-1), (moment @ errors).reshape(-1))
    K, ones, rows = len(used), np.ones(len(inputs)), np.arange(len(inputs))
    gram = np.zeros((K, K))
    for column in own.T:
        told = scipy.sparse.csr_matrix((ones, (column, rows)), (K, len(inputs)))
        gram += told @ (told @ moment).T
    # At unit diagonal, so that a level that matters little is not taken for one of rounding.
    scale = np.sqrt(np.where(np.diag(gram) > 0, np.diag(gram), 1.0))
    change = np.linalg.lstsq(gram / scale[:, None] / scale[None, :], force / scale, rcond=1e-10)[0]
    refitted = levels.copy()
    refitted[used] += change / scale
    return refitted
