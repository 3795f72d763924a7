"""Description lengths of a quantised weight vector, in bits, and the compression ratio (39)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.codes.entropy import label_counts
from ratedist.codes.huffman import huffman_payload_bits


def codebook_bits(num_clusters: int, center_bits: int, block_length: int = 1) -> int:
    """Bits of the lookup table of centres, ``K·m·b``.

    Args:
        num_clusters: K.
        center_bits: b, bits of one coordinate of one centre (see ``round_to_bits``).
        block_length: m, weights that share a label.

    Raises:
        ValueError: any argument that is not an integer of at least 1.

    Example:
        >>> import ratedist as rd
        >>> rd.codes.codebook_bits(4, center_bits=16)
        64
    """
    return (
        _checks.integer("num_clusters", num_clusters, 1)
        * _checks.integer("block_length", block_length, 1)
        * _checks.integer("center_bits", center_bits, 1)
    )


def header_bits(num_clusters: int, max_clusters: int) -> float:
    """Bits that make the stream decodable: ``K⌈log₂ K⌉`` for the code lengths, ``log₂ K_max`` for K.

    A decoder that is told neither cannot tell the codes of different K apart. Without this header Kraft's sum
    over everything the compressor may send can pass 1. The description length is then no upper bound on a
    mutual information.
    ``⌈log₂ K⌉`` bits are enough for a length: those of K codewords are at most K − 1.

    Args:
        num_clusters: K.
        max_clusters: K_max, the largest K the decoder has to be prepared for.

    Raises:
        ValueError: K outside 1 … K_max.

    Example:
        >>> import ratedist as rd
        >>> rd.codes.header_bits(4, max_clusters=16)  # four lengths of two bits, and one K of sixteen
        12.0
    """
    K = _checks.integer("num_clusters", num_clusters, 1)
    max_clusters = _checks.integer("max_clusters", max_clusters, 1)
    if max_clusters < K:
        raise ValueError(f"num_clusters must be at most max_clusters = {max_clusters}, got {K}")
    return K * (K - 1).bit_length() + math.log2(max_clusters)


def description_length(counts: ArrayLike, center_bits: int, block_length: int = 1) -> int:
    """Numerator of the compression ratio: ``Σ_k |C_k| b_k + K·m·b``, in bits, with Huffman lengths b_k.

    Args:
        counts: |C_k|, integers of shape ``(K,)``; with blocks of m, the number of blocks in cluster k.
            A cluster nobody uses still has its row in the codebook.
        center_bits: b, bits of one coordinate of one centre.
        block_length: m.

    Returns:
        Bits, by nature an integer; ``ratedist.units.bits_to_nats`` gives the nats of a rate.

    Raises:
        ValueError: counts that are not integers, negative or all zero; b or m below 1.

    Source: Entropy 2021 eq. (39).

    Example:
        >>> import ratedist as rd
        >>> rd.codes.description_length([5, 2, 1, 1], center_bits=16)  # 5·1 + 2·2 + 3 + 3 and 4·16
        79
    """
    return huffman_payload_bits(counts) + codebook_bits(np.size(counts), center_bits, block_length)


def decodable_length(
    counts: ArrayLike, center_bits: int, max_clusters: int | None = None, block_length: int = 1
) -> float:
    """Description length including the header, in bits: ``Σ_k |C_k| b_k + K·m·b + K⌈log₂K⌉ + log₂K_max``.

    If the reconstruction really uses centres rounded to ``center_bits`` bits, its expectation is an upper
    bound on H(Ŵ). Times ln 2 it is one on I(W; Ŵ) and I(S; Ŵ) in nats.

    Args:
        counts: |C_k|, integers of shape ``(K,)``.
        center_bits: b.
        max_clusters: K_max, the largest K the decoder has to be prepared for; K itself if ``None``.
        block_length: m.

    Raises:
        ValueError: as ``description_length``; K above K_max.

    Example:
        >>> import ratedist as rd
        >>> rd.codes.decodable_length([5, 2, 1, 1], center_bits=16)  # the header has 10 of them
        89.0
    """
    num_clusters = np.size(counts)
    return description_length(counts, center_bits, block_length) + header_bits(
        num_clusters, num_clusters if max_clusters is None else max_clusters
    )


def compression_ratio(
    counts: ArrayLike,
    center_bits: int,
    weight_bits: int | None = None,
    block_length: int = 1,
    num_weights: Any = None,
) -> float:
    """Compressed over original size, ``(Σ_k |C_k| b_k + K·m·b) / (d·b)``: the papers' compression ratio.

    Args:
        counts: |C_k|, integers of shape ``(K,)``.
        center_bits: b of the codebook.
        weight_bits: b of the denominator, bits of an original weight; ``center_bits`` if ``None``.
        block_length: m.
        num_weights: d; ``m·Σ|C_k|`` if ``None``, which counts padding where m does not divide d.

    Raises:
        ValueError: as ``description_length``; d or a number of bits below 1.

    Source: Entropy 2021 eq. (39). The papers' released code prints the entropy in place of ``Σ|C_k|b_k``.

    Example:
        >>> import ratedist as rd
        >>> counts = [500, 200, 100, 100]
        >>> rd.codes.compression_ratio(counts, center_bits=16, weight_bits=32)  # (1500 + 64) / (900 · 32)
        0.05430555555555556
    """
    d = int(label_counts(counts).sum()) * block_length if num_weights is None else num_weights
    original = _checks.integer("num_weights", d, 1) * _checks.integer(
        "weight_bits", center_bits if weight_bits is None else weight_bits, 1
    )
    return description_length(counts, center_bits, block_length) / original
