"""Names of tensors and other texts, for a terminal and for a file."""

from __future__ import annotations


def printable(name: str) -> str:
    r"""A name with what a terminal would obey, or not show, as ``\x1b`` and the like.

    Names come from files, and files from anywhere: escape sequences can hide or rewrite what was printed.
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in name
    )


def utf8(text: str) -> bytes:
    """UTF-8, or ``ValueError`` for half of a surrogate pair, which strings of Python can hold."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        around = text[max(error.start - 20, 0) : error.end]
        raise ValueError(f"names and metadata must be text that UTF-8 can hold, got {around!r}") from None
