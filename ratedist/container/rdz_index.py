"""The index of a .rdz file of version 2 and later as bytes.

The index has the number of metadata and the pairs of texts, in the order of the keys; then the number of
tensors and a row for each, in the order of the names. Rows are described in ``rdz_row``, numbers and texts in
``rdz_bytes``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ratedist.container.rdz_bytes import Cursor, number_bytes, text_bytes
from ratedist.container.rdz_entry import RdzEntry
from ratedist.container.rdz_format import FORMS_VERSION, PACKED, PACKED_VERSION, TRELLIS_VERSION, VERSION
from ratedist.container.rdz_forms import TRELLIS
from ratedist.container.rdz_row import DIGEST_BYTES, decode_row, encode_row


def version_of(entries: Iterable[RdzEntry]) -> int:
    """The version of a file with these tensors: the first that knows their kinds, so that old readers do."""
    version = VERSION
    for entry in entries:
        if entry.kind == TRELLIS or entry.limit is not None:
            return TRELLIS_VERSION
        if PACKED in entry.coders:
            version = PACKED_VERSION
        elif entry.form is not None:
            version = max(version, FORMS_VERSION)
    return version


def encode_index(metadata: Mapping[str, str], entries: Mapping[str, RdzEntry]) -> bytes:
    """The index of a file with these metadata and tensors; ``places`` of the entries do not matter."""
    parts = [number_bytes(len(metadata))]
    parts += [text_bytes(text) for pair in sorted(metadata.items()) for text in pair]
    parts.append(number_bytes(len(entries)))
    parts += [encode_row(name, entries[name]) for name in sorted(entries)]
    return b"".join(parts)


def decode_index(index: bytes, start: int, size: int) -> tuple[dict[str, str], dict[str, RdzEntry]]:
    """Metadata and tensors of an index whose data are the ``size`` bytes from byte ``start`` of the file.

    Raises:
        ValueError: an index that ``encode_index`` would not have written, tensors that do not take exactly
            the data there are.
    """
    cursor = Cursor(index)
    metadata: dict[str, str] = {}
    for _ in range(cursor.count(2)):
        key = _next_name(cursor, metadata)
        metadata[key] = cursor.text()
    entries: dict[str, RdzEntry] = {}
    position = start
    for _ in range(cursor.count(DIGEST_BYTES + 4)):
        name = _next_name(cursor, entries)
        entries[name] = entry = decode_row(name, cursor, position)
        position += entry.num_bytes
        if position > start + size:
            raise ValueError(
                f"{name!r:.60} claims {entry.num_weights} weights and {entry.label_bytes} bytes of code, "
                f"which are not in its {size} bytes of data"
            )
    if position != start + size or not cursor.at_end:
        raise ValueError("it has data that belong to no tensor")
    return metadata, entries


def _next_name(cursor: Cursor, before: dict[str, Any]) -> str:
    """A text that comes behind all before it."""
    name = cursor.text()
    if before and name <= next(reversed(before)):
        raise ValueError("the names in its index are not in order")
    return name
