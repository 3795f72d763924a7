"""Every command: what it does, how long it takes, two examples, and its options, as its help has them."""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import re
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

# Columns of a page on which no text of an option is broken.
WIDE = "5000"
OPTION = re.compile(r"  (?P<flags>(?:-|[A-Z]{2})\S*(?: \S+)*)(?:  +(?P<text>.*))?")
DEFAULT = re.compile(r" \((?P<what>default: (?!none\)).*|required)\)$| \(default: none\)$")
# Said of every command.
HELP = "-h, --help"


class CommandReference(SphinxDirective):
    """A section a command."""

    def run(self) -> list[nodes.Node]:
        from ratedist.cli.commands import COMMANDS

        return [self.command(name, command) for name, command in COMMANDS.items()]

    def command(self, name: str, command: Any) -> nodes.section:
        section = nodes.section("", nodes.title("", "", nodes.literal("", f"ratedist {name}")))
        section["names"].append(f"ratedist-{name}")
        self.state.document.note_explicit_target(section)
        for text in inspect.cleandoc(command.__doc__).split("\n\n"):
            section += nodes.paragraph("", text.replace("\n", " "))
        for example in command.closing.examples:
            section += nodes.paragraph("", f"{example.does}:")
            section += nodes.literal_block(example.typed, example.typed, language="sh")
        section += nodes.paragraph("", command.closing.takes)
        for says, options in groups(help_of(name)):
            if says:
                section += nodes.paragraph("", says)
            section += _list(options)
        return section


def _list(options: list[tuple[str, str]]) -> nodes.definition_list:
    found = nodes.definition_list(classes=["options"])
    for flags, text in options:
        default = DEFAULT.search(text)
        says = nodes.paragraph("", text[: default.start()] if default else text)
        if default and default["what"]:
            says += [nodes.Text(" "), nodes.inline("", f"({default['what']})", classes=["small"])]
        term = nodes.term("", "", nodes.literal("", flags))
        found += nodes.definition_list_item("", term, nodes.definition("", says))
    return found


def groups(help_text: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Options by their record: what the record says of itself, and each option with its text."""
    for block in re.split(r"\n\n+", help_text):
        heading, *lines = block.split("\n")
        if not heading.endswith(("options", "arguments")):
            continue
        says, options = "", []
        for line in lines:
            if line.strip("- ") == "":
                continue
            if found := OPTION.fullmatch(line):
                options.append((found["flags"], found["text"] or ""))
            elif options:
                flags, text = options[-1]
                options[-1] = (flags, f"{text} {line.strip()}".strip())
            else:
                says = f"{says} {line.strip()}".strip()
        options = [one for one in options if one[0] != HELP]
        if options:
            yield says, options


def help_of(name: str) -> str:
    """What `ratedist NAME --help` prints on a very wide page that is no terminal."""
    from ratedist.cli.commands import parse

    text, before = io.StringIO(), os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = WIDE
    try:
        with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
            parse([name, "--help"])
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    return re.sub(r"\x1b\[[0-9;]*m| +$", "", text.getvalue(), flags=re.MULTILINE).strip()
