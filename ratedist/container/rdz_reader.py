"""Reading a .rdz file, a tensor at a time, and believing nothing it says."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from ratedist.codes.ans import ans_decode
from ratedist.codes.bitstream import MAX_SYMBOLS, huffman_decode
from ratedist.container.dtypes import CODEBOOK_DTYPES, DTYPES, NAMES, WEIGHT_DTYPES, from_bytes
from ratedist.container.quantized_tensor import QuantizedTensor
from ratedist.container.rdz_format import (
    CODEBOOK,
    CODERS,
    COUNTS,
    DIGEST_KEY,
    FORMAT_KEY,
    LABELS,
    NO_DIGEST,
    RAW,
    VERSION,
    header_digest,
    least_label_bytes,
)
from ratedist.container.tensor_reader import TensorFile, checked_integers, checked_shape, parse_json

QUANTIZED_FIELDS = {"dtype", "shape", "coder", "coded_bytes", "distortion", "sha256"}


@dataclasses.dataclass(frozen=True)
class RdzEntry:
    """What the header of a .rdz file says of one tensor.

    Attributes:
        dtype: safetensors name.
        shape: of the tensor.
        num_bytes: that its data take in the file.
        sha256: of these data.
        coder: "huffman" or "ans"; ``None`` for a tensor that is not quantised, as all that follows.
        coded_bytes: of the labels, without filling.
        num_clusters: K.
        block_length: m.
        codebook_dtype: "float32", "float16" or "bfloat16".
        distortion: ``Σ_j h_j (w_j − ŵ_j)² / d`` as the writer knew it, or ``None``.
    """

    dtype: str
    shape: tuple[int, ...]
    num_bytes: int
    sha256: str
    coder: str | None = None
    coded_bytes: int = 0
    num_clusters: int = 0
    block_length: int = 0
    codebook_dtype: str = ""
    distortion: float | None = None

    @property
    def num_weights(self) -> int:
        """d."""
        return math.prod(self.shape)


class RdzFile:
    """A .rdz file open for reading; nothing but its header is in memory.

    Args:
        path: the file. Use it in a ``with`` statement, or close it.

    Attributes:
        entries: name → ``RdzEntry``, in alphabetical order.
        metadata: strings by name, as given to the writer.
        size: of the file, in bytes.
        header_bytes: what is not data: header and its length.

    Raises:
        ValueError: a file that cannot be read, is not whole, has been changed, is of another version, or
            claims more weights than its size justifies. Changes in the data of a tensor are found when that
            tensor is read, or by ``verify``.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = TensorFile(path)
        try:
            self.size = self._file.size
            self.header_bytes = self.size - sum(entry.num_bytes for entry in self._file.entries.values())
            self.metadata, self.entries = self._parse()
        except ValueError as error:
            self.close()
            raise ValueError(f"{self._file.path} is not a valid .rdz file: {error}") from None

    def __enter__(self) -> RdzFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read(self, name: str) -> QuantizedTensor | np.ndarray:
        """The tensor ``name``: a ``QuantizedTensor``, or an array if it is stored as it was.

        Raises:
            ValueError: no such tensor, data that do not have their SHA-256 or do not decode to labels with
                the stored counts, ``constriction`` not installed where it is needed.
        """
        entry = self._entry(name)
        if entry.coder is None:
            data = self._checked(name, [RAW + name])[0]
            return from_bytes(data, entry.dtype).reshape(entry.shape)
        payload, codebook, counts = self._parts(name)
        try:
            _check_counts(counts, entry)
            decode = huffman_decode if entry.coder == "huffman" else ans_decode
            labels = decode(memoryview(payload)[: entry.coded_bytes], counts.astype(np.int64))
            distortion = math.nan if entry.distortion is None else entry.distortion
            return QuantizedTensor(labels, codebook, entry.shape, DTYPES[entry.dtype], distortion)
        except ValueError as error:
            raise ValueError(f"{self._file.path}, tensor {name!r}: {error}") from None

    def pieces(self, name: str) -> Iterator[np.ndarray]:
        """The tensor ``name`` reconstructed, in pieces of its row-major order; as ``read``."""
        tensor = self.read(name)
        if isinstance(tensor, QuantizedTensor):
            yield from tensor.pieces()
        else:
            yield tensor.reshape(-1)

    def codebook_and_counts(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Codebook and counts of a quantised tensor, without decoding its labels; raises as ``read``."""
        _, codebook, counts = self._parts(name)
        _check_counts(counts, self._entry(name))
        return codebook, counts.astype(np.int64)

    def verify(self) -> None:
        """Compare all data with their SHA-256; ``ValueError`` where they differ."""
        for name, entry in self.entries.items():
            digest = hashlib.sha256()
            for part in _parts_of(name, entry):
                for piece in self._file.chunks(part):
                    digest.update(piece)
            self._compare(name, digest.hexdigest())

    def _entry(self, name: str) -> RdzEntry:
        if name not in self.entries:
            raise ValueError(f"{self._file.path} has no tensor {name!r}")
        return self.entries[name]

    def _parts(self, name: str) -> tuple[bytearray, np.ndarray, np.ndarray]:
        parts = _parts_of(name, self._entry(name))
        payload, *tables = self._checked(name, parts)
        codebook, counts = (
            from_bytes(data, self._file.entry(part).dtype).reshape(self._file.entry(part).shape)
            for part, data in zip(parts[1:], tables, strict=True)
        )
        return payload, codebook, counts

    def _checked(self, name: str, parts: list[str]) -> list[bytearray]:
        digest, data = hashlib.sha256(), []
        for part in parts:
            data.append(self._file.read_bytes(part))
            digest.update(data[-1])
        self._compare(name, digest.hexdigest())
        return data

    def _compare(self, name: str, found: str) -> None:
        if found != self.entries[name].sha256:
            raise ValueError(f"{self._file.path}: the data of {name!r} are damaged, their SHA-256 is another")

    def _parse(self) -> tuple[dict[str, str], dict[str, RdzEntry]]:
        stored, header = self._file.metadata, self._file.header
        if stored.keys() != {FORMAT_KEY, DIGEST_KEY}:
            raise ValueError("it has not the metadata of one")
        content = parse_json(stored[FORMAT_KEY])
        if content.get("version") != VERSION:
            raise ValueError(f"its version is {content.get('version')!r:.40}, this reader knows {VERSION}")
        digest = stored[DIGEST_KEY].encode()
        if len(digest) != len(NO_DIGEST) or header.count(digest) != 1:
            raise ValueError("it has no SHA-256 of its header")
        if header_digest(header.replace(digest, NO_DIGEST.encode())) != digest.decode():
            raise ValueError("its header is damaged, the SHA-256 is another")
        if content.keys() != {"version", "metadata", "tensors"} or not isinstance(content["tensors"], dict):
            raise ValueError("its description does not consist of version, metadata and tensors")
        metadata = content["metadata"]
        if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError("its metadata are not strings by name")
        entries = {name: self._described(name, fields) for name, fields in sorted(content["tensors"].items())}
        used = {part for name, entry in entries.items() for part in _parts_of(name, entry)}
        if used != self._file.entries.keys():
            raise ValueError("it has data that belong to no tensor")
        return metadata, entries

    def _described(self, name: str, fields: Any) -> RdzEntry:
        """Entry of one tensor, once what its description claims agrees with the data there are."""
        if not isinstance(fields, dict) or not isinstance(fields.get("sha256"), str):
            raise ValueError(f"the description of {name!r:.60} has no SHA-256")
        if fields.keys() == {"sha256"}:
            raw = self._file.entry(RAW + name)
            return RdzEntry(raw.dtype, raw.shape, raw.num_bytes, fields["sha256"])
        dtype, coder, distortion = fields.get("dtype"), fields.get("coder"), fields.get("distortion")
        if fields.keys() != QUANTIZED_FIELDS or dtype not in WEIGHT_DTYPES or coder not in CODERS:
            raise ValueError(f"the description of {name!r:.60} is not that of a quantised tensor")
        if distortion is not None and type(distortion) not in (int, float):
            raise ValueError(f"the distortion of {name!r:.60} is not a number")
        shape = checked_shape(name, fields["shape"], dtype)
        (coded,) = checked_integers(name, [fields["coded_bytes"]], 1, 1)
        labels, codebook, counts = (self._file.entry(part + name) for part in (LABELS, CODEBOOK, COUNTS))
        num_weights, K = math.prod(shape), codebook.shape[0] if codebook.shape else 0
        if DTYPES[codebook.dtype] not in CODEBOOK_DTYPES.values() or len(codebook.shape) > 2:
            raise ValueError(f"the codebook of {name!r:.60} is not one")
        m = codebook.shape[1] if len(codebook.shape) == 2 else 1
        if not 1 <= K <= MAX_SYMBOLS or m < 1 or counts.shape != (K,) or counts.dtype[0] != "U":
            raise ValueError(f"codebook and counts of {name!r:.60} do not belong together")
        if labels.dtype != "U8" or labels.shape != (max(coded, least_label_bytes(num_weights)),):
            raise ValueError(
                f"{name!r:.60} claims {num_weights} weights and {coded} bytes of code, "
                f"which its {labels.num_bytes} bytes of labels are not"
            )
        return RdzEntry(
            dtype,
            shape,
            labels.num_bytes + codebook.num_bytes + counts.num_bytes,
            fields["sha256"],
            coder,
            coded,
            K,
            m,
            next(key for key, value in CODEBOOK_DTYPES.items() if NAMES[value] == codebook.dtype),
            None if distortion is None else float(distortion),
        )


def _parts_of(name: str, entry: RdzEntry) -> list[str]:
    return [RAW + name] if entry.coder is None else [LABELS + name, CODEBOOK + name, COUNTS + name]


def _check_counts(counts: np.ndarray, entry: RdzEntry) -> None:
    """Whether the counts add up to the labels of the tensor, without trusting their sum not to overflow."""
    num_labels = -(-entry.num_weights // entry.block_length)
    if num_labels == 0 or int(counts.max()) > num_labels or int(counts.astype(object).sum()) != num_labels:
        raise ValueError(f"the counts do not add up to the {num_labels} labels of the tensor")
