"""A process that simulates one model after the other keeps a bounded number of compilations."""

import pathlib
import subprocess
import sys

import jax
import pytest

import ratedist as rd
from ratedist.simulation import engine

MAPS = pathlib.Path("/proc/self/maps")
SWEEP = """
import jax, ratedist as rd
jax.config.update("jax_enable_x64", True)
def number_of_maps(): return sum(1 for _ in open("/proc/self/maps"))
def resident(): return next(int(l.split()[1]) // 1024 for l in open("/proc/self/status") if "VmRSS" in l)
most = 0
for index in range(500):
    d = 2 + index // 2
    model = rd.GaussianLinearModel(2 * d + 3, rd.two_level_weights(d))
    rd.simulate(model, {"k": rd.KMeans(2)}, 2, jax.random.key(0), ("erm", "statistics")[index % 2])
    most = max(most, number_of_maps())
    if index % 50 == 49: print(index + 1, "shapes:", number_of_maps(), "maps,", resident(), "MiB", flush=True)
print(most)
"""


def simulate(d: int) -> None:
    model = rd.GaussianLinearModel(2 * d + 3, rd.two_level_weights(d))
    compressors = {"erm": rd.ERM(), "fixed": rd.FixedCodebook([-1.0, 1.0])}  # of both ways to compile
    rd.simulate(model, compressors, 256, jax.random.key(0))  # batches that other tests compile


def kept() -> set[int]:
    stages = engine._draw, engine._compress, engine._compress_quickly, engine._assess
    return {stage.cache_size() for stage in stages}


def test_compilations_are_dropped_before_they_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MAX_KEPT", 2)
    monkeypatch.setattr(engine, "_kept", set())
    for stage in engine._draw, engine._compress, engine._compress_quickly, engine._assess:
        stage.clear_cache()
    for d in (4, 5, 5, 4):
        simulate(d)
    assert kept() == {2}
    simulate(6)
    assert kept() == {1}


def test_a_sweep_over_n_with_oracles_has_few_shapes() -> None:
    sizes = set()
    for n in (*range(53, 80), 100, 200, 500, 5_000, 10**6):
        bound = rd.Oracle(alpha=0.5).prepare(rd.GaussianLinearModel(n, rd.two_level_weights(50)))
        sizes.add(bound.offset.size)
    assert sizes <= {64, 96, 128, 192, 256, 384}


@pytest.mark.slow
@pytest.mark.skipif(not MAPS.exists(), reason="the number of memory maps is known on Linux only")
def test_five_hundred_shapes_in_one_process() -> None:
    done = subprocess.run([sys.executable, "-c", SWEEP], capture_output=True, text=True, timeout=3600)
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1]) < 40_000
