"""What a .rdz file is, for its writer and its reader.

A .rdz file is a safetensors file. A quantised tensor NAME is three tensors in it:

- ``labels/NAME``, U8: the coded labels, filled with zeros to a byte for every 1024 weights, so that the
  size of a file bounds what reading it can take;
- ``codebook/NAME``, F32, F16 or BF16, of shape ``(K,)`` or ``(K, m)``, K at most 65,536;
- ``counts/NAME``, U8 … U64 as the largest needs, of shape ``(K,)``: how often each label occurs, which is
  the model of either coder.

A tensor that is not quantised is ``raw/NAME``. The metadata have two strings: ``rdz`` is an object in JSON
with ``version``, ``metadata`` (those of the file before) and ``tensors``: for each NAME the SHA-256 of its
data in the order above, and for quantised ones ``dtype``, ``shape``, ``coder``, ``coded_bytes`` and
``distortion``. ``rdz_sha256`` is the SHA-256 of the header with 64 zeros in its place; as the header holds
the digests of all data, it is one over the whole file.
"""

from __future__ import annotations

import hashlib

VERSION = 1
FORMAT_KEY = "rdz"
DIGEST_KEY = "rdz_sha256"
NO_DIGEST = "0" * 64
LABELS, CODEBOOK, COUNTS, RAW = "labels/", "codebook/", "counts/", "raw/"
CODERS = ("huffman", "ans")
WEIGHTS_PER_BYTE = 1024


def least_label_bytes(num_weights: int) -> int:
    """Bytes that the labels of so many weights take at least."""
    return -(-num_weights // WEIGHTS_PER_BYTE)


def header_digest(header: bytes) -> str:
    """SHA-256 of a header that has ``NO_DIGEST`` where its digest will be."""
    return hashlib.sha256(header).hexdigest()
