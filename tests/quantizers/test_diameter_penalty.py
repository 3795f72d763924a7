import itertools

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from ratedist.quantizers import Algorithm1, Lloyd, Optimal, kmeans
from ratedist.quantizers.center_update import confined_centers, printed_pair
from ratedist.quantizers.objective import PENALTIES, diameter_cost
from ratedist.quantizers.scalar import branch_and_bound
from ratedist.quantizers.scalar.bins import binned
from ratedist.quantizers.scalar.statistics import sorted_entries
from ratedist.quantizers.scalar.tilted_costs import TiltedCosts
from ratedist.quantizers.traced.center_update import confined_centers as confined_centers_in_jax
from ratedist.quantizers.traced.lloyd import lloyd

CONFINED_IN_JAX = jax.jit(confined_centers_in_jax, static_argnums=3)


def cost(centers, means, mass, beta, penalty):
    return np.sum(mass * (centers - means) ** 2) + diameter_cost(np.ptp(centers), beta, penalty)


def least_cost(means, mass, beta, penalty):
    """Independent of the closed form: every set of lowest and highest clusters that could be clipped."""
    m, A = means[np.argsort(means)], mass[np.argsort(means)]
    best = cost(np.full(m.size, np.average(m, weights=A)), m, A, beta, penalty)
    for p, q in itertools.product(range(1, m.size), repeat=2):
        if p + q > m.size:
            continue
        a, b = np.average(m[:p], weights=A[:p]), np.average(m[-q:], weights=A[-q:])
        P, Q = A[:p].sum(), A[-q:].sum()
        if penalty == "squared":
            lo, hi = np.linalg.solve([[P + beta, -beta], [-beta, Q + beta]], [P * a, Q * b])
        else:
            lo, hi = a + beta / 4 / P, b - beta / 4 / Q
        if lo <= hi:
            best = min(best, cost(np.clip(m, lo, hi), m, A, beta, penalty))
    return best


def set_partitions(size, num_clusters):
    """Labels of every partition into at most K clusters, each once."""
    labels = [0] * size

    def extend(position, used):
        if position == size:
            yield np.array(labels)
            return
        for k in range(min(used + 1, num_clusters)):
            labels[position] = k
            yield from extend(position + 1, max(used, k + 1))

    yield from extend(0, 0)


def best_objective(weights, importance, num_clusters, beta, penalty):
    best = np.inf
    for labels in set_partitions(weights.size, num_clusters):
        mass = np.bincount(labels, importance)
        means = np.bincount(labels, importance * weights) / mass
        scatter = np.sum(importance * (weights - means[labels]) ** 2)
        best = min(best, scatter + least_cost(means, mass, beta, penalty))
    return best


