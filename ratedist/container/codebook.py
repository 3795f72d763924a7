"""Codebooks as they are stored: centres rounded to few bits, and none that no weight needs."""

from __future__ import annotations

import ml_dtypes
import numpy as np

from ratedist.container.dtypes import CODEBOOK_DTYPES

# Part of the mean distance between K centres by which underflow may move one of them.
TOLERANCE = 1 / 8


def rounded_codebook(centers: np.ndarray, codebook_dtype: str, dtype: np.dtype) -> np.ndarray:
    """Centres rounded to ``codebook_dtype``, to nearest, ties to even.

    Args:
        centers: float64 of shape ``(K,)`` or ``(K, m)``.
        codebook_dtype: "float32", "float16" or "bfloat16".
        dtype: of the weights.

    Returns:
        the codebook, infinite where a centre is too large for it.

    Raises:
        ValueError: centres so small that the steps of ``codebook_dtype`` around zero would move one by more
            than ``max|c|/(8K)``, unless the weights themselves know no finer steps.
    """
    target = CODEBOOK_DTYPES[codebook_dtype]
    with np.errstate(over="ignore", under="ignore"):
        codebook = centers.astype(target)
    limits = ml_dtypes.finfo(target)
    step, largest = float(limits.smallest_subnormal), float(np.max(np.abs(centers)))
    if step <= float(ml_dtypes.finfo(dtype).smallest_subnormal):
        return codebook
    small = np.abs(centers) < float(limits.smallest_normal)
    lost = np.max(np.abs(centers - codebook.astype(np.float64)), initial=0.0, where=small)
    if lost > TOLERANCE * largest / len(centers):
        raise ValueError(
            f"centres of at most {largest:.2g} are too small for a codebook of {codebook_dtype}, with steps "
            f"of {step:.2g} around zero: rescale or leave out the tensor, or choose another codebook_dtype"
        )
    return codebook


def without_spares(labels: np.ndarray, codebook: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels and codebook of the same reconstruction without equal rows and rows of no label.

    Args:
        labels: unsigned integers of shape ``(n,)``.
        codebook: of shape ``(K,)`` or ``(K, m)``.

    Returns:
        both as they were where nothing is to spare; otherwise labels in the smallest type that holds them,
        and the rows that are left in the order of their values.
    """
    used = np.zeros(len(codebook), dtype=bool)
    used[labels] = True
    values, row = np.unique(codebook[used].astype(np.float64), axis=0, return_inverse=True)
    if len(values) == len(codebook):
        return labels, codebook
    table = np.zeros(len(codebook), np.min_scalar_type(len(values) - 1))
    table[used] = row.reshape(-1)
    return table.take(labels), values.astype(codebook.dtype)
