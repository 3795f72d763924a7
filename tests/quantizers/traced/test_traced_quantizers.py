import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ratedist.quantizers import Lloyd, kmeans, optimal_scalar_path
from ratedist.quantizers.traced.initialization import INITIALIZATIONS, plus_plus_centers
from ratedist.quantizers.traced.lloyd import lloyd
from ratedist.quantizers.traced.optimal import optimal_path

TRIALS, D, MAX_CLUSTERS = 40, 30, 9
weighted_paths = jax.jit(jax.vmap(lambda w, h: optimal_path(w, MAX_CLUSTERS, h)))


@functools.partial(jax.jit, static_argnames="init")
def five_by_lloyd(keys, weights, importance, init):
    return jax.vmap(lambda k, w, h: lloyd(k, w, 5, Lloyd(init), h))(keys, weights, importance)


@functools.partial(jax.jit, static_argnames="init")
def five_starts(weights, importance, init):
    return jax.vmap(lambda w, h: INITIALIZATIONS[init](None, w, h, 5))(weights, importance)


def draw(seed, kind):
    rng = np.random.default_rng(seed)
    weights = np.where(np.arange(D) % 2 == 0, 1.0, -1.0) + 0.4 * rng.normal(size=(TRIALS, D)) + 3.0
    if kind == "ties":
        weights = np.round(weights, 1)
    importance = (
        None if kind == "equal" else rng.exponential(size=(TRIALS, D)) * (rng.random((TRIALS, D)) < 0.8)
    )
    return weights, importance


@pytest.mark.parametrize("kind", [pytest.param("equal", marks=pytest.mark.slow), "weighted", "ties"])
def test_optimal_path_equals_numpy(kind):
    weights, importance = draw(0, kind)
    if importance is None:
        path = jax.jit(jax.vmap(lambda w: optimal_path(w, MAX_CLUSTERS)))(weights)
    else:
        path = weighted_paths(weights, importance)
    labels, centers, reconstruction, counts = (np.asarray(leaf) for leaf in path)
    for trial in range(TRIALS):
        h = np.ones(D) if importance is None else importance[trial]
        for num_clusters, expected in enumerate(optimal_scalar_path(weights[trial], MAX_CLUSTERS, h), 1):
            row = (trial, num_clusters - 1)
            objective = np.sum(h * (weights[trial] - reconstruction[row]) ** 2)
            assert objective == pytest.approx(expected.objective, rel=1e-11, abs=1e-13)
            np.testing.assert_array_equal(reconstruction[row], centers[row][labels[row]])
            np.testing.assert_array_equal(counts[row], np.bincount(labels[row], minlength=MAX_CLUSTERS))
            assert np.all(centers[row][num_clusters:] == 0)
            assert np.all(counts[row][num_clusters:] == 0)
            if kind != "ties":
                np.testing.assert_allclose(reconstruction[row], expected.reconstruction, rtol=1e-12)
                np.testing.assert_array_equal(labels[row], expected.labels)


@pytest.mark.parametrize("kind", ["equal", "weighted"])
@pytest.mark.parametrize("init", ["quantile", pytest.param("linear", marks=pytest.mark.slow)])
def test_lloyd_equals_numpy_from_the_same_start(kind, init):
    weights, importance = draw(1, kind)
    h = np.ones_like(weights) if importance is None else importance
    keys = jax.random.split(jax.random.key(0), TRIALS)
    run = jax.device_get(five_by_lloyd(keys, weights, h, init))
    assert np.all(run.converged)
    starts = five_starts(weights, h, init)
    nearest = np.argmin(np.abs(weights[:, :, None] - np.asarray(starts)[:, None, :]), axis=2)
    filled = [np.unique(nearest[trial][h[trial] > 0]).size == 5 for trial in range(TRIALS)]
    # Some trials start with an empty cluster; of the quantiles a heavy weight may be two.
    assert np.mean(filled) <= {"linear": 0.9, "quantile": 0.975 if kind == "weighted" else 1.0}[init]
    for trial in range(TRIALS):
        expected = kmeans(weights[trial], 5, h[trial], method=Lloyd(init=init))
        assert run.objective[trial] == pytest.approx(expected.objective, rel=1e-12)
        np.testing.assert_array_equal(run.labels[trial], expected.labels)
        # There a light cluster's mean is a difference of sums over all weights.
        np.testing.assert_allclose(run.centers[trial], expected.centers, rtol=1e-10)
        for k in range(5):
            own = (expected.labels == k) & (h[trial] > 0)
            mean = np.average(weights[trial][own], weights=h[trial][own])
            assert run.centers[trial][k] == pytest.approx(mean, rel=1e-14)
        np.testing.assert_array_equal(run.counts[trial], expected.counts)


