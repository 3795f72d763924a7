"""Commands in this process: another one would spend seconds on imports and compile everything again."""

import contextlib
import functools
import operator
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import matplotlib.pyplot as plt
import pytest
import tyro

from ratedist import compilation_cache
from ratedist.cli import main
from ratedist.cli.figure_files import PICTURES


class Done(NamedTuple):
    """Exit status and output of a command."""

    status: int
    out: str
    err: str


@pytest.fixture(scope="session", autouse=True)
def classes_read_once() -> Iterator[None]:
    """Tyro forgets after each command what classes say of their fields; here their source is read once.

    A convenience: a tyro that has no such functions reads it each time.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_docstrings._ClassTokenization.make", "_resolver._get_type_hints_backported_syntax"):
            with contextlib.suppress(ImportError, AttributeError):
                read = functools.cache(operator.attrgetter(name)(tyro))
                patch.setattr(f"tyro.{name}", read)
        yield


@pytest.fixture
def ratedist(
    tmp_path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """Run a command with ``tmp_path`` as the working folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Done:
        capsys.readouterr()
        try:
            status = main(arguments)
        except SystemExit as end:  # of --help
            status = int(end.code or 0)
        plt.close("all")
        return Done(status, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def traces_kept() -> Iterator[None]:
    """What is traced is kept as the installed command keeps it, beside what the tests have compiled.

    Not where a test changes what is traced: the files are named by the source of the package alone.
    """
    folder = os.environ.get("JAX_COMPILATION_CACHE_DIR")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compilation_cache, "_kept_in", folder and pathlib.Path(folder))
        yield


def not_rendered(figures: Iterable[str]) -> dict[str, bytes]:
    """For ``ratedist.cli.figure_files.drawn``: files of no bytes, where others look at those of pictures.

    Figure 2's command and tests/cli/test_figure_files.py write real ones.
    """
    return {f"{name}.{kind}": b"" for name in figures for kind in PICTURES}


def unsettled(patch: pytest.MonkeyPatch, picture: str) -> None:
    """A picture's parts stay where they are: whether its texts have room is seen in tests/plotting."""
    patch.setattr(f"ratedist.plotting.{picture}.settle", lambda figure: None)
