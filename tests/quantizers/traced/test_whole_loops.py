"""A loop compiled as one function has the bits of one whose operations are called one by one."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ratedist.quantizers.traced import side_by_side, whole_loops
from ratedist.quantizers.traced.least_costs import least_costs

MARK = 'xla_cpu_small_call="true"'


def hostile() -> jax.Array:
    """Ties, forty decades, a mask, NaN and an infinity beside plain weights: 12 of each of 24 vectors."""
    rng = np.random.default_rng(3)
    weights = rng.normal(size=(24, 12))
    weights[3], weights[4, :6] = 0.0, 1.0
    weights[5] = np.sign(weights[5]) * 10.0 ** rng.uniform(-20, 20, 12)
    weights[6, 2], weights[7, 5], weights[8, 1] = -1e9, np.nan, np.inf
    return jnp.asarray(weights)


def quantized() -> list[np.ndarray]:
    return [np.asarray(part) for part in side_by_side.optimal_side_by_side(hostile(), (1, 2, 3, 5))]


@pytest.mark.skipif(not whole_loops.HEEDED, reason="marks for another version of XLA")
def test_the_bits_are_the_same(monkeypatch) -> None:
    marked = quantized()
    monkeypatch.setattr(whole_loops, "HEEDED", False)
    for one, other in zip(marked, quantized(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.skipif(not whole_loops.HEEDED, reason="marks for another version of XLA")
def test_the_compiler_leaves_the_call_and_its_loop_together(monkeypatch) -> None:
    def compiled() -> str:
        gaps = jnp.ones((12, 8))
        return jax.jit(lambda gaps: least_costs(gaps, 3)).lower(gaps).compile().as_text() or ""

    # All that the program itself does is to call it.
    program = compiled().partition("ENTRY")[2]
    assert MARK in program
    assert " while(" not in program
    monkeypatch.setattr(whole_loops, "HEEDED", False)
    program = compiled().partition("ENTRY")[2]
    assert MARK not in program
    assert " while(" in program


PROGRAM = """
import jax
jax.config.update("jax_enable_x64", True)
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from ratedist.quantizers.traced.optimal import optimal_path

def reconstructions(weights):
    return jax.vmap(lambda one: optimal_path(one, 3).reconstruction)(weights)

weights = np.random.default_rng(0).normal(size=(32, 12))
mesh = Mesh(np.array(jax.devices()), ("vectors",))
split = PartitionSpec("vectors")
spread = jax.device_put(weights, NamedSharding(mesh, split))
each = jax.jit(jax.shard_map(reconstructions, mesh=mesh, in_specs=split, out_specs=split, check_vma=False))
partitioned = jax.jit(reconstructions)
np.testing.assert_array_equal(partitioned(spread), each(spread))
print(*("xla_cpu_small_call" in one.lower(spread).as_text() for one in (partitioned, each)))
"""


@pytest.mark.skipif(not whole_loops.HEEDED, reason="marks for another version of XLA")
def test_what_xla_spreads_over_devices_is_not_compiled_whole() -> None:
    """It would not compile: XLA puts exchanges between the devices into the loops."""
    flags = "--xla_force_host_platform_device_count=2"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True,
        env=os.environ | {"XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {flags}", "PJRT_NPROC": "4"},
    )  # fmt: skip
    assert done.stdout.split() == ["False", "True"], done.stderr
