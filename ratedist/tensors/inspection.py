"""What a .rdz file holds, a row a tensor, without reconstructing any."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable

from ratedist.container import RdzFile
from ratedist.container.compressed_tensor import bulk_signal_to_noise, signal_to_noise
from ratedist.tensors.ratios import Ratios

# Of a centre with others on average, which bounds the cost of a diameter by the size of the codebook.
COMPARISONS = 2048


@dataclasses.dataclass(frozen=True)
class TensorRow:
    """One line of the table of a .rdz file; ``None`` where a tensor is stored as it was.

    Attributes:
        name: of the tensor.
        dtype: safetensors name.
        shape: of the tensor.
        share: part of the file.
        num_clusters: K; the larger one of two factors, and of a pruned tensor without zero.
        block_length: m.
        coder: "huffman", "packed" (several labels a symbol) or "ans".
        codebook_dtype: of the centres.
        entropy: of the labels, bits a weight.
        huffman: mean length of the Huffman code, bits a weight.
        stored: bits a weight that the tensor takes in the file, codebook and counts included.
        distortion: ``Σ_j h_j (w_j − ŵ_j)² / d``.
        diameter: ``max_{k,l} |c_k − c_l|``; ``None`` too where it was not computed, and of two factors.
        weighted: whether the distortion has importances h, or h = 1; ``None`` if the file does not say.
        signal_to_noise: ``10·log₁₀(Σhw² / Σh(w − ŵ)²)`` in decibels; ``None`` if not known, or infinite.
        bulk_signal_to_noise: that of most weights about their mean, far outliers and mask values left out.
        rank: of two factors, ``None`` if it has none.
        zeros: part of the weights that is set to zero, ``None`` if it is not pruned.
        num_bytes: that its data take in the file.
        limit: bits a weight that any code of the weights' own law needs at the same error, as the writer of
            the file knew it. See ``ratedist.tensors.limit``.
        gap: bits a weight above the limit.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    share: float
    num_clusters: int | None = None
    block_length: int | None = None
    coder: str | None = None
    codebook_dtype: str | None = None
    entropy: float | None = None
    huffman: float | None = None
    stored: float | None = None
    distortion: float | None = None
    diameter: float | None = None
    weighted: bool | None = None
    signal_to_noise: float | None = None
    bulk_signal_to_noise: float | None = None
    rank: int | None = None
    zeros: float | None = None
    num_bytes: int = 0
    limit: float | None = None
    gap: float | None = None

    @property
    def num_weights(self) -> int:
        """d."""
        return math.prod(self.shape)

    @property
    def is_compressed(self) -> bool:
        """Whether it is not as it was."""
        return self.stored is not None


def inspect_file(
    path: str | os.PathLike[str], max_comparisons: float = COMPARISONS
) -> tuple[list[TensorRow], Ratios]:
    """A row for each tensor of a .rdz file, and the three compression ratios; all data are verified.

    Labels are not decoded, so that the cost is proportional to the size of the file.

    Args:
        path: the file.
        max_comparisons: of a centre with others, for the diameter of codebooks of blocks of more than two.
            One that would take more is not computed. It has more than twice as many centres.

    Raises:
        ValueError: as ``RdzFile``.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> import pathlib, tempfile
        >>> weights = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
        >>> with tempfile.TemporaryDirectory() as name:
        ...     folder = pathlib.Path(name)
        ...     size = rd.networks.save_parameters(folder / "model.safetensors", {"layer": weights})
        ...     report = rd.tensors.quantize_file(folder / "model.safetensors", folder / "model.rdz", 4)
        ...     rows, ratios = rd.tensors.inspect_file(folder / "model.rdz")
        >>> rows[0].name, rows[0].shape, rows[0].num_clusters
        ('layer', (64, 64), 4)
    """
    with RdzFile(path) as file:
        file.verify()
        rows, sizes = [], []
        for name, entry in file.entries.items():
            row = TensorRow(
                name, entry.dtype, entry.shape, entry.num_bytes / file.size, num_bytes=entry.num_bytes
            )
            told, d = file.inspect(name, max_comparisons), entry.num_weights
            if told is not None:
                stored, limit = 8 * entry.num_bytes / d, entry.limit
                sizes.append(told.sizes)
                row = dataclasses.replace(
                    row,
                    entropy=told.sizes.entropy / d,
                    huffman=told.sizes.huffman / d,
                    stored=stored,
                    limit=limit,
                    gap=None if limit is None else stored - limit,
                    distortion=entry.distortion,
                    weighted=entry.weighted,
                    signal_to_noise=_decibels(signal_to_noise, entry.distortion, entry.energy),
                    bulk_signal_to_noise=_decibels(bulk_signal_to_noise, entry.bulk_error),
                    **told.details,
                )
            rows.append(row)
        return rows, Ratios.of(sizes, file.size, file.decoded_bytes)


def _decibels(function: Callable[..., float], *numbers: float | None) -> float | None:
    if None in numbers:
        return None
    decibels = function(*numbers)
    return decibels if math.isfinite(decibels) else None
