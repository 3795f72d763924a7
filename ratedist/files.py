"""Writing results so that nothing half-written is ever left behind."""

from __future__ import annotations

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Mapping


def require_writable(folder: str | os.PathLike[str]) -> pathlib.Path:
    """Return ``folder`` as a path, or raise ``ValueError`` if files could not be created in it.

    Asked before any computing, by trying: what had to be made for that is removed again.
    """
    path = pathlib.Path(folder)
    missing = [parent for parent in (path, *path.parents) if not parent.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise ValueError(f"cannot write to {path}: {error.strerror}") from None
    finally:
        for made in missing:
            with contextlib.suppress(OSError):
                made.rmdir()
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
