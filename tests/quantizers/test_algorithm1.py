"""Algorithm 1 as printed: what it solves, and where it ascends."""

import numpy as np

from ratedist.quantizers import (
    Algorithm1,
    kmeans,
)


def test_algorithm1_without_penalty_is_lloyd():
    rng = np.random.default_rng(9)
    weights, importance = rng.normal(size=300), rng.exponential(size=300)
    printed = kmeans(weights, 6, importance, method="algorithm1")
    exact = kmeans(weights, 6, importance)
    np.testing.assert_allclose(printed.centers, exact.centers, rtol=1e-12)
    assert printed.converged


def test_algorithm1_fixed_point_satisfies_the_printed_equations():
    rng = np.random.default_rng(10)
    weights, importance, beta = rng.normal(size=400), rng.exponential(size=400), 20.0
    result = kmeans(weights, 5, importance, method="algorithm1", diameter_penalty=beta)
    assert result.converged
    c, labels = result.centers, result.labels
    np.testing.assert_array_equal(labels, np.argmin(np.abs(weights[:, None] - c), axis=1))
    mass = np.bincount(labels, importance)
    moment = np.bincount(labels, importance * weights)
    np.testing.assert_allclose((mass[0] + beta) * c[0], moment[0] + beta * c[-1], rtol=1e-10)
    np.testing.assert_allclose((mass[-1] + beta) * c[-1], moment[-1] + beta * c[0], rtol=1e-10)
    np.testing.assert_allclose(mass[1:-1] * c[1:-1], moment[1:-1], rtol=1e-10)


def test_algorithm1_returns_the_assignment_of_its_last_iteration():
    weights = np.random.default_rng(11).normal(size=50)
    start = np.array([-0.5, 0.1, 2.0])
    result = kmeans(weights, 3, method=Algorithm1(init=start, max_iterations=1))
    labels = np.argmin(np.abs(weights[:, None] - start), axis=1)
    np.testing.assert_array_equal(result.labels, labels)
    np.testing.assert_allclose(result.centers, [weights[labels == k].mean() for k in range(3)], rtol=1e-12)


def test_algorithm1_may_ascend_and_lloyd_is_no_worse_at_rest():
    ascents, iterations = 0, 0
    rng = np.random.default_rng(12)
    for seed in range(60):
        weights, importance = rng.normal(size=40), rng.exponential(size=40)
        common = {"importance": importance, "diameter_penalty": 30.0, "key": seed}
        path = [
            kmeans(weights, 8, method=Algorithm1("random", max_iterations=steps), **common).objective
            for steps in range(1, 9)
        ]
        ascents += int(np.sum(np.diff(path) > 1e-9))
        iterations += 7
    assert 0 < ascents < 0.5 * iterations
