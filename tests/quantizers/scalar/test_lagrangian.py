"""The optimum by a price a cluster against brute force, closed forms, and the dynamic programme."""

import importlib.util
import os
import pathlib
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist.quantizers import kmeans
from ratedist.quantizers.scalar import lagrangian, prefix_table, price_search
from ratedist.quantizers.scalar.certified_runs import RESOLUTION, certified_runs
from ratedist.quantizers.scalar.statistics import sorted_entries

numba = pytest.importorskip("numba")
from ratedist.quantizers.scalar import compiled  # noqa: E402

SCRIPT = pathlib.Path(__file__).parents[3] / "benchmarks" / "hostile_weights.py"
SPEC = importlib.util.spec_from_file_location("hostile_weights_by_price", SCRIPT)
hostile = importlib.util.module_from_spec(SPEC)
sys.modules["hostile_weights_by_price"] = hostile
SPEC.loader.exec_module(hostile)

WEIGHTS = {
    "normal": lambda rng, size: rng.normal(size=size),
    "ties": lambda rng, size: rng.integers(0, 40, size) * 0.25,
    "grid": lambda rng, size: np.arange(size) * 1.0,
    "single precision": lambda rng, size: rng.normal(size=size).astype(np.float32).astype(float),
    "far from zero": lambda rng, size: 1.0 + 1e-6 * rng.normal(size=size),
    "mask": lambda rng, size: np.append(rng.normal(0.0, 0.02, size - 1), -1e9),
    "heavy": lambda rng, size: rng.standard_cauchy(size) ** 3,
    "two lumps": lambda rng, size: rng.choice([-1.0, 1.0], size) + 1e-4 * rng.normal(size=size),
}
IMPORTANCES = {
    "none": lambda rng, size: None,
    "exponential": lambda rng, size: rng.exponential(size=size),
    "some zero": lambda rng, size: rng.integers(0, 3, size) + np.eye(size)[0],
    "whole": lambda rng, size: rng.integers(1, 4, size) * 1.0,
}


@pytest.fixture(autouse=True)
def _for_few_weights_too(monkeypatch):
    monkeypatch.setattr(lagrangian, "FEWEST", 2)


