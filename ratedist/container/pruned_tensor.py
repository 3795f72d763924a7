"""A pruned tensor as it is stored: where its zeros are, and the quantised weights that are kept."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Iterator

import numpy as np

from ratedist import _checks
from ratedist.codes import empirical_entropy, huffman_payload_bits
from ratedist.codes.bitstream import MAX_SYMBOLS
from ratedist.codes.runs import best_longest_run, run_symbols
from ratedist.container.compressed_tensor import ErrorRatios, Sizes, Stored
from ratedist.container.dtypes import NAMES, dtype_name, to_bytes
from ratedist.container.factored_tensor import joined_sizes
from ratedist.container.quantized_tensor import (
    CHUNK,
    QuantizedTensor,
    coded_symbols,
    known_errors,
    without_errors,
)
from ratedist.container.rdz_entry import RdzEntry
from ratedist.container.rdz_format import least_label_bytes
from ratedist.container.rdz_forms import Zeros
from ratedist.units import nats_to_bits


@dataclasses.dataclass(frozen=True, eq=False)
class PrunedTensor(ErrorRatios):
    """A tensor some of whose weights are zero, and the k others quantised.

    Attributes:
        kept: which weights are not set to zero, bool of shape ``(d,)``, in row-major order.
        values: the weights that are kept, in row-major order, quantised, of shape ``(k,)``, 0 < k < d.
        shape: of the tensor.
        marks_zeros: whether zeros are the marks of the code of positions, or the weights that are kept.
        longest_run: of places between marks with a symbol of its own (``ratedist.codes.runs``).
        distortion: as ``QuantizedTensor`` has it, over all weights; so are the others.
        weighted: whether distortion and energy have importances.
        energy: of the weights before.
        bulk_error: relative error of most weights.
        limit: bits a weight that the weights' own law needs.

    Raises:
        ValueError: shapes that do not belong together, nothing kept or nothing pruned.
    """

    kept: np.ndarray
    values: QuantizedTensor
    shape: tuple[int, ...]
    marks_zeros: bool
    longest_run: int
    distortion: float = math.nan
    weighted: bool | None = None
    energy: float = math.nan
    bulk_error: float = math.nan
    limit: float = math.nan

    def __post_init__(self) -> None:
        if self.kept.dtype != bool or self.kept.shape != (self.num_weights,):
            raise ValueError(
                f"kept must be booleans of shape {(self.num_weights,)} for a tensor of shape {self.shape}, "
                f"got {self.kept.dtype} of {self.kept.shape}"
            )
        num_kept = int(np.count_nonzero(self.kept))
        if self.values.shape != (num_kept,) or num_kept == self.num_weights:
            raise ValueError(
                f"values must have the shape ({num_kept},) of what is kept, less than all of "
                f"{self.num_weights} weights, got {self.values.shape}"
            )
        _checks.integer("longest_run", self.longest_run, 1, MAX_SYMBOLS - 1)

    @classmethod
    def of(cls, kept: np.ndarray, values: QuantizedTensor, shape: tuple[int, ...]) -> PrunedTensor:
        """The tensor with the cheapest of the codes of positions: marks for what is rarer, and runs by size.

        What is compared are the bits of the runs in Huffman code and of their counts. The entropy, of which
        ANS falls short by little, depends less on it.
        """
        marks_zeros = 2 * values.num_weights > kept.size

        def cost(counts: np.ndarray) -> float:
            table = 8 * counts.size * np.min_scalar_type(int(counts.max())).itemsize
            return huffman_payload_bits(counts) + table

        longest = best_longest_run(kept != marks_zeros, cost)
        return cls(kept, values, tuple(shape), marks_zeros, longest)

    @property
    def dtype(self) -> np.dtype:
        """Of the tensor."""
        return self.values.dtype

    @property
    def num_weights(self) -> int:
        """d."""
        return math.prod(self.shape)

    @property
    def num_clusters(self) -> int:
        """K, of the weights that are kept: zero is not counted."""
        return self.values.num_clusters

    @property
    def zeros(self) -> float:
        """Part of the weights that is set to zero."""
        return (self.num_weights - self.values.num_weights) / self.num_weights

    @property
    def sizes(self) -> Sizes:
        """Its sizes in bits, by what they count: runs between marks, and labels."""
        counts = np.bincount(self._runs(), minlength=self.longest_run + 1)
        return pruned_sizes(self.num_weights * 8 * self.dtype.itemsize, counts, self.values.sizes)

    def reconstruction(self) -> np.ndarray:
        """ŵ, the tensor with its shape and dtype."""
        result = np.zeros(self.num_weights, self.dtype)
        result[self.kept] = self.values.reconstruction()
        return result.reshape(self.shape)

    def pieces(self) -> Iterator[np.ndarray]:
        """ŵ in row-major order, in pieces."""
        values, position = self.values.reconstruction(), 0
        for start in range(0, self.num_weights, CHUNK):
            kept = self.kept[start : start + CHUNK]
            piece = np.zeros(kept.size, self.dtype)
            after = position + int(np.count_nonzero(kept))
            piece[kept] = values[position:after]
            position = after
            yield piece

    def stored(self, coder: str) -> Stored:
        """What a .rdz file keeps of it: coded runs and their counts, and the values.

        Args:
            coder: of runs and labels, "huffman" or "ans".
        """
        symbols = self._runs()
        often = np.bincount(symbols, minlength=self.longest_run + 1)
        runs_coder, payload, counts = coded_symbols(symbols, often, coder)
        values = self.values.stored(coder)
        form = Zeros(
            self.marks_zeros,
            runs_coder,
            len(payload),
            self.longest_run,
            NAMES[counts.dtype],
            without_errors(values.entry),
        )
        entry = RdzEntry(dtype_name(self.dtype), tuple(self.shape), form=form, **known_errors(self))
        padding = bytes(max(least_label_bytes(self.num_weights) - len(payload), 0))
        return Stored(entry, [payload, padding, to_bytes(counts), *values.parts])

    def digest(self) -> bytes:
        """SHA-256 of which weights are kept, and of the digest of their labels."""
        return hashlib.sha256(np.packbits(self.kept).data.tobytes() + self.values.digest()).digest()

    def _runs(self) -> np.ndarray:
        return run_symbols(self.kept != self.marks_zeros, self.longest_run)


def pruned_sizes(original: int, run_counts: np.ndarray, values: Sizes) -> Sizes:
    """Sizes of a pruned tensor of so many bits, whose symbols of runs occur so often."""
    entropy = float(nats_to_bits(int(run_counts.sum()) * empirical_entropy(run_counts)))
    return joined_sizes(original, Sizes(0, 0, entropy, huffman_payload_bits(run_counts)), values)
