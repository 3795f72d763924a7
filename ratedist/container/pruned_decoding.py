"""A pruned tensor from its bytes in a .rdz file, none of which is believed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import numpy as np

from ratedist.codes.runs import check_run_counts, marked_places
from ratedist.container import quantized_decoding
from ratedist.container.compressed_tensor import Inspection
from ratedist.container.dtypes import from_bytes
from ratedist.container.pruned_tensor import PrunedTensor, pruned_sizes
from ratedist.container.quantized_decoding import Parts, Stream, details, errors
from ratedist.container.rdz_entry import RdzEntry
from ratedist.container.rdz_forms import Zeros

PARTS = 2  # of the runs


def streams(entry: RdzEntry, parts: Parts) -> list[Stream]:
    """Runs between marks, and the labels of the values; raises as for quantised tensors."""
    form = cast("Zeros", entry.form)
    runs = Stream(form.coder, memoryview(parts[0])[: form.coded_bytes], _run_counts(entry, parts))
    return [runs, *quantized_decoding.streams(form.values, parts[PARTS:])]


def assembled(entry: RdzEntry, parts: Parts, symbols: Sequence[np.ndarray]) -> PrunedTensor:
    """The tensor, once its streams are decoded.

    Raises:
        ValueError: runs that do not end with the tensor.
    """
    form = cast("Zeros", entry.form)
    marks = marked_places(symbols[0], form.longest_run, entry.num_weights)
    return PrunedTensor(
        marks != form.marks_zeros,
        quantized_decoding.assembled(form.values, parts[PARTS:], symbols[1:]),
        entry.shape,
        form.marks_zeros,
        form.longest_run,
        **errors(entry),
    )


def inspect(entry: RdzEntry, parts: Parts, max_comparisons: float = math.inf) -> Inspection:
    """Sizes, clusters, share of zeros, and diameter of the codebook of the others, without decoding."""
    values = cast("Zeros", entry.form).values
    told = quantized_decoding.inspect(values, parts[PARTS:], max_comparisons)
    sizes = pruned_sizes(8 * entry.decoded_bytes, _run_counts(entry, parts), told.sizes)
    return Inspection(sizes, details(entry) | {"zeros": entry.zeros, "diameter": told.details["diameter"]})


def _run_counts(entry: RdzEntry, parts: Parts) -> np.ndarray:
    form = cast("Zeros", entry.form)
    counts = from_bytes(parts[1], form.counts_dtype)
    check_run_counts(counts, entry.num_weights, form.num_marks(entry.num_weights))
    return counts.astype(np.int64)
