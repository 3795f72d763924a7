"""One tensor as a budget sees it: what it takes in the file, and what it loses."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from ratedist.container import RdzEntry
from ratedist.container.compressed_tensor import MeasuredTensor
from ratedist.tensors.bulk_warning import is_hidden

# Part of a tensor's energy Σhw², and of the spread of its bulk, that the error of either should not exceed.
MAX_RELATIVE_ERROR = 0.5
BYTE = 8

# A tensor and its importance, or ``None``, by name.
Load = Callable[[str], tuple[np.ndarray, np.ndarray | None]]


@dataclasses.dataclass(frozen=True)
class Point:
    """One tensor in one form: its part of the file and of the loss, its relative error and its bulk's."""

    entry: RdzEntry
    loss: float
    relative_error: float
    bulk_error: float
    is_hidden: bool

    @property
    def accurate(self) -> bool:
        """Whether neither error is too large."""
        return self.relative_error <= MAX_RELATIVE_ERROR and self.bulk_error <= MAX_RELATIVE_ERROR

    @classmethod
    def of(cls, tensor: MeasuredTensor, coder: str) -> Point:
        relative_error = tensor.distortion and tensor.distortion / (tensor.energy or math.nan)
        loss = tensor.distortion if tensor.weighted else relative_error
        entry = tensor.stored(coder).entry
        return cls(
            # Room for the limit, which is found once the form is chosen.
            dataclasses.replace(entry, limit=None if tensor.weighted is None else 0.0),
            loss * tensor.num_weights,
            relative_error,
            tensor.bulk_error,
            is_hidden(tensor),
        )
