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
# A law of many atoms is a smooth one, which Blahut–Arimoto finds at once to within this many nats; Newton's
# method takes a minute to gain the rest, and with too many atoms hours.
MANY_ATOMS = 400
TOO_MANY_ATOMS = 2500
SMOOTH_TOLERANCE = 2e-5


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
    for _ in range(BLAHUT_ARIMOTO_STEPS):
        check()
        q = _blahut_arimoto_step(kernel, probability, q)
    many = np.count_nonzero(q) > MANY_ATOMS
    for _ in range(0 if np.count_nonzero(q) > TOO_MANY_ATOMS else NEWTON_STEPS):
        check()
        z = kernel @ q
        multipliers = probability / z
        for _ in range(BALANCING_STEPS):
            multipliers *= np.exp(-lowering(kernel, kernel.T @ multipliers))
        gap = probability @ np.log(probability / (z * multipliers)) + np.log(np.max(kernel.T @ multipliers))
        if gap < (max(tolerance, SMOOTH_TOLERANCE) if many else tolerance):
            break
        stepped = _newton_step(kernel, probability, q, z)
        if np.min(kernel @ stepped) <= 0:
            # No atom is left within reach of some letter, a most improbable one.
            stepped = (1 - KEPT_SHARE) * stepped + KEPT_SHARE * q
        q = _blahut_arimoto_step(kernel, probability, stepped)
    return q


def lowering(kernel: sparse.csr_array, columns: np.ndarray) -> np.ndarray:
    """By how much, in nats, to lower each log multiplier so that ``columns`` of ``wK`` above one come down.

    A column above one usually sits in the tail of the source; lowering the few multipliers that feed it
    costs their small probability, where dividing all of them by the largest column costs its logarithm.
    """
    excess = np.where(columns > 1 + 1e-12, columns - 1, 0.0)
    peak = kernel.max(axis=1).toarray()
    if not np.any(excess):
        return np.zeros_like(peak)
    share = kernel.copy()
    share.data = np.sqrt(share.data / np.repeat(peak, np.diff(kernel.indptr))) * excess[kernel.indices]
    return np.log1p(share.max(axis=1).toarray())


def _blahut_arimoto_step(kernel: sparse.csr_array, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return q * (kernel.T @ (p / (kernel @ q)))


def _newton_step(kernel: sparse.csr_array, p: np.ndarray, q: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Maximise the quadratic model over the atoms present and the local maxima of the gradient."""
    gradient = kernel.T @ (p / z)
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
