"""Examples in docstrings: every function of the front door has one, and it prints what it says."""

import doctest
import importlib
import inspect
import pathlib

import pytest

import ratedist as rd

ROOT = pathlib.Path(rd.__file__).parent
WITH_EXAMPLES = [
    "ratedist." + ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted(ROOT.rglob("*.py"))
    if ">>> " in path.read_text()
]


def public_functions() -> list[str]:
    doors = {"rd": rd, "rd.theory": rd.theory}
    return [
        f"{door}.{name}"
        for door, room in doors.items()
        for name in room.__all__
        if inspect.isfunction(getattr(room, name))
    ]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_print_what_they_say(name):
    module = importlib.import_module(name)
    found = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize("name", public_functions())
def test_every_function_of_the_front_door_has_an_example(name):
    function = eval(name, {"rd": rd})
    assert ">>> " in str(function.__doc__)


@pytest.mark.parametrize("name", public_functions())
def test_every_parameter_has_a_sentence_of_its_own(name):
    function = eval(name, {"rd": rd})
    document = inspect.getdoc(function) or ""
    for parameter in inspect.signature(function).parameters:
        assert f"\n    {parameter}: " in document, f"{name} says nothing of {parameter}"
    # What is said elsewhere cannot be seen in a tooltip.
    for word in ("Args and", "Args, returns", "Args as"):
        assert word not in document
