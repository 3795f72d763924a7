"""Canonical Huffman codes as real bytes, in NumPy: many short segments are coded side by side."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ratedist.codes.entropy import label_counts
from ratedist.codes.huffman import huffman_codewords, huffman_lengths
from ratedist.codes.segment_walk import WINDOW, WORD, Table, as_windows, walk

# Labels in a segment. A decoder that walks all segments at once is as fast as NumPy is on vectors of that
# many entries; the index costs two bytes and the padding up to one, under 0.006 bits a label.
SEGMENT = 4096
INDEX = np.dtype("<u2")  # bytes of a segment: 4096 codewords of at most 57 bits are fewer than 2^15
# Segments coded at once, which bounds the memory needed beyond input and output.
BATCH = 256
# Segments decoded at once: more, as the interpreter is called a few times for every symbol of a segment.
LANES = 4 * BATCH
MAX_SYMBOLS = 1 << 16
OTHER_COUNTS = "the Huffman code does not decode to labels with these counts"


def huffman_encode(labels: ArrayLike, counts: ArrayLike) -> bytes:
    """Labels as a bitstream of canonical Huffman codewords; the decoder needs ``counts`` and nothing else.

    The labels are cut into segments of 4096. First come the lengths of the segments in bytes, little-endian
    16-bit integers, then the segments: codewords one after another, most significant bit first, each
    segment filled with zeros to a whole byte. If only one label occurs the stream is empty.

    Args:
        labels: integers of shape ``(N,)``, 0 … K − 1.
        counts: |C_k|, how often each label occurs, integers of shape ``(K,)``.

    Returns:
        ``Σ_k |C_k| b_k / 8`` bytes plus less than three bytes a segment.

    Raises:
        ValueError: counts that are not those of the labels, or K above 2^16.

    Source: b_k of Entropy 2021 eq. (39); the canonical code of Schwartz & Kallick 1964.
    """
    frequencies = checked_symbols(counts)
    symbols = checked_labels(labels, frequencies)
    return encode_symbols(symbols, huffman_lengths(frequencies), SEGMENT)


def huffman_decode(payload: bytes | memoryview, counts: ArrayLike) -> np.ndarray:
    """Inverse of ``huffman_encode``.

    Args:
        payload: what ``huffman_encode`` returned.
        counts: |C_k|, integers of shape ``(K,)``; they give the code and the number of labels.

    Returns:
        Labels of shape ``(N,)`` in the smallest unsigned type that holds K − 1.

    Raises:
        ValueError: a payload that is not of the size the counts imply (seen before any memory is taken for
            the labels), segments that do not end where the index says, or labels with other counts. Flipped
            bits may still decode to labels in another order: keep a checksum.
    """
    return huffman_stream(payload, counts).decode()


class SymbolStream(NamedTuple):
    """A payload with all that is needed to decode it.

    Attributes:
        payload: of ``encode_symbols``.
        num_symbols: in it.
        lengths: of the codewords, bits; all 0 where one symbol alone occurs.
        num_bits: the fewest and the most that the codewords can take.
        segment: symbols in a segment.
        labels: what makes labels of the symbols, and compares their counts.
    """

    payload: bytes | memoryview
    num_symbols: int
    lengths: np.ndarray
    num_bits: tuple[int, int]
    segment: int
    labels: Callable[[np.ndarray], np.ndarray]

    def decode(self) -> np.ndarray:
        """The labels."""
        if not self.lengths.any():
            if self.payload:
                raise ValueError(
                    f"a constant label sequence has an empty payload, got {len(self.payload)} bytes"
                )
            return self.labels(np.zeros(0, np.uint8))
        sizes, body = split_segments(self)
        ends = np.cumsum(sizes)
        starts = ends - sizes
        table = Table.of(self.lengths)
        symbols = np.empty(self.num_symbols, table.symbols.dtype)
        for first in range(0, sizes.size, LANES):
            last = min(first + LANES, sizes.size)
            here = starts[first]
            windows = as_windows(body[here : ends[last - 1]])
            piece = symbols[first * self.segment : last * self.segment]
            walk(table, windows, starts[first:last] - here, ends[first:last] - here, piece, self.segment)
        return self.labels(symbols)


def least_bytes(counts: np.ndarray) -> int:
    """Bytes that ``huffman_encode`` needs at least for labels with these counts."""
    index_size = -(-int(counts.sum()) // SEGMENT) * INDEX.itemsize
    num_bits = int(counts @ huffman_lengths(counts))
    return index_size + (num_bits + 7) // 8 if num_bits else 0


def huffman_stream(payload: bytes | memoryview, counts: ArrayLike) -> SymbolStream:
    """A payload of ``huffman_encode``, to be decoded."""
    frequencies = checked_symbols(counts)
    lengths = huffman_lengths(frequencies)
    num_bits = int(frequencies @ lengths)
    labels = functools.partial(_compared, frequencies)
    return SymbolStream(payload, int(frequencies.sum()), lengths, (num_bits, num_bits), SEGMENT, labels)


def _compared(frequencies: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Labels once their counts are the right ones; none stand for one label alone."""
    dtype = np.min_scalar_type(frequencies.size - 1)
    if labels.size == 0:
        return np.full(int(frequencies.sum()), np.flatnonzero(frequencies)[0], dtype)
    if not np.array_equal(counted(labels, frequencies.size), frequencies):
        raise ValueError(OTHER_COUNTS)
    return labels.astype(dtype, copy=False)


