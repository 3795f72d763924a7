"""Decoding prefix codes in NumPy: many segments side by side, a symbol of all of them at a time."""

from __future__ import annotations

import dataclasses

import numpy as np

from ratedist.codes.huffman import huffman_codewords

# Codewords up to this long are decoded by one look into a table, longer ones by a search.
TABLE_BITS = 16
WORD = 64
# Bits from any position on that the eight bytes around it are sure to hold.
WINDOW = WORD - 7
# What divides bits into bytes and the rest, in the form that is quickest to use.
EIGHT, REST = np.array(3, np.uint64), np.array(7, np.uint64)


def as_windows(body: np.ndarray) -> np.ndarray:
    """The eight bytes from each byte on as a 64-bit word, most significant first, with zeros at the end."""
    padded = np.zeros(body.size + 16, dtype=np.uint8)
    padded[: body.size] = body
    return np.ndarray(body.size + 8, ">u8", padded.data, strides=(1,)).astype(np.uint64)


def load_windows(
    windows: np.ndarray, position: np.ndarray, window: np.ndarray, spare: np.ndarray, index: np.ndarray
) -> None:
    """At least 57 bits from each ``position`` on into ``window``; the last two are room to work in."""
    np.right_shift(position, EIGHT, index)
    windows.take(index.view(np.int64), None, window, "clip")
    np.bitwise_and(position, REST, spare)
    np.left_shift(window, spare, window)


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """Decoding tables of a canonical code.

    ``sizes[w]`` is the length of the codeword that the ``bits`` first bits w of the stream begin with, and
    ``symbols[w]`` its symbol; the size is 0 if the codeword is longer. Then ``limits`` are the first
    codewords of each longer length, moved to the top of a machine word. Behind the table are sizes and
    symbols of all codewords in their order.
    """

    bits: int
    longest: int
    sizes: np.ndarray
    symbols: np.ndarray
    limits: np.ndarray
    long_lengths: np.ndarray
    first_codewords: np.ndarray
    first_indices: np.ndarray

    @classmethod
    def of(cls, lengths: np.ndarray) -> Table:
        """The tables of the code of these lengths."""
        longest = int(lengths.max())
        bits = min(longest, TABLE_BITS)
        order = np.argsort(lengths, kind="stable")
        order = order[lengths[order] > 0]
        ordered = lengths[order]
        codewords = huffman_codewords(lengths)[order]
        # In the order of the code the entries of short codewords follow each other without a gap.
        short = int(np.searchsorted(ordered, bits, side="right"))
        repeats = 1 << (bits - ordered[:short])
        missing = (1 << bits) - int(repeats.sum())
        long_lengths, first = np.unique(ordered[short:], return_index=True)
        first_codewords = codewords[short + first]

        def entries(values: np.ndarray) -> np.ndarray:
            return np.concatenate(
                [np.repeat(values[:short], repeats), np.zeros(missing, values.dtype), values]
            )

        return cls(
            bits,
            longest,
            entries(ordered.astype(np.uint64)),
            entries(order.astype(np.min_scalar_type(lengths.size - 1))),
            first_codewords << (WORD - long_lengths).astype(np.uint64),
            long_lengths,
            first_codewords,
            (1 << bits) + short + first,
        )

    def search(self, window: np.ndarray) -> np.ndarray:
        """Indices of codewords longer than the table, from the next bits of the stream."""
        group = np.searchsorted(self.limits, window, side="right") - 1
        prefix = window >> (WORD - self.long_lengths[group]).astype(np.uint64)
        index = self.first_indices[group] + (prefix - self.first_codewords[group]).astype(np.int64)
        return np.minimum(index, self.sizes.size - 1)


def walk(
    table: Table,
    windows: np.ndarray,
    starts: np.ndarray,
    ends: np.ndarray,
    symbols: np.ndarray,
    segment: int,
) -> None:
    """Decode segments of so many symbols between bytes ``starts`` and ``ends`` into ``symbols``.

    Raises:
        ValueError: segments that do not end where they should.
    """
    lanes = starts.size
    remainder = symbols.size - (lanes - 1) * segment
    decoded = np.empty((segment if lanes > 1 else remainder, lanes), dtype=symbols.dtype)
    position = (8 * starts).astype(np.uint64)
    _advance(table, windows, position, decoded[:remainder])
    # The last segment may be shorter; what comes behind it is walked with the others, and not looked at.
    last = position[-1]
    _advance(table, windows, position, decoded[remainder:])
    position[-1] = last
    # Padding is less than a byte, so a walk that went astray ends elsewhere.
    if not np.array_equal((position + np.uint64(7)) >> np.uint64(3), ends.astype(np.uint64)):
        raise ValueError("a segment of the Huffman code does not end where the index says")
    if lanes > 1:
        symbols[: (lanes - 1) * segment].reshape(lanes - 1, segment)[:] = decoded[:, :-1].T
    symbols[(lanes - 1) * segment :] = decoded[:remainder, -1]


def _advance(table: Table, windows: np.ndarray, position: np.ndarray, decoded: np.ndarray) -> None:
    """Decode ``len(decoded)`` symbols in every lane; ``position`` in bits moves on."""
    # So many codewords are sure to be in a window.
    at_once = WINDOW // table.longest
    window, spare, work = (np.empty_like(position) for _ in range(3))
    size, found = (np.empty((at_once, position.size), np.uint64) for _ in range(2))
    index = found.view(np.int64)
    # Few lanes take less time than a call: methods, no views in the loop, no scalars to be made arrays.
    rows = list(zip(found, index, size, strict=True))
    top, sizes, has_long = np.array(WORD - table.bits, np.uint64), table.sizes, table.limits.size > 0
    shift_right, shift_left, take = np.right_shift, np.left_shift, sizes.take
    for start in range(0, len(decoded), at_once):
        load_windows(windows, position, window, spare, work)
        there = min(at_once, len(decoded) - start)
        for prefix, place, length in rows[:there]:
            shift_right(window, top, prefix)
            take(place, None, length, "clip")
            if has_long:
                beyond = np.flatnonzero(length == 0)
                if beyond.size:
                    place[beyond] = table.search(window[beyond])
                    length[beyond] = sizes[place[beyond]]
            shift_left(window, length, window)
        np.add.reduce(size[:there], axis=0, out=spare)
        position += spare
        table.symbols.take(index[:there], None, decoded[start : start + there], "clip")
