"""How large a .rdz file will be, without writing it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ratedist.container.rdz_entry import RdzEntry
from ratedist.container.rdz_format import header_of
from ratedist.container.rdz_index import encode_index, version_of
from ratedist.container.rdz_row import DIGEST_BYTES
from ratedist.container.tensor_reader import LENGTH_BYTES, Entry

NO_DIGEST = bytes(DIGEST_BYTES)


def rdz_size(entries: Mapping[str, RdzEntry | Entry], metadata: Mapping[str, str] | None = None) -> int:
    """Bytes of the file that ``RdzWriter`` writes for these tensors, exactly.

    Args:
        entries: name → what ``stored`` says of a compressed tensor, or dtype and shape of one that is stored
            as it is.
        metadata: strings by name that the file holds beside its tensors.

    Example:
        >>> import ratedist as rd
        >>> import pathlib, tempfile
        >>> entries = {"layer": rd.container.Entry("F32", (2, 3))}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "one.rdz"
        ...     with rd.container.RdzWriter(path) as file:
        ...         file.add_raw_bytes("layer", entries["layer"], [bytes(24)])
        ...     print(path.stat().st_size == rd.container.rdz_size(entries))
        True
    """
    rows = {name: _without_digest(entry) for name, entry in entries.items()}
    index = encode_index(metadata or {}, rows)
    data = sum(entry.num_bytes for entry in rows.values())
    return LENGTH_BYTES + len(header_of(data, index, version_of(rows.values()))) + len(index) + data


def _without_digest(entry: RdzEntry | Entry) -> RdzEntry:
    """The entry with a digest of as many bytes as the one that is not known yet."""
    if isinstance(entry, Entry):
        return RdzEntry(entry.dtype, tuple(entry.shape), NO_DIGEST)
    return dataclasses.replace(entry, digest=NO_DIGEST)
