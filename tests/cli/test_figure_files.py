"""The ritual of the commands that draw: nothing is computed in vain, and all files come together."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import get_type_hints

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from ratedist.cli import figure2
from ratedist.cli.commands import COMMANDS, parse
from ratedist.cli.figure_files import drawn, with_note, write_figure
from ratedist.cli.process_options import ALONE, ProcessOptions
from ratedist.experiments.model_options import trials_in_words
from ratedist.experiments.stopwatch import Stopwatch
from ratedist.experiments.table import Table


def table() -> Table:
    return Table(pd.DataFrame({"x": [1.0, 2.0]}), {"standard_error_note": "beware", "found": 3})


def draw(table: Table) -> plt.Figure:
    figure, axes = plt.subplots()
    axes.plot(table.frame["x"])
    return figure


def say(record: dict) -> str:
    return f"found {record['found']}"


def test_four_files_and_what_is_said(tmp_path, capsys) -> None:
    write_figure(tmp_path / "new", "name", table, draw, say, needs_jax=False)
    files = {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()}
    assert sorted(files) == ["name.csv", "name.json", "name.pdf", "name.png"]
    assert files["name.png"].startswith(b"\x89PNG")
    assert files["name.csv"] == b"x\n1.0\n2.0\n"
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["found 3", "note: beware", f"written: {tmp_path}/new/name.png, .pdf, .csv, .json"]
    assert lines[3].startswith("seconds: ")


def test_nothing_is_computed_for_a_place_that_cannot_be_written(tmp_path) -> None:
    def never() -> Table:
        raise AssertionError

    (tmp_path / "name.pdf").mkdir()
    with pytest.raises(ValueError, match=r"name.pdf: it is a folder"):
        write_figure(tmp_path, "name", never, draw, say, needs_jax=False)
    with pytest.raises(ValueError, match="must not take the place of the input"):
        write_figure(tmp_path, "other", never, draw, say, inputs=[tmp_path / "other.csv"], needs_jax=False)


def test_nothing_is_written_by_a_run_that_fails(tmp_path) -> None:
    def broken(table: Table) -> plt.Figure:
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        write_figure(tmp_path, "name", table, broken, say, needs_jax=False)
    assert list(tmp_path.iterdir()) == []


def test_pictures_and_titles() -> None:
    assert sorted(drawn({"a": draw(table()), "b": draw(table())})) == ["a.pdf", "a.png", "b.pdf", "b.png"]
    assert not plt.get_fignums()
    assert with_note("title", {"standard_error_note": "beware"}) == "title\nbeware"
    assert with_note("title", {"standard_error_note": ""}) == "title"


def test_a_stopwatch_adds_up() -> None:
    stopwatch = Stopwatch("never")
    for _ in range(2):
        with stopwatch.during("inside"):
            time.sleep(0.01)
    stopwatch.lap("all")
    assert stopwatch.counts == {"never": 0, "inside": 2, "all": 1}
    assert stopwatch.seconds["never"] == 0
    assert 0.02 <= stopwatch.seconds["inside"] <= stopwatch.seconds["all"] <= stopwatch.total
    assert str(stopwatch).startswith("seconds: ")
    assert ": never 0.0, inside " in str(stopwatch)


@pytest.mark.parametrize("name", ["figure2", "two-clusters", "diameter", "verify"])
def test_trials_on_the_command_line_are_num_trials(name: str) -> None:
    command = parse([name, "--trials", "77"])
    holder = getattr(command, "config", command)
    assert holder.num_trials == 77
    assert "num_trials" in get_type_hints(type(holder))
    assert type(command) is COMMANDS[name]


@pytest.mark.parametrize(
    ("largest", "why"),
    [
        (0.01, "by --target-sem 0.01"),
        (0.02, "by --max-trials: a standard error is 0.02, above --target-sem 0.01"),
    ],
)
def test_why_a_run_has_ended(largest: float, why: str) -> None:
    """Not by an error that it has not reached."""
    best = {"num_clusters": 2, "population_risk": 1.0, "population_risk_sem": largest}
    best |= {"minus_erm": -0.5, "minus_erm_sem": largest}
    record = {
        "configuration": {"num_trials": 2, "target_sem": 0.01, "d": 8, "max_clusters": 4},
        "num_trials": 2048,
        "largest_standard_error": largest,
        "best": {"kmeans_optimal": best},
    }
    assert figure2.summary(record).splitlines()[0] == f"ended after 2,048 trials, {why}"
    assert "until no standard error of a risk is above 0.01, at most 5,000," in trials_in_words(2, 0.01, 5000)


class Other(ProcessOptions):
    """A process that is not the first of several."""

    def join(self) -> None: ...

    def by_first(self, work: Callable[[], object]) -> bool:
        return False


def test_a_checkpoint_has_to_be_writable_where_it_is_written(tmp_path) -> None:
    """The first process alone looks at it, when it has met the others: what it refuses, all refuse."""
    for together, ended in ((ALONE, pytest.raises(ValueError, match="folder")), (Other(), nullcontext())):
        computed = []
        with ended:
            write_figure(
                tmp_path / "new", "name", lambda: computed.append(1) or table(), draw, say,  # noqa: B023
                needs_jax=False, checkpoint=tmp_path, together=together,
            )  # fmt: skip
        assert len(computed) == (together is not ALONE)
    assert not (tmp_path / "new").exists()