@st.composite
def updates(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    size = draw(st.sampled_from([1, 2, 8]))
    mass = rng.exponential(size=size) * (rng.random(size) < 0.8)
    mass[rng.integers(size)] = 1.0
    return np.sort(rng.normal(size=size)), mass, draw(st.sampled_from([0.0, 1e-3, 0.3, 5.0, 1e4]))


@settings(max_examples=200)
@given(updates(), st.sampled_from(PENALTIES))
def test_confined_centers_minimise(update, penalty):
    means, mass, beta = update
    centers, (lo, hi) = confined_centers(means, mass, beta, penalty)
    assert np.all(np.diff(centers) >= 0)
    filled = mass > 0
    value = np.sum((mass * (centers - means) ** 2)[filled]) + diameter_cost(hi - lo, beta, penalty)
    assert value == pytest.approx(
        least_cost(means[filled], mass[filled], beta, penalty), rel=1e-10, abs=1e-13
    )
    in_jax = CONFINED_IN_JAX(means, mass, beta, penalty)
    np.testing.assert_allclose(in_jax, centers, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_confined_centers_against_a_quadratic_programme(penalty):
    rng = np.random.default_rng(0)
    for _ in range(10):
        means, mass, beta = np.sort(rng.normal(size=5)), rng.exponential(size=5), rng.exponential() * 2
        centers, _ = confined_centers(means, mass, beta, penalty)
        # Variables: the centres, then lo and hi around them.
        programme = minimize(
            lambda x: np.sum(mass * (x[:5] - means) ** 2) + diameter_cost(x[6] - x[5], beta, penalty),  # noqa: B023
            np.concatenate([means, means[[0, -1]]]),
            constraints={"type": "ineq", "fun": lambda x: np.concatenate([x[:5] - x[5], x[6] - x[:5]])},
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 500},
        )
        assert cost(centers, means, mass, beta, penalty) <= programme.fun + 1e-9
        np.testing.assert_allclose(centers, programme.x[:5], atol=1e-4)


def test_printed_pair_solves_both_equations():
    rng = np.random.default_rng(1)
    a, b, A, B = rng.normal(size=3), rng.normal(size=3), rng.exponential(size=3), rng.exponential(size=3)
    A[2], beta = 0.0, 0.7
    x, y = printed_pair(a, b, A, B, beta)
    np.testing.assert_allclose((A + beta) * x, A * a + beta * y, rtol=1e-13)
    np.testing.assert_allclose((B + beta) * y, B * b + beta * x, rtol=1e-13)
    gap = A * B * (b - a) / (A * B + beta * (A + B))
    np.testing.assert_allclose(y - x, gap, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("seed", range(12))
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


@pytest.mark.parametrize("dense_size", [0, 1000])
def test_bound_of_a_box_is_below_every_quantiser_in_it(dense_size, monkeypatch):
    monkeypatch.setattr("ratedist.quantizers.scalar.statistics.DENSE_SIZE", dense_size)
    rng = np.random.default_rng(2)
    for trial in range(100):
        weights, importance = rng.normal(size=12), rng.exponential(size=12)
        num_clusters, beta = int(rng.integers(2, 6)), rng.exponential() * 5
        penalty = PENALTIES[trial % 2]
        table = sorted_entries(weights, importance).table
        centers = np.sort(rng.normal(size=num_clusters)) * 0.7
        width = rng.exponential() * 0.3
        middle = (centers[0] + centers[-1]) / 2
        low = (centers[0] - width * rng.random(), min(centers[0] + width * rng.random(), middle))
        high = (max(centers[-1] - width * rng.random(), middle), centers[-1] + width * rng.random())
        costs = TiltedCosts(table, low, high, beta, penalty)
        [(least, _)] = branch_and_bound.optimal_runs(costs, range(num_clusters, num_clusters + 1))
        distance = np.min((weights[:, None] - centers) ** 2, axis=1)
        objective = np.sum(importance * distance) + diameter_cost(np.ptp(centers), beta, penalty)
        assert least + costs.constant <= objective + 1e-12


@pytest.mark.parametrize("penalty", PENALTIES)
def test_bound_of_a_box_around_the_optimum_is_wrong_by_the_square_of_its_size(penalty):
    """With the linear penalty not at all, if the outer centres have weights on both sides."""
    rng = np.random.default_rng(0)
    weights, importance = rng.normal(size=60), rng.exponential(size=60)
    beta = {"squared": 3.0, "linear": 20.0}[penalty]
    optimum = kmeans(
        weights, 5, importance, method=Optimal(tolerance=1e-10), diameter_penalty=beta, penalty=penalty
    )
    table = sorted_entries(weights, importance).table
    lowest, highest = optimum.centers[[0, -1]]
    errors = []
    for size in (0.1, 0.05, 0.025):
        low, high = (lowest - 0.4 * size, lowest + 0.6 * size), (highest - 0.7 * size, highest + 0.3 * size)
        costs = TiltedCosts(table, low, high, beta, penalty)
        [(least, _)] = branch_and_bound.optimal_runs(costs, range(5, 6))
        errors.append(optimum.objective - least - costs.constant)
    if penalty == "linear":
        np.testing.assert_allclose(errors, 0.0, atol=1e-11)
    else:
        np.testing.assert_allclose(errors[0] / np.array(errors), [1, 4, 16], rtol=1e-3)


def test_divide_and_conquer_equals_dense_programme(monkeypatch):
    rng = np.random.default_rng(3)
    for _ in range(20):
        weights, importance = rng.normal(size=60), rng.exponential(size=60)
        low, high = (-1.0, -0.6 + 0.3 * rng.random()), (0.5, 1.5)
        values = []
        for dense_size in (0, 1000):
            monkeypatch.setattr("ratedist.quantizers.scalar.statistics.DENSE_SIZE", dense_size)
            costs = TiltedCosts(sorted_entries(weights, importance).table, low, high, 4.0, "squared")
            values.append([value for value, _ in branch_and_bound.optimal_runs(costs, range(1, 9))])
        np.testing.assert_allclose(values[0], values[1], rtol=1e-12)


@settings(max_examples=40)
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
        for steps in range(1, 10)
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


def test_certificate_with_bins(monkeypatch):
    rng = np.random.default_rng(6)
    weights, importance = rng.normal(size=600), rng.exponential(size=600)
    for penalty in PENALTIES:
        exact = kmeans(weights, 4, importance, method="optimal", diameter_penalty=20.0, penalty=penalty)
        assert exact.converged
        with monkeypatch.context() as patch:
            patch.setattr(branch_and_bound, "MAX_ENTRIES", 100)
            binned = kmeans(weights, 4, importance, method="optimal", diameter_penalty=20.0, penalty=penalty)
        assert not binned.converged
        assert binned.lower_bound <= exact.objective
        assert exact.lower_bound <= binned.objective * (1 + 1e-12)
        assert binned.objective - binned.lower_bound < 0.02 * binned.objective


def test_binning_costs_no_more_than_it_says():
    rng = np.random.default_rng(7)
    for trial in range(50):
        weights, importance = rng.laplace(size=300), rng.exponential(size=300)
        entries = sorted_entries(weights, importance)
        bins = binned(entries, int(rng.integers(2, 60)))
        centers = np.sort(rng.choice(entries.position, int(rng.integers(1, 8)), replace=False))
        position, mass, scatter = bins.entries.position, bins.entries.mass, bins.entries.scatter
        by_bin = scatter + mass * np.min((position[:, None] - centers) ** 2, axis=1)
        distance = np.min((weights[:, None] - centers) ** 2, axis=1)
        excess = np.sum(by_bin) - np.sum(importance * distance)
        assert -1e-10 <= excess <= bins.loss(np.ptp(centers), np.sum(importance * distance)), trial


def test_a_certificate_survives_an_exhausted_time_budget():
    weights = np.random.default_rng(8).normal(size=100)
    result = kmeans(weights, 5, None, method=Optimal(time_budget=0.0), diameter_penalty=3.0)
    assert not result.converged
    assert 0 <= result.lower_bound <= result.objective
    assert result.objective == kmeans(weights, 5, None, diameter_penalty=3.0).objective


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
