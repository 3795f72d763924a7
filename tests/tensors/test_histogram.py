"""Cells of many weights: where the weights are close together, far apart, tiny, tied or of half precision."""

import ml_dtypes
import numpy as np
import pytest

from ratedist.quantizers import kmeans
from ratedist.tensors import histogram
from ratedist.tensors.histogram import Histogram, centers_of_many

SIZE = 1 << 15
# Distortion of the best 16 levels for a normal source of variance 1 (Lloyd–Max).
NORMAL_16 = 0.0095010080


def squared_error(weights, centers, importance=1.0):
    w = weights.astype(np.float64)
    nearest = centers[np.searchsorted((centers[1:] + centers[:-1]) / 2, w)]
    return importance * (w - nearest) ** 2


def normal(seed=0, size=SIZE):
    return np.random.default_rng(seed).normal(size=size)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("offset", "scale", "dtype"),
    [
        (0.0, 1.0, np.float32),
        (1.0, 1e-4, np.float32),
        (1.0, 1e-4, np.float64),
        (-1.0, 1e-10, np.float64),
        (0.0, 1e-60, np.float64),
        (0.0, 1e-290, np.float64),
        (0.0, 1e290, np.float64),
        (1e20, 1e8, np.float64),
        (0.0, 1e-40, np.float32),
    ],
)
def test_the_best_sixteen_levels_of_a_normal_source_wherever_it_lies(offset, scale, dtype, weighted):
    weights = (offset + scale * normal()).astype(dtype)
    h = np.random.default_rng(1).exponential(size=SIZE) if weighted else None
    centers = centers_of_many(weights, h, 16, 0.0, "lloyd")
    assert centers.size == 16
    # In units of the scale, so that no square underflows.
    shifted = (weights.astype(np.float64) - offset) / scale
    errors = squared_error(shifted, (centers - offset) / scale, 1.0 if h is None else h)
    sem = errors.std() / np.sqrt(SIZE)
    assert sem < 0.02 * NORMAL_16
    assert abs(errors.mean() - NORMAL_16) < 4 * sem + 0.002 * NORMAL_16


def test_a_mask_takes_one_centre_and_nothing_else():
    for mask, dtype in ((-1e9, np.float32), (-3.4e38, np.float32), (1e100, np.float64), (-65504, np.float16)):
        weights = np.append(normal(), mask).astype(dtype)
        centers = centers_of_many(weights, None, 17, 0.0, "lloyd")
        assert np.sum(np.abs(centers) > 100) == 1
        errors = squared_error(weights[:-1], centers)
        sem = errors.std() / np.sqrt(SIZE)
        assert abs(errors.mean() - NORMAL_16) < 4 * sem + 0.002 * NORMAL_16


def test_two_clumps_far_apart_share_the_centres():
    for gap, scale in ((1.0, 1e-3), (1e6, 1.0), (1e-6, 1e-12)):
        weights = np.concatenate([scale * normal(), gap + scale * normal(1)])
        centers = centers_of_many(weights, None, 32, 0.0, "lloyd")
        low, high = centers[centers < gap / 2], centers[centers > gap / 2]
        assert low.size + high.size == 32
        for clump, origin, own in ((weights[:SIZE], 0.0, low), (weights[SIZE:], gap, high)):
            errors = squared_error((clump - origin) / scale, (own - origin) / scale)
            assert errors.mean() < 1.4 * NORMAL_16


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32])
def test_ties_are_cells_of_their_own(dtype):
    weights = np.round(normal(), 1).astype(dtype) + dtype(0)  # no −0, a cell of its own
    values, counts = np.unique(weights.astype(np.float64), return_counts=True)
    cells = Histogram(weights, None)
    order = np.argsort(cells.means)
    np.testing.assert_array_equal(np.ldexp(cells.means[order], cells.exponent), values)
    np.testing.assert_array_equal(cells.mass[order], counts)
    assert np.all(cells.scatter == 0)
    centers = centers_of_many(weights, None, 200, 0.0, "lloyd")
    np.testing.assert_allclose(centers, values, rtol=0, atol=1e-14)


@pytest.mark.parametrize("value", [0.0, -0.0, 0.1, -1e300, 5e-324])
def test_constants_have_one_centre(value):
    np.testing.assert_array_equal(centers_of_many(np.full(1000, value), None, 16, 0.0, "lloyd"), [value])


def test_half_precision_is_counted_exactly():
    for dtype in (np.float16, ml_dtypes.bfloat16):
        bits = np.random.default_rng(2).integers(0, 1 << 16, 30_000, dtype=np.uint16)
        # Not the exponents of infinity and NaN.
        weights = bits[(bits & 0x7C00) < 0x7C00].view(dtype)
        size = np.abs(weights.astype(np.float64))
        weights = weights[(size > 2e-19) & (size < 1e19)]
        cells = Histogram(weights, None)
        assert np.all(cells.scatter == 0)
        assert cells.means.size == np.unique(weights.astype(np.float64)).size


def test_dividing_keeps_what_is_counted(monkeypatch):
    monkeypatch.setattr(histogram, "CHUNK", 999)
    weights = np.concatenate([1 + 1e-9 * normal(size=3000), -1e-5 * np.abs(normal(1, 3000)), [0.0, 1e30]])
    h = np.random.default_rng(3).exponential(size=weights.size) * (np.arange(weights.size) % 3 > 0)
    cells = Histogram(weights, h)
    scatter = [cells.scatter.sum()]
    for _ in range(5):
        cells.divide(500)
        scatter.append(cells.scatter.sum())
        assert cells.mass.sum() == pytest.approx(h.sum(), rel=1e-13)
        first = np.ldexp(cells.mass @ cells.means, cells.exponent)
        assert first == pytest.approx(h @ weights, rel=1e-12)
    assert np.all(np.diff(scatter) <= 0)
    assert scatter[-1] < 1e-4 * scatter[0]
    # Everything that is in one cell lies between its neighbours.
    assert cells.means.size <= np.unique(weights[h > 0]).size


@pytest.mark.parametrize("beta", [0.0, 50.0])
def test_optimal_centres_of_cells_are_within_what_is_promised(beta):
    weights = (1 + 1e-3 * normal(size=200)).astype(np.float32)
    penalty = beta * 1e-2
    exact = kmeans(weights.astype(np.float64), 8, None, method="optimal", diameter_penalty=penalty)
    centers = centers_of_many(weights, None, 8, penalty, "optimal")
    objective = squared_error(weights, centers).sum() + penalty * np.ptp(centers) ** 2
    epsilon = histogram.WITHIN
    assert exact.lower_bound * (1 - 1e-9) <= objective
    assert objective <= exact.objective * (1 + epsilon) / (1 - epsilon**0.5) ** 2


@pytest.mark.parametrize(
    ("weights", "importance", "match"),
    [
        ([1.0, np.nan], None, "weights must be finite"),
        ([1.0, 2.0], [0.0, 0.0], "at least one weight, got all zero"),
        ([1.0, 2.0], [-1.0, 1.0], "importance must"),
        ([1.0, 2.0], [1e308, 1e308], "importance must be of finite sum"),
    ],
)
def test_bad_input(weights, importance, match):
    h = None if importance is None else np.array(importance)
    with pytest.raises(ValueError, match=match):
        centers_of_many(np.array(weights), h, 2, 0.0, "lloyd")
