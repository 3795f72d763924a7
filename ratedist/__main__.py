"""The installed command, and ``python -m ratedist``: hears Ctrl-C before anything heavy is imported."""

from __future__ import annotations

import sys


def entry_point() -> None:
    """Run the command that ``sys.argv`` describes, and end the process with its exit status."""
    from ratedist.interruption import end_on_signals

    end_on_signals()
    from ratedist.cli import main

    sys.exit(main())


if __name__ == "__main__":
    entry_point()
