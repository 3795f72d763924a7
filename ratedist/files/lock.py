"""A file that one process at a time may write, so that two runs do not mix what they keep.

The lock is ``NAME.lock`` beside the file and says who has it. What counts is not that it is there but that
its owner holds a lock of the operating system on it (``flock``). That ends with the process, also by
``SIGKILL``, so that a dead owner keeps nobody out. NFS passes such locks on to the server, unless it was
mounted with ``nolock``. Where the system or the file system has none, nothing is locked.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import pathlib
import socket
from collections.abc import Iterator

from ratedist import interruption
from ratedist.files.targets import cannot_write

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

SUFFIX = ".lock"
# With which a lock begins that is in use, or was left by a process that was killed.
WORD = b"process "
# Bytes that a name may have in the usual file systems.
LONGEST_NAME = 255
WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


class InUseError(ValueError):
    """Another process has the file; the message says which."""


@contextlib.contextmanager
def locked(path: str | os.PathLike[str], *, wait: bool = False) -> Iterator[None]:
    """Keep ``path`` for this process until the end.

    Args:
        path: of the file, which need not be there; its folder must.
        wait: for another process to be done, rather than to refuse.

    Raises:
        ValueError: another process has it (:class:`InUseError`); the folder cannot be written to; what stands
            at the place of the lock is none.
    """
    target = pathlib.Path(os.path.realpath(path))
    beside = lock_of(target)
    while True:
        try:
            descriptor = os.open(beside, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise cannot_write(beside, error) from None
        try:
            _require_lock(descriptor, path, beside)
            _take(descriptor, wait)
        except BlockingIOError:
            owner = os.read(descriptor, 200).decode(errors="replace").strip() or "another process"
            os.close(descriptor)
            raise InUseError(f"{path} is in use by {owner}: wait for its end, or name another file") from None
        except ValueError:
            os.close(descriptor)
            raise
        if _is_at(descriptor, beside):
            break
        os.close(descriptor)  # its owner has removed it on leaving
    interruption.register_temporary(str(beside))
    try:
        with contextlib.suppress(OSError):  # a full disk: the lock holds without words
            os.ftruncate(descriptor, 0)
            os.write(descriptor, WORD + f"{os.getpid()} on {socket.gethostname()}\n".encode())
        yield
    finally:
        # Removed before it is given up: whoever opened it in between sees that it is gone.
        with contextlib.suppress(OSError):
            beside.unlink()
        interruption.forget_temporary(str(beside))
        os.close(descriptor)


def lock_of(target: pathlib.Path) -> pathlib.Path:
    """The lock of a file, whose name may be too long for a suffix."""
    name = target.name + SUFFIX
    if len(os.fsencode(name)) > LONGEST_NAME:
        name = hashlib.sha256(os.fsencode(target.name)).hexdigest() + SUFFIX
    return target.with_name(name)


def _require_lock(descriptor: int, path: str | os.PathLike[str], beside: pathlib.Path) -> None:
    """Refuse a file of other content: it is somebody's, such as a ``poetry.lock``, and would be lost."""
    start = os.pread(descriptor, len(WORD), 0) if hasattr(os, "pread") else b""
    if start and not WORD.startswith(start):
        raise ValueError(f"cannot lock {path}: {beside} is no lock of ratedist: name another file")


def _take(descriptor: int, wait: bool) -> None:
    """Take the lock, or raise ``BlockingIOError``; without locks nothing happens."""
    if fcntl is None:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise BlockingIOError from None


def _is_at(descriptor: int, path: pathlib.Path) -> bool:
    """Whether an open file is still the one at ``path``."""
    if fcntl is None:
        return True
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False
