"""The help of every command: what it shows, and examples that can be typed as they are."""

import os
import pathlib
import re

import numpy as np
import pytest
from safetensors.numpy import save_file

from ratedist.cli.commands import COMMANDS, main, parse

EXAMPLES = [(name, example) for name, command in COMMANDS.items() for example in command.closing.examples]
# In seconds, without a compilation of their own.
QUICK = {"quantize", "dequantize", "inspect", "audit"}
# Serves until it is interrupted: tests/explorer/test_explore_command.py.
ENDLESS = {"explore"}
# What they download is no part of the package.
WITH_DATA = {"mnist", "cifar10"}


def ids(case: object) -> str:
    return case if isinstance(case, str) else case.does


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Where the examples are typed: it has the files that they name."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    weights = {"layer": generator.normal(size=(64, 64)).astype(np.float32), "bias": np.zeros(64, np.float32)}
    save_file(weights, "model.safetensors")
    return tmp_path


def shown(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_with_its_duration_and_two_examples(name: str, capsys) -> None:
    text = shown(name, capsys)
    closing = str(COMMANDS[name].closing)
    assert text.endswith(f"\n\n{closing}\n")
    assert closing.startswith("How long it takes:\n  ")
    first, second = COMMANDS[name].closing.examples
    assert first != second
    for example in (first, second):
        assert f"\n    {example.typed}" in closing
        assert example.typed.startswith(f"ratedist {name}")


@pytest.mark.parametrize("name", COMMANDS)
def test_an_option_that_need_not_be_given_is_shown_by_what_it_takes(name: str, capsys) -> None:
    text = shown(name, capsys)
    assert "{None}" not in text
    assert "(default: None)" not in text


def test_help_of_all_commands_has_no_example(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "Examples:" not in capsys.readouterr().out


@pytest.mark.parametrize(("given", "expected"), [([], None), (["--d", "7"], 7), (["--d", "none"], None)])
def test_an_option_may_be_given_as_none(given: list[str], expected: int | None) -> None:
    assert parse(["figure2", *given]).config.d == expected


@pytest.mark.parametrize(("given", "expected"), [("none", None), ("1 2", (1.0, 2.0))])
def test_a_pair_may_be_given_as_none(given: str, expected: tuple[float, float] | None) -> None:
    assert parse(["low-rank", "--noise", *given.split()]).config.noise == expected


@pytest.mark.parametrize("given", [[], ["1"], ["a", "b"], ["1", "2", "3"]])
def test_a_pair_is_two_numbers(given: list[str]) -> None:
    words = re.escape(f"--noise must be two numbers with a space between them, got {given}")
    with pytest.raises(ValueError, match=words):
        parse(["low-rank", "--noise", *given])


def test_a_path_or_none(tmp_path: pathlib.Path) -> None:
    assert parse(["figure2", "--checkpoint", "x.npz"]).checkpoint == pathlib.Path("x.npz")
    assert parse(["figure2"]).checkpoint is None


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=ids)
def test_an_example_can_be_typed(name: str, example, folder: pathlib.Path) -> None:
    command = parse(example.arguments)
    assert type(command) is COMMANDS[name]
    if check := getattr(getattr(command, "config", None), "check", None):
        check()


@pytest.mark.parametrize(
    ("name", "example"),
    [
        pytest.param(name, example, marks=[] if name in QUICK else pytest.mark.slow)
        for name, example in EXAMPLES
        if name not in ENDLESS
    ],
    ids=ids,
)
def test_an_example_runs(name: str, example, folder: pathlib.Path, capsys) -> None:
    if name in WITH_DATA and "RATEDIST_DATA_DIR" not in os.environ:
        pytest.skip("needs RATEDIST_DATA_DIR")
    if name in {"dequantize", "inspect", "audit"}:
        assert main(["quantize", "model.safetensors", "-o", "model.rdz"]) == 0
        capsys.readouterr()
    before = set(folder.rglob("*"))
    assert main(example.arguments) == 0
    assert capsys.readouterr().out
    if name not in {"inspect", "audit"} and "--dry-run" not in example.arguments:
        assert set(folder.rglob("*")) > before
