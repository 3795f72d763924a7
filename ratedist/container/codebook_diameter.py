"""The diameter of a codebook: the largest distance of two of its centres."""

from __future__ import annotations

import math

import numpy as np

# Rows compared with others at once.
ROWS = 64


def codebook_diameter(codebook: np.ndarray, max_comparisons: float = math.inf) -> float | None:
    r"""``max_{k,l} |c_k − c_l|``, in K comparisons for scalars and ``O(K log K)`` steps for m = 2.

    For larger m centres are taken in falling order of their distance r_k from the middle of their bounding
    box. As ``|c_k − c_l| ≤ r_k + r_l``, those whose radius and the largest together are below a distance
    found need not be looked at: for a cloud of points that leaves few, for points on a sphere all, K²m/2
    multiplications.

    Args:
        codebook: of shape ``(K,)``, or ``(K, m)``.
        max_comparisons: with others, of a centre on average, for m > 2.

    Returns:
        The diameter, exact to rounding; ``None`` where that would take more comparisons.
    """
    centers = codebook.astype(np.float64)
    if centers.ndim == 1:
        return float(centers.max() - centers.min())
    if centers.shape[1] == 2:
        return _plane_diameter(centers)
    centers = centers - (centers.max(axis=0) + centers.min(axis=0)) / 2
    radii = np.sqrt(np.sum(centers**2, axis=1)) * (1 + 1e-12)  # rounding must not leave out a centre
    order = np.argsort(-radii, kind="stable")
    columns, radii = np.ascontiguousarray(centers[order].T), radii[order]
    largest, left = 0.0, max_comparisons * len(codebook)
    for start in range(0, radii.size, ROWS):
        stop = int(np.searchsorted(-radii, radii[start] - largest))
        if stop <= start:
            break
        left -= min(ROWS, radii.size - start) * (stop - start)
        if left < 0:
            return None
        rows, others = columns[:, start : start + ROWS], columns[:, start:stop]
        squared = np.zeros((rows.shape[1], others.shape[1]))
        for row, other in zip(rows, others, strict=True):
            squared += (row[:, None] - other) ** 2
        largest = max(largest, math.sqrt(float(squared.max())))
    return largest


def _plane_diameter(points: np.ndarray) -> float:
    """Largest distance of points in the plane by convex hull and rotating calipers, in integers, exactly.

    Source: Andrew 1979 for the hull; Shamos 1978 for the antipodal pairs.
    """
    points = np.unique(points, axis=0)
    pairs = [[number.as_integer_ratio() for number in point] for point in points.tolist()]
    scale = max(denominator for point in pairs for _, denominator in point)  # all are powers of two
    exact = [(x * (scale // over_x), y * (scale // over_y)) for (x, over_x), (y, over_y) in pairs]
    hull = _chain(exact)[:-1] + _chain(exact[::-1])[:-1] or exact
    size, far, best = len(hull), 1 % len(hull), (0, hull[0], hull[0])
    for near in range(size):
        after = hull[(near + 1) % size]
        # The farthest from the edge that begins here; beyond it distances from the edge fall.
        while _turn(hull[near], after, hull[(far + 1) % size]) > _turn(hull[near], after, hull[far]):
            best = max(best, _pair(hull[near], hull[far]), _pair(after, hull[far]))
            far = (far + 1) % size
        best = max(best, _pair(hull[near], hull[far]), _pair(after, hull[far]))
        # An edge parallel to this one has two ends as far.
        best = max(best, _pair(hull[near], hull[(far + 1) % size]), _pair(after, hull[(far + 1) % size]))
    (ax, ay), (bx, by) = best[1:]
    return math.hypot((ax - bx) / scale, (ay - by) / scale)


Point = tuple[int, int]


def _pair(first: Point, second: Point) -> tuple[int, Point, Point]:
    """Squared distance, and the two points."""
    return (first[0] - second[0]) ** 2 + (first[1] - second[1]) ** 2, first, second


def _turn(first: Point, second: Point, third: Point) -> int:
    """Twice the area of a triangle, positive if its corners turn to the left."""
    return (second[0] - first[0]) * (third[1] - first[1]) - (second[1] - first[1]) * (third[0] - first[0])


def _chain(points: list[Point]) -> list[Point]:
    """Half of the hull of points in the order of their coordinates, from the first to the last."""
    chain: list[Point] = []
    for point in points:
        while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
            chain.pop()
        chain.append(point)
    return chain
