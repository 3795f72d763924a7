"""Sentences of at most twenty-five words, in documents, notebooks, help of commands and public docstrings.

What is data stays out: code, tables, headings, pictures, the cases of an error. A formula, a link's address,
a piece of code or a number with its error inside a sentence counts as one word.
"""

import ast
import dataclasses
import inspect
import itertools
import json
import pathlib
import re
import textwrap
import typing
from collections.abc import Iterator

import pytest

from tests.public import public_docstrings

ROOT = pathlib.Path(__file__).parent.parent
LONGEST = 25

DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    # The site's copies of other pages are not documents of their own.
    *sorted(
        str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md") if path.parent.name != "repository"
    ),
    *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("notebooks/*.ipynb")),
]
ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Z]|eqs?|[Ff]igs?|[Ss]ecs?|e\.g|i\.e|cf|vs|pp?|et al|resp|approx|no))\.$"
)
SENTENCE_END = re.compile(r"[.!?][)\"'”’]*\s+(?=[^\sa-z])")
SECTION = re.compile(r"(Args|Attributes|Returns|Raises|Warns|Example):$")
ENTRY = re.compile(r" {4}(\*{0,2}\w+(?:, \w+)*): ?(.*)")
# What can only be understood beside another sentence, which a tooltip does not show.
DEPENDENT = re.compile(
    r"\blikewise\b|\bas (above|before|there|the attribute)\b|\bthe (latter|former)\b|\bthis many\b|"
    r"^(and|or|they|it|these|those|also)\b|\bof (that|these|those)[,;.]",
    re.IGNORECASE,
)
# Between the parts of a formula: what they join is one word.
OPERATOR = re.compile(r"\s*(?:[=±≤≥<>+−×·→≈∈∼~|/∝≠⊂∪^]|\.\.\.|…)+\s*")


