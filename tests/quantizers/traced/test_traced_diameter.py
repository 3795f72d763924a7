import functools

import jax
import numpy as np
import pytest

from ratedist.quantizers import Optimal, kmeans
from ratedist.quantizers.traced.diameter import optimal_under_diameter_penalty
from tests.quantizers.brute_force import best_objective
from tests.quantizers.traced.problems import KINDS, TRIALS, beside_a_far_one, problem


@functools.partial(jax.jit, static_argnames=("num_clusters", "penalty"))
def solved(weights, importance, betas, num_clusters, penalty):
    def one(w, h, beta):
        return optimal_under_diameter_penalty(w, num_clusters, h, beta, penalty)

    return jax.vmap(one)(weights, importance, betas)


def solve(*problems):
    """Several problems of one shape at once."""
    return jax.tree.map(np.asarray, solved(*problems))


# Each case compiles its own programme. What differs with the number of clusters knows of no penalty.
# In the last one each weight may have a cluster.
@pytest.mark.parametrize(
    ("size", "num_clusters", "penalty"),
    [
        pytest.param(9, 2, "squared", marks=pytest.mark.slow),
        pytest.param(8, 3, "squared", marks=pytest.mark.slow),
        pytest.param(6, 4, "squared", marks=pytest.mark.slow),
        pytest.param(7, 3, "linear", marks=pytest.mark.slow),
        (5, 5, "linear"),
    ],
)
def test_it_equals_enumeration_of_all_assignments(size, num_clusters, penalty) -> None:
    rng = np.random.default_rng(size)
    weights, importance = rng.normal(size=(8, size)), rng.exponential(size=(8, size))
    weights[3] = np.round(weights[3])
    betas = np.geomspace(0.01, 30.0, 8)
    found = solve(weights, importance, betas, num_clusters, penalty)
    for trial, beta in enumerate(betas):
        least = best_objective(weights[trial], importance[trial], num_clusters, beta, penalty)
        assert found.objective[trial] == pytest.approx(least, rel=1e-10)


@pytest.mark.parametrize("penalty", ["squared", pytest.param("linear", marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["plain", "ties", "zeros"])
def test_it_equals_the_certified_optimum(kind, penalty) -> None:
    rng = np.random.default_rng(1)
    # Of the shape of the problems below, so that it is compiled once.
    weights = rng.normal(1.0, 2.0, size=(TRIALS, 30))
    importance = rng.exponential(size=(TRIALS, 30))
    if kind == "ties":
        weights = np.round(weights)
    if kind == "zeros":
        importance *= rng.random((TRIALS, 30)) < 0.7
    betas = np.resize([1e-3, 0.1, 1.0, 5.0, 40.0, 1000.0], TRIALS)
    found = solve(weights, importance, betas, 5, penalty)
    # Beside each other in one program; of each kind some are enough.
    for trial, beta in list(enumerate(betas[:6]))[{"plain": 0, "ties": 1, "zeros": 2}[kind] :: 3]:
        expected = kmeans(
            weights[trial],
            5,
            importance[trial],
            method=Optimal(tolerance=1e-7),
            diameter_penalty=beta,
            penalty=penalty,
        )
        assert found.objective[trial] == pytest.approx(expected.objective, rel=3e-7)
        assert found.objective[trial] >= expected.lower_bound * (1 - 1e-12)
        centers, labels = found.centers[trial], found.labels[trial]
        assert np.all(np.diff(centers) >= 0)
        np.testing.assert_array_equal(found.reconstruction[trial], centers[labels])
        np.testing.assert_array_equal(found.counts[trial], np.bincount(labels, minlength=5))
        distances = np.abs(weights[trial][:, None] - centers)
        chosen = np.take_along_axis(distances, labels[:, None], axis=1)[:, 0]
        np.testing.assert_allclose(chosen, distances.min(axis=1), atol=1e-12)


def test_one_cluster() -> None:
    rng = np.random.default_rng(2)
    weights, importance = rng.normal(size=(2, 6)), rng.exponential(size=(2, 6))
    one = solve(weights, importance, np.array([1.0, 2.0]), 1, "squared")
    means = np.average(weights, axis=1, weights=importance)
    np.testing.assert_allclose(one.reconstruction, np.broadcast_to(means[:, None], (2, 6)), rtol=1e-12)


def test_a_strong_linear_penalty_leaves_one_centre() -> None:
    weights = np.array([[-1.0, 0.0, 3.0, 0.5, 0.0]]) * np.arange(1, 9)[:, None]
    found = solve(weights, np.ones((8, 5)), np.full(8, 1e3), 5, "linear")
    means = np.broadcast_to(np.mean(weights, axis=1, keepdims=True), weights.shape)
    np.testing.assert_allclose(found.reconstruction, means, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_under_the_penalty_single_precision_finds_what_double_does(kind) -> None:
    weights, importance = problem(kind, np.float32, 30)
    # A penalty that matters beside the spread.
    beta = 0.1 * np.median(importance, axis=1) if kind != "mask" else np.full(TRIALS, 1e-20, np.float32)
    arguments = weights, importance, beta.astype(np.float32)
    in_double = [array.astype(np.float64) for array in arguments]
    single, double = (solve(*some, 5, "squared").reconstruction for some in (arguments, in_double))
    w, h, b = in_double

    def objectives(values):
        return np.sum(h * (w - values) ** 2, axis=1) + b * np.ptp(values, axis=1) ** 2

    found, least = (objectives(np.asarray(x, np.float64)) for x in (single, double))
    # Centres are single-precision numbers.
    rounding = np.sum(h * (2e-7 * np.abs(w)) ** 2, axis=1) + b * np.max(np.abs(w), axis=1) ** 2 * 4e-14
    assert np.all(found <= least * (1 + 1e-4) + 4 * np.sqrt(least * rounding) + rounding)


def test_a_weight_far_from_all_others_costs_the_rest_no_digits_in_single_precision() -> None:
    w, h, far = beside_a_far_one(30)
    # Small enough that the far weight keeps a centre of its own.
    betas = np.where(far == 0, 1e-3, 1e-2 / np.maximum(np.abs(far), 1) ** 2).astype(np.float32)
    found = solve(w, h, betas, 5, "squared").reconstruction.astype(np.float64)
    for one, own, beta, values in zip(w, h, betas.tolist(), found, strict=True):
        exactly, importance = one.astype(np.float64), own.astype(np.float64)
        objective = np.sum(importance * (exactly - values) ** 2) + beta * np.ptp(values) ** 2
        least = kmeans(exactly, 5, importance, method="optimal", diameter_penalty=beta).objective
        assert least * (1 - 1e-6) <= objective <= least * (1 + 1e-4)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((np.ones(3), 4, np.ones(3), 1.0), "num_clusters must be at most"),
        ((np.ones((3, 2)), 2, np.ones(3), 1.0), "weights must have shape"),
        ((np.ones(3), 2, np.ones(2), 1.0), "importance must have the shape"),
        ((np.ones(3), 2, np.ones(3), 1.0, "cubic"), "penalty must be one of"),
    ],
)
def test_bad_input(arguments, match) -> None:
    with pytest.raises(ValueError, match=match):
        optimal_under_diameter_penalty(*arguments)
