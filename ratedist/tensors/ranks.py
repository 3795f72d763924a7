"""Matrices of low rank: which tensors are matrices, and their quantised factors."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from ratedist.container import FactoredTensor
from ratedist.lowrank import Factors, project
from ratedist.tensors.config import QuantizationConfig
from ratedist.tensors.tensor import default_codebook, quantize_weights


def matrix_shape(shape: tuple[int, ...]) -> tuple[int, int] | None:
    """The tensor as a matrix without moving a weight, or ``None`` where it has fewer than two dimensions.

    Of more than two dimensions either the first are the rows, as the outputs of a convolution in PyTorch, or
    the last are the columns, as in Flax: what gives the larger shorter side.
    """
    if len(shape) < 2:
        return None
    size = math.prod(shape)
    if size == 0:
        return None
    splits = [(shape[0], size // shape[0]), (size // shape[-1], shape[-1])]
    return max(splits, key=min)


def largest_rank(shape: tuple[int, ...]) -> int:
    """The largest r with ``r(o + d) < od``: fewer numbers in the factors than in the matrix; 0 if none."""
    matrix = matrix_shape(shape)
    if matrix is None:
        return 0
    o, d = matrix
    return (o * d - 1) // (o + d)


def factors(tensor: np.ndarray, importance: np.ndarray | None, rank: int) -> Factors | None:
    r"""The nearest matrix of a rank, by the sums of rows and columns of the importances.

    Importances are one number a weight, which no two metrics are. So h is taken for the product of its sums,
    ``h_ij ≈ L_i R_j`` with ``L_i ∝ Σ_j h_ij`` and ``R_j ∝ Σ_i h_ij``. That is exact if rows of h are in
    proportion. With L alone it would be FWSVD.

    Args:
        tensor: with a ``largest_rank`` of at least ``rank``.
        importance: h of shape ``(d,)``, or ``None`` for the plain singular value decomposition.
        rank: r.

    Returns:
        ``Factors``. Their rank is smaller where the matrix has a smaller one, and ``None`` where what the
        importances see of it is zero.
    """
    shape = matrix_shape(tensor.shape)
    assert shape is not None
    matrix = tensor.reshape(shape).astype(np.float64)
    found = project(matrix, rank, *_metrics(importance, shape))
    sizes = found.singular_values
    useful = int(np.sum(sizes > max(shape) * np.finfo(np.float64).eps * sizes[0]))
    return truncated(found, useful) if useful else None


def truncated(found: Factors, rank: int) -> Factors:
    """The same with fewer columns: the nearest matrix of that rank, as singular values come in order."""
    return dataclasses.replace(found, left=found.left[:, :rank], right=found.right[:rank])


def quantize_factors(
    found: Factors,
    tensor: np.ndarray,
    importance: np.ndarray | None,
    config: QuantizationConfig,
    num_clusters: int,
) -> FactoredTensor:
    """Both factors quantised by K-means, with the importances that the metrics give them.

    An error e in entry (i, k) of the left factor costs ``L_i (Σ_j R_j r_kj²) e²``, one in entry (k, j) of the
    right factor ``R_j (Σ_i L_i l_ik²) e²``, to second order. Either factor has K clusters, or one for each
    block where it has fewer blocks.

    Args:
        found: the factors.
        tensor: what they are of.
        importance: h of shape ``(d,)``, or ``None``.
        config: how they are quantised.
        num_clusters: K.

    Returns:
        ``FactoredTensor``, its errors not measured.
    """
    left, right = (
        np.ones(size) if metric is None else metric
        for metric, size in zip(
            _metrics(importance, (len(found.left), found.right.shape[1])),
            (len(found.left), found.right.shape[1]),
            strict=True,
        )
    )
    config = dataclasses.replace(
        config, codebook_dtype=config.codebook_dtype or default_codebook(tensor.dtype)
    )
    quantized = []
    for factor, h in (
        (found.left, np.outer(left, found.right**2 @ right)),
        (found.right, np.outer(left @ found.left**2, right)),
    ):
        K = min(num_clusters, -(-factor.size // config.block_length))
        codes = quantize_weights(factor.reshape(-1), (h / h.max()).reshape(-1), config, K, factor.shape)
        quantized.append(dataclasses.replace(codes, dtype=np.dtype(np.float32)))
    return FactoredTensor(quantized[0], quantized[1], tensor.shape, tensor.dtype)


def _metrics(
    importance: np.ndarray | None, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray] | tuple[None, None]:
    """L of shape ``(o,)`` and R of shape ``(d,)``, the largest entry of each 1."""
    if importance is None:
        return None, None
    # Of ordinary size, for their sums.
    h = importance.reshape(shape).astype(np.float64) / float(importance.max())
    left, right = h.sum(axis=1), h.sum(axis=0)
    return left / left.max(), right / right.max()
