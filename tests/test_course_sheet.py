"""The plan for ninety minutes: its solutions print the numbers beside them, and its links lead on."""

import doctest
import pathlib
import re

import pytest

from tests.cli.conftest import traces_kept  # noqa: F401 - a fixture

COURSE = pathlib.Path(__file__).parent.parent / "docs" / "course"
PLAN, SHEET, SOLUTIONS = (f"ninety-minutes{part}.md" for part in ("", "-problems", "-solutions"))
STATIC = COURSE.parent.parent / "ratedist" / "explorer" / "static"


def text(name: str) -> str:
    return (COURSE / name).read_text()


@pytest.mark.usefixtures("traces_kept")
def test_solutions_print_what_they_say() -> None:
    found = doctest.testfile(str(COURSE / SOLUTIONS), module_relative=False)
    assert found.attempted > 20
    assert found.failed == 0


def test_every_problem_has_its_solution() -> None:
    problems = re.findall(r"^\*\*(Problem \d+ ★+)\.", text(SHEET), flags=re.MULTILINE)
    assert problems == re.findall(r"^## (Problem \d+ ★+)$", text(SOLUTIONS), flags=re.MULTILINE)
    assert [name.split()[2] for name in problems] == sorted(name.split()[2] for name in problems)


@pytest.mark.parametrize("name", [PLAN, SHEET, SOLUTIONS])
def test_what_a_page_names_is_there(name: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", text(name)):
        assert (COURSE / target).exists(), target
    for picture in re.findall(r"`(figures/[^`]+)`", text(name)):
        assert (COURSE.parent.parent / picture).exists(), picture


def test_the_plan_fills_ninety_minutes() -> None:
    spans = re.findall(r"^\| (\d+)–(\d+) \|", text(PLAN), flags=re.MULTILINE)
    ends = [int(end) for _, end in spans]
    assert [int(start) for start, _ in spans] == [0, *ends[:-1]]
    assert ends[-1] == 90


def test_addresses_name_pages_and_controls_of_the_explorer() -> None:
    addresses = re.findall(r"`#(\w+)\?([^`]+)`", text(PLAN))
    assert len(addresses) == 5
    for page, query in addresses:
        script = (STATIC / f"{page}_page.js").read_text()
        assert f"id: '{page}'" in script
        for control in query.split("&"):
            assert f"name: '{control.split('=')[0]}'" in script, control
