"""A matrix of low rank as it is stored: two quantised factors, and their product in a fixed order."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Iterator

import ml_dtypes
import numpy as np

from ratedist.container.compressed_tensor import ErrorRatios, Sizes, Stored
from ratedist.container.dtypes import DTYPES, NAMES, WEIGHT_DTYPES, dtype_name
from ratedist.container.quantized_tensor import QuantizedTensor, known_errors, without_errors
from ratedist.container.rdz_entry import RdzEntry
from ratedist.container.rdz_forms import FACTOR_DTYPE, Factors

# Weights multiplied out at once: so many float64 and as many products are in the cache of a processor.
CHUNK = 1 << 15


@dataclasses.dataclass(frozen=True, eq=False)
class FactoredTensor(ErrorRatios):
    r"""A tensor that is, as a matrix ``(o, d)`` in row-major order, a product of factors of rank r.

    .. math:: ŵ_{ij} = \sum_{k=1}^{r} l_{ik}\, r_{kj}

    Products of two float32 are exact in float64, and the sum is taken in float64 in the order of k. So the
    weights are the same bits on every machine, whatever its BLAS and whether or not it fuses multiplication
    and addition. They are then rounded to float32, and from there to 16 bits if that is the dtype. What is
    beyond the largest finite number becomes that number. Weights of float64 are not rounded.

    Attributes:
        left: quantised, of shape ``(o, r)`` and dtype float32.
        right: quantised, of shape ``(r, d)`` and dtype float32.
        shape: of the tensor, with ``o·d`` weights.
        dtype: of the tensor: float16, bfloat16, float32 or float64.
        distortion: as ``QuantizedTensor`` has it, of the product; so are the others.
        weighted: whether distortion and energy have importances.
        energy: of the weights before.
        bulk_error: relative error of most weights.
        limit: bits a weight that the weights' own law needs.

    Raises:
        ValueError: shapes that do not belong together, a rank above both sides, other dtypes.
    """

    left: QuantizedTensor
    right: QuantizedTensor
    shape: tuple[int, ...]
    dtype: np.dtype
    distortion: float = math.nan
    weighted: bool | None = None
    energy: float = math.nan
    bulk_error: float = math.nan
    limit: float = math.nan

    def __post_init__(self) -> None:
        if len(self.left.shape) != 2 or len(self.right.shape) != 2:
            raise ValueError(f"factors must be matrices, got {self.left.shape} and {self.right.shape}")
        (o, r), (rank, d) = self.left.shape, self.right.shape
        if r != rank or o * d != self.num_weights or r > min(o, d):
            raise ValueError(
                f"factors of a tensor of shape {self.shape} must have shapes (o, r) and (r, d) with o·d = "
                f"{self.num_weights} and r at most o and d, got {(o, r)} and {(rank, d)}"
            )
        if {self.left.dtype, self.right.dtype} != {DTYPES[FACTOR_DTYPE]}:
            raise ValueError(
                f"factors must be of float32, got arrays of {self.left.dtype} and {self.right.dtype}"
            )
        if NAMES.get(self.dtype) not in WEIGHT_DTYPES:
            raise ValueError(f"dtype must be a floating-point type of 16, 32 or 64 bits, got {self.dtype}")

    @property
    def num_weights(self) -> int:
        """d."""
        return math.prod(self.shape)

    @property
    def rank(self) -> int:
        """r."""
        return self.right.shape[0]

    @property
    def num_parameters(self) -> int:
        """``r(o + d)``, the numbers in both factors."""
        return self.left.num_weights + self.right.num_weights

    @property
    def num_clusters(self) -> int:
        """K, the larger one of the two factors."""
        return max(self.left.num_clusters, self.right.num_clusters)

    @property
    def sizes(self) -> Sizes:
        """Its sizes in bits, by what they count: those of both factors."""
        original = self.num_weights * 8 * self.dtype.itemsize
        return joined_sizes(original, self.left.sizes, self.right.sizes)

    def reconstruction(self) -> np.ndarray:
        """ŵ, the tensor with its shape and dtype; ``r·o·d`` multiplications."""
        result = np.empty(self.num_weights, self.dtype)
        position = 0
        for piece in self.pieces():
            result[position : position + piece.size] = piece
            position += piece.size
        return result.reshape(self.shape)

    def pieces(self) -> Iterator[np.ndarray]:
        """ŵ in row-major order, in pieces."""
        left, right = _exact(self.left), _exact(self.right)
        (o, rank), d = left.shape, right.shape[1]
        rows, columns = max(CHUNK // d, 1), min(d, CHUNK)
        for top in range(0, o, rows):
            for start in range(0, d, columns):
                some = right[:, start : start + columns]
                total = np.zeros((min(rows, o - top), some.shape[1]))
                product = np.empty_like(total)
                for k in range(rank):
                    np.multiply(left[top : top + rows, k, None], some[k], out=product)
                    total += product
                yield rounded(total, self.dtype).reshape(-1)

    def stored(self, coder: str) -> Stored:
        """What a .rdz file keeps of it: both factors.

        Args:
            coder: of the labels, "huffman" or "ans".
        """
        left, right = self.left.stored(coder), self.right.stored(coder)
        form = Factors(without_errors(left.entry), without_errors(right.entry))
        entry = RdzEntry(dtype_name(self.dtype), tuple(self.shape), form=form, **known_errors(self))
        return Stored(entry, [*left.parts, *right.parts, bytes(entry.part_bytes[-1])])

    def digest(self) -> bytes:
        """SHA-256 of the digests of both factors."""
        return hashlib.sha256(self.left.digest() + self.right.digest()).digest()


def _exact(factor: QuantizedTensor) -> np.ndarray:
    """A factor in float64, which rounds no centre."""
    return dataclasses.replace(factor, dtype=np.dtype(np.float64)).reconstruction()


def rounded(weights: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Finite float64 as weights of a dtype, by way of float32 for 16 bits, and never infinite."""
    if dtype == np.float64:
        return weights
    for target in (np.dtype(np.float32), dtype):
        with np.errstate(over="ignore", under="ignore"):
            found = weights.astype(target)
        beyond = ~np.isfinite(found)
        if beyond.any():
            largest = np.asarray(ml_dtypes.finfo(target).max).astype(target)
            found[beyond] = np.where(weights[beyond] > 0, largest, -largest)
        weights = found
    return weights


def joined_sizes(original: int, *parts: Sizes) -> Sizes:
    """Sizes of a tensor of so many bits that is kept as these parts."""
    return Sizes(
        original,
        sum(part.codebook for part in parts),
        sum(part.entropy for part in parts),
        sum(part.huffman for part in parts),
    )
