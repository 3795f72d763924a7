"""Reading the header of a .rdz file of version 1, which is no longer written.

A quantised tensor NAME is three safetensors tensors: ``labels/NAME``, U8; ``codebook/NAME``, F32, F16 or
BF16; ``counts/NAME``, U8 … U64. One that is not quantised is ``raw/NAME``. The metadata have two strings:
``rdz`` is an object in JSON with ``version``, ``metadata`` (those of the file before) and ``tensors``: for
each NAME the SHA-256 of its data in the order above, and for quantised ones ``dtype``, ``shape``, ``coder``,
``coded_bytes`` and ``distortion``. ``rdz_sha256`` is the SHA-256 of the header with 64 zeros in its place.

The two strings stand first in the header, and what ``rdz`` says determines where the digest is. It is not
searched for: that finds another place where a name or the metadata have 64 zeros.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any

from ratedist.codes.bitstream import MAX_SYMBOLS
from ratedist.container.rdz_entry import RdzEntry, codebook_name
from ratedist.container.rdz_format import CODERS, COUNT_DTYPES, DIGEST_KEY, FORMAT_KEY, least_label_bytes
from ratedist.container.tensor_reader import TensorFile, checked_integers, checked_shape
from ratedist.container.tensor_writer import encode_header

VERSION1 = 1
NO_DIGEST = "0" * 64
LABELS, CODEBOOK, COUNTS, RAW = "labels/", "codebook/", "counts/", "raw/"
QUANTIZED_FIELDS = {"dtype", "shape", "coder", "coded_bytes", "distortion", "sha256"}


def read_version1(file: TensorFile, content: dict[str, Any]) -> tuple[dict[str, str], dict[str, RdzEntry]]:
    """Metadata and tensors of a file of version 1.

    Args:
        file: open for reading.
        content: of its metadata ``rdz``.

    Raises:
        ValueError: a header that has been changed, descriptions that do not agree with the data.
    """
    digest, described = file.metadata[DIGEST_KEY], file.metadata[FORMAT_KEY]
    before = encode_header({}, {FORMAT_KEY: described, DIGEST_KEY: ""}).rstrip(b' "}') + b'"'
    behind = file.header[len(before) + len(NO_DIGEST) :]
    if (
        file.header != before + digest.encode() + behind
        or hashlib.sha256(before + NO_DIGEST.encode() + behind).hexdigest() != digest
    ):
        raise ValueError("its header is damaged, the SHA-256 is another")
    if content.keys() != {"version", "metadata", "tensors"} or not isinstance(content["tensors"], dict):
        raise ValueError("its description does not consist of version, metadata and tensors")
    metadata = content["metadata"]
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("its metadata are not strings by name")
    entries = {name: _entry(file, name, fields) for name, fields in sorted(content["tensors"].items())}
    if sum(len(entry.places) for entry in entries.values()) != len(file.entries):
        raise ValueError("it has data that belong to no tensor")
    return metadata, entries


def _entry(file: TensorFile, name: str, fields: Any) -> RdzEntry:
    """Entry of one tensor, once what its description claims agrees with the data there are."""
    digest = _digest(name, fields)
    if fields.keys() == {"sha256"}:
        raw = file.entry(RAW + name)
        return RdzEntry(raw.dtype, raw.shape, digest, (raw.start,))
    if (
        fields.keys() != QUANTIZED_FIELDS
        or not all(isinstance(fields[key], str) for key in ("dtype", "coder"))
        or fields["coder"] not in CODERS
    ):
        raise ValueError(f"the description of {name!r:.60} is not that of a quantised tensor")
    shape = checked_shape(name, fields["shape"], fields["dtype"])
    (coded,) = checked_integers(name, [fields["coded_bytes"]], 1, 1)
    labels, codebook, counts = (file.entry(part + name) for part in (LABELS, CODEBOOK, COUNTS))
    K = codebook.shape[0] if codebook.shape else 0
    if not 1 <= K <= MAX_SYMBOLS or counts.shape != (K,) or counts.dtype not in COUNT_DTYPES:
        raise ValueError(f"codebook and counts of {name!r:.60} do not belong together")
    num_weights = math.prod(shape)
    if labels.dtype != "U8" or labels.shape != (max(coded, least_label_bytes(num_weights)),):
        raise ValueError(
            f"{name!r:.60} claims {num_weights} weights and {coded} bytes of code, "
            f"which its {labels.num_bytes} bytes of labels are not"
        )
    entry = RdzEntry(
        fields["dtype"],
        shape,
        digest,
        (labels.start, codebook.start, counts.start),
        fields["coder"],
        coded,
        codebook_name(codebook.dtype),
        codebook.shape,
        counts.dtype,
        _distortion(name, fields["distortion"]),
    )
    entry.check(name)
    return entry


def _digest(name: str, fields: Any) -> bytes:
    text = fields.get("sha256") if isinstance(fields, dict) else None
    if not isinstance(text, str) or len(text) != len(NO_DIGEST) or set(text) - set("0123456789abcdef"):
        raise ValueError(f"the description of {name!r:.60} has no SHA-256")
    return bytes.fromhex(text)


def _distortion(name: str, value: Any) -> float | None:
    if value is None:
        return None
    try:
        if type(value) in (int, float):
            return float(value)
    except OverflowError:  # an integer of four hundred digits
        pass
    raise ValueError(f"the distortion of {name!r:.60} is not a number that there is")
