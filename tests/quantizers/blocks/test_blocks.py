import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from ratedist.quantizers import Algorithm1, Lloyd, kmeans
from ratedist.quantizers.blocks.centers import CenterUpdate, block_centers, farthest_pair


def best_assignment(points, importance, num_clusters):
    """Least Hessian-weighted cost over all assignments, centres at their coordinatewise weighted means."""
    best = np.inf
    for assignment in itertools.product(range(num_clusters), repeat=len(points)):
        labels, total = np.array(assignment), 0.0
        for k in range(num_clusters):
            w, h = points[labels == k], importance[labels == k]
            if len(w):
                total += np.sum(h * (w - np.sum(h * w, axis=0) / np.sum(h, axis=0)) ** 2)
        best = min(best, total)
    return best


@pytest.mark.parametrize("seed", range(4))
def test_many_starts_reach_the_enumerated_optimum(seed):
    rng = np.random.default_rng(seed)
    size, num_clusters = [(8, 2), (6, 3)][seed % 2]
    points, importance = rng.normal(size=(size, 2)), rng.exponential(size=(size, 2))
    result = kmeans(
        points.ravel(), num_clusters, importance.ravel(), method=Lloyd(num_starts=40), block_length=2, key=0
    )
    assert result.objective == pytest.approx(best_assignment(points, importance, num_clusters), rel=1e-10)
    assert result.centers.shape == (num_clusters, 2)
    assert result.labels.shape == (size,)
    np.testing.assert_array_equal(result.reconstruction, result.centers[result.labels].ravel())


@pytest.mark.parametrize("weighted", [False, True])
def test_assignment_is_nearest_in_the_hessian_norm(weighted):
    rng = np.random.default_rng(5)
    points = rng.normal(size=(500, 3)) + 7.0
    importance = rng.exponential(size=(500, 3)) if weighted else np.ones((500, 3))
    given_importance = importance.ravel() if weighted else None
    result = kmeans(points.ravel(), 12, given_importance, block_length=3, key=0)
    cost = np.sum(importance[:, None] * (points[:, None] - result.centers) ** 2, axis=2)
    chosen = cost[np.arange(500), result.labels]
    np.testing.assert_allclose(chosen, cost.min(axis=1), rtol=1e-9, atol=1e-12)
    assert result.objective == pytest.approx(chosen.sum(), rel=1e-12)
    assert result.converged
    for k in range(12):
        mine = result.labels == k
        mean = np.sum((importance * points)[mine], axis=0) / importance[mine].sum(axis=0)
        np.testing.assert_allclose(result.centers[k], mean, rtol=1e-12)


@pytest.mark.slow
def test_unweighted_equals_scikit_learn_from_the_same_start():
    cluster = pytest.importorskip("sklearn.cluster")
    rng = np.random.default_rng(6)
    points, start = rng.normal(size=(2000, 2)), rng.normal(size=(9, 2))
    ours = kmeans(points.ravel(), 9, method=Lloyd(init=start), block_length=2)
    theirs = cluster.KMeans(9, init=start, n_init=1, max_iter=300, tol=0.0).fit(points)
    assert ours.objective == pytest.approx(theirs.inertia_, rel=1e-9)
    np.testing.assert_array_equal(ours.labels, theirs.labels_)


@pytest.mark.parametrize("method", [Lloyd(num_starts=5), Algorithm1(num_starts=5)])
def test_padding_does_not_count(method):
    rng = np.random.default_rng(7)
    weights = rng.normal(size=101) + 5.0
    for importance in (None, rng.exponential(size=101)):
        result = kmeans(weights, 6, importance, method=method, block_length=4, key=0)
        assert result.reconstruction.shape == (101,)
        assert result.labels.shape == (26,)
        h = np.ones(101) if importance is None else importance
        assert result.objective == pytest.approx(
            np.sum(h * (weights - result.reconstruction) ** 2), rel=1e-12
        )
        # The last block has one coordinate; in the others its centre comes from the rest of the cluster.
        last = result.centers[result.labels[-1]]
        nearest = result.centers[np.argmin(np.abs(weights[-1] - result.centers[:, 0]))]
        np.testing.assert_array_equal(last, nearest)


def test_block_of_zero_importance_goes_to_the_nearest_centre():
    points = np.array([[0.0, 0.0], [0.1, 0.0], [5.0, 5.0], [5.1, 5.0], [4.9, 5.2], [9.0, 9.0]])
    importance = np.ones_like(points)
    importance[4:] = 0.0
    result = kmeans(
        points.ravel(), 2, importance.ravel(), method=Lloyd(init=[[0.0, 1.0], [4.0, 4.0]]), block_length=2
    )
    np.testing.assert_allclose(result.centers, [[0.05, 0.0], [5.05, 5.0]])
    np.testing.assert_array_equal(result.labels, [0, 0, 1, 1, 1, 1])
    assert result.objective == pytest.approx(4 * 0.05**2)


