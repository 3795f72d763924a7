"""Scalar quantisers to compare K-means with: entropy-constrained (ECSQ) and uniform."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.codes import empirical_entropy
from ratedist.quantizers.objective import quantization_objective
from ratedist.quantizers.quantized import Quantized, checked_weights
from ratedist.quantizers.scalar.cells import midpoints
from ratedist.quantizers.scalar.statistics import SortedStatistics, sorted_statistics

# Weights whose costs under all centres are held at once.
CHUNK = 1 << 14


def uniform_quantizer(
    weights: ArrayLike, num_clusters: int, importance: ArrayLike | None = None
) -> Quantized:
    """K equal cells from the smallest to the largest weight, each reproduced by its midpoint.

    Args:
        weights: shape ``(d,)``.
        num_clusters: K; cells may stay empty.
        importance: h, shape ``(d,)``; it enters the objective only.

    Returns:
        ``Quantized`` with objective ``Σ_j h_j (w_j − ŵ_j)²``.

    Raises:
        ValueError: as ``kmeans``, but any K >= 1 will do.

    Example:
        >>> import ratedist as rd
        >>> rd.quantizers.uniform_quantizer([0.0, 1.0, 2.0, 10.0], 2).reconstruction
        array([2.5, 2.5, 2.5, 7.5])
    """
    w, h = checked_weights(weights, importance)
    K = _checks.integer("num_clusters", num_clusters, 1)
    low, high = w.min(), w.max()
    centers = low + (np.arange(K) + 0.5) / K * (high - low)
    labels = np.searchsorted(midpoints(centers), w, side="left")
    return _quantized(w, h, centers, labels, 0.0, True, 1)


def entropy_constrained_quantizer(
    weights: ArrayLike,
    num_clusters: int,
    rate_penalty: float,
    importance: ArrayLike | None = None,
    max_iterations: int = 1000,
) -> Quantized:
    r"""Entropy-constrained scalar quantiser: distortion plus a price on the entropy of the labels.

    .. math:: \sum_j h_j (w_j − c_{k(j)})² + λ \sum_j \ell_{k(j)}, \quad \ell_k = −\ln(|C_k|/d)

    alternates the best assignment, the means and the ideal code lengths ℓ, none of which ascends, from
    equally spaced centres. Centres that lose all their weights are dropped, so that ``num_clusters`` is an
    upper limit, to be chosen well above what the rate needs. A local minimum.

    Args:
        weights: shape ``(d,)``.
        num_clusters: the K to start with, at least 1.
        rate_penalty: λ >= 0, the price of one nat.
        importance: h, shape ``(d,)``, non-negative, not all zero. With it the cells are not intervals: a
            weight that matters less pays less for a shorter codeword.
        max_iterations: cap on the iterations.

    Returns:
        ``Quantized`` with at most K centres, all of them used, and the objective above.

    Raises:
        ValueError: as ``kmeans``, but any K >= 1 will do; λ < 0.

    Source: Chou, Lookabaugh & Gray 1989; Berger 1972.

    Example:
        >>> import ratedist as rd
        >>> weights = [0.0] * 6 + [1.0, 2.0]
        >>> rd.quantizers.entropy_constrained_quantizer(weights, 3, rate_penalty=0.0).centers
        array([0., 1., 2.])
        >>> rd.quantizers.entropy_constrained_quantizer(weights, 3, rate_penalty=2.0).centers  # all as one
        array([0.375])
    """
    w, h = checked_weights(weights, importance)
    K = _checks.integer("num_clusters", num_clusters, 1)
    price = float(_checks.in_range("rate_penalty", rate_penalty, high=np.finfo(np.float64).max))
    max_iterations = _checks.integer("max_iterations", max_iterations, 1)
    centers, lengths = np.linspace(w.min(), w.max(), K), np.zeros(K)
    if h is None:
        run = _interval_run(w, centers, lengths, price, max_iterations)
    else:
        run = _weighted_run(w, h, centers, lengths, price, max_iterations)
    centers, labels, converged, iterations = run
    return _quantized(w, h, centers, labels, price, converged, iterations)


def _interval_run(
    w: np.ndarray,
    centers: np.ndarray,
    lengths: np.ndarray,
    price: float,
    max_iterations: int,
) -> tuple[np.ndarray, np.ndarray, bool, int]:
    """Without importances the cells are intervals, found on sorted weights in O(K log d) an iteration."""
    statistics = sorted_statistics(w, None)
    centers = centers - statistics.shift
    edges, iteration, converged = np.zeros(0), 0, False
    thresholds = np.zeros(0)
    while iteration < max_iterations and not converged:
        iteration += 1
        kept, thresholds = lower_envelope(centers, price * lengths)
        previous, edges = edges, _edges(statistics, thresholds)
        counts = statistics.masses(edges)
        used = counts > 0
        centers = statistics.means(edges, centers[kept])[used]
        lengths = -np.log(counts[used] / w.size)
        converged = bool(used.all()) and np.array_equal(previous, edges)
    labels = np.searchsorted(thresholds + statistics.shift, w, side="left")
    used, labels = np.unique(labels, return_inverse=True)
    return centers + statistics.shift, labels, converged, iteration


def _edges(statistics: SortedStatistics, thresholds: np.ndarray) -> np.ndarray:
    return np.concatenate(
        [[0], np.searchsorted(statistics.values, thresholds, side="right"), [statistics.size]]
    )


def lower_envelope(centers: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of the parabolas ``(x − c_k)² + o_k`` are lowest somewhere, and where one gives way to the next.

    Args:
        centers: c, ascending, shape ``(K,)``.
        offsets: o, shape ``(K,)``.

    Returns:
        indices of the K′ parabolas on the envelope, ascending, and the K′ − 1 ascending points between.
    """
    kept: list[int] = []
    thresholds: list[float] = []
    heights = centers**2 + offsets
    for k in range(centers.size):
        while kept:
            gap = centers[k] - centers[kept[-1]]
            rise = heights[k] - heights[kept[-1]]
            crossing = rise / (2 * gap) if gap > 0 else (-np.inf if rise < 0 else np.inf)
            if crossing > (thresholds[-1] if thresholds else -np.inf):
                if crossing < np.inf:
                    kept.append(k)
                    thresholds.append(crossing)
                break
            kept.pop()
            if thresholds:
                thresholds.pop()
        else:
            kept.append(k)
    return np.array(kept), np.array(thresholds)


