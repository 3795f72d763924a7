"""Ctrl-C and termination of a command: it ends at once, says so in one line, and leaves no temporary file.

A ``KeyboardInterrupt`` is raised wherever Python happens to be: inside an import of JAX it may crash the
process, inside a destructor it is printed and dropped. Nothing is raised here. A thread of its own waits for
the signal, removes the temporary files that are registered, and ends the process, which every file survives
because files are written beside their place and renamed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

NOTHING_WRITTEN = "nothing was written"
_WORDS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "terminal closed"}

_lock = threading.Lock()
_temporary: set[str] = set()
_kept: tuple[str, str] | None = None


def register_temporary(path: str) -> None:
    """Have ``path`` removed if a signal ends the process; to be called before the file is made."""
    with _lock:
        _temporary.add(path)


def forget_temporary(path: str) -> None:
    """The file at ``path`` has been renamed or removed."""
    with _lock:
        _temporary.discard(path)


def keep(path: str | os.PathLike[str], message: str) -> None:
    """Say ``message`` in place of "nothing was written" if ``path`` is there, and not empty, at the end."""
    global _kept
    _kept = (os.fspath(path), message)


def remains() -> str:
    """What to say about the files of a command that was ended."""
    if _kept is not None:
        path, message = _kept
        with contextlib.suppress(OSError):
            if os.listdir(path) if os.path.isdir(path) else os.path.exists(path):
                return message
    return NOTHING_WRITTEN


def end_on_signals() -> None:
    """From now on SIGINT, SIGTERM and SIGHUP end the process, with exit status 128 + the signal's number.

    Signals that whoever started the process ignores stay ignored (``nohup``, jobs in the background).
    """
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    heard = {}
    for name, word in _WORDS.items():
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            heard[int(number)] = word
            signal.signal(number, _do_nothing)
    threading.Thread(target=_wait, args=(read_end, heard), daemon=True, name="signals").start()


def _do_nothing(signal_number: int, frame: FrameType | None) -> None:
    """A handler of Python's own is what makes the signal's number arrive in the pipe."""


def _wait(read_end: int, heard: dict[int, str]) -> None:
    while True:
        for number in os.read(read_end, 16):
            if number in heard:
                _end(number, heard[number])


def _end(number: int, word: str) -> NoReturn:
    # The lock is never given back: no temporary file is made while the others are removed.
    _lock.acquire()
    for path in _temporary:
        with contextlib.suppress(OSError):
            os.unlink(path)
    # Below a progress bar, which has not ended its line.
    start = "\n" if sys.stderr is not None and sys.stderr.isatty() else ""
    with contextlib.suppress(OSError):
        os.write(2, f"{start}ratedist: {word}, {remains()}\n".encode())
    os._exit(128 + number)
