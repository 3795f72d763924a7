"""What a .rdz file is, for its writer and its readers.

A .rdz file is a safetensors file. That of version 2, which is written, has two tensors of bytes:

- ``data``: what is stored of each tensor, in the order of their names. Of a quantised one these are its coded
  labels, filled with zeros to a byte for every 1024 weights, so that the size of a file bounds what reading
  it can take; its codebook, of shape ``(K,)`` or ``(K, m)``, K at most 65,536; and how often each label
  occurs, K unsigned integers of as many bytes as the largest needs, the model of either coder. Of others it
  is their data. All numbers are little-endian.
- ``index``: metadata, and a row for each tensor with all that has to be known of it and the SHA-256 of its
  data (see ``rdz_index``).

The metadata of the header are ``rdz``, an object in JSON with the version, and ``rdz_sha256``, the SHA-256 of
the index. Version and index determine the header to the last byte, and the reader compares it: nothing is
searched for in it. As the index holds the digests of all data, its digest is one over the whole file.

Version 1, which is read, has three safetensors tensors for each quantised one (see ``rdz_version1``).
"""

from __future__ import annotations

import hashlib
import json

from ratedist.container.tensor_reader import Entry
from ratedist.container.tensor_writer import encode_header

VERSION = 2
FORMAT_KEY = "rdz"
DIGEST_KEY = "rdz_sha256"
DATA, INDEX = "data", "index"
CODERS = ("huffman", "ans")
WEIGHTS_PER_BYTE = 1024


def least_label_bytes(num_weights: int) -> int:
    """Bytes that the labels of so many weights take at least."""
    return -(-num_weights // WEIGHTS_PER_BYTE)


def header_of(data_bytes: int, index: bytes) -> bytes:
    """The header of the file of version 2 with so many bytes of data and this index."""
    return encode_header(
        entries_of(data_bytes, index),
        {
            FORMAT_KEY: json.dumps({"version": VERSION}, separators=(",", ":")),
            DIGEST_KEY: hashlib.sha256(index).hexdigest(),
        },
    )


def entries_of(data_bytes: int, index: bytes) -> dict[str, Entry]:
    """The two tensors of the file of version 2."""
    return {DATA: Entry("U8", (data_bytes,)), INDEX: Entry("U8", (len(index),))}
