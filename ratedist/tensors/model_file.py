"""Whole models on disk, a tensor at a time: safetensors to .rdz and back."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ratedist.container import (
    Entry,
    QuantizedTensor,
    RdzFile,
    RdzWriter,
    StoredForm,
    TensorFile,
    encode_header,
    rdz_size,
    write_tensor_file,
)
from ratedist.container.codebook_diameter import codebook_diameter
from ratedist.container.dtypes import DTYPES, from_bytes, to_bytes
from ratedist.container.quantized_tensor import sizes_in_bits
from ratedist.container.rdz_format import DIGEST_KEY, FORMAT_KEY
from ratedist.container.tensor_writer import in_file_order
from ratedist.files import require_target
from ratedist.tensors.budget import clusters_within_budget
from ratedist.tensors.report import Outcome, QuantizationReport, Ratios
from ratedist.tensors.tensor import QuantizationConfig, named, quantize_tensor

# What a file may become without being asked for: so many bytes, or so many times its size.
LEAST_LIMIT = 64_000_000
EXPANSION = 100
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
        num_clusters: K.
        block_length: m.
        coder: "huffman" or "ans".
        codebook_dtype: of the centres.
        entropy: of the labels, bits a weight.
        huffman: mean length of the Huffman code, bits a weight.
        stored: bits a weight that the tensor takes in the file, codebook and counts included.
        distortion: ``Σ_j h_j (w_j − ŵ_j)² / d``.
        diameter: ``max_{k,l} |c_k − c_l|``; ``None`` too where it was not computed.
        weighted: whether the distortion has importances h, or h = 1; ``None`` if the file does not say.
        signal_to_noise: ``10·log₁₀(Σhw² / Σh(w − ŵ)²)`` in decibels; ``None`` if not known, or infinite.
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


def quantize_file(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str] | None,
    config: QuantizationConfig,
    importance: str | os.PathLike[str] | None = None,
    progress: bool = False,
    dry_run: bool = False,
) -> QuantizationReport:
    """Quantise a model in a safetensors file to a .rdz file; memory is needed for one tensor at a time.

    Args:
        source: the model.
        out: the .rdz file.
        config: which tensors, and how.
        importance: safetensors file with h for each tensor that is quantised, by its name and shape.
        progress: show a bar.
        dry_run: compute everything and write nothing; ``out`` may be ``None``.

    Returns:
        What became of each tensor, and the size of the file.

    Raises:
        ValueError: files that cannot be read or written, a result in the place of an input, nothing to
            quantise, importances missing, of another shape, negative, not finite or all zero, and whatever
            ``quantize_tensor`` complains of, with the name of the tensor.

    Warns:
        UserWarning: tensors with NaN or infinite weights, which stay as they are.
    """
    config.check()
    if out is None and not dry_run:
        raise ValueError("out must name a file, unless dry_run is set")
    if out is not None:
        require_target(out, [source] if importance is None else [source, importance])
    with TensorFile(source) as model:
        h = None if importance is None else TensorFile(importance)
        try:
            return _quantize(model, out, config, h, progress, dry_run)
        finally:
            if h is not None:
                h.close()


def dequantize_file(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    progress: bool = False,
    max_bytes: float | None = None,
) -> None:
    """Write the reconstruction of a .rdz file as safetensors, with the names, dtypes and shapes of the model.

    Small tensors are decoded together; memory is needed for one large tensor at a time.

    Args:
        source: the .rdz file.
        out: the safetensors file.
        progress: show a bar.
        max_bytes: of all tensors. If not given it is 64 MB or 100 times the size of ``source``, whichever is
            more: a file that becomes larger is rarely a model, and may have been made to fill a disk.

    Raises:
        ValueError: as ``RdzFile``; a place that cannot be written to; more bytes than ``max_bytes``.
    """
    require_target(out, [source])
    with RdzFile(source) as file:
        most = max(LEAST_LIMIT, EXPANSION * file.size) if max_bytes is None else max_bytes
        if file.decoded_bytes > most:
            raise ValueError(
                f"{os.fspath(source)}, of {file.size:,} bytes, would become {file.decoded_bytes:,} bytes; "
                f"allow more than {most:,.0f} if that is what you want (max_bytes, --max-megabytes)"
            )
        entries = {name: Entry(entry.dtype, entry.shape) for name, entry in file.entries.items()}
        quantized = file.read_many(n for n in in_file_order(entries) if file.entries[n].coder is not None)
        with _bar(len(entries), progress) as bar:

            def data(name: str) -> Iterator[Any]:
                if file.entries[name].coder is None:
                    yield from file.raw_chunks(name)
                else:
                    _, tensor = next(quantized)
                    yield from map(to_bytes, pieces(tensor))
                bar.update()

            write_tensor_file(out, entries, encode_header(entries, file.metadata), data)


def inspect_file(
    path: str | os.PathLike[str], max_comparisons: float = COMPARISONS
) -> tuple[list[TensorRow], Ratios]:
    """A row for each tensor of a .rdz file, and the three compression ratios; all data are verified.

    Labels are not decoded, so that the cost is proportional to the size of the file.

    Args:
        path: the file.
        max_comparisons: of a centre with others, for the diameter of codebooks of blocks of more than two;
            one that would take more (only if it has more than twice as many centres) is not computed.

    Raises:
        ValueError: as ``RdzFile``.
    """
    with RdzFile(path) as file:
        file.verify()
        rows, original, codebook, entropy, huffman, everything = [], 0, 0, 0.0, 0, 0
        for name, entry in file.entries.items():
            everything += entry.decoded_bytes
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
                    codebook_diameter(centers, max_comparisons),
                    entry.weighted,
                    _signal_to_noise(entry.distortion, entry.energy),
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
    out: str | os.PathLike[str] | None,
    config: QuantizationConfig,
    importance: TensorFile | None,
    progress: bool,
    dry_run: bool,
) -> QuantizationReport:
    config.check_patterns(model.entries)
    reasons = {
        name: config.reason_to_leave(name, DTYPES.get(entry.dtype, entry.dtype), math.prod(entry.shape))
        for name, entry in model.entries.items()
    }
    chosen = [name for name, reason in reasons.items() if reason is None]
    if not chosen:
        raise ValueError(_nothing_to_quantize(model, reasons, config))
    if importance is not None:
        _check_importance(model, chosen, importance)
    not_finite = [name for name in chosen if not _is_finite(model, name)]
    if len(not_finite) == len(chosen):
        raise ValueError(f"{model.path} has no tensor to quantise: {_listed(not_finite)} not finite")
    if not_finite:
        reasons |= dict.fromkeys(not_finite, "NaN or infinite weights")
        chosen = [name for name in chosen if reasons[name] is None]
        warnings.warn(f"{_listed(not_finite)} not finite, and left as they are", stacklevel=3)

    def load(name: str) -> tuple[np.ndarray, np.ndarray | None]:
        return model.read(name), None if importance is None else importance.read(name)

    passes = 1 if config.bits_per_weight is None else 2
    shares, outcomes, forms = None, {}, {}
    raw = {name: entry for name, entry in model.entries.items() if reasons[name] is not None}
    with (
        contextlib.nullcontext()
        if dry_run or out is None
        else RdzWriter(out, config.coder, model.metadata) as writer,
        _bar(len(chosen) * passes, progress) as bar,
    ):
        clusters = dict.fromkeys(chosen, config.clusters)
        if config.bits_per_weight is not None:
            shares = clusters_within_budget(chosen, load, config, raw, model.metadata, bar.update)
            clusters = shares.clusters
        for name in model.entries:
            if name not in clusters:
                entry = model.entries[name]
                outcomes[name] = Outcome(name, entry.dtype, entry.shape, reasons[name])
                if writer is not None:
                    writer.add_raw_bytes(name, entry, model.chunks(name))
                continue
            tensor, h = load(name)
            quantized: QuantizedTensor = named(name, quantize_tensor, tensor, config, clusters[name], h)
            del tensor, h  # the coder has need of memory now
            coded = None if writer is None else writer.add(name, quantized)
            forms[name] = StoredForm.of(quantized, config.coder, coded)
            outcomes[name] = Outcome.of(name, quantized, forms[name])
            bar.update()
    return QuantizationReport(
        tuple(outcomes[name] for name in model.entries),
        rdz_size(forms, raw, model.metadata) if writer is None else writer.num_bytes,
        None if shares is None else shares.max_bytes,
        () if shares is None else shares.at_most,
    )


def _bar(total: int, progress: bool) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, unit="tensor", disable=not progress)


def pieces(tensor: QuantizedTensor | np.ndarray) -> Iterator[np.ndarray]:
    """A tensor of a .rdz file in pieces, reconstructed."""
    yield from tensor.pieces() if isinstance(tensor, QuantizedTensor) else [tensor.reshape(-1)]


def _signal_to_noise(distortion: float | None, energy: float | None) -> float | None:
    if not distortion or not energy:
        return None
    return 10 * (math.log10(energy) - math.log10(distortion))


def _is_finite(model: TensorFile, name: str) -> bool:
    dtype = model.entries[name].dtype
    return all(bool(np.isfinite(from_bytes(chunk, dtype)).all()) for chunk in model.chunks(name))


def _check_importance(model: TensorFile, chosen: list[str], importance: TensorFile) -> None:
    """Importances of all tensors to be quantised, before the first is."""
    missing = [name for name in chosen if name not in importance.entries]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ValueError(
            f"{importance.path} has no tensor {missing[0]!r}{more}, which would be quantised; exclude them "
            f"(--exclude {missing[0]!r}) to leave them as they are, as is right for buffers such as the "
            "means and variances of BatchNorm"
        )
    for name in chosen:
        shape, found = model.entries[name].shape, importance.entries[name].shape
        if found != shape:
            raise ValueError(f"importance of {name!r} must have the shape {shape} of the tensor, got {found}")
        dtype, positive = importance.entries[name].dtype, False
        for chunk in importance.chunks(name):
            h = named(name, from_bytes, chunk, dtype)
            if h.dtype.kind == "c" or not np.isfinite(h).all() or (h < 0).any():
                raise ValueError(
                    f"importance of {name!r} must be finite and at least 0 (--exclude {name!r} leaves the "
                    "tensor as it is)"
                )
            positive = positive or bool((h > 0).any())
        if not positive:
            raise ValueError(
                f"importance of {name!r} must be positive for at least one weight, got all zero "
                f"(--exclude {name!r} leaves the tensor as it is)"
            )


def _nothing_to_quantize(
    model: TensorFile, reasons: Mapping[str, str | None], config: QuantizationConfig
) -> str:
    """Why no tensor is to be quantised, and what can be done."""
    if model.metadata.keys() >= {FORMAT_KEY, DIGEST_KEY}:
        return f"{model.path} is a .rdz file, quantised already: ratedist dequantize writes the model"
    message = (
        f"{model.path} has no tensor to quantise: floating-point, like include and not exclude, with at "
        f"least {config.min_size} weights (min_size) and no fewer blocks than clusters"
    )
    dtypes = {entry.dtype for entry in model.entries.values()}
    narrow = sorted(dtype for dtype in dtypes if dtype[:2] in ("F4", "F6", "F8"))
    if narrow:
        message += (
            f". Its tensors of {', '.join(narrow)} are quantised already, with scales that are often tensors "
            "of their own: multiply them out, save the model in BF16, and quantise that"
        )
    return message


def _listed(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"the weights of {shown} are"
