"""What trellis-coded quantisation returns, and the decoder, which needs streams and levels alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ratedist.codes.ans import ans_encode
from ratedist.quantizers.trellis.decoder import symbols_in_order
from ratedist.quantizers.trellis.header import LEVEL_DTYPES, header_bits


@dataclasses.dataclass(frozen=True, eq=False)
class TrellisQuantized:
    """Weights quantised along a trellis: two streams of labels, of which the state says whose turn it is.

    Union 0 and union 1 are the two sets of levels that a state chooses between.

    Attributes:
        num_states: S, states of the trellis.
        streams: labels of the weights of union 0 and of union 1, each in the order of the weights.
        levels: levels of union 0 and of union 1, float64 arrays, ascending.
        branches: branch of each level, 0 or 1, which decides with the state what the next state is.
        reconstruction: ŵ, float64 of shape ``(d,)``.
        distortion: ``Σ h (w − ŵ)²``.
        mean_squared_error: ``Σ h (w − ŵ)² / Σ h``.
        multiplier: λ, the price of one nat that the path was found with.
        level_bits: bits that each level is stored in: 16, 32 or 64, whichever costs least with the errors
            that rounding adds. Levels have 11, 24 or 53 significant bits.
    """

    num_states: int
    streams: tuple[np.ndarray, np.ndarray]
    levels: tuple[np.ndarray, np.ndarray]
    branches: tuple[np.ndarray, np.ndarray]
    reconstruction: np.ndarray
    distortion: float
    mean_squared_error: float
    multiplier: float
    level_bits: int

    @property
    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """How often each label of union 0 and of union 1 occurs."""
        zero, one = (
            np.bincount(stream, minlength=levels.size)
            for stream, levels in zip(self.streams, self.levels, strict=True)
        )
        return zero, one

    @property
    def code_lengths(self) -> tuple[np.ndarray, np.ndarray]:
        """Nats of each label of union 0 and of union 1: −ln of its share of the stream."""
        zero, one = (np.log(max(counts.sum(), 1) / counts) for counts in self.counts)
        return zero, one

    @property
    def label_bits(self) -> float:
        """Bits of both streams, each at its empirical entropy."""
        pairs = zip(self.counts, self.code_lengths, strict=True)
        return float(sum(counts @ lengths for counts, lengths in pairs) / np.log(2))

    @property
    def level_dtype(self) -> np.dtype:
        """The smallest of float16, float32 and float64 that has all levels exactly.

        It has ``level_bits`` where the largest level is of ordinary size, for half precision 2⁻⁶ to 2¹⁵.
        """
        levels = np.concatenate(self.levels)
        with np.errstate(over="ignore"):
            exact = (dtype for dtype in LEVEL_DTYPES if np.array_equal(levels.astype(dtype), levels))
            return next(exact)

    @property
    def header_bits(self) -> int:
        """Bits of the levels, of their branches and counts, and of the numbers of levels and states."""
        return header_bits(np.concatenate(self.counts), self.level_bits)

    @property
    def ideal_bits(self) -> float:
        """Bits of labels and header together."""
        return self.label_bits + self.header_bits

    @property
    def bits_per_weight(self) -> float:
        """``ideal_bits / d``."""
        return self.ideal_bits / self.reconstruction.size

    def payloads(self) -> tuple[bytes, bytes]:
        """Both streams as bytes, by asymmetric numeral systems; the counts decode them.

        Raises:
            ValueError: ``constriction`` is not installed.
        """
        zero, one = (
            ans_encode(stream, counts) if stream.size else b""
            for stream, counts in zip(self.streams, self.counts, strict=True)
        )
        return zero, one


def decode_trellis(
    streams: Sequence[ArrayLike], levels: Sequence[ArrayLike], branches: Sequence[ArrayLike], num_states: int
) -> np.ndarray:
    """The reconstruction from both streams: the state says which of them has the next label.

    Weight j belongs to lane ``j mod G``, where G = ⌈d/1024⌉. Each lane starts in state 0, and all
    lanes take a step at a time. Only whole numbers are computed with, so it is the same everywhere.

    Args:
        streams: labels of union 0 and of union 1, as ``TrellisQuantized.streams``.
        levels: levels of union 0 and of union 1.
        branches: branch of each level, 0 or 1, in two arrays of the shapes of ``levels``.
        num_states: S, a power of two from 4 to 256.

    Returns:
        ŵ, float64 of shape ``(d,)``, with d the length of both streams together.

    Raises:
        ValueError: labels without a level, branches other than 0 and 1, a stream that ends before the other
            says so.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> found = rd.quantizers.quantize_trellis(np.sin(np.arange(50.0)), multiplier=0.1)
        >>> again = rd.quantizers.decode_trellis(found.streams, found.levels, found.branches, num_states=8)
        >>> np.array_equal(again, found.reconstruction)
        True
    """
    pairs = [_checked_union(union, *one) for union, one in enumerate(_three_pairs(streams, levels, branches))]
    labels, values, own = zip(*pairs, strict=True)
    return np.concatenate(values)[symbols_in_order(labels, own, num_states)]


def _three_pairs(*sequences: Sequence[ArrayLike]) -> list[tuple[ArrayLike, ArrayLike, ArrayLike]]:
    for name, one in zip(("streams", "levels", "branches"), sequences, strict=True):
        if len(one) != 2:
            raise ValueError(f"{name} must be two arrays, one for each union, got {len(one)}")
    return list(zip(*sequences, strict=True))


def _checked_union(
    union: int, stream: ArrayLike, levels: ArrayLike, branches: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    labels, values, own = np.asarray(stream), np.asarray(levels, np.float64), np.asarray(branches)
    if values.ndim != 1 or own.shape != values.shape:
        raise ValueError(
            f"levels and branches of union {union} must be arrays of one length, got shapes {values.shape} "
            f"and {own.shape}"
        )
    if not np.all((own == 0) | (own == 1)):
        raise ValueError(f"branches of union {union} must be 0 or 1")
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ValueError(
            f"stream {union} must be integers of shape (n,), got {labels.dtype} of {labels.shape}"
        )
    if labels.size and (int(labels.min()) < 0 or int(labels.max()) >= values.size):
        raise ValueError(f"labels of stream {union} must be from 0 to {values.size - 1}, one for each level")
    return labels, values, own
