"""The same numbers on one device, on several, in two processes; in single precision to its own accuracy."""

import json
import os
import socket
import subprocess
import sys

import jax
import pytest

from tests.simulation.one_model import TRIALS, simulated

PROGRAM = """
import json, sys
import jax
settings = json.loads(sys.argv[1])
jax.config.update("jax_enable_x64", settings["x64"])
if settings.get("num_processes"):
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(settings["address"], settings["num_processes"], settings["process"])
assert jax.device_count() == settings["devices"], jax.devices()
import ratedist as rd
model = rd.GaussianLinearModel(12, rd.two_level_weights(6))
kinds = {"erm": rd.ERM(), "codebook": rd.FixedCodebook([-1.0, 1.0])}
found = {}
for number in settings.get("each", [None]):
    devices = number and jax.devices()[:number]
    result = rd.simulate(model, kinds, settings["trials"], jax.random.key(5), batch_size=100, devices=devices)
    risks = {name: result[name].population_risk for name in kinds}
    found[str(number)] = {name: [risk.mean, risk.sem] for name, risk in risks.items()}
print(json.dumps(found))
"""


def start(**settings) -> subprocess.Popen[str]:
    # Beside the flags of tests/conftest.py.
    count = f"--xla_force_host_platform_device_count={settings['devices_here']}"
    flags = f"{os.environ.get('XLA_FLAGS', '')} {count}"
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    arguments = [sys.executable, "-c", PROGRAM, json.dumps(settings)]
    return subprocess.Popen(
        arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str]) -> dict[str, list[float]]:
    out, complaint = process.communicate(timeout=240)
    assert process.returncode == 0, complaint
    return json.loads(out.splitlines()[-1])


@pytest.fixture(scope="module")
def here() -> dict[str, list[float]]:
    return simulated()


@pytest.mark.parametrize("numbers", [(1, 8), pytest.param((1, 2, 4), marks=pytest.mark.slow)])
def test_one_to_eight_devices(numbers: tuple[int, ...]) -> None:
    """Of one process: trials are summed in the same order, so that only their own rounding differs."""
    found = finish(start(x64=True, devices=8, devices_here=8, trials=100, each=numbers))
    for number in numbers[1:]:
        assert found[str(number)] == {
            name: pytest.approx(values, rel=1e-12) for name, values in found["1"].items()
        }


@pytest.mark.slow
def test_two_processes_have_the_bits_of_one(here) -> None:
    """Blocks are computed by either, a block that is not whole among them, and summed in one order."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    common = {"x64": True, "devices": 2, "devices_here": 1, "num_processes": 2, "address": address}
    common |= {"trials": TRIALS}
    for numbers in map(finish, [start(**common, process=process) for process in range(2)]):
        assert numbers == {"None": here}


@pytest.mark.slow
def test_single_precision_runs(here) -> None:
    """Other random bits, so another sample: the same numbers to four of its standard errors."""
    with jax.enable_x64(False):
        numbers = simulated()
    for name, (mean, sem) in here.items():
        assert max(sem, numbers[name][1]) < 0.2
        assert abs(numbers[name][0] - mean) < 4 * (sem**2 + numbers[name][1] ** 2) ** 0.5
