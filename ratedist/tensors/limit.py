"""How far a compressed tensor is from the limit of its own weights, and a file from that of all.

The limit is R(D) of the law that puts equal probability on each weight of the tensor, at the error that it
has: no code for weights drawn from that law, one by one, takes fewer bits a weight. So it says nothing of
codes that use the order of the weights: a matrix of low rank can lie below.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeVar

import numpy as np
from scipy.special import entr

from ratedist.container.rdz_entry import in_file
from ratedist.theory.sources.brackets import Limit
from ratedist.theory.sources.cells import distinct
from ratedist.theory.sources.numbers import LARGEST, rate_limit_of
from ratedist.units import nats_to_bits

# Nats: wanted of the lower end, which is good to a thousandth of a bit up to six bits, and of a bracket.
TOLERANCE, FINE = 2e-3, 5e-4
# Of few weights the lower end is wanted to half a byte for all, in nats, but to so much a weight at least.
OF_ALL, COARSEST = 4 * math.log(2), 0.02
# Errors below are not sums of all their terms in float64, some of which vanish. So they may be 0 and not be.
LEAST = 1e-300

Tensor = TypeVar("Tensor", bound=Any)


class Placed(Protocol):
    """What is known of a tensor in a file; ``None`` stands for what is not, or does not apply."""

    @property
    def num_bytes(self) -> int:
        """That its data take in the file."""
        ...

    @property
    def num_weights(self) -> int:
        """d."""
        ...

    @property
    def is_compressed(self) -> bool:
        """Whether it is in fewer bits, or as it was."""
        ...

    @property
    def limit(self) -> float | None:
        """Bits a weight."""
        ...


@dataclasses.dataclass(frozen=True)
class Totals:
    """Where the bytes of a file are, and the limit of all that is compressed in it.

    Attributes:
        num_weights: of the compressed tensors.
        compressed_bytes: their data.
        raw_bytes: data of the tensors that are as they were.
        other_bytes: header, names, shapes, checksums, metadata. The three are the bytes of the file.
        limit: bits a weight of the compressed tensors together, ``None`` if not known of all.
    """

    num_weights: int
    compressed_bytes: int
    raw_bytes: int
    other_bytes: int
    limit: float | None

    @classmethod
    def of(cls, tensors: Iterable[Placed], file_bytes: int) -> Totals:
        """Those of a file of so many bytes with these tensors."""
        tensors = list(tensors)
        compressed = [one for one in tensors if one.is_compressed]
        data = sum(one.num_bytes for one in compressed)
        raw = sum(one.num_bytes for one in tensors if not one.is_compressed)
        d = sum(one.num_weights for one in compressed)
        known = [one.limit * one.num_weights for one in compressed if one.limit is not None]
        limit = sum(known) / d if d and len(known) == len(compressed) else None
        return cls(d, data, raw, file_bytes - data - raw, limit)

    @property
    def file_bytes(self) -> int:
        """Of the file."""
        return self.compressed_bytes + self.raw_bytes + self.other_bytes

    @property
    def bits(self) -> float | None:
        """A weight of the compressed tensors, everything counted but the tensors that are as they were."""
        return 8 * (self.compressed_bytes + self.other_bytes) / self.num_weights if self.num_weights else None

    @property
    def gap(self) -> float | None:
        """Bits a weight above the limit."""
        return None if self.bits is None or self.limit is None else self.bits - self.limit

    def __str__(self) -> str:
        if self.bits is None:
            return f"in all: {self.file_bytes:,} bytes, of which no tensor is compressed"
        text = f"in all: {self.bits:.4f} bits a weight, everything counted"
        if self.limit is not None:
            text += f"; limit {self.limit:.4f}, gap {self.bits - self.limit:.4f}"
        return (
            f"{text}\n{self.file_bytes:,} bytes: {self.compressed_bytes:,} compressed tensors, "
            f"{self.raw_bytes:,} tensors as they were, {self.other_bytes:,} names, shapes and checksums"
        )


def limit_of(
    weights: np.ndarray, distortion: float, importance: np.ndarray | None = None, *, upper: bool = False
) -> Limit | None:
    """R(D) of the weights' own law, nats a weight, bracketed; ``None`` where nothing is known.

    Args:
        weights: of any shape and floating-point type, finite.
        distortion: D, the mean of ``h(w − ŵ)²``. Where it is 0, the limit is the entropy of the values
            whose importance is not, for a receiver who does not know importances.
        importance: h of the same shape, or ``None``. Then both ends know it but for a factor of √2.
        upper: whether the upper end is wanted. Else only the lower one is good.

    The lower end is good to a thousandth of a bit up to six bits; of few weights to half a byte for all.

    Cost: 0.03 s for a million weights up to four bits, 0.2 s at eight; with importances up to some seconds.
    """
    flat = weights.reshape(-1)
    h = None if importance is None else importance.reshape(-1)
    if math.isnan(distortion) or not float(np.abs(flat).max()) < LARGEST:
        return None
    if distortion > LEAST * (1.0 if h is None else max(float(h.max()), 1.0)):
        tolerance = FINE if upper else max(TOLERANCE, min(OF_ALL / flat.size, COARSEST))
        found = rate_limit_of(flat, distortion, h, tolerance, upper=upper)
        return Limit(0.0, 0.0) if found is None else found
    exact = flat if h is None else flat[h > 0]
    values, counts = distinct(exact)
    if not _told_apart(values, distortion, flat.size, h):
        return None
    entropy = float(np.sum(entr(counts / exact.size))) * (exact.size / flat.size)
    return Limit(entropy, entropy)


def _told_apart(values: np.ndarray, distortion: float, d: int, h: np.ndarray | None) -> bool:
    """Whether an error that mixes up two values would be larger than the distortion, and seen in float64."""
    if values.size == 1:
        return True
    largest, least = (1.0, 1.0) if h is None else (max(float(h.max()), 1.0), float(h[h > 0].min()))
    mixed = 2 * np.log(np.diff(values).min() / 2) + np.log(least) - np.log(d)
    return bool(mixed > np.log(max(LEAST * largest, 2 * distortion)))


def with_limit(tensor: Tensor, weights: np.ndarray, importance: np.ndarray | None = None) -> Tensor:
    """A compressed tensor that knows its limit, if it knows its error.

    It is the limit as a file has it, rounded down to 1/4096 bit: so what is said before and after is one
    number.

    Args:
        tensor: ``QuantizedTensor`` or of another kind, its errors measured.
        weights: before.
        importance: h by which the errors are measured, of the same shape; ``None`` for equal importance.
    """
    if tensor.weighted is not (importance is not None):
        return tensor
    found = limit_of(weights, tensor.distortion, importance)
    return dataclasses.replace(
        tensor, limit=math.nan if found is None else in_file(nats_to_bits(found.lower))
    )


def with_limits(
    tensors: Mapping[str, Tensor], leaves: Mapping[str, Any], importance: Mapping[str, Any] | None = None
) -> dict[str, Tensor]:
    """``with_limit`` of all tensors of a model.

    Args:
        tensors: by name.
        leaves: what they were before, by name.
        importance: h by which they were quantised, by name; ``None`` for equal importance.
    """
    return {
        name: with_limit(
            tensor, np.asarray(leaves[name]), None if importance is None else np.asarray(importance[name])
        )
        for name, tensor in tensors.items()
    }
