"""Lloyd's method by the loops that Numba compiles: bit for bit NumPy's, and right by brute force."""

import contextlib
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist.quantizers import Lloyd, clustering, kmeans
from ratedist.quantizers.scalar import cells, loops
from ratedist.quantizers.scalar.coarse_optimum import CompiledPartCosts, PartCosts, _unit, even_runs
from ratedist.quantizers.scalar.statistics import sorted_statistics
from tests.quantizers.brute_force import best_partition


@pytest.fixture(scope="module", autouse=True)
def numba():
    """Loaded where these tests run: it takes half a second, which others that collect them need not wait."""
    pytest.importorskip("numba")
    global compiled_lloyd, compiled_sort
    from ratedist.quantizers.scalar import compiled_lloyd, compiled_sort


WEIGHTS = {
    "normal": lambda rng, size: rng.normal(size=size),
    "single precision": lambda rng, size: rng.normal(size=size).astype(np.float32),
    "half precision": lambda rng, size: rng.normal(size=size).astype(np.float16),
    "ties": lambda rng, size: rng.integers(0, 40, size) * 0.25,
    "five values": lambda rng, size: rng.integers(0, 5, size) - 2.0,
    "signed zeros": lambda rng, size: rng.choice([-0.0, 0.0, 5e-324, 1.0], size),
    "far from zero": lambda rng, size: 1.0 + 1e-6 * rng.normal(size=size),
    "mask": lambda rng, size: np.where(rng.random(size) < 0.3, -1e9, 0.02 * rng.normal(size=size)),
    "heavy": lambda rng, size: rng.standard_cauchy(size) ** 3,
    "three hundred decades": lambda rng, size: 10.0 ** rng.uniform(-300, 0, size),
    "clumps": lambda rng, size: rng.integers(0, 9, size) + 1e-9 * rng.normal(size=size),
    "in order": lambda rng, size: np.arange(size) * 1.0,
    "every other": lambda rng, size: rng.normal(size=2 * size)[::2],
}
IMPORTANCES = {
    "none": lambda rng, size: None,
    "exponential": lambda rng, size: rng.exponential(size=size),
    "some zero": lambda rng, size: rng.integers(0, 3, size) + np.eye(size)[0],
    "dead but for one value": lambda rng, size: np.eye(size)[size // 2] + 1e-30 * np.eye(size)[0],
    "forty decades": lambda rng, size: 10.0 ** rng.uniform(-40, 0, size),
    "single precision": lambda rng, size: rng.exponential(size=size).astype(np.float32),
}


@contextlib.contextmanager
def road(compiled):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clustering, "compiled_loops", lambda *_, **__: compiled)
        yield


def both(*arguments, **options):
    """The results of both roads."""
    results = []
    for compiled in (None, compiled_lloyd):
        with road(compiled):
            results.append(kmeans(*arguments, **options))
    return results


def assert_same(first, second):
    for name in ("centers", "labels", "reconstruction", "objective", "converged", "num_iterations"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)
    assert first.labels.dtype == second.labels.dtype


