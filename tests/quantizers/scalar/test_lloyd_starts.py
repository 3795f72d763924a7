"""Lloyd's algorithm by default: no empty clusters, near the optimum, and never worse with a centre more."""

import functools
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist.quantizers import Algorithm1, Lloyd, kmeans
from ratedist.quantizers.methods import INITIALIZATIONS
from ratedist.quantizers.scalar.coarse_optimum import coarse_optimum, even_runs
from ratedist.quantizers.scalar.lloyd import split_for_empty
from ratedist.quantizers.scalar.statistics import sorted_statistics
from tests.quantizers.brute_force import best_partition

SIZE = 4000


@functools.cache
def panel():
    rng = np.random.default_rng(1)
    normal = rng.normal(size=SIZE)
    return {
        "normal": normal,
        "t2": rng.standard_t(2, SIZE),
        "outlier": np.append(normal, 100.0),
        "mask": np.append(0.02 * normal, -1e6),
        "two levels": np.where(rng.random(SIZE) < 0.5, -1.0, 1.0) + 0.05 * rng.normal(size=SIZE),
        "ties": np.round(normal, 1),
        "tiny": 1e-100 * normal,
        "huge": 1e100 * normal,
    }


def test_the_centre_between_two_clumps_moves_to_where_it_gains():
    weights = np.array([-1, -1.1, -0.9, -10, -10.1, -9.9])
    for init in ("coarse_optimum", "high_rate", "quantile", "linear", [-10.0, -5.5, -1.0]):
        result = kmeans(weights, 3, method=Lloyd(init=init))
        # One clump keeps its mean, 2·0.1²; of the other one weight is alone, 2·0.05².
        assert result.objective == pytest.approx(0.025, rel=1e-12)
        assert result.counts.min() > 0


@pytest.mark.parametrize(
    "num_clusters", [2, 16, 17, 200, *(pytest.param(K, marks=pytest.mark.slow) for K in (3, 8, 18, 64))]
)
@pytest.mark.parametrize("name", panel())
def test_default_start_is_near_the_optimum(name, num_clusters):
    ckwrap = pytest.importorskip("ckwrap")
    weights = panel()[name]
    if num_clusters >= np.unique(weights).size:
        return
    scale = 1.0 if name != "mask" else 0.02
    scale = {"tiny": 1e-100, "huge": 1e100}.get(name, scale)
    if name == "mask" and num_clusters == 2:
        return  # the mask and all others: nothing but rounding to compare
    result = kmeans(weights, num_clusters)
    # The exact dynamic programme of another library, without the weight that would take all its digits.
    rest = weights / scale if name != "mask" else weights[:-1] / scale
    centers = ckwrap.ckmeans(rest, num_clusters - (name == "mask")).centers
    optimum = np.sum(np.min(np.abs(rest[:, None] - np.asarray(centers)), axis=1) ** 2)
    assert result.objective / scale**2 <= 1.03 * optimum
    assert result.counts.min() > 0


def test_more_centres_are_never_worse():
    weights = np.random.default_rng(1).standard_t(2, 20_000)
    objectives = [kmeans(weights, K).objective for K in (*range(1, 26), 48, 49, 96, 97)]
    assert np.all(np.diff(objectives) < 0)
    assert objectives[17] == pytest.approx(5247.4576, rel=1e-5)  # K = 18, by ckwrap


