"""Many vectors side by side: the optimum that one vector alone has, at any scale, and in any company."""

import itertools
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import ratedist as rd
from ratedist.quantizers import optimal_scalar_path
from ratedist.quantizers.traced.least_costs import START_BITS
from ratedist.quantizers.traced.optimal import OptimalPath, optimal_path, quantized_side_by_side
from ratedist.quantizers.traced.side_by_side import optimal_side_by_side
from ratedist.quantizers.traced.sorting import sorted_columns

D, MOST, TRIALS, MANY = 12, 5, 8, 10
SMALL = jax.jit(lambda w: OptimalPath(*optimal_side_by_side(w, range(1, MOST + 1))))
ONE_BY_ONE = jax.jit(lambda w: jax.lax.map(lambda one: optimal_path(one, MANY), w))
MAPPED = jax.jit(jax.vmap(lambda w: optimal_path(w, MANY)))
# Of the cost of what is found over the optimum, at K clusters: the starts in its last bits, and rounding.
EXCESS = 2 * 2.0 ** (START_BITS[64] - 52) + 100 * 2.0**-52


def exact_cost(weights, labels):
    """Σ(w − mean)² of every cluster, as a fraction."""
    total = Fraction(0)
    for label in set(labels.tolist()):
        own = [Fraction(w) for w in weights[labels == label].tolist()]
        mean = sum(own) / len(own)
        total += sum((w - mean) ** 2 for w in own)
    return total


def least_cost(weights, num_clusters):
    """Over all divisions of the sorted weights into runs, as a fraction."""
    order = [Fraction(w) for w in np.sort(weights).tolist()]
    sums = [Fraction(0), *itertools.accumulate(order)]
    squares = [Fraction(0), *itertools.accumulate(w * w for w in order)]

    def cost(i, j):
        return squares[j] - squares[i] - (sums[j] - sums[i]) ** 2 / (j - i)

    ends = range(1, len(order) + 1)
    table = {(i, j): cost(i, j) for j in ends for i in range(j)}
    least = {j: table[0, j] for j in ends}
    for _ in range(1, num_clusters):
        least = {j: min([table[0, j], *(least[i] + table[i, j] for i in range(1, j))]) for j in ends}
    return least[len(order)]


def check_one(weights, found, num_clusters):
    """A row of what is found for one vector, against enumeration."""
    labels, centers, reconstruction, counts = (np.asarray(leaf)[num_clusters - 1] for leaf in found)
    assert exact_cost(weights, labels) <= least_cost(weights, num_clusters) * (
        1 + Fraction(num_clusters * EXCESS)
    )
    np.testing.assert_array_equal(reconstruction, centers[labels])
    np.testing.assert_array_equal(counts, np.bincount(labels, minlength=MOST))
    assert np.unique(labels).size == min(num_clusters, np.unique(weights).size)
    for label in np.unique(labels):
        own = weights[labels == label]
        mean = sum(map(Fraction, own.tolist())) / own.size
        assert abs(Fraction(float(centers[label])) - mean) <= Fraction(1e-14) * Fraction(np.abs(own).max())


# Of a scale at which squares are normal numbers.
values = st.one_of(
    st.integers(-4, 4).map(float),
    st.floats(-1e6, 1e6).map(lambda x: round(x, 6)),
    st.tuples(st.sampled_from([-1.0, 1.0]), st.floats(-20, 20)).map(lambda pair: pair[0] * 10.0 ** pair[1]),
)


