"""The installed command, and ``python -m ratedist``: hears Ctrl-C before anything heavy is imported."""

from __future__ import annotations

import gc
import os
import re
import sys

# New objects, and lesser collections, before Python next looks for garbage. What a command imports and traces
# lives as long as it does, a third of a million objects: looking through it took more time than it was worth.
COLLECTIONS = (500_000, 2, 100)
DEVICES = re.compile(r"--xla_force_host_platform_device_count=([0-9]+)")


def entry_point() -> None:
    """Run the command that ``sys.argv`` describes, and end the process with its exit status."""
    from ratedist.interruption import end_on_signals

    gc.set_threshold(*COLLECTIONS)
    _prepare_streams()
    _have_threads_for_devices()
    end_on_signals()
    from ratedist.cli import main
    from ratedist.compilation_cache import keep_compilations

    keep_compilations()
    try:
        status = main()
    finally:
        # At the end Python looks through all of it once more, unless it is told that it stays.
        gc.freeze()
    sys.exit(status)


def _have_threads_for_devices() -> None:
    """Give JAX, before it is imported, more threads than ``XLA_FLAGS`` makes devices of the processor.

    Where there are as many, each device can hold one, and all wait without end for another that would do a
    part of a large batch of LAPACK (jaxlib 0.10.2).
    """
    devices = [int(number) for number in DEVICES.findall(os.environ.get("XLA_FLAGS", ""))]
    if devices and devices[-1] > 1:
        os.environ.setdefault("PJRT_NPROC", str(max(devices[-1] + 1, os.cpu_count() or 1)))


def _prepare_streams() -> None:
    """Have all three streams, none of which can fail for the characters of a name.

    A stream that whoever started the process has closed is one to nowhere: the next file to be opened would
    have its number, and get what libraries say there.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - open to the end
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # pyright: ignore[reportAttributeAccessIssue]


if __name__ == "__main__":
    entry_point()
