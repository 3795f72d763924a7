"""Writing the safetensors format one tensor at a time.

The reference library writes tensors that are all in memory at once; this writer asks for them one by one.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from ratedist.container.dtypes import DTYPES
from ratedist.container.tensor_reader import LENGTH_BYTES, MAX_HEADER, METADATA, Entry


def write_tensor_file(
    path: str | os.PathLike[str],
    entries: Mapping[str, Entry],
    header: bytes,
    data: Callable[[str], Iterable[Any]],
) -> int:
    """Write a safetensors file beside its place and rename it when it is whole.

    Args:
        path: the file, replaced if it exists.
        entries: dtype and shape of each tensor.
        header: of ``encode_header`` for the same entries.
        data: ``data(name)`` yields the bytes of a tensor in pieces; asked for in the order of the file.

    Returns:
        The size of the file in bytes.

    Raises:
        ValueError: a place that cannot be written to, pieces that are not as many bytes as the entry says.
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
        return file.tell()


def encode_header(entries: Mapping[str, Entry], metadata: Mapping[str, str] | None = None) -> bytes:
    """Header of a file with these tensors, a function of names, dtypes, shapes and metadata alone.

    Raises:
        ValueError: names that the format reserves or cannot hold, a header beyond 100 MB.
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
    header = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    header += b" " * (-len(header) % LENGTH_BYTES)
    if len(header) > MAX_HEADER:
        raise ValueError(f"the header of the file would be of {len(header)} bytes, above {MAX_HEADER}")
    return header


def in_file_order(entries: Mapping[str, Entry]) -> list[str]:
    """Names by falling size of the dtype, so that all data are aligned, then in alphabetical order."""
    return sorted(entries, key=lambda name: (-DTYPES[entries[name].dtype].itemsize, name))


@contextlib.contextmanager
def written_beside(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write to that takes the place of ``path`` at the end, unless something fails.

    Raises:
        ValueError: a place that cannot be written to.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        raise ValueError(f"cannot write to {path}: it is a folder")
    beside = path.parent / f".{path.name}.{secrets.token_hex(4)}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(beside, "xb")  # noqa: SIM115 - closed before it is renamed
    except OSError as error:
        raise ValueError(f"cannot write to {path}: {error.strerror}") from None
    try:
        with file:
            yield file
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
