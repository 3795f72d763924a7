"""Whole models on disk, a tensor at a time: safetensors to .rdz and back."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from ratedist.container import (
    Entry,
    QuantizedTensor,
    RdzFile,
    RdzWriter,
    TensorFile,
    encode_header,
    write_tensor_file,
)
from ratedist.container.dtypes import DTYPES, to_bytes
from ratedist.container.quantized_tensor import codebook_diameter, sizes_in_bits
from ratedist.tensors import QuantizationConfig, clusters_within_budget, named, quantize_tensor


@dataclasses.dataclass(frozen=True)
class TensorRow:
    """One line of the table of a .rdz file; ``None`` where a tensor is stored as it was.

    Attributes:
        name: of the tensor.
        dtype: safetensors name.
        shape: of the tensor.
        share: part of the file.
        num_clusters: K.
        block_length: m.
        coder: "huffman" or "ans".
        codebook_dtype: of the centres.
        entropy: of the labels, bits a weight.
        huffman: mean length of the Huffman code, bits a weight.
        stored: bits a weight that the tensor takes in the file, codebook and counts included.
        distortion: ``Σ_j h_j (w_j − ŵ_j)² / d``.
        diameter: ``max_{k,l} |c_k − c_l|``.
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


@dataclasses.dataclass(frozen=True)
class Ratios:
    """Compression ratios, compressed over original size.

    Attributes:
        entropy: labels at their entropy and codebooks, over the weights of the quantised tensors.
        huffman: labels in Huffman code and codebooks, over the same: eq. (39) of Entropy 2021.
        bytes_on_disk: bytes of the file over bytes of all tensors, quantised or not.
    """

    entropy: float | None
    huffman: float | None
    bytes_on_disk: float | None

    def __str__(self) -> str:
        named = (
            ("entropy", self.entropy),
            ("Huffman (39)", self.huffman),
            ("bytes on disk", self.bytes_on_disk),
        )
        return ", ".join(f"{name} {'–' if value is None else format(value, '.5f')}" for name, value in named)


def quantize_file(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    config: QuantizationConfig,
    importance: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> None:
    """Quantise a model in a safetensors file to a .rdz file; memory is needed for one tensor at a time.

    Args:
        source: the model.
        out: the .rdz file.
        config: which tensors, and how.
        importance: safetensors file with h for each tensor that is quantised, by its name and shape.
        progress: show a bar.

    Raises:
        ValueError: files that cannot be read or written, nothing to quantise, importances missing or not of
            the right shape, and whatever ``quantize_tensor`` complains of, with the name of the tensor.
    """
    config.check()
    if _same_file(source, out):
        raise ValueError(f"the result must not take the place of the model {source}")
    with TensorFile(source) as model:
        h = None if importance is None else TensorFile(importance)
        try:
            _quantize(model, out, config, h, progress)
        finally:
            if h is not None:
                h.close()


def dequantize_file(
    source: str | os.PathLike[str], out: str | os.PathLike[str], progress: bool = False
) -> None:
    """Write the reconstruction of a .rdz file as safetensors, with the names, dtypes and shapes of the model.

    Raises:
        ValueError: as ``RdzFile``; a place that cannot be written to.
    """
    if _same_file(source, out):
        raise ValueError(f"the result must not take the place of {source}")
    with RdzFile(source) as file:
        entries = {name: Entry(entry.dtype, entry.shape) for name, entry in file.entries.items()}
        with _bar(len(entries), progress) as bar:

            def data(name: str) -> Iterator[Any]:
                yield from map(to_bytes, file.pieces(name))
                bar.update()

            write_tensor_file(out, entries, encode_header(entries, file.metadata), data)


def inspect_file(path: str | os.PathLike[str]) -> tuple[list[TensorRow], Ratios]:
    """A row for each tensor of a .rdz file, and the three compression ratios; all data are verified.

    Raises:
        ValueError: as ``RdzFile``.
    """
    with RdzFile(path) as file:
        file.verify()
        rows, original, codebook, entropy, huffman, everything = [], 0, 0, 0.0, 0, 0
        for name, entry in file.entries.items():
            everything += entry.num_weights * DTYPES[entry.dtype].itemsize
            share = entry.num_bytes / file.size
            if entry.coder is None:
                rows.append(TensorRow(name, entry.dtype, entry.shape, share))
                continue
            centers, counts = file.codebook_and_counts(name)
            sizes, d = sizes_in_bits(counts, centers, entry.num_weights, entry.dtype), entry.num_weights
            original += sizes.original
            codebook += sizes.codebook
            entropy += sizes.entropy
            huffman += sizes.huffman
            rows.append(
                TensorRow(
                    name,
                    entry.dtype,
                    entry.shape,
                    share,
                    entry.num_clusters,
                    entry.block_length,
                    entry.coder,
                    entry.codebook_dtype,
                    sizes.entropy / d,
                    sizes.huffman / d,
                    8 * entry.num_bytes / d,
                    entry.distortion,
                    codebook_diameter(centers),
                )
            )
        ratios = Ratios(
            (entropy + codebook) / original if original else None,
            (huffman + codebook) / original if original else None,
            file.size / everything if everything else None,
        )
        return rows, ratios


def _quantize(
    model: TensorFile,
    out: str | os.PathLike[str],
    config: QuantizationConfig,
    importance: TensorFile | None,
    progress: bool,
) -> None:
    chosen = [
        name
        for name, entry in model.entries.items()
        if config.selects(name, DTYPES[entry.dtype], entry.num_bytes // DTYPES[entry.dtype].itemsize)
    ]
    if not chosen:
        raise ValueError(
            f"{model.path} has no tensor to quantise: floating-point, like include and not exclude, with at "
            f"least {config.min_size} weights (min_size) and no fewer blocks than clusters"
        )
    for name in chosen:
        shape = model.entries[name].shape
        if importance is not None and importance.entry(name).shape != shape:
            raise ValueError(
                f"importance of {name!r} must have the shape {shape} of the tensor, "
                f"got {importance.entries[name].shape}"
            )

    def load(name: str) -> tuple[np.ndarray, np.ndarray | None]:
        return model.read(name), None if importance is None else importance.read(name)

    passes = 1 if config.bits_per_weight is None else 2
    with (
        RdzWriter(out, config.coder, model.metadata) as writer,
        _bar(len(chosen) * passes, progress) as bar,
    ):
        clusters = dict.fromkeys(chosen, config.num_clusters)
        if config.bits_per_weight is not None:
            clusters = clusters_within_budget(chosen, load, config, bar.update)
        for name in model.entries:
            if name not in clusters:
                writer.add_raw(name, model.read(name))
                continue
            tensor, h = load(name)
            quantized: QuantizedTensor = named(name, quantize_tensor, tensor, config, clusters[name], h)
            del tensor, h  # the coder has need of memory now
            writer.add(name, quantized)
            bar.update()


def _bar(total: int, progress: bool) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, unit="tensor", disable=not progress)


def _same_file(first: str | os.PathLike[str], second: str | os.PathLike[str]) -> bool:
    return pathlib.Path(second).exists() and pathlib.Path(first).exists() and os.path.samefile(first, second)
