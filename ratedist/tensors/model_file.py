"""Whole models on disk, a tensor at a time: safetensors to .rdz and back."""

from __future__ import annotations

import contextlib
import math
import os
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from ratedist.container import (
    Entry,
    RdzEntry,
    RdzFile,
    RdzWriter,
    TensorFile,
    encode_header,
    rdz_size,
    write_tensor_file,
)
from ratedist.container.compressed_tensor import MeasuredTensor
from ratedist.container.dtypes import DTYPES, to_bytes
from ratedist.container.rdz_entry import RAW
from ratedist.container.rdz_reader import pieces
from ratedist.container.tensor_writer import CHECKSUM, in_file_order
from ratedist.files import require_target
from ratedist.tensors.budget import clusters_within_budget
from ratedist.tensors.bulk_warning import warn_of_lost_bulks, what_helps
from ratedist.tensors.compression import compress_tensor
from ratedist.tensors.config import QuantizationConfig
from ratedist.tensors.file_names import require_model_name, require_rdz_name
from ratedist.tensors.limit import with_limit
from ratedist.tensors.model_checks import check_importance, listed, not_finite, nothing_to_quantize
from ratedist.tensors.rank_budget import given_ranks, ranks_of
from ratedist.tensors.ranks import largest_rank
from ratedist.tensors.report import Outcome, QuantizationReport
from ratedist.tensors.tensor import check_start, named
from ratedist.tensors.trellis_budget import prices_within_budget

# What a file may become without being asked for: so many bytes, or so many times its size.
LEAST_LIMIT = 64_000_000
EXPANSION = 100


