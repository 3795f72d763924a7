"""What the options of a trellis go together with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratedist import _checks

if TYPE_CHECKING:
    from ratedist.tensors.config import QuantizationConfig

# Options that are not for a trellis, and why.
REFUSED = {
    "num_clusters": "it has as many levels as its rate is worth",
    "min_clusters": "it has as many levels as its rate is worth",
    "method": "levels and path are met by turns, by no method of K-means",
    "diameter_penalty": "levels are paid for by the bits of their labels",
    "rank": "factors are quantised by K-means",
    "rank_budget": "factors are quantised by K-means",
    "prune": "zero is a level like others, and costs few bits where it is frequent",
}


def check_trellis(config: QuantizationConfig) -> None:
    """Raise ``ValueError`` for options that are not for a trellis, or are for nothing else without one."""
    if config.trellis is None:
        if config.mean_squared_error is not None:
            raise ValueError("mean_squared_error needs trellis: K-means is told a number of clusters")
        return
    # Imported late: to show the help of a command takes none of it.
    from ratedist.quantizers.trellis.convolutional import PARITY_CHECKS

    states = _checks.integer("trellis", config.trellis, 4, 256)
    if states not in PARITY_CHECKS:
        raise ValueError(f"trellis must be a power of two from 4 to 256, its number of states, got {states}")
    for name, reason in REFUSED.items():
        value = getattr(config, name)
        if value is not None and value != 0:
            raise ValueError(f"{name} must not be given beside trellis: {reason}; got {value!r:.80}")
    if config.block_length > 1:
        raise ValueError(
            "block_length must be 1 beside trellis, which has a label for each weight; "
            f"got {config.block_length}"
        )
    if config.mean_squared_error is not None:
        _checks.positive_number("mean_squared_error", config.mean_squared_error)
    if (config.bits_per_weight is None) == (config.mean_squared_error is None):
        raise ValueError(
            "trellis needs one of bits_per_weight, a budget for the file, and mean_squared_error, for each "
            f"tensor; got {'neither' if config.bits_per_weight is None else 'both'}"
        )
