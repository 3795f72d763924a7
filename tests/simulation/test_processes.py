"""Several processes: what they tell each other, a refusal that all share, and one that is gone."""

import concurrent.futures
import json
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import sys

import jax
import pytest

import ratedist
from ratedist import processes
from ratedist.cli.commands import main
from ratedist.cli.process_options import ProcessOptions, _command
from tests.simulation.one_model import simulated

PROGRAM = """
import json, os, sys
from ratedist import processes
number, address = int(sys.argv[1]), sys.argv[2]
processes.connect(address, 2, number)
def unit(i):
    if i == 5:
        raise ValueError(f"unit {i} cannot be done")
    if i == 7:
        os.kill(os.getpid(), 15)
    return [i * i, number, 0.1 + 0.2]
try:
    assert processes.gathered(b"x" * (1 + 99 * number)) == [b"x", b"x" * 100]
    assert processes.from_first({"said": number}) == {"said": 0}
    assert processes.in_first(lambda: "here") == (None if number else "here")
    if sys.argv[3] == "all":
        import jax
        from tests.simulation.one_model import simulated
        jax.config.update("jax_enable_x64", True)
        print(json.dumps(simulated("codebook")), flush=True)
    processes.require_same("a command")
    print([done for done in processes.shared(unit, [0, 1, 2, 3, 4])], flush=True)
    try:
        processes.require_same(f"command {number}")
    except processes.AgreedError as error:
        print(error, flush=True)
    try:
        list(processes.shared(unit, [4, 5]))
    except processes.AgreedError as error:
        print("agreed:", error, flush=True)
    if sys.argv[3] == "die":
        list(processes.shared(unit, [6, 7]))
except processes.LostError as error:
    print("lost:", error, flush=True)
    os._exit(3)
"""
OTHER_COMMAND = "processes of one run have the same command, but for the number of the process: " + ", ".join(
    f"process {number} has command {number} (ratedist {ratedist.__version__})" for number in range(2)
)


def run(work: str) -> list[tuple[int, str]]:
    """Exit status and standard output of both processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(number), address, work],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "JAX_PLATFORMS": "cpu"}, cwd=pathlib.Path(__file__).parents[2],
        )
        for number in range(2)
    ]  # fmt: skip
    try:
        said = [one.communicate(timeout=120)[0] for one in started]
    finally:
        for one in started:
            one.kill()
    return [(one.returncode, text) for one, text in zip(started, said, strict=True)]


def test_all_processes_have_all_results_and_refuse_what_one_refuses() -> None:
    results = [(i, [i * i, i % 2, 0.1 + 0.2]) for i in range(5)]
    rounds = [results[:2], results[2:4], results[4:]]
    # Before them a simulation: both have the bits of one process, a block that is not whole among them.
    # Nothing else stands on standard output, which may be JSON that somebody reads.
    said = f"{json.dumps(simulated('codebook'))}\n{rounds}\n{OTHER_COMMAND}\nagreed: unit 5 cannot be done\n"
    assert run("all") == [(0, said)] * 2


def test_a_process_that_dies_does_not_leave_the_others_waiting() -> None:
    """Nor does a refusal before it."""
    (status, said), (other, _) = run("die")
    # Told to end it ends at once: JAX could have taken the signal for itself.
    assert (status, other) == (3, -signal.SIGTERM)
    assert "agreed: unit 5 cannot be done\nlost: another process of this run is gone" in said


def test_a_port_that_something_else_has_is_refused_in_words() -> None:
    """Before JAX is set to anything; at such a port it would end with a fault of memory."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ValueError, match=f"process 0 cannot wait at port {port}: Address already in use"):
            processes.connect(f"127.0.0.1:{port}", 2, 0)
    assert not processes.connected()


@pytest.mark.parametrize("by_python", [True, False])
def test_who_connects_in_a_thread_or_without_a_handler_of_pythons(by_python: bool, monkeypatch) -> None:
    monkeypatch.setattr(jax.distributed, "initialize", lambda *_, **__: None)
    if not by_python:
        monkeypatch.setattr(signal, "getsignal", lambda _: None)
        processes.connect(None, None, None)
        return
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        threads.submit(processes.connect, None, None, None).result()


