"""The nearest matrix of low rank in a weighted norm: Eckart–Young with metrics, singular ones too."""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.lowrank.metric_factor import MetricFactor, metric_factor


@dataclasses.dataclass(frozen=True, eq=False)
class Factors:
    """A matrix ``Ŵ = left @ right`` of low rank.

    Attributes:
        left: shape ``(o, r)``. Each column is as long as the row of ``right`` that it is multiplied by. Where
            Ŵ is W itself, one of both factors is the identity instead.
        right: shape ``(r, d)``.
        singular_values: of the weighted matrix that was projected, all of them, descending, shape
            ``(min(o, d),)``.
        distortion: ``tr L(W − Ŵ)R(W − Ŵ)ᵀ``, the sum of squares of the singular values beyond r.
    """

    left: np.ndarray
    right: np.ndarray
    singular_values: np.ndarray
    distortion: float

    @property
    def rank(self) -> int:
        """r, the number of columns of ``left``; the product has at most this rank."""
        return self.left.shape[1]

    @property
    def num_parameters(self) -> int:
        """``r(o + d)``, the numbers in both factors."""
        return self.left.size + self.right.size

    def matrix(self) -> np.ndarray:
        """Ŵ, shape ``(o, d)``."""
        return self.left @ self.right


def project(
    W: ArrayLike, rank: int, left: ArrayLike | None = None, right: ArrayLike | None = None
) -> Factors:
    r"""The matrix of rank r nearest to W in the norm of two metrics: ``min tr L(W − Ŵ)R(W − Ŵ)ᵀ``.

    With ``L = PPᵀ``, ``R = QQᵀ`` and the truncated singular value decomposition ``[PᵀWQ]_r = U_rΣ_rV_rᵀ``,

    .. math:: Ŵ = (W Q V_r)\, Σ_r^{-1}\, (U_r^T P^T W).

    Its rank is at most r, and ``PᵀŴQ = [PᵀWQ]_r``. By Eckart–Young no PᵀW′Q with W′ of rank r is nearer to
    PᵀWQ. No metric is inverted, so L and R may be singular. A dead feature is a row and column of zeros.
    Fewer samples than features give a singular mean of xxᵀ.

    What a metric does not see does not count in the distortion, so there Ŵ is a choice. Here it keeps W as
    far as its r directions reach. It is the limit of Ŵ for ``L + δI`` and ``R + δI`` as δ tends to 0, if
    r ≤ rank PᵀWQ. So nothing jumps when a feature dies, and Ŵ needs no damping. For L = I it is ``U_rU_rᵀW``.
    For R = I it is ``WV_rV_rᵀ``. Neither has a larger norm than W.

    Where *both* metrics are ill-conditioned, weights between what neither sees can be large, as 1/σ_r.
    Damping bounds them: a share of the identity added to one of both. Ranks beyond that of PᵀWQ buy no
    distortion. They approximate W, unweighted, where it is unseen.

    Args:
        W: the matrix, shape ``(o, d)``, outputs by inputs.
        rank: r ≥ 0. From min(o, d) on Ŵ is W itself, and r is min(o, d).
        left: L of outputs: ``None`` (identity), a number, shape ``(o,)`` (diagonal) or ``(o, o)``; symmetric
            and positive semidefinite.
        right: R of inputs, in the same forms with d.

    Returns:
        :class:`Factors`, in float64. Without full metrics singular values, and so the root of the distortion,
        are accurate to some 10⁻¹⁵ of the largest one. A full metric is known to rounding only. That is worth
        some 10⁻¹⁵ of the distortion which its diagonal alone would give to Ŵ = 0.

    Raises:
        ValueError: shapes that disagree, values that are not finite, a negative rank, weights too large for a
            distortion in float64, and a metric that is not positive semidefinite. Scaled to ones on its
            diagonal, it may have eigenvalues down to −10⁻⁴ of the largest, as single precision may need.

    Cost: a singular value decomposition of an o × d matrix, and a factorisation of each full metric.

    Source: Eckart & Young 1936; Wedderburn's rank reduction for the form of Ŵ. docs/low-rank.md.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> W = np.array([[3.0, 0.0, 1.0], [0.0, 2.0, 1.0]])
        >>> plain = rd.lowrank.project(W, rank=1)
        >>> weighted = rd.lowrank.project(W, rank=1, right=[1.0, 9.0, 0.0])  # the third input is dead
        >>> weighted.matrix().round(3) + 0.0
        array([[0., 0., 0.],
               [0., 2., 1.]])
        >>> weighted.distortion, plain.num_parameters
        (9.0, 5)
    """
    w, exponent = checked_matrix(W)
    num_outputs, num_inputs = w.shape
    count = min(_checks.integer("rank", rank, 0), *w.shape)
    P, Q = metric_factor("left", left, num_outputs), metric_factor("right", right, num_inputs)
    U, sizes, Vt = svd(Q.times(P.times(w.T).T))
    sizes = np.concatenate([sizes, np.zeros(min(w.shape) - len(sizes))])
    exponent_all = exponent + P.exponent + Q.exponent
    with np.errstate(over="ignore"):
        distortion = float(np.ldexp(np.sum(sizes[count:] ** 2), 2 * exponent_all))
        singular_values = np.ldexp(np.abs(sizes), exponent_all)  # LAPACK has zeros with a sign
    if not (np.isfinite(distortion) and np.all(np.isfinite(singular_values))):
        raise ValueError("W and its metrics must be smaller, for a distortion in float64: rescale them")
    if count == min(w.shape):
        # W itself, not what is left of it after a product of three.
        identity = np.eye(count)
        a, b = (identity, w) if num_outputs <= num_inputs else (w, identity)
    else:
        seen = min(count, int(np.sum(sizes > max(w.shape) * np.finfo(np.float64).eps * sizes[0])))
        a, b = _seen_part(w, P, Q, U[:, :seen], sizes[:seen], Vt[:seen])
        a, b = _balanced(a, b)
        if seen < count:
            more_a, more_b = _unseen_part(w - a @ b, count - seen, P, Q)
            a, b = np.hstack([a, more_a]), np.vstack([b, more_b])
    half = exponent // 2
    return Factors(np.ldexp(a, half), np.ldexp(b, exponent - half), singular_values, distortion)


