"""Canonical Huffman codes as real bytes, in NumPy: many short segments are coded side by side."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from ratedist.codes.entropy import label_counts
from ratedist.codes.huffman import huffman_codewords, huffman_lengths

# Labels in a segment. A decoder that walks all segments at once is as fast as NumPy is on vectors of that
# many entries; the index costs two bytes and the padding up to one, under 0.006 bits a label.
SEGMENT = 4096
INDEX = np.dtype("<u2")  # bytes of a segment: 4096 codewords of at most 63 bits are fewer than 2^15
# Segments coded at once, which bounds the memory needed beyond input and output.
BATCH = 256
# Codewords up to this long are decoded by one look into a table, longer ones by a search.
TABLE_BITS = 16
WORD = 64
MAX_SYMBOLS = 1 << 16


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
    lengths = huffman_lengths(frequencies)
    if not lengths.any():
        return b""
    # Codewords moved to the top of a machine word.
    spare = np.where(lengths > 0, WORD - lengths, 0).astype(np.uint64)
    codewords = huffman_codewords(lengths) << spare
    sizes, body = [], []
    for start in range(0, symbols.size, SEGMENT * BATCH):
        size, packed = _pack(symbols[start : start + SEGMENT * BATCH], codewords, lengths)
        sizes.append(size.astype(INDEX))
        body.append(packed)
    return b"".join([size.tobytes() for size in sizes] + body)


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
    frequencies = checked_symbols(counts)
    num_labels, lengths = int(frequencies.sum()), huffman_lengths(frequencies)
    dtype = np.min_scalar_type(frequencies.size - 1)
    if not lengths.any():
        if payload:
            raise ValueError(f"a constant label sequence has an empty payload, got {len(payload)} bytes")
        return np.full(num_labels, np.flatnonzero(frequencies)[0], dtype)
    sizes, body = split_segments(payload, num_labels, int(frequencies @ lengths))
    table = _Table.of(lengths)
    ends = np.cumsum(sizes)
    starts = ends - sizes
    labels = np.empty(num_labels, dtype)
    found = np.zeros(frequencies.size, dtype=np.int64)
    # Wider batches than the encoder's: the interpreter is called once a symbol of a segment.
    batch = 16 * BATCH
    for first in range(0, sizes.size, batch):
        last = min(first + batch, sizes.size)
        words = as_words(body[starts[first] : ends[last - 1]])
        piece = labels[first * SEGMENT : last * SEGMENT]
        _walk(table, words, starts[first:last] - starts[first], ends[first:last] - starts[first], piece)
        for start in range(0, piece.size, SEGMENT * BATCH):  # bincount wants 8 bytes a label
            found += np.bincount(piece[start : start + SEGMENT * BATCH], minlength=found.size)
    if not np.array_equal(found, frequencies):
        raise ValueError("the Huffman code does not decode to labels with these counts")
    return labels


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
    found = np.zeros(frequencies.size, dtype=np.int64)
    for start in range(0, symbols.size, SEGMENT * BATCH):  # bincount wants 8 bytes a label
        found += np.bincount(symbols[start : start + SEGMENT * BATCH], minlength=frequencies.size)
    if not np.array_equal(found, frequencies):
        raise ValueError("counts must be those of the labels")
    return symbols


def _pack(symbols: np.ndarray, codewords: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, bytes]:
    """Sizes in bytes of the segments of ``symbols``, and the segments."""
    bits = lengths[symbols]
    total = np.cumsum(bits)
    opening = np.arange(0, symbols.size, SEGMENT)
    before = np.concatenate([[0], total[opening[1:] - 1]])
    sizes = (np.diff(before, append=total[-1]) + 7) >> 3
    starts = 8 * (np.cumsum(sizes) - sizes)
    offsets = total
    offsets -= bits
    for segment, position in enumerate(opening):
        offsets[position : position + SEGMENT] += starts[segment] - before[segment]
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


def split_segments(
    payload: bytes | memoryview, num_labels: int, num_bits: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sizes of the segments, and their bytes, once they are known to be as many as they should."""
    num_segments = -(-num_labels // SEGMENT)
    index_size = num_segments * INDEX.itemsize
    least = index_size + (num_bits + 7) // 8
    # Padding is what the counts do not tell: up to seven bits a segment.
    if not least <= len(payload) <= least + num_segments:
        raise ValueError(
            f"the counts imply {least} … {least + num_segments} bytes of Huffman code, got {len(payload)}"
        )
    sizes = np.frombuffer(payload, INDEX, num_segments).astype(np.int64)
    if int(sizes.sum()) != len(payload) - index_size:
        raise ValueError("the segments of the Huffman code do not fill the payload")
    return sizes, np.frombuffer(payload, np.uint8, offset=index_size)


def as_words(body: np.ndarray) -> np.ndarray:
    """Bytes as 64-bit words, most significant byte first, with words of zeros behind them."""
    padded = np.zeros(-(-body.size // 8) * 8 + 16, dtype=np.uint8)
    padded[: body.size] = body
    return padded.view(">u8").astype(np.uint64)


@dataclasses.dataclass(frozen=True, eq=False)
class _Table:
    """Decoding tables of a canonical code.

    ``entries[w]`` is ``symbol·64 + length`` of the codeword that the ``bits`` first bits w of the stream
    begin with, or 0 if that is longer. Then ``limits`` are the first codewords of each longer length, moved
    to the top of a machine word, and ``ordered`` the entries of all symbols in the order of their codewords.
    """

    bits: int
    longest: int
    entries: np.ndarray
    limits: np.ndarray
    long_lengths: np.ndarray
    first_codewords: np.ndarray
    first_indices: np.ndarray
    ordered: np.ndarray

    @classmethod
    def of(cls, lengths: np.ndarray) -> _Table:
        longest = int(lengths.max())
        bits = min(longest, TABLE_BITS)
        order = np.argsort(lengths, kind="stable")
        order = order[lengths[order] > 0]
        ordered_lengths = lengths[order]
        ordered = (order.astype(np.uint64) << np.uint64(6)) | ordered_lengths.astype(np.uint64)
        codewords = huffman_codewords(lengths)[order]
        # In the order of the code the entries of short codewords follow each other without a gap.
        short = int(np.searchsorted(ordered_lengths, bits, side="right"))
        filled = np.repeat(ordered[:short], 1 << (bits - ordered_lengths[:short]))
        entries = np.zeros(1 << bits, dtype=np.uint64)
        entries[: filled.size] = filled
        long_lengths, first = np.unique(ordered_lengths[short:], return_index=True)
        first_codewords = codewords[short + first]
        limits = first_codewords << (WORD - long_lengths).astype(np.uint64)
        return cls(bits, longest, entries, limits, long_lengths, first_codewords, short + first, ordered)

    def search(self, window: np.ndarray) -> np.ndarray:
        """Entries of codewords longer than the table, from the next 64 bits of the stream."""
        group = np.searchsorted(self.limits, window, side="right") - 1
        prefix = window >> (WORD - self.long_lengths[group]).astype(np.uint64)
        index = self.first_indices[group] + (prefix - self.first_codewords[group]).astype(np.int64)
        return self.ordered[np.minimum(index, self.ordered.size - 1)]


def _walk(table: _Table, words: np.ndarray, starts: np.ndarray, ends: np.ndarray, labels: np.ndarray) -> None:
    """Decode segments between bytes ``starts`` and ``ends`` side by side into ``labels``."""
    lanes = starts.size
    remainder = labels.size - (lanes - 1) * SEGMENT
    decoded = np.empty((SEGMENT, lanes), dtype=labels.dtype)
    position = (8 * starts).astype(np.uint64)
    _advance(table, words, position, decoded[:remainder])
    _advance(table, words, position[:-1], decoded[remainder:, :-1])
    # Padding is less than a byte, so a walk that went astray ends elsewhere.
    if not np.array_equal((position + np.uint64(7)) >> np.uint64(3), ends.astype(np.uint64)):
        raise ValueError("a segment of the Huffman code does not end where the index says")
    full = lanes if remainder == SEGMENT else lanes - 1
    labels[: full * SEGMENT].reshape(full, SEGMENT)[:] = decoded[:, :full].T
    labels[full * SEGMENT :] = decoded[:remainder, full:].ravel()


def load_windows(
    words: np.ndarray,
    position: np.ndarray,
    window: np.ndarray,
    spare: np.ndarray,
    index: np.ndarray,
    entry: np.ndarray,
) -> None:
    """The 64 bits from each ``position`` on into ``window``; the last three are room to work in."""
    one, six, low = np.uint64(1), np.uint64(6), np.uint64(63)
    np.right_shift(position, six, out=index)
    np.bitwise_and(position, low, out=spare)
    np.take(words, index.view(np.int64), out=window, mode="clip")
    np.left_shift(window, spare, out=window)
    index += one
    np.take(words, index.view(np.int64), out=entry, mode="clip")
    np.subtract(low, spare, out=spare)
    entry >>= one
    entry >>= spare
    window |= entry


def _advance(table: _Table, words: np.ndarray, position: np.ndarray, decoded: np.ndarray) -> None:
    """Decode ``len(decoded)`` labels in every lane; ``position`` in bits moves on."""
    if decoded.size == 0:
        return
    six, low = np.uint64(6), np.uint64(63)
    top = np.uint64(WORD - table.bits)
    # So many codewords are sure to be in a window of 64 bits.
    at_once = WORD // table.longest
    window, spare, index, entry, size = (np.empty_like(position) for _ in range(5))
    for start in range(0, len(decoded), at_once):
        load_windows(words, position, window, spare, index, entry)
        for row in decoded[start : start + at_once]:
            np.right_shift(window, top, out=index)
            np.take(table.entries, index.view(np.int64), out=entry, mode="clip")
            if table.limits.size:
                beyond = np.flatnonzero(entry == 0)
                if beyond.size:
                    entry[beyond] = table.search(window[beyond])
            np.bitwise_and(entry, low, out=size)
            window <<= size
            position += size
            entry >>= six
            row[:] = entry
