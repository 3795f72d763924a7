"""Quantising the weights of a layer for the sake of its outputs: rounding with feedback."""

from __future__ import annotations

from typing import get_args

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.quantizers.feedback.factor import Order
from ratedist.quantizers.feedback.layer import FeedbackLayer
from ratedist.quantizers.quantized import Quantized


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
    diagonal over inputs that are not dead. A dead input, that is 0 in all samples, costs nothing. Its
    weights get the most common label.

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
    _checks.one_of("order", order, get_args(Order))
    damping = float(_checks.in_range("damping", damping, high=np.finfo(np.float64).max))
    return FeedbackLayer.of(weights, second_moment, order, damping).quantized(levels, max_iterations)
