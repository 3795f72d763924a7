import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist import codes
from ratedist.codes import bitstream, segment_walk
from ratedist.codes.bitstream import SEGMENT, huffman_decode, huffman_encode

LABELS = st.integers(1, 40).flatmap(
    lambda k: st.lists(st.integers(0, k - 1), min_size=1, max_size=300).map(lambda x: (k, x))
)


def by_hand(labels, counts):
    """The stream as the docstring of ``huffman_encode`` says it, a bit at a time."""
    lengths = codes.huffman_lengths(counts)
    words = codes.huffman_codewords(lengths)
    book = [
        format(int(word), f"0{length}b") if length else ""
        for word, length in zip(words, lengths, strict=True)
    ]
    index, body = b"", b""
    if not lengths.any():
        return b""
    for start in range(0, len(labels), SEGMENT):
        bits = "".join(book[label] for label in labels[start : start + SEGMENT])
        bits += "0" * (-len(bits) % 8)
        segment = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
        index += len(segment).to_bytes(2, "little")
        body += segment
    return index + body


def skewed(num_labels, num_clusters, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.choice(num_clusters, num_labels, p=rng.dirichlet(np.full(num_clusters, 0.3)))
    return labels.astype(np.min_scalar_type(num_clusters - 1)), np.bincount(labels, minlength=num_clusters)


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(LABELS)
def test_agrees_with_a_string_of_bits(case):
    num_clusters, labels = case
    counts = np.bincount(labels, minlength=num_clusters)
    payload = huffman_encode(labels, counts)
    assert payload == by_hand(labels, counts)
    decoded = huffman_decode(payload, counts)
    np.testing.assert_array_equal(decoded, labels)
    assert decoded.dtype == np.uint8


@pytest.mark.parametrize("num_labels", [1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 3 * SEGMENT + 5])
@pytest.mark.parametrize("num_clusters", [1, 2, 16, 300])
def test_segments(num_labels, num_clusters, monkeypatch):
    monkeypatch.setattr(bitstream, "BATCH", 2)
    labels, counts = skewed(num_labels, num_clusters)
    payload = huffman_encode(labels, counts)
    assert payload == by_hand(labels, counts)
    np.testing.assert_array_equal(huffman_decode(payload, counts), labels)


def test_batches_of_the_decoder(monkeypatch):
    monkeypatch.setattr(bitstream, "SEGMENT", 32)
    monkeypatch.setattr(bitstream, "LANES", 16)
    labels, counts = skewed(32 * 16 * 3 + 7, 12)
    np.testing.assert_array_equal(huffman_decode(huffman_encode(labels, counts), counts), labels)


@pytest.mark.parametrize("table_bits", [2, 5, 16])
def test_codewords_longer_than_the_table(table_bits, monkeypatch):
    monkeypatch.setattr(segment_walk, "TABLE_BITS", table_bits)
    counts = np.array([1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597, 2584, 4181, 6765])
    assert codes.huffman_lengths(counts).max() == 19
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(20), counts))
    np.testing.assert_array_equal(huffman_decode(huffman_encode(labels, counts), counts), labels)


