"""Files that the build writes among the sources, touched only where they change: little is read again."""

from __future__ import annotations

import pathlib


def write(path: pathlib.Path, text: str) -> None:
    """The text in a file, whose date stays if it is there already."""
    if path.exists() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
