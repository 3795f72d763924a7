"""The largest distance of two centres against all pairs, in rational arithmetic and by SciPy."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from ratedist.container.codebook_diameter import codebook_diameter

FLOATS = st.one_of(
    st.floats(-100, 100, width=16),  # many ties, many on one line
    st.floats(allow_nan=False, allow_infinity=False, width=32),  # eighty decades, subnormal numbers
)


def squared_diameter(points):
    """Exactly."""
    exact = [[Fraction(float(x)) for x in point] for point in points]
    return max(
        (sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) for a, b in itertools.combinations(exact, 2)),
        default=Fraction(0),
    )


@settings(max_examples=settings().max_examples // 2)
@given(st.integers(1, 5), st.data())
def test_all_pairs_in_rational_arithmetic(m, data):
    points = data.draw(st.lists(st.lists(FLOATS, min_size=m, max_size=m), min_size=1, max_size=12))
    codebook = np.array(points, np.float32)
    found = codebook_diameter(codebook if m > 1 else codebook[:, 0])
    exact = squared_diameter(codebook)
    assert found is not None
    if exact:
        assert abs(Fraction(found) ** 2 / exact - 1) < Fraction(1, 10**13)
    else:
        assert found == 0


@pytest.mark.parametrize("m", [2, 3, 8])
@pytest.mark.parametrize("kind", ["cloud", "sphere", "grid", "line", "far away", "two"])
def test_many_centres(m, kind):
    rng = np.random.default_rng(0)
    points = rng.normal(size=(1500, m))
    points = {
        "cloud": points,
        "sphere": points / np.linalg.norm(points, axis=1)[:, None],
        "grid": np.round(points),
        "line": points[:, :1] * points[0],
        "far away": 1e-3 * points + 1e4,
        "two": np.repeat(points[:2], 750, axis=0),
    }[kind].astype(np.float32)
    assert codebook_diameter(points) == pytest.approx(pdist(points.astype(float)).max(), rel=1e-12)


def test_a_regular_polygon():
    """All corners are on the hull, and of an even number all edges have parallels."""
    for size in (3, 4, 5, 1000, 1001):
        angles = 2 * np.pi * np.arange(size) / size
        corners = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        expected = 2 if size % 2 == 0 else 2 * math.cos(math.pi / (2 * size))
        assert codebook_diameter(corners.astype(np.float32)) == pytest.approx(expected, rel=1e-6)


def test_comparisons_are_counted():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(1000, 12))
    points = (points / np.linalg.norm(points, axis=1)[:, None]).astype(np.float32)
    assert codebook_diameter(points, 100) is None
    assert codebook_diameter(points, 600) == codebook_diameter(points)
    assert codebook_diameter(points[:, :2], 0) is not None
    assert codebook_diameter(points[:, 0], 0) is not None
