"""``ratedist COMMAND``: one line for whatever goes wrong, and nothing half-written."""

from __future__ import annotations

import contextlib
import difflib
import importlib.metadata
import inspect
import io
import os
import re
import sys
from collections.abc import Sequence
from typing import Protocol

import tyro

from ratedist.cli.diameter import DiameterCommand
from ratedist.cli.figure2 import Figure2Command
from ratedist.cli.inspect_file import InspectCommand
from ratedist.cli.networks import Cifar10Command, DigitsCommand, MnistCommand
from ratedist.cli.quantize import DequantizeCommand, QuantizeCommand
from ratedist.cli.rate_distortion import RateDistortionCommand
from ratedist.cli.two_clusters import TwoClustersCommand
from ratedist.cli.verify import VerifyCommand

BAD_INPUT = 2
DESCRIPTION = "The rate-distortion theory of model compression."
VERSION_HINT = "The version: ratedist --version"
# The one field whose flag is another word.
TRIALS_FIELD, TRIALS_FLAG = re.compile(r"^num_trials\b"), "--trials"
# What the parser says of a value that is no number, and what it stands for.
QUOTED = r"(?P<got>['\"].*['\"])"
NO_NUMBER = tuple(
    re.compile(rf"Error parsing (?P<flag>.*): {reason}")
    for reason in (
        rf"no type matching .*\b(?P<kind>FLOAT|INT) could be instantiated from \[{QUOTED}\]\.",
        rf"could not convert string to (?P<kind>float): {QUOTED}",
        rf"invalid literal for (?P<kind>int)\(\) with base 10: {QUOTED}",
    )
)
KINDS = {"float": "a number", "int": "an integer"}

COMMANDS = {
    "two-clusters": TwoClustersCommand,
    "figure2": Figure2Command,
    "rate-distortion": RateDistortionCommand,
    "diameter": DiameterCommand,
    "quantize": QuantizeCommand,
    "dequantize": DequantizeCommand,
    "inspect": InspectCommand,
    "verify": VerifyCommand,
    "mnist": MnistCommand,
    "cifar10": Cifar10Command,
    "digits": DigitsCommand,
}


class Command(Protocol):
    """Options of one command, and what it does with them; ``run`` may return an exit status."""

    def run(self) -> int | None: ...


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; ``arguments`` as in ``sys.argv[1:]``. Returns the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments:
        print(overview())
        return 0
    if list(arguments) == ["--version"]:
        print(f"ratedist {importlib.metadata.version('ratedist')}")
        return 0
    try:
        return parse(arguments).run() or 0
    except BrokenPipeError:  # the reader of our output has gone (`| head`); say nothing more to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError) as error:
        return _complain(TRIALS_FIELD.sub(TRIALS_FLAG, str(error)))
    except MemoryError as error:
        return _complain(f"not enough memory: {error}")
    except RuntimeError as error:
        # What JAX raises has a module of its own for a class, which is not imported for this.
        if "out of memory" not in str(error).lower():
            raise
        return _complain(f"not enough memory: {str(error).splitlines()[0]}")


def overview() -> str:
    """What there is, a command a line: the answer to ``ratedist`` alone."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {_first_line(command)}" for name, command in COMMANDS.items()]
    hints = [VERSION_HINT, "The options of one: ratedist COMMAND --help"]
    return "\n".join([DESCRIPTION, "", *lines, "", *hints])


def _first_line(command: type[Command]) -> str:
    return inspect.cleandoc(command.__doc__ or "").splitlines()[0]


def _complain(message: str) -> int:
    """Print one line, whatever names are in it, and return the exit status."""
    from ratedist.container.names import printable

    print(f"ratedist: {printable(message)}", file=sys.stderr)
    return BAD_INPUT


def parse(arguments: Sequence[str]) -> Command:
    """The command that ``arguments`` describe; ``ValueError`` where they describe none."""
    _require_command(arguments)
    app = tyro.extras.SubcommandApp()
    for name, command in COMMANDS.items():
        app.command(name=name)(command)
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return app.cli(
                prog="ratedist",
                description=f"{DESCRIPTION}\n\n{VERSION_HINT}",
                args=arguments,
                config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagConversionOff),
            )
    except SystemExit as end:
        if end.code != BAD_INPUT:
            raise
        raise ValueError(_first_sentence(complaint.getvalue())) from None


def _require_command(arguments: Sequence[str]) -> None:
    """``ValueError`` where the first word is no command, with the one that may have been meant."""
    name = arguments[0] if arguments else "-"
    if name.startswith("-") or name.replace("_", "-") in COMMANDS:
        return
    close = difflib.get_close_matches(name.lower(), COMMANDS, n=1)
    meant = f" (did you mean {close[0]}?)" if close else ""
    raise ValueError(f"no command {name!r:.80}{meant}; the commands are {', '.join(COMMANDS)} (see --help)")


def _first_sentence(box: str) -> str:
    """The message of a framed complaint of the parser, which spreads it over several lines, as one line."""
    message = []
    for line in box.splitlines()[1:]:
        text = line.strip("│╭╮╰╯ ")
        if set(text) <= set("─-"):  # hyphens where the terminal knows no frames
            if message:
                break
            continue
        message.append(text)
    return _plain(" ".join(message)) + " (see --help)"


def _plain(sentence: str) -> str:
    """What the parser says, without its words for types."""
    for form in NO_NUMBER:
        if found := form.fullmatch(sentence):
            return f"{found['flag']} must be {KINDS[found['kind'].lower()]}, got {found['got']}"
    return sentence