def _weighted_run(
    w: np.ndarray,
    h: np.ndarray,
    centers: np.ndarray,
    lengths: np.ndarray,
    price: float,
    max_iterations: int,
) -> tuple[np.ndarray, np.ndarray, bool, int]:
    labels, iteration, converged = np.zeros(0, dtype=np.intp), 0, False
    while iteration < max_iterations and not converged:
        iteration += 1
        previous = labels
        labels = np.empty(w.size, dtype=np.intp)
        for start in range(0, w.size, CHUNK):
            part = slice(start, start + CHUNK)
            costs = h[part, None] * (w[part, None] - centers) ** 2 + price * lengths
            labels[part] = np.argmin(costs, axis=1)
        used, labels = np.unique(labels, return_inverse=True)
        counts, mass = np.bincount(labels), np.bincount(labels, h)
        moment = np.bincount(labels, h * (w - centers[used][labels]))
        centers = centers[used] + moment / np.where(mass > 0, mass, 1.0)
        lengths = -np.log(counts / w.size)
        converged = np.array_equal(previous, labels)
    return centers, labels, converged, iteration


def _quantized(
    w: np.ndarray,
    h: np.ndarray | None,
    centers: np.ndarray,
    labels: np.ndarray,
    price: float,
    converged: bool,
    iterations: int,
) -> Quantized:
    reconstruction = centers[labels]
    objective = quantization_objective(w, reconstruction, 1.0 if h is None else h)
    if price > 0:
        objective += price * w.size * empirical_entropy(np.bincount(labels))
    labels = labels.astype(np.min_scalar_type(centers.size - 1))
    return Quantized(centers, labels, reconstruction, float(objective), 0.0, converged, iterations)
