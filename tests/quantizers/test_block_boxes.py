"""The search by boxes against all distances, and against the search for blocks of any length."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist.quantizers import block_boxes, kmeans
from ratedist.quantizers.block_boxes import BlockBoxes, curve_order
from ratedist.quantizers.block_distances import BlockDistances


def some_blocks(rng, kind, size, m):
    if kind == "lattice":  # duplicates and ties
        return rng.integers(-2, 3, size=(size, m)).astype(np.float64)
    if kind == "clumps":
        return rng.normal(size=(5, m))[rng.integers(0, 5, size)] * 10 + 0.01 * rng.normal(size=(size, m))
    if kind == "line":
        return np.outer(rng.normal(size=size), np.ones(m))
    return rng.standard_t(2, size=(size, m))


def some_metric(rng, size, m):
    """Importances of which one in ten vanishes, with a ratio between them of any size."""
    metric = rng.exponential(size=(size, m)) ** 3 * (rng.random((size, m)) < 0.9)
    metric[~metric.any(axis=1)] = 1.0
    return metric


@settings(max_examples=80)
@given(
    st.sampled_from(["heavy", "lattice", "clumps", "line"]),
    st.sampled_from([(2, False), (2, True), (3, False)]),
    st.integers(1, 1200),
    st.integers(1, 40),
    st.integers(0, 2**32),
)
def test_boxes_find_the_nearest_centres_and_the_sums(kind, form, size, num_clusters, seed):
    m, weighted = form
    rng = np.random.default_rng(seed)
    values = some_blocks(rng, kind, size, m)
    metric = some_metric(rng, size, m) if weighted else None
    centers = values[rng.integers(0, size, num_clusters)] + rng.choice([0.0, 0.3]) * rng.normal(size=m)
    with pytest.MonkeyPatch.context() as patch:  # as deep, and in as many tasks, as for millions
        patch.setattr(block_boxes, "FANOUT", 4)
        patch.setattr(block_boxes, "TOP_DISTANCES", 1)
        patch.setattr(block_boxes, "MIN_TOP_BOXES", 1)
        patch.setattr(block_boxes, "TASK", 300)
        search = BlockBoxes(values, metric, [np.ones(size), *values.T], num_clusters)
        labels, sums = search.assign(centers)
    labels = search.in_order(labels)
    a = np.ones((size, m)) if metric is None else metric
    cost = np.sum(a[:, None] * (values[:, None] - centers) ** 2, axis=2)
    # Ties, and what rounding makes one: squares of distances are differences of squares of this size.
    slack = 1e-13 * a.sum(axis=1) * max(np.sum(values**2, axis=1).max(), 1.0)
    assert np.all(cost[np.arange(size), labels] <= cost.min(axis=1) + slack)
    np.testing.assert_array_equal(sums[0], np.bincount(labels, minlength=num_clusters))
    for total, column in zip(sums[1:], values.T, strict=True):
        expected = np.bincount(labels, column, num_clusters)
        np.testing.assert_allclose(total, expected, rtol=1e-12, atol=1e-12 * np.abs(values).sum())


@pytest.mark.parametrize("weighted", [False, True])
def test_both_searches_agree(weighted):
    rng = np.random.default_rng(3)
    values, metric = rng.normal(size=(70_000, 2)), rng.exponential(size=(70_000, 2)) if weighted else None
    sums, centers = [values[:, 0], values[:, 1]], rng.normal(size=(50, 2))
    boxes, distances = BlockBoxes(values, metric, sums, 50), BlockDistances(values, metric, sums)
    (labels, totals), (expected, expected_totals) = boxes.assign(centers), distances.assign(centers)
    np.testing.assert_array_equal(boxes.in_order(labels), expected)
    np.testing.assert_allclose(totals, expected_totals, atol=1e-9)


def test_few_blocks_are_compared_with_centres_one_by_one(monkeypatch):
    rng = np.random.default_rng(4)
    values, computed = rng.normal(size=(50_000, 2)), []
    batches = block_boxes._batches

    def counted(*arguments):
        for chosen, among in batches(*arguments):
            computed.append(among.size * block_boxes.FANOUT)
            yield chosen, among

    monkeypatch.setattr(block_boxes, "_batches", counted)
    BlockBoxes(values, None, [values[:, 0]], 64).assign(values[:64])
    assert sum(computed) < 0.15 * 50_000 * 64


def test_curve_keeps_neighbours_together():
    rng = np.random.default_rng(5)
    values = rng.standard_t(3, size=(1 << 14, 2))
    runs = values[curve_order(list(values.T))].reshape(-1, 64, 2)
    assert np.median(np.ptp(runs, axis=1)) < 0.15 * np.median(np.ptp(values.reshape(-1, 64, 2), axis=1))


def test_last_iteration_of_many_is_where_it_rests():
    rng = np.random.default_rng(6)
    weights, importance = rng.laplace(size=6000), rng.exponential(size=6000)
    result = kmeans(weights, 10, importance, block_length=2, key=0, max_iterations=1000)
    again = kmeans(weights, 10, importance, block_length=2, init=result.centers)
    assert result.converged
    assert again.num_iterations <= 2
    assert again.objective == pytest.approx(result.objective, rel=1e-12)
