"""The diameter regulariser with two centres, exactly, for many weight vectors at once; and its β chosen.

For K = 2 an optimum of (34) splits the sorted weights once. Given the split, with masses A, B and means
a < b, the centres are drawn together until their gap is ``AB(b − a)/(AB + β(A + B))``, each in proportion to
the other's mass, and ``βAB(b − a)²/(AB + β(A + B))`` is what the split costs beside the spread within its
parts.
"""

from __future__ import annotations

import numpy as np

from ratedist.linear_model.model import GaussianLinearModel


def two_centers(weights: np.ndarray, importance: np.ndarray, penalty: float | np.ndarray) -> np.ndarray:
    """The reconstruction by the global minimum of (34) at K = 2.

    Args:
        weights: shape ``(trials, d)``.
        importance: positive, the shape of ``weights``.
        penalty: β ≥ 0, a number or shape ``(trials,)``.

    Returns:
        Ŵ, the shape of ``weights``.
    """
    order = np.argsort(weights, axis=1)
    w, h = np.take_along_axis(weights, order, 1), np.take_along_axis(importance, order, 1)
    beta = np.broadcast_to(np.asarray(penalty, dtype=float), len(w))[:, None]
    mass, first, second = (np.cumsum(h * w**power, axis=1) for power in (0, 1, 2))
    A, a1 = mass[:, :-1], first[:, :-1]
    B, b1 = mass[:, -1:] - A, first[:, -1:] - a1
    a, b = a1 / A, b1 / B
    within = second[:, -1:] - A * a**2 - B * b**2
    cost = within + beta * A * B * (b - a) ** 2 / (A * B + beta * (A + B))
    best = np.argmin(cost, axis=1)[:, None]
    A, B, a, b = (np.take_along_axis(x, best, 1) for x in (A, B, a, b))
    removed = (b - a) * beta * (A + B) / (A * B + beta * (A + B))
    low, high = a + removed * B / (A + B), b - removed * A / (A + B)
    sorted_reconstruction = np.where(np.arange(w.shape[1]) <= best, low, high)
    result = np.empty_like(sorted_reconstruction)
    np.put_along_axis(result, order, sorted_reconstruction, 1)
    return result


def cross_validated_penalty(
    model: GaussianLinearModel, inputs: np.ndarray, outputs: np.ndarray, penalties: np.ndarray, folds: int
) -> np.ndarray:
    """The β of least held-out loss, for each data set by itself.

    Args:
        model: says n and d; its w* is not used.
        inputs: X of every data set, shape ``(trials, n, d)``.
        outputs: Y, shape ``(trials, n)``.
        penalties: the values to choose from.
        folds: parts of each data set; every part is held out once, and the model fitted to the rest.

    Returns:
        Shape ``(trials,)``; the smaller β where two tie.
    """
    parts = np.array_split(np.arange(model.n), folds)
    losses = np.zeros((len(inputs), len(penalties)))
    gram, product = np.swapaxes(inputs, 1, 2) @ inputs, np.einsum("tni,tn->ti", inputs, outputs)
    for part in parts:
        x, y = inputs[:, part], outputs[:, part]
        rest_gram = gram - np.swapaxes(x, 1, 2) @ x
        rest_product = product - np.einsum("tni,tn->ti", x, y)
        weights = np.linalg.solve(rest_gram, rest_product[..., None])[..., 0]
        importance = np.einsum("tii->ti", rest_gram) / (model.n - len(part))
        for column, penalty in enumerate(penalties):
            reconstruction = two_centers(weights, importance, penalty)
            losses[:, column] += np.sum((y - np.einsum("tni,ti->tn", x, reconstruction)) ** 2, axis=1)
    return penalties[np.argmin(losses, axis=1)]
