"""Two hosts with a network between them, both on this machine: what a run does there, and when it breaks.

    sudo python benchmarks/two_hosts.py [--trials 200000]

Linux alone, as root, with iproute2: a host is a network namespace with names of its own. The command is
``ratedist figure2``, once on each host. Exit status 1 if a case ends otherwise than it should:

- in peace: the table of one process, byte for byte;
- another command, or the name of a host leads to itself: refused in words;
- both are told to end (SIGTERM), one is killed, the cable is pulled: both end, and the same command goes on
  to that same table.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

PROGRAM = pathlib.Path(sys.executable).parent / "ratedist"
HOSTS = {"rd-one": "10.93.7.1", "rd-two": "10.93.7.2"}
NAMES = pathlib.Path("/etc/netns")
# Seconds of silence after which JAX ends a run, and some for what it does then.
IN_TIME = 100


def ip(line: str) -> None:
    subprocess.run(["ip", *line.split()], check=True)


@contextlib.contextmanager
def two_hosts() -> Iterator[None]:
    """Two namespaces with a cable between them; they are removed afterwards."""
    try:
        for host in HOSTS:
            ip(f"netns add {host}")
        ip("link add rd-end-one type veth peer name rd-end-two")
        for host, address in HOSTS.items():
            end = host.replace("rd-", "rd-end-")
            ip(f"link set {end} netns {host}")
            ip(f"-n {host} addr add {address}/24 dev {end}")
            ip(f"-n {host} link set lo up")
            ip(f"-n {host} link set {end} up")
        yield
    finally:
        for host in HOSTS:
            subprocess.run(["ip", "netns", "del", host], check=False, stderr=subprocess.DEVNULL)
            with contextlib.suppress(FileNotFoundError):
                (NAMES / host / "hosts").unlink()
                (NAMES / host).rmdir()


def name(address_of: dict[str, str]) -> None:
    """What the name of this machine leads to on each host."""
    for host, address in address_of.items():
        (NAMES / host).mkdir(parents=True, exist_ok=True)
        (NAMES / host / "hosts").write_text(f"127.0.0.1 localhost\n{address} {os.uname().nodename}\n")


def started(folder: pathlib.Path, trials: int, *others: tuple[str, ...]) -> list[subprocess.Popen[str]]:
    """The command on both hosts, with options of its own on each if there are others."""
    address = f"{next(iter(HOSTS.values()))}:4567"
    shared = ["figure2", "--trials", str(trials), "--out", str(folder / "two")]
    shared += ["--checkpoint", str(folder / "state.bin"), "--coordinator", address, "--num-processes", "2"]
    return [
        subprocess.Popen(
            ["ip", "netns", "exec", host, str(PROGRAM), *shared, "--process-id", str(number), *more],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for number, (host, more) in enumerate(zip(HOSTS, others or ((), ()), strict=True))
    ]  # fmt: skip


def ended(both: list[subprocess.Popen[str]], seconds: float = 1800) -> tuple[list[int], str, float]:
    """Exit statuses, all that was said, and the seconds it took."""
    begun = time.monotonic()
    try:
        said = [one.communicate(timeout=seconds)[0] for one in both]
    finally:
        for one in both:
            one.kill()
    return [one.returncode for one in both], "\n".join(said), time.monotonic() - begun


def saved(folder: pathlib.Path) -> None:
    """Wait until the run has something to go on from."""
    while not (folder / "state.bin").exists():
        time.sleep(0.2)


def cases(folder: pathlib.Path, trials: int) -> Iterator[tuple[str, bool, str]]:
    """Each case: its name, whether it went as it should, and what it took."""
    subprocess.run(
        [PROGRAM, "figure2", "--trials", str(trials), "--out", folder / "one"],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    table = (folder / "one/figure2.csv").read_bytes()

    def same() -> bool:
        return (folder / "two/figure2.csv").read_bytes() == table

    name(dict.fromkeys(HOSTS, "127.0.1.1"))
    statuses, said, seconds = ended(started(folder, trials))
    refused = 2 in statuses and "leads to 127.0.1.1" in said
    yield "the name of a host leads to itself", refused, f"refused after {seconds:.0f} s"

    name(HOSTS)
    statuses, said, seconds = ended(started(folder, trials, (), ("--seed", "1")))
    refused = statuses == [2, 2] and said.count("have the same command") == 2
    yield "another command", refused, f"refused after {seconds:.0f} s"

    cut, healed = (f"-n {next(iter(HOSTS))} link set rd-end-one {state}" for state in ("down", "up"))
    breaks: dict[str, Callable[[list[subprocess.Popen[str]]], object]] = {
        "both are told to end": lambda both: [one.terminate() for one in both],
        "one is killed": lambda both: both[1].kill(),
        "the cable is pulled": lambda both: ip(cut),
    }
    for what, broken in breaks.items():
        both = started(folder, trials)
        saved(folder)
        broken(both)
        broke, _, seconds = ended(both, IN_TIME)
        ip(healed)
        again, _, more = ended(started(folder, trials))
        right = all(broke) and again == [0, 0] and same()
        yield what, right, f"ended after {seconds:.0f} s with {broke}, then went on for {more:.0f} s"
        (folder / "state.bin").unlink()

    statuses, _, seconds = ended(started(folder, trials))
    yield "in peace", statuses == [0, 0] and same(), f"{seconds:.0f} s"


def main() -> int:
    parser = argparse.ArgumentParser(description="Two hosts on one machine")
    parser.add_argument("--trials", type=int, default=200_000)
    trials = parser.parse_args().trials
    if os.geteuid() != 0:
        parser.error("network namespaces are root's")
    faults = 0
    with two_hosts(), tempfile.TemporaryDirectory() as folder:
        for case, right, words in cases(pathlib.Path(folder), trials):
            faults += not right
            print(f"{'right' if right else 'WRONG'}  {case}: {words}", flush=True)
    return int(faults > 0)


if __name__ == "__main__":
    raise SystemExit(main())
