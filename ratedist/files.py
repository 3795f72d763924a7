"""Writing results so that nothing half-written is ever left behind."""

from __future__ import annotations

import os
import pathlib
import tempfile
from collections.abc import Mapping


def require_writable(folder: str | os.PathLike[str]) -> pathlib.Path:
    """Return ``folder`` as a path, or raise ``ValueError`` if files could not be created in it.

    Asked before any computing; the folder itself is made only when there is something to write.
    """
    path = pathlib.Path(folder)
    existing = path
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise ValueError(f"cannot write to {path}: {existing} is not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise ValueError(f"cannot write to {path}: no permission in {existing}")
    return path


def write_together(contents: Mapping[pathlib.Path, bytes]) -> None:
    """Write several files: each beside its place first, then all renamed, or none if anything fails."""
    temporary: list[tuple[str, pathlib.Path]] = []
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            temporary.append((name, path))
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.chmod(name, 0o666 & ~_umask())  # mkstemp makes files that only their owner can read
        while temporary:
            os.replace(*temporary[0])
            temporary.pop(0)
    finally:
        for name, _ in temporary:
            pathlib.Path(name).unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
