"""Every option of every command at extreme values: exit status 0 or 2 and one line, or still at work.

    python benchmarks/fuzz_commands.py [--seconds 20] [--only figure2] [--option seed]

Each case runs in a process of its own, forked after the imports, with 12 GiB of address space. They share a
compilation cache, which the first case of each command fills. Exit status 1 if a case ended otherwise: a
traceback, an abort, a death by signal, NaN or infinity in what it says, files left behind where nothing was
to be written, an input that is not what it was.
"""

import argparse
import collections
import contextlib
import dataclasses
import importlib
import os
import pathlib
import re
import resource
import signal
import sys
import tempfile
import time
import typing

import jax  # imported before the forks, its backend starts in each
import matplotlib.figure  # noqa: F401
import numpy as np
import pandas as pd  # noqa: F401

from ratedist.cli import main as ratedist
from ratedist.cli.commands import COMMANDS

MEMORY = 12 * 2**30
# Of the first case of a command, which compiles for the others.
FIRST_SECONDS = 300.0
# Imported before the forks too.
MODULES = (
    "experiments.diameter",
    "experiments.networks",
    "experiments.network_summary",
    "experiments.network_report",
    "plotting.networks",
    "plotting.diameter",
    "plotting.style",
)
NOT_A_NUMBER = re.compile(r"(?<![\w.])[-+±]?(nan|inf|infinity)(?!\w)", re.IGNORECASE)
# What an interrupted run goes on from.
KEPT = re.compile(r"(mnist|cifar10|digits)-\d{3}")
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
NETWORK = ["--models", "1", "--epochs", "1", "--clusters", "2", "--block-length", "1", "--sweep-beta", "0",
           "--relative-beta", "0.01", "--curvature-images", "20", "--train-images", "20"]  # fmt: skip
SMALL = {
    "two-clusters": ["--trials", "20"],
    "figure2": ["--d", "5", "--n", "9", "--trials", "20", "--max-clusters", "2"],
    "rate-distortion": ["--d", "3", "--n", "8", "--points", "3"],
    "diameter": ["--d", "5", "--n", "9", "--trials", "20", "--clusters", "2", "--diameter-penalties", "1",
                 "--w-star", "two-level", "--certified-trials", "1"],
    "verify": ["--trials", "20", "--only", "lemma-3"],
    "mnist": [*NETWORK, "--fraction", "0.002"],
    "cifar10": [*NETWORK, "--fraction", "0.002"],
    "digits": NETWORK,
    "description-length": ["--d", "5", "--n", "9", "--trials", "20", "--max-clusters", "2", "--scales", "1"],
    "low-rank": ["--o", "3", "--d", "4", "--n", "9", "--rank", "1", "--trials", "20"],
    "compare": ["--d", "8", "--n", "14", "--trials", "20", "--rates", "1"],
    "quantize": ["model.safetensors", "--out", "out.rdz"],
    "dequantize": ["good.rdz", "--out", "back.safetensors"],
    "inspect": ["good.rdz"],
    "explore": ["--no-browser"],
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--option", action="append", default=[])
    options = parser.parse_args()
    for name in MODULES:
        importlib.import_module(f"ratedist.{name}")
    with tempfile.TemporaryDirectory() as cache:
        jax.config.update("jax_compilation_cache_dir", cache)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        return fuzz(options.only or list(COMMANDS), options.option, options.seconds)


def fuzz(commands: list[str], names: list[str], seconds: float) -> int:
    """Run the cases of commands, of all options or of those named; 1 if one ended badly."""
    seen: collections.Counter[tuple[str, str]] = collections.Counter()
    bad = 0
    for command in commands:
        for place, arguments in enumerate(cases(command, names)):
            outcome = run([command, *arguments], seconds if place else max(seconds, FIRST_SECONDS))
            seen[command, outcome] += 1
            # Of so few trials verify says "undecided", with the status that its help names.
            undecided = command == "verify" and outcome.startswith("status 1 ")
            if outcome not in ("0", "2", "still at work") and not undecided:
                bad += 1
                print(f"{outcome}: {command} {' '.join(map(repr, arguments))}", flush=True)
        print(command, {what: count for (name, what), count in seen.items() if name == command}, flush=True)
    return int(bad > 0)


def cases(command: str, names: list[str]) -> list[list[str]]:
    """The small command as it is, then with one option after the other at each extreme value."""
    found = [SMALL[command]]
    for name, kind in option_kinds(COMMANDS[command]):
        if names and name not in names:
            continue
        for value in values(kind):
            base = without(SMALL[command], name)
            found.append([*base, *([] if value is None else [f"--{name}={value}"])])
    return found


def option_kinds(record: type) -> list[tuple[str, object]]:
    """Options of a command by name, those of nested records included."""
    kinds = []
    hints, noted = typing.get_type_hints(record), typing.get_type_hints(record, include_extras=True)
    for field in dataclasses.fields(record):
        kind, notes = hints[field.name], getattr(noted[field.name], "__metadata__", ())
        if dataclasses.is_dataclass(kind):
            kinds += option_kinds(hints[field.name])
            continue
        # A field may have another name on the command line, as num_trials does.
        names = [name for one in notes if (name := getattr(one, "name", None))]
        kinds.append((*(names or [field.name.replace("_", "-")]), kind))
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
                before = prepare()
                status = ratedist(arguments)
                sys.stdout.flush()
                status = 98 if status in (0, 2) and complaint(before, status, arguments) else status
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
                return str(code) if code in (0, 2) else f"status {code} ({lines[-1][:300] if lines else ''})"
            time.sleep(0.02)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)
        os.waitpid(process, 0)
        return "still at work"


def complaint(before: dict[str, bytes], status: int, arguments: list[str]) -> bool:
    """Whether a case that ended well has left something wrong; if so, print what."""
    found = []
    files = {str(path): path for path in pathlib.Path().rglob("*")}
    found += [
        f"changed {name}" for name, content in before.items() if pathlib.Path(name).read_bytes() != content
    ]
    if status == 0:
        text = pathlib.Path("output.txt").read_text(errors="replace")
        text += "".join(
            path.read_text()
            for name, path in files.items()
            if name.endswith(".json") and not KEPT.match(path.name)
        )
        found += [f"not a number: {text[max(one.start() - 60, 0) : one.end() + 20]!r}"
                  for one in NOT_A_NUMBER.finditer(text)][:1]  # fmt: skip
        litter = [
            name
            for name in files
            if name.endswith((".tmp", ".part", "~")) or pathlib.Path(name).name[0] == "."
        ]
    else:
        kept = {parent for path in files.values() if KEPT.match(path.name) for parent in path.parents}
        litter = [
            name for name, path in files.items()
            if name not in {*before, "output.txt"} and not KEPT.match(path.name) and path not in kept
        ]  # fmt: skip
    found += [f"left behind: {litter}"] if litter else []
    if found:
        print("; ".join(found))
    return bool(found)


def prepare() -> dict[str, bytes]:
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
    return {name: pathlib.Path(name).read_bytes() for name in ("model.safetensors", "good.rdz")}


if __name__ == "__main__":
    sys.exit(main())