@st.composite
def problems(draw):
    """Ties, outliers, importances with zeros, centres given where no weight is."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    size = draw(st.integers(2, 40))
    weights = rng.normal(size=size) * 10.0 ** draw(st.integers(-4, 4)) + draw(st.sampled_from([0.0, 50.0]))
    if draw(st.booleans()):
        weights = np.round(weights, 1)
    if draw(st.booleans()):
        weights[0] = 1e5
    importance = rng.exponential(size=size) ** 3 * (rng.random(size) < draw(st.sampled_from([0.6, 1.0])))
    importance[0] = 1.0
    num_clusters = draw(st.integers(1, size))
    init = draw(st.sampled_from([*INITIALIZATIONS, "given"]))
    if init == "given":
        init = rng.normal(size=num_clusters) * draw(st.sampled_from([1.0, 1e6]))
    return weights, num_clusters, importance, init


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(problems())
def test_no_cluster_is_empty_while_another_can_be_cut(problem):
    weights, num_clusters, importance, init = problem
    result = kmeans(weights, num_clusters, importance, method=Lloyd(init=init), key=1)
    counted = importance > 0
    used = np.unique(result.labels[counted]).size
    assert used == min(num_clusters, np.unique(weights[counted]).size)
    assert result.converged


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(problems(), st.sampled_from([0.0, 0.01, 1.0, 100.0]), st.sampled_from(["squared", "linear"]))
def test_cutting_never_ascends(problem, beta, penalty):
    weights, num_clusters, importance, init = problem
    runs = [
        kmeans(
            weights,
            num_clusters,
            importance,
            method=Lloyd(init=init, max_iterations=steps),
            diameter_penalty=beta,
            penalty=penalty,
            key=1,
        )
        for steps in (1, 2, 3, 5, 300)
    ]
    scale = np.sum(importance * (weights - np.average(weights, weights=importance)) ** 2)
    assert np.all(np.diff([run.objective for run in runs]) <= 1e-11 * scale)
    assert runs[-1].converged


def test_split_goes_where_the_sum_of_squares_falls_most():
    rng = np.random.default_rng(3)
    for _ in range(20):
        weights = np.sort(rng.standard_t(2, 12))
        statistics = sorted_statistics(weights, None)
        edges = np.array([0, 5, 5, 9, 12])
        new, centers = split_for_empty(statistics, edges, np.array([-2.0, -1.0, 0.0, 1.0]), False)
        runs = [weights[a:b] for a, b in itertools.pairwise(new)]
        assert all(run.size for run in runs)
        assert centers.size == 4
        cost = sum(np.sum((run - run.mean()) ** 2) for run in runs)
        # By hand: each cluster cut behind its mean or behind the middle of its range.
        costs = []
        for k, (a, b) in enumerate([(0, 5), (5, 9), (9, 12)]):
            own = weights[a:b]
            for cut in (own.mean(), (own[0] + own[-1]) / 2):
                parts = [own[own <= cut], own[own > cut]]
                others = [weights[c:d] for j, (c, d) in enumerate([(0, 5), (5, 9), (9, 12)]) if j != k]
                costs.append(sum(np.sum((p - p.mean()) ** 2) for p in parts + others))
        assert cost == pytest.approx(min(costs), rel=1e-12)


def test_algorithm1_keeps_its_empty_clusters():
    """As printed: the start and the update are the paper's, which says nothing of empty clusters."""
    weights = np.array([-1, -1.1, -0.9, -10, -10.1, -9.9])
    result = kmeans(weights, 3, method=Algorithm1(init=[-10.0, -5.5, -1.0]))
    assert result.counts.tolist() == [3, 0, 3]
    assert result.centers[1] == -5.5


@pytest.mark.parametrize("num_runs", [1, 2, 7, 50, 199, 300])
def test_even_runs_share_the_cube_root_of_the_density(num_runs):
    weights = np.append(np.random.default_rng(4).laplace(size=299), [1e8])
    statistics = sorted_statistics(weights, None)
    edges = even_runs(statistics, num_runs)
    assert edges[0] == 0
    assert edges[-1] == 300
    assert edges.size == num_runs + 1  # one far weight takes no more than one end
    share = np.cbrt(np.diff(statistics.values)) ** 2
    if num_runs in (7, 50):
        inside = [share[a : b - 1].sum() for a, b in itertools.pairwise(edges)]
        ordinary = share[:-1].sum() / (num_runs - 1)
        assert max(inside) < 1.05 * ordinary + share[:-1].max()


def test_few_weights_start_at_the_optimum():
    rng = np.random.default_rng(5)
    for num_clusters in (2, 3, 4):
        weights, importance = rng.normal(size=12), rng.exponential(size=12)
        statistics = sorted_statistics(weights, importance)
        assert coarse_optimum(statistics, num_clusters).size == num_clusters
        result = kmeans(weights, num_clusters, importance)
        assert result.objective == pytest.approx(best_partition(weights, importance, num_clusters), rel=1e-10)


def test_importances_of_forty_decades():
    rng = np.random.default_rng(6)
    weights, importance = rng.normal(size=3000), 10.0 ** rng.uniform(-40, 0, 3000)
    for num_clusters in (5, 100, 300):
        result = kmeans(weights, num_clusters, importance)
        assert result.centers.size == num_clusters
        assert (
            result.objective
            <= kmeans(weights, num_clusters, importance, method=Lloyd(init="quantile")).objective
        )


@pytest.mark.parametrize("init", ["coarse_optimum", "high_rate", "kmeans++"])
@pytest.mark.parametrize("mask", [-1e9, -65504.0, np.finfo(np.float32).min, 1e100, -1e139])
def test_a_mask_takes_one_centre_and_no_digits(mask, init):
    normal = np.random.default_rng(7).normal(size=20_000)
    centers = kmeans(np.append(normal, mask), 17, method=Lloyd(init=init), key=1).centers
    assert np.sum(np.abs(centers) > 100) == 1
    errors = np.min(np.abs(normal[:, None] - centers), axis=1) ** 2
    sem = errors.std() / np.sqrt(normal.size)
    # The best sixteen levels of a normal source (Lloyd–Max); k-means++ ends within a few per cent.
    assert abs(errors.mean() - 0.0095010080) < 4 * sem + (0.05 if init == "kmeans++" else 0.002) * 0.0095
