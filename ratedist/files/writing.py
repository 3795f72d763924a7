"""Writing results so that nothing half-written is ever left behind.

A file is written beside its place, brought to the disk (``fsync`` of the file, then of its folder) and
renamed. What stands at the place is a whole file at every moment, before a power failure and after.

The temporary file is ``.NAME.<12 hexadecimal digits>.ratedist-tmp`` in the folder of its place. An error or
Ctrl-C removes it; ``ratedist.interruption`` does where a signal ends a command (SIGTERM, SIGHUP). Its writer
holds a lock on it (``flock``), which ends with the process: one that nobody holds is stale, left by
``SIGKILL`` or a failure of power, and the next file written under that name removes it.
"""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import re
import secrets
import stat
import tempfile
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from ratedist import interruption
from ratedist.files.targets import cannot_write, require_target

try:
    import fcntl
except ImportError:  # Windows: stale files stay
    fcntl = None

SUFFIX = ".ratedist-tmp"
# Characters of a name that its temporary file has, so that this is not too long where the name just fits.
NAME_LENGTH = 40


def write_together(contents: Mapping[pathlib.Path, bytes], create_folders: bool = True) -> None:
    """Write several files, or none of them if anything fails before all are on the disk.

    All places are looked at first, then all files are written beside theirs, then all are renamed. Between
    two renames only the end of the process or of the machine can leave some new and some old: each whole.
    Two processes that write the same files rename one after the other, so that all files are of one of them.

    Args:
        contents: bytes by path; as ``require_target`` and ``written_beside``.
        create_folders: whether missing folders are made.

    Raises:
        ValueError: as ``require_target``; a full disk, with the path.
    """
    for path in contents:
        if create_folders:
            make_folder_of(path)
        require_target(path)
    with contextlib.ExitStack() as cleaning:
        finished = []
        for path, content in contents.items():
            beside = _Beside(path)
            cleaning.callback(beside.discard)
            beside.file.write(content)
            beside.finish()
            finished.append(beside)
        for folder in sorted({beside.folder for beside in finished}):
            cleaning.enter_context(_alone_in(folder))
        for beside in finished:
            beside.rename()


def make_folder_of(path: pathlib.Path) -> None:
    """Make the folder of ``path``, with those that it is in, or raise ``ValueError``."""
    try:
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from None


@contextlib.contextmanager
def written_beside(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write, and to read again, that takes the place of ``path`` at the end unless something fails.

    A symbolic link stays one, and the file that it names is replaced. Owner and permissions of a file that
    is replaced are kept as far as the process may; a new one has what the ``umask`` leaves of ``rw-rw-rw-``.
    Other hard links to a file that is replaced keep its old content.

    Raises:
        ValueError: as ``require_target``; a full disk, with the path.
    """
    beside = _Beside(path)
    try:
        yield beside.file
        beside.finish()
        beside.rename()
    finally:
        beside.discard()


@contextlib.contextmanager
def scratch_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file without a name in the folder of ``path``, gone at the end; errors of writing name ``path``."""
    target = require_target(path)
    with (
        tempfile.TemporaryFile(dir=target.parent) as unnamed,
        io.BufferedRandom(_Raw(os.dup(unnamed.fileno()), path)) as file,
    ):
        yield file


class _Raw(io.FileIO):
    """A file whose errors of writing name the path that was asked for."""

    def __init__(self, descriptor: int, path: str | os.PathLike[str]) -> None:
        super().__init__(descriptor, "r+b")
        self._path = path

    def write(self, data: object, /) -> int:
        try:
            return super().write(data)  # pyright: ignore[reportArgumentType]
        except OSError as error:
            raise cannot_write(self._path, error) from None


class _Beside:
    """A temporary file beside its place, until it is renamed or discarded."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._target = require_target(path)
        _remove_stale(self._target)
        try:
            self._name, descriptor = _create(self._target)
        except OSError as error:
            raise cannot_write(path, error) from None
        self.file = io.BufferedRandom(_Raw(descriptor, path))
        try:
            before = self._target.stat()
        except OSError:
            return
        if hasattr(os, "chown"):
            for owner, group in ((-1, before.st_gid), (before.st_uid, -1)):
                with contextlib.suppress(OSError):
                    os.chown(self._name, owner, group)
        with contextlib.suppress(OSError):
            os.chmod(self._name, stat.S_IMODE(before.st_mode))

    @property
    def folder(self) -> pathlib.Path:
        """Of its place."""
        return self._target.parent

    def finish(self) -> None:
        """Bring the content to the disk."""
        self.file.flush()
        try:
            os.fsync(self.file.fileno())
        except OSError as error:
            raise cannot_write(self._path, error) from None

    def rename(self) -> None:
        """Take the place."""
        if fcntl is None:
            self.file.close()  # an open file cannot be renamed on Windows
        try:
            os.replace(self._name, self._target)
        except OSError as error:
            raise cannot_write(self._path, error) from None
        _sync_folder(self._target.parent)

    def discard(self) -> None:
        """Close the file, and remove it unless it was renamed."""
        with contextlib.suppress(OSError, ValueError):  # a full disk is full still
            self.file.close()
        pathlib.Path(self._name).unlink(missing_ok=True)
        interruption.forget_temporary(self._name)


def _create(target: pathlib.Path) -> tuple[str, int]:
    """Name and descriptor of a new temporary file, locked."""
    while True:
        name = str(target.with_name(f".{target.name[:NAME_LENGTH]}.{secrets.token_hex(6)}{SUFFIX}"))
        interruption.register_temporary(name)
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            descriptor = os.open(name, flags, 0o666)
        except OSError:
            interruption.forget_temporary(name)
            raise
        if fcntl is not None:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return name, descriptor
        # Another process has taken it for stale before it was locked.
        os.close(descriptor)
        interruption.forget_temporary(name)


def _remove_stale(target: pathlib.Path) -> None:
    """Remove temporary files for ``target`` whose writers have ended."""
    if fcntl is None:
        return
    pattern = re.compile(re.escape(f".{target.name[:NAME_LENGTH]}.") + "[0-9a-f]{12}" + re.escape(SUFFIX))
    with contextlib.suppress(OSError):
        for name in os.listdir(target.parent):
            if not pattern.fullmatch(name):
                continue
            with contextlib.suppress(OSError):
                descriptor = os.open(target.parent / name, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(target.parent / name)
                finally:
                    os.close(descriptor)


@contextlib.contextmanager
def _alone_in(folder: pathlib.Path) -> Iterator[None]:
    """Until the end no other process is here for the same folder, where the file system can lock one."""
    with contextlib.ExitStack() as closing:
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            closing.callback(os.close, descriptor)
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def _sync_folder(folder: pathlib.Path) -> None:
    """Bring the renaming of a file to the disk, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
