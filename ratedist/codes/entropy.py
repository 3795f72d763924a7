"""Entropy of label counts, the rate of an ideal code that knows the frequencies."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def label_counts(counts: ArrayLike) -> np.ndarray:
    """Return ``counts`` as an int64 array of shape ``(K,)``, K >= 1, none negative and not all zero.

    Raises:
        ValueError: any other shape, fractions, negative counts, or no symbol at all.
    """
    array = np.asarray(counts)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"counts must have shape (K,) with K >= 1, got shape {array.shape}")
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"counts must be integers, got an array of {array.dtype}")
    if np.any(array < 0):
        raise ValueError(f"counts must be at least 0, got {array.min()}")
    array = array.astype(np.int64)
    if array.sum() == 0:
        raise ValueError("counts must hold at least one symbol, got all zero")
    return array


def empirical_entropy(counts: ArrayLike) -> float:
    r"""Entropy of the empirical label frequencies, ``H = −Σ_k p_k ln p_k`` with ``p_k = |C_k| / d``.

    ``d·H`` is the rate called ``assignment_entropy``, the abscissa of our Figure 2.

    Args:
        counts: |C_k|, how often each label occurs, integers of shape ``(K,)``.

    Returns:
        Nats per symbol, between 0 and ln K.

    Raises:
        ValueError: counts that are not integers, negative, or all zero.

    Source: Cover & Thomas 2006, eq. (2.1).

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> float(rd.codes.empirical_entropy([2, 1, 1]) / np.log(2))  # ½·1 + ¼·2 + ¼·2 bits
        1.5
    """
    occurring = label_counts(counts)
    occurring = occurring[occurring > 0]
    frequencies = occurring / occurring.sum()
    return float(-np.sum(frequencies * np.log(frequencies)) + 0.0)
