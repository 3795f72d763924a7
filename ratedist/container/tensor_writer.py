"""Writing the safetensors format one tensor at a time.

The reference library writes tensors that are all in memory at once; this writer asks for them one by one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO

from ratedist.container.dtypes import BITS
from ratedist.container.names import utf8
from ratedist.container.tensor_reader import LENGTH_BYTES, MAX_HEADER, METADATA, Entry, TensorFile
from ratedist.files import written_beside

# Of metadata: the digest of the tensors that ``save_parameters`` wrote, which other tensors must not keep.
CHECKSUM = "ratedist.sha256"


def write_tensor_file(
    path: str | os.PathLike[str],
    entries: Mapping[str, Entry],
    header: bytes,
    data: Callable[[str], Iterable[Any]],
    verify: Callable[[BinaryIO], None] | None = None,
) -> int:
    """Write a safetensors file beside its place, read it, and rename it when it is whole.

    Args:
        path: the file, replaced if it exists; see ``ratedist.files.written_beside``. Its folder is not made.
        entries: dtype and shape of each tensor.
        header: what ``encode_header`` returns for ``entries``.
        data: ``data(name)`` yields the bytes of a tensor in pieces; asked for in the order of the file.
        verify: called with the file, written but not renamed, to raise ``ValueError`` if it is not as it
            should be. Without it the header is read and compared with ``entries``.

    Returns:
        The size of the file in bytes.

    Raises:
        ValueError: a place that cannot be written to, pieces that are not as many bytes as the entry says, a
            file that cannot be read again. What stood at the place stays there.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> import pathlib, tempfile
        >>> entries, data = {"layer": rd.container.Entry("F32", (2,))}, np.ones(2, np.float32)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "one.safetensors"
        ...     header = rd.container.encode_header(entries)
        ...     size = rd.container.write_tensor_file(path, entries, header, lambda name: [data.tobytes()])
        ...     with rd.container.TensorFile(path) as file:
        ...         print(size == path.stat().st_size, file.read("layer"))
        True [1. 1.]
    """
    with written_beside(path) as file:
        file.write(len(header).to_bytes(LENGTH_BYTES, "little"))
        file.write(header)
        for name in in_file_order(entries):
            before = file.tell()
            for piece in data(name):
                file.write(piece)
            if file.tell() - before != entries[name].num_bytes:
                raise ValueError(f"the data of {name!r} have not the size of its shape and dtype")
        size = file.tell()
        file.flush()
        if verify is not None:
            verify(file)
        else:
            found = TensorFile(path, file).entries
            if {name: (one.dtype, one.shape) for name, one in found.items()} != {
                name: (one.dtype, tuple(one.shape)) for name, one in entries.items()
            }:
                raise ValueError(f"{os.fspath(path)} would not be read as it was to be written")
        return size


def encode_header(entries: Mapping[str, Entry], metadata: Mapping[str, str] | None = None) -> bytes:
    """Header of a file with these tensors, a function of names, dtypes, shapes and metadata alone.

    Args:
        entries: dtype and shape of each tensor, by name.
        metadata: strings by name, kept in the header.

    Raises:
        ValueError: names that the format reserves or cannot hold, a header beyond 100 MB.

    Example:
        >>> import ratedist as rd
        >>> rd.container.encode_header({"layer": rd.container.Entry("F32", (2, 3))})
        b'{"layer":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}   '
    """
    content: dict[str, Any] = {METADATA: dict(sorted(metadata.items()))} if metadata else {}
    if METADATA in entries:
        raise ValueError(f"no tensor can have the name {METADATA!r}")
    position = 0
    for name in in_file_order(entries):
        entry = entries[name]
        span = [position, position + entry.num_bytes]
        content[name] = {"dtype": entry.dtype, "shape": list(entry.shape), "data_offsets": span}
        position = span[1]
    header = utf8(json.dumps(content, separators=(",", ":"), ensure_ascii=False))
    header += b" " * (-len(header) % LENGTH_BYTES)
    if len(header) > MAX_HEADER:
        raise ValueError(f"the header of the file would be of {len(header)} bytes, above {MAX_HEADER}")
    return header


def in_file_order(entries: Mapping[str, Entry]) -> list[str]:
    """Names by falling size of the dtype, so that all data are aligned, then in alphabetical order."""
    return sorted(entries, key=lambda name: (-BITS[entries[name].dtype], name))
