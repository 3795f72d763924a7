"""Options of commands that several processes may share."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import shlex
import sys
import zlib
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated

import tyro

from ratedist import _checks

ADDRESS = re.compile(r"[^\s:]+:[0-9]+|\[[0-9a-fA-F:]+\]:[0-9]+")
LAST_PORT = 65535
MOST_PROCESSES = 2**31 - 1  # of which JAX can take the number
NUMBER = re.compile(r"--process[-_]id(=.*)?", re.DOTALL)
# What ``main`` was given, by a program perhaps, as the other processes were; nothing without ``main``.
GIVEN: ContextVar[Sequence[str]] = ContextVar("given", default=())


@dataclasses.dataclass(frozen=True)
class ProcessOptions:
    """How this process finds the others that share the work; without any option it is alone."""

    coordinator: str | None = None
    """HOST:PORT at which process 0 waits for the others. All processes are started with the same command, but
    for --process-id."""
    num_processes: int | None = None
    """How many processes share the work; only process 0 writes."""
    process_id: int | None = None
    """Number of this process, from 0 on."""
    distributed: Annotated[tyro.conf.UseCounterAction[int], tyro.conf.arg(help_behavior_hint="")] = 0
    """Several processes share the work, and JAX finds out which: under SLURM, Open MPI, Kubernetes and on
    TPUs."""

    def check(self) -> None:
        """Raise ``ValueError``, in words, for options that do not go together."""
        given = {
            "coordinator": self.coordinator,
            "num_processes": self.num_processes,
            "process_id": self.process_id,
        }
        number, last = self.process_id or 0, (self.num_processes or 0) - 1
        missing = [name for name, value in given.items() if value is None]
        if self.distributed and len(missing) < len(given):
            named = ", ".join(name for name in given if name not in missing)
            raise ValueError(f"distributed has JAX find out what {named} says: leave one of the two out")
        if not missing:
            _checks.integer("num_processes", self.num_processes, 1, MOST_PROCESSES)
            _checks.integer("process_id", self.process_id, 0)
            if number > last:
                raise ValueError(f"process_id must be from 0 to num_processes - 1 = {last}, got {number}")
            if not ADDRESS.fullmatch(str(self.coordinator)):
                raise ValueError(f"coordinator must be HOST:PORT, got {self.coordinator!r}")
            port = int(str(self.coordinator).rpartition(":")[2])
            if not 1 <= port <= LAST_PORT:
                raise ValueError(f"coordinator must have a port from 1 to {LAST_PORT}, got {port}")
        elif len(missing) < len(given):
            raise ValueError(
                "several processes need coordinator, num_processes and process_id, "
                f"got no {' and no '.join(missing)}"
            )

    @property
    def several(self) -> bool:
        """Whether there are others."""
        return bool(self.distributed) or self.coordinator is not None

    def join(self) -> None:
        """Check, and find the others before JAX computes anything; they have the same command."""
        self.check()
        if self.several:
            from ratedist import processes

            processes.connect(self.coordinator, self.num_processes, self.process_id)
            processes.require_same(_command(GIVEN.get() or sys.argv[1:]))

    def by_first(self, work: Callable[[], object]) -> bool:
        """Have process 0 alone do something. What it refuses is refused in all; whether this one is it."""
        if not self.several:
            work()
            return True
        from ratedist import processes

        return processes.by_first(work)


ALONE = ProcessOptions()


def _command(arguments: Sequence[str]) -> str:
    """What was given, without the number of the process, and checksums of the arrays that it names."""
    kept = list(arguments)
    for place, word in reversed(list(enumerate(arguments))):
        if NUMBER.fullmatch(word):
            del kept[place : place + (1 if "=" in word else 2)]
    # On a machine of its own a file may hold something else, and the trials would be of two models.
    names = [name for word in kept for name in re.split("[=,]", word) if name.endswith(".npy")]
    checksums = []
    for name in names:
        with contextlib.suppress(OSError):
            checksums.append(f" [{name}: {zlib.crc32(Path(name).read_bytes()):08x}]")
    return shlex.join(kept) + "".join(checksums)
