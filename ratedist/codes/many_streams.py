"""Many short Huffman streams decoded side by side.

A step of NumPy costs the same for one stream as for a thousand, so the streams of a model of many small
tensors are walked together, a symbol of all of them at a time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from ratedist.codes.bitstream import (
    SEGMENT,
    TABLE_BITS,
    WORD,
    as_words,
    checked_symbols,
    huffman_decode,
    load_windows,
    split_segments,
)
from ratedist.codes.huffman import huffman_lengths

# Streams longer than this have segments enough to be walked by themselves.
MOST_LABELS = 16 * SEGMENT
# Labels (as if all segments had the length of the longest), and entries of tables, that are decoded at once.
BATCH_LABELS = 1 << 20
BATCH_ENTRIES = 1 << 20


def huffman_decode_many(
    payloads: Sequence[bytes | memoryview], counts: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """``[huffman_decode(p, c) for p, c in zip(payloads, counts)]``, faster where the streams are short.

    Args:
        payloads: what ``huffman_encode`` returned, one for each stream.
        counts: |C_k| of each stream, integers of shape ``(K,)``.

    Returns:
        Labels of each stream in the smallest unsigned type that holds its K − 1. Besides them memory is
        needed for tables of 2^20 entries and for 2^20 labels in work, some 40 MB.

    Raises:
        ValueError: as ``huffman_decode``; which stream it was is not said.
    """
    labels = [np.empty(0, np.uint8)] * len(payloads)
    short: list[_Stream] = []
    for index, (payload, one) in enumerate(zip(payloads, counts, strict=True)):
        frequencies = checked_symbols(one)
        num_labels = int(frequencies.sum())
        lengths = huffman_lengths(frequencies) if num_labels <= MOST_LABELS else np.zeros(1, np.int64)
        longest = int(lengths.max())
        if not 0 < longest <= TABLE_BITS:
            labels[index] = huffman_decode(payload, frequencies)
            continue
        sizes, body = split_segments(payload, num_labels, int(frequencies @ lengths))
        short.append(_Stream(index, frequencies, num_labels, lengths, longest, sizes, body))
    for batch in _batches(short):
        for stream, found in zip(batch, _decode(batch), strict=True):
            labels[stream.index] = found
    return labels


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Stream:
    """A stream whose payload has the size that its counts imply; ``sizes`` in bytes of its segments."""

    index: int
    counts: np.ndarray
    num_labels: int
    lengths: np.ndarray
    longest: int
    sizes: np.ndarray
    body: np.ndarray


def _batches(streams: list[_Stream]) -> Iterator[list[_Stream]]:
    """Streams of like length together, as many as the limits allow, at least one."""
    batch: list[_Stream] = []
    segments = entries = longest = 0
    for stream in sorted(streams, key=lambda one: -one.num_labels):
        longest = longest if batch else min(SEGMENT, stream.num_labels)
        segments, entries = segments + stream.sizes.size, entries + (1 << stream.longest)
        if batch and (segments * longest > BATCH_LABELS or entries > BATCH_ENTRIES):
            yield batch
            batch, segments, entries = [], stream.sizes.size, 1 << stream.longest
            longest = min(SEGMENT, stream.num_labels)
        batch.append(stream)
    if batch:
        yield batch


def _decode(batch: list[_Stream]) -> list[np.ndarray]:
    """Labels of each stream of a batch."""
    sizes = np.concatenate([stream.sizes for stream in batch])
    segments = np.array([stream.sizes.size for stream in batch])
    num_labels = np.array([stream.num_labels for stream in batch])
    ends = np.cumsum(sizes)
    # Labels of each segment: 4096 but for the last of each stream.
    owner = np.repeat(np.arange(len(batch)), segments)
    labels = np.full(owner.size, SEGMENT)
    labels[np.cumsum(segments) - 1] = num_labels - (segments - 1) * SEGMENT
    # Segments that have ended are a tail of the order, which is no longer walked.
    order = np.argsort(-labels, kind="stable")
    words = as_words(np.concatenate([stream.body for stream in batch]))
    table, first_entry, first_symbol = _joined_tables(batch)
    bits = np.array([stream.longest for stream in batch])
    decoded = _walk(
        table,
        words,
        (ends - sizes)[order],
        ends[order],
        labels[order],
        first_entry[owner[order]],
        WORD - bits[owner[order]],
        WORD // int(bits.max()),
    )
    back = np.empty_like(order)
    back[order] = np.arange(order.size)
    rows = decoded.T[back]
    flat = rows[np.arange(rows.shape[1]) < labels[:, None]]
    found = np.bincount(flat, minlength=first_symbol[-1])
    if not np.array_equal(found, np.concatenate([stream.counts for stream in batch])):
        raise ValueError("the Huffman code does not decode to labels with these counts")
    cuts = np.cumsum(num_labels)[:-1]
    return [
        (piece - np.uint32(first)).astype(np.min_scalar_type(stream.counts.size - 1))
        for stream, piece, first in zip(batch, np.split(flat, cuts), first_symbol[:-1], strict=True)
    ]


def _joined_tables(batch: list[_Stream]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decoding tables one behind the other, where each begins, and where its symbols begin.

    Entry w of a table of 2^longest is ``symbol·64 + length`` of the codeword that the bits w begin with;
    symbols are numbered through the batch, with their total at the end.
    """
    num_symbols = np.array([stream.counts.size for stream in batch])
    first_symbol = np.concatenate([[0], np.cumsum(num_symbols)])
    lengths = np.concatenate([stream.lengths for stream in batch])
    owner = np.repeat(np.arange(len(batch)), num_symbols)
    # In the order of a canonical code the entries of its codewords follow each other without a gap.
    order = np.lexsort((lengths, owner))
    order = order[lengths[order] > 0]
    longest = np.array([stream.longest for stream in batch])
    entries = order.astype(np.uint64) << np.uint64(6) | lengths[order].astype(np.uint64)
    table = np.repeat(entries, 1 << (longest[owner[order]] - lengths[order]))
    first_entry = np.cumsum(1 << longest) - (1 << longest)
    return table, first_entry, first_symbol


