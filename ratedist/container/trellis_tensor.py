"""A tensor along a trellis as it is stored: streams of labels, levels with their branches, counts."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Iterator

import numpy as np

from ratedist.codes import empirical_entropy, huffman_payload_bits
from ratedist.codes.axis_classes import AxisClasses, choose_classes
from ratedist.codes.bitstream import MAX_SYMBOLS, counted
from ratedist.container.compressed_tensor import ErrorRatios, Sizes, Stored
from ratedist.container.dtypes import NAMES, WEIGHT_DTYPES, dtype_name, to_bytes
from ratedist.container.quantized_tensor import CHUNK, known_errors, require_finite
from ratedist.container.rdz_entry import RdzEntry
from ratedist.container.rdz_format import least_label_bytes
from ratedist.container.rdz_forms import LEVEL_DTYPES, Trellis
from ratedist.container.trellis_streams import class_bytes, class_counts, coded_streams, count_bytes
from ratedist.quantizers.trellis.convolutional import trellis_of
from ratedist.quantizers.trellis.decoder import symbols_in_order
from ratedist.quantizers.trellis.result import TrellisQuantized
from ratedist.units import nats_to_bits


@dataclasses.dataclass(frozen=True, eq=False)
class TrellisTensor(ErrorRatios):
    """A tensor whose weights are levels of two unions, of which the state of a trellis has one at a time.

    Attributes:
        symbols: unsigned integers of shape ``(d,)``, in row-major order of the tensor: levels by their place
            in ``levels``.
        levels: values that weights can take, of union 0 and behind them of union 1, in float64, float32,
            float16 or bfloat16.
        branches: of each level, bool; with the state it decides what the next state is.
        num_first: how many levels union 0 has.
        num_states: S, a power of two from 4 to 256.
        shape: of the tensor.
        dtype: of the tensor: float16, bfloat16, float32 or float64.
        distortion: as ``QuantizedTensor`` has it; so are the others.
        weighted: whether distortion and energy have importances.
        energy: of the weights before.
        bulk_error: relative error of most weights.
        limit: bits a weight that the weights' own law needs.
        classes: of the weights; each class has counts of its own. ``None`` if there is but one.

    Raises:
        ValueError: shapes that do not belong together, symbols of no level, levels that no symbol has, other
            dtypes, levels that are not finite in both dtypes. Whether symbols are a path through the trellis
            is found out where a file is written.
    """

    symbols: np.ndarray
    levels: np.ndarray
    branches: np.ndarray
    num_first: int
    num_states: int
    shape: tuple[int, ...]
    dtype: np.dtype
    distortion: float = math.nan
    weighted: bool | None = None
    energy: float = math.nan
    bulk_error: float = math.nan
    limit: float = math.nan
    classes: AxisClasses | None = None

    def __post_init__(self) -> None:
        trellis_of(self.num_states)
        K = self.levels.size
        if self.levels.shape != (K,) or self.branches.shape != (K,) or self.branches.dtype != bool:
            raise ValueError(
                f"levels and branches must be of one shape (K,), and branches booleans, got "
                f"{self.levels.shape} and {self.branches.dtype} of {self.branches.shape}"
            )
        if not 1 <= self.num_first <= min(K, MAX_SYMBOLS) or K - self.num_first > MAX_SYMBOLS:
            raise ValueError(
                f"union 0 must have 1 to {MAX_SYMBOLS} levels and union 1 as many at most, "
                f"got {self.num_first} of {K}"
            )
        if NAMES.get(self.levels.dtype) not in LEVEL_DTYPES or NAMES.get(self.dtype) not in WEIGHT_DTYPES:
            raise ValueError(
                f"levels and dtype must be floating-point types of 16, 32 or 64 bits, got "
                f"{self.levels.dtype} and {self.dtype}"
            )
        if self.symbols.shape != (self.num_weights,) or self.num_weights == 0:
            raise ValueError(
                f"symbols must have shape {(self.num_weights,)} for a tensor of shape {self.shape} that is "
                f"not empty, got {self.symbols.shape}"
            )
        if self.symbols.dtype.kind != "u" or int(self.symbols.max()) >= K:
            raise ValueError(f"symbols must be unsigned integers below K = {K}")
        if self.classes is not None:
            self.classes.require_shape(self.shape)
        if not self.counts.all():
            raise ValueError("every level must be that of a weight")
        require_finite(self.levels, self.dtype)

    @classmethod
    def of(cls, found: TrellisQuantized, shape: tuple[int, ...], dtype: np.dtype) -> TrellisTensor:
        """The result of ``ratedist.quantize_trellis``, its levels in double precision."""
        return cls(
            symbols_in_order(found.streams, found.branches, found.num_states),
            np.concatenate(found.levels),
            np.concatenate(found.branches).astype(bool),
            found.levels[0].size,
            found.num_states,
            tuple(shape),
            np.dtype(dtype),
        )

    def rounded(self, levels: np.ndarray) -> TrellisTensor:
        """The tensor with other levels; those of a union that are equal, and have one branch, become one.

        Args:
            levels: in the place of each level, of any of the types that levels can have.

        Raises:
            ValueError: as the class.
        """
        unions = np.arange(levels.size) >= self.num_first
        values = levels.astype(np.float64) + 0.0  # -0 is 0
        keys, row = np.unique(np.stack([unions, values, self.branches]), axis=1, return_inverse=True)
        symbols = row.reshape(-1).astype(np.min_scalar_type(len(keys[0]) - 1))[self.symbols]
        return dataclasses.replace(
            self,
            symbols=symbols,
            levels=keys[1].astype(levels.dtype),
            branches=keys[2].astype(bool),
            num_first=int(np.count_nonzero(keys[0] == 0)),
        )

    @property
    def num_weights(self) -> int:
        """d."""
        return math.prod(self.shape)

    @property
    def num_clusters(self) -> int:
        """K, the levels of both unions."""
        return self.levels.size

    @property
    def counts(self) -> np.ndarray:
        """How often each symbol occurs, int64 of shape ``(K,)``."""
        return counted(self.symbols, self.num_clusters)

    @property
    def class_counts(self) -> np.ndarray:
        """How often each symbol occurs in each class, int64 of shape ``(G, K)``."""
        if self.classes is None:
            return self.counts[None]
        classes = self.classes.of_weights(self.shape)
        return class_counts(self.symbols, classes, self.classes.num_classes, self.num_clusters)

    def in_classes(self, coder: str) -> TrellisTensor:
        """The tensor with the classes of weights that take the fewest bytes in this code, or none."""
        plain = dataclasses.replace(self, classes=None)
        found = choose_classes(self.symbols, self.levels.astype(np.float64), self.num_first, self.shape)
        if found is None:
            return plain
        several = dataclasses.replace(self, classes=found)
        if coder == "huffman" and several.num_bytes(coder) >= plain.num_bytes(coder):
            return plain
        return several

    def num_bytes(self, coder: str) -> int:
        """What its data take in a .rdz file."""
        return sum(map(len, self.stored(coder).parts))

    @property
    def sizes(self) -> Sizes:
        """Its sizes in bits, by what they count."""
        original = self.num_weights * 8 * self.dtype.itemsize
        side = 0 if self.classes is None else len(class_bytes(self.classes))
        return trellis_sizes(original, self.class_counts, self.num_first, self.levels.dtype, side)

    def reconstruction(self) -> np.ndarray:
        """ŵ, the tensor with its shape and dtype."""
        return self.levels.astype(self.dtype)[self.symbols].reshape(self.shape)

    def pieces(self) -> Iterator[np.ndarray]:
        """ŵ in row-major order, in pieces."""
        values = self.levels.astype(self.dtype)
        for start in range(0, self.num_weights, CHUNK):
            yield values[self.symbols[start : start + CHUNK]]

    def stored(self, coder: str) -> Stored:
        """What a .rdz file keeps of it: both coded streams, levels, branches and counts.

        Args:
            coder: of the labels, "huffman" or "ans".
        """
        classes = None if self.classes is None else self.classes.of_weights(self.shape)
        counts = self.class_counts
        coders, payloads = coded_streams(self.symbols, counts, self.num_first, classes, coder)
        table = count_bytes(counts, self.num_first)
        of_classes = b"" if self.classes is None else class_bytes(self.classes)
        form = Trellis(
            self.num_states,
            (self.num_first, self.num_clusters - self.num_first),
            dtype_name(self.levels.dtype),
            coders,
            tuple(map(len, payloads)),
            len(table),
            len(of_classes),
        )
        entry = RdzEntry(dtype_name(self.dtype), tuple(self.shape), form=form, **known_errors(self))
        filling = bytes(max(least_label_bytes(self.num_weights) - sum(map(len, payloads)), 0))
        marks = np.packbits(self.branches).tobytes()
        parts = [*payloads, filling, to_bytes(self.levels), marks, table]
        return Stored(entry, parts if self.classes is None else [*parts, of_classes])

    def digest(self) -> bytes:
        """SHA-256 of the symbols, whatever their type."""
        symbols = self.symbols.astype(np.min_scalar_type(self.num_clusters - 1), copy=False)
        return hashlib.sha256(np.ascontiguousarray(symbols).data).digest()


def trellis_sizes(
    original: int, counts: np.ndarray, num_first: int, level_dtype: np.dtype, side_bytes: int
) -> Sizes:
    """Sizes of a tensor of so many bits whose symbols occur so often in each class.

    A level has its bits and a branch; what tells the classes is counted with them.
    """
    streams = [own[own > 0] for of_class in counts for own in (of_class[:num_first], of_class[num_first:])]
    streams = [one for one in streams if one.size]
    return Sizes(
        original,
        counts.shape[1] * (8 * level_dtype.itemsize + 1) + 8 * side_bytes,
        float(sum(nats_to_bits(int(one.sum()) * empirical_entropy(one)) for one in streams)),
        sum(huffman_payload_bits(one) for one in streams),
    )
