"""How long a computation may take, and what it shows meanwhile."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

import numpy as np

from ratedist import _checks

SILENT_SECONDS = 2.0  # work shorter than this shows no progress bar


class UnsolvedError(Exception):
    """Raised inside a computation without an answer within its limits; the message says which limit."""


class Effort:
    """A limit of time, and a progress bar on standard error for work that goes past two seconds.

    Used as a context, so that the bar is closed. ``check`` is called between pieces of work, each of which
    takes a few seconds at the most: that is by how much the limit may be passed.
    """

    def __init__(self, time_limit: float, *, progress: bool = False, total: int | None = None) -> None:
        limit = _checks.in_range("time_limit", time_limit, open_low=True)
        if limit.ndim != 0:
            raise ValueError(f"time_limit must be one number of seconds above zero, got {time_limit!r}")
        self.time_limit = float(limit)
        self._progress, self._total = progress, total
        self._bar: Any = None
        self.restart()

    def __enter__(self) -> Effort:
        if self._progress:
            from tqdm import tqdm

            # No minimum of iterations between two looks at the clock: a point may take minutes.
            self._bar = tqdm(total=self._total, unit="point", delay=SILENT_SECONDS, leave=False, miniters=0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def restart(self) -> None:
        """Start the clock anew."""
        self._deadline = time.monotonic() + self.time_limit

    def check(self) -> None:
        """Raise ``UnsolvedError`` once the time is over."""
        if time.monotonic() > self._deadline:
            raise UnsolvedError(f"time_limit = {self.time_limit:g} seconds were over")

    def watch(self, stage: str, share: float) -> None:
        """As ``check``, and show beside the bar how much of a stage of the current point is done."""
        self.check()
        if self._bar is not None:
            self._bar.set_postfix_str(f"{stage} {share:.0%}", refresh=False)
            self._bar.update(0)

    def advance(self) -> None:
        """Count one point, on the bar too."""
        if self._bar is not None:
            self._bar.update()


def unlimited() -> Effort:
    """No limit and no bar."""
    return Effort(np.inf)