@pytest.mark.parametrize("init", ["random", pytest.param("kmeans++", marks=pytest.mark.slow)])
def test_random_starts_of_lloyd(init):
    weights, _ = draw(2, "equal")
    keys = jax.random.split(jax.random.key(1), TRIALS)

    def solver(num_starts, max_iterations=100):
        method = Lloyd(init, num_starts, max_iterations)
        return jax.jit(jax.vmap(lambda k, w: lloyd(k, w, 4, method)))

    optimal = np.array([kmeans(w, 4, method="optimal").objective for w in weights])
    solve = solver(20)
    many = jax.device_get(solve(keys, weights))
    assert np.all(np.asarray(many.objective) >= optimal * (1 - 1e-12))
    assert np.all(many.converged)
    assert np.mean(many.objective / optimal) < 1.01
    one = [kmeans(w, 4, method=Lloyd(init), key=trial).objective for trial, w in enumerate(weights)]
    assert np.mean(many.objective) < np.mean(one)
    if init == "kmeans++":  # the limit is not the start's: compiled for one of them
        one, early = (jax.device_get(solver(1, steps)(keys, weights)) for steps in (100, 2))
        assert np.all(one.converged)
        assert np.mean(many.objective) < np.mean(one.objective)
        assert np.all(early.objective >= np.asarray(one.objective) * (1 - 1e-12))
    # The same weights with other keys start elsewhere and end in several places.
    same = solve(keys, np.broadcast_to(weights[0], weights.shape))
    assert len(np.unique(np.round(np.asarray(same.centers), 9), axis=0)) > 1


def test_default_start_is_the_optimum_without_penalty():
    weights, h = draw(3, "weighted")
    keys = jax.random.split(jax.random.key(0), TRIALS)
    run = jax.device_get(five_by_lloyd(keys, weights, h, None))
    assert np.all(run.converged)
    for trial in range(TRIALS):
        optimum = kmeans(weights[trial], 5, h[trial], method="optimal")
        assert run.objective[trial] == pytest.approx(optimum.objective, rel=1e-11)
        own = kmeans(weights[trial], 5, h[trial])
        np.testing.assert_array_equal(run.labels[trial], own.labels)


def test_random_start_uses_distinct_weights():
    weights = jnp.arange(6.0)
    start = jax.jit(lambda key, w: INITIALIZATIONS["random"](key, w, jnp.ones(6), 6))
    np.testing.assert_array_equal(np.sort(start(jax.random.key(0), weights)), weights)


def test_kmeans_plus_plus_first_two_centres():
    # One iteration moves no centre when every weight is its own cluster or tied to it.
    weights = jnp.array([0.0, 1.0, 3.0])
    importance = jnp.array([1.0, 2.0, 1.0])
    keys = jax.random.split(jax.random.key(2), 40_000)
    start = jax.jit(jax.vmap(lambda k: plus_plus_centers(k, weights, importance, 2)))(keys)
    first, second = np.asarray(start).T
    np.testing.assert_allclose([np.mean(first == w) for w in (0.0, 1.0, 3.0)], [0.25, 0.5, 0.25], atol=0.01)
    given_one = second[first == 1.0]
    np.testing.assert_allclose(
        [np.mean(given_one == w) for w in (0.0, 1.0, 3.0)], [0.2, 0.0, 0.8], atol=0.012
    )


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: optimal_path(jnp.ones(3), 4), "max_clusters must be at most"),
        (lambda: optimal_path(jnp.ones((3, 2)), 2), "weights must have shape"),
        (lambda: optimal_path(jnp.ones(3), 2, jnp.ones(2)), "importance must have the shape"),
        (lambda: lloyd(jax.random.key(0), jnp.ones(3), 0, Lloyd()), "num_clusters"),
        (
            lambda: lloyd(jax.random.key(0), jnp.ones(3), 2, Lloyd("high_rate")),
            "init for simulated trials must",
        ),
        (lambda: lloyd(jax.random.key(0), jnp.ones(3), 2, Lloyd(num_starts=2)), "num_starts"),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(ValueError, match=match):
        call()
