"""Asymmetric numeral systems: labels at their entropy, through the package ``constriction``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ratedist.codes.bitstream import checked_labels, checked_symbols

# constriction's models are integers that add up to this.
PRECISION_BITS = 24
# Labels handed over at once, as the 32-bit integers that constriction takes.
CHUNK = 1 << 22
WORD = np.dtype("<u4")


def model_frequencies(counts: ArrayLike) -> np.ndarray:
    """Integers ≥ 1 that add up to 2^24, near the counts' shares of it: the exact model of the coder.

    Every symbol gets 1, the rest is shared out in proportion to the counts by largest remainders (the
    first symbols where remainders are equal): integer arithmetic, hence the same on every platform.

    Args:
        counts: |C_k| > 0, integers of shape ``(K,)``.

    Returns:
        int64 of shape ``(K,)``.
    """
    weights = [int(count) for count in np.asarray(counts)]
    total, free = sum(weights), (1 << PRECISION_BITS) - len(weights)
    shares = np.array([weight * free // total for weight in weights], dtype=np.int64)
    remainders = [weight * free % total for weight in weights]
    missing = free - int(shares.sum())
    largest = sorted(range(len(weights)), key=lambda k: (-remainders[k], k))[:missing]
    shares[largest] += 1
    return shares + 1


def ans_encode(labels: ArrayLike, counts: ArrayLike) -> bytes:
    """Labels coded to within a few words of their entropy; the decoder needs ``counts`` and nothing else.

    Args:
        labels: integers of shape ``(N,)``, 0 … K − 1.
        counts: |C_k|, how often each label occurs, integers of shape ``(K,)``.

    Returns:
        The stream of ``constriction``'s ANS coder, little-endian 32-bit words; empty if one label occurs.

    Raises:
        ValueError: counts that are not those of the labels, K above 2^16, ``constriction`` not installed.

    Source: Duda 2009, arXiv:0902.0271; Bamler 2022, arXiv:2201.01741.
    """
    frequencies = checked_symbols(counts)
    symbols = checked_labels(labels, frequencies)
    occurring = np.flatnonzero(frequencies)
    if occurring.size == 1:
        return b""
    new_coder, model = _coder_and_model(require_constriction(), frequencies[occurring])
    rank = np.zeros(frequencies.size, dtype=np.int32)
    rank[occurring] = np.arange(occurring.size)
    coder = new_coder()
    for start in reversed(range(0, symbols.size, CHUNK)):
        coder.encode_reverse(rank[symbols[start : start + CHUNK]], model)
    return coder.get_compressed().astype(WORD).tobytes()


def ans_decode(payload: bytes | memoryview, counts: ArrayLike) -> np.ndarray:
    """Inverse of ``ans_encode``.

    Args:
        payload: what ``ans_encode`` returned.
        counts: |C_k|, integers of shape ``(K,)``; they give the model and the number of labels.

    Returns:
        Labels of shape ``(N,)`` in the smallest unsigned type that holds K − 1.

    Raises:
        ValueError: a payload that the labels do not use up exactly, decoded labels with other counts,
            ``constriction`` not installed. The counts are believed: an ANS payload may be much shorter than
            the entropy says (labels 0 at the end cost nothing), so its size gives no bound on their sum.
    """
    frequencies = checked_symbols(counts)
    num_labels = int(frequencies.sum())
    dtype = np.min_scalar_type(frequencies.size - 1)
    occurring = np.flatnonzero(frequencies)
    if occurring.size == 1:
        if payload:
            raise ValueError(f"a constant label sequence has an empty payload, got {len(payload)} bytes")
        return np.full(num_labels, occurring[0], dtype)
    if len(payload) % WORD.itemsize:
        raise ValueError(f"an ANS payload consists of 4-byte words, got {len(payload)} bytes")
    new_coder, model = _coder_and_model(require_constriction(), frequencies[occurring])
    # An empty stack has no words, which is not the same as a stack of no words.
    coder = new_coder(np.frombuffer(payload, WORD).astype(np.uint32)) if payload else new_coder()
    labels = np.empty(num_labels, dtype)
    symbols = occurring.astype(dtype)
    found = np.zeros(occurring.size, dtype=np.int64)
    for start in range(0, num_labels, CHUNK):
        ranks = coder.decode(model, min(CHUNK, num_labels - start))
        found += np.bincount(ranks, minlength=found.size)
        labels[start : start + ranks.size] = symbols[ranks]
    if not coder.is_empty() or not np.array_equal(found, frequencies[occurring]):
        raise ValueError("the ANS payload does not decode to labels with these counts")
    return labels


def require_constriction() -> Any:
    """The module ``constriction``, or ``ValueError`` naming the extra that installs it."""
    try:
        import constriction
    except ImportError:
        raise ValueError(
            'the coder "ans" needs the package constriction: pip install "ratedist[coding]"; '
            'the coder "huffman" needs nothing'
        ) from None
    return constriction


def _coder_and_model(constriction: Any, counts: np.ndarray) -> tuple[Any, Any]:
    """Class of the coder, and its model of symbols that occur ``counts`` times."""
    # constriction gives every symbol weight 1 and multiplies the rest by (2^24 − K) over its sum. For these
    # integers that factor is exactly 1, so no floating-point operation rounds.
    free = (model_frequencies(counts) - 1).astype(np.float64)
    return constriction.stream.stack.AnsCoder, constriction.stream.model.Categorical(free, perfect=False)
