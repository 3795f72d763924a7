"""Commands are tried through the installed entry point, as a user meets them."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time

import pandas as pd
import pytest

RATEDIST = pathlib.Path(sysconfig.get_path("scripts")) / "ratedist"
# The commands below compile the same programs again and again: let them find what the first one compiled.
COMPILED = {
    "JAX_COMPILATION_CACHE_DIR": tempfile.mkdtemp(prefix="ratedist-compiled-"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
}
SMALL = ["--d", "5", "--n", "9", "--trials", "50", "--max-clusters", "2"]


def ratedist(*arguments: str, cwd: pathlib.Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **COMPILED, "PYTHONWARNINGS": "error"}
    return subprocess.run(
        [RATEDIST, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
    )


def test_figure2_writes_picture_table_and_record(tmp_path: pathlib.Path) -> None:
    done = ratedist("figure2", *SMALL, "--method", "both", "--covariance", "ar1:0.4", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "figures"
    assert sorted(path.name for path in out.iterdir()) == [
        "figure2.csv", "figure2.json", "figure2.pdf", "figure2.png",
    ]  # fmt: skip
    assert (out / "figure2.png").read_bytes().startswith(b"\x89PNG")
    assert (out / "figure2.pdf").read_bytes().startswith(b"%PDF")
    frame = pd.read_csv(out / "figure2.csv")
    assert {"erm", "oracle", "kmeans_optimal", "kmeans_lloyd"} <= set(frame["algorithm"])
    record = json.loads((out / "figure2.json").read_text())
    assert record["precision"] == "float64"
    assert record["configuration"]["covariance"] == "ar1:0.4"
    assert "least population risk at K" in done.stdout
    assert "seconds:" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--n", "51"], "n > d + 1 = 51, got n = 51"),
        (["--n", "3"], "n must be at least d = 50"),
        (["--noise-variance", "nan"], "noise_variance must be finite"),
        (["--covariance", "ar1:1"], "correlation must lie strictly between -1 and 1"),
        (["--covariance", "toeplitz"], 'covariance must be "identity", "ar1:RHO"'),
        (["--max-clusters", "51"], "max_clusters must be at most d = 50, got 51"),
        (["--trials", "many"], "invalid literal for int"),
        (["--method", "best"], "invalid choice 'best'"),
        (["--seed", "9223372036854775808"], "seed must be at most 4294967295, got 9223372036854775808"),
        (["--n", "1000000000000000000000"], "n must be at most 9007199254740992"),
        (["--n", "1000000000000", "--sampler", "dataset"], "GiB, this machine has"),
        (["--d", "100000000", "--n", "200000000"], "GiB, this machine has"),
        (["--colour", "red"], "Unrecognized options: --colour"),
        (["--out", "/dev/null/figures"], "cannot write to /dev/null/figures"),
        (["--out", "/proc/figures"], "cannot write to /proc/figures"),
    ],
)
def test_bad_input_is_one_line_and_status_2(tmp_path: pathlib.Path, arguments, message) -> None:
    done = ratedist("figure2", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_unknown_and_missing_commands() -> None:
    assert ratedist("figure3").returncode == 2
    assert ratedist().returncode == 2
    assert ratedist("--version").stdout.startswith("ratedist 0.")
    done = ratedist("--help")
    assert done.returncode == 0
    assert "figure2" in done.stdout


ENDLESS = ["figure2", "--trials", "100000000", "--d", "5", "--n", "9", "--max-clusters", "2"]


@pytest.mark.parametrize("seconds", [0.15, 0.4, 0.8, 1.3, 2.0, 3.0])
def test_ctrl_c_in_the_first_seconds(tmp_path: pathlib.Path, seconds: float) -> None:
    """While Python, the parser, JAX or the compiler is at work: one line, whatever the moment."""
    process = subprocess.Popen(
        [RATEDIST, *ENDLESS], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    printed, complaint = process.communicate(timeout=60)
    assert (process.returncode, printed) == (130, "")
    assert complaint == "ratedist: interrupted, nothing was written\n"
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_says_what_it_leaves(tmp_path: pathlib.Path) -> None:
    checkpoint = tmp_path / "state.npz"
    process = subprocess.Popen(
        [RATEDIST, *ENDLESS, "--checkpoint", checkpoint.name],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    given_up = time.monotonic() + 120
    while not checkpoint.exists() and time.monotonic() < given_up:
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 130
    assert complaint == "ratedist: interrupted, the same command goes on from the trials in state.npz\n"
    assert [path.name for path in tmp_path.iterdir()] == ["state.npz"]


def test_checkpoint_survives_and_is_taken_up(tmp_path: pathlib.Path) -> None:
    for trials in ("50", "80"):
        command = ("figure2", *SMALL, "--trials", trials, "--checkpoint", "state.npz")
        done = ratedist(*command, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    done = ratedist("figure2", *SMALL, "--seed", "1", "--checkpoint", "state.npz", cwd=tmp_path)
    assert done.returncode == 2
    assert "belongs to another simulation" in done.stderr


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from ratedist.cli import parse\n"
        "try: parse(['figure2', '--help'])\nexcept SystemExit: pass\n"
        "print([name for name in ('jax', 'scipy', 'pandas', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_files_are_quantised_and_inspected_without_jax(tmp_path: pathlib.Path) -> None:
    code = (
        "import sys, numpy as np; from safetensors.numpy import save_file; from ratedist.cli import main\n"
        "save_file({'w': np.random.default_rng(0).normal(size=(40, 50))}, 'm.safetensors')\n"
        "for command in (['quantize', 'm.safetensors', '-o', 'm.rdz'], ['inspect', 'm.rdz'],\n"
        "                ['dequantize', 'm.rdz', '-o', 'back.safetensors']): assert main(command) == 0\n"
        "print('jax' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "False", done.stderr
