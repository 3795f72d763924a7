"""What the first pages show runs as it stands, and what they name exists."""

import functools
import pathlib
import re
import shlex
import tomllib

import pytest

import ratedist as rd
from ratedist.cli.commands import parse

ROOT = pathlib.Path(__file__).parent.parent
PAGES = {name: (ROOT / name).read_text() for name in ("README.md", "CONTRIBUTING.md", "docs/networks.md")}
README = PAGES["README.md"]
SNIPPETS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = sorted({command for page in PAGES.values() for command in re.findall(r"`ratedist ([^`]+)`", page)})
# Named alone, these lack the file that they are about.
NEED_A_FILE = {"quantize", "dequantize", "inspect"}


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("code", SNIPPETS)
def test_snippet_runs(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(code.replace("10_000", "500"), "README.md", "exec"), {})
    assert capsys.readouterr().out


def test_the_two_commands_are_one_line_each() -> None:
    between = README.split("<!-- ci -->")[1].split("<!-- end ci -->")[0]
    assert len(re.findall(r"^python3 .*$", between, flags=re.MULTILINE)) == 2


@pytest.mark.parametrize("page", PAGES)
def test_paths_that_are_linked_exist(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", PAGES[page]):
        assert target.startswith("https://") or (ROOT / page).parent.joinpath(target).exists(), target


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_have_these_options(command: str) -> None:
    if command not in NEED_A_FILE:
        parse(shlex.split(command))


@pytest.mark.parametrize("page", PAGES)
def test_names_of_the_package_exist(page: str) -> None:
    for name in re.findall(r"\brd((?:\.\w+)+)", PAGES[page]):
        functools.reduce(getattr, name[1:].split("."), rd)


def test_each_of_four_readers_has_a_link_and_a_command() -> None:
    rows = re.findall(r"^\| (a .*?) \| (.*?) \| (.*?) \|$", section("Where to begin"), flags=re.MULTILINE)
    assert [row[0].split()[1] for row in rows] == ["researcher", "theorist", "teacher", "practitioner"]
    for _, link, command in rows:
        assert re.fullmatch(r"\[.*\]\(.*\)", link)
        assert command.strip("`").removeprefix("ratedist ") in COMMANDS


def test_question_picture_words_then_commands() -> None:
    order = [
        "?**",
        "figures/two-clusters.png",
        "**ERM**",
        "**Rate**",
        "**Distortion**",
        "<!-- ci -->",
        "```python",
    ]
    places = [README.index(what) for what in [*order, "figures/figure2.png"]]
    assert places == sorted(places)


def test_the_map_names_what_exists() -> None:
    package = ROOT / "ratedist"
    named = re.findall(r"`((?:[a-z_0-9]+/)+(?:\w+\.\w+)?)`", PAGES["CONTRIBUTING.md"])
    assert len(named) > 30
    for path in named:
        if "NAME" in path:
            continue
        assert (package / path).exists() or (ROOT / path).exists(), path


def test_the_map_has_the_rooms_in_their_order() -> None:
    from tests.test_import_order import LAYERS

    table = PAGES["CONTRIBUTING.md"].split("\n## Rooms\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`.*?`) \|", table, flags=re.MULTILINE)
    rooms = [room.rstrip("/") for cell in cells for room in re.findall(r"`(.*?)`", cell)]
    assert rooms == [layer for layer in LAYERS if layer != "__main__"]


def test_one_version() -> None:
    """The number is in the package; the build reads it there, and the other files repeat it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in project["project"]
    assert (ROOT / project["tool"]["hatch"]["version"]["path"]).samefile(rd.__file__)
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {rd.__version__}\n" in citation
    dated = re.search(r"^date-released: (\d{4}-\d\d-\d\d)$", citation, flags=re.MULTILINE)
    assert dated
    assert f"\n## {rd.__version__} – {dated[1]}\n" in (ROOT / "CHANGELOG.md").read_text()


def test_types_are_announced_and_shipped() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "Typing :: Typed" in project["classifiers"]
    assert (ROOT / "ratedist" / "py.typed").exists()