def quantize_file(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str] | None,
    config: QuantizationConfig | int | None = None,
    *,
    importance: str | os.PathLike[str] | None = None,
    progress: bool = False,
    dry_run: bool = False,
) -> QuantizationReport:
    """Quantise a model in a safetensors file to a .rdz file; memory is needed for one tensor at a time.

    Args:
        source: the model.
        out: the .rdz file.
        config: the options, ``rd.QuantizationConfig(...)``; an integer is short for one with that number of
            clusters, ``None`` for one of 16.
        importance: safetensors file with h for each tensor that is quantised, by its name and shape.
        progress: show a bar.
        dry_run: compute everything and write nothing; ``out`` may be ``None``.

    Returns:
        What became of each tensor, and the size of the file.

    Raises:
        ValueError: files that cannot be read or written, a name of another format, a result in the place of
            an input, nothing to quantise, importances missing, of another shape, negative, not finite or all
            zero, and whatever ``quantize_tensor`` complains of, with the name of the tensor.

    Warns:
        UserWarning: tensors with NaN or infinite weights, which stay as they are; and as ``quantize_tree``.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> import pathlib, tempfile
        >>> weights = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
        >>> with tempfile.TemporaryDirectory() as name:
        ...     folder = pathlib.Path(name)
        ...     size = rd.networks.save_parameters(folder / "model.safetensors", {"layer": weights})
        ...     report = rd.tensors.quantize_file(folder / "model.safetensors", folder / "model.rdz", 4)
        >>> report.outcomes[0].num_clusters, report.num_bytes < size / 10
        (4, True)
    """
    config = QuantizationConfig.of(config)
    if out is None and not dry_run:
        raise ValueError("out must name a file, unless dry_run is set")
    if out is not None:
        require_rdz_name(out)
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
    *,
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
            more. A file that becomes larger is rarely a model, and may have been made to fill a disk.

    Raises:
        ValueError: as ``RdzFile``; a place that cannot be written to; the name of a .rdz file; more bytes
            than ``max_bytes``.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> import pathlib, tempfile
        >>> weights = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
        >>> with tempfile.TemporaryDirectory() as name:
        ...     folder = pathlib.Path(name)
        ...     size = rd.networks.save_parameters(folder / "model.safetensors", {"layer": weights})
        ...     report = rd.tensors.quantize_file(folder / "model.safetensors", folder / "model.rdz", 4)
        ...     rd.tensors.dequantize_file(folder / "model.rdz", folder / "back.safetensors")
        ...     back = rd.networks.load_parameters(folder / "back.safetensors", like={"layer": weights})
        >>> len(np.unique(back["layer"]))
        4
    """
    require_model_name(out)
    require_target(out, [source])
    with RdzFile(source) as file:
        most = max(LEAST_LIMIT, EXPANSION * file.size) if max_bytes is None else max_bytes
        if file.decoded_bytes > most:
            raise ValueError(
                f"{os.fspath(source)}, of {file.size:,} bytes, would become {file.decoded_bytes:,} bytes; "
                f"allow more than {most:,.0f} if that is what you want (max_bytes, --max-megabytes)"
            )
        entries = {name: Entry(entry.dtype, entry.shape) for name, entry in file.entries.items()}
        compressed = file.read_many(n for n in in_file_order(entries) if file.entries[n].kind != RAW)
        with _bar(len(entries), progress) as bar:

            def data(name: str) -> Iterator[Any]:
                if file.entries[name].kind == RAW:
                    yield from file.raw_chunks(name)
                else:
                    _, tensor = next(compressed)
                    yield from map(to_bytes, pieces(tensor))
                bar.update()

            metadata = {key: text for key, text in file.metadata.items() if key != CHECKSUM}
            write_tensor_file(out, entries, encode_header(entries, metadata), data)


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
        raise ValueError(nothing_to_quantize(model, config.min_size))
    for name in chosen:
        entry = model.entries[name]
        named(name, check_start, config, DTYPES[entry.dtype], math.prod(entry.shape))
    if config.by_rank:
        given_ranks({name: model.entries[name].shape for name in chosen}, config.rank or 1)
    if importance is not None:
        check_importance(model, chosen, importance)
    left = not_finite(model, chosen)
    if len(left) == len(chosen):
        raise ValueError(f"{model.path} has no tensor to quantise: {listed(left)} not finite")
    if left:
        reasons |= dict.fromkeys(left, "NaN or infinite weights")
        chosen = [name for name in chosen if reasons[name] is None]
        warnings.warn(f"{listed(left)} not finite, and left as they are", stacklevel=3)

    def load(name: str) -> tuple[np.ndarray, np.ndarray | None]:
        return model.read(name), None if importance is None else importance.read(name)

    shapes = {name: model.entries[name].shape for name in chosen}
    searched = chosen if config.bits_per_weight is not None else []
    if config.rank_budget is not None:
        searched = [name for name, shape in shapes.items() if largest_rank(shape)]
    outcomes, max_bytes, at_most = {}, None, ()
    coded: dict[str, RdzEntry] = {}
    raw = {name: entry for name, entry in model.entries.items() if reasons[name] is not None}
    with (
        contextlib.nullcontext()
        if dry_run or out is None
        else RdzWriter(out, config.coder, model.metadata) as writer,
        _bar(len(chosen) + len(searched), progress) as bar,
    ):
        clusters, prices = dict.fromkeys(chosen, config.clusters), {}
        if config.bits_per_weight is not None:
            budgeted = chosen, load, config, raw, model.metadata, bar.update
            if config.trellis is None:
                shares = clusters_within_budget(*budgeted)
                clusters, max_bytes, at_most = shares.clusters, shares.max_bytes, shares.at_most
            else:
                found = prices_within_budget(*budgeted)
                prices, max_bytes = found.log_multipliers, found.max_bytes
        ranks, rank_budget = ranks_of(shapes, load, config, bar.update)
        for name in model.entries:
            if name not in clusters:
                entry = model.entries[name]
                outcomes[name] = Outcome(name, entry.dtype, entry.shape, reasons[name])
                if writer is not None:
                    writer.add_raw_bytes(name, entry, model.chunks(name))
                continue
            tensor, h = load(name)
            quantized: MeasuredTensor = named(
                name,
                compress_tensor,
                tensor,
                config,
                num_clusters=clusters[name],
                importance=h,
                rank=ranks[name],
                log_multiplier=prices.get(name),
            )
            quantized = with_limit(quantized, tensor, h)
            del tensor, h  # the coder has need of memory now
            if writer is None:
                coded[name] = quantized.stored(config.coder).entry
            else:
                coded[name] = writer.add(name, quantized)
            outcomes[name] = Outcome.of(name, quantized, coded[name])
            bar.update()
    if config.num_clusters != 1:  # else constants were asked for
        warn_of_lost_bulks(outcomes, what_helps(config, as_options=True), "--exclude {}")
    return QuantizationReport(
        tuple(outcomes[name] for name in model.entries),
        rdz_size(raw | coded, model.metadata) if writer is None else writer.num_bytes,
        max_bytes,
        at_most,
        rank_budget,
    )


def _bar(total: int, progress: bool) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, unit="tensor", disable=not progress)
