"""The installed command, and ``python -m ratedist``: hears Ctrl-C before anything heavy is imported."""

from __future__ import annotations

import gc
import os
import sys

# New objects, and lesser collections, before Python next looks for garbage. What a command imports and traces
# lives as long as it does, a third of a million objects: looking through it took more time than it was worth.
COLLECTIONS = (500_000, 2, 100)


def entry_point() -> None:
    """Run the command that ``sys.argv`` describes, and end the process with its exit status."""
    from ratedist.interruption import end_on_signals

    gc.set_threshold(*COLLECTIONS)
    _prepare_streams()
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
