"""The optimum and its bound against brute force in exact rational arithmetic, on hostile weights."""

import dataclasses
import importlib.util
import pathlib
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist.quantizers import Optimal, kmeans, optimal_scalar_path
from ratedist.quantizers.scalar import branch_and_bound
from ratedist.quantizers.scalar.dense_table import DenseTable
from ratedist.quantizers.scalar.run_table import ROUNDING, RunTable

SCRIPT = pathlib.Path(__file__).parents[3] / "benchmarks" / "hostile_weights.py"
SPEC = importlib.util.spec_from_file_location("hostile_weights", SCRIPT)
hostile = importlib.util.module_from_spec(SPEC)
sys.modules["hostile_weights"] = hostile
SPEC.loader.exec_module(hostile)


@settings(max_examples=settings().max_examples // 8)
@given(st.integers(0, 2**32))
def test_no_promise_is_broken(seed):
    problem = hostile.hostile_problem(np.random.default_rng(seed), most_weights=8)
    assert hostile.complaints(problem, hostile.solved(problem, 0.5)) == []


@settings(max_examples=settings().max_examples // 6)
@given(st.integers(0, 2**32), st.booleans())
def test_nor_by_divide_and_conquer_nor_by_bins(seed, bins):
    problem = hostile.hostile_problem(np.random.default_rng(seed), most_weights=9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ratedist.quantizers.scalar.statistics.DENSE_SIZE", 0)
        if bins:
            patch.setattr(branch_and_bound, "MAX_ENTRIES", 5)
        assert hostile.complaints(problem, hostile.solved(problem, 0.2)) == []


@settings(max_examples=settings().max_examples // 5)
@given(st.integers(0, 2**32))
def test_every_number_of_clusters_at_once(seed):
    problem = hostile.hostile_problem(np.random.default_rng(seed), most_weights=8)._replace(
        diameter_penalty=0.0
    )
    K = problem.num_clusters
    for clusters, result in enumerate(optimal_scalar_path(problem.weights, K, problem.importance), 1):
        assert hostile.complaints(problem._replace(num_clusters=clusters), result) == []


def test_the_brute_force_itself_by_all_assignments():
    rng = np.random.default_rng(0)
    for trial in range(2):
        weights, importance = rng.integers(-4, 5, 5) * 0.5, rng.integers(1, 5, 5) * 1.0
        problem = hostile.Problem("", weights, importance, 3, [0.0, 0.75][trial % 2], "squared")
        least = min(
            hostile._least_price(clusters, Fraction(problem.diameter_penalty), "squared")
            + sum(scatter for _, _, scatter in clusters)
            for labels in np.ndindex(3, 3, 3, 3, 3)
            for clusters in [sorted_clusters(weights, importance, np.array(labels))]
        )
        assert hostile.exact_optimum(problem) == least


def sorted_clusters(weights, importance, labels):
    clusters = [
        hostile._moments(
            [
                (Fraction(w), Fraction(h))
                for w, h in zip(weights[labels == k], importance[labels == k], strict=True)
            ]
        )
        for k in np.unique(labels)
    ]
    return sorted(clusters, key=lambda cluster: cluster[1])


def test_a_false_bound_is_seen():
    problem = hostile.Problem("", np.array([0.0, 1.0, 3.0, 1e9]), None, 3, 0.0, "squared")
    result = hostile.solved(problem, 1.0)
    assert hostile.complaints(problem, result) == []
    for wrong in ({"lower_bound": 0.5000001}, {"objective": 2.0}, {"reconstruction": np.zeros(4)}):
        assert hostile.complaints(problem, dataclasses.replace(result, **wrong))


@pytest.mark.parametrize(
    ("beta", "least"), [(0.0, 0.5), (1e-19, 0.6), (1e-25, 0.5)], ids=["no penalty", "small", "smaller"]
)
def test_one_weight_far_from_all_others(beta, least):
    result = kmeans([0.0, 1.0, 3.0, 1e9], 3, None, method="optimal", diameter_penalty=beta)
    assert result.objective == pytest.approx(least, rel=1e-6)
    assert least * (1 - 2e-6) <= result.lower_bound <= result.objective
    assert result.converged


@pytest.mark.parametrize("mask", [-1e4, -1e9, float(np.finfo(np.float32).min), -1e100])
@pytest.mark.parametrize("size", [150, 1000, 20_000])
def test_a_mask_constant_costs_a_centre_and_nothing_else(mask, size):
    weights = np.random.default_rng(size).normal(0.0, 0.02, size)
    alone = kmeans(weights, 4, method="optimal")
    result = kmeans(np.append(weights, mask), 5, method="optimal")
    assert result.objective == pytest.approx(alone.objective, rel=1e-12)
    assert result.lower_bound == pytest.approx(alone.lower_bound, rel=1e-9)
    assert alone.converged
    assert result.converged
    np.testing.assert_array_equal(result.reconstruction[:-1], alone.reconstruction)
    assert result.reconstruction[-1] == mask


@pytest.mark.parametrize("kind", [RunTable, DenseTable])
def test_moments_of_runs_in_rationals(kind):
    rng = np.random.default_rng(1)
    for trial in range(6):
        size = int(rng.integers(1, 40))
        weights = (
            rng.normal(size=size) if trial % 2 else rng.choice([-1, 1], size) * hostile.decades(rng, size)
        )
        weights = np.unique(weights)
        mass = hostile.decades(rng, weights.size) if trial % 3 else np.ones(weights.size)
        table = kind(weights, mass)
        end, start = np.tril_indices(weights.size + 1, -1)
        moments = table.moments(start, end)
        for k in rng.permutation(start.size)[:60]:
            pairs = zip(weights[start[k] : end[k]], mass[start[k] : end[k]], strict=True)
            total, mean, scatter = hostile._moments([(Fraction(w), Fraction(h)) for w, h in pairs])
            found = Fraction(moments.anchor[k]) + Fraction(moments.offset[k])
            assert abs(Fraction(moments.mass[k]) - total) <= table.relative_error * total
            assert abs(Fraction(moments.scatter[k]) - scatter) <= table.relative_error * scatter
            assert abs(found - mean) <= table.relative_error * moments.reach[k]
            # Far below the bound, which is for the worst case.
            assert abs(Fraction(moments.scatter[k]) - scatter) <= 30 * ROUNDING * scatter
        np.testing.assert_allclose(table.cost(start, end), moments.scatter, rtol=1e-14)
        for last in range(1, weights.size + 1):
            low = int(rng.integers(last))
            expected = table.cost(np.arange(low, last), np.full(last - low, last))
            np.testing.assert_allclose(table.costs_to(low, last - 1, last), expected, rtol=1e-14)


def test_means_beside_a_weight_far_away():
    weights, importance = [1e8, 0.999999998], [2.5e-10, 7.1e19]
    problem = hostile.Problem("", np.array(weights), np.array(importance), 1, 0.0, "squared")
    for beta in (0.0, 1e-30):
        result = kmeans(weights, 1, importance, method="optimal", diameter_penalty=beta)
        assert hostile.complaints(problem, result) == []
        assert result.converged


def test_sizes_beyond_squares():
    weights = np.array([0.0, 1.0, 3.0, 7.0])
    for factor, mass in ((1.0, 1e308), (1e140, 1e30)):
        with pytest.raises(ValueError, match="importance must be smaller"):
            kmeans(factor * weights / 7, 2, [mass] * 4, method="optimal")
    plain = kmeans(weights, 2, method="optimal")
    for w, h in ((2.0**-500, 2.0**900), (2.0**-1060, 2.0**-1060), (2.0**400, 2.0**-1060), (1.0, 2.0**-1070)):
        for method in ("lloyd", "optimal", "algorithm1"):
            result = kmeans(w * weights, 2, [h] * 4, method=method)
            np.testing.assert_array_equal(result.labels, plain.labels)
            assert result.objective == plain.objective * (h * w * w)
            assert result.lower_bound <= result.objective
    with pytest.raises(ValueError, match="diameter_penalty"):
        kmeans(weights, 2, [2.0**900] * 4, method="optimal", diameter_penalty=1e-300)


def test_large_vectors_with_a_mask_and_a_penalty():
    rng = np.random.default_rng(3)
    weights = np.append(rng.normal(size=10_000), -1e9)
    result = kmeans(weights, 5, None, method=Optimal(time_budget=20.0), diameter_penalty=1e-16)
    # One centre for the mask, four for the rest, and P about 100.
    rest = kmeans(weights[:-1], 4, method="optimal")
    assert rest.objective <= result.objective <= rest.objective + 1e-16 * 1.0001e18
    assert rest.objective * 0.999 < result.lower_bound <= result.objective
