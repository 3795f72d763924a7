"""Writing a .rdz file, a tensor at a time."""

from __future__ import annotations

import hashlib
import json
import math
import os
import pathlib
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from ratedist import _checks
from ratedist.codes.ans import ans_encode, require_constriction
from ratedist.codes.bitstream import huffman_encode
from ratedist.container.dtypes import dtype_name, to_bytes
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
from ratedist.container.tensor_reader import CHUNK, Entry
from ratedist.container.tensor_writer import encode_header, write_tensor_file


class RdzWriter:
    """A .rdz file in the making; it takes its place when the ``with`` block ends without an error.

    What is added is coded at once and kept in a temporary file beside the result until the header, which
    stands in front and knows all sizes, can be written: memory is needed for one tensor at a time.
    The file depends on names, tensors, coder and metadata alone, not on the order in which they came.

    Args:
        path: the file, replaced if it exists.
        coder: "huffman", or "ans" for the entropy coder of the package ``constriction``.
        metadata: strings by name, to be handed back by the reader.

    Attributes:
        num_bytes: size of the file, once it is written.

    Raises:
        ValueError: a place that cannot be written to, an unknown coder, ``constriction`` not installed.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        coder: str = "huffman",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        self.path = pathlib.Path(path)
        self.num_bytes = 0
        self._coder = _checks.one_of("coder", coder, CODERS)
        if coder == "ans":
            require_constriction()
        self._metadata = dict(metadata or {})
        self._tensors: dict[str, dict[str, Any]] = {}
        self._entries: dict[str, Entry] = {}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._spool: BinaryIO = tempfile.TemporaryFile(dir=self.path.parent)  # noqa: SIM115
        except OSError as error:
            raise ValueError(f"cannot write to {self.path}: {error.strerror}") from None

    def __enter__(self) -> RdzWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._spool:
            if kind is None:
                self._finish()

    def add(self, name: str, tensor: QuantizedTensor) -> int:
        """Add a quantised tensor; returns the bytes that its labels take.

        Raises:
            ValueError: a name that is taken.
        """
        self._claim(name)
        encode = huffman_encode if self._coder == "huffman" else ans_encode
        payload = encode(tensor.labels, tensor.counts)
        padding = least_label_bytes(tensor.num_weights) - len(payload)
        counts = tensor.counts.astype(np.min_scalar_type(int(tensor.counts.max())))
        digest = hashlib.sha256()
        self._put(LABELS + name, np.frombuffer(payload + b"\0" * max(padding, 0), np.uint8), digest)
        self._put(CODEBOOK + name, tensor.codebook, digest)
        self._put(COUNTS + name, counts, digest)
        self._tensors[name] = {
            "dtype": dtype_name(tensor.dtype),
            "shape": list(tensor.shape),
            "coder": self._coder,
            "coded_bytes": len(payload),
            "distortion": None if math.isnan(tensor.distortion) else tensor.distortion,
            "sha256": digest.hexdigest(),
        }
        return len(payload)

    def add_raw(self, name: str, tensor: np.ndarray) -> None:
        """Add a tensor as it is, of any dtype of the safetensors format.

        Raises:
            ValueError: a name that is taken, another dtype.
        """
        self._claim(name)
        digest = hashlib.sha256()
        self._put(RAW + name, np.asarray(tensor), digest)
        self._tensors[name] = {"sha256": digest.hexdigest()}

    def _claim(self, name: str) -> None:
        if name in self._tensors:
            raise ValueError(f"there is a tensor {name!r} already")

    def _put(self, name: str, array: np.ndarray, digest: Any) -> None:
        entry = Entry(dtype_name(array.dtype), array.shape, self._spool.tell())
        data = to_bytes(array)
        digest.update(data)
        self._spool.write(data)
        self._entries[name] = entry

    def _finish(self) -> None:
        content = {"version": VERSION, "metadata": self._metadata, "tensors": self._tensors}
        described = json.dumps(content, separators=(",", ":"), sort_keys=True, allow_nan=False)
        header = encode_header(self._entries, {FORMAT_KEY: described, DIGEST_KEY: NO_DIGEST})
        header = header.replace(NO_DIGEST.encode(), header_digest(header).encode(), 1)
        self.num_bytes = write_tensor_file(self.path, self._entries, header, self._spooled)

    def _spooled(self, name: str) -> Iterator[bytes]:
        entry = self._entries[name]
        for start in range(0, entry.num_bytes, CHUNK):
            self._spool.seek(entry.start + start)
            yield self._spool.read(min(CHUNK, entry.num_bytes - start))
