"""Cells on a stack of bits: a decoder in Python's integers, the law of draws, far and narrow laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist.codes.cells import Grid, pop_cells, push_cells
from ratedist.codes.interval_masses import gaussian_log_mass

constriction = pytest.importorskip("constriction")
AnsCoder = constriction.stream.stack.AnsCoder


def gaussian(mean, scale):
    mu, s = np.atleast_1d(mean), np.atleast_1d(scale)
    return lambda centers, width, part: gaussian_log_mass(centers - mu[part], width, s[part])


def new_coder(generator, words):
    return AnsCoder(generator.integers(0, 2**32, words, dtype=np.uint32), seal=True)


def in_integers(words, num_cells, grid, log_mass):
    """Duda's rANS with a 64-bit state and 32-bit words, in Python's integers: the same cells."""
    stack, state = [int(word) for word in words], 0
    for _ in range(2):
        state = state << 32 | (stack.pop() if stack else 0)
    cells = np.zeros(num_cells, np.int64)
    everything = slice(0, num_cells)
    for level in reversed(range(grid.depth)):
        half = 1 << level
        center, width = grid.values(cells + (half - 1) / 2), half * grid.step
        lower, upper = (log_mass(c, width, everything) for c in (center, center + width))
        for i in range(num_cells):
            share = round(2**24 / (1 + float(np.exp(lower[i] - upper[i]))))
            share = min(max(share, 1), 2**24 - 1)
            slot, first = state % 2**24, 2**24 - share  # the lower half comes first
            one = slot >= first
            state = (share if one else first) * (state >> 24) + slot - (first if one else 0)
            if state < 2**32 and stack:
                state = state << 32 | stack.pop()
            cells[i] += int(one) << level
    return cells


def test_a_decoder_in_integers_reads_the_same() -> None:
    generator = np.random.default_rng(0)
    grid, law = Grid(0.25, 7), gaussian(np.zeros(200), np.full(200, 2.0))
    cells = grid.cells(np.clip(2 * generator.standard_normal(200), -15, 15))
    coder = AnsCoder()
    bits = push_cells(coder, cells, grid, law)
    words = coder.get_compressed()
    np.testing.assert_array_equal(in_integers(words, 200, grid, law), cells)
    assert 0 <= 32 * len(words) - bits <= 64
    truth = -np.log2(np.exp(gaussian_log_mass(grid.values(cells), 0.25, 2.0))).sum()
    assert bits == pytest.approx(truth, rel=1e-6)


@settings(max_examples=settings().max_examples // 6, deadline=None)
@given(
    st.integers(1, 51), st.floats(-6, 6), st.floats(-12, 12), st.floats(-30, 30), st.integers(0, 2**32 - 1)
)
def test_what_is_pushed_is_popped_and_what_is_drawn_goes_back(
    depth, log_step, log_scale, place, seed
) -> None:
    generator = np.random.default_rng(seed)
    grid = Grid(10.0**log_step, depth)
    scale = grid.step * 10.0**log_scale
    law = gaussian(place * scale * generator.random(20), np.full(20, scale))
    words = generator.integers(0, 2**32, 200, dtype=np.uint32)
    coder = AnsCoder(words, seal=True)
    drawn, bits = pop_cells(coder, 20, grid, law, draw=True)
    assert bits >= 0
    cells = generator.integers(0, 1 << depth, 20)
    spent = push_cells(coder, cells, grid, law)
    found, taken = pop_cells(coder, 20, grid, law)
    np.testing.assert_array_equal(found, cells)
    assert taken == pytest.approx(spent)
    assert push_cells(coder, drawn, grid, law, draw=True) == pytest.approx(bits)
    np.testing.assert_array_equal(coder.get_compressed(unseal=True), words)


def test_draws_have_the_law() -> None:
    """Shares of 20,000 draws in every cell, each within four standard errors, and no draw far out."""
    generator, count = np.random.default_rng(1), 20_000
    grid, law = Grid(0.5, 30), gaussian(np.full(count, 3.1), np.full(count, 0.8))
    cells, bits = pop_cells(new_coder(generator, count), count, grid, law, draw=True)
    places, found = np.unique(cells, return_counts=True)
    # Halves below 2^−25 are impossible: 5.5 scales, and what their rounding to 2^−24 adds.
    assert np.abs(grid.values(places) - 3.1).max() < 6 * 0.8
    around = np.arange(places[0] - 3, places[-1] + 4)
    shares = np.exp(gaussian_log_mass(grid.values(around) - 3.1, 0.5, 0.8))
    assert shares.sum() == pytest.approx(1.0, abs=1e-6)
    counted = np.zeros(around.size)
    counted[np.searchsorted(around, places)] = found / count
    assert np.all(np.abs(counted - shares) <= 4 * np.sqrt(shares * (1 - shares) / count) + 2 / count)
    assert bits / count == pytest.approx(-shares @ np.log2(shares), rel=0.01)


def test_a_law_much_narrower_than_a_cell_draws_the_nearest_and_takes_no_bits() -> None:
    coder = AnsCoder(np.zeros(0, np.uint32), seal=True)
    means = np.array([0.1, -3.2, 7.4])
    cells, bits = pop_cells(coder, 3, Grid(1.0, 20), gaussian(means, np.full(3, 1e-9)), draw=True)
    np.testing.assert_array_equal(Grid(1.0, 20).values(cells), [0.0, -3.0, 7.0])
    assert bits == 0
    # What is no draw does not go back.
    with pytest.raises(ValueError, match="no draw of this law"):
        push_cells(coder, cells + 1, Grid(1.0, 20), gaussian(means, np.full(3, 1e-9)), draw=True)


def test_far_out_a_code_is_shorter_than_its_law_and_never_impossible() -> None:
    """Every decision costs 24 bits at most."""
    coder, grid = AnsCoder(), Grid(1.0, 20)
    bits = push_cells(coder, grid.cells(np.array([400_000.0])), grid, gaussian(0.0, 1.0))
    assert 24 <= bits <= 24 * 20
    assert pop_cells(coder, 1, grid, gaussian(0.0, 1.0))[0] == grid.cells(np.array([400_000.0]))


def test_grids() -> None:
    grid = Grid.covering(10.0, 0.25)
    assert (grid.depth, grid.middle) == (7, 64)
    np.testing.assert_array_equal(
        grid.values(grid.cells(np.array([-10.0, 0.1, 0.13, 10.0]))), [-10, 0, 0.25, 10]
    )
    for value in (16.0, -16.2, 1e300):
        with pytest.raises(ValueError, match="within 64 steps"):
            grid.cells(np.array([value]))
    with pytest.raises(ValueError, match="larger step"):
        Grid.covering(1.0, 1e-20)
    with pytest.raises(ValueError, match="step"):
        Grid(0.0, 3)
    with pytest.raises(ValueError, match="depth"):
        Grid(1.0, 52)
