r"""Blahut–Arimoto for any finite distortion matrix, each point with bounds that bracket R(D).

For a slope λ ≥ 0 and any output law q, with ``K(x, y) = exp(−λ d(x, y))``, ``Z(x) = Σ_y q(y) K(x, y)`` and
``c(y) = Σ_x p(x) K(x, y)/Z(x)``, the channel ``q(y) K(x, y)/Z(x)`` has distortion D and output law qc, and

    −λD − E ln Z − ln max_y c(y)  ≤  R(D)  ≤  −λD − E ln Z − Σ_y q(y)c(y) ln c(y).

The right side is the channel's mutual information, the left one the dual bound at the same D. Both are
valid for every q, hence whatever the iteration did; they meet at the optimum, where c ≤ 1, with equality on
the support of q. The sums are finite: rounding in float64 is the only error left out.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy

from ratedist import _checks
from ratedist.theory.sources.windows import WindowedKernel

# Sweeps of q ← q·c before Newton takes over. They converge geometrically when no output letter sits at
# the edge of the support, and like 1/iterations when one does.
MAX_SWEEPS = 500
MAX_NEWTON_STEPS = 100
# Each Newton step aims at this fraction of the present complementarity and stops short of the boundary.
CENTERING, STEP_FRACTION = 0.1, 0.99


@dataclasses.dataclass(frozen=True, eq=False)
class RateDistortionPoint:
    """One point of a rate–distortion curve, bracketed.

    Attributes:
        slope: λ = −dR/dD, nats per unit of distortion.
        distortion: D of the channel found.
        rate: mutual information in nats of the point's test channel, which R(D) does not exceed.
        rate_lower: lower bound on R(D) in nats, ``rate_lower <= R(distortion) <= rate``.
        output: the output law, shape ``(num_outputs,)``.
    """

    slope: float
    distortion: float
    rate: float
    rate_lower: float
    output: np.ndarray

    @property
    def gap(self) -> float:
        """``rate − rate_lower`` in nats: 0 at the exact optimum, up to rounding."""
        return self.rate - self.rate_lower


def blahut_arimoto(
    probabilities: ArrayLike, distortion: ArrayLike, slope: float, tolerance: float = 1e-10
) -> RateDistortionPoint:
    """A point of R(D) of a finite source at slope λ, bracketed.

    It sweeps ``q ← q·c``. An output letter that only just leaves the support makes the sweeps slow. If the
    gap is then still above ``tolerance``, Newton's method on the same optimality conditions ends it.

    Args:
        probabilities: p of the source letters, shape ``(num_inputs,)``, summing to 1.
        distortion: d(x, y) ≥ 0, shape ``(num_inputs, num_outputs)``.
        slope: λ ≥ 0 in nats per unit of distortion, finite.
        tolerance: the gap in nats at which to stop, above 0.

    Returns:
        :class:`RateDistortionPoint`. The caller should look at ``gap``: it is what was achieved.

    Raises:
        ValueError: p negative or not summing to 1, shapes that disagree, negative or non-finite
            distortions, a negative slope.

    Source: Blahut, IEEE Trans. IT-18 (1972) 460–473; CT06, section 10.8; Berger, Theorem 2.5.3 (dual bound).

    Example:
        >>> import ratedist as rd
        >>> point = rd.theory.blahut_arimoto([0.5, 0.5], [[0.0, 1.0], [1.0, 0.0]], slope=2.0)
        >>> round(point.distortion, 4), round(point.rate, 4), point.gap < 1e-9
        (0.1192, 0.3278, True)
    """
    p, d = _checked(probabilities, distortion)
    p, d = p[p > 0], d[p > 0]  # what never occurs costs nothing, and has no output letter to keep alive
    lam = _checks.number("slope", slope, high=np.finfo(np.float64).max)
    _checks.positive_number("tolerance", tolerance)
    kernel = np.exp(-lam * (d - d.min(axis=1, keepdims=True)))  # d less its row minimum: never all zero
    q = np.full(d.shape[1], 1 / d.shape[1])
    for _ in range(MAX_SWEEPS):
        c = (p / (kernel @ q)) @ kernel
        q = q * c
        if np.log(c.max()) <= tolerance / 2:
            break
    point = certified_point(p, d, lam, q)
    if point.gap <= tolerance:
        return point
    finished = certified_point(p, d, lam, optimal_output(p, kernel, q, tolerance))
    return finished if finished.gap < point.gap else point


def certified_point(p: np.ndarray, d: np.ndarray, slope: float, q: np.ndarray) -> RateDistortionPoint:
    """The bracket of R(D) that an output law ``q`` gives, for arrays as in :func:`blahut_arimoto`."""
    offset = d.min(axis=1)
    kernel = np.exp(-slope * (d - offset[:, None]))
    q = q / q.sum()
    Z = kernel @ q
    c = (p / Z) @ kernel
    channel = q * kernel / Z[:, None]
    # Of the distortion beyond each row's minimum: with it λD would be the difference of large numbers.
    D = float(p @ np.sum(channel * (d - offset[:, None]), axis=1))
    dual = -slope * D - float(p @ np.log(Z))
    rate = max(dual - float(np.sum(q * xlogy(c, c))), 0.0)
    lower = max(dual - float(np.log(c.max())), 0.0)
    return RateDistortionPoint(slope, D + float(p @ offset), rate, lower, q * c)


def optimal_output(
    p: np.ndarray, kernel: np.ndarray | WindowedKernel, start: np.ndarray, tolerance: float
) -> np.ndarray:
    """Minimise ``−Σ p ln(Kq) + Σ q`` over q ≥ 0 by a primal–dual interior-point method.

    At the optimum Σ q = 1 and 1 − c(y) = s(y) ≥ 0 with q·s = 0: the conditions of Blahut–Arimoto.

    Args:
        p: probabilities, shape ``(num_inputs,)``.
        kernel: K ≥ 0, shape ``(num_inputs, num_outputs)``, no row all zero.
        start: an output law, shape ``(num_outputs,)``.
        tolerance: stop when the average of q·s, times the number of outputs, is below this.

    Returns:
        q, shape ``(num_outputs,)``, summing to 1.
    """
    num_outputs = start.size
    q = np.maximum(start, 1e-3 / num_outputs)
    s = np.full(num_outputs, 1.0)
    for _ in range(MAX_NEWTON_STEPS):
        Z = kernel @ q
        residual = (p / Z) @ kernel - 1 + s  # zero when s = 1 − c
        complementarity = q @ s
        if complementarity < tolerance / 10 and np.abs(residual).max() < tolerance / 10:
            break
        target = CENTERING * complementarity / num_outputs
        # In the unknown dq/√q the matrix is √q H √q + diag(s), symmetric and better scaled near q = 0.
        root = np.sqrt(q)
        step = root * _solved(kernel, np.sqrt(p) / Z, root, s, root * (residual - s + target / q))
        s_step = target / q - s - s / q * step
        length = min(_longest(q, step), _longest(s, s_step))
        q, s = q + length * step, s + length * s_step
    return q / q.sum()


def _solved(
    kernel: np.ndarray | WindowedKernel,
    weight: np.ndarray,
    root: np.ndarray,
    s: np.ndarray,
    right: np.ndarray,
) -> np.ndarray:
    if isinstance(kernel, WindowedKernel):
        return kernel.solve(weight, root, s, right)
    scaled = kernel * weight[:, None] * root
    matrix = scaled.T @ scaled
    matrix[np.diag_indices(root.size)] += s
    return np.linalg.solve(matrix, right)


def _longest(value: np.ndarray, step: np.ndarray) -> float:
    falling = step < 0
    return min(1.0, STEP_FRACTION * float(np.min(-value[falling] / step[falling], initial=np.inf)))


def _checked(probabilities: ArrayLike, distortion: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    p = _checks.in_range("probabilities", probabilities, high=1.0)
    d = _checks.in_range("distortion", distortion, high=np.finfo(np.float64).max)
    if p.ndim != 1 or abs(p.sum() - 1) > 1e-9:
        raise ValueError(f"probabilities must be a vector summing to 1, got shape {p.shape}, sum {p.sum():g}")
    if d.ndim != 2 or d.shape[0] != p.size or d.shape[1] == 0:
        raise ValueError(f"distortion must have shape ({p.size}, num_outputs), got {d.shape}")
    return p / p.sum(), d
