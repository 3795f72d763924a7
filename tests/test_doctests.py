"""Examples in docstrings: every public function has one, and it prints what it says."""

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


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_print_what_they_say(name):
    if name in ("ratedist.codes.bits_back", "ratedist.codes.label_message"):
        pytest.importorskip("constriction")
    module = importlib.import_module(name)
    found = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize("name", [name for name in public_functions() if name not in SHOWN_ELSEWHERE])
def test_every_public_function_has_an_example(name):
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
