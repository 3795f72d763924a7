"""Centres of vector K-means for a fixed assignment under the diameter penalty: a small convex problem."""

from __future__ import annotations

import numpy as np

# Relative duality gap at which the centres count as exact, and rounds allowed to get there.
GAP = 1e-9
MAX_ROUNDS = 60
# Mass of a coordinate nobody has weighed, relative to the largest: holds it where it was.
VANISHING_MASS = 1e-9


def farthest_pair(centers: np.ndarray) -> tuple[int, int, float]:
    """The two of K >= 1 centres of shape ``(K, m)`` that are farthest apart, and their distance."""
    distance = _squared_distances(centers)
    first, second = divmod(int(np.argmax(distance)), len(centers))
    return first, second, float(np.sqrt(distance[first, second]))


def block_centers(means: np.ndarray, mass: np.ndarray, diameter_penalty: float) -> np.ndarray:
    """Minimise ``Σ_k Σ_i A_ki (c_ki − m_ki)² + β max_{k,l} ‖c_k − c_l‖²`` to a relative gap of 1e-9.

    The maximum is one over weights λ on pairs that sum to 1. For given λ the centres solve, in each
    coordinate i, ``(diag A_i + βL_λ) c_i = A_i m_i`` with the Laplacian L_λ of the pairs, and the minimum is
    concave in λ with gradient ``β‖c_k − c_l‖²``: a lower bound. Pairs enter when they are the farthest.

    Args:
        means: m, shape ``(K, m)``. Where a coordinate has no mass its entry is where it was, and it is held
            there by a vanishing mass.
        mass: A, shape ``(K, m)``.
        diameter_penalty: β > 0.

    Returns:
        centres of shape ``(K, m)``.

    Source: the centre update that minimises (35) of Entropy 2021, in place of (37).
    """
    A = np.maximum(mass, VANISHING_MASS * mass.max())
    pairs, multipliers = [farthest_pair(means)[:2]], np.ones(1)
    best, best_value = means, np.inf
    for _ in range(MAX_ROUNDS):
        multipliers = _solve_dual(np.array(pairs), multipliers, means, A, diameter_penalty)
        centers, lower = _inner(np.array(pairs), multipliers, means, A, diameter_penalty)
        first, second, diameter = farthest_pair(centers)
        value = np.sum(A * (centers - means) ** 2) + diameter_penalty * diameter**2
        if value < best_value:
            best, best_value = centers, value
        if best_value - lower <= GAP * best_value or (first, second) in pairs:
            break
        pairs.append((first, second))
        multipliers = np.append(multipliers, 0.0)
    return best


def _inner(
    pairs: np.ndarray, multipliers: np.ndarray, means: np.ndarray, A: np.ndarray, diameter_penalty: float
) -> tuple[np.ndarray, float]:
    """Centres and value of the minimum for given multipliers on ``pairs`` (P, 2)."""
    nodes, index = np.unique(pairs, return_inverse=True)
    ends = index.reshape(pairs.shape)
    laplacian = np.zeros((nodes.size, nodes.size))
    np.add.at(laplacian, (ends[:, 0], ends[:, 0]), multipliers)
    np.add.at(laplacian, (ends[:, 1], ends[:, 1]), multipliers)
    np.add.at(laplacian, (ends[:, 0], ends[:, 1]), -multipliers)
    np.add.at(laplacian, (ends[:, 1], ends[:, 0]), -multipliers)
    m, a = means[nodes].T, A[nodes].T
    system = diameter_penalty * laplacian + a[:, :, None] * np.eye(nodes.size)
    moved = np.linalg.solve(system, (a * m)[:, :, None])[:, :, 0]
    centers = means.copy()
    centers[nodes] = moved.T
    lengths = np.sum((centers[pairs[:, 0]] - centers[pairs[:, 1]]) ** 2, axis=1)
    return centers, float(np.sum(a * (moved - m) ** 2) + diameter_penalty * multipliers @ lengths)


def _solve_dual(
    pairs: np.ndarray, start: np.ndarray, means: np.ndarray, A: np.ndarray, diameter_penalty: float
) -> np.ndarray:
    if len(pairs) == 1:
        return np.ones(1)
    from scipy.optimize import minimize  # slow to import, and seldom needed

    scale = _inner(pairs, start, means, A, diameter_penalty)[1]

    def negative(multipliers: np.ndarray) -> tuple[float, np.ndarray]:
        centers, value = _inner(pairs, multipliers, means, A, diameter_penalty)
        lengths = np.sum((centers[pairs[:, 0]] - centers[pairs[:, 1]]) ** 2, axis=1)
        return -value / scale, -diameter_penalty * lengths / scale

    result = minimize(
        negative,
        start,
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * len(pairs),
        constraints={"type": "eq", "fun": lambda x: np.sum(x) - 1, "jac": lambda x: np.ones_like(x)},
        options={"ftol": 1e-15, "maxiter": 200},
    )
    multipliers = np.clip(result.x, 0.0, 1.0)
    return multipliers / multipliers.sum()


def _squared_distances(centers: np.ndarray) -> np.ndarray:
    return np.sum((centers[:, None, :] - centers[None, :, :]) ** 2, axis=2)