def svd(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """U, singular values and Vᵀ of a finite matrix, thin; of an empty one too."""
    if not matrix.size:
        return np.zeros((len(matrix), 0)), np.zeros(0), np.zeros((0, matrix.shape[1]))
    try:
        return scipy.linalg.svd(matrix, full_matrices=False)
    except np.linalg.LinAlgError:  # divide and conquer may not converge; QR iterations do
        return scipy.linalg.svd(matrix, full_matrices=False, lapack_driver="gesvd")


def checked_matrix(W: ArrayLike) -> tuple[np.ndarray, int]:
    """W as float64 with entries up to 1, and the exponent e of two in ``W = matrix · 2^e``, even."""
    w = _checks.real_array("W", W)
    if w.ndim != 2 or w.size == 0:
        raise ValueError(f"W must have shape (o, d) with o, d >= 1, got shape {w.shape}")
    exponent = 2 * ((int(np.frexp(np.max(np.abs(w)))[1]) + 1) // 2)
    return np.ldexp(w, -exponent), exponent


def _seen_part(
    w: np.ndarray, P: MetricFactor, Q: MetricFactor, U: np.ndarray, sizes: np.ndarray, Vt: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """``WQVΣ⁻¹`` and ``UᵀPᵀW``, whose product attains the singular values given."""
    if P.values is None:
        return U, U.T @ w
    if Q.values is None:
        return w @ Vt.T, Vt
    return Q.times(w) @ Vt.T / sizes, (P.times(w.T) @ U).T


def _balanced(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same product, with columns of a as long as the rows of b."""
    lengths = np.linalg.norm(a, axis=0), np.linalg.norm(b, axis=1)
    ratio = np.sqrt(
        np.divide(
            lengths[1], lengths[0], out=np.ones_like(lengths[0]), where=(lengths[0] > 0) & (lengths[1] > 0)
        )
    )
    return a * ratio, b / ratio[:, None]


def _unseen_part(
    rest: np.ndarray, count: int, P: MetricFactor, Q: MetricFactor
) -> tuple[np.ndarray, np.ndarray]:
    """Factors of what is left of W, of rank at most ``count``, that change nothing where W is seen.

    ``PᵀrestQ = 0``. If one metric is regular, the rest is unseen on the other side as a whole. If none is,
    what the inputs' metric does not see comes first.
    """
    if P.values is None or Q.values is None:
        U, sizes, Vt = svd(rest)
        return _balanced(U[:, :count] * sizes[:count], Vt[:count])
    U, sizes, Vt = svd(Q.unseen(rest))
    used = min(count, int(np.sum(sizes > max(rest.shape) * np.finfo(np.float64).eps)))
    a, b = U[:, :used] * sizes[:used], Vt[:used]
    U, sizes, Vt = svd(P.unseen((rest - a @ b).T).T)
    a, b = np.hstack([a, U[:, : count - used] * sizes[: count - used]]), np.vstack([b, Vt[: count - used]])
    return _balanced(a, b)
