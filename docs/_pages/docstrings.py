"""Docstrings are written for a terminal: what would be markup in them by accident is made plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

# Code between backticks, and roles: they stay as they are, over the end of a line too.
KEPT = re.compile(r"``.+?``|(?::\w+)?:\w+:`[^`]+`|`[^`]+`_?", flags=re.DOTALL)
# What would begin emphasis or a substitution, or end a reference.
SPECIAL = re.compile(r"[*|]|(?<=\w)_(?=[\s,.;:)]|$)")
SECTION = re.compile(r"(Args|Attributes|Returns|Raises|Warns|Example):")


def plain_text_as_markup(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Escape stars and bars outside of code; formulas that stand alone become literal blocks."""
    if what in ("attribute", "data", "property"):
        # An empty type, or Napoleon takes what stands before a colon for one.
        lines[:1] = [f": {line}" for line in lines[:1]]
    lines[:] = [line for kept, part in _parts(lines) for line in (part if kept else _escaped(part))]


def _parts(lines: list[str]) -> Iterator[tuple[bool, list[str]]]:
    """Paragraphs, and whether a paragraph is kept as it is: formulas, code and examples are."""
    in_section = literal = False
    for paragraph in _paragraphs(lines):
        first = paragraph[0]
        if first and not first.startswith(" "):
            literal, in_section = first.startswith(".. "), bool(SECTION.fullmatch(first))
        elif first and not in_section and not literal:
            yield True, ["::", ""]
            literal = True
        yield literal or first.strip().startswith((">>>", ".. ")), paragraph
        literal = literal or paragraph[-1].endswith("::")


def _paragraphs(lines: list[str]) -> Iterator[list[str]]:
    found: list[str] = []
    for line in lines:
        if found and (not line.strip()) != (not found[-1].strip()):
            yield found
            found = []
        found.append(line)
    if found:
        yield found


def _escaped(lines: list[str]) -> list[str]:
    text, parts, end = "\n".join(lines), [], 0
    for kept in KEPT.finditer(text):
        parts += [SPECIAL.sub(r"\\\g<0>", text[end : kept.start()]), kept[0]]
        end = kept.end()
    return "".join([*parts, SPECIAL.sub(r"\\\g<0>", text[end:])]).split("\n")


def without_generated(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Fields of a named tuple are in its docstring; what Python says of each is nothing."""
    return True if str(getattr(obj, "__doc__", "")).startswith("Alias for field number") else None


def without_empty_signature(
    app: Any, what: str, name: str, obj: Any, options: Any, signature: str, returns: str
) -> tuple[str, str] | None:
    """A protocol is not called."""
    return ("", "") if getattr(obj, "_is_protocol", False) else None
