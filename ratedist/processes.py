"""Several processes of one run: connected by JAX, units of work shared, what they found gathered.

Process 0 is the one that writes and prints. Without others every function does what a process alone needs.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

import ratedist

Unit = TypeVar("Unit")
Result = TypeVar("Result")
# After how many seconds without a sign of life a process counts as dead, and its run as failed.
SILENCE = 30
# Seconds that the processes wait for each other at the start.
PATIENCE = 120


class LostError(RuntimeError):
    """Another process is gone, or does something else: this one cannot go on."""


class AgreedError(ValueError):
    """A refusal that all processes raise at the same place."""


def connect(coordinator: str | None, num_processes: int | None, process_id: int | None) -> None:
    """Join the other processes, before JAX computes anything.

    Args:
        coordinator: HOST:PORT of process 0, or ``None`` for what JAX finds out under SLURM, Open MPI,
            Kubernetes or on TPUs.
        num_processes: how many there are.
        process_id: number of this one, from 0 on.

    Where the others do not come, JAX ends the process after two minutes, with status 134.

    A process that connects in another thread than the main one, or has a handler of SIGTERM that is not
    Python's, leaves that signal to JAX afterwards: told to end, it may go on until it is killed.

    Raises:
        ValueError: JAX finds nothing out; something else is at the port of process 0.
        LostError: JAX refuses the others, or they do not reach each other.
    """
    if coordinator is not None and process_id == 0:
        _require_free(int(coordinator.rpartition(":")[2]))
    import jax

    # On CPUs; on other devices it is not used.
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    told_to_end = signal.getsignal(signal.SIGTERM)
    try:
        jax.distributed.initialize(
            coordinator,
            num_processes,
            process_id,
            initialization_timeout=PATIENCE,
            heartbeat_timeout_seconds=SILENCE,
            shutdown_timeout_seconds=SILENCE,
        )
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"JAX did not find out which processes there are: {reason}") from None
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise LostError(f"the processes of this run did not come together: {reason}") from None
    # JAX took SIGTERM for itself: a run that is told to end would go on until it is killed. What is not
    # Python's cannot be given back, and Python gives nothing back in another thread than the main one.
    if told_to_end is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, told_to_end)
    try:
        with _words_to_standard_error():
            gathered(b"")
    except LostError as error:
        raise LostError(_leads_to_itself() or str(error)) from None


def count() -> int:
    """How many processes there are."""
    import jax

    return jax.process_count()


def number() -> int:
    """Which of them this one is, from 0 on."""
    import jax

    return jax.process_index()


def first() -> bool:
    """Whether this process is the one that writes."""
    return number() == 0


def connected() -> bool:
    """Whether there are others, without an import of JAX."""
    jax = sys.modules.get("jax")
    return jax is not None and jax.distributed.is_initialized()


def gathered(content: bytes) -> list[bytes]:
    """What every process has to say, by their numbers; all have to ask at once.

    Raises:
        LostError: one of them is gone.
    """
    if count() == 1:
        return [content]
    from jax.experimental import multihost_utils

    try:
        lengths = np.ravel(multihost_utils.process_allgather(np.array([len(content)], np.int32)))
        # Of few lengths, so that JAX compiles few programs.
        room = 1 << int(max(lengths.max(), 1) - 1).bit_length()
        padded = np.zeros(room, np.uint8)
        padded[: len(content)] = np.frombuffer(content, np.uint8)
        rows = np.reshape(multihost_utils.process_allgather(padded), (count(), room))
    except (RuntimeError, ValueError) as error:  # JAX has both of them for a connection that is closed
        raise LostError(f"another process of this run is gone: {str(error).splitlines()[0]}") from None
    return [row[:length].tobytes() for row, length in zip(rows, lengths.tolist(), strict=True)]


def require_same(command: str) -> None:
    """Refuse processes that were started with another command, or have another version of ratedist.

    They would wait for each other in vain, or take each other's words for something else.

    Raises:
        AgreedError: in all processes.
    """
    said = [one.decode() for one in gathered(f"{command} (ratedist {ratedist.__version__})".encode())]
    for other, words in enumerate(said):
        if words != said[0]:
            raise AgreedError(
                "processes of one run have the same command, but for the number of the process: "
                f"process 0 has {said[0]}, process {other} has {words}"
            )


def from_first(content: Any) -> Any:
    """What process 0 has to say, as JSON can hold it; what others pass is not looked at."""
    if count() == 1:
        return content
    return json.loads(gathered(json.dumps(content).encode() if first() else b"")[0])


def by_first(work: Callable[[], object]) -> bool:
    """Have process 0 alone do something, while the others wait; whether this process is it.

    Raises:
        AgreedError: in all processes, what ``work`` raises as a ``ValueError`` or ``OSError`` in process 0.
    """
    complaint = None
    if first():
        try:
            work()
        except (ValueError, OSError) as error:
            complaint = str(error)
    complaint = from_first(complaint)
    if complaint is not None:
        raise AgreedError(complaint)
    return first()


def in_first(work: Callable[[], Result]) -> Result | None:
    """As :func:`by_first`, with what ``work`` returns in process 0, and nothing in the others."""
    found: list[Result] = []
    by_first(lambda: found.append(work()))
    return found[0] if found else None


def shared(work: Callable[[Unit], Any], units: Sequence[Unit]) -> Iterator[list[tuple[Unit, Any]]]:
    """Do units of work, one a process at a time, and give every process the results of each round.

    Args:
        work: of one unit, a result that JSON can hold.
        units: the same in every process, and best of about the same cost in a row.

    Raises:
        AgreedError: in all processes, the first ``ValueError`` of any process's work.
    """
    for start in range(0, len(units), count()):
        now = units[start : start + count()]
        if count() == 1:
            yield [(now[0], work(now[0]))]
            continue
        said: dict[str, Any] = {}
        if number() < len(now):
            try:
                said = {"found": work(now[number()])}
            except ValueError as error:
                said = {"complaint": str(error)}
        answers = [json.loads(one) for one in gathered(json.dumps(said).encode())]
        if complaint := next((one["complaint"] for one in answers if "complaint" in one), None):
            raise AgreedError(complaint)
        yield [(unit, answer["found"]) for unit, answer in zip(now, answers, strict=False)]


def _require_free(port: int) -> None:
    """Refuse a port that something else has, at which JAX would end the process without a word."""
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    try:
        socket.create_server(("", port), family=family, dualstack_ipv6=both).close()
    except OSError as error:
        raise ValueError(f"process 0 cannot wait at port {port}: {os.strerror(error.errno or 0)}") from None


def _leads_to_itself() -> str | None:
    """Why others do not reach this machine, where its name is that of every machine for itself."""
    name = socket.gethostname()
    try:
        address = ipaddress.ip_address(socket.gethostbyname(name))
    except (OSError, ValueError):
        return (
            f"the processes of this run do not reach each other: this machine's name, {name}, has no address"
        )
    if not address.is_loopback:
        return None
    return (
        f"the processes of this run do not reach each other: this machine's name, {name}, leads to "
        f"{address}, by which every machine reaches itself; have it lead to its address in the network, "
        "in /etc/hosts say"
    )


@contextlib.contextmanager
def _words_to_standard_error() -> Iterator[None]:
    """What libraries print while processes connect is no result, and does not stand on standard output."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
