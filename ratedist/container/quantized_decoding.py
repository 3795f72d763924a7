"""A quantised tensor from its bytes in a .rdz file, none of which is believed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ratedist.codes.ans import ans_decode
from ratedist.codes.bitstream import SymbolStream, huffman_stream
from ratedist.codes.packed import packed_stream
from ratedist.container.codebook_diameter import codebook_diameter
from ratedist.container.compressed_tensor import Inspection
from ratedist.container.dtypes import CODEBOOK_DTYPES, DTYPES, NAMES, from_bytes
from ratedist.container.quantized_tensor import ERRORS, QuantizedTensor, require_finite, sizes_in_bits
from ratedist.container.rdz_entry import RdzEntry
from ratedist.container.rdz_format import PACKED

Parts = Sequence[bytearray]


class Stream(NamedTuple):
    """Symbols in code.

    Attributes:
        coder: "huffman", "packed" or "ans".
        payload: their code.
        counts: how often each occurs, int64.
    """

    coder: str
    payload: memoryview
    counts: np.ndarray

    def decode(self) -> np.ndarray:
        """The symbols; ``ValueError`` where they do not have these counts."""
        return ans_decode(self.payload, self.counts) if self.coder == "ans" else self.in_huffman().decode()

    def in_huffman(self) -> SymbolStream:
        """The same for those that are in Huffman code."""
        return (packed_stream if self.coder == PACKED else huffman_stream)(self.payload, self.counts)


def streams(entry: RdzEntry, parts: Parts) -> list[Stream]:
    """What has to be decoded of a tensor that a file keeps as these parts: its labels.

    Raises:
        ValueError: centres that are not finite, counts that do not add up to the labels.
    """
    payload, _, _ = parts
    require_finite(_codebook(entry, parts), DTYPES[entry.dtype])
    return [Stream(str(entry.coder), memoryview(payload)[: entry.coded_bytes], _counts(entry, parts))]


def assembled(entry: RdzEntry, parts: Parts, symbols: Sequence[np.ndarray]) -> QuantizedTensor:
    """The tensor, once its streams are decoded."""
    return QuantizedTensor(
        symbols[0], _codebook(entry, parts), entry.shape, DTYPES[entry.dtype], **errors(entry)
    )


def inspect(entry: RdzEntry, parts: Parts, max_comparisons: float = math.inf) -> Inspection:
    """Sizes, clusters and diameter, without decoding the labels; raises as ``streams``.

    Args:
        entry: of the tensor.
        parts: its bytes.
        max_comparisons: of a centre with others on average, beyond which the diameter is left out.
    """
    codebook = _codebook(entry, parts)
    require_finite(codebook, DTYPES[entry.dtype])
    sizes = sizes_in_bits(_counts(entry, parts), codebook, entry.num_weights, entry.dtype)
    return Inspection(sizes, details(entry) | {"diameter": codebook_diameter(codebook, max_comparisons)})


def details(entry: RdzEntry) -> dict[str, Any]:
    """What an entry says of its codes, by the names of the columns of ``ratedist inspect``."""
    return {
        "num_clusters": entry.num_clusters,
        "block_length": entry.block_length,
        "coder": entry.codes[0].coder,
        "codebook_dtype": entry.codes[0].codebook_dtype,
    }


def errors(entry: RdzEntry) -> dict[str, Any]:
    """What an entry says of errors, by the names that tensors have for them: NaN where it says nothing."""
    return {name: math.nan if getattr(entry, name) is None else getattr(entry, name) for name in ERRORS} | {
        "weighted": entry.weighted
    }


def _codebook(entry: RdzEntry, parts: Parts) -> np.ndarray:
    centers = from_bytes(parts[1], NAMES[CODEBOOK_DTYPES[entry.codebook_dtype]])
    return centers.reshape(entry.codebook_shape)


def _counts(entry: RdzEntry, parts: Parts) -> np.ndarray:
    """How often each label occurs, int64; their sum is not trusted not to overflow."""
    counts = from_bytes(parts[2], entry.counts_dtype)
    num_labels = -(-entry.num_weights // entry.block_length)
    if num_labels == 0 or int(counts.max()) > num_labels or int(counts.astype(object).sum()) != num_labels:
        raise ValueError(f"the counts do not add up to the {num_labels} labels of the tensor")
    return counts.astype(np.int64)
