"""Where the time of a command goes."""

from __future__ import annotations

import time


class Stopwatch:
    """Named laps in seconds, from its creation on."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """End the running lap and give it its name."""
        now = time.perf_counter()
        self._laps[name] = now - self._last
        self._last = now

    def __str__(self) -> str:
        laps = ", ".join(f"{name} {seconds:.1f}" for name, seconds in self._laps.items())
        return f"seconds: {sum(self._laps.values()):.1f} in all: {laps}"
