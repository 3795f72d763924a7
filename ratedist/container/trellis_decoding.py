"""A tensor along a trellis from its bytes in a .rdz file, none of which is believed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import numpy as np

from ratedist.container.codebook_diameter import codebook_diameter
from ratedist.container.compressed_tensor import Inspection
from ratedist.container.dtypes import DTYPES, from_bytes
from ratedist.container.quantized_decoding import Parts, Stream, errors
from ratedist.container.quantized_tensor import require_finite
from ratedist.container.rdz_bytes import Cursor
from ratedist.container.rdz_entry import RdzEntry
from ratedist.container.rdz_forms import Trellis
from ratedist.container.trellis_tensor import TrellisTensor, trellis_sizes
from ratedist.quantizers.trellis.decoder import symbols_in_order


def streams(entry: RdzEntry, parts: Parts) -> list[Stream]:
    """The labels of union 0, and those of union 1 if it has levels.

    Raises:
        ValueError: levels that are not finite, branches or filling other than they should be, counts that do
            not add up to the weights.
    """
    form = cast("Trellis", entry.form)
    require_finite(_levels(entry, parts), DTYPES[entry.dtype])
    _branches(form, parts)
    if any(parts[2]):
        raise ValueError("the filling behind the labels is not of zeros")
    counts, first = _counts(entry, parts), form.num_levels[0]
    both = zip(form.stream_coders, parts[:2], (counts[:first], counts[first:]), strict=True)
    return [Stream(coder, memoryview(payload), own) for coder, payload, own in both if own.size]


def assembled(entry: RdzEntry, parts: Parts, symbols: Sequence[np.ndarray]) -> TrellisTensor:
    """The tensor, once its streams are decoded.

    Raises:
        ValueError: a stream that ends before the states have taken the other one up.
    """
    form = cast("Trellis", entry.form)
    branches, first = _branches(form, parts), form.num_levels[0]
    both = [*symbols, np.zeros(0, np.uint8)][:2]
    order = symbols_in_order(both, (branches[:first], branches[first:]), form.num_states)
    return TrellisTensor(
        order,
        _levels(entry, parts),
        branches,
        first,
        form.num_states,
        entry.shape,
        DTYPES[entry.dtype],
        **errors(entry),
    )


def inspect(entry: RdzEntry, parts: Parts, max_comparisons: float = math.inf) -> Inspection:
    """Sizes, number of levels and their diameter, without decoding labels; raises as ``streams``."""
    streams(entry, parts)
    form, levels = cast("Trellis", entry.form), _levels(entry, parts)
    sizes = trellis_sizes(8 * entry.decoded_bytes, _counts(entry, parts), form.num_levels[0], levels.dtype)
    details = {
        "num_clusters": form.num_clusters,
        "block_length": 1,
        "coder": form.stream_coders[0],
        "codebook_dtype": levels.dtype.name,
        "diameter": codebook_diameter(levels, max_comparisons),
    }
    return Inspection(sizes, details)


def _levels(entry: RdzEntry, parts: Parts) -> np.ndarray:
    return from_bytes(parts[3], cast("Trellis", entry.form).level_dtype)


def _branches(form: Trellis, parts: Parts) -> np.ndarray:
    """One bit a level, highest first, zeros behind the last."""
    bits = np.unpackbits(np.frombuffer(parts[4], np.uint8))
    if bits[form.num_clusters :].any():
        raise ValueError("there are bits behind the branches of the levels")
    return bits[: form.num_clusters].astype(bool)


def _counts(entry: RdzEntry, parts: Parts) -> np.ndarray:
    """How often each symbol occurs, int64; their sum is not trusted not to overflow."""
    form, cursor = cast("Trellis", entry.form), Cursor(bytes(parts[5]))
    try:
        counts = [cursor.number() for _ in range(form.num_clusters)]
    except ValueError:
        raise ValueError("the counts of the labels are not written as they should be") from None
    if not cursor.at_end or min(counts) < 1 or sum(counts) != entry.num_weights:
        raise ValueError(
            f"the counts are not {form.num_clusters} numbers above zero that add up to the "
            f"{entry.num_weights} labels of the tensor"
        )
    return np.array(counts, np.int64)
