"""The values of a batch of trials, by quantity: laid out, checked, and kept if they are asked for."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from ratedist.compressors.base import RISK_NAMES, SIGNED_RATE, BoundCompressor
from ratedist.compressors.check import RATE_TOLERANCE
from ratedist.results import RATE_PREFIX, SQUARED_DISTANCE

# Values of all trials that are kept, at most.
SAMPLES_BYTES = 2**30


class Column(NamedTuple):
    """One quantity: the compressors that have it, and its values, shape ``(num_trials, len(names))``."""

    names: tuple[str, ...]
    values: Any


def by_quantity(
    groups: Mapping[tuple[str, ...], Mapping[str, Any]], risks: Mapping[str, Any], count: int
) -> dict[str, Column]:
    """The first ``count`` trials, from the rates of each group and the risks of all groups in a row."""
    names = tuple(name for group in groups for name in group)
    columns = {quantity: Column(names, values[:count]) for quantity, values in risks.items()}
    for rate in sorted({rate for rates in groups.values() for rate in rates}):
        having = {group: rates[rate] for group, rates in groups.items() if rate in rates}
        owners = tuple(name for group in having for name in group)
        values = np.concatenate(list(having.values()), axis=1)
        columns[RATE_PREFIX + rate] = Column(owners, values[:count])
    return columns


def check_values(columns: Mapping[str, Column], weights: jax.Array, indices: jax.Array) -> None:
    """Refuse reconstructions and rates that are not finite, and negative rates.

    Args:
        columns: of the trials, by quantity.
        weights: those that were compressed, shape ``(at least num_trials, d)``.
        indices: of the trials, the same length.
    """
    for quantity, (names, values) in columns.items():
        bad, expected = ~np.isfinite(values), "finite"
        rate = quantity.removeprefix(RATE_PREFIX)
        if rate not in (quantity, SIGNED_RATE) and not bad.any():
            bad, expected = values < -RATE_TOLERANCE * np.maximum(1.0, values.max()), "at least 0 nats"
        if not bad.any():
            continue
        row, column = np.argwhere(bad)[0]
        trial = int(np.asarray(indices)[row])
        if not np.all(np.isfinite(np.asarray(weights[row]))):
            raise ValueError(f"trial {trial} drew weights that are not finite in {weights.dtype}")
        what = f"the reconstruction, and with it its {quantity}," if rate == quantity else f"rate {rate!r}"
        raise ValueError(
            f"{what} of compressor {names[column]!r} must be {expected}, got {values[row, column]:g} in "
            f"trial {trial}"
        )


def room_for_samples(
    groups: Mapping[tuple[str, ...], Mapping[str, Any]],
    num_trials: int,
    dtype: np.dtype,
    checkpoint_path: str | pathlib.Path | None,
) -> dict[str, np.ndarray]:
    """Empty arrays for the values of all trials, by quantity.

    Raises:
        ValueError: more than 1 GiB of them, or a checkpoint, which holds none.
    """
    if checkpoint_path is not None:
        raise ValueError(
            "return_samples keeps the values of all trials, and a checkpoint holds none of those before it: "
            f"leave one of the two out, got checkpoint_path={str(checkpoint_path)!r}"
        )
    compressors = sum(len(group) for group in groups)
    sizes: dict[str, int] = dict.fromkeys((*RISK_NAMES, SQUARED_DISTANCE), compressors)
    for group, rates in groups.items():
        for rate in rates:
            sizes[RATE_PREFIX + rate] = sizes.get(RATE_PREFIX + rate, 0) + len(group)
    needed = num_trials * sum(sizes.values()) * dtype.itemsize
    if needed > SAMPLES_BYTES:
        raise ValueError(
            f"return_samples must keep at most {SAMPLES_BYTES / 2**30:g} GiB, got {num_trials} trials of "
            f"{sum(sizes.values())} values, {needed / 2**30:.3g} GiB: fewer trials or fewer compressors"
        )
    return {quantity: np.empty((num_trials, size), dtype) for quantity, size in sizes.items()}


def check_recognisable(bound: Mapping[str, BoundCompressor]) -> None:
    """Refuse compressors that a later process cannot tell from others, such as plain functions.

    What is static in them enters the identity of a checkpoint by its text, and a text that is an address in
    memory means nothing elsewhere.
    """
    for name, one in bound.items():
        if " at 0x" in str(jax.tree.structure(one)):
            raise ValueError(
                f"a checkpoint needs compressors that it recognises in another process, and {name!r} is "
                "known by its address in memory only: leave checkpoint_path out, or write a frozen dataclass"
            )
