"""Every option of every command at extreme values: exit status 0 or 2 and one line, or still at work.

    python benchmarks/fuzz_commands.py [--seconds 20] [--only figure2]

Each case runs in a process of its own, forked after the imports, with 12 GiB of address space. Exit status 1
if a case ended otherwise: a traceback, an abort, a death by signal.
"""

import argparse
import collections
import contextlib
import dataclasses
import os
import pathlib
import resource
import signal
import sys
import tempfile
import time
import typing

import jax  # noqa: F401 - imported before the forks, its backend starts in each
import matplotlib.figure  # noqa: F401
import numpy as np
import pandas as pd  # noqa: F401

from ratedist.cli import main as ratedist
from ratedist.cli.main import COMMANDS

MEMORY = 12 * 2**30
INTEGERS = [
    "-1",
    "0",
    "1",
    "3",
    "2147483648",
    "4294967296",
    "9223372036854775808",
    "1" + "0" * 30,
    "1.5",
    "x",
    "",
]
NUMBERS = ["nan", "inf", "-inf", "-1", "0", "1", "5e-324", "1e-30", "1e30", "1e308", "x", ""]
TEXTS = ["", "x", "é\x1b[31m", "-", "/dev/null", "/dev/full", "missing/folder/file", ".", "*", "a" * 300]
SMALL = {
    "figure2": ["--d", "5", "--n", "9", "--trials", "20", "--max-clusters", "2"],
    "rate-distortion": ["--d", "3", "--n", "8", "--points", "3"],
    "diameter": ["--d", "5", "--n", "9", "--trials", "20", "--clusters", "2", "--diameter-penalties", "1",
                 "--w-star", "two-level", "--certified-trials", "1"],
    "verify": ["--trials", "20", "--only", "lemma-3"],
    "mnist": ["--models", "1", "--epochs", "1", "--clusters", "2", "--block-length", "1"],
    "cifar10": ["--models", "1", "--epochs", "1", "--clusters", "2", "--block-length", "1"],
    "digits": ["--models", "1", "--epochs", "1", "--clusters", "2", "--block-length", "1"],
    "quantize": ["model.safetensors", "--out", "out.rdz"],
    "dequantize": ["good.rdz", "--out", "back.safetensors"],
    "inspect": ["good.rdz"],
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--only", action="append", default=[])
    options = parser.parse_args()
    seen: collections.Counter[tuple[str, str]] = collections.Counter()
    bad = 0
    for command in options.only or COMMANDS:
        for arguments in cases(command):
            outcome = run([command, *arguments], options.seconds)
            seen[command, outcome] += 1
            if outcome not in ("0", "2", "still at work"):
                bad += 1
                print(f"{outcome}: {command} {' '.join(map(repr, arguments))}", flush=True)
        print(command, {what: count for (name, what), count in seen.items() if name == command}, flush=True)
    return int(bad > 0)


def cases(command: str) -> list[list[str]]:
    """The small command as it is, then with one option after the other at each extreme value."""
    found = [SMALL[command]]
    for name, kind in option_kinds(COMMANDS[command]):
        for value in values(kind):
            base = without(SMALL[command], name)
            found.append([*base, *([] if value is None else [f"--{name}={value}"])])
    return found


def option_kinds(record: type) -> list[tuple[str, object]]:
    """Options of a command by name, those of nested records included."""
    kinds = []
    hints = typing.get_type_hints(record)
    for field in dataclasses.fields(record):
        if dataclasses.is_dataclass(hints[field.name]):
            kinds += option_kinds(hints[field.name])
        else:
            kinds.append((field.name.replace("_", "-"), hints[field.name]))
    return kinds


def values(kind: object) -> list[str]:
    text = str(kind)
    return INTEGERS if "int" in text else NUMBERS if "float" in text else TEXTS


def without(arguments: list[str], name: str) -> list[str]:
    """The arguments but those of one option."""
    if f"--{name}" not in arguments:
        return arguments
    place = arguments.index(f"--{name}")
    return arguments[:place] + arguments[place + 2 :]


def run(arguments: list[str], seconds: float) -> str:
    """Exit status of a case, or what it died of."""
    with tempfile.TemporaryDirectory() as folder:
        process = os.fork()
        if process == 0:
            os.setpgrp()
            os.chdir(folder)
            output = os.open("output.txt", os.O_CREAT | os.O_RDWR)
            os.dup2(output, 1)
            os.dup2(output, 2)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            status = 99
            try:
                prepare()
                status = ratedist(arguments)
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else 1
            except BaseException as error:
                print(f"{type(error).__name__}: {error}")
            finally:
                sys.stdout.flush()
                os._exit(status)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            done, status = os.waitpid(process, os.WNOHANG)
            if done:
                code = os.waitstatus_to_exitcode(status)
                output = pathlib.Path(folder, "output.txt").read_text(errors="replace")
                lines = output.strip().splitlines()
                return str(code) if code in (0, 2) else f"status {code} ({lines[-1][:150] if lines else ''})"
            time.sleep(0.02)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)
        os.waitpid(process, 0)
        return "still at work"


def prepare() -> None:
    """The files that the commands on files read."""
    from ratedist.container import Entry, encode_header, write_tensor_file

    rng = np.random.default_rng(0)
    arrays = {"a": rng.normal(size=(40, 50)), "b": rng.normal(size=(3,))}
    entries = {name: Entry("F64", array.shape) for name, array in arrays.items()}
    write_tensor_file(
        "model.safetensors", entries, encode_header(entries, {}), lambda name: [arrays[name].tobytes()]
    )
    with contextlib.redirect_stdout(None):
        ratedist(["quantize", "model.safetensors", "--out", "good.rdz", "-k", "4"])


if __name__ == "__main__":
    sys.exit(main())
