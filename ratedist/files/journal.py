r"""A journal: a file of records that is only ever added to, each with a checksum of its own.

A record is a line: the SHA-256 of a JSON text, a blank, and the text. Every line has a line feed before it as
well as behind it, so that no changed byte is of two records. Empty lines mean nothing.

- A record is on the disk (``fsync``) when ``append`` returns. What was there before is never touched.
- A process that is killed while it appends leaves a line without an end. It counts as never written.
- A byte that has changed is seen by the checksum of its record. The others are read.
- A journal is made, and made shorter, by ``write_together``: beside its place and renamed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
from typing import Any, NamedTuple

from ratedist.files.targets import cannot_write

# Bytes that are read together in search of the last line.
AT_ONCE = 2**16


class Records(NamedTuple):
    """What is in a journal.

    Attributes:
        whole: the records whose checksum matches, in the order in which they were appended.
        damaged: the number of lines whose checksum does not.
        unfinished: whether the last line has no end.
    """

    whole: list[Any]
    damaged: int
    unfinished: bool


def encoded(record: Any) -> bytes:
    """The line of a record, which is anything that JSON can hold."""
    text = json.dumps(record).encode()
    return b"\n" + hashlib.sha256(text).hexdigest().encode() + b" " + text + b"\n"


def decoded(content: bytes) -> Records:
    """The records of a journal; nothing is believed that its checksum does not say."""
    *lines, last = content.split(b"\n")
    found = [_record(line) for line in lines if line]
    whole = [record for ok, record in found if ok]
    return Records(whole, len(found) - len(whole), bool(last))


def _record(line: bytes) -> tuple[bool, Any]:
    checksum, _, text = line.partition(b" ")
    if checksum == hashlib.sha256(text).hexdigest().encode():
        with contextlib.suppress(ValueError, RecursionError):
            return True, json.loads(text)
    return False, None


class Appending:
    """A journal open at its end.

    The one who appends must be alone (``locked``). Without locks that cannot be known, but it is seen if
    somebody else has written: then nothing is appended any more.

    A line without an end is removed.

    Raises:
        ValueError: a file that cannot be opened for writing.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise cannot_write(path, error) from None
        try:
            self.size = self._end_of_lines()
            if self.size < os.fstat(self._descriptor).st_size:
                os.ftruncate(self._descriptor, self.size)
        except OSError as error:
            self.close()
            raise cannot_write(path, error) from None

    def append(self, line: bytes) -> None:
        """Add an encoded record, or raise ``ValueError`` and leave the file as it was."""
        self.require_alone()
        try:
            left = memoryview(line)
            while left:
                left = left[os.write(self._descriptor, left) :]
            os.fsync(self._descriptor)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self.size)
            raise cannot_write(self._path, error) from None
        self.size += len(line)

    def require_alone(self) -> None:
        """Raise ``ValueError`` if the file is not as this one has left it."""
        try:
            there = os.stat(self._path)
        except OSError as error:
            raise cannot_write(self._path, error) from None
        ours = os.fstat(self._descriptor)
        if not os.path.samestat(there, ours) or ours.st_size != self.size:
            raise ValueError(f"cannot write to {self._path}: somebody else has changed it")

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _end_of_lines(self) -> int:
        """Where the last line that has an end ends."""
        end = os.lseek(self._descriptor, 0, os.SEEK_END)
        while end > 0:
            start = max(end - AT_ONCE, 0)
            os.lseek(self._descriptor, start, os.SEEK_SET)
            place = os.read(self._descriptor, end - start).rfind(b"\n")
            if place >= 0:
                return start + place + 1
            end = start
        return 0
