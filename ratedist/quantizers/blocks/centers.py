"""Centres of vector K-means for a fixed assignment under the diameter penalty: a small convex problem."""

from __future__ import annotations

import dataclasses

import numpy as np

# Relative duality gap at which the centres count as exact, and rounds allowed to get there.
GAP = 1e-9
MAX_ROUNDS = 60
# Newton steps on the multipliers end within this part of the gap that is asked for, at the latest after so
# many, or when this part of one descends by more than rounding.
FRACTION_OF_GAP, MAX_STEPS, SHORTEST_STEP, ROUNDING = 0.3, 50, 1e-4, 1e-14
# Added to the diagonal of a curvature, relative to its mean; how hard the multipliers are held to sum to 1.
RIDGE, SUM_WEIGHT = 1e-10, 1e3
# Pairs that may enter in one round, if they are about as far apart as the farthest.
NEW_PAIRS, NEAR = 6, 1e-2
# Least mass of a coordinate, relative to the largest or to β: holds what nobody has weighed where it was.
VANISHING_MASS = 1e-9


def farthest_pair(centers: np.ndarray) -> tuple[int, int, float]:
    """The two of K >= 1 centres of shape ``(K, m)`` that are farthest apart, and their distance."""
    distance = _squared_distances(centers)
    first, second = sorted(divmod(int(np.argmax(distance)), len(centers)))
    return first, second, float(np.sqrt(distance[first, second]))


def block_centers(means: np.ndarray, mass: np.ndarray, diameter_penalty: float) -> np.ndarray:
    """Minimise ``Σ_k Σ_i A_ki (c_ki − m_ki)² + β max_{k,l} ‖c_k − c_l‖²`` to a relative gap of 1e-9.

    That gap is of masses raised to 1e-9 of the largest, or of β if that is smaller. Where β is so much larger
    than the masses that float64 fails, all centres are drawn together, which then costs as good as nothing.

    Args:
        means: m, shape ``(K, m)``. Where a coordinate has no mass its entry is where it was, and it is held
            there by the mass that is raised.
        mass: A, shape ``(K, m)``.
        diameter_penalty: β > 0.

    Returns:
        centres of shape ``(K, m)``.

    Source: the centre update that minimises (35) of Entropy 2021, in place of (37).
    """
    return CenterUpdate(diameter_penalty)(means, mass, GAP)


class CenterUpdate:
    """The problem of ``block_centers`` for means and masses that change little from one time to the next.

    The maximum is one over weights λ on pairs that sum to 1. For given λ the centres solve, in each
    coordinate i, ``(diag A_i + βL_λ) c_i = A_i m_i`` with the Laplacian L_λ of the pairs, and the minimum is
    concave in λ with gradient ``β‖c_k − c_l‖²``: a lower bound, if no mass was raised. Pairs enter when they
    are the farthest, leave when they weigh nothing, and are kept, with their weights, for the next time.
    """

    def __init__(self, diameter_penalty: float) -> None:
        self._diameter_penalty = diameter_penalty
        self._pairs = np.zeros((0, 2), np.intp)
        self._multipliers = np.zeros(0)

    def __call__(self, means: np.ndarray, mass: np.ndarray, gap: float) -> np.ndarray:
        """Centres whose cost is within the part ``gap`` of the least, as far as rounding lets it be known."""
        beta = self._diameter_penalty
        first, second, longest_mean = farthest_pair(means)
        if longest_mean == 0:
            return means
        A = np.maximum(mass, VANISHING_MASS * min(mass.max(), beta))
        if len(self._pairs) == 0:
            self._pairs, self._multipliers = np.array([[first, second]]), np.ones(1)
        # Where β is too small or large for the systems to be solved, one of these is as good as optimal.
        together = np.broadcast_to(np.sum(A * means, axis=0) / np.sum(A, axis=0), means.shape)
        values = beta * longest_mean**2, float(np.sum(A * (together - means) ** 2))
        best, best_value = (means, values[0]) if values[0] < values[1] else (together, values[1])
        for _ in range(MAX_ROUNDS):
            try:
                self._multipliers, inner = _solve_dual(self._pairs, self._multipliers, means, A, beta, gap)
            except np.linalg.LinAlgError:
                break
            centers, lower = inner.centers, inner.value
            if not np.isfinite(lower):
                break
            lengths = np.triu(_squared_distances(centers))
            value = float(np.sum(A * (centers - means) ** 2) + beta * lengths.max())
            if value < best_value:
                best, best_value = centers, value
            if best_value - lower <= gap * best_value:
                break
            lengths[self._pairs[:, 0], self._pairs[:, 1]] = 0.0
            longest = np.argsort(lengths, axis=None)[-NEW_PAIRS:]
            mean_length = inner.gradient @ self._multipliers / beta
            longest = longest[lengths.ravel()[longest] > (1 - NEAR) * mean_length]
            if longest.size == 0 or lengths.max() <= mean_length:
                break
            kept = self._multipliers > 0
            new = np.stack(np.divmod(longest, len(means)), axis=1)
            self._pairs = np.concatenate([self._pairs[kept], new])
            self._multipliers = np.concatenate([self._multipliers[kept], np.zeros(longest.size)])
        return best


