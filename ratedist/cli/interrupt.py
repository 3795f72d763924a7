"""Ctrl-C that is heard."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

REPEAT_SECONDS = 1.0


@contextlib.contextmanager
def insistent_interrupt() -> Iterator[None]:
    """Inside, SIGINT raises ``KeyboardInterrupt`` again every second until the block is left.

    One exception is not enough: raised while Python runs a destructor or a callback of JAX, it is printed
    and dropped, and the computation goes on.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def interrupt(signal_number: int, frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_REAL, REPEAT_SECONDS)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGALRM)}
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
