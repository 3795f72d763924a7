"""A quantised tensor as it is stored: labels, a codebook in its own dtype, and what the tensor was."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ratedist import _checks
from ratedist.codes import codebook_bits, empirical_entropy, huffman_payload_bits
from ratedist.codes.ans import ans_encode
from ratedist.codes.bitstream import MAX_SYMBOLS, huffman_encode, least_bytes
from ratedist.codes.packed import LEAST_LABELS, packed_encode
from ratedist.container.codebook import rounded_codebook
from ratedist.container.codebook_diameter import codebook_diameter
from ratedist.container.compressed_tensor import ErrorRatios, Sizes, Stored
from ratedist.container.dtypes import CODEBOOK_DTYPES, DTYPES, NAMES, WEIGHT_DTYPES, dtype_name, to_bytes
from ratedist.container.rdz_entry import RdzEntry, codebook_name, in_file
from ratedist.container.rdz_format import PACKED, least_label_bytes
from ratedist.quantizers import Quantized
from ratedist.units import nats_to_bits

# What tensors and entries have numbers for: NaN in the one, ``None`` in the other where they are not known.
ERRORS = ("distortion", "energy", "bulk_error", "limit")
# Labels looked up at once where a tensor is wanted in pieces.
CHUNK = 1 << 20


@dataclasses.dataclass(frozen=True, eq=False)
class QuantizedTensor(ErrorRatios):
    """A tensor with d weights in n = ⌈d/m⌉ blocks, each one of K rows of a codebook.

    Attributes:
        labels: unsigned integers of shape ``(n,)``, blocks in row-major order of the tensor.
        codebook: float32, float16 or bfloat16, of shape ``(K,)``, or ``(K, m)`` for blocks of m.
        shape: of the tensor.
        dtype: of the tensor: float16, bfloat16, float32 or float64.
        distortion: ``Σ_j h_j (w_j − ŵ_j)² / d`` against the weights before, NaN if not known.
        weighted: whether distortion and energy have importances h, or h = 1; ``None`` if not known.
        energy: ``Σ_j h_j w_j² / d`` of the weights before, NaN if not known.
        bulk_error: ``Σ h(w − ŵ)² / Σ h(w − w̄)²`` over most weights before, without far outliers and mask
            values (``ratedist.tensors.bulk``). It is 0 where nothing is lost, 1 for a constant, NaN if not
            known.
        limit: bits a weight that any code of the weights' own law needs at this distortion
            (``ratedist.tensors.limit``), NaN if not known.

    Raises:
        ValueError: shapes that do not belong together, labels of no row, other dtypes, a codebook that is not
            finite in both dtypes.
    """

    labels: np.ndarray
    codebook: np.ndarray
    shape: tuple[int, ...]
    dtype: np.dtype
    distortion: float = math.nan
    weighted: bool | None = None
    energy: float = math.nan
    bulk_error: float = math.nan
    limit: float = math.nan

    def __post_init__(self) -> None:
        if self.codebook.ndim not in (1, 2) or self.codebook.size == 0:
            raise ValueError(f"codebook must have shape (K,) or (K, m), got {self.codebook.shape}")
        if len(self.codebook) > MAX_SYMBOLS:
            raise ValueError(f"a codebook has at most {MAX_SYMBOLS} rows, got {len(self.codebook)}")
        if self.codebook.dtype not in CODEBOOK_DTYPES.values():
            raise ValueError(
                f"codebook must be of {', '.join(CODEBOOK_DTYPES)}, got an array of {self.codebook.dtype}"
            )
        if NAMES.get(self.dtype) not in WEIGHT_DTYPES:
            raise ValueError(f"dtype must be a floating-point type of 16, 32 or 64 bits, got {self.dtype}")
        expected = (-(-self.num_weights // self.block_length),)
        if self.labels.shape != expected or self.num_weights == 0:
            raise ValueError(
                f"labels must have shape {expected} for a tensor of shape {self.shape} and blocks of "
                f"{self.block_length}, got {self.labels.shape}"
            )
        if self.labels.dtype.kind != "u" or int(self.labels.max()) >= len(self.codebook):
            raise ValueError(f"labels must be unsigned integers below K = {len(self.codebook)}")
        require_finite(self.codebook, self.dtype)

    @classmethod
    def of(
        cls,
        quantized: Quantized,
        shape: tuple[int, ...],
        dtype: np.dtype | type,
        codebook_dtype: str = "float32",
        distortion: float = math.nan,
    ) -> QuantizedTensor:
        """The result of a quantiser, its centres rounded to ``codebook_dtype`` (to nearest, ties to even).

        Args:
            quantized: of ``ratedist.kmeans`` and its relatives, for the weights in row-major order.
            shape: of the tensor.
            dtype: of the tensor.
            codebook_dtype: "float32", "float16" or "bfloat16".
            distortion: ``Σ_j h_j (w_j − ŵ_j)² / d`` against the weights before.

        Raises:
            ValueError: as the class and ``rounded_codebook``; an unknown ``codebook_dtype``.
        """
        _checks.one_of("codebook_dtype", codebook_dtype, tuple(CODEBOOK_DTYPES))
        codebook = rounded_codebook(quantized.centers, codebook_dtype, np.dtype(dtype))
        return cls(quantized.labels, codebook, tuple(shape), np.dtype(dtype), distortion)

    @property
    def num_weights(self) -> int:
        """d."""
        return math.prod(self.shape)

    @property
    def num_clusters(self) -> int:
        """K."""
        return len(self.codebook)

    @property
    def block_length(self) -> int:
        """m."""
        return 1 if self.codebook.ndim == 1 else self.codebook.shape[1]

    @functools.cached_property
    def counts(self) -> np.ndarray:
        """|C_k|, int64 of shape ``(K,)``."""
        counts = np.zeros(self.num_clusters, dtype=np.int64)
        for start in range(0, self.labels.size, CHUNK):  # bincount wants 8 bytes a label
            counts += np.bincount(self.labels[start : start + CHUNK], minlength=self.num_clusters)
        return counts

    @property
    def diameter(self) -> float:
        """``max_{k,l} |c_k − c_l|``; see ``codebook_diameter`` for its cost."""
        return float(codebook_diameter(self.codebook) or 0.0)

    @property
    def sizes(self) -> Sizes:
        """Its sizes in bits, by what they count."""
        return sizes_in_bits(self.counts, self.codebook, self.num_weights, dtype_name(self.dtype))

    def reconstruction(self) -> np.ndarray:
        """ŵ, the tensor with its shape and dtype."""
        result = np.empty(self.num_weights, self.dtype)
        position = 0
        for piece in self.pieces():
            result[position : position + piece.size] = piece
            position += piece.size
        return result.reshape(self.shape)

    def pieces(self) -> Iterator[np.ndarray]:
        """ŵ in row-major order, in pieces."""
        values = self.codebook.astype(self.dtype)
        missing = self.num_weights
        for start in range(0, self.labels.size, CHUNK):
            piece = values[self.labels[start : start + CHUNK]].reshape(-1)[:missing]
            missing -= piece.size
            yield piece

    def stored(self, coder: str) -> Stored:
        """What a .rdz file keeps of it: coded labels, codebook and counts.

        Args:
            coder: of the labels, "huffman" or "ans".
        """
        coder, payload, counts = coded_symbols(self.labels, self.counts, coder)
        entry = RdzEntry(
            dtype_name(self.dtype),
            tuple(self.shape),
            coder=coder,
            coded_bytes=len(payload),
            codebook_dtype=codebook_name(NAMES[self.codebook.dtype]),
            codebook_shape=self.codebook.shape,
            counts_dtype=NAMES[counts.dtype],
            **known_errors(self),
        )
        padding = b"\0" * max(least_label_bytes(self.num_weights) - len(payload), 0)
        return Stored(entry, [payload, padding, to_bytes(self.codebook), to_bytes(counts)])

    def digest(self) -> bytes:
        """SHA-256 of the labels, whatever their type."""
        labels = self.labels.astype(np.min_scalar_type(self.num_clusters - 1), copy=False)
        return hashlib.sha256(np.ascontiguousarray(labels).data).digest()


def coded_symbols(symbols: np.ndarray, counts: np.ndarray, coder: str) -> tuple[str, bytes, np.ndarray]:
    """The coder, symbols in its code, and their counts in the smallest type that holds them.

    For "huffman" that is "packed" where there are many symbols and it is shorter.
    """
    in_file = counts.astype(np.min_scalar_type(int(counts.max())))
    if coder != "huffman":
        return coder, ans_encode(symbols, counts), in_file
    packed = packed_encode(symbols, counts) if symbols.size >= LEAST_LABELS else None
    if packed is not None and len(packed) < least_bytes(counts):
        return PACKED, packed, in_file
    return coder, huffman_encode(symbols, counts), in_file


def known_errors(tensor: Any) -> dict[str, Any]:
    """What an entry says of the errors of a tensor."""
    numbers = {name: getattr(tensor, name) for name in ERRORS}
    known = {name: None if math.isnan(number) else number for name, number in numbers.items()}
    known["limit"] = None if known["limit"] is None else in_file(known["limit"])
    return known | {"weighted": tensor.weighted}


def without_errors(entry: RdzEntry) -> RdzEntry:
    """The entry of a part of a tensor: of errors the entry of the whole tells."""
    return dataclasses.replace(entry, weighted=None, **dict.fromkeys(ERRORS))


def require_finite(codebook: np.ndarray, dtype: np.dtype) -> None:
    """Raise ``ValueError`` for centres that are not finite in their own dtype and in that of the weights."""
    with np.errstate(over="ignore", invalid="ignore"):
        finite = np.isfinite(codebook.astype(np.float64)).all()
        finite = finite and np.isfinite(codebook.astype(dtype).astype(np.float64)).all()
    if not finite:
        raise ValueError(
            f"codebook must be finite in {codebook.dtype} and as weights of {dtype}; "
            "float32 and bfloat16 have the widest range"
        )


def sizes_in_bits(counts: np.ndarray, codebook: np.ndarray, num_weights: int, dtype: str) -> Sizes:
    """Sizes of a quantised tensor; ``dtype`` is the safetensors name of its original dtype.

    Source: the terms of Entropy 2021 eq. (39), whose released code has the entropy in place of the lengths.
    """
    block_length = 1 if codebook.ndim == 1 else codebook.shape[1]
    return Sizes(
        original=num_weights * 8 * DTYPES[dtype].itemsize,
        codebook=codebook_bits(len(codebook), 8 * codebook.itemsize, block_length),
        entropy=float(nats_to_bits(int(counts.sum()) * empirical_entropy(counts))),
        huffman=huffman_payload_bits(counts),
    )
