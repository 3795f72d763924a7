"""What a compressed tensor is to a file, whatever it was compressed by."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from ratedist.container.rdz_entry import RdzEntry


class CompressedTensor(Protocol):
    """A tensor in a form of fewer bits: what writer, reader, sizes and trees have to know of it.

    The kind of a stored tensor is named by its ``RdzEntry``. ``QuantizedTensor`` is the first kind,
    ``FactoredTensor`` and ``PrunedTensor`` are made of quantised ones, ``TrellisTensor`` is not. Another one
    needs a form in ``rdz_forms``, a row in ``rdz_row``, and its module among the decoders of ``rdz_reader``.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor."""
        ...

    @property
    def dtype(self) -> np.dtype:
        """Of the tensor."""
        ...

    @property
    def distortion(self) -> float:
        """``Σ_j h_j (w_j − ŵ_j)² / d`` against the weights before, NaN if not known."""
        ...

    @property
    def num_weights(self) -> int:
        """d."""
        ...

    @property
    def sizes(self) -> Sizes:
        """Its sizes in bits, by what they count."""
        ...

    def reconstruction(self) -> np.ndarray:
        """ŵ, the tensor with its shape and dtype."""
        ...

    def pieces(self) -> Iterator[np.ndarray]:
        """ŵ in row-major order, in pieces."""
        ...

    def stored(self, coder: str) -> Stored:
        """What a file keeps of it: its entry and its bytes."""
        ...

    def digest(self) -> bytes:
        """SHA-256 of what is coded, by which a writer tells whether it is decoded as it was given."""
        ...


class MeasuredTensor(CompressedTensor, Protocol):
    """A compressed tensor as it is made from weights: its errors are known."""

    @property
    def energy(self) -> float:
        """``Σ_j h_j w_j² / d`` of the weights before."""
        ...

    @property
    def weighted(self) -> bool | None:
        """Whether distortion and energy have importances h, or h = 1."""
        ...

    @property
    def bulk_error(self) -> float:
        """Relative error of most weights."""
        ...

    @property
    def limit(self) -> float:
        """Bits a weight that any code of the weights' own law needs at this distortion, NaN if not known."""
        ...

    @property
    def signal_to_noise(self) -> float:
        """Of all weights, in decibels."""
        ...

    @property
    def bulk_signal_to_noise(self) -> float:
        """Of most weights, in decibels."""
        ...

    @property
    def num_clusters(self) -> int:
        """K."""
        ...


class ErrorRatios:
    """The errors of a compressed tensor in decibels."""

    distortion: float
    energy: float
    bulk_error: float

    @property
    def signal_to_noise(self) -> float:
        """``10·log₁₀(energy / distortion)`` in decibels: ∞ where nothing is lost, NaN if not known."""
        return signal_to_noise(self.distortion, self.energy)

    @property
    def bulk_signal_to_noise(self) -> float:
        """``−10·log₁₀(bulk_error)`` in decibels, which no outlier raises; ∞ and NaN likewise."""
        return bulk_signal_to_noise(self.bulk_error)


class Stored(NamedTuple):
    """A compressed tensor as a .rdz file keeps it.

    Attributes:
        entry: what the index says of it, but for digest and places.
        parts: its bytes, in order.
    """

    entry: RdzEntry
    parts: list[Any]


class Inspection(NamedTuple):
    """What can be told of a stored tensor without reconstructing it.

    Attributes:
        sizes: in bits.
        details: what tensors of this kind have, by the names of the columns of ``ratedist inspect``.
    """

    sizes: Sizes
    details: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Sizes of one tensor in bits; they add up over tensors.

    Attributes:
        original: ``d·b``, b bits of a weight.
        codebook: ``K·m·b'``, b' bits of a coordinate of the codebook; of both factors.
        entropy: ``n·H``, labels coded ideally, of both factors, with the runs between zeros.
        huffman: ``Σ_k |C_k| b_k``, labels in Huffman code, of both factors, with the runs between zeros.
    """

    original: int
    codebook: int
    entropy: float
    huffman: int


def signal_to_noise(distortion: float, energy: float) -> float:
    """``10·log₁₀(energy / distortion)`` in decibels: ∞ where nothing is lost, NaN if not known."""
    if distortion == 0:
        return math.inf
    if not (energy > 0 and distortion > 0):
        return math.nan
    return 10 * (math.log10(energy) - math.log10(distortion))


def bulk_signal_to_noise(bulk_error: float) -> float:
    """``−10·log₁₀(bulk_error)`` in decibels: ∞ where nothing is lost, −∞ where all is, NaN if not known."""
    return -10 * math.log10(bulk_error) if bulk_error > 0 else math.inf if bulk_error == 0 else math.nan
