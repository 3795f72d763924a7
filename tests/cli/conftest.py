"""Commands in this process: another one would spend seconds on imports and compile everything again."""

from collections.abc import Callable
from typing import NamedTuple

import matplotlib.pyplot as plt
import pytest

from ratedist.cli import main


class Done(NamedTuple):
    """Exit status and output of a command."""

    status: int
    out: str
    err: str


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
