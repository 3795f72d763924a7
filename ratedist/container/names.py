"""Names of tensors for a terminal."""

from __future__ import annotations


def printable(name: str) -> str:
    r"""A name with what a terminal would obey, or not show, as ``\x1b`` and the like.

    Names come from files, and files from anywhere: escape sequences can hide or rewrite what was printed.
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in name
    )
