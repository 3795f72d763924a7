"""The cheapest path against all paths; weights in lanes and back."""

import itertools

import jax
import numpy as np
import pytest

from ratedist.quantizers.trellis import lanes as lanes_module
from ratedist.quantizers.trellis import viterbi
from ratedist.quantizers.trellis.codebook import CAPACITY, arranged
from ratedist.quantizers.trellis.convolutional import trellis_of
from ratedist.quantizers.trellis.lanes import in_order, lane_blocks, number_of_lanes
from ratedist.quantizers.trellis.viterbi import cheapest_symbols

ROWS, LANES = 8, 24


def least_of_all(costs: np.ndarray, num_states: int) -> float:
    """Least sum over all paths from state 0 of the costs ``(T, 4)`` of their subsets, one by one."""
    after, least = trellis_of(num_states).next_states, np.inf
    for branches in itertools.product(range(2), repeat=len(costs)):
        state, total = 0, 0.0
        for cost, branch in zip(costs, branches, strict=True):
            total += cost[2 * branch + (state & 1)]
            state = after[state, branch]
        least = min(least, total)
    return least


@pytest.mark.parametrize("num_states", [4, 256])
def test_the_path_is_the_cheapest_of_all(num_states: int) -> None:
    rng = np.random.default_rng(num_states)
    w = rng.normal(scale=3, size=(ROWS, LANES)).astype(np.float32)
    h = rng.gamma(0.5, size=w.shape).astype(np.float32)
    h[:, :4] = 0
    rows = rng.integers(1, ROWS + 1, LANES).astype(np.int32)
    levels, prices = np.zeros((4, CAPACITY), np.float32), np.full((4, CAPACITY), np.inf, np.float32)
    for subset, count in enumerate((3, 5, 1, 4)):  # of different sizes, in any order
        levels[subset, :count] = rng.normal(scale=4, size=count)
        prices[subset, :count] = rng.exponential(size=count)
    symbols = cheapest_symbols(w, h, rows, levels, prices, num_states).astype(np.int64)
    subset, label = symbols // CAPACITY, symbols % CAPACITY
    paid = h * (w - levels[subset, label]).astype(np.float64) ** 2 + prices[subset, label]
    every = h[..., None, None] * (w[..., None, None] - levels.astype(np.float64)) ** 2 + prices
    costs = every.min(axis=-1)
    after = trellis_of(num_states).next_states
    for lane, length in enumerate(rows):
        state = 0
        for one in subset[:length, lane]:
            assert one & 1 == state & 1  # a path of the trellis
            state = after[state, one >> 1]
        least = least_of_all(costs[:length, lane], num_states)
        assert paid[:length, lane].sum() == pytest.approx(least, rel=2e-6)


def test_a_wrong_subset_costs_more() -> None:
    """The comparison can fail: the best level of each weight alone is no path, and cheaper."""
    costs = np.random.default_rng(0).exponential(size=(ROWS, 4))
    assert costs.min(axis=1).sum() < least_of_all(costs, 4) - 0.1


@pytest.mark.parametrize("num_weights", [1, 2, 1023, 1024, 1025, 2048, 2049, 5000])
def test_lanes_keep_the_order(num_weights: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes_module, "block_lanes", lambda _: 2)
    weights = np.arange(1, num_weights + 1, dtype=np.float64)
    lanes, total, blocks = number_of_lanes(num_weights), 0, []
    for own, w, h, rows in lane_blocks(weights, None, 8):
        assert w.shape == h.shape
        assert w.size & (w.size - 1) == 0
        for lane, length in zip(range(own.start, own.stop), rows, strict=False):
            assert np.array_equal(w[:length, lane - own.start], weights[lane::lanes])
            assert not w[length:, lane - own.start].any()
        total += int(rows.sum())
        blocks.append((own, w))
    assert total == num_weights
    assert np.array_equal(in_order(iter(blocks), num_weights, np.uint16), weights.astype(np.uint16))


def test_arrangements_offer_what_they_say() -> None:
    positions = np.arange(-6.0, 7.0)
    plain, zero = arranged(positions, "plain"), arranged(positions, "zero")
    assert np.array_equal(plain.max(axis=0), positions % 4)
    assert np.array_equal((plain >= 0).sum(axis=0), np.ones(13))
    assert {*positions[zero[0] >= 0]} == {-6, -4, -2, 0, 2, 4, 6}
    assert {*positions[zero[1] >= 0]} == {-5, -3, -1, 0, 1, 3, 5}
    # Neighbours of one sign within a union alternate between its subsets.
    for union in range(2):
        own = zero[union][(positions >= 0) & (zero[union] >= 0)]
        assert np.all(np.diff(own >> 1) != 0)


def test_paths_are_searched_on_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever device is the usual one: an accelerator is slower at it."""
    seen = []
    nothing = np.zeros((1, 1), np.uint16)
    monkeypatch.setattr(
        viterbi, "_cheapest", lambda *_: seen.append(jax.config.jax_default_device) or nothing
    )
    levels = np.zeros((4, CAPACITY), np.float32)
    viterbi.cheapest_symbols(nothing, nothing, np.ones(1, np.int32), levels, levels, 4)
    assert jax.config.jax_default_device is None
    assert seen == [jax.local_devices(backend="cpu")[0]]