def test_codewords_that_span_two_words():
    # Codewords beyond 32 bits need too many labels for a test: pack with lengths made up, read by hand.
    lengths = np.array([1, *range(2, 57), 57, 57])
    codewords = codes.huffman_codewords(lengths) << (64 - lengths).astype(np.uint64)
    labels = np.random.default_rng(1).integers(0, lengths.size, 500)
    sizes, packed = bitstream._pack(labels, codewords, lengths, SEGMENT)
    bits = "".join(format(int(codewords[k]) >> (64 - int(lengths[k])), f"0{lengths[k]}b") for k in labels)
    assert int(sizes.sum()) == len(packed) == -(-len(bits) // 8)
    assert "".join(f"{byte:08b}" for byte in packed).startswith(bits)
    decoded = np.empty(labels.size, np.uint8)
    table = segment_walk.Table.of(lengths)
    windows = segment_walk.as_windows(np.frombuffer(packed, np.uint8))
    segment_walk.walk(table, windows, np.array([0]), np.array([len(packed)]), decoded, SEGMENT)
    np.testing.assert_array_equal(decoded, labels)


def test_size_is_the_payload_of_the_compression_ratio():
    for num_clusters in (2, 16, 256):
        labels, counts = skewed(10**5, num_clusters)
        size = len(huffman_encode(labels, counts))
        segments = -(-labels.size // SEGMENT)
        assert 0 <= size - codes.huffman_payload_bits(counts) / 8 <= 3 * segments
        assert 3 * segments / labels.size < 0.001  # bytes a label


def test_sixteen_bit_labels():
    labels = np.random.default_rng(0).integers(0, 1 << 16, 50_000)
    labels[0] = (1 << 16) - 1
    counts = np.bincount(labels)
    decoded = huffman_decode(huffman_encode(labels, counts), counts)
    assert decoded.dtype == np.uint16
    np.testing.assert_array_equal(decoded, labels)


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(LABELS, st.data())
def test_a_damaged_payload_is_an_error_or_labels(case, data):
    num_clusters, labels = case
    counts = np.bincount(labels, minlength=num_clusters)
    payload = huffman_encode(labels, counts)
    damaged = bytearray(payload)
    for _ in range(data.draw(st.integers(1, 4)) if payload else 0):
        damaged[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    damaged += data.draw(st.binary(max_size=3))
    try:
        decoded = huffman_decode(bytes(damaged), counts)
    except ValueError:
        return
    np.testing.assert_array_equal(np.bincount(decoded, minlength=num_clusters), counts)


def test_a_payload_too_short_for_the_counts_takes_no_memory():
    with pytest.raises(ValueError, match=r"the counts imply .* bytes of Huffman code, got 10"):
        huffman_decode(b"0123456789", [10**15, 10**15])
    with pytest.raises(ValueError, match="empty payload"):
        huffman_decode(b"0", [3, 0])


def test_segments_have_to_end_where_the_index_says():
    labels, counts = skewed(3 * SEGMENT, 16)
    payload = bytearray(huffman_encode(labels, counts))
    payload[6:206] = b"\xff" * 200  # the longest codewords, in front of the first segment
    with pytest.raises(ValueError, match="does not end where the index says"):
        huffman_decode(bytes(payload), counts)
    payload[0] ^= 1
    with pytest.raises(ValueError, match="do not fill the payload"):
        huffman_decode(bytes(payload), counts)


@pytest.mark.parametrize(
    ("labels", "counts", "message"),
    [
        ([0, 1], [1, 2], "those of the labels"),
        ([0, 2], [1, 1], "0 … 1"),
        ([-1, 0], [1, 1], "0 … 1"),
        ([0.0, 1.0], [1, 1], "integers of shape"),
        ([[0, 1]], [1, 1], "integers of shape"),
        ([0], [0], "at least one symbol"),
    ],
)
def test_bad_input(labels, counts, message):
    with pytest.raises(ValueError, match=message):
        huffman_encode(labels, counts)


def test_codewords_that_are_in_no_window_of_the_decoder():
    fibonacci = [1, 1]
    while len(fibonacci) < 59:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    assert sum(fibonacci) > 10**12
    with pytest.raises(ValueError, match="at most 57 bits, these counts need 58"):
        huffman_decode(b"", fibonacci)
    with pytest.raises(ValueError, match=r"the counts imply .* bytes of Huffman code, got 0"):
        huffman_decode(b"", fibonacci[:-1])


def test_too_many_symbols():
    with pytest.raises(ValueError, match=r"at most 2\^16 symbols"):
        huffman_encode([0], np.ones(1 + (1 << 16), dtype=np.int64))
