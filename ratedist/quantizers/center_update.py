"""Centres for a fixed assignment under the diameter penalty: the exact minimiser, and the printed update."""

from __future__ import annotations

import numpy as np


def confined_centers(
    means: np.ndarray, mass: np.ndarray, diameter_penalty: float, penalty: str
) -> tuple[np.ndarray, tuple[float, float]]:
    """Minimise ``Σ_k A_k (c_k − m_k)² + P(max c − min c)`` exactly: ``c_k = clip(m_k, lo, hi)``.

    The ends balance a tension τ = P′(hi − lo)/2 against the clusters they move,
    ``Σ_k A_k (lo − m_k)⁺ = τ = Σ_k A_k (m_k − hi)⁺``. Both sums are the maximum of linear functions, one for
    each set of lowest (highest) clusters, with mass A and mean a (B and b), so

        lo(τ) = min_A (a + τ/A),  hi(τ) = max_B (b − τ/B),

    and τ = β(hi(τ) − lo(τ)) is found by Newton's method, which ends after finitely many steps. The linear
    penalty has τ = β/4 unless that is enough to pull all centres together.

    Args:
        means: m, ascending, shape ``(K,)``.
        mass: A, shape ``(K,)``, at least one positive. Clusters of mass zero are clipped like the others.
        diameter_penalty: β; at 0 the means are returned as they are.
        penalty: "squared" or "linear", see ``diameter_cost``.

    Returns:
        centres, ascending, shape ``(K,)``, and ``(lo, hi)``.

    Source: the centre update that minimises (34) of Entropy 2021, in place of (37).
    """
    if diameter_penalty == 0:
        return means, (float(means[0]), float(means[-1]))
    filled = mass > 0
    m, A = means[filled], mass[filled]
    low_mass, high_mass = np.cumsum(A), np.cumsum(A[::-1])
    low_mean, high_mean = np.cumsum(A * m) / low_mass, np.cumsum((A * m)[::-1]) / high_mass
    stiffness = 1 / diameter_penalty if penalty == "squared" else 0.0
    cap = np.inf if penalty == "squared" else diameter_penalty / 4
    tension = 0.0
    while True:
        p, q = int(np.argmin(low_mean + tension / low_mass)), int(np.argmax(high_mean - tension / high_mass))
        gap, compliance = high_mean[q] - low_mean[p], float(1 / low_mass[p] + 1 / high_mass[q])
        root = min(gap / (stiffness + compliance), cap)
        if root <= tension:
            break
        tension = root
    lo, hi = low_mean[p] + root / low_mass[p], high_mean[q] - root / high_mass[q]
    shrink = diameter_penalty * compliance
    if shrink > 1:
        # Of a gap that is nothing but rounding a large β would make something.
        hi = lo + gap / (1 + shrink)
    if penalty == "linear":
        lo, hi = (lo, high_mean[q] - root / high_mass[q]) if root == cap else (low_mean[-1], low_mean[-1])
    hi = max(lo, hi)
    return np.clip(means, lo, hi), (float(lo), float(hi))


def printed_pair(
    low: np.ndarray, high: np.ndarray, low_mass: np.ndarray, high_mass: np.ndarray, diameter_penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    """Joint solution of the two equations (37) for the farthest pair, coordinate by coordinate.

    ``(A + β)x = Aa + βy`` and ``(B + β)y = Bb + βx``, each c_t on the right-hand side being the new one: the
    mean of the pair stays and its gap shrinks to ``AB(b − a)/(AB + β(A + B))``. A coordinate without mass in
    one cluster follows the other if β > 0; without mass in either it stays.

    Args:
        low, high: means a and b of the two clusters, shape ``(m,)``.
        low_mass, high_mass: A and B, shape ``(m,)``.
        diameter_penalty: β.

    Source: Entropy 2021 eq. (37). For more than two centres this minimises (35) only as long as the pair
    stays the farthest one.
    """
    total = low_mass + high_mass
    product = low_mass * high_mass
    denominator = product + diameter_penalty * total
    solvable = denominator > 0
    shrink = np.where(solvable, product / np.where(solvable, denominator, 1.0), 1.0)
    known = total > 0
    weight = np.where(known, high_mass / np.where(known, total, 1.0), 0.5)
    center = low + weight * (high - low)
    gap = shrink * (high - low)
    return (
        np.where(known, center - weight * gap, low),
        np.where(known, center + (1 - weight) * gap, high),
    )
