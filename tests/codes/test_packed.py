"""Several labels as one symbol: the stream of the docstring, near the entropy, nothing else accepted."""

import functools
import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist import codes
from ratedist.codes import many_streams
from ratedist.codes.bitstream import huffman_encode, huffman_stream
from ratedist.codes.packed import Packing, packed_decode, packed_encode, packed_stream
from ratedist.quantizers import Lloyd, kmeans

LABELS = st.tuples(st.integers(2, 20), st.integers(2, 16)).flatmap(
    lambda one: st.lists(
        st.sampled_from(range(max(one) - min(one[1], max(one)), max(one))), min_size=2, max_size=300
    ).map(lambda labels: (max(one), labels))
)


def drawn(num_labels: int, probabilities: list[float], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    K = len(probabilities)
    labels = np.random.default_rng(seed).choice(K, num_labels, p=np.divide(probabilities, sum(probabilities)))
    return labels.astype(np.uint8), np.bincount(labels, minlength=K)


def by_hand(labels: list[int], counts: np.ndarray) -> bytes:
    """The stream as the docstrings say it, a symbol at a time, with fractions and strings of bits."""
    occurring = [k for k, count in enumerate(counts) if count]
    p = max(p for p in range(1, 9) if len(occurring) ** p <= 256)
    shares = {k: max(1, math.floor(Fraction(int(counts[k]) * 2**30, int(counts.sum())))) for k in occurring}
    groups = list(itertools.product(occurring, repeat=p))
    products = [functools.reduce(lambda product, k: product * shares[k], group, 1) for group in groups]
    frequencies = [max(1, math.floor(Fraction(2**14 * product, 2 ** (30 * p)))) for product in products]
    lengths = codes.huffman_lengths(frequencies)
    words = codes.huffman_codewords(lengths)
    book = {
        group: format(int(word), f"0{size}b")
        for group, word, size in zip(groups, words, lengths, strict=True)
    }
    most = max(occurring, key=lambda k: (counts[k], -k))
    filled = [int(k) for k in labels] + [most] * (-len(labels) % p)
    symbols = [tuple(filled[i : i + p]) for i in range(0, len(filled), p)]
    index, body = b"", b""
    for start in range(0, len(symbols), 2048):
        bits = "".join(book[symbol] for symbol in symbols[start : start + 2048])
        bits += "0" * (-len(bits) % 8)
        index += (len(bits) // 8).to_bytes(2, "little")
        body += bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
    return index + body


@settings(max_examples=settings().max_examples // 4, deadline=None)
@given(LABELS)
def test_agrees_with_a_string_of_bits(case: tuple[int, list[int]]) -> None:
    K, labels = case
    counts = np.bincount(labels, minlength=K)
    payload = packed_encode(labels, counts)
    if np.count_nonzero(counts) < 2:
        assert payload is None
        return
    assert payload == by_hand(labels, counts)
    decoded = packed_decode(payload, counts)
    np.testing.assert_array_equal(decoded, labels)
    assert decoded.dtype == np.uint8


@pytest.mark.parametrize(
    "num_labels", [3 * 2048 * 4, 3 * 2048 * 4 + 5, pytest.param(30_001, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("K", [2, 3, 4, 5, 6, 7, 16])
def test_segments_of_every_number_of_labels_a_symbol(num_labels: int, K: int) -> None:
    labels, counts = drawn(num_labels, [0.6**k + 0.01 for k in range(K)])
    payload = packed_encode(labels, counts)
    assert payload == by_hand(labels.tolist(), counts)
    np.testing.assert_array_equal(packed_decode(payload, counts), labels)


def test_labels_that_do_not_occur_and_types_of_two_bytes() -> None:
    labels = np.random.default_rng(0).choice([3, 300, 70], 20_000, p=[0.7, 0.2, 0.1])
    counts = np.bincount(labels, minlength=1000)
    decoded = packed_decode(packed_encode(labels, counts), counts)
    assert decoded.dtype == np.uint16
    np.testing.assert_array_equal(decoded, labels)


@pytest.mark.parametrize("K", [4, 16, 256])
def test_within_a_hundredth_of_the_entropy(K: int) -> None:
    """300,000 weights of Student's law by K-means; one label a symbol takes more."""
    weights = np.random.default_rng(0).standard_t(4, 300_000)
    centers = kmeans(weights[:20_000], K, method=Lloyd(max_iterations=20)).centers
    labels = np.digitize(weights, (centers[1:] + centers[:-1]) / 2).astype(np.uint8)
    counts = np.bincount(labels, minlength=K)
    shares = counts[counts > 0] / counts.sum()
    entropy = float(-shares @ np.log2(shares)) * labels.size / 8
    single, several = len(huffman_encode(labels, counts)), packed_encode(labels, counts)
    if K == 256:
        assert several is None
        assert single < 1.01 * entropy
    else:
        assert several is not None
        assert len(several) < 1.01 * entropy
        assert len(several) < single


def test_every_code_is_complete_and_within_its_longest() -> None:
    """The most uneven counts for each number of labels, with no codeword of more than nineteen bits."""
    for K in range(2, 17):
        for ratio in (1, 2, 7, 1000, 10**6):
            counts = np.array([min(ratio**k, 10**17) for k in range(K)])
            packing = Packing.of(counts)
            assert packing is not None
            assert sum(Fraction(1, 2 ** int(size)) for size in packing.lengths) == 1
            assert 1 <= packing.lengths.min() <= packing.lengths.max() <= 19


def test_labels_that_are_not_packed() -> None:
    for counts in ([5], [0, 5], np.ones(17, np.int64)):
        labels = np.repeat(np.arange(len(counts)), counts)
        assert packed_encode(labels, counts) is None
        with pytest.raises(ValueError, match="labels are packed where 2 … 16 of them occur"):
            packed_decode(b"", counts)
    with pytest.raises(ValueError, match="those of the labels"):
        packed_encode([0, 1, 1], [2, 1])


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(LABELS, st.data())
def test_a_damaged_payload_is_an_error_or_labels(case: tuple[int, list[int]], data: st.DataObject) -> None:
    K, labels = case
    counts = np.bincount(labels, minlength=K)
    payload = packed_encode(labels, counts)
    if payload is None:
        return
    damaged = bytearray(payload)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    damaged += data.draw(st.binary(max_size=3))
    try:
        decoded = packed_decode(bytes(damaged), counts)
    except ValueError:
        return
    np.testing.assert_array_equal(np.bincount(decoded, minlength=K), counts)
    if bytes(damaged) != payload:  # another order, which has a payload of its own
        assert packed_encode(decoded, counts) == bytes(damaged) or _differ_in_padding(
            decoded, counts, damaged
        )


def _differ_in_padding(labels: np.ndarray, counts: np.ndarray, payload: bytearray) -> bool:
    return packed_encode(labels, counts)[:-1] == bytes(payload[:-1])


def test_a_filling_of_other_labels_is_refused() -> None:
    counts = np.array([5, 4])  # eight labels a symbol: the last symbol is one label, and seven 0
    packing = Packing.of(counts)
    assert packing is not None
    labels = np.array([0, 1, 1, 1, 1, 0, 0, 0, 0], np.uint8)
    symbols = packing.symbols_of(labels)
    assert symbols.tolist() == [0b01111000, 0]
    np.testing.assert_array_equal(packing.labels_of(symbols), labels)
    # As many labels of each kind, but a 1 in the filling.
    with pytest.raises(ValueError, match="does not decode to labels with these counts"):
        packing.labels_of(np.array([0b01110000, 0b00000001], np.uint8))


def test_a_payload_too_short_for_the_counts_takes_no_memory() -> None:
    with pytest.raises(ValueError, match=r"the counts imply .* bytes of Huffman code, got 10"):
        packed_decode(b"0123456789", [10**15, 10**15])


def test_streams_of_both_kinds_are_decoded_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [drawn(500 * (i + 1), [0.5, 0.3, 0.1, 0.05][: 2 + i % 3], i) for i in range(12)]
    cases += [drawn(100_000, [0.9, 0.1], 99), (np.zeros(7, np.uint8), np.array([7]))]
    streams = []
    for place, (labels, counts) in enumerate(cases):
        if place % 2 and counts.size > 1:
            streams.append(packed_stream(packed_encode(labels, counts), counts))
        else:
            streams.append(huffman_stream(huffman_encode(labels, counts), counts))
    for limit in (1 << 20, 5000):
        monkeypatch.setattr(many_streams, "BATCH_SYMBOLS", limit)
        for (labels, _), found in zip(cases, many_streams.decode_many(streams), strict=True):
            np.testing.assert_array_equal(found, labels)
