"""Singular values thresholded or shrunk in the norm of two metrics, where noise is white and theory holds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.lowrank.metric_factor import metric_factor
from ratedist.lowrank.projection import Factors, checked_matrix, svd


def shrink(
    W: ArrayLike,
    rule: Callable[[np.ndarray], ArrayLike],
    left: ArrayLike | None = None,
    right: ArrayLike | None = None,
) -> Factors:
    r"""W with other singular values in the norm of two metrics: ``PᵀŴQ = U f(Σ) Vᵀ``, where ``PᵀWQ = UΣVᵀ``.

    With ``L = PPᵀ``, ``R = QQᵀ``. For the weights of least squares and the metrics Γ⁻¹ and A the noise of
    PᵀWQ is white. Theory's thresholds and shrinkage hold for it. With the proximal map of a penalty, Ŵ
    minimises ``½ tr L(W − Ŵ)R(W − Ŵ)ᵀ + pen(PᵀŴQ)``. :func:`thresholding` penalises Ŵ itself, and has no
    closed form.

    Args:
        W: fitted weights, shape ``(o, d)``.
        rule: f, from all singular values of PᵀWQ, falling, to new ones: at least 0, in the same order.
        left: L, positive semidefinite: a number, a diagonal ``(o,)`` or a matrix ``(o, o)``; ``None`` for the
            identity.
        right: R, of the inputs, in the same forms.

    Returns:
        :class:`Factors`, of as many columns as there are new values above 0; ``singular_values`` are those of
        PᵀWQ before the rule.

    Raises:
        ValueError: shapes that disagree, metrics that are not positive semidefinite, new singular values that
            are negative, not finite or of another shape.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> W = np.diag([4.0, 3.0, 1.0])
        >>> penalty = rd.lowrank.NuclearNorm(2.0)
        >>> soft = rd.lowrank.shrink(W, lambda s: penalty.prox(s, 1.0), right=[1.0, 4.0, 1.0])
        >>> soft.matrix().round(6).tolist()  # 4 − 2, and in units of the second input 2·3 − 2
        [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.0]]
    """
    if not callable(rule):
        raise ValueError(f"rule must be a function of singular values, got {rule!r:.80}")
    w, exponent = checked_matrix(W)
    P, Q = metric_factor("left", left, w.shape[0]), metric_factor("right", right, w.shape[1])
    U, s, Vt = svd(Q.times(P.times(w.T).T))
    # A value of rounding alone has no direction.
    s = np.where(s > max(w.shape) * np.finfo(np.float64).eps * s.max(initial=0.0), s, 0.0)
    before = np.zeros(min(w.shape))
    with np.errstate(over="ignore"):
        before[: len(s)] = np.ldexp(s, exponent + P.exponent + Q.exponent)
        total = float(np.sum(before**2))
    if not np.isfinite(total):
        raise ValueError("W and its metrics must be smaller, for a distortion in float64: rescale them")
    new = _checks.real_array("what rule returns", rule(before.copy()))
    if new.shape != before.shape or np.any(new < 0):
        raise ValueError(f"rule must return {before.size} numbers of at least 0, got shape {new.shape}")
    if np.any(new[before == 0] > 0):
        raise ValueError("rule must leave singular values at 0 that are 0, it raised one")
    with np.errstate(over="ignore"):
        distortion = float(np.sum((before - new) ** 2))
    if not np.isfinite(distortion):
        raise ValueError(f"rule must return numbers whose squares float64 holds, got up to {new.max():g}")
    kept = np.flatnonzero(new)
    a = Q.times(w) @ Vt[kept].T * (new[kept] / before[kept] / s[kept])
    b = (P.times(w.T) @ U[:, kept]).T
    balance = np.sqrt(np.linalg.norm(b, axis=1) / np.linalg.norm(a, axis=0))
    half = exponent // 2
    left_factor, right_factor = a * balance, b / balance[:, None]
    return Factors(
        np.ldexp(left_factor, half),
        np.ldexp(right_factor, exponent - half),
        before,
        distortion,
    )
