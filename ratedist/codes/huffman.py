"""Canonical Huffman codes: the lengths b_k of the compression ratio (39), and their codewords."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.codes.entropy import label_counts


def huffman_lengths(counts: ArrayLike) -> np.ndarray:
    """Codeword lengths b_k of a Huffman code for symbols that occur ``counts`` times.

    A symbol that does not occur has no codeword and length 0. A symbol that is alone costs nothing, so its
    length is 0 too. Otherwise Kraft's sum over the occurring symbols is exactly 1. Equal weights are merged
    in the order in which they came to be, symbols first. So the lengths depend on ``counts`` alone, and the
    longest codeword is as short as a Huffman code can have it.

    Args:
        counts: |C_k|, integers of shape ``(K,)``.

    Returns:
        Integers of shape ``(K,)``, bits.

    Raises:
        ValueError: counts that are not integers, negative, or all zero.

    Source: Huffman 1952; b_k of Entropy 2021 eq. (39).

    Example:
        >>> import ratedist as rd
        >>> rd.codes.huffman_lengths([5, 2, 1, 1])
        array([1, 2, 3, 3])
    """
    frequencies = label_counts(counts)
    symbols = np.flatnonzero(frequencies)
    order = np.argsort(frequencies[symbols], kind="stable")
    leaves = frequencies[symbols][order].tolist()
    depth = np.zeros(len(leaves), dtype=np.int64)
    depth[order] = _depths(leaves)
    lengths = np.zeros(frequencies.size, dtype=np.int64)
    lengths[symbols] = depth
    return lengths


def _depths(leaves: list[int]) -> list[int]:
    """Depths in Huffman's tree of leaves whose weights rise.

    Nodes come to be with rising weights too. So the lightest is the next leaf or the next node: the leaf
    where they are equal.
    """
    size, nodes = len(leaves), []
    parent = [0] * (2 * size - 1)
    leaf = node = 0
    for new in range(size, 2 * size - 1):
        weight = 0
        for _ in range(2):
            if node == len(nodes) or (leaf < size and leaves[leaf] <= nodes[node]):
                weight += leaves[leaf]
                parent[leaf] = new
                leaf += 1
            else:
                weight += nodes[node]
                parent[size + node] = new
                node += 1
        nodes.append(weight)
    depth = [0] * (2 * size - 1)
    for place in range(2 * size - 3, -1, -1):
        depth[place] = depth[parent[place]] + 1
    return depth[:size]


def huffman_codewords(lengths: ArrayLike) -> np.ndarray:
    """Canonical codewords for the given lengths: the decoder needs the lengths and nothing else.

    Symbols are served in order of length, then of index; each codeword is the previous one plus one,
    extended with zeros to its own length. Codeword k is the ``lengths[k]`` low bits of entry k, sent
    from the most significant; entries with length 0 are 0 and carry no codeword.

    Args:
        lengths: bits, integers of shape ``(K,)``, at most 63.

    Returns:
        uint64 of shape ``(K,)``.

    Raises:
        ValueError: lengths that no prefix code has (Kraft's sum above 1), negative or above 63.

    Example:
        >>> import ratedist as rd
        >>> [f"{word:b}" for word in rd.codes.huffman_codewords([1, 2, 3, 3])]
        ['0', '10', '110', '111']
    """
    bits = np.asarray(lengths)
    if bits.ndim != 1 or not np.issubdtype(bits.dtype, np.integer):
        raise ValueError(f"lengths must be integers of shape (K,), got {bits.dtype} of shape {bits.shape}")
    _checks.in_range("lengths", bits, high=63)
    codewords = np.zeros(bits.size, dtype=np.uint64)
    code, previous = 0, 0
    for symbol in np.argsort(bits, kind="stable"):
        length = int(bits[symbol])
        if length == 0:
            continue
        code <<= length - previous
        if code >> length:
            raise ValueError("lengths must satisfy Kraft's inequality, their sum of 2^-length exceeds 1")
        codewords[symbol] = code
        code, previous = code + 1, length
    return codewords


def huffman_payload_bits(counts: ArrayLike) -> int:
    """Bits of the whole coded label sequence, ``Σ_k |C_k| b_k``, without codebook or header.

    Args:
        counts: |C_k|, integers of shape ``(K,)``.

    Raises:
        ValueError: counts that are not integers, negative, or all zero.

    Source: first term of the numerator of Entropy 2021 eq. (39).

    Example:
        >>> import ratedist as rd
        >>> rd.codes.huffman_payload_bits([5, 2, 1, 1])  # 5·1 + 2·2 + 1·3 + 1·3
        15
    """
    return int(label_counts(counts) @ huffman_lengths(counts))
