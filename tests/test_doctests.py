"""Examples in docstrings: every public function has one, and it prints what it says."""

import doctest
import importlib
import inspect
import pathlib

import pytest

import ratedist as rd
from tests.cli.conftest import traces_kept  # noqa: F401 - a fixture

ROOT = pathlib.Path(rd.__file__).parent
WITH_EXAMPLES = [
    "ratedist." + ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted(ROOT.rglob("*.py"))
    if ">>> " in path.read_text()
]


ROOMS = ("theory", "networks", "quantizers", "lowrank", "codes", "container", "tensors")
# Each compiles for seconds, after other steps that do. The listing of ``quantize`` has a test of its own.
SHOWN_ELSEWHERE = {
    "rd.networks.fine_tune_centers",
    "rd.networks.quantize",
    "rd.networks.train_member",
    "rd.networks.variational_posterior",
}


def public_functions() -> list[str]:
    doors = {"rd": rd} | {f"rd.{room}": getattr(rd, room) for room in ROOMS}
    # A name that is behind two doors is looked at once.
    functions = {
        getattr(room, name): f"{door}.{name}"
        for door, room in reversed(doors.items())
        for name in room.__all__
        if inspect.isfunction(getattr(room, name))
    }
    return sorted(functions.values())


@pytest.mark.usefixtures("traces_kept")
@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_print_what_they_say(name):
    if name in ("ratedist.codes.bits_back", "ratedist.codes.label_message"):
        pytest.importorskip("constriction")
    module = importlib.import_module(name)
    found = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted > 0
    assert found.failed == 0


def document_of(name: str) -> str:
    return inspect.getdoc(eval(name, {"rd": rd})) or ""


def test_every_public_function_has_an_example():
    names = [name for name in public_functions() if name not in SHOWN_ELSEWHERE]
    assert not [name for name in names if ">>> " not in document_of(name)]


def test_every_parameter_has_a_sentence_of_its_own():
    said_of = [
        (name, parameter)
        for name in public_functions()
        for parameter in inspect.signature(eval(name, {"rd": rd})).parameters
    ]
    assert not [(name, one) for name, one in said_of if f"\n    {one}: " not in document_of(name)]
    # What is said elsewhere cannot be seen in a tooltip.
    elsewhere = ("Args and", "Args, returns", "Args as")
    assert not [(name, one) for name in public_functions() for one in elsewhere if one in document_of(name)]
