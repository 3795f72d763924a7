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
from typing import ClassVar, Protocol

import tyro

from ratedist import processes
from ratedist.cli.audit import AuditCommand
from ratedist.cli.closing import Closing
from ratedist.cli.compare import CompareCommand
from ratedist.cli.complaints import in_plain_words
from ratedist.cli.description_length import DescriptionLengthCommand
from ratedist.cli.diameter import DiameterCommand
from ratedist.cli.explore import ExploreCommand
from ratedist.cli.figure2 import Figure2Command
from ratedist.cli.inspect_file import InspectCommand
from ratedist.cli.low_rank import LowRankCommand
from ratedist.cli.network_ranks import NetworkRanksCommand
from ratedist.cli.networks import Cifar10Command, DigitsCommand, MnistCommand
from ratedist.cli.optional import REGISTRY
from ratedist.cli.process_options import GIVEN
from ratedist.cli.quantize import DequantizeCommand, QuantizeCommand
from ratedist.cli.rate_distortion import RateDistortionCommand
from ratedist.cli.seeing_the_data import SeeingTheDataCommand
from ratedist.cli.sweep import SweepCommand
from ratedist.cli.two_clusters import TwoClustersCommand
from ratedist.cli.verify import VerifyCommand

BAD_INPUT = 2
DESCRIPTION = "The rate-distortion theory of model compression."
VERSION_HINT = "The version: ratedist --version"
# The one field whose flag is another word.
TRIALS_FIELD, TRIALS_FLAG = re.compile(r"^num_trials\b"), "--trials"

COMMANDS = {
    "two-clusters": TwoClustersCommand,
    "explore": ExploreCommand,
    "figure2": Figure2Command,
    "rate-distortion": RateDistortionCommand,
    "diameter": DiameterCommand,
    "seeing-the-data": SeeingTheDataCommand,
    "description-length": DescriptionLengthCommand,
    "low-rank": LowRankCommand,
    "compare": CompareCommand,
    "sweep": SweepCommand,
    "quantize": QuantizeCommand,
    "dequantize": DequantizeCommand,
    "inspect": InspectCommand,
    "audit": AuditCommand,
    "verify": VerifyCommand,
    "mnist": MnistCommand,
    "cifar10": Cifar10Command,
    "digits": DigitsCommand,
    "network-ranks": NetworkRanksCommand,
}


class Command(Protocol):
    """Options of one command, and what it does with them; ``run`` may return an exit status."""

    closing: ClassVar[Closing]

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
    given = GIVEN.set(tuple(arguments))
    try:
        return parse(arguments).run() or 0
    except BrokenPipeError:  # the reader of our output has gone (`| head`); say nothing more to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError, processes.LostError) as error:
        return _complain(TRIALS_FIELD.sub(TRIALS_FLAG, str(error)), alone=not _agreed(error))
    except MemoryError as error:
        return _complain(f"not enough memory: {error}")
    except RuntimeError as error:
        # What JAX raises has a module of its own for a class, which is not imported for this.
        if "out of memory" not in str(error).lower():
            raise
        return _complain(f"not enough memory: {str(error).splitlines()[0]}")
    finally:
        GIVEN.reset(given)


def overview() -> str:
    """What there is, a command a line: the answer to ``ratedist`` alone."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {_first_line(command)}" for name, command in COMMANDS.items()]
    hints = [VERSION_HINT, "The options of one: ratedist COMMAND --help"]
    return "\n".join([DESCRIPTION, "", *lines, "", *hints])


def _first_line(command: type[Command]) -> str:
    return inspect.cleandoc(command.__doc__ or "").splitlines()[0]


def _agreed(error: Exception) -> bool:
    """Whether all processes of a run end with it."""
    return isinstance(error, processes.AgreedError)


def _complain(message: str, *, alone: bool = True) -> int:
    """Print one line, whatever names are in it, and return the exit status.

    With others that wait for this process, what it alone complains of ends it at once, and they notice.
    """
    from ratedist.container.names import printable

    print(f"ratedist: {printable(message)}", file=sys.stderr, flush=True)
    if alone and processes.connected():
        os._exit(BAD_INPUT)
    return BAD_INPUT


def parse(arguments: Sequence[str]) -> Command:
    """The command that ``arguments`` describe; ``ValueError`` where they describe none."""
    _require_command(arguments)
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return _parsed(arguments)
    except SystemExit as end:
        if end.code != BAD_INPUT:
            if command := COMMANDS.get(arguments[0].replace("_", "-")):
                print(f"\n{command.closing}")  # below its help
            raise
        raise ValueError(in_plain_words(complaint.getvalue(), arguments, _flags(arguments[0]))) from None


def _parsed(arguments: Sequence[str]) -> Command:
    app = tyro.extras.SubcommandApp()
    named = arguments[0].replace("_", "-")
    # A known command is alone: an option that it has not would be looked for in those of all others.
    for name in [named] if named in COMMANDS else COMMANDS:
        app.command(name=name)(COMMANDS[name])
    return app.cli(
        prog="ratedist",
        description=f"{DESCRIPTION}\n\n{VERSION_HINT}",
        args=arguments,
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagConversionOff),
        registry=REGISTRY,
    )


def _flags(command: str) -> set[str]:
    """The options of a command, as its help has them."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        _parsed([command, "--help"])
    return set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", text.getvalue()))


def _require_command(arguments: Sequence[str]) -> None:
    """``ValueError`` where the first word is no command, with the one that may have been meant."""
    name = arguments[0] if arguments else "-"
    if name.startswith("-") or name.replace("_", "-") in COMMANDS:
        return
    close = difflib.get_close_matches(name.lower(), COMMANDS, n=1)
    meant = f" (did you mean {close[0]}?)" if close else ""
    raise ValueError(f"no command {name!r:.80}{meant}; the commands are {', '.join(COMMANDS)} (see --help)")
