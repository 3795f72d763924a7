"""How the help of every command ends: how long it takes, and two examples."""

from __future__ import annotations

import dataclasses
import shlex
import textwrap

WIDTH = 80


@dataclasses.dataclass(frozen=True)
class Example:
    """A command that can be typed as it is, and what it does."""

    does: str
    typed: str

    @property
    def arguments(self) -> list[str]:
        """As in ``sys.argv[1:]``."""
        return shlex.split(self.typed)[1:]


@dataclasses.dataclass(frozen=True)
class Closing:
    """What stands below the options in the help of a command."""

    takes: str
    """How long it takes with its defaults, on two cores of 2026."""
    examples: tuple[Example, Example]

    def __str__(self) -> str:
        lines = ["How long it takes:", *_indented(self.takes), "", "Examples:"]
        for example in self.examples:
            lines += [*_indented(f"{example.does}:"), f"    {example.typed}"]
        return "\n".join(lines)


def _indented(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ")
