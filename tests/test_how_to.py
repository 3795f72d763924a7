"""Pages of docs/how-to and examples of the documents: what they show runs, and prints what they say."""

import doctest
import functools
import pathlib
import re
import shlex
import subprocess

import pytest

import ratedist as rd
from ratedist.cli import main

DOCS = pathlib.Path(__file__).parent.parent / "docs"
HOW_TO = {path.stem: path.read_text() for path in sorted((DOCS / "how-to").glob("*.md"))}
# Their examples are in the form of doctest.
EXAMPLES = ("description-length.md", "low-rank.md")
# Above a block: it takes long; it is not run; numbers differ from machine to machine.
SLOW, NOT_RUN, IN_KIND = "<!-- slow -->", "<!-- not run -->", "<!-- in kind -->"
# Whole pages: networks are trained, or all that is shown needs a figure that is drawn first.
SLOW_PAGES = {"choose-beta", "compare-compressors", "read-the-tables", "resume-a-long-run"}
BLOCK = re.compile(
    r"(?:^(<!-- [^\n]* -->)\n)?^```(python|sh|text)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE
)
NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
# How long it took.
TIMES = re.compile(r"^seconds: .*\n", flags=re.MULTILINE)


def shell(text: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What the lines print: commands of the package run in this process, others in a shell."""
    printed = ""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] != ["ratedist"]:
            printed += subprocess.run(line, shell=True, check=True, capture_output=True, text=True).stdout
            continue
        target = words[words.index(">") + 1] if ">" in words else None
        status = main(words[1 : words.index(">") if target else None])
        out, err = capsys.readouterr()
        if target:
            pathlib.Path(target).write_text(out)
        else:
            printed += out
        if status:
            printed += "".join(f"{one}\n" for one in err.splitlines() if one.startswith("ratedist: "))
    return printed


def run(page: str, capsys: pytest.CaptureFixture[str], *, slow: bool) -> list[tuple[str, str, str]]:
    """Run the blocks of a page one after the other: marks, what was printed and what the page says."""
    namespace: dict = {}
    printed: str | None = None
    found = []
    for mark, kind, text in BLOCK.findall(page):
        if kind == "text":
            if printed is not None:
                found.append((mark, TIMES.sub("", printed), text))
            printed = None
        elif mark == NOT_RUN or (mark == SLOW and not slow):
            printed = None
        elif kind == "sh":
            printed = shell(text, capsys)
        else:
            exec(compile(text, "how-to", "exec"), namespace)
            printed = capsys.readouterr().out
    return found


def agree(printed: str, said: str, *, numbers: bool) -> bool:
    """The same words, and numbers within two of their last digit."""
    lines = ["\n".join(line.rstrip() for line in text.strip("\n").splitlines()) for text in (printed, said)]
    # Columns are as wide as their numbers.
    words = [re.sub(r"[ -]+", " ", NUMBER.sub("#", text)) for text in lines]
    if words[0] != words[1]:
        return False
    pairs = zip(*(NUMBER.findall(text) for text in lines), strict=True)
    return not numbers or all(_close(*pair) for pair in pairs)


def _close(printed: str, said: str) -> bool:
    value, expected = (float(number.replace(",", "")) for number in (printed, said))
    digits, _, exponent = said.replace(",", "").partition("e")
    last = 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))
    return abs(value - expected) <= 2.001 * last * ("." in digits or bool(exponent))


@pytest.mark.parametrize("name", [name for name in HOW_TO if name not in SLOW_PAGES])
def test_a_page_runs_as_it_stands(name, tmp_path, monkeypatch, capsys) -> None:
    _check(name, tmp_path, monkeypatch, capsys, slow=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name, page in HOW_TO.items() if SLOW in page or name in SLOW_PAGES]
)
def test_a_slow_page_runs_as_it_stands(name, tmp_path, monkeypatch, capsys) -> None:
    _check(name, tmp_path, monkeypatch, capsys, slow=True)


def _check(name, tmp_path, monkeypatch, capsys, *, slow) -> None:
    monkeypatch.chdir(tmp_path)
    found = run(HOW_TO[name], capsys, slow=slow)
    assert found, "the page shows nothing that it prints"
    for mark, printed, said in found:
        assert agree(printed, said, numbers=mark != IN_KIND), f"prints\n{printed}\nand says\n{said}"


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_of_a_document_print_what_they_say(name: str) -> None:
    if name == "description-length.md":
        pytest.importorskip("constriction")
    text = "\n".join(text for _, _, text in BLOCK.findall((DOCS / name).read_text()) if ">>> " in text)
    examples = doctest.DocTestParser().get_doctest(text, {}, name, name, 0)
    found = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(examples)
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize("name", HOW_TO)
def test_a_page_has_the_parts_of_a_page(name: str) -> None:
    page = HOW_TO[name]
    assert page.startswith("# ")
    for part in ("**Goal.** ", "**You need** ", "\n## What can go wrong\n"):
        assert page.count(part) == 1, part
    assert len(page.splitlines()) <= 180


@pytest.mark.parametrize("name", HOW_TO)
def test_what_a_page_names_is_there(name: str) -> None:
    page = HOW_TO[name]
    for target in re.findall(r"\]\(([^)#]+)\)", page):
        assert target.startswith("https://") or (DOCS / "how-to" / target).exists(), target
    for found in re.findall(r"\brd((?:\.\w+)+)", page):
        functools.reduce(getattr, found[1:].split("."), rd)


def test_the_comparison_of_what_is_printed() -> None:
    assert agree("a  1.260 ± 0.010\n", "a 1.261 ± 0.010", numbers=True)
    assert not agree("a 1.260 ± 0.010", "a 1.263 ± 0.010", numbers=True)
    assert agree("a 1.260 ± 0.010", "a 1.263 ± 0.010", numbers=False)
    assert not agree("b 1.260 ± 0.010", "a 1.260 ± 0.010", numbers=False)
    assert not agree("4,777 bytes", "4,778 bytes", numbers=True)
    assert agree("gap 3.3e-05", "gap 3.4e-05", numbers=True)
    assert not agree("", "a line", numbers=False)


def test_blocks_that_are_not_run_are_skipped(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    page = "<!-- not run -->\n```sh\nfalse\n```\n\n```python\nprint(1)\n```\n\n```text\n2\n```\n"
    assert run(page, capsys, slow=False) == [("", "1\n", "2\n")]