@settings(max_examples=settings().max_examples // 12)
@given(arrays(np.float64, (TRIALS, 7), elements=values), st.sampled_from([1.0, 2.0**-200, 2.0**300]))
def test_it_is_the_optimum_of_all_divisions(weights, scale):
    """Seven weights and five padded on: exact ties, forty decades, repeated and constant vectors."""
    far = np.repeat(weights[:, :1], D - 7, axis=1)
    weights = scale * np.concatenate([weights, far], axis=1)
    found = SMALL(weights)
    for trial in range(0, TRIALS, 4):
        for K in (2, MOST):
            check_one(weights[trial], [leaf[trial] for leaf in found], K)


def drawn(kind, size=30):
    rng = np.random.default_rng(5)
    weights = np.tile([1.0, -1.0], size // 2) + 0.2 * rng.normal(size=(40, size))
    if kind == "far":
        weights[:, 3] = -1e9
    if kind == "near one":
        weights = 1 + 1e-12 * weights
    if kind == "decades":
        weights = np.sign(weights) * 10.0 ** rng.uniform(-20, 20, weights.shape)
    if kind == "tiny":
        weights *= 1e-145
    if kind == "huge":
        weights *= 1e145
    return weights


@pytest.mark.parametrize("kind", ["plain", "far", "near one", "decades", "tiny", "huge"])
def test_mapped_is_what_it_is_one_by_one_and_in_numpy(kind):
    weights = drawn(kind)
    mapped, alone = MAPPED(weights), ONE_BY_ONE(weights)
    np.testing.assert_array_equal(mapped.labels, alone.labels)
    np.testing.assert_array_equal(mapped.counts, alone.counts)
    member = np.asarray(alone.labels)[:, :, None, :] == np.arange(MANY)[None, None, :, None]
    largest = np.max(np.where(member, np.abs(weights)[:, None, None, :], 0), axis=3)
    assert np.all(np.abs(mapped.centers - alone.centers) <= 1e-14 * largest)
    for trial in range(0, 40, 8) if kind in ("plain", "tiny") else ():
        for row, expected in enumerate(optimal_scalar_path(weights[trial], MANY, np.ones(30))):
            np.testing.assert_array_equal(mapped.labels[trial, row], expected.labels)
            assert not np.any(mapped.centers[trial, row][row + 1 :])
            own = mapped.reconstruction[trial, row]
            np.testing.assert_allclose(own, expected.reconstruction, rtol=1e-12)


def test_company_and_order_do_not_matter():
    """Three others before them, and more than are taken at a time."""
    weights = drawn("plain")
    alone = MAPPED(weights)
    more = MAPPED(np.concatenate([drawn("far")[:3], np.tile(weights, (5, 1))[3:]]))
    for part, whole in zip(more, alone, strict=True):
        np.testing.assert_array_equal(part[3:], np.tile(whole, (5, *[1] * (whole.ndim - 1)))[3:])
    turned = np.random.default_rng(0).permutation(30)
    np.testing.assert_array_equal(
        MAPPED(weights[:, turned]).reconstruction, np.asarray(alone.reconstruction)[:, :, turned]
    )


def test_only_the_rows_asked_for_and_any_nesting_of_maps():
    weights = drawn("plain")[:TRIALS, :D]
    every = SMALL(weights)
    # More rows than groups of them, in the order in which they are asked for.
    only = (2, 5, 1, 4, 3)
    some = jax.jit(jax.vmap(jax.vmap(lambda w: optimal_path(w, 5, only=only))))(weights.reshape(4, 2, D))
    for part, whole in zip(some, every, strict=True):
        # Two programs: the last bit of a centre may be another.
        expected = np.asarray(whole)[:, np.array(only) - 1]
        np.testing.assert_allclose(np.reshape(part, expected.shape), expected, rtol=1e-15)


def test_a_map_over_no_vectors_has_a_shape():
    """As one vector after another has it."""
    none = jax.jit(jax.vmap(lambda w: optimal_path(w, MOST)))(np.zeros((0, D)))
    assert [leaf.shape for leaf in none] == [(0, MOST, D), (0, MOST, MOST), (0, MOST, D), (0, MOST, MOST)]


def test_numbers_that_are_not_finite_leave_none_unseen():
    """A trial that drew one is refused by its risks, which must not look right."""
    weights = drawn("plain")
    expected = np.asarray(MAPPED(weights).reconstruction)
    for bad in (np.nan, np.inf, -np.inf):
        broken = weights.copy()
        broken[3, 7] = bad
        found = MAPPED(broken)
        reconstruction = np.asarray(found.reconstruction)
        assert not np.any(np.isfinite(reconstruction[3]))
        np.testing.assert_array_equal(np.delete(reconstruction, 3, axis=0), np.delete(expected, 3, axis=0))
        assert np.all(found.counts[3] >= 0)
        np.testing.assert_array_equal(np.sum(found.counts[3], axis=1), weights.shape[1])


def test_the_network_sorts_all_zeros_and_ones():
    """Then it sorts everything (Knuth's 0-1 principle)."""
    for size in (1, 2, 3, 7, 10):
        columns = np.array(list(itertools.product([0.0, 1.0], repeat=size))).T
        np.testing.assert_array_equal(jax.jit(sorted_columns)(columns), np.sort(columns, axis=0))


@pytest.mark.parametrize("d", [*(pytest.param(d, marks=pytest.mark.slow) for d in (65, 256)), 300])
def test_more_than_sixty_four_weights_against_numpy(d):
    """Starts take eight bits and ten, and entries more than one word of 64."""
    generator, clusters = np.random.default_rng(d), (1, 2, 16)
    kinds = generator.normal(size=d), np.round(3 * generator.normal(size=d)), generator.standard_cauchy(d)
    weights = np.stack(kinds)
    found = jax.jit(lambda w: optimal_side_by_side(w, clusters))(jnp.asarray(weights))
    labels, centers, reconstruction, counts = map(np.asarray, found)
    for (trial, row), K in zip(np.ndindex(3, 3), 3 * clusters, strict=True):
        least = rd.kmeans(weights[trial], K, method="optimal")
        cost = np.sum((reconstruction[trial, row] - weights[trial]) ** 2)
        np.testing.assert_allclose(cost, np.sum((least.reconstruction - weights[trial]) ** 2), rtol=1e-11)
        np.testing.assert_array_equal(reconstruction[trial, row], centers[trial, row][labels[trial, row]])
        np.testing.assert_array_equal(counts[trial, row], np.bincount(labels[trial, row], minlength=16))


def test_one_vector_does_not_hide_starts_from_the_others():
    """Two far clusters leave out starts up to the second one; beside them lies a vector with one long run."""
    generator, d, K = np.random.default_rng(3), 50, 8
    two = np.repeat([-1.0, 1.0], d // 2) + 0.01 * generator.normal(size=(7, d))
    late = np.concatenate([1e3 * np.arange(1, K), generator.normal(size=d - K + 1)])
    weights = np.concatenate([two, -late[None, :], late[None, :]])
    found = jax.jit(lambda w: optimal_side_by_side(w, (K,)))(weights)
    expected = [rd.kmeans(one, K, method="optimal").labels for one in weights]
    np.testing.assert_array_equal(np.asarray(found[0])[:, 0], expected)


@jax.jit
def one_and_two(weights):
    return optimal_side_by_side(weights, (2, 1)[-weights.shape[1] :])


@pytest.mark.parametrize(
    "d", [1, 2, 3, pytest.param(64, marks=pytest.mark.slow), 65, pytest.param(5000, marks=pytest.mark.slow)]
)
def test_at_most_two_clusters_against_numpy(d):
    """They have a way of their own: plain, tied and constant weights, one far out, and all alike but one."""
    generator = np.random.default_rng(d)
    plain, constant = generator.normal(size=d), np.full(d, 0.1)
    far, one = plain.copy(), constant.copy()
    far[0], one[-1] = 1e9, -3.0
    weights = np.stack([plain, np.round(plain), constant, far, one])
    clusters = (2, 1)[-d:]
    labels, centers, reconstruction, counts = map(np.asarray, one_and_two(weights))
    for trial, (row, K) in itertools.product(range(5), enumerate(clusters)):
        least = rd.kmeans(weights[trial], K, method="optimal")
        np.testing.assert_array_equal(labels[trial, row], least.labels)
        np.testing.assert_array_equal(counts[trial, row], np.bincount(least.labels, minlength=len(clusters)))
        # The mean of weights that cancel is right to rounding of their sizes, not of its own.
        sizes = np.bincount(least.labels, np.abs(weights[trial])) / np.maximum(np.bincount(least.labels), 1)
        error = np.abs(reconstruction[trial, row] - least.reconstruction)
        assert np.all(error <= 1e-12 * sizes[least.labels])
        np.testing.assert_array_equal(reconstruction[trial, row], centers[trial, row][labels[trial, row]])


def test_of_two_cuts_that_cost_the_same_the_last_run_is_the_longest():
    labels, *_ = one_and_two(np.resize([0.0, 1.0, 2.0, 3.0, -3.0, 0.0], (5, 3)))
    np.testing.assert_array_equal(labels[:2, 0], [[0, 1, 1], [1, 0, 1]])


def test_where_it_applies():
    assert quantized_side_by_side(1024, jnp.float64) == (jax.default_backend() == "cpu")
    assert quantized_side_by_side(16384, jnp.float64, 2) == (jax.default_backend() == "cpu")
    assert not quantized_side_by_side(1025, jnp.float64)
    assert not quantized_side_by_side(1025, jnp.float64, 3)
    assert not quantized_side_by_side(16385, jnp.float64, 2)
    assert not quantized_side_by_side(50, jnp.float32)


@pytest.mark.slow
def test_a_simulation_has_the_numbers_of_one_vector_after_another(monkeypatch):
    """The figures of both roads, from the same draws, whatever the size of a batch."""
    from ratedist.quantizers.traced import optimal

    model = rd.GaussianLinearModel(12, rd.two_level_weights(6))
    kinds = {"rounded": rd.KMeans(3, center_bits=16)}
    quick = rd.simulate(model, kinds, 40, jax.random.key(1))
    monkeypatch.setattr(optimal, "quantized_side_by_side", lambda *arguments: False)
    optimal._with_equal_importance.cache_clear()
    slow = rd.simulate(model, kinds, 40, jax.random.key(1), batch_size=7)
    optimal._with_equal_importance.cache_clear()
    for name, quantity in itertools.product(kinds, ("population_risk", "distortion", "empirical_risk")):
        found, expected = (getattr(result[name], quantity) for result in (quick, slow))
        np.testing.assert_allclose((found.mean, found.sem), (expected.mean, expected.sem), rtol=1e-11)
    for rate in ("assignment_entropy", "description_length"):
        found, expected = (result["rounded"].rates[rate] for result in (quick, slow))
        assert found.mean == pytest.approx(expected.mean, rel=1e-12)


def test_derivatives_alone_and_mapped() -> None:
    """Of the least sum of squares that by a weight is 2(w − ŵ): its centre is where the sum is least."""
    weights = drawn("plain")[:TRIALS, :D]

    def least(w: jax.Array) -> jax.Array:
        return jnp.sum((w[None, :] - optimal_path(w, 3).reconstruction) ** 2)

    @jax.jit
    def derivatives(weights: jax.Array) -> tuple[jax.Array, ...]:
        of_centers = jax.jacobian(lambda w: optimal_path(w, 3).centers[2])(weights[0])
        return jax.grad(least)(weights[0]), jax.vmap(jax.grad(least))(weights), of_centers

    found = SMALL(weights)
    expected = np.sum(2 * (weights[:, None, :] - np.asarray(found.reconstruction)[:, :3]), axis=1)
    alone, mapped, of_centers = derivatives(weights)
    np.testing.assert_allclose(alone, expected[0], atol=1e-12)
    np.testing.assert_allclose(mapped, expected, atol=1e-12)
    member = np.asarray(found.labels)[0, 2] == np.arange(3)[:, None]
    np.testing.assert_allclose(of_centers, member / np.sum(member, axis=1, keepdims=True), atol=1e-15)
