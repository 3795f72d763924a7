"""The objective with a price on the diameter: the optimum, and descents to it."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist.quantizers import (
    Lloyd,
    Optimal,
    kmeans,
)
from ratedist.quantizers.objective import PENALTIES
from ratedist.quantizers.traced.lloyd import lloyd
from tests.quantizers.brute_force import best_objective


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize(
    "seed",
    [seed if seed in (0, 7) else pytest.param(seed, marks=pytest.mark.slow) for seed in range(12)],
)
def test_optimal_equals_enumeration_of_all_assignments(seed, penalty):
    rng = np.random.default_rng(seed)
    size, num_clusters = [(9, 2), (8, 3), (7, 4)][seed % 3]
    weights, importance, beta = rng.normal(size=size), rng.exponential(size=size), rng.exponential() * 3
    if seed % 4 == 3:
        weights = np.round(weights)
    result = kmeans(
        weights,
        num_clusters,
        importance,
        method=Optimal(tolerance=1e-9),
        diameter_penalty=beta,
        penalty=penalty,
    )
    least = best_objective(weights, importance, num_clusters, beta, penalty)
    assert result.converged
    assert result.objective == pytest.approx(least, rel=1e-9)
    assert result.lower_bound <= least * (1 + 1e-12)
    assert result.lower_bound >= least * (1 - 2e-9)


@settings(max_examples=settings().max_examples // 5)
@given(st.integers(0, 2**32), st.sampled_from(PENALTIES), st.sampled_from([0.05, 1.0, 30.0]))
def test_lloyd_is_monotone_and_above_the_certificate(seed, penalty, beta):
    rng = np.random.default_rng(seed)
    weights, importance = rng.normal(size=40), rng.exponential(size=40) * (rng.random(40) < 0.9)
    common = {
        "importance": importance,
        "diameter_penalty": beta,
        "penalty": penalty,
    }
    objectives = [
        kmeans(weights, 6, method=Lloyd("random", max_iterations=steps), key=seed, **common).objective
        for steps in (1, 2, 3, 5, 9)
    ]
    assert np.all(np.diff(objectives) <= 1e-12 * objectives[0])
    optimal = kmeans(weights, 6, method=Optimal(tolerance=1e-4), **common)
    assert optimal.converged
    assert optimal.objective <= objectives[-1] * (1 + 1e-12)
    assert objectives[-1] >= optimal.lower_bound * (1 - 1e-12)
    assert optimal.objective - optimal.lower_bound <= 1e-4 * optimal.objective
    assert np.all(
        np.abs(weights - optimal.reconstruction)[:, None]
        <= np.abs(weights[:, None] - optimal.centers) + 1e-12
    )


def test_optimal_finds_what_lloyd_misses():
    rng = np.random.default_rng(4)
    weights = rng.normal(size=50)
    gains = []
    for penalty in PENALTIES:
        local = kmeans(
            weights, 16, None, method=Lloyd(init="random"), diameter_penalty=10.0, penalty=penalty, key=0
        )
        best = kmeans(weights, 16, None, method="optimal", diameter_penalty=10.0, penalty=penalty)
        assert best.converged
        gains.append(local.objective / best.objective - 1)
    assert max(gains) > 1e-4


def test_penalty_shrinks_the_codebook():
    rng = np.random.default_rng(5)
    weights = rng.laplace(size=2000)
    for penalty in PENALTIES:
        diameters, distortions = [], []
        for beta in (0.0, 10.0, 100.0, 1000.0):
            result = kmeans(weights, 7, None, diameter_penalty=beta, penalty=penalty)
            diameters.append(np.ptp(result.centers))
            distortions.append(np.sum((weights - result.reconstruction) ** 2))
        assert np.all(np.diff(diameters) < 0)
        assert np.all(np.diff(distortions) > 0)


def test_linear_penalty_can_pull_all_centres_together():
    weights = np.array([-1.0, 0.0, 3.0])
    for method in ("lloyd", "optimal"):
        result = kmeans(weights, 3, None, method=method, diameter_penalty=1e3, penalty="linear")
        np.testing.assert_allclose(result.reconstruction, weights.mean(), rtol=1e-12)


@pytest.mark.slow
def test_traced_lloyd_with_penalty_equals_numpy():
    rng = np.random.default_rng(13)
    weights, importance = rng.normal(size=(30, 40)), rng.exponential(size=(30, 40))
    keys = jax.random.split(jax.random.key(0), 30)
    betas = np.linspace(0.0, 20.0, 30)
    for penalty in PENALTIES:

        def solve(key, w, h, beta, penalty=penalty):
            return lloyd(key, w, 6, Lloyd("quantile"), h, beta, penalty)

        runs = jax.jit(jax.vmap(solve))(keys, weights, importance, betas)
        same = 0
        for trial in range(30):
            expected = kmeans(
                weights[trial],
                6,
                importance[trial],
                method=Lloyd(init="quantile"),
                diameter_penalty=betas[trial],
                penalty=penalty,
            )
            # There an empty cluster takes half of another one; here it keeps its centre.
            if runs.objective[trial] == pytest.approx(expected.objective, rel=1e-9):
                same += 1
                np.testing.assert_allclose(runs.centers[trial], expected.centers, atol=1e-9)
        assert same > 0.4 * 30, same


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"diameter_penalty": -1.0}, "diameter_penalty must be"),
        ({"diameter_penalty": np.nan}, "diameter_penalty must be"),
        ({"diameter_penalty": [1.0, 2.0]}, "diameter_penalty must be"),
        ({"penalty": "cubic"}, "penalty must be one of"),
        ({"penalty": "linear", "method": "algorithm1"}, "linear"),
        ({"penalty": "linear", "block_length": 2}, "linear"),
        ({"method": "optimal", "block_length": 2}, "optimal"),
        ({"block_length": 0}, "block_length"),
    ],
)
def test_bad_input_with_penalty(arguments, match):
    with pytest.raises(ValueError, match=match):
        kmeans(**{"weights": [1.0, 2.0, 4.0], "num_clusters": 2, **arguments})
