"""A quantised tensor from its bytes in a .rdz file, none of which is believed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ratedist.codes.ans import ans_decode
from ratedist.codes.bitstream import huffman_decode
from ratedist.codes.many_streams import huffman_decode_many
from ratedist.container.codebook_diameter import codebook_diameter
from ratedist.container.compressed_tensor import Inspection
from ratedist.container.dtypes import CODEBOOK_DTYPES, DTYPES, NAMES, from_bytes
from ratedist.container.quantized_tensor import QuantizedTensor, require_finite, sizes_in_bits
from ratedist.container.rdz_entry import RdzEntry

Parts = Sequence[bytearray]


def decode(entry: RdzEntry, parts: Parts) -> QuantizedTensor:
    """The tensor that a file keeps as these parts.

    Raises:
        ValueError: parts that do not decode to labels with the stored counts, centres that are not finite,
            ``constriction`` not installed where it is needed.
    """
    payload, codebook, counts = _tables(entry, parts)
    labels = (huffman_decode if entry.coder == "huffman" else ans_decode)(payload, counts)
    return _tensor(entry, labels, codebook)


def decode_together(stored: Sequence[tuple[RdzEntry, Parts]]) -> list[QuantizedTensor]:
    """``decode`` of each; all have to be in Huffman code, and are decoded in one go."""
    tables = [_tables(entry, parts) for entry, parts in stored]
    labels = huffman_decode_many([payload for payload, _, _ in tables], [counts for _, _, counts in tables])
    return [
        _tensor(entry, one, codebook)
        for one, (entry, _), (_, codebook, _) in zip(labels, stored, tables, strict=True)
    ]


def inspect(entry: RdzEntry, parts: Parts, max_comparisons: float = math.inf) -> Inspection:
    """Sizes, clusters and diameter, without decoding the labels; raises as ``decode``.

    Args:
        entry: of the tensor.
        parts: its bytes.
        max_comparisons: of a centre with others on average, beyond which the diameter is left out.
    """
    _, codebook, counts = _tables(entry, parts)
    details: dict[str, Any] = {
        "num_clusters": entry.num_clusters,
        "block_length": entry.block_length,
        "coder": entry.coder,
        "codebook_dtype": entry.codebook_dtype,
        "diameter": codebook_diameter(codebook, max_comparisons),
    }
    return Inspection(sizes_in_bits(counts, codebook, entry.num_weights, entry.dtype), details)


def _tables(entry: RdzEntry, parts: Parts) -> tuple[memoryview, np.ndarray, np.ndarray]:
    """Coded labels, codebook and counts (int64)."""
    payload, codebook, counts = parts
    centers = from_bytes(codebook, NAMES[CODEBOOK_DTYPES[entry.codebook_dtype]])
    centers = centers.reshape(entry.codebook_shape)
    frequencies = from_bytes(counts, entry.counts_dtype)
    _check_counts(frequencies, entry)
    require_finite(centers, DTYPES[entry.dtype])
    return memoryview(payload)[: entry.coded_bytes], centers, frequencies.astype(np.int64)


def _tensor(entry: RdzEntry, labels: np.ndarray, codebook: np.ndarray) -> QuantizedTensor:
    return QuantizedTensor(
        labels,
        codebook,
        entry.shape,
        DTYPES[entry.dtype],
        math.nan if entry.distortion is None else entry.distortion,
        entry.weighted,
        math.nan if entry.energy is None else entry.energy,
        math.nan if entry.bulk_error is None else entry.bulk_error,
    )


def _check_counts(counts: np.ndarray, entry: RdzEntry) -> None:
    """Whether the counts add up to the labels of the tensor, without trusting their sum not to overflow."""
    num_labels = -(-entry.num_weights // entry.block_length)
    if num_labels == 0 or int(counts.max()) > num_labels or int(counts.astype(object).sum()) != num_labels:
        raise ValueError(f"the counts do not add up to the {num_labels} labels of the tensor")
