"""Every rank's numbers and distortion, and the rank for a budget, against counting."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ratedist as rd
from ratedist.lowrank import project, rank_curve, rank_for_bits, rank_for_parameters
from tests.lowrank.problems import metric


@pytest.mark.parametrize("shape", [(5, 8), (8, 5), (1, 7), (6, 6)])
@pytest.mark.parametrize(("left", "right"), [("none", "none"), ("full", "few samples"), ("dead", "graded")])
def test_each_point_is_the_projection_on_its_rank(shape, left, right):
    rng = np.random.default_rng(0)
    W, L, R = rng.standard_normal(shape), metric(left, shape[0], rng), metric(right, shape[1], rng)
    curve = rank_curve(W, L, R)
    np.testing.assert_array_equal(curve.ranks, np.arange(min(shape) + 1))
    for rank, parameters, distortion in zip(curve.ranks, curve.num_parameters, curve.distortion, strict=True):
        factors = project(W, int(rank), L, R)
        assert distortion == pytest.approx(factors.distortion, rel=1e-12)
        # W itself needs no second factor.
        assert parameters == (W.size if rank == min(shape) else factors.num_parameters)
    assert curve.distortion[-1] == 0


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 160))
def test_the_rank_for_a_budget_is_the_largest_that_fits(o, d, budget):
    costs = [*(rank * (o + d) for rank in range(min(o, d))), o * d]
    expected = max(rank for rank, cost in enumerate(costs) if cost <= budget)
    assert rank_for_parameters((o, d), budget) == expected
    assert rank_for_bits((o, d), 3.0 * budget, 3.0) == expected


def test_one_budget_over_many_matrices_by_allocation():
    """All choices of ranks, enumerated."""
    rng = np.random.default_rng(1)
    curves = [
        rank_curve(rng.standard_normal(shape) * scale)
        for shape, scale in (((3, 5), 1), ((4, 4), 3), ((2, 6), 2))
    ]
    for budget in (20.0, 300.0, 500.0):
        found = rd.allocate([(curve.num_parameters * 8.0, curve.distortion) for curve in curves], budget)
        least = min(
            sum(curve.distortion[rank] for curve, rank in zip(curves, ranks, strict=True))
            for ranks in itertools.product(*(curve.ranks for curve in curves))
            if 8 * sum(curve.num_parameters[rank] for curve, rank in zip(curves, ranks, strict=True))
            <= budget
        )
        assert found.optimal
        assert found.total_distortion == pytest.approx(least, rel=1e-12)


def test_budgets_at_both_ends():
    assert rank_for_parameters((20, 50), 0) == 0
    assert rank_for_parameters((20, 50), np.inf) == 20
    assert rank_for_parameters((1, 50), 49) == 0
    assert rank_for_parameters((1, 50), 50) == 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: rank_for_parameters((2,), 5), r"shape must be \(o, d\), got \(2,\)"),
        (lambda: rank_for_parameters((0, 3), 5), "o must be at least 1, got 0"),
        (lambda: rank_for_parameters((2, 3), -1), r"num_parameters must lie in \[0"),
        (lambda: rank_for_parameters((2, 3), np.nan), r"num_parameters must lie in \[0"),
        (lambda: rank_for_bits((2, 3), 5, 0), "bits_per_parameter must be one number above zero"),
        (lambda: rank_curve(np.ones(3)), r"W must have shape \(o, d\)"),
    ],
)
def test_bad_input_is_refused_in_words(call, words):
    with pytest.raises(ValueError, match=words):
        call()
