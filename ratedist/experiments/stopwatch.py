"""Where the time of a run goes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator


class Stopwatch:
    """Seconds by what they were spent on, and how often, from its creation on; those of one name add up.

    Args:
        names: of which some time is told even if it is none.
    """

    def __init__(self, *names: str) -> None:
        self._started = self._last = time.perf_counter()
        self.seconds: dict[str, float] = dict.fromkeys(names, 0.0)
        self.counts: dict[str, int] = dict.fromkeys(names, 0)

    @property
    def total(self) -> float:
        """Seconds since its creation."""
        return time.perf_counter() - self._started

    def lap(self, name: str) -> None:
        """End the running lap and give it its name."""
        now = time.perf_counter()
        self._add(name, now - self._last)
        self._last = now

    @contextlib.contextmanager
    def during(self, name: str) -> Iterator[None]:
        """Time what happens inside, whatever lap is running."""
        begun = time.perf_counter()
        yield
        self._add(name, time.perf_counter() - begun)

    def _add(self, name: str, seconds: float) -> None:
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        self.counts[name] = self.counts.get(name, 0) + 1

    def __str__(self) -> str:
        laps = ", ".join(f"{name} {seconds:.1f}" for name, seconds in self.seconds.items())
        return f"seconds: {sum(self.seconds.values()):.1f} in all: {laps}"