def test_more_centres_than_distinct_blocks():
    points = np.array([[1.0, 2.0], [1.0, 2.0], [3.0, 4.0], [3.0, 4.0]])
    for init in ("kmeans++", "random"):
        result = kmeans(points.ravel(), 4, method=Lloyd(init=init), block_length=2, key=1)
        assert result.centers.shape == (4, 2)
        if init == "kmeans++":
            np.testing.assert_allclose(result.reconstruction, points.ravel())


def test_single_cluster_is_the_weighted_mean():
    rng = np.random.default_rng(8)
    points, importance = rng.normal(size=(20, 2)), rng.exponential(size=(20, 2))
    for method in ("lloyd", "algorithm1"):
        result = kmeans(
            points.ravel(), 1, importance.ravel(), method=method, diameter_penalty=3.0, block_length=2, key=0
        )
        mean = np.average(points, axis=0, weights=importance)
        np.testing.assert_allclose(result.centers, mean[None], rtol=1e-12)


def cost(centers, means, mass, beta):
    return np.sum(mass * (centers - means) ** 2) + beta * farthest_pair(centers)[2] ** 2


@pytest.mark.parametrize("seed", range(12))
def test_block_centers_against_a_convex_programme(seed):
    rng = np.random.default_rng(seed)
    K, m = [(3, 2), (5, 2), (6, 3)][seed % 3]
    means, mass, beta = rng.normal(size=(K, m)), rng.exponential(size=(K, m)), rng.exponential() * 5
    if seed == 3:  # an equilateral triangle: three pairs are the farthest at once
        means, mass = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.75**0.5]]), np.ones((3, 2))
    ours = block_centers(means, mass, beta)
    pairs = np.array(list(itertools.combinations(range(K), 2)))

    def slack(x):
        centers = x[:-1].reshape(K, m)
        return x[-1] - np.sum((centers[pairs[:, 0]] - centers[pairs[:, 1]]) ** 2, axis=1)

    start = np.append(means.ravel(), farthest_pair(means)[2] ** 2)
    programme = minimize(
        lambda x: np.sum(mass * (x[:-1].reshape(K, m) - means) ** 2) + beta * x[-1],
        start,
        constraints={"type": "ineq", "fun": slack},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    value = cost(ours, means, mass, beta)
    assert value <= programme.fun * (1 + 1e-6)
    assert value >= programme.fun * (1 - 1e-6)
    # No direction descends.
    for _ in range(200):
        assert cost(ours + 1e-3 * rng.normal(size=ours.shape), means, mass, beta) >= value * (1 - 1e-8)


@settings(max_examples=settings().max_examples // 8)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.5, 20.0]), st.sampled_from([2, 3]))
def test_lloyd_of_blocks_is_monotone(seed, beta, m):
    rng = np.random.default_rng(seed)
    weights, importance = rng.normal(size=61), rng.exponential(size=61) * (rng.random(61) < 0.9)
    objectives = [
        kmeans(
            weights,
            5,
            importance,
            method=Lloyd(init="random", max_iterations=t),
            diameter_penalty=beta,
            block_length=m,
            key=seed,
        ).objective
        for t in (1, 2, 3, 5, 8)
    ]
    assert np.all(np.diff(objectives) <= 1e-10 * objectives[0])


def test_euclidean_assignment_ascends_where_the_hessian_weighted_one_does_not():
    # (36) against (35) at β = 0, m = 2: the printed assignment is not the minimiser of the objective.
    rng = np.random.default_rng(9)
    ascents, steps = 0, 0
    for seed in range(20):
        weights, importance = rng.normal(size=120), rng.exponential(size=120) ** 2
        common = {"importance": importance, "block_length": 2, "key": seed}
        path = [
            kmeans(weights, 6, method=Algorithm1(init="random", max_iterations=t), **common).objective
            for t in range(1, 6)
        ]
        ascents += int(np.sum(np.diff(path) > 1e-9 * path[0]))
        steps += len(path) - 1
    assert 0.03 < ascents / steps < 0.5


def test_algorithm1_of_blocks_satisfies_the_printed_equations():
    rng = np.random.default_rng(10)
    points, importance, beta = rng.normal(size=(200, 2)), rng.exponential(size=(200, 2)), 2.0
    result = kmeans(
        points.ravel(),
        4,
        importance.ravel(),
        method="algorithm1",
        diameter_penalty=beta,
        block_length=2,
        key=5,
    )
    assert result.converged
    c, labels = result.centers, result.labels
    euclidean = np.sum((points[:, None] - c) ** 2, axis=2)
    np.testing.assert_allclose(euclidean[np.arange(200), labels], euclidean.min(axis=1), rtol=1e-9)
    mass = np.stack([importance[labels == k].sum(axis=0) for k in range(4)])
    moment = np.stack([(importance * points)[labels == k].sum(axis=0) for k in range(4)])
    a, b, diameter = farthest_pair(c)
    np.testing.assert_allclose((mass[a] + beta) * c[a], moment[a] + beta * c[b], rtol=1e-9)
    np.testing.assert_allclose((mass[b] + beta) * c[b], moment[b] + beta * c[a], rtol=1e-9)
    for k in set(range(4)) - {a, b}:
        np.testing.assert_allclose(mass[k] * c[k], moment[k], rtol=1e-9)
    distortion = np.sum(importance * (points - c[labels]) ** 2)
    assert result.objective == pytest.approx(distortion + beta * diameter**2, rel=1e-12)


def test_penalty_shrinks_a_vector_codebook():
    rng = np.random.default_rng(11)
    weights = rng.normal(size=1000)
    diameters = [
        farthest_pair(kmeans(weights, 8, None, diameter_penalty=beta, block_length=2, key=0).centers)[2]
        for beta in (0.0, 20.0, 200.0)
    ]
    assert diameters[0] > diameters[1] > diameters[2]


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"num_clusters": 3}, "num_clusters must be at most"),
        ({"key": None}, "needs a key"),
        ({"method": Lloyd(init="quantile")}, "init for blocks must be one of"),
        ({"method": Lloyd(init=[1.0, 2.0])}, "init must have shape"),
    ],
)
def test_bad_input_for_blocks(arguments, match):
    with pytest.raises(ValueError, match=match):
        kmeans(**{"weights": [1.0, 2.0, 4.0], "num_clusters": 2, "block_length": 2, "key": 0, **arguments})


