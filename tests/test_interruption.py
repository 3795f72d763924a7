"""Signals: the process ends at once, in one line, with no temporary file and no exception."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ratedist import interruption

SETUP = """
import pathlib, sys, time
from ratedist.interruption import end_on_signals, keep, register_temporary
end_on_signals()
temporary = pathlib.Path(sys.argv[1])
register_temporary(str(temporary))
temporary.write_text("half")
"""
READY = "print('ready', flush=True)\n"
WORK = {
    "waiting": READY + "time.sleep(600)",
    "computing in Python": READY + "while True: pass",
    "computing in NumPy": "import numpy as np\n" + READY + "while True: np.ones((500, 500)) @ np.eye(500)",
    "swallowing": READY + "while True:\n try: time.sleep(1)\n except BaseException: pass",
    "importing": READY + "import jax, scipy.stats, pandas, matplotlib.pyplot; time.sleep(600)",
}


IGNORED = ("sh", "-c", 'trap "" INT; exec "$0" "$@"')


@contextlib.contextmanager
def started(script: str, *arguments: str, before: tuple[str, ...] = ()) -> Iterator[subprocess.Popen[str]]:
    """A process that has said that it is ready; it is killed at the end, whatever has failed meanwhile."""
    command = [*before, sys.executable, "-c", script, *arguments]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen(command, text=True, **pipes)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize(("number", "word"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")])
def test_ends_at_once(tmp_path: pathlib.Path, work: str, number: signal.Signals, word: str) -> None:
    temporary = tmp_path / ".half.tmp"
    with started(SETUP + WORK[work], str(temporary)) as process:
        process.send_signal(number)
        _, complaint = process.communicate(timeout=300)  # before any of them ends by itself
    assert process.returncode == 128 + number
    assert complaint == f"ratedist: {word}, nothing was written\n"
    assert not temporary.exists()


def test_ignored_signals_stay_ignored(tmp_path: pathlib.Path) -> None:
    script = SETUP + "print('ready', flush=True); print(sys.stdin.readline())"
    with started(script, str(tmp_path / "t"), before=IGNORED) as process:
        process.send_signal(signal.SIGINT)
        assert process.communicate("done", timeout=300) == ("done\n", "")
    assert process.returncode == 0


def test_what_remains_is_said_only_if_it_is_there(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interruption, "_kept", None)
    assert interruption.remains() == "nothing was written"
    folder = tmp_path / "networks"
    interruption.keep(folder, "it goes on")
    assert interruption.remains() == "nothing was written"
    folder.mkdir()
    assert interruption.remains() == "nothing was written"
    (folder / "network").touch()
    assert interruption.remains() == "it goes on"
    interruption.keep(folder / "network", "from the file")
    assert interruption.remains() == "from the file"
    os.remove(folder / "network")
    assert interruption.remains() == "nothing was written"