def counted(labels: np.ndarray, num_symbols: int) -> np.ndarray:
    """How often each label occurs, int64 of shape ``(num_symbols,)``."""
    found = np.zeros(num_symbols, dtype=np.int64)
    for start in range(0, labels.size, SEGMENT * BATCH):  # bincount wants 8 bytes a label
        found += np.bincount(labels[start : start + SEGMENT * BATCH], minlength=num_symbols)
    return found


def checked_symbols(counts: ArrayLike) -> np.ndarray:
    """Counts as int64 of shape ``(K,)``, K at most 2^16, or ``ValueError``."""
    frequencies = label_counts(counts)
    if frequencies.size > MAX_SYMBOLS:
        raise ValueError(f"counts must be of at most 2^16 symbols, got {frequencies.size}")
    return frequencies


def checked_labels(labels: ArrayLike, frequencies: np.ndarray) -> np.ndarray:
    """Labels as an integer array of shape ``(N,)`` whose counts are ``frequencies``, or ``ValueError``."""
    symbols = np.asarray(labels)
    if symbols.ndim != 1 or not np.issubdtype(symbols.dtype, np.integer):
        raise ValueError(
            f"labels must be integers of shape (N,), got {symbols.dtype} of shape {symbols.shape}"
        )
    if symbols.size and (symbols.min() < 0 or symbols.max() >= frequencies.size):
        raise ValueError(
            f"labels must lie in 0 … {frequencies.size - 1}, got {symbols.min()} … {symbols.max()}"
        )
    if not np.array_equal(counted(symbols, frequencies.size), frequencies):
        raise ValueError("counts must be those of the labels")
    return symbols


def encode_symbols(symbols: np.ndarray, lengths: np.ndarray, segment: int) -> bytes:
    """The sizes of all segments of so many symbols, and the segments; empty if no codeword has a length."""
    if not lengths.any():
        return b""
    # Codewords moved to the top of a machine word.
    spare = np.where(lengths > 0, WORD - lengths, 0).astype(np.uint64)
    codewords = huffman_codewords(checked_lengths(lengths)) << spare
    sizes, body = [], []
    for start in range(0, symbols.size, segment * BATCH):
        size, packed = _pack(symbols[start : start + segment * BATCH], codewords, lengths, segment)
        sizes.append(size.astype(INDEX))
        body.append(packed)
    return b"".join([size.tobytes() for size in sizes] + body)


def checked_lengths(lengths: np.ndarray) -> np.ndarray:
    """Lengths of codewords that are in one window of the decoder, or ``ValueError``."""
    if int(lengths.max()) > WINDOW:
        raise ValueError(
            f"codewords have at most {WINDOW} bits, these counts need {int(lengths.max())}; "
            "fewer than 10^12 labels never do"
        )
    return lengths


def _pack(
    symbols: np.ndarray, codewords: np.ndarray, lengths: np.ndarray, segment: int
) -> tuple[np.ndarray, bytes]:
    """Sizes in bytes of the segments of ``symbols``, and the segments."""
    bits = lengths[symbols]
    total = np.cumsum(bits)
    opening = np.arange(0, symbols.size, segment)
    before = np.concatenate([[0], total[opening[1:] - 1]])
    sizes = (np.diff(before, append=total[-1]) + 7) >> 3
    starts = 8 * (np.cumsum(sizes) - sizes)
    offsets = total
    offsets -= bits
    for number, position in enumerate(opening):
        offsets[position : position + segment] += starts[number] - before[number]
    high = codewords[symbols]
    word = offsets >> 6
    offsets &= 63
    shift = offsets.astype(np.uint64)
    heads = np.flatnonzero(np.diff(word, prepend=-1))
    lasts = np.append(heads[1:], symbols.size) - 1
    # Only the last codeword that starts in a word can run over into the next.
    spill = (high[lasts] << np.uint64(1)) << (np.uint64(63) - shift[lasts])
    high >>= shift
    words = np.zeros(int(word[-1]) + 2, dtype=np.uint64)
    words[word[heads]] = np.bitwise_or.reduceat(high, heads)
    words[word[lasts] + 1] |= spill
    return sizes, words.astype(">u8").tobytes()[: int(sizes.sum())]


def split_segments(stream: SymbolStream) -> tuple[np.ndarray, np.ndarray]:
    """Sizes of the segments, and their bytes, once they are known to be as many as they should."""
    checked_lengths(stream.lengths)
    size, num_segments = len(stream.payload), -(-stream.num_symbols // stream.segment)
    index_size = num_segments * INDEX.itemsize
    # Padding is what the counts do not tell: up to seven bits a segment.
    least, most = (index_size + (bits + 7) // 8 for bits in stream.num_bits)
    if not least <= size <= most + num_segments:
        raise ValueError(
            f"the counts imply {least} … {most + num_segments} bytes of Huffman code, got {size}"
        )
    sizes = np.frombuffer(stream.payload, INDEX, num_segments).astype(np.int64)
    if int(sizes.sum()) != size - index_size:
        raise ValueError("the segments of the Huffman code do not fill the payload")
    return sizes, np.frombuffer(stream.payload, np.uint8, offset=index_size)
