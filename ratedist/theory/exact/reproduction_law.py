r"""The optimal reproduction law: maximise ``Σ_k p_k ln (Kq)_k`` over probability vectors q.

This is Blahut–Arimoto's inner problem at a fixed slope, and also the maximum-likelihood estimate of a
mixing distribution. A few Blahut–Arimoto steps settle the smooth part of q; what is left, atoms that have
to merge and mass that creeps out of regions where none belongs, takes them thousands of steps, and the
constrained Newton method of mixture estimation two or three.

Sources: Blahut, IEEE Trans. Inf. Theory 18 (1972) 460–473; Wang, J. R. Stat. Soc. B 69 (2007) 185–198.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import optimize, sparse

BLAHUT_ARIMOTO_STEPS = 200
NEWTON_STEPS = 80
BALANCING_STEPS = 4
KEPT_SHARE = 1e-9
# Laws of many atoms are smooth, and Blahut–Arimoto finds them to within this many nats. With too many atoms
# a step of Newton's method takes seconds and hundreds of megabytes, a round of Blahut–Arimoto far less.
MANY_ATOMS = 400
TOO_MANY_ATOMS = 800
SMOOTH_TOLERANCE = 2e-5
ROUNDS = 16


def optimal_weights(
    kernel: sparse.csr_array,
    probability: np.ndarray,
    start: np.ndarray,
    tolerance: float,
    check: Callable[[], None] = lambda: None,
) -> np.ndarray:
    """Weights q, shape ``(k,)``, whose objective is within ``tolerance`` nats of the best.

    Args:
        kernel: non-negative, shape ``(m, k)``, no row or column of zeros.
        probability: p, shape ``(m,)``.
        start: positive weights to start from, shape ``(k,)``.
        tolerance: stop once the duality gap is below it (below ``SMOOTH_TOLERANCE`` if there are many atoms),
            or after ``NEWTON_STEPS``. Nothing that is reported rests on which of the two it was.
        check: called between steps; it may raise.
    """
    q = start / np.sum(start)
    # A weight of 0 stays 0.
    present = np.flatnonzero(q)
    q[present] = _blahut_arimoto(kernel[:, present], probability, q[present], check)
    many = present.size > MANY_ATOMS
    too_many = np.count_nonzero(q) > TOO_MANY_ATOMS
    columns, lowering = kernel.T.tocsr(), Lowering(kernel)
    for _ in range(ROUNDS if too_many else NEWTON_STEPS):
        check()
        z = kernel @ q
        multipliers = probability / z
        for _ in range(BALANCING_STEPS):
            multipliers *= np.exp(-lowering(columns @ multipliers))
        gap = probability @ np.log(probability / (z * multipliers)) + np.log(np.max(columns @ multipliers))
        if gap < (max(tolerance, SMOOTH_TOLERANCE) if many else tolerance):
            break
        if too_many:
            q[present] = _blahut_arimoto(kernel[:, present], probability, q[present], check)
            continue
        stepped = _newton_step(kernel, probability, q, z, columns @ (probability / z))
        if np.min(kernel @ stepped) <= 0:
            # No atom is left within reach of some letter, a most improbable one.
            stepped = (1 - KEPT_SHARE) * stepped + KEPT_SHARE * q
        q = stepped * (columns @ (probability / (kernel @ stepped)))
    return q


class Lowering:
    """By how much, in nats, to lower each log multiplier so that columns of ``wK`` above one come down.

    A column above one usually sits in the tail of the source; lowering the few multipliers that feed it
    costs their small probability, where dividing all of them by the largest column costs its logarithm.
    """

    def __init__(self, kernel: sparse.csr_array) -> None:
        self._columns = kernel.indices
        self._filled = np.flatnonzero(np.diff(kernel.indptr))
        self._starts = kernel.indptr[self._filled]
        lengths = np.diff(kernel.indptr)[self._filled]
        peak = np.maximum.reduceat(kernel.data, self._starts)
        self._share = np.sqrt(kernel.data / np.repeat(peak, lengths))
        self._lowered = np.zeros(kernel.indptr.size - 1)

    def __call__(self, columns: np.ndarray) -> np.ndarray:
        """For the columns ``wK``, shape ``(k,)``: nats, shape ``(m,)``."""
        excess = np.where(columns > 1 + 1e-12, columns - 1, 0.0)
        lowered = np.zeros_like(self._lowered)
        if np.any(excess):
            feeding = np.maximum.reduceat(self._share * excess[self._columns], self._starts)
            lowered[self._filled] = np.log1p(feeding)
        return lowered


def _blahut_arimoto(
    kernel: sparse.csr_array, probability: np.ndarray, q: np.ndarray, check: Callable[[], None]
) -> np.ndarray:
    columns = kernel.T.tocsr()
    for _ in range(BLAHUT_ARIMOTO_STEPS):
        check()
        q = q * (columns @ (probability / (kernel @ q)))
    return q


def _newton_step(
    kernel: sparse.csr_array, p: np.ndarray, q: np.ndarray, z: np.ndarray, gradient: np.ndarray
) -> np.ndarray:
    """Maximise the quadratic model over the atoms present and the local maxima of the gradient."""
    padded = np.concatenate([[-np.inf], gradient, [-np.inf]])
    peaks = (gradient >= padded[:-2]) & (gradient > padded[2:]) & (gradient > 1)
    support = np.flatnonzero(peaks | (q > 1e-14))
    # Σ p_k (S_k q' − 2)² over the simplex, S = K/z, as non-negative least squares (Wang 2007, section 3).
    design = np.sqrt(p)[:, None] * (kernel[:, support].toarray() / z[:, None] - 2)
    design = np.concatenate([design, np.ones((1, support.size))])
    target = np.zeros(p.size + 1)
    target[-1] = 1.0
    solution, _ = optimize.nnls(design, target, maxiter=100 * support.size)
    proposal = np.zeros_like(q)
    proposal[support] = solution / np.sum(solution)
    ratio = (kernel @ proposal) / z - 1
    # The model knows no logarithm: where it would empty part of the source, keep a tenth of z.
    lowest = float(np.min(ratio))
    step = 1.0 if lowest > -0.9 else -0.9 / lowest
    while p @ np.log1p(step * ratio) < step * (p @ ratio) / 3 and step > 1e-8:
        step /= 2
    mixed = q + step * (proposal - q)
    return np.where(mixed < 1e-14, 0.0, mixed)
