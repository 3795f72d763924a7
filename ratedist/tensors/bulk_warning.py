"""A warning of tensors whose signal-to-noise ratio hides that most of their weights are lost."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Protocol

from ratedist.tensors.config import QuantizationConfig

# Decibels of the bulk below which it is lost, a constant having 0; and how much more those of all weights
# have to be to hide it.
LOST, HIDDEN = 1.0, 3.0
# Most tensors that the warning names.
SHOWN = 5


class Judged(Protocol):
    """A tensor, or what is reported of it."""

    @property
    def signal_to_noise(self) -> float | None:
        """Of all weights, in decibels."""
        ...

    @property
    def bulk_signal_to_noise(self) -> float | None:
        """Of most weights, in decibels."""
        ...


def is_hidden(tensor: Judged) -> bool:
    """Whether most weights are lost, and the signal-to-noise ratio of all of them does not show it."""
    of_all, of_bulk = tensor.signal_to_noise, tensor.bulk_signal_to_noise
    return of_all is not None and of_bulk is not None and of_bulk < LOST and of_all - of_bulk >= HIDDEN


def what_helps(config: QuantizationConfig, as_options: bool = False) -> str:
    """What to do about a lost bulk, by the options that a model was quantised with.

    Args:
        config: the options.
        as_options: name those of the command.
    """
    if config.bits_per_weight is not None or config.rank_budget is not None:
        words, option = (
            "give more bits",
            "rank-budget" if config.bits_per_weight is None else "bits-per-weight",
        )
    elif config.mean_squared_error is not None:
        words, option = "allow a smaller error", "mean-squared-error"
    elif config.rank is not None:
        words, option = "take a higher rank", "rank"
    elif config.prune is not None:
        words, option = "prune less", "prune"
    else:
        return "take more clusters (-k)" if as_options else "take more clusters"
    return f"{words} (--{option})" if as_options else words


def warn_of_lost_bulks(tensors: Mapping[str, Judged], more: str, leave: str) -> None:
    """Warn of tensors of which masks or outliers hide that most weights are lost.

    Args:
        tensors: name → tensor, or what is reported of it.
        more: what would help.
        leave: how a tensor is left as it is, with a place ``{}`` for its name.

    Warns:
        UserWarning: with the names, both signal-to-noise ratios, and what to do.
    """
    lost = sorted(
        (name for name, one in tensors.items() if is_hidden(one)),
        key=lambda name: tensors[name].bulk_signal_to_noise or 0.0,
    )
    if not lost:
        return
    shown = ", ".join(
        f"{name!r} ({tensors[name].bulk_signal_to_noise:z.1f} dB, with them "
        f"{tensors[name].signal_to_noise:.1f} dB)"
        for name in lost[:SHOWN]
    )
    others = f" and {len(lost) - SHOWN} more" if len(lost) > SHOWN else ""
    warnings.warn(
        f"far outliers or mask values hide that most weights are lost in {shown}{others}; "
        f"{more}, or leave such tensors as they are: {leave.format(repr(lost[0]))}",
        stacklevel=4,
    )