@pytest.mark.parametrize("num_clusters", [1, 2, 3, 16, 32, 33, 100, 256])
def test_nearest_centre_of_many(num_clusters):
    rng = np.random.default_rng(12)
    points, centers = rng.normal(size=(700, 2)), rng.normal(size=(num_clusters, 2))
    result = kmeans(
        points.ravel(), num_clusters, method=Algorithm1(init=centers, max_iterations=1), block_length=2
    )
    expected = np.argmin(np.sum((points[:, None] - centers) ** 2, axis=2), axis=1)
    np.testing.assert_array_equal(result.labels, expected)


def test_centers_that_coincide_stay():
    """One centre, or several in one place: nothing to draw together."""
    for means in (np.array([[1.0, 2.0]]), np.array([[1.0, 2.0], [1.0, 2.0]])):
        np.testing.assert_array_equal(block_centers(means, np.ones_like(means), 1.0), means)


def test_warm_center_updates_agree_with_cold_ones():
    """Pairs and multipliers kept from other means do not change the minimum."""
    rng = np.random.default_rng(3)
    means, mass = rng.normal(size=(20, 2)), rng.gamma(0.5, 10, size=(20, 2))
    update = CenterUpdate(20.0)
    for step in range(4):
        means = means + 0.05 * step * rng.normal(size=means.shape)
        warm, cold = update(means, mass, 1e-9), block_centers(means, mass, 20.0)
        costs = [np.sum(mass * (c - means) ** 2) + 20.0 * farthest_pair(c)[2] ** 2 for c in (warm, cold)]
        assert costs[0] == pytest.approx(costs[1], rel=3e-9)


@pytest.mark.parametrize("beta", [0.0, 0.5])
def test_empty_clusters_of_blocks_move_to_what_costs_most(beta):
    """Two centres given where no block is; in one dimension less the same by brute force."""
    rng = np.random.default_rng(13)
    points = np.concatenate([rng.normal(size=(20, 2)) * 0.1 + origin for origin in ([0, 0], [5, 0], [0, 5])])
    start = np.array([[1.0, 1.0], [90.0, 90.0], [-90.0, 90.0]])
    common = {"block_length": 2, "diameter_penalty": beta}
    result = kmeans(points.ravel(), 3, method=Lloyd(init=start), **common)
    assert result.counts.tolist() == [20, 20, 20]
    clumps = points.reshape(3, 20, 2)
    means = clumps.mean(axis=1)
    if beta == 0:
        expected = np.sum((clumps - means[:, None]) ** 2)
        assert result.objective == pytest.approx(expected, rel=1e-12)
    else:
        centers = block_centers(means, np.full((3, 2), 20.0), beta)
        expected = np.sum((clumps - centers[:, None]) ** 2) + beta * farthest_pair(centers)[2] ** 2
        assert result.objective == pytest.approx(expected, rel=1e-8)
    path = [
        kmeans(points.ravel(), 3, method=Lloyd(init=start, max_iterations=t), **common).objective
        for t in range(1, 6)
    ]
    assert np.all(np.diff(path) <= 1e-10 * path[0])
    printed = kmeans(points.ravel(), 3, method=Algorithm1(init=start), **common)
    assert printed.counts.tolist() == [60, 0, 0]  # as printed