def blocks(markdown: str) -> Iterator[str]:
    """Paragraphs and list items as one line each, without what is no prose."""
    text = re.sub(r"^([ \t]*)```.*?^\1```[^\n]*$", "\n\n", markdown, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<!--.*?-->|</?[a-z][^>\n]*>", "", text, flags=re.DOTALL)
    text = re.sub(r"\$\$[^$]*?\.\s*\$\$", " Formula. ", text)  # the last of its sentence
    text = re.sub(r"\$\$.*?\$\$", " Formula ", text, flags=re.DOTALL)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)
    text = re.sub(r"``.+?``|`[^`\n]+(?:\n[^`\n]+)?`", "Code", text)
    text = re.sub(r"\$[^$\n]+(?:\n[^$\n]+)?\$", "Formula", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    lines: list[str] = []
    for line in [*text.splitlines(), ""]:
        item = re.match(r"\s*(?:[-*]|\d+\.)\s+", line)
        apart = not line.strip() or line.lstrip().startswith(("|", "#", ">", ":::"))
        if item or apart:
            if lines:
                yield " ".join(lines)
            lines = []
        if not apart:
            lines.append(line[item.end() :] if item else line.strip())


def sentences(block: str) -> Iterator[str]:
    """The sentences of one paragraph."""
    block = re.sub(r"\*\*|__|(?<!\S)\*(?=\S)|(?<=[\w.,;:!?])\*(?=[\s.,;:!?)]|$)", "", block)
    start = 0
    for end in SENTENCE_END.finditer(block):
        if not ABBREVIATION.search(block[: end.start() + 1]):
            yield block[start : end.end()].strip()
            start = end.end()
    yield block[start:].strip()


def words(sentence: str) -> list[str]:
    """What is read as a word: each formula and each number with its unit signs once, no lone dashes."""
    return [token for token in OPERATOR.sub("=", sentence).split() if re.search(r"\w", token)]


def too_long(text: str) -> list[str]:
    found = itertools.chain.from_iterable(map(sentences, blocks(text)))
    return [
        f"{len(words(sentence))} words: {sentence}" for sentence in found if len(words(sentence)) > LONGEST
    ]


def text_of(document: str) -> str:
    content = (ROOT / document).read_text()
    if not document.endswith(".ipynb"):
        return content
    cells = json.loads(content)["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def help_of(command: type) -> str:
    """A command's help: docstrings of its record and of the records in it, and the texts under fields."""
    texts: list[str] = []
    seen: set[type] = set()

    def visit(record: type) -> None:
        if record in seen:
            return
        seen.add(record)
        for owner in record.__mro__:
            if dataclasses.is_dataclass(owner):
                texts.extend(_strings_of(owner))
        hints = typing.get_type_hints(record)
        for field in dataclasses.fields(record):
            for kind in [hints[field.name], *typing.get_args(hints[field.name])]:
                if isinstance(kind, type) and dataclasses.is_dataclass(kind):
                    visit(kind)

    visit(command)
    return "\n\n".join(texts)


def _strings_of(record: type) -> list[str]:
    body = ast.parse(textwrap.dedent(inspect.getsource(record))).body[0]
    assert isinstance(body, ast.ClassDef)
    constants = (node.value for node in body.body if isinstance(node, ast.Expr))
    # Entries of an "Attributes" section are texts under fields too: each a paragraph.
    return [
        re.sub(r"^ {4}\w+: ", r"\n\g<0>", inspect.cleandoc(constant.value), flags=re.MULTILINE)
        for constant in constants
        if isinstance(constant, ast.Constant) and isinstance(constant.value, str)
    ]


def sections(docstring: str) -> dict[str, str]:
    """A docstring's text by section; entries are paragraphs, ``""`` has what is before and between them."""
    texts: dict[str, str] = {"": ""}
    section = ""
    for line in docstring.splitlines():
        if heading := SECTION.match(line):
            section = heading[1]
        elif line and not line.startswith(" "):
            section = ""
        elif section == "" and line.startswith("    "):
            line = "Formula"
        entry = ENTRY.match(line) if section in ("Args", "Attributes") else None
        line = "" if heading else f"\n\n{entry[2]}" if entry else line.strip()
        texts[section] = f"{texts.get(section, '')}\n{line}"
    return texts


def entries(docstring: str) -> dict[str, str]:
    """What is said of each parameter or attribute, as a tooltip shows it."""
    found: dict[str, str] = {}
    section = name = ""
    for line in docstring.splitlines():
        if heading := SECTION.match(line):
            section, name = heading[1], ""
        elif section in ("Args", "Attributes"):
            if entry := ENTRY.match(line):
                name = entry[1]
                found[name] = entry[2]
            elif name and line.startswith("     "):
                found[name] += f" {line.strip()}"
    return found


DOCSTRINGS = public_docstrings()


def test_no_sentence_of_a_public_docstring_is_too_long() -> None:
    found = []
    for name, docstring in DOCSTRINGS.items():
        texts = sections(docstring)
        prose = [text for section, text in texts.items() if section not in ("Raises", "Warns", "Example")]
        found += [f"{name}, {sentence}" for sentence in too_long("\n\n".join(prose))]
    assert not found, "\n".join(found)


def test_what_is_said_of_a_parameter_stands_alone() -> None:
    said = [
        (f"{name}, {one}", text) for name in DOCSTRINGS for one, text in entries(DOCSTRINGS[name]).items()
    ]
    assert not [of for of, text in said if not text], "nothing is said of these"
    assert not [f"{of}: {text}" for of, text in said if DEPENDENT.search(text)]


def test_docstrings_are_taken_apart() -> None:
    docstring = """One line.

    .. math:: x

Between.

Args:
    first: of one line.
    second: of
        two lines.

Raises:
    ValueError: this, that.

Source: a book."""
    assert entries(docstring) == {"first": "of one line.", "second": "of two lines."}
    texts = sections(docstring)
    assert texts.keys() == {"", "Args", "Raises"}
    assert "Formula" in texts[""]
    assert "Source: a book." in texts[""]
    assert len(DOCSTRINGS) > 300
    assert not DEPENDENT.search("bits that a centre is rounded to")
    assert DEPENDENT.search("δ > 0 of the grid, likewise.")


def commands() -> dict[str, type]:
    from ratedist.cli.commands import COMMANDS

    return {f"ratedist {name}": command for name, command in COMMANDS.items()}


ALL = {document: lambda document=document: text_of(document) for document in DOCUMENTS} | {
    name: lambda command=command: help_of(command) for name, command in commands().items()
}


def test_no_sentence_is_too_long() -> None:
    found = [f"{name}, {sentence}" for name, text in ALL.items() for sentence in too_long(text())]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("One two. Three four five.", [2, 3]),
        ("By eq. (25) and Fig. 2 of Y. Bu it holds. So it does!", [11, 3]),
        ("See `a b c`, $x + y$ and [the page](https://a.b/c). Then 1.069 ± 0.001.", [6, 2]),
        ("Split\nlines are one.\n\n- an item\n- another, e.g. this\n\n| a | b |\n\n# A heading", [4, 2, 3]),
        ("Before.\n\n```python\nx = 'not a sentence'\n```\n\nAfter it – a dash.", [1, 4]),
        ("Where W = w* + σ v, **bold words** and *leaning* ones count.", [9]),
        ("He asked \"why?\" Nobody knew (or said.) It ended.", [3, 4, 2]),
        ("The diagonal, $$h = 1$$ and `rd.kmeans`.", [5]),
        ("So $$h = 1.$$\nWith it, `code`. `More` code.", [2, 3, 2]),
        ("0.5 nats, d. h. one: two", [6]),
    ],
)  # fmt: skip
def test_the_counter(text: str, counts: list[int]) -> None:
    found = [len(words(sentence)) for block in blocks(text) for sentence in sentences(block)]
    assert found == counts


def test_a_long_sentence_is_found() -> None:
    assert not too_long(" ".join(["word"] * LONGEST) + ".")
    assert too_long(" ".join(["word"] * (LONGEST + 1)) + ".")
