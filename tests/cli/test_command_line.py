"""The installed command as a user meets it: what it answers, whatever it is given and whenever it ends."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator

import pandas as pd
import pytest

from ratedist.cli.commands import COMMANDS
from tests.cli.conftest import unsettled

RATEDIST = pathlib.Path(sysconfig.get_path("scripts")) / "ratedist"
# A batch of trials and the sizes of other tests, so that all of them share what is compiled.
SMALL = ["--d", "6", "--n", "9", "--trials", "256", "--max-clusters", "3"]
# A torn entry of the compilations that tests share is no fault of a command.
WARNINGS = "error,ignore:Error reading persistent compilation cache entry"


def installed(*arguments: str, cwd: pathlib.Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONWARNINGS": WARNINGS}
    return subprocess.run(
        [RATEDIST, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
    )


@pytest.mark.usefixtures("traces_kept")
def test_figure2_writes_picture_table_and_record(ratedist, tmp_path: pathlib.Path) -> None:
    done = ratedist("figure2", *SMALL, "--noise-variance", "0.5")
    assert (done.status, done.err) == (0, "")
    out = tmp_path / "figures"
    assert sorted(path.name for path in out.iterdir()) == [
        "figure2.csv", "figure2.json", "figure2.pdf", "figure2.png",
    ]  # fmt: skip
    assert (out / "figure2.png").read_bytes().startswith(b"\x89PNG")
    assert (out / "figure2.pdf").read_bytes().startswith(b"%PDF")
    frame = pd.read_csv(out / "figure2.csv")
    assert {"erm", "oracle", "kmeans_optimal"} <= set(frame["algorithm"])
    record = json.loads((out / "figure2.json").read_text())
    assert record["precision"] == "float64"
    assert record["configuration"]["noise_variance"] == 0.5
    assert "least population risk at K" in done.out
    assert "seconds:" in done.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--n", "51"], "n > d + 1 = 51, got n = 51"),
        (["--n", "3"], "n must be at least d = 50"),
        (["--noise-variance", "nan"], "noise_variance must be finite"),
        (["--covariance", "ar1:1"], "correlation must lie strictly between -1 and 1"),
        (["--covariance", "toeplitz"], 'covariance must be "identity", "ar1:RHO"'),
        (["--max-clusters", "51"], "max_clusters must be at most d = 50, got 51\n"),
        (["--d", "5"], "max_clusters must be at most d = 5, got 16, its default"),
        (["--trials", "many"], "--trials must be an integer, got 'many'"),
        (["--trials", "1"], "ratedist: --trials must be at least 2, got 1"),
        (["--d", "few"], "--d must be an integer, got 'few'"),
        (["--noise-variance", "it's"], """--noise-variance must be a number, got "it's\""""),
        (["--method", "best"], "--method must be one of optimal, lloyd, both, got 'best'"),
        (["--seed", "9223372036854775808"], "seed must be at most 4294967295, got 9223372036854775808"),
        (["--n", "1000000000000000000000"], "n must be at most 9007199254740992"),
        (["--n", "1000000000000", "--sampler", "dataset"], "GiB, this machine has"),
        (["--colour", "red"], "figure2 has no option --colour (see ratedist figure2 --help)"),
        (["--out", "/dev/null/figures"], "cannot write to /dev/null/figures"),
        (["--out", "/proc/figures"], "cannot write to /proc/figures"),
    ],
)
def test_bad_input_is_one_line_and_status_2(ratedist, tmp_path: pathlib.Path, arguments, message) -> None:
    done = ratedist("figure2", *arguments)
    assert (done.status, done.out) == (2, "")
    assert message in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_complaint_of_the_installed_command(tmp_path: pathlib.Path) -> None:
    """In a process of its own, because w* alone takes 0.8 GB."""
    done = installed("figure2", "--d", "100000000", "--n", "200000000", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"ratedist: .* GiB, this machine has .*\n", done.stderr)
    assert list(tmp_path.iterdir()) == []


def test_unknown_commands(ratedist) -> None:
    for name, near in (("figure3", "figure2"), ("figure", "figure2"), ("Figure2", "figure2"), ("help", "")):
        done = ratedist(name, "--trials", "4")
        assert done.status == 2
        meant = f" (did you mean {near}?)" if near else ""
        assert done.err.startswith(f"ratedist: no command '{name}'{meant}; the commands are two-clusters, ")
        assert len(done.err.splitlines()) == 1
        assert all(command in done.err for command in COMMANDS)
    assert ratedist("two_clusters", "--help").status == 0
    assert ratedist("--version").out.startswith("ratedist 0.")
    done = ratedist("--help")
    assert done.status == 0
    assert "figure2" in done.out
    assert "ratedist --version" in done.out


def test_no_command_is_an_overview(ratedist) -> None:
    done = ratedist()
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert [line.split()[0] for line in lines[2:-3]] == list(COMMANDS)
    assert all(len(line.split(maxsplit=1)[1]) > 20 and len(line) <= 120 for line in lines[2:-3])
    assert lines[-2] == "The version: ratedist --version"
    assert lines[-1] == "The options of one: ratedist COMMAND --help"


# Many batches of what is traced soonest.
MANY = ["figure2", "--trials", "8191", "--d", "6", "--n", "9", "--max-clusters", "1"]


