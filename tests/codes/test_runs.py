"""Marked places as runs: decodable, counted as they should be, as short as Golomb's code."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist.codes import empirical_entropy, huffman_payload_bits
from ratedist.codes import runs as module
from ratedist.codes.runs import best_longest_run, check_run_counts, marked_places, run_symbols


def by_hand(marks, longest):
    """The symbols, a place at a time."""
    symbols, run = [], 0
    for mark in [*marks, True]:
        if mark:
            symbols.append(run)
            run = 0
        else:
            run += 1
            if run == longest:
                symbols.append(longest)
                run = 0
    return symbols


@settings(deadline=None)
@given(st.lists(st.booleans(), max_size=40), st.integers(1, 9))
def test_symbols_are_those_written_by_hand_and_are_decoded(marks, longest):
    marks = np.array(marks, bool)
    symbols = run_symbols(marks, longest)
    assert symbols.tolist() == by_hand(marks, longest)
    np.testing.assert_array_equal(marked_places(symbols, longest, marks.size), marks)
    counts = np.bincount(symbols, minlength=longest + 1)
    check_run_counts(counts, marks.size, int(marks.sum()))
    for places, number in ((marks.size + 1, marks.sum()), (marks.size, marks.sum() + 1)):
        with pytest.raises(ValueError, match=f"not of {places} places, {number} of them marked"):
            check_run_counts(counts, places, number)


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), max_size=30), st.integers(0, 60))
def test_any_symbols_are_refused_or_say_where_marks_are(symbols, num_places):
    symbols = np.array(symbols, np.uint8)
    try:
        marks = marked_places(symbols, 3, num_places)
    except ValueError:
        return
    np.testing.assert_array_equal(run_symbols(marks, 3), symbols)


def test_in_pieces(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 7)
    marks = np.random.default_rng(0).random(1000) < 0.3
    np.testing.assert_array_equal(marked_places(run_symbols(marks, 2), 2, 1000), marks)
    with pytest.raises(ValueError, match="the runs are not of 900 places"):
        marked_places(run_symbols(marks, 2), 2, 900)


def test_counts_that_overflow_when_added():
    big = np.array([2**64 - 1, 2], np.uint64)
    with pytest.raises(ValueError, match="the runs are not of"):
        check_run_counts(big, 0, 0)
    with pytest.raises(ValueError, match="the runs are not of"):
        check_run_counts(np.array([1], np.uint8), 0, 0)


def with_model(counts):
    """Bits in Huffman code, and a byte or more for each count."""
    return huffman_payload_bits(counts) + 8 * counts.size * np.min_scalar_type(int(counts.max())).itemsize


@pytest.mark.parametrize("share", [0.5, 0.2, 0.05, 0.01, 0.001])
def test_near_the_entropy_of_the_places(share):
    """Model included: within 4% of n·H of independent marks, or a hundredth of a bit a place."""
    marks = np.random.default_rng(1).random(400_000) < share
    longest = best_longest_run(marks, with_model)
    found = with_model(np.bincount(run_symbols(marks, longest), minlength=longest + 1))
    entropy = marks.size * empirical_entropy(np.bincount(marks, minlength=2)) / math.log(2)
    assert entropy < found < max(1.04 * entropy, entropy + 0.01 * marks.size)
    for other in (1, max(longest // 2, 1), longest * 2, 3 * longest):
        assert with_model(np.bincount(run_symbols(marks, other), minlength=other + 1)) >= found


@pytest.mark.parametrize("marks", [[], [True], [False], [True] * 9, [False] * 70_000])
def test_ends(marks):
    marks = np.array(marks, bool)
    longest = best_longest_run(marks, with_model)
    symbols = run_symbols(marks, longest)
    assert 1 <= longest < 2**16
    np.testing.assert_array_equal(marked_places(symbols, longest, marks.size), marks)
