"""A factored tensor from its bytes in a .rdz file, none of which is believed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ratedist.container import quantized_decoding
from ratedist.container.compressed_tensor import Inspection
from ratedist.container.dtypes import DTYPES
from ratedist.container.factored_tensor import FactoredTensor, joined_sizes
from ratedist.container.quantized_decoding import Parts, Stream, details, errors
from ratedist.container.rdz_entry import RdzEntry

PARTS = 3  # of a quantised tensor


def streams(entry: RdzEntry, parts: Parts) -> list[Stream]:
    """The labels of both factors; raises as for quantised tensors."""
    left, right = entry.codes
    return [
        *quantized_decoding.streams(left, parts[:PARTS]),
        *quantized_decoding.streams(right, parts[PARTS : 2 * PARTS]),
    ]


def assembled(entry: RdzEntry, parts: Parts, symbols: Sequence[np.ndarray]) -> FactoredTensor:
    """The tensor, once its streams are decoded."""
    left, right = (
        quantized_decoding.assembled(code, parts[start:], one)
        for code, start, one in zip(entry.codes, (0, PARTS), (symbols[:1], symbols[1:]), strict=True)
    )
    return FactoredTensor(left, right, entry.shape, DTYPES[entry.dtype], **errors(entry))


def inspect(entry: RdzEntry, parts: Parts, max_comparisons: float = math.inf) -> Inspection:
    """Sizes, clusters and rank, without decoding labels. Two codebooks have no diameter in common."""
    told = [
        quantized_decoding.inspect(code, parts[start : start + PARTS], 0).sizes
        for code, start in zip(entry.codes, (0, PARTS), strict=True)
    ]
    original = 8 * entry.decoded_bytes
    return Inspection(joined_sizes(original, *told), details(entry) | {"rank": entry.rank})