@settings(max_examples=settings().max_examples // 2)
@given(
    st.sampled_from(sorted(WEIGHTS)),
    st.sampled_from(sorted(IMPORTANCES)),
    st.sampled_from([1, 2, 3, 30, 400, 3000]),
    st.integers(1, 400),
    st.sampled_from(["coarse_optimum", "high_rate", "quantile", "linear", "kmeans++", "given"]),
    st.sampled_from([1, 2, 300]),
    st.sampled_from([0.0, 0.0, 1.0]),
    st.integers(0, 2**32),
)
def test_the_same_bits(kind, of_importance, size, num_clusters, init, max_iterations, beta, seed):
    rng = np.random.default_rng(seed)
    weights, importance = WEIGHTS[kind](rng, size), IMPORTANCES[of_importance](rng, size)
    num_clusters = min(num_clusters, size)
    if init == "given":  # far out, so that clusters are left empty
        init = rng.normal(size=num_clusters) * rng.choice([1.0, 1e6])
    method = Lloyd(init=init, max_iterations=max_iterations)
    options = {"method": method, "diameter_penalty": beta, "key": 3}
    assert_same(*both(weights, num_clusters, importance, **options))


@pytest.mark.parametrize("of_importance", ["none", "exponential"])
@pytest.mark.parametrize("num_clusters", [4, 300])
def test_the_same_bits_of_many_weights(num_clusters, of_importance):
    # More than are spread over cells at a time, and labels of two bytes.
    rng = np.random.default_rng(num_clusters)
    weights = rng.standard_t(3, 50_000)
    assert_same(*both(weights, num_clusters, IMPORTANCES[of_importance](rng, weights.size)))


@settings(max_examples=settings().max_examples // 2)
@given(st.integers(2, 9), st.integers(1, 5), st.booleans(), st.booleans(), st.integers(0, 2**32))
def test_few_weights_by_brute_force(size, num_clusters, is_rounded, is_weighted, seed):
    # No more weights than runs: the start is the optimum itself.
    rng = np.random.default_rng(seed)
    weights = np.round(rng.normal(size=size), 1) if is_rounded else rng.normal(size=size)
    importance = rng.integers(0, 4, size) + np.eye(size)[0] if is_weighted else np.ones(size)
    num_clusters = min(num_clusters, size)
    with road(compiled_lloyd):
        found = kmeans(weights, num_clusters, importance).objective
    assert found == pytest.approx(best_partition(weights, importance, num_clusters), rel=1e-9, abs=1e-12)


def test_it_rests_where_every_weight_is_nearest_to_the_mean_of_its_cluster():
    rng = np.random.default_rng(5)
    weights, importance = rng.laplace(size=5000), rng.exponential(size=5000)
    with road(compiled_lloyd):
        found = kmeans(weights, 20, importance)
    assert found.converged
    labels = np.argmin(np.abs(weights[:, None] - found.centers), axis=1)
    np.testing.assert_array_equal(labels, found.labels)
    means = np.bincount(labels, importance * weights) / np.bincount(labels, importance)
    np.testing.assert_allclose(found.centers, means, rtol=1e-11)


@settings(max_examples=settings().max_examples // 2)
@given(st.sampled_from(sorted(WEIGHTS)), st.sampled_from([1, 2, 70, 3000, 40_000]), st.integers(0, 2**32))
def test_sorting_equals_numpy(kind, size, seed):
    rng = np.random.default_rng(seed)
    values = WEIGHTS[kind](rng, size).astype(np.float64)
    order = np.argsort(values, kind="stable")
    ordered, places = compiled_sort.sorted_numbers(values, np.arange(size) * 1.0)
    np.testing.assert_array_equal(places, order)
    np.testing.assert_array_equal(ordered, values[order])
    np.testing.assert_array_equal(compiled_sort.sorted_numbers(values, None)[0], values[order])


def test_some_crowds_are_left_to_comparisons():
    # Cells of equal width take away some decades of the exponents at a time: eight times are not enough.
    values = np.ldexp(1.0, np.random.default_rng(0).integers(-1000, 0, 3000)) * np.linspace(1.0, 1.5, 3000)
    nothing = values[:0].copy()
    arrays = np.empty_like(values), nothing, np.empty_like(values), nothing
    assert compiled_sort.sort_by_cells(values, nothing, 0.0, 1.0, 1, *arrays).size > 0
    np.testing.assert_array_equal(compiled_sort.sorted_numbers(values, None)[0], np.sort(values))


@settings(max_examples=settings().max_examples // 2)
@given(st.sampled_from(sorted(WEIGHTS)), st.integers(1, 3000), st.integers(0, 300), st.integers(0, 2**32))
def test_searching_equals_numpy(kind, size, number, seed):
    rng = np.random.default_rng(seed)
    values = WEIGHTS[kind](rng, size).astype(np.float64)
    # Cuts between values, on values, and beyond all of them.
    cuts = np.sort(np.concatenate([rng.normal(size=number), rng.choice(values, number), [np.inf]]))
    for some in (cuts, cuts[:-1], cuts[-1:], cuts[:0]):
        found = cells.number_below(some, values, compiled_lloyd)
        np.testing.assert_array_equal(found, np.searchsorted(some, values))
        assert found.dtype == np.min_scalar_type(some.size)


def test_a_part_is_divided_as_in_numpy():
    rng = np.random.default_rng(8)
    for size in (1, 2, 5, 40, 120):
        for weights in (rng.standard_t(1, size), rng.permutation(size) * 1.0):
            for importance in (None, 10.0 ** rng.integers(-8, 8, size)):
                ours = CompiledPartCosts(sorted_statistics(weights, importance, compiled_lloyd))
                theirs = PartCosts(part := sorted_statistics(weights, importance))
                for most in {1, min(3, part.size), part.size}:
                    np.testing.assert_array_equal(ours.totals(most), theirs.totals(most))
                for number in range(1, part.size + 1):
                    np.testing.assert_array_equal(ours.edges(number), theirs.edges(number))


@settings(max_examples=settings().max_examples // 2)
@given(st.sampled_from(sorted(WEIGHTS)), st.integers(3, 500), st.integers(1, 60), st.integers(0, 2**32))
def test_unit_is_that_at_which_what_is_cut_and_what_is_left_make_the_total(kind, size, total, seed):
    rng = np.random.default_rng(seed)
    share = np.abs(WEIGHTS[kind](rng, size).astype(np.float64)) + 1e-300
    total = min(total, size - 1)
    unit = _unit(share, total)
    assert np.minimum(share / unit, 1.0).sum() == pytest.approx(total, rel=1e-9)
    statistics = [sorted_statistics(share, None, compiled) for compiled in (None, compiled_lloyd)]
    np.testing.assert_array_equal(*(even_runs(one, total + 1) for one in statistics))


def test_numba_is_loaded_where_that_pays(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.setattr(loops._Spent, "seconds", 0.0)
    monkeypatch.setattr(loops, "_loaded", lambda: "loaded")
    assert loops.compiled_loops(10_000, 16) is None
    assert loops.compiled_loops(10**7, 16) == "loaded"
    monkeypatch.setattr(loops._Spent, "seconds", 0.0)
    answers = [loops.compiled_loops(10_000, 16) for _ in range(300)]
    assert answers[50] is None
    assert answers[-1] == "loaded"
    monkeypatch.setattr(loops._Spent, "seconds", 0.0)
    assert loops.compiled_loops(10, 2, at_once=True) == "loaded"
    monkeypatch.setitem(sys.modules, "numba", np)
    assert loops.compiled_loops(10, 2) == "loaded"


def test_without_numba_there_are_no_compiled_loops(monkeypatch):
    monkeypatch.setitem(sys.modules, "ratedist.quantizers.scalar.compiled_lloyd", None)
    monkeypatch.delattr("ratedist.quantizers.scalar.compiled_lloyd")
    assert loops._loaded.__wrapped__() is None
