"""Nearest centres and sums by cluster against all distances, written out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist.quantizers import Lloyd, kmeans
from ratedist.quantizers.blocks import assignment, layout
from ratedist.quantizers.blocks.assignment import BlockAssignment
from ratedist.quantizers.blocks.layout import padded_size, pieces_of
from ratedist.quantizers.blocks.search import WeightedSearch
from ratedist.quantizers.blocks.seeding import BlockSeeding


def some_blocks(rng, kind, size, m):
    if kind == "lattice":  # duplicates and ties
        return rng.integers(-2, 3, size=(m, size)).astype(np.float64)
    if kind == "clumps":
        return rng.normal(size=(m, 5))[:, rng.integers(0, 5, size)] * 10 + 0.01 * rng.normal(size=(m, size))
    return rng.standard_t(2, size=(m, size))


def some_importance(rng, size, m):
    """Importances of which one in ten vanishes, with a ratio between them of any size."""
    h = rng.exponential(size=(m, size)) ** 3 * (rng.random((m, size)) < 0.9)
    h[:, ~h.any(axis=0)] = 1.0
    return h


def check(values, metric, importance, centers, slack=1e-13):
    """Labels belong to the least of all distances, and sums to the labels."""
    (m, size), K = values.shape, len(centers)
    labels, mass, first = BlockAssignment(pieces_of(values, metric, importance)).assign(centers)
    assert labels.shape == (size,)
    a = np.ones_like(values) if metric is None else metric
    cost = np.sum(a.T[:, None] * (values.T[:, None] - centers) ** 2, axis=2)
    # Ties, and what rounding makes one: long blocks' distances are differences of squares of this size.
    scale = 10 * cost.min(axis=1) if m <= 8 else a.sum(axis=0) * max(np.sum(values**2, axis=0).max(), 1.0)
    allowed = slack * scale
    assert np.all(cost[np.arange(size), labels] <= cost.min(axis=1) + allowed)
    h = np.ones_like(values) if importance is None else importance
    for i in range(m):
        np.testing.assert_allclose(mass[:, i], np.bincount(labels, h[i], K), rtol=1e-12)
        expected = np.bincount(labels, h[i] * values[i], K)
        np.testing.assert_allclose(first[:, i], expected, rtol=1e-12, atol=1e-12 * np.sum(h * np.abs(values)))


@settings(max_examples=settings().max_examples // 6)
@given(
    st.sampled_from(["heavy", "lattice", "clumps"]),
    st.sampled_from([3, 9]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([7, 320, 800]),
    st.sampled_from([1, 40]),
    st.integers(0, 2**32),
    st.booleans(),
)
def test_nearest_centres_and_sums(kind, m, weighted, important, size, num_clusters, seed, few):
    rng = np.random.default_rng(seed)
    values = some_blocks(rng, kind, size, m)
    metric = some_importance(rng, size, m) if weighted else None
    importance = rng.exponential(size=(m, size)) if important else None
    centers = values.T[rng.integers(0, size, num_clusters)] + rng.choice([0.0, 0.3]) * rng.normal(size=m)
    with pytest.MonkeyPatch.context() as patch:  # in as many pieces as if there were millions
        patch.setattr(layout, "SLAB", 320)
        if not few:  # compiled, as of more blocks or centres
            patch.setattr(assignment, "FEW_DIFFERENCES", 0)
        check(values, metric, importance, centers)


@pytest.mark.parametrize("m", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_tree_of_many_centres(m):
    rng = np.random.default_rng(1)
    values = rng.normal(size=(m, 3000))
    check(values, None, None, values.T[:1100] + 0.01)
    check(values, None, rng.exponential(size=values.shape), values.T[:1100])


def test_many_centres_in_the_hessian_norm():
    rng = np.random.default_rng(2)
    values, h = rng.normal(size=(2, 3000)), rng.exponential(size=(2, 3000))
    check(values, h, h, values.T[:1100])


@pytest.mark.parametrize("few", [0, 1 << 18])
def test_precision_is_double_whatever_the_caller_has_chosen(few, monkeypatch):
    import jax

    monkeypatch.setattr(assignment, "FEW_DIFFERENCES", few)

    values = np.array([[0.0, 1.0, 1.0 + 1e-12]])
    for enabled in (False, True):
        with jax.enable_x64(enabled):
            labels, mass, first = BlockAssignment(pieces_of(values)).assign(
                np.array([[1.0], [1.0 + 1e-12], [0.0]])
            )
        np.testing.assert_array_equal(labels, [2, 0, 1])
        np.testing.assert_array_equal(mass[:, 0], [1.0, 1.0, 1.0])
        np.testing.assert_array_equal(first[:, 0], [1.0, 1.0 + 1e-12, 0.0])


@given(st.integers(1, 10**9))
def test_padded_sizes_are_few_and_near(size):
    padded = padded_size(size)
    assert size <= padded <= size * 1.25
    assert padded_size(padded) == padded
    assert padded % (1 << max(padded.bit_length() - 4, 0)) == 0


@pytest.mark.parametrize("weighted", [False, True])
def test_costs_are_the_same_for_few_blocks_and_for_many(weighted, monkeypatch):
    rng = np.random.default_rng(4)
    values, h = rng.normal(size=(2, 300)), rng.exponential(size=(2, 300)) if weighted else None
    few = BlockSeeding(pieces_of(values, None, h)).plus_plus(9, np.random.default_rng(5))
    monkeypatch.setattr(layout, "FEW_BLOCKS", 0)
    many = BlockSeeding(pieces_of(values, None, h)).plus_plus(9, np.random.default_rng(5))
    np.testing.assert_array_equal(few, many)


@pytest.mark.parametrize("weighted", [False, True])
def test_plus_plus_draws_in_proportion_to_the_cost(weighted):
    """The second of two centres: probability Σ_first P(first) cost(block | first) / total, by frequency."""
    rng = np.random.default_rng(3)
    values = rng.normal(size=(2, 6))
    h = rng.exponential(size=(2, 6)) if weighted else np.ones((2, 6))
    first = h.sum(axis=0) / h.sum()
    cost = np.sum(h[:, None] * (values[:, :, None] - values[:, None]).transpose(0, 2, 1) ** 2, axis=0)
    expected = first @ (cost / cost.sum(axis=1, keepdims=True))
    seeding = BlockSeeding(pieces_of(values, None, h if weighted else None))
    trials = 2600
    drawn = np.array([seeding.plus_plus(2, rng) for _ in range(trials)])
    for position, probability in ((0, first), (1, expected)):
        match = np.all(drawn[:, position, None] == values.T, axis=2)
        assert np.all(match.sum(axis=1) == 1)
        error = np.sqrt(probability * (1 - probability) / trials)
        assert error.max() < 0.01
        np.testing.assert_array_less(np.abs(match.mean(axis=0) - probability), 4 * error)


def test_last_iteration_of_many_is_where_it_rests():
    rng = np.random.default_rng(6)
    weights, importance = rng.laplace(size=6000), rng.exponential(size=6000)
    result = kmeans(weights, 10, importance, method=Lloyd(max_iterations=1000), block_length=2, key=0)
    again = kmeans(weights, 10, importance, method=Lloyd(init=result.centers), block_length=2)
    assert result.converged
    assert again.num_iterations <= 2
    assert again.objective == pytest.approx(result.objective, rel=1e-12)


@pytest.mark.parametrize("m", [1, 2, 4])
@pytest.mark.parametrize("num_clusters", [1, 2, 5, 700])
def test_boxes_find_the_nearest_by_a_distance_of_each_block(m, num_clusters):
    rng = np.random.default_rng(m)
    for kind in ("heavy", "lattice", "clumps"):
        values = some_blocks(rng, kind, 900, m)
        metric = some_importance(rng, 900, m)
        centers = values.T[rng.integers(0, 900, num_clusters)] + rng.choice([0.0, 0.3])
        labels = WeightedSearch(centers).nearest(values, metric)
        cost = np.sum(metric.T[:, None] * (values.T[:, None] - centers) ** 2, axis=2)
        chosen = cost[np.arange(900), labels]
        np.testing.assert_allclose(chosen, cost.min(axis=1), rtol=1e-12, atol=0)


def test_boxes_are_what_many_weighted_centres_are_searched_by(monkeypatch):
    monkeypatch.setattr(assignment, "BOX_CLUSTERS", 512)
    rng = np.random.default_rng(7)
    values, h = rng.normal(size=(2, 3000)), rng.exponential(size=(2, 3000))
    check(values, h, h, values.T[:600])


def test_the_costliest_blocks_come_first():
    rng = np.random.default_rng(8)
    values, h = rng.normal(size=(2, 500)), rng.exponential(size=(2, 500))
    centers = rng.normal(size=(3, 2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "SLAB", 128)
        assignment = BlockAssignment(pieces_of(values, h, h))
        labels, _, _ = assignment.assign(centers)
        found = assignment.costliest(centers, labels, 7)
    cost = np.min(np.sum(h.T[:, None] * (values.T[:, None] - centers) ** 2, axis=2), axis=1)
    np.testing.assert_array_equal(found, values.T[np.argsort(-cost)[:7]])
    settled = BlockAssignment(pieces_of(centers.T))
    assert settled.costliest(centers, np.arange(3), 2).shape == (0, 2)