@contextlib.contextmanager
def started(*arguments: object, **options) -> Iterator[subprocess.Popen[str]]:
    """A process that is killed at the end, whatever has failed meanwhile."""
    process = subprocess.Popen(
        [str(argument) for argument in arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


# The installed command, which says on its way that it has come to where the signal is to hit it. Nothing that
# it compiles is kept: an entry that is torn would stay.
ANNOUNCING = """
import os, sys

def announce():
    os.write(2, b"there\\n")

stage = sys.argv.pop(1)
from ratedist import __main__, interruption
end_on_signals = interruption.end_on_signals

def end_and_announce():
    end_on_signals()
    if stage == "start":
        announce()
    if stage == "compiler":
        import jax
        there = []
        def listen(event, seconds, **rest):
            if event == "/jax/core/compile/jaxpr_to_mlir_module_duration" and not there:
                there.append(event)
                announce()
        jax.monitoring.register_event_duration_secs_listener(listen)

def hear(event, arguments):
    if event == "import" and arguments[0] == stage:
        announce()

interruption.end_on_signals = end_and_announce
sys.addaudithook(hear)
__main__.entry_point()
"""


@pytest.mark.parametrize(
    "stage",
    [
        "start",
        "tyro",
        "compiler",
        *(pytest.param(one, marks=pytest.mark.slow) for one in ("jax", "ratedist.simulation.engine")),
    ],
)
def test_ctrl_c_in_the_first_seconds(tmp_path: pathlib.Path, stage: str) -> None:
    """While Python, the parser, JAX or the compiler is at work: one line, whatever the moment."""
    environment = {**os.environ, "JAX_ENABLE_COMPILATION_CACHE": "false"}
    command = (sys.executable, "-c", ANNOUNCING, stage, *MANY)
    with started(*command, cwd=tmp_path, env=environment) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "there\n"
        process.send_signal(signal.SIGINT)
        printed, complaint = process.communicate(timeout=300)
    assert (process.returncode, printed) == (130, "")
    assert complaint == "ratedist: interrupted, nothing was written\n"
    assert list(tmp_path.iterdir()) == []


# The installed command, which saves after each batch rather than every few seconds, and gets the signal then.
SAVING = """
import os, signal
from ratedist import __main__
from ratedist.simulation import checkpoint, runner

save = checkpoint.Checkpoint.save

def save_and_interrupt(self, state, **options):
    save(self, state, **options)
    if state.num_trials == 512:
        os.kill(os.getpid(), signal.SIGINT)

assert runner.CHECKPOINT_SECONDS > 0
runner.CHECKPOINT_SECONDS = 0
checkpoint.Checkpoint.save = save_and_interrupt
__main__.entry_point()
"""


def test_ctrl_c_says_what_it_leaves(tmp_path: pathlib.Path) -> None:
    command = (sys.executable, "-c", SAVING, *MANY, "--checkpoint", "state.npz")
    with started(*command, cwd=tmp_path) as process:
        _, complaint = process.communicate(timeout=300)
    assert process.returncode == 130
    assert complaint == "ratedist: interrupted, the same command goes on from the trials in state.npz\n"
    assert [path.name for path in tmp_path.iterdir()] == ["state.npz"]


@pytest.mark.usefixtures("traces_kept")
def test_checkpoint_survives_and_is_taken_up(ratedist, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ratedist.cli.figure_files.drawn", lambda figures: {})  # seconds of other tests
    unsettled(monkeypatch, "figure2")
    for trials in ("256", "300"):
        command = ("figure2", *SMALL, "--trials", trials, "--checkpoint", "state.npz")
        done = ratedist(*command)
        assert done.status == 0, done.err
    done = ratedist("figure2", *SMALL, "--seed", "1", "--checkpoint", "state.npz")
    assert done.status == 2
    assert "belongs to another simulation" in done.err


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from ratedist.cli import parse\n"
        "try: parse(['figure2', '--help'])\nexcept SystemExit: pass\n"
        "print([name for name in ('jax', 'scipy', 'pandas', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        *(pytest.param([option], 0, marks=pytest.mark.slow) for option in ("--version", "--help")),
        (["no-command"], 2),
    ],
)
def test_nothing_is_looked_for_at_the_end(arguments: list[str], status: int) -> None:
    """As it ends, Python collects garbage among all that was imported, unless it is told not to."""
    code = (
        "import atexit, gc, sys; from ratedist.__main__ import entry_point\n"
        "atexit.register(lambda: print(gc.get_freeze_count() > 10_000))\n"
        f"sys.argv[1:] = {arguments}; entry_point()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (status, "True"), done.stderr


def test_files_are_quantised_and_inspected_without_jax(tmp_path: pathlib.Path) -> None:
    code = (
        "import sys, numpy as np; from safetensors.numpy import save_file; from ratedist.cli import main\n"
        "save_file({'w': np.random.default_rng(0).normal(size=(40, 50))}, 'm.safetensors')\n"
        "for command in (['quantize', 'm.safetensors', '-k', '2', '-o', 'm.rdz'], ['inspect', 'm.rdz'],\n"
        "                ['dequantize', 'm.rdz', '-o', 'back.safetensors']): assert main(command) == 0\n"
        "print('jax' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.stdout.splitlines()[-1] == "False", done.stderr