@settings(max_examples=settings().max_examples // 2)
@given(st.integers(0, 2**32))
def test_no_promise_is_broken_on_hostile_weights(seed):
    problem = hostile.hostile_problem(np.random.default_rng(seed), most_weights=9)
    problem = problem._replace(diameter_penalty=0.0)
    assert hostile.complaints(problem, hostile.solved(problem, 0.2)) == []


@settings(max_examples=settings().max_examples // 4)
@given(
    st.sampled_from(sorted(WEIGHTS)),
    st.sampled_from(sorted(IMPORTANCES)),
    st.integers(4, 300),
    st.integers(2, 300),
    st.integers(0, 2**32),
)
def test_cost_of_the_dynamic_programme(kind, of_importance, size, num_clusters, seed):
    rng = np.random.default_rng(seed)
    entries = sorted_entries(WEIGHTS[kind](rng, size), IMPORTANCES[of_importance](rng, size))
    found = lagrangian.lagrangian_runs(entries, num_clusters)
    if found is None:
        assert num_clusters >= entries.size or kind in ("mask", "heavy", "two lumps")
        return
    table, expected = entries.table, certified_runs(entries.table, num_clusters)
    costs = [
        float(table.cost(edges[:-1], edges[1:]).sum())
        for edges in (found.edges, expected.edges)
        if edges.size == num_clusters + 1 and edges[0] == 0 and edges[-1] == entries.size
    ]
    assert costs[0] <= costs[1] * (1 + 2e-11)
    assert costs[0] * (1 - RESOLUTION) - 1e-280 <= found.lower_bound <= costs[1] * (1 + 1e-13)
    # Digits that terms of two signs cancel are those of the other road's sum.
    sizes = np.maximum.reduceat(np.abs(entries.position), found.edges[:-1])
    assert np.all(np.abs(found.means - entries.means(found.edges)) <= 1e-15 * sizes)


@pytest.mark.parametrize("size", [17, 96])
def test_every_number_on_a_grid_where_prices_jump(size):
    # Runs of equal length are best; one of m neighbours a unit apart costs m(m² − 1)/12. From M/2 clusters on
    # each further one gains ½, at one price for all of them.
    entries = sorted_entries(np.arange(size) * 1.0, None)
    for num_clusters in range(2, size):
        length, longer = divmod(size, num_clusters)
        lengths = [length + 1] * longer + [length] * (num_clusters - longer)
        least = sum(Fraction(m * (m * m - 1), 12) for m in lengths)
        found = lagrangian.lagrangian_runs(entries, num_clusters)
        lengths = np.diff(found.edges).tolist()
        assert len(lengths) == num_clusters
        assert sum(Fraction(m * (m * m - 1), 12) for m in lengths) == least
        assert least * Fraction(1 - RESOLUTION) <= Fraction(found.lower_bound) <= least


def test_nearly_as_many_clusters_as_weights():
    # A run of L neighbours costs half the sum of its squared gaps or more, and pairs cost that. Every other
    # gap is small: the least of these are between the pairs of the optimum. The price of so many clusters is
    # far above what they cost, and hides some digits; the dynamic programme would certify fewer.
    rng = np.random.default_rng(4)
    small = rng.exponential(size=3000)
    weights = np.cumsum(np.column_stack([0.01 * small, 1.0 + small[::-1]]).ravel())
    for number in (600, 2500):
        found = lagrangian.lagrangian_runs(sorted_entries(weights, None), 6000 - number)
        assert found is not None
        gaps = np.diff(weights)
        least = np.sum(np.sort(gaps)[:number] ** 2) / 2
        lengths = np.diff(found.edges)
        assert lengths.max() == 2
        assert np.sum(gaps[found.edges[:-1][lengths == 2]] ** 2) / 2 == pytest.approx(least, rel=1e-12)
        assert least * (1 - 1e-6) <= found.lower_bound <= least


@pytest.mark.parametrize("kind", ["normal", "grid"])
def test_half_as_many_clusters_as_many_weights(kind):
    # The first ceiling, the cost of one cluster, is ten decades above that of these; its errors drown them.
    weights = WEIGHTS[kind](np.random.default_rng(0), 50_000)
    found = lagrangian.lagrangian_runs(sorted_entries(weights, None), 25_000)
    assert found is not None
    ordered, ends = np.sort(weights), found.edges
    means = np.add.reduceat(ordered, ends[:-1]) / np.diff(ends)
    cost = np.sum((ordered - np.repeat(means, np.diff(ends))) ** 2)
    # What is certified is below any other runs, such as neighbours in pairs.
    pairs = np.sum(np.diff(ordered)[::2] ** 2) / 2
    assert found.lower_bound <= cost <= pairs * (1 + 1e-12)
    assert cost - found.lower_bound <= 2e-9 * cost
    if kind == "grid":
        assert cost == pytest.approx(12_500, rel=1e-12)


@given(st.data())
def test_what_is_spliced_costs_no_more_than_the_mean_of_both(data):
    # Optimal runs for two numbers, at a common price: what is joined from both costs the mean.
    size = data.draw(st.integers(6, 40))
    entries = sorted_entries(np.arange(size) * 1.0, None)
    few = data.draw(st.integers((size + 1) // 2, size - 2))
    many = data.draw(st.integers(few + 1, size - 1))
    number = data.draw(st.integers(few, many))
    ends = [certified_runs(entries.table, K).edges for K in (few, many)]
    joined = price_search.spliced(*ends, number)
    assert joined.size == number + 1
    assert np.all(np.diff(joined) > 0)
    assert entries.table.cost(joined[:-1], joined[1:]).sum() == pytest.approx((size - number) / 2)


@settings(max_examples=30)
@given(st.integers(2, 30), st.integers(0, 2**32))
def test_costs_and_means_in_exact_arithmetic(size, seed):
    rng = np.random.default_rng(seed)
    entries = sorted_entries(rng.normal(size=size) + 1e4, rng.exponential(size=size))
    rows = np.empty((size + 1, compiled.COLUMNS))
    compiled.fill(entries.position, entries.mass, rows)
    start = int(rng.integers(0, size - 1))
    end = int(rng.integers(start + 1, size + 1))
    w, h = ([Fraction(x) for x in array[start:end].tolist()] for array in (entries.position, entries.mass))
    mean = sum(x * y for x, y in zip(w, h, strict=True)) / sum(h)
    scatter = sum(y * (x - mean) ** 2 for x, y in zip(w, h, strict=True))
    # Of squares of 1e8 a difference of floats would keep 1e-8.
    assert compiled.cost(rows, start, end) == pytest.approx(float(scatter), rel=1e-14, abs=1e-22)
    assert compiled.run_means(rows, np.array([start, end]))[0] == pytest.approx(float(mean), rel=3e-16)


def test_digits_that_two_floats_do_not_hold_are_left_to_the_other_road():
    rng = np.random.default_rng(0)
    entries = sorted_entries(rng.normal(size=300), 10.0 ** rng.uniform(-20, 20, 300))
    assert lagrangian.lagrangian_runs(entries, 5) is None
    entries = sorted_entries(np.append(1e-12 * rng.normal(size=200), [0.5, 1e9, 1e9 + 1]), None)
    assert lagrangian.lagrangian_runs(entries, 3) is None


@pytest.mark.parametrize("importance", ["none", "exponential"])
@pytest.mark.parametrize("num_clusters", [3, 40])
def test_without_numba_the_same(monkeypatch, importance, num_clusters):
    rng = np.random.default_rng(1)
    weights, h = rng.laplace(size=2000), IMPORTANCES[importance](rng, 2000)
    with_numba = kmeans(weights, num_clusters, h, method="optimal")
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "ratedist.quantizers.scalar.compiled")
    monkeypatch.delattr("ratedist.quantizers.scalar.compiled")
    prefix_table.compiled_functions.cache_clear()
    try:
        assert prefix_table.compiled_functions() is None
        without = kmeans(weights, num_clusters, h, method="optimal")
    finally:
        prefix_table.compiled_functions.cache_clear()
    np.testing.assert_array_equal(with_numba.labels, without.labels)
    np.testing.assert_allclose(with_numba.centers, without.centers, rtol=1e-14, atol=1e-15)
    assert with_numba.converged
    assert without.converged


def test_where_nothing_can_be_written_it_is_compiled_each_time(monkeypatch):
    from numba.core import caching

    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    monkeypatch.setattr(caching.FunctionCache._impl_class, "_locator_classes", [])

    def double(x):
        return 2.0 * x

    with pytest.raises(RuntimeError):
        numba.njit(double, cache=True)
    assert compiled.compiled(double)(4.0) == 8.0


FULL_DISK = """
import resource, signal
import numpy as np
from ratedist.quantizers import kmeans
from ratedist.quantizers.scalar import lagrangian, prefix_table

assert prefix_table.compiled_functions() is not None
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
weights = np.arange(5000.0)
assert lagrangian.lagrangian_runs(prefix_table.SortedEntries(weights, None), 2) is None
# Halves of m neighbours a unit apart cost m(m² − 1)/12 each.
assert abs(kmeans(weights, 2, method="optimal").objective * 6 / (2500 * (2500**2 - 1)) - 1) < 1e-12
"""


@pytest.mark.slow
def test_a_full_disk_is_no_condition(tmp_path):
    pytest.importorskip("resource")
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", FULL_DISK], check=True, env=environment, timeout=300)


def test_a_full_disk_is_asked_once(monkeypatch):
    """What Numba compiles and cannot keep it would compile anew at every call."""
    tried = []

    def without_room(*arguments):
        tried.append(arguments)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lagrangian, "_priced", without_room)
    monkeypatch.setattr(lagrangian._Disk, "is_full", False)
    weights = np.random.default_rng(0).normal(size=300)
    for K in (3, 4):
        assert kmeans(weights, K, method="optimal").converged
    assert len(tried) == 1
