"""Many short Huffman streams decoded side by side.

A step of NumPy costs the same for one stream as for a thousand, so the streams of a model of many small
tensors are walked together, a symbol of all of them at a time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from ratedist.codes.bitstream import SymbolStream, huffman_stream, split_segments
from ratedist.codes.segment_walk import TABLE_BITS, WINDOW, WORD, as_windows, load_windows

# Streams of more segments have enough to be walked by themselves.
MOST_SEGMENTS = 16
# Symbols (as if all segments had the length of the longest), and entries of tables, that are decoded at once.
BATCH_SYMBOLS = 1 << 20
BATCH_ENTRIES = 1 << 20
# Parts of an entry of a table.
LENGTH, SYMBOL = np.array(63, np.uint64), np.array(6, np.uint64)


def huffman_decode_many(
    payloads: Sequence[bytes | memoryview], counts: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """``[huffman_decode(p, c) for p, c in zip(payloads, counts)]``, faster where the streams are short."""
    return decode_many([huffman_stream(*one) for one in zip(payloads, counts, strict=True)])


def decode_many(streams: Sequence[SymbolStream]) -> list[np.ndarray]:
    """``[stream.decode() for stream in streams]``, faster where the streams are short.

    Returns:
        Labels of each stream in the smallest unsigned type that holds its K − 1. Besides them memory is
        needed for tables of 2^20 entries and for 2^20 symbols in work, some 40 MB.

    Raises:
        ValueError: as ``SymbolStream.decode``; which stream it was is not said.
    """
    labels = [np.empty(0, np.uint8)] * len(streams)
    short: list[_Stream] = []
    for number, stream in enumerate(streams):
        longest = int(stream.lengths.max())
        if 0 < longest <= TABLE_BITS and stream.num_symbols <= MOST_SEGMENTS * stream.segment:
            short.append(_Stream(number, stream, longest, *split_segments(stream)))
        else:
            labels[number] = stream.decode()
    for batch in _batches(short):
        for one, symbols in zip(batch, _decode(batch), strict=True):
            labels[one.number] = one.stream.labels(symbols)
    return labels


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Stream:
    """A stream whose payload has a size that it may have; ``sizes`` in bytes of its segments."""

    number: int
    stream: SymbolStream
    longest: int
    sizes: np.ndarray
    body: np.ndarray

    @property
    def num_symbols(self) -> int:
        """In all segments."""
        return self.stream.num_symbols

    @property
    def first_segment(self) -> int:
        """Symbols of its first segment, no other has more."""
        return min(self.stream.segment, self.num_symbols)


def _batches(streams: list[_Stream]) -> Iterator[list[_Stream]]:
    """Streams of like length together, as many as the limits allow, at least one."""
    batch: list[_Stream] = []
    segments = entries = longest = 0
    for stream in sorted(streams, key=lambda one: (-one.first_segment, -one.num_symbols)):
        longest = longest if batch else stream.first_segment
        segments, entries = segments + stream.sizes.size, entries + (1 << stream.longest)
        if batch and (segments * longest > BATCH_SYMBOLS or entries > BATCH_ENTRIES):
            yield batch
            batch, segments, entries = [], stream.sizes.size, 1 << stream.longest
            longest = stream.first_segment
        batch.append(stream)
    if batch:
        yield batch


def _decode(batch: list[_Stream]) -> list[np.ndarray]:
    """Symbols of each stream of a batch."""
    sizes = np.concatenate([stream.sizes for stream in batch])
    segments = np.array([stream.sizes.size for stream in batch])
    num_symbols = np.array([stream.num_symbols for stream in batch])
    full = np.array([stream.stream.segment for stream in batch])
    ends = np.cumsum(sizes)
    # Symbols of each segment: all that it can have but for the last of each stream.
    owner = np.repeat(np.arange(len(batch)), segments)
    labels = full[owner]
    labels[np.cumsum(segments) - 1] = num_symbols - (segments - 1) * full
    # Segments that have ended are a tail of the order, which is no longer walked.
    order = np.argsort(-labels, kind="stable")
    windows = as_windows(np.concatenate([stream.body for stream in batch]))
    table, first_entry, first_symbol = _joined_tables(batch)
    bits = np.array([stream.longest for stream in batch])
    decoded = _walk(
        table,
        windows,
        (ends - sizes)[order],
        ends[order],
        labels[order],
        first_entry[owner[order]],
        WORD - bits[owner[order]],
        WINDOW // int(bits.max()),
    )
    back = np.empty_like(order)
    back[order] = np.arange(order.size)
    rows = decoded.T[back]
    flat = rows[np.arange(rows.shape[1]) < labels[:, None]]
    cuts = np.cumsum(num_symbols)[:-1]
    return [
        (piece - np.uint32(first)).astype(np.min_scalar_type(stream.stream.lengths.size - 1))
        for stream, piece, first in zip(batch, np.split(flat, cuts), first_symbol[:-1], strict=True)
    ]


def _joined_tables(batch: list[_Stream]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decoding tables one behind the other, where each begins, and where its symbols begin.

    Entry w of a table of 2^longest is ``symbol·64 + length`` of the codeword that the bits w begin with;
    symbols are numbered through the batch, with their total at the end.
    """
    num_symbols = np.array([stream.stream.lengths.size for stream in batch])
    first_symbol = np.concatenate([[0], np.cumsum(num_symbols)])
    lengths = np.concatenate([stream.stream.lengths for stream in batch])
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
    windows: np.ndarray,
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
        windows: of all segments.
        starts: of each segment, in bytes.
        ends: of each segment, in bytes.
        labels: number of labels in each segment, falling; what is below that in a column is undefined.
        first_entry: of the table of each segment.
        top: 64 − bits of the table of each segment.
        at_once: codewords that are sure to be in a window of 64 bits.
    """
    position = (8 * starts).astype(np.uint64)
    decoded = np.empty((int(labels[0]), labels.size), np.uint32)
    # How many segments have a label in row r.
    going = np.searchsorted(-labels, -np.arange(labels[0]), side="left").tolist()
    whole = (position, first_entry.astype(np.uint64), top.astype(np.uint64))
    whole += tuple(np.empty_like(position) for _ in range(4))
    for start in range(0, len(decoded), at_once):
        lanes = going[start]
        here, offset, shift, window, index, entry, size = (array[:lanes] for array in whole)
        load_windows(windows, here, window, size, index)
        for row in range(start, min(start + at_once, len(decoded))):
            if going[row] < lanes:
                lanes = going[row]
                here, offset, shift, window, index, entry, size = (array[:lanes] for array in whole)
            np.right_shift(window, shift, index)
            index += offset
            table.take(index.view(np.int64), None, entry, "clip")
            np.bitwise_and(entry, LENGTH, size)
            window <<= size
            here += size
            np.right_shift(entry, SYMBOL, entry)
            decoded[row, :lanes] = entry
    # Padding is less than a byte, so a walk that went astray ends elsewhere.
    if not np.array_equal((position + np.uint64(7)) >> np.uint64(3), ends.astype(np.uint64)):
        raise ValueError("a segment of the Huffman code does not end where the index says")
    return decoded
