"""Quantising the weights of a layer for the sake of its outputs: rounding with feedback."""

from __future__ import annotations

from typing import get_args

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.quantizers.feedback.factor import Order, feedback_factor
from ratedist.quantizers.feedback.rounding import feedback_cost, nearest_plane_labels, refitted_levels
from ratedist.quantizers.quantized import LARGEST, LARGEST_EXPONENT, Quantized, require_concrete

# Of entries, in units of the roots of their diagonal entries: what single precision may leave.
TOLERANCE = 1e-4


def quantize_with_feedback(
    weights: ArrayLike,
    second_moment: ArrayLike,
    levels: ArrayLike,
    *,
    order: Order = "largest_first",
    damping: float = 0.01,
    max_iterations: int = 1,
) -> Quantized:
    r"""Round the weights of a layer ``x ↦ x W`` so that its outputs change little.

    .. math:: \mathbb{E} \lVert x(W − Ŵ) \rVert² = \mathrm{tr} (W − Ŵ)ᵀ M (W − Ŵ), \quad M = \mathbb{E} x xᵀ

    The inputs are taken one by one. The weights of one are rounded to the nearest levels. The weights of
    those to come then move to where they make up for the error best. This is Babai's nearest plane, known in
    quantisation as GPTQ and LDLQ; the columns of W do not see each other. Then the levels are refitted.

    Where inputs go together weights could move far for next to nothing, and their labels would take more
    bits. So ``δ‖W − Ŵ‖²`` is added to what is minimised, with δ a part ``damping`` of the mean of M's
    diagonal. A dead input, that is 0 in all samples, costs nothing. Its weights get the most common label.

    Args:
        weights: W, shape ``(inputs, outputs)``.
        second_moment: M, shape ``(inputs, inputs)``, symmetric positive semidefinite; it may be singular.
        levels: the values that weights can take, shape ``(K,)``, in any order.
        order: which inputs come first: "largest_first", those of the largest diagonal entry of M, or "given".
        damping: at least 0. At 0 an input whose error the others can make up for entirely is rounded to the
            level nearest to its own weight.
        max_iterations: at most so many times the labels and then the levels are found anew. It ends where the
            objective does not fall any more, and the best is returned.

    Returns:
        ``Quantized``: labels and reconstruction row by row of W, and the objective
        ``tr (W − Ŵ)ᵀ(M + δI)(W − Ŵ)`` over inputs that are not dead. The centres are as many as the levels.
        ``converged`` says that it ended before the cap. Time is O(inputs³ + inputs² · outputs) for each.

    Raises:
        ValueError: shapes that disagree, values that are not finite, a matrix that is not symmetric positive
            semidefinite, no levels, a negative damping, sizes whose product has no float, unknown names.

    Source: Babai 1986; Frantar et al. 2023 (GPTQ); Chee et al. 2023 (LDLQ).

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> moment = np.array([[1.0, 0.9], [0.9, 1.0]])  # two inputs that are nearly the same
        >>> weights = np.array([[0.4], [0.4]])
        >>> found = rd.quantizers.quantize_with_feedback(weights, moment, [0.0, 1.0])
        >>> found.labels  # one of the two stands for both; each by itself would be rounded to 0
        array([0, 1], dtype=uint8)
    """
    W, M, c = _checked(weights, second_moment, levels)
    _checks.one_of("order", order, get_args(Order))
    damping = float(_checks.in_range("damping", damping, high=np.finfo(np.float64).max))
    most = _checks.integer("max_iterations", max_iterations, 1)
    # By powers of two to ordinary size.
    sizes = max(np.max(np.abs(W)), np.max(np.abs(c))), np.max(np.diag(M))
    of_weights, of_moment = (int(np.frexp(size)[1]) for size in sizes)
    if of_moment + 2 * of_weights + int(np.frexp(float(W.size) * len(W))[1]) > LARGEST_EXPONENT:
        raise ValueError(
            f"second_moment must be smaller, for its product with squares of weights: its largest entry is "
            f"{sizes[1]:g}, rescale it"
        )
    W, c, M = np.ldexp(W, -of_weights), np.ldexp(c, -of_weights), np.ldexp(M, -of_moment)
    factor = feedback_factor(M, order, damping)
    best, iteration, converged = (np.inf, c, np.zeros(0, np.uint8)), 0, False
    while iteration < most and not converged:
        iteration += 1
        labels = nearest_plane_labels(W, factor, c)
        for refit in (False, True):
            if refit:
                c = refitted_levels(W, labels, c, M, factor)
                places = np.argsort(c, kind="stable")
                c, labels = c[places], np.argsort(places).astype(labels.dtype)[labels]
            cost = feedback_cost(W - c[labels], M, factor)
            if cost < best[0]:
                best = cost, c, labels
            else:
                converged = refit
    cost, c, labels = best
    centers = np.ldexp(c, of_weights)
    return Quantized(
        centers,
        labels.reshape(-1),
        centers[labels.reshape(-1)],
        float(np.ldexp(cost, 2 * of_weights + of_moment)),
        0.0,
        converged,
        iteration,
    )


def _checked(
    weights: ArrayLike, second_moment: ArrayLike, levels: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, a symmetric matrix, and ascending levels, all in float64."""
    given = {"weights": weights, "second_moment": second_moment, "levels": levels}
    for name, value in given.items():
        require_concrete(name, value)
    W, M, c = (_checks.real_array(name, value) for name, value in given.items())
    if W.ndim != 2 or W.size == 0:
        raise ValueError(f"weights must have shape (inputs, outputs), got shape {W.shape}")
    if M.shape != (len(W), len(W)):
        raise ValueError(f"second_moment must have shape {(len(W), len(W))}, got {M.shape}")
    if c.ndim != 1 or c.size == 0:
        raise ValueError(f"levels must have shape (K,) with K >= 1, got shape {c.shape}")
    for name, array in (("weights", W), ("levels", c)):
        if np.max(np.abs(array)) > LARGEST:
            raise ValueError(f"{name} must be at most {LARGEST:g} in size, for their squares: rescale them")
    if np.min(np.diag(M)) < 0:
        raise ValueError(
            "second_moment must be positive semidefinite: its diagonal has means of squares, the least is "
            f"{np.min(np.diag(M)):g}"
        )
    root = np.sqrt(np.diag(M))
    limit = root[:, None] * root[None, :]
    if np.any(np.abs(M - M.T) > TOLERANCE * limit) or np.any(np.abs(M) > (1 + TOLERANCE) * limit):
        raise ValueError(
            "second_moment must be symmetric positive semidefinite: entries M_ij and M_ji are equal, and at "
            "most the root of M_ii M_jj in size"
        )
    return W, (M + M.T) / 2, np.sort(c)