@dataclasses.dataclass(frozen=True, eq=False)
class _Inner:
    """The minimum over centres for given multipliers: where, how deep, and how it changes with them."""

    centers: np.ndarray
    value: float
    gradient: np.ndarray
    curvature: np.ndarray


def _graph(pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The centres that are in ``pairs`` (P, 2), and the incidence matrix, a row of it for each pair."""
    nodes, index = np.unique(pairs, return_inverse=True)
    ends = index.reshape(pairs.shape)
    incidence = np.zeros((len(pairs), nodes.size))
    rows = np.arange(len(pairs))
    incidence[rows, ends[:, 0]], incidence[rows, ends[:, 1]] = 1.0, -1.0
    return nodes, incidence


def _inner(
    graph: tuple[np.ndarray, np.ndarray],
    multipliers: np.ndarray,
    means: np.ndarray,
    A: np.ndarray,
    diameter_penalty: float,
) -> _Inner:
    """Centres for multipliers on P pairs, with gradient (P,) and minus the Hessian (P, P) in them.

    With ``M_i = diag A_i + βL_λ``, e_p the difference of the two centres of pair p and b_p its row of the
    incidence matrix, the gradient is ``β‖e_p‖²`` and minus the Hessian ``2β² Σ_i e_pi e_qi b_pᵀM_i⁻¹b_q``.
    """
    beta = diameter_penalty
    nodes, incidence = graph
    m, a = means[nodes].T, A[nodes].T
    laplacian = incidence.T @ (multipliers[:, None] * incidence)
    inverse = np.linalg.inv(beta * laplacian + a[:, :, None] * np.eye(nodes.size))
    moved = np.einsum("ikl,il->ik", inverse, a * m)
    centers = means.copy()
    centers[nodes] = moved.T
    differences = incidence @ moved.T
    lengths = np.sum(differences**2, axis=1)
    spread = incidence @ inverse @ incidence.T
    curvature = 2 * beta**2 * np.einsum("pi,qi,ipq->pq", differences, differences, spread)
    value = float(np.sum(a * (moved - m) ** 2) + beta * multipliers @ lengths)
    return _Inner(centers, value, beta * lengths, curvature)


def _solve_dual(
    pairs: np.ndarray,
    start: np.ndarray,
    means: np.ndarray,
    A: np.ndarray,
    diameter_penalty: float,
    gap: float,
) -> tuple[np.ndarray, _Inner]:
    """Multipliers on the simplex where the minimum over centres is largest, by Newton's method."""
    graph = _graph(pairs)
    multipliers, here = start, _inner(graph, start, means, A, diameter_penalty)
    for _ in range(MAX_STEPS):
        # The longest of these pairs against their mean is what the primal loses to the dual.
        if here.gradient.max() - here.gradient @ multipliers <= FRACTION_OF_GAP * gap * here.value:
            break
        direction = _newton_point(here, multipliers) - multipliers
        step, there = 1.0, here
        while step > SHORTEST_STEP:
            trial = multipliers + step * direction
            there = _inner(graph, trial, means, A, diameter_penalty)
            if there.value >= here.value * (1 - ROUNDING):
                break
            step /= 4
        else:
            break
        multipliers, here = trial, there
    return multipliers, here


def _newton_point(here: _Inner, multipliers: np.ndarray) -> np.ndarray:
    """The maximum on the simplex of the second-order expansion: a non-negative least-squares problem."""
    from scipy.optimize import nnls  # slow to import, and seldom needed

    size = len(multipliers)
    # Multiples of 1 in the gradient cancel on the simplex; without its mean rounding loses less.
    gradient = here.gradient - here.gradient @ multipliers
    H = here.curvature + RIDGE * np.trace(here.curvature) / size * np.eye(size)
    R = np.linalg.cholesky(H).T
    target = np.linalg.solve(R.T, gradient + H @ multipliers)
    weight = SUM_WEIGHT * np.linalg.norm(R, 2)
    point, _ = nnls(np.vstack([R, np.full(size, weight)]), np.append(target, weight), maxiter=100 * size)
    return point / point.sum()


def _squared_distances(centers: np.ndarray) -> np.ndarray:
    return np.sum((centers[:, None, :] - centers[None, :, :]) ** 2, axis=2)
