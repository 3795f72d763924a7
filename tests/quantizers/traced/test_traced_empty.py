"""Lloyd's algorithm in compiled trials: no empty clusters, never ascending, at hostile scales too."""

import functools
import itertools
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ratedist as rd
from ratedist.quantizers import Lloyd, kmeans
from ratedist.quantizers.traced.lloyd import descend, lloyd
from tests.quantizers.brute_force import best_partition

D, TRIALS = 24, 32


@functools.partial(jax.jit, static_argnames=("num_clusters", "penalty"))
def descended(starts, weights, importance, beta, steps, num_clusters, penalty="squared"):
    """Vectors side by side; the number of iterations is no constant, or each would be compiled."""

    def one(w, h, start):
        return descend(w, h, jnp.sort(start)[:num_clusters], steps, beta, penalty)

    return jax.vmap(one)(weights, importance, starts)


def found_on_host(*arguments, **options):
    """As NumPy arrays, whose parts JAX need not compile."""
    return jax.device_get(descended(*arguments, **options))


def trials(kind, seed=0, dtype=np.float64):
    """Weights ``(TRIALS, D)``, importances, some of them zero, and starts that leave clusters empty."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(TRIALS, D))
    importance = rng.exponential(size=(TRIALS, D)) ** 3
    if kind == "zeros":
        importance *= rng.random((TRIALS, D)) < 0.6
        importance[:, :6] = 1.0
    if kind == "mask":
        weights *= 0.02
        weights[:, 3] = -1e9
    if kind == "heavy tails":
        weights = rng.standard_t(1, size=(TRIALS, D))
    if kind == "decades":
        weights = np.sign(weights) * 10.0 ** rng.uniform(-20, 18, (TRIALS, D))
    if kind == "one dead":
        importance[:, 0] = 0.0
        weights[:, 0] = 100.0
    if kind == "tiny":
        weights *= 1e-20  # squares are zero in single precision
    if kind == "repeated":
        weights = np.round(2 * weights)
    starts = rng.permuted(weights, axis=1)
    starts[::2] = 3 * rng.normal(size=(TRIALS // 2, D)) * np.median(np.abs(weights[::2]))
    return tuple(array.astype(dtype) for array in (weights, importance, starts))


KINDS = ["plain", "zeros", "mask", "heavy tails", "decades", "one dead", "tiny"]


@pytest.mark.parametrize(
    ("beta", "penalty"),
    [pytest.param(0.0, "squared", marks=pytest.mark.slow), (0.5, "squared"), (3.0, "linear")],
)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "decades"])
def test_labels_are_those_of_numpy(kind, beta, penalty) -> None:
    """From the same centres, after one iteration and at the end; weights without ties."""
    weights, importance, starts = trials(kind)
    for steps in (1, 100):
        found = found_on_host(starts, weights, importance, beta, steps, 5, penalty)
        for trial in range(0, TRIALS, 3):  # starts of both makes
            start = np.sort(starts[trial])[:5]
            w, h = weights[trial], importance[trial]
            expected = kmeans(
                w,
                5,
                h,
                method=Lloyd(init=start, max_iterations=steps),
                diameter_penalty=beta,
                penalty=penalty,
            )
            np.testing.assert_array_equal(found.labels[trial], expected.labels)
            assert found.objective[trial] == pytest.approx(expected.objective, rel=1e-9)


def exact_labels(weights, importance, start):
    """Lloyd with repair in rational arithmetic on the weights that matter, at β = 0."""
    entries = sorted((Fraction(w), Fraction(h)) for w, h in zip(weights, importance, strict=True) if h > 0)
    K, centers, previous = len(start), sorted(map(Fraction, start)), None

    def mean(run):
        return sum(w * h for w, h in run) / sum(h for _, h in run)

    while True:
        cuts = [(a + b) / 2 for a, b in itertools.pairwise(centers)]
        labels = [sum(cut < w for cut in cuts) for w, _ in entries]
        runs = [[entry for entry, own in zip(entries, labels, strict=True) if own == k] for k in range(K)]
        halves = []
        for k, run in enumerate(runs):
            options = []
            for cut in (mean(run), (run[0][0] + run[-1][0]) / 2) if len(run) > 1 else ():
                parts = [x for x in run if x[0] <= cut], [x for x in run if x[0] > cut]
                A, B = (sum(h for _, h in part) for part in parts)
                options.append((A * B / (A + B) * (mean(parts[0]) - mean(parts[1])) ** 2, parts))
            halves += [(-gain, k, parts) for gain, parts in options[:1]]
            if len(options) == 2 and options[1][0] > options[0][0]:
                halves[-1] = (-options[1][0], k, options[1][1])
        halves = sorted(halves, key=lambda half: half[:2])[: sum(not run for run in runs)]
        divided = {k: parts for _, k, parts in halves}
        spare = len(divided)
        clusters = []
        for k, run in enumerate(runs):
            if run:
                clusters += [(part, None) for part in divided.get(k, (run,))]
            elif spare:
                spare -= 1
            else:
                clusters.append((run, centers[k]))
        found = [[w for w, _ in run] for run, _ in clusters]
        if found == previous:
            return labels
        previous = found
        centers = [mean(run) if run else center for run, center in clusters]


@pytest.mark.parametrize("kind", KINDS)
def test_labels_are_those_of_rational_arithmetic(kind) -> None:
    """Where sums of floats may lose digits too: beside a mask, over forty decades."""
    weights, importance, starts = trials(kind, 2)
    found = found_on_host(starts, weights, importance, 0.0, 100, 5)
    for trial in range(0, TRIALS, 3):
        w, h = weights[trial], importance[trial]
        order = [j for j in np.argsort(w) if h[j] > 0]
        expected = exact_labels(w, h, np.sort(starts[trial])[:5])
        np.testing.assert_array_equal(found.labels[trial][np.array(order)], expected)


@pytest.mark.parametrize(
    ("num_clusters", "dtype"),
    [
        (5, np.float32),
        (5, np.float64),
        (D, np.float64),
        pytest.param(D, np.float32, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("kind", [*KINDS, "repeated"])
def test_no_cluster_is_empty_while_weights_differ(kind, num_clusters, dtype) -> None:
    weights, importance, starts = trials(kind, 1, dtype)
    found = found_on_host(starts, weights, importance, 0.0, 100, num_clusters)
    assert found.centers.dtype == dtype
    assert np.all(found.converged)
    for w, h, labels in zip(weights, importance, np.asarray(found.labels), strict=True):
        distinct = np.unique(w[h > 0]).size
        assert np.unique(labels[h > 0]).size == min(num_clusters, distinct)
    if num_clusters == D:
        error = np.where(importance > 0, np.abs(weights - found.reconstruction), 0)
        assert np.all(error <= np.finfo(dtype).eps * np.max(np.abs(weights), axis=1, keepdims=True))


@settings(max_examples=settings().max_examples // 8)
@given(
    st.integers(0, 2**32),
    st.sampled_from([*KINDS, "repeated"]),
    st.sampled_from([0.0, 0.01, 1.0, 100.0]),
    st.sampled_from([5, D]),
)
def test_no_iteration_raises_the_objective(seed, kind, beta, num_clusters) -> None:
    weights, importance, starts = trials(kind, seed)
    objectives = np.array(
        [
            descended(starts, weights, importance, beta, steps, num_clusters).objective
            for steps in (1, 2, 3, 4, 5, 6, 8, 12, 100)
        ]
    )
    allowed = 1e-11 * objectives[0] + 1e-28 * np.sum(importance * weights**2, axis=1)
    assert np.all(np.diff(objectives, axis=0) <= allowed)


@pytest.mark.slow
def test_the_centre_between_two_clumps_moves_to_where_it_gains() -> None:
    weights = jnp.array([-1, -1.1, -0.9, -10, -10.1, -9.9])
    result = jax.jit(lambda key, w: lloyd(key, w, 3, Lloyd("linear")))(jax.random.key(0), weights)
    # One clump keeps its mean, 2·0.1²; of the other one weight is alone, 2·0.05².
    assert result.objective == pytest.approx(0.025, rel=1e-12)
    least = best_partition(np.asarray(weights), np.ones(6), 3)
    assert result.objective == pytest.approx(least, rel=1e-12)


def test_no_weight_matters_or_all_are_equal() -> None:
    equal = np.arange(TRIALS)[:, None] % 2 == 1
    weights = np.where(equal, 0.1, np.arange(float(D)))
    importance = np.where(equal, 1.0, np.zeros(D))
    starts = np.broadcast_to(np.linspace(0.1, 9.3, D), weights.shape)
    for beta in (0.0, 1.0):
        found = found_on_host(starts, weights, importance, beta, 100, 5)
        diameters = found.centers[:, -1] - found.centers[:, 0]
        np.testing.assert_allclose(found.objective, beta * diameters**2, rtol=1e-6)
        assert np.all(found.converged)


@pytest.mark.slow
def test_simulated_trials_lose_nothing_with_a_centre_for_each_weight() -> None:
    model = rd.GaussianLinearModel(20, rd.gaussian_weights(6, seed=0))
    kinds = {init: rd.KMeans(6, rd.Lloyd(init)) for init in ("quantile", "linear")}
    result = rd.simulate(model, kinds, 256, jax.random.key(0))
    for init in kinds:
        assert result[init].distortion.mean == 0
