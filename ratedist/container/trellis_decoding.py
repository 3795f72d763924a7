"""A tensor along a trellis from its bytes in a .rdz file, none of which is believed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import numpy as np

from ratedist.codes.axis_classes import AxisClasses
from ratedist.container.codebook_diameter import codebook_diameter
from ratedist.container.compressed_tensor import Inspection
from ratedist.container.dtypes import DTYPES, from_bytes
from ratedist.container.quantized_decoding import Parts, Stream, errors
from ratedist.container.quantized_tensor import require_finite
from ratedist.container.rdz_entry import RdzEntry
from ratedist.container.rdz_forms import Trellis
from ratedist.container.trellis_streams import classes_from, counts_from
from ratedist.container.trellis_tensor import TrellisTensor, trellis_sizes
from ratedist.quantizers.trellis.decoder import symbols_in_order


def streams(entry: RdzEntry, parts: Parts) -> list[Stream]:
    """The labels of union 0 in each class, then those of union 1, each among those that occur.

    Raises:
        ValueError: levels that are not finite, branches or filling other than they should be, counts that do
            not add up to the weights, classes that are not those of such a tensor, labels of none.
    """
    form, num_streams = _form(entry), len(_form(entry).stream_bytes)
    require_finite(_levels(entry, parts), DTYPES[entry.dtype])
    _branches(entry, parts)
    if any(parts[num_streams]):
        raise ValueError("the filling behind the labels is not of zeros")
    counts, classes = _counts(entry, parts), _classes(entry, parts)
    if classes is not None:
        sizes = np.bincount(classes.of_weights(entry.shape), minlength=form.num_classes)
        if not np.array_equal(sizes, counts.sum(axis=1)):
            raise ValueError("the counts of the labels are not those of the classes of the weights")
    found = []
    streams = zip(
        form.stream_coders, parts[:num_streams], _by_stream(counts, form.num_levels[0]), strict=True
    )
    for coder, payload, own in streams:
        if own.any():
            found.append(Stream(coder, memoryview(payload), own[own > 0]))
        elif payload:
            raise ValueError("a stream without labels is not empty")
    return found


def assembled(entry: RdzEntry, parts: Parts, symbols: Sequence[np.ndarray]) -> TrellisTensor:
    """The tensor, once its streams are decoded.

    Raises:
        ValueError: a stream that ends before the states have taken the others up.
    """
    form = _form(entry)
    branches, first = _branches(entry, parts), form.num_levels[0]
    classes, decoded = _classes(entry, parts), iter(symbols)
    labels = [
        np.flatnonzero(own).astype(np.min_scalar_type(own.size))[next(decoded)]
        if own.any()
        else np.zeros(0, np.uint8)
        for own in _by_stream(_counts(entry, parts), first)
    ]
    order = symbols_in_order(
        labels,
        (branches[:first], branches[first:]),
        form.num_states,
        None if classes is None else classes.of_weights(entry.shape),
    )
    return TrellisTensor(
        order,
        _levels(entry, parts),
        branches,
        first,
        form.num_states,
        entry.shape,
        DTYPES[entry.dtype],
        classes=classes,
        **errors(entry),
    )


def inspect(entry: RdzEntry, parts: Parts, max_comparisons: float = math.inf) -> Inspection:
    """Sizes, number of levels and their diameter, without decoding labels; raises as ``streams``."""
    streams(entry, parts)
    form, levels = _form(entry), _levels(entry, parts)
    sizes = trellis_sizes(
        8 * entry.decoded_bytes, _counts(entry, parts), form.num_levels[0], levels.dtype, form.class_bytes
    )
    details = {
        "num_clusters": form.num_clusters,
        "block_length": 1,
        "coder": form.stream_coders[0],
        "codebook_dtype": levels.dtype.name,
        "diameter": codebook_diameter(levels, max_comparisons),
    }
    return Inspection(sizes, details)


def _form(entry: RdzEntry) -> Trellis:
    return cast("Trellis", entry.form)


def _levels(entry: RdzEntry, parts: Parts) -> np.ndarray:
    return from_bytes(parts[len(_form(entry).stream_bytes) + 1], _form(entry).level_dtype)


def _branches(entry: RdzEntry, parts: Parts) -> np.ndarray:
    """One bit a level, highest first, zeros behind the last."""
    form = _form(entry)
    bits = np.unpackbits(np.frombuffer(parts[len(form.stream_bytes) + 2], np.uint8))
    if bits[form.num_clusters :].any():
        raise ValueError("there are bits behind the branches of the levels")
    return bits[: form.num_clusters].astype(bool)


def _counts(entry: RdzEntry, parts: Parts) -> np.ndarray:
    """How often each symbol occurs in each class, int64 of shape ``(G, K)``."""
    form = _form(entry)
    data = bytes(parts[len(form.stream_bytes) + 3])
    return counts_from(data, form.num_classes, form.num_levels, entry.num_weights)


def _by_stream(counts: np.ndarray, num_first: int) -> list[np.ndarray]:
    """Counts of the labels of each stream: union 0 in each class, then union 1."""
    return [*counts[:, :num_first], *counts[:, num_first:]]


def _classes(entry: RdzEntry, parts: Parts) -> AxisClasses | None:
    form = _form(entry)
    if form.num_classes == 1:
        return None
    return classes_from(bytes(parts[-1]), form.num_classes, entry.shape)