def _walk(
    table: np.ndarray,
    words: np.ndarray,
    starts: np.ndarray,
    ends: np.ndarray,
    labels: np.ndarray,
    first_entry: np.ndarray,
    top: np.ndarray,
    at_once: int,
) -> np.ndarray:
    """Symbols of segments side by side, uint32 of shape ``(labels[0], segments)``.

    Args:
        table: joined tables.
        words: all segments, as 64-bit words.
        starts: of each segment, in bytes.
        ends: of each segment, in bytes.
        labels: number of labels in each segment, falling; what is below that in a column is undefined.
        first_entry: of the table of each segment.
        top: 64 − bits of the table of each segment.
        at_once: codewords that are sure to be in a window of 64 bits.
    """
    six, low = np.uint64(6), np.uint64(63)
    position, offset, shift = (
        (8 * starts).astype(np.uint64),
        first_entry.astype(np.uint64),
        top.astype(np.uint64),
    )
    decoded = np.empty((int(labels[0]), labels.size), np.uint32)
    # How many segments have a label in row r.
    going = np.searchsorted(-labels, -np.arange(labels[0]), side="left")
    buffers = tuple(np.empty_like(position) for _ in range(4))
    for start in range(0, len(decoded), at_once):
        lanes = int(going[start])
        window, index, entry, size = (buffer[:lanes] for buffer in buffers)
        here = position[:lanes]
        load_windows(words, here, window, size, index, entry)
        for row in range(start, min(start + at_once, len(decoded))):
            if going[row] < lanes:
                lanes = int(going[row])
                window, index, entry, size = (buffer[:lanes] for buffer in buffers)
            np.right_shift(window, shift[:lanes], out=index)
            index += offset[:lanes]
            np.take(table, index.view(np.int64), out=entry, mode="clip")
            np.bitwise_and(entry, low, out=size)
            window <<= size
            position[:lanes] += size
            entry >>= six
            decoded[row, :lanes] = entry
    # Padding is less than a byte, so a walk that went astray ends elsewhere.
    if not np.array_equal((position + np.uint64(7)) >> np.uint64(3), ends.astype(np.uint64)):
        raise ValueError("a segment of the Huffman code does not end where the index says")
    return decoded
