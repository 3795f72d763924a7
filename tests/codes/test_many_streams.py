"""Streams decoded side by side are what they are one by one; counts are compared, memory is bounded."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist import codes
from ratedist.codes import many_streams
from ratedist.codes.bitstream import SEGMENT, huffman_decode, huffman_encode
from ratedist.codes.many_streams import huffman_decode_many

STREAM = st.tuples(st.integers(1, 400), st.integers(1, 3 * SEGMENT), st.integers(0, 2**32 - 1))


def drawn(num_clusters, num_labels, seed):
    rng = np.random.default_rng(seed)
    labels = rng.choice(num_clusters, num_labels, p=rng.dirichlet(np.full(num_clusters, 0.3)))
    return labels, np.bincount(labels, minlength=num_clusters)


@settings(max_examples=settings().max_examples // 12, deadline=None)
@given(st.lists(STREAM, min_size=1, max_size=8), st.sampled_from([1 << 20, 5000]))
def test_labels_come_back(specification, limit):
    cases = [drawn(*one) for one in specification]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(many_streams, "BATCH_SYMBOLS", limit)
        patch.setattr(many_streams, "BATCH_ENTRIES", limit)
        found = huffman_decode_many(
            [huffman_encode(*case) for case in cases], [counts for _, counts in cases]
        )
    for (labels, counts), one in zip(cases, found, strict=True):
        np.testing.assert_array_equal(one, labels)
        assert one.dtype == np.min_scalar_type(counts.size - 1)


def test_streams_that_go_a_way_of_their_own():
    """One label alone, codewords longer than the table, more segments than are walked together."""
    fibonacci = np.array([1, 1])
    while fibonacci.size < 20:
        fibonacci = np.append(fibonacci, fibonacci[-1] + fibonacci[-2])
    assert codes.huffman_lengths(fibonacci).max() > many_streams.TABLE_BITS
    cases = [
        (np.full(7, 2), np.array([0, 0, 7])),
        (np.repeat(np.arange(20), fibonacci), fibonacci),
        drawn(16, many_streams.MOST_SEGMENTS * SEGMENT + 1, 0),
        drawn(3, 1, 1),
        drawn(300, SEGMENT, 2),
    ]
    found = huffman_decode_many([huffman_encode(*case) for case in cases], [counts for _, counts in cases])
    for (labels, _), one in zip(cases, found, strict=True):
        np.testing.assert_array_equal(one, labels)
    assert huffman_decode_many([], []) == []


@settings(max_examples=settings().max_examples // 4, deadline=None)
@given(st.lists(STREAM, min_size=1, max_size=3), st.data())
def test_a_damaged_stream_is_an_error_or_has_these_counts(specification, data):
    cases = [drawn(min(K, 40), min(size, 300), seed) for K, size, seed in specification]
    payloads = [bytearray(huffman_encode(*case)) for case in cases]
    for payload in payloads:
        if payload and data.draw(st.booleans()):
            payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = huffman_decode_many([bytes(one) for one in payloads], [counts for _, counts in cases])
    except ValueError:
        return
    for (_, counts), one in zip(cases, found, strict=True):
        np.testing.assert_array_equal(np.bincount(one, minlength=counts.size), counts)


def test_labels_with_other_counts_are_refused():
    # Two symbols of one bit each: every payload of the right size decodes, here to five and three.
    counts = np.array([4, 4])
    payload = huffman_encode([0, 0, 0, 0, 1, 1, 1, 1], counts)
    other = payload[:-1] + bytes([0b00000111])
    with pytest.raises(ValueError, match="does not decode to labels with these counts"):
        huffman_decode(other, counts)
    with pytest.raises(ValueError, match="does not decode to labels with these counts"):
        huffman_decode_many([payload, other], [counts, counts])
    same = payload[:-1] + bytes([0b01010101])
    np.testing.assert_array_equal(huffman_decode(same, counts), [0, 1] * 4)


def test_memory_of_many_wide_tables():
    """Few labels with codewords of sixteen bits: a table is 512 kB, and eighty of them 42 MB."""
    counts = np.array([1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597])
    assert codes.huffman_lengths(counts).max() == 16
    labels = np.repeat(np.arange(17), counts)
    payload = huffman_encode(labels, counts)
    tracemalloc.start()
    found = huffman_decode_many([payload] * 80, [counts] * 80)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert all(np.array_equal(one, labels) for one in found[::20])
    assert peak < 30e6