def test_a_process_alone_needs_no_other() -> None:
    assert not processes.connected()
    assert processes.first()
    assert processes.gathered(b"x") == [b"x"]
    assert processes.from_first(3) == 3
    assert processes.in_first(lambda: 4) == 4
    assert list(processes.shared(lambda i: -i, [1, 2])) == [[(1, -1)], [(2, -2)]]
    with pytest.raises(ZeroDivisionError):
        next(processes.shared(lambda i: 1 / i, [0]))


@pytest.mark.parametrize(
    ("address", "said"),
    [("127.0.1.1", "leads to 127.0.1.1"), (None, "has no address"), ("10.0.0.7", None)],
)
def test_a_machine_whose_name_leads_to_itself(
    address: str | None, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(name: str) -> str:
        if address is None:
            raise socket.gaierror(name)
        return address

    monkeypatch.setattr(socket, "gethostbyname", found)
    words = processes._leads_to_itself()
    assert words is None if said is None else words is not None and said in words


def test_the_number_of_a_process_is_no_part_of_its_command() -> None:
    line = "sweep figure2 --process-id 1 --grid n=60 --process_id=0 --out 'a b' --process-id=3"
    assert _command(shlex.split(line)) == "sweep figure2 --grid n=60 --out 'a b'"


def test_what_is_in_a_file_is_part_of_a_command(tmp_path: pathlib.Path) -> None:
    words = ["sweep", "--covariance=identity", "--grid", f"w_star={tmp_path}/one.npy,{tmp_path}/two.npy"]
    assert _command(words) == shlex.join(words)
    (tmp_path / "two.npy").write_bytes(b"1")
    first = _command(words)
    (tmp_path / "two.npy").write_bytes(b"2")
    assert shlex.join(words) in first != _command(words)


def test_a_command_of_a_program_is_the_one_that_is_compared(monkeypatch, capsys) -> None:
    """Whatever stands in ``sys.argv`` of that program."""

    def refused(command: str) -> None:
        raise ValueError(command)

    monkeypatch.setattr(processes, "connect", lambda *_: None)
    monkeypatch.setattr(processes, "require_same", refused)
    words = ["verify", "--coordinator", "127.0.0.1:4567", "--num-processes", "2"]
    assert main([*words, "--process-id", "1"]) == 2
    assert capsys.readouterr().err == f"ratedist: {shlex.join(words)}\n"
    # One that is run without ``main`` afterwards is not taken for it.
    monkeypatch.setattr(sys, "argv", ["program", "another"])
    with pytest.raises(ValueError, match=r"^another$"):
        ProcessOptions("127.0.0.1:4567", 2, 1).join()


def test_as_many_devices_as_cores_do_not_wait_for_each_other_without_end() -> None:
    """A batch of LAPACK as verify has it, which jaxlib shares out among threads."""
    program = """
from ratedist.__main__ import _have_threads_for_devices
_have_threads_for_devices()
import jax
mesh = jax.sharding.Mesh(jax.devices(), ("trials",))
spec = jax.sharding.PartitionSpec("trials")
def one(key):
    return jax.numpy.linalg.qr(jax.random.normal(key, (80, 50)), mode="r")
each = jax.shard_map(jax.vmap(one), mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False)
keys = jax.random.split(jax.random.key(0), 256 * len(jax.devices()))
print(len(jax.devices()), jax.block_until_ready(jax.jit(each)(keys)).shape[0])
"""
    devices = max(os.cpu_count() or 1, 2)
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == f"{devices} {256 * devices}\n", done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (ProcessOptions("127.0.0.1:४५६७", 1, 0), "coordinator must be HOST:PORT"),
        (ProcessOptions("127.0.0.1:4567", 2**31, 0), "num_processes must be at most 2147483647"),
    ],
)
def test_options_that_jax_would_not_take_are_refused_in_words(options: ProcessOptions, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        options.check()
