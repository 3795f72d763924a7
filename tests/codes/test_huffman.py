import heapq
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist import codes

COUNTS = st.lists(st.integers(0, 1000), min_size=1, max_size=64).filter(any)


def test_known_code():
    # Cover & Thomas, example 5.6.1: probabilities 0.25, 0.25, 0.2, 0.15, 0.15 have lengths 2, 2, 2, 3, 3.
    lengths = codes.huffman_lengths([25, 25, 20, 15, 15])
    np.testing.assert_array_equal(lengths, [2, 2, 2, 3, 3])
    np.testing.assert_array_equal(codes.huffman_codewords(lengths), [0b00, 0b01, 0b10, 0b110, 0b111])
    assert codes.huffman_payload_bits([25, 25, 20, 15, 15]) == 230


@pytest.mark.parametrize("counts", [[7], [0, 7], [7, 0, 0]])
def test_one_symbol_costs_nothing(counts):
    assert codes.huffman_payload_bits(counts) == 0
    assert codes.empirical_entropy(counts) == 0
    np.testing.assert_array_equal(
        codes.huffman_codewords(codes.huffman_lengths(counts)), np.zeros(len(counts))
    )


def test_equal_powers_of_two():
    np.testing.assert_array_equal(codes.huffman_lengths([3] * 16), [4] * 16)
    assert codes.empirical_entropy([3] * 16) == pytest.approx(math.log(16), rel=1e-15)


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(COUNTS)
def test_kraft_equality_and_entropy_bracket(counts):
    lengths = codes.huffman_lengths(counts)
    occurring = np.asarray(counts) > 0
    assert np.all(lengths[~occurring] == 0)
    if occurring.sum() == 1:
        return
    assert sum(2 ** (64 - int(b)) for b in lengths[occurring]) == 2**64
    assert np.all(lengths[occurring] <= occurring.sum() - 1)
    entropy_bits = codes.empirical_entropy(counts) / math.log(2)
    mean_length = codes.huffman_payload_bits(counts) / sum(counts)
    assert entropy_bits - 1e-12 <= mean_length < entropy_bits + 1


@settings(deadline=None, max_examples=40)
@given(COUNTS)
def test_payload_is_the_sum_of_merged_weights(counts):
    heap = [c for c in counts if c]
    heapq.heapify(heap)
    payload = 0
    while len(heap) > 1:
        merged = heapq.heappop(heap) + heapq.heappop(heap)
        payload += merged
        heapq.heappush(heap, merged)
    assert codes.huffman_payload_bits(counts) == payload


def test_no_prefix_code_is_shorter():
    # All length vectors that satisfy Kraft, four symbols: exhaustive.
    rng = np.random.default_rng(0)
    vectors = np.stack(np.meshgrid(*[np.arange(1, 5)] * 4), axis=-1).reshape(-1, 4)
    vectors = vectors[np.sum(2.0**-vectors, axis=1) <= 1]
    for _ in range(50):
        counts = rng.integers(1, 100, 4)
        assert codes.huffman_payload_bits(counts) == np.min(vectors @ counts)


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(COUNTS, st.lists(st.integers(0, 63), max_size=50))
def test_codewords_decode(counts, message):
    lengths = codes.huffman_lengths(counts)
    occurring = np.flatnonzero(lengths)
    if occurring.size == 0:
        return
    words = {format(codes.huffman_codewords(lengths)[k], f"0{lengths[k]}b"): k for k in occurring}
    assert len(words) == occurring.size
    symbols = [int(occurring[i % occurring.size]) for i in message]
    book = {int(k): word for word, k in words.items()}
    stream, decoded, word = "".join(book[k] for k in symbols), [], ""
    for bit in stream:
        word += bit
        if word in words:
            decoded.append(int(words[word]))
            word = ""
    assert word == ""
    assert decoded == symbols


def test_fibonacci_counts_have_long_codewords():
    counts = [1, 1]
    while len(counts) < 60:
        counts.append(counts[-1] + counts[-2])
    lengths = codes.huffman_lengths(counts)
    assert lengths.max() == 59
    assert len(set(codes.huffman_codewords(lengths)[lengths == 59].tolist())) == 2


@pytest.mark.parametrize("counts", [[], [0, 0], [-1, 2], [0.5, 0.5], [[1, 2]]])
def test_bad_counts(counts):
    with pytest.raises(ValueError, match="counts must"):
        codes.huffman_lengths(counts)
    with pytest.raises(ValueError, match="counts must"):
        codes.empirical_entropy(counts)


@pytest.mark.parametrize("lengths", [[1, 1, 1], [1, 2, 2, 2], [-1, 1], [64, 1], [1.0]])
def test_bad_lengths(lengths):
    with pytest.raises(ValueError, match="lengths must"):
        codes.huffman_codewords(lengths)
