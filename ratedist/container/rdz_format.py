"""What a .rdz file is, for its writer and its readers.

A .rdz file is a safetensors file. Those of versions 2 to 5, which are written, have two tensors of bytes:

- ``data``: what is stored of each tensor, in the order of their names. Of a quantised one these are its coded
  labels, filled with zeros to a byte for every 1024 weights, so that the size of a file bounds what reading
  it can take; its codebook, of shape ``(K,)`` or ``(K, m)``, K at most 65,536; and how often each label
  occurs, K unsigned integers of as many bytes as the largest needs, the model of every coder. Of others it
  is their data. All numbers are little-endian.
- ``index``: metadata, and a row for each tensor with all that has to be known of it and the SHA-256 of its
  data (see ``rdz_index``).

A file is of version 5 if a tensor in it is along a trellis, or tells its limit. Else it is of version 4 if
labels or runs in it are packed, several a symbol (see ``ratedist.codes.packed``); else of version 3 if a
tensor in it is factored or pruned, and of version 2 if none is. So readers of before read what they know, and
refuse the others by their version.

- A factored tensor has the data of its factors, left before right, each as a quantised tensor of F32, then
  zeros where these are less than a byte for every 1024 weights. With l and r the decoded factors, the tensor
  is ``Σ_k l_ik r_kj``, added in the order of k in float64, where every product is exact; then rounded to the
  nearest float32 (ties to even, larger ones to the largest finite number) and, for F16 and BF16, from there
  to the nearest of these. F64 is not rounded.
- A pruned tensor has the coded runs between its marks (see ``ratedist.codes.runs``), filled to a byte for
  every 1024 weights; how often each of the symbols 0 … A occurs; and the data of a quantised tensor of shape
  ``(k,)``, the weights that are kept, in row-major order. All others are zero. Marks are those of the two
  that are fewer, the weights that are kept or the zeros.
- A tensor along a trellis has the coded labels of union 0 and those of union 1; zeros, where these are less
  than a byte for every 1024 weights; the levels of union 0, then those of union 1; their branches, a bit a
  level, highest first, filled with zeros to whole bytes; and how often each label occurs, in LEB128. With
  G = ⌈d/1024⌉ lanes weight j belongs to lane j mod G, and every lane begins in state 0. The last bit u of a
  state s says which union has the weight. The weight is the next level of its stream, rounded to the dtype
  (to nearest, ties to even), and its branch b makes the next state ``⌊s/2⌋ ⊕ u·f ⊕ b·g``, f and g by the
  number of states (see ``ratedist.quantizers.trellis.convolutional``).

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

# Of a file of quantised tensors, of one with factored or pruned ones, with packed labels, with trellises.
VERSION, FORMS_VERSION, PACKED_VERSION, TRELLIS_VERSION = 2, 3, 4, 5
FORMAT_KEY = "rdz"
DIGEST_KEY = "rdz_sha256"
DATA, INDEX = "data", "index"
# What a writer is asked for, and what is in a file: for Huffman code labels are packed where that is shorter.
PACKED = "packed"
CODERS = ("huffman", "ans")
STORED_CODERS = (*CODERS, PACKED)
COUNT_DTYPES = ("U8", "U16", "U32", "U64")
WEIGHTS_PER_BYTE = 1024


def least_label_bytes(num_weights: int) -> int:
    """Bytes that the labels of so many weights take at least."""
    return -(-num_weights // WEIGHTS_PER_BYTE)


def header_of(data_bytes: int, index: bytes, version: int = VERSION) -> bytes:
    """The header of the file of version 2 to 5 with so many bytes of data and this index."""
    return encode_header(
        entries_of(data_bytes, index),
        {
            FORMAT_KEY: json.dumps({"version": version}, separators=(",", ":")),
            DIGEST_KEY: hashlib.sha256(index).hexdigest(),
        },
    )


def entries_of(data_bytes: int, index: bytes) -> dict[str, Entry]:
    """The two tensors of the file of version 2 to 5."""
    return {DATA: Entry("U8", (data_bytes,)), INDEX: Entry("U8", (len(index),))}
