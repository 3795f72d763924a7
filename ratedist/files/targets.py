"""Where a result may go: asked before any computing, answered in words."""

from __future__ import annotations

import errno
import os
import pathlib
import re
import stat
import tempfile
from collections.abc import Iterable

_STREAMS = re.compile(r"/dev/(fd/\d+|std(in|out|err))|/proc/[^/]+/(task/\d+/)?fd/\d+")


def require_writable(
    folder: str | os.PathLike[str],
    names: Iterable[str] = (),
    inputs: Iterable[str | os.PathLike[str]] = (),
) -> pathlib.Path:
    """Return ``folder`` as a path, or raise ``ValueError`` if files could not be created in it.

    Asked before any computing. No folder is made or removed: where it is missing, the one that it would be
    made in has to be writable.

    Args:
        folder: for the files.
        names: of the files that are to be written in it, each as ``require_target``.
        inputs: as there.
    """
    path = pathlib.Path(folder)
    there = next(parent for parent in (path.absolute(), *path.absolute().parents) if os.path.lexists(parent))
    try:
        if not there.is_dir():
            there.stat()  # says what is wrong with a link
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise ValueError(f"cannot write to {path}: {error.strerror}") from None
    inputs = list(inputs)
    for name in names if path.is_dir() else ():
        require_target(path / name, inputs)
    return path


def require_target(
    path: str | os.PathLike[str], inputs: Iterable[str | os.PathLike[str]] = ()
) -> pathlib.Path:
    """Return the regular file that writing to ``path`` would make or replace; symbolic links are followed.

    Asked before any computing, so that nothing is computed in vain.

    Args:
        path: of a file to be written.
        inputs: files that are read for it, or kept beside it, whose place it must not take. They need not
            be there.

    Raises:
        ValueError: ``-``, a stream, a device, a pipe, a socket, a folder, one of the inputs under any name,
            a missing folder, a name that is too long, permissions that forbid it.
    """
    path = pathlib.Path(path)
    if str(path) == "-" or _STREAMS.fullmatch(os.path.normpath(path.absolute())):
        raise ValueError(f"cannot write to {path}: results go to a named file, not to a stream or a pipe")
    target = pathlib.Path(os.path.realpath(path))
    try:
        there = _is_there(target)
        if there:
            kind = kind_of_file(path.stat().st_mode)
            if kind is not None:
                raise ValueError(f"cannot write to {path}: it is a {kind}, not a file")
        for one in inputs:
            if os.path.realpath(one) == os.fspath(target) or (
                there and os.path.exists(one) and os.path.samefile(path, one)
            ):
                raise ValueError(
                    f"cannot write to {path}: the result must not take the place of the input {one}"
                )
        if there and not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if not target.parent.exists():
            folder = target.parent if path.is_symlink() else path.parent
            raise ValueError(f"cannot write to {path}: there is no folder {folder}")
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise cannot_write(path, error) from None
    return target


def _is_there(path: pathlib.Path) -> bool:
    """Whether there is anything at ``path``; errors other than its absence (a long name) are raised."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    return True


def kind_of_file(mode: int) -> str | None:
    """What a file of this ``st_mode`` is in words, ``None`` for a regular file."""
    kinds = {
        stat.S_IFDIR: "folder",
        stat.S_IFIFO: "pipe",
        stat.S_IFSOCK: "socket",
        stat.S_IFCHR: "device",
        stat.S_IFBLK: "device",
    }
    return None if stat.S_ISREG(mode) else kinds.get(stat.S_IFMT(mode), "special file")


def cannot_write(path: str | os.PathLike[str], error: OSError) -> ValueError:
    """The complaint about an error of the operating system, with the path."""
    return ValueError(f"cannot write to {os.fspath(path)}: {error.strerror}")
