"""One tensor in the form that the options ask for: quantised, factored, pruned, or along a trellis."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.container import FactoredTensor, PrunedTensor, QuantizedTensor, TrellisTensor
from ratedist.quantizers import pruning_mask
from ratedist.quantizers.quantized import checked_weights
from ratedist.tensors.config import QuantizationConfig
from ratedist.tensors.ranks import factors, largest_rank, matrix_shape, quantize_factors
from ratedist.tensors.tensor import checked_tensor, measured, quantize_tensor, quantize_weights
from ratedist.tensors.trellis import at_price, within_error
from ratedist.tensors.trellis_search import within_bits


def compress_tensor(
    tensor: np.ndarray,
    config: QuantizationConfig,
    *,
    num_clusters: int | None = None,
    importance: ArrayLike | None = None,
    rank: int | None = None,
    log_multiplier: float | None = None,
) -> QuantizedTensor | FactoredTensor | PrunedTensor | TrellisTensor:
    """Compress one tensor: quantised weights, two quantised factors, zeros and weights, or along a trellis.

    Args:
        tensor: float16, bfloat16, float32 or float64, of any shape that is not empty.
        config: the options. Those that choose among tensors do not matter here. Nor do ``coder`` and budgets,
            but for a trellis. It keeps the data of the tensor in the file to ``bits_per_weight``.
        num_clusters: K, in place of the one in ``config``.
        importance: h, of the shape of ``tensor``, non-negative, not all zero.
        rank: r, in place of the one in ``config``; 0 for a tensor that is not to be factored.
        log_multiplier: for a trellis, ln λ in place of the target in ``config``. λ is the part of
            ``Σ h (w − ŵ)²`` that a nat has to save; ∞ makes a constant.

    Returns:
        The tensor with its errors. One that is constant, or that would not have fewer numbers as two factors,
        is quantised. So is one of which nothing but zeros would be left. Along a trellis all are.

    Raises:
        ValueError: as ``quantize_tensor``; a rank above the sides of the matrix; a target for a trellis that
            cannot be met.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> table = np.outer(np.arange(1, 65), np.linspace(-1, 1, 32)).astype(np.float32)
        >>> found = rd.tensors.compress_tensor(table, rd.QuantizationConfig(num_clusters=8, rank=1))
        >>> found.num_parameters, round(found.signal_to_noise)  # the table has rank one
        (96, 17)
        >>> pruned = rd.tensors.compress_tensor(table, rd.QuantizationConfig(num_clusters=8, prune=0.75))
        >>> int(np.sum(pruned.reconstruction() == 0))
        1536
        >>> within = rd.QuantizationConfig(trellis=8, bits_per_weight=3)
        >>> along = rd.tensors.compress_tensor(table, within)
        >>> 8 * along.stored("huffman").entry.num_bytes / table.size <= 3
        True
    """
    array, h = checked_tensor(tensor, config, importance)
    if config.trellis is not None:
        return _along_trellis(array, h, config, log_multiplier)
    wanted = config.rank if rank is None else rank
    K = config.clusters if num_clusters is None else num_clusters
    if config.prune is not None:
        return _pruned(array, h, config, K)
    if wanted:
        _checks.integer("rank", wanted, 1)
        shape = matrix_shape(array.shape)
        if shape is not None and wanted > min(shape):
            raise ValueError(f"rank must be at most the shorter side of the matrix {shape}, got {wanted}")
        flat, _ = checked_weights(array.reshape(-1), h)
        if wanted <= largest_rank(array.shape) and flat.min() != flat.max():
            found = factors(array, h, wanted)
            if found is not None:
                codes = quantize_factors(found, array, h, config, K)
                return measured(codes, array.reshape(-1), h, codes.reconstruction())
    return quantize_tensor(array, config, num_clusters=num_clusters, importance=importance)


def _along_trellis(
    array: np.ndarray, h: np.ndarray | None, config: QuantizationConfig, log_multiplier: float | None
) -> TrellisTensor:
    if log_multiplier is not None:
        return measured(at_price(array, h, config, log_multiplier).tensor, array.reshape(-1), h)
    config.check()
    if config.bits_per_weight is None:
        return measured(within_error(array, h, config), array.reshape(-1), h)
    return within_bits(array, h, config)


def _pruned(
    array: np.ndarray, h: np.ndarray | None, config: QuantizationConfig, num_clusters: int
) -> QuantizedTensor | PrunedTensor:
    flat = array.reshape(-1)
    num_kept = max(flat.size - round((config.prune or 0.0) * flat.size), 1)
    # Zeros before are zeros after, for nothing.
    kept = pruning_mask(flat, num_kept, h) & (flat != 0)
    if not kept.any() or kept.all():
        kept = np.ones_like(kept)
    weights, importance = flat[kept], None if h is None or not h[kept].any() else h[kept]
    blocks = -(-weights.size // config.block_length)
    values = quantize_weights(weights, importance, config, min(num_clusters, blocks), weights.shape)
    if weights.size == flat.size:
        return measured(dataclasses.replace(values, shape=array.shape), flat, h)
    return measured(PrunedTensor.of(kept, values, array.shape), flat, h)
