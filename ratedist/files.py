"""Writing results so that nothing half-written is ever left behind."""

from __future__ import annotations

import contextlib
import os
import pathlib
import secrets
import tempfile
from collections.abc import Mapping

from ratedist import interruption


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
            name = str(path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp"))
            temporary.append((name, path))
            interruption.register_temporary(name)
            with open(name, "xb") as file:
                file.write(content)
        while temporary:
            os.replace(*temporary[0])
            interruption.forget_temporary(temporary.pop(0)[0])
    finally:
        for name, _ in temporary:
            pathlib.Path(name).unlink(missing_ok=True)
            interruption.forget_temporary(name)
