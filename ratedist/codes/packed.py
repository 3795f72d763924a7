"""Several labels as one symbol of a Huffman code, without a further table.

A Huffman code gives every label a whole number of bits, one at least. For few labels that costs several per
cent. Here p labels make one of at most 256 symbols. They share the loss, and decoding takes a p-th of the
steps. The decoder knows how often each label occurs; the code is for symbols of independent labels with these
frequencies.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from numpy.typing import ArrayLike

from ratedist.codes.bitstream import (
    OTHER_COUNTS,
    SymbolStream,
    checked_labels,
    checked_symbols,
    encode_symbols,
)
from ratedist.codes.huffman import huffman_lengths

MOST_SYMBOLS = 256
# Symbols in a segment: with two to eight labels a symbol an index of two bytes is still little.
SEGMENT = 2048
# Frequencies of labels and of symbols are integers near their shares of 2^30 and 2^14. With the second no
# codeword has more than 19 bits, and few have more than 14.
LABEL_BITS, SYMBOL_BITS = 30, 14
# With fewer labels a table of 256 symbols takes more time than it saves bytes.
LEAST_LABELS = 1 << 13


@dataclasses.dataclass(frozen=True, eq=False)
class Packing:
    """How labels become symbols.

    Attributes:
        counts: |C_k|, int64 of shape ``(K,)``.
        occurring: the K' labels that occur.
        labels: of each symbol, ranks among those that occur, uint8 of shape ``(K'^p, p)``, first label first.
        lengths: of the codewords of the symbols, bits.
    """

    counts: np.ndarray
    occurring: np.ndarray
    labels: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(cls, counts: ArrayLike) -> Packing | None:
        """The packing for labels that occur so often; ``None`` where a symbol would be one label or nothing.

        p is the largest number with ``K'^p ≤ 256``. With ``f_k = max(1, ⌊|C_k| 2^30 / N⌋)`` the code is
        Huffman's for the frequencies ``max(1, ⌊2^14 Π f / 2^(30p)⌋)``, in integers.
        """
        frequencies = checked_symbols(counts)
        occurring = np.flatnonzero(frequencies)
        p = _labels_a_symbol(occurring.size)
        if p < 2:
            return None
        total = int(frequencies.sum())
        shares = [max(1, (int(count) << LABEL_BITS) // total) for count in frequencies[occurring]]
        products = [1]
        for _ in range(p):
            products = [before * share for before in products for share in shares]
        scale = LABEL_BITS * p - SYMBOL_BITS
        labels = np.indices((occurring.size,) * p, dtype=np.uint8).reshape(p, -1).T
        lengths = huffman_lengths(np.array([max(1, product >> scale) for product in products]))
        return cls(frequencies, occurring, np.ascontiguousarray(labels), lengths)

    @property
    def num_labels(self) -> int:
        """N."""
        return int(self.counts.sum())

    @property
    def num_symbols(self) -> int:
        """``⌈N / p⌉``."""
        return -(-self.num_labels // self.labels.shape[1])

    @property
    def filler(self) -> int:
        """Rank of the label that fills the last symbol: the first of those that occur most often."""
        return int(self.counts[self.occurring].argmax())

    def symbols_of(self, labels: np.ndarray) -> np.ndarray:
        """Labels as symbols, uint8 of shape ``(num_symbols,)``."""
        p = self.labels.shape[1]
        ranks = np.zeros(self.counts.size, np.uint8)
        ranks[self.occurring] = np.arange(self.occurring.size)
        packed = np.full(self.num_symbols * p, self.filler, np.uint8)
        np.take(ranks, labels, out=packed[: labels.size])
        symbols = packed[::p].copy()
        for place in range(1, p):
            symbols *= np.uint8(self.occurring.size)
            symbols += packed[place::p]
        return symbols

    def labels_of(self, symbols: np.ndarray) -> np.ndarray:
        """Inverse of ``symbols_of``; ``ValueError`` for symbols of other counts, or filled otherwise."""
        p = self.labels.shape[1]
        often = np.bincount(symbols, minlength=len(self.labels))
        found = np.zeros(self.counts.size, np.int64)
        for place in range(p):
            np.add.at(found, self.occurring[self.labels[:, place]], often)
        missing = self.num_symbols * p - self.num_labels
        found[self.occurring[self.filler]] -= missing
        filling = self.labels[symbols[-1], p - missing :]
        if not np.array_equal(found, self.counts) or (filling != self.filler).any():
            raise ValueError(OTHER_COUNTS)
        table = self.occurring.astype(np.min_scalar_type(self.counts.size - 1))[self.labels]
        word = p * table.itemsize
        if word in (2, 4, 8):  # the labels of a symbol are one word to move
            labels = table.view(f"u{word}").reshape(-1)[symbols].view(table.dtype)
        else:
            labels = table[symbols].reshape(-1)
        return labels[: self.num_labels]


def packed_encode(labels: ArrayLike, counts: ArrayLike) -> bytes | None:
    """Labels in a Huffman code of several at a time; the decoder needs ``counts`` and nothing else.

    With K' labels that occur, ``K'^p ≤ 256`` and p as large as can be, p labels ``r_1 … r_p``, ranks among
    those, are the symbol ``Σ r_i K'^(p−i)``. The last symbol is filled with the first of the most frequent
    labels. Symbols are coded as labels are by ``huffman_encode``, in segments of 2048, with the code of
    :meth:`Packing.of`.

    Args:
        labels: integers of shape ``(N,)``, 0 … K − 1.
        counts: |C_k|, how often each label occurs, integers of shape ``(K,)``.

    Returns:
        The stream, or ``None`` where one label occurs or more than 16 do.

    Raises:
        ValueError: counts that are not those of the labels, or K above 2^16.

    Example:
        >>> import numpy as np
        >>> from ratedist.codes.bitstream import huffman_encode
        >>> from ratedist.codes.packed import packed_decode, packed_encode
        >>> labels = (np.arange(10_000) ** 2 % 101 < 11).astype(np.uint8)
        >>> counts = np.bincount(labels)
        >>> len(huffman_encode(labels, counts)), len(packed_encode(labels, counts))
        (1256, 557)
        >>> bool((packed_decode(packed_encode(labels, counts), counts) == labels).all())
        True
    """
    packing = Packing.of(counts)
    symbols = checked_labels(labels, checked_symbols(counts))
    if packing is None:
        return None
    return encode_symbols(packing.symbols_of(symbols), packing.lengths, SEGMENT)


def packed_decode(payload: bytes | memoryview, counts: ArrayLike) -> np.ndarray:
    """Inverse of ``packed_encode``.

    Args:
        payload: what ``packed_encode`` returned.
        counts: |C_k|, integers of shape ``(K,)``; they give the code and the number of labels.

    Returns:
        Labels of shape ``(N,)`` in the smallest unsigned type that holds K − 1.

    Raises:
        ValueError: counts of one label or of more than 16, a payload that cannot have so many symbols (seen
            before any memory is taken for them), segments that do not end where the index says, labels with
            other counts. Flipped bits may still decode to labels in another order: keep a checksum.
    """
    return packed_stream(payload, counts).decode()


def packed_stream(payload: bytes | memoryview, counts: ArrayLike) -> SymbolStream:
    """A payload of ``packed_encode``, to be decoded."""
    packing = Packing.of(counts)
    if packing is None:
        raise ValueError("labels are packed where 2 … 16 of them occur, these are not")
    size = packing.num_symbols
    num_bits = size * int(packing.lengths.min()), size * int(packing.lengths.max())
    labels = functools.partial(Packing.labels_of, packing)
    return SymbolStream(payload, size, packing.lengths, num_bits, SEGMENT, labels)


def _labels_a_symbol(num_labels: int) -> int:
    """p; 0 where one label occurs."""
    p = 0
    while num_labels > 1 and num_labels ** (p + 1) <= MOST_SYMBOLS:
        p += 1
    return p
