"""What a command has traced is there for the next one, changes no number, and is never taken for another."""

import contextlib
import os
import pathlib
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import pytest

import ratedist as rd
from ratedist import compilation_cache
from ratedist.linear_model.samplers import SAMPLERS, arrays_of
from ratedist.simulation import engine, kept_traces, runner
from ratedist.simulation.trials import needs_of

pytest.importorskip("flatbuffers")

MODEL = rd.GaussianLinearModel(n=20, w_star=rd.two_level_weights(4))
COMPRESSORS = {
    "erm": rd.ERM(),
    "oracle": rd.Oracle(alpha=0.5),
}
LOOPS = COMPRESSORS | {"two": rd.KMeans(2)}


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> pathlib.Path:
    """As ``keep_compilations`` leaves it; JAX in this process does not look there."""
    own = tmp_path / "jax-machine"
    monkeypatch.setattr(compilation_cache, "_kept_in", own)
    monkeypatch.setattr(kept_traces, "source", lambda: "this")  # which somebody may be working on
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(own))
    return own


def forget() -> None:
    """As in a process that has not traced anything yet."""
    for stage in (engine._draw, engine._compress, engine._compress_quickly, engine._assess):
        stage.clear_cache()


def traced(compressors: Mapping[str, Any]) -> None:
    """What ``simulate`` does before it compiles anything: draws and compressors are traced."""
    forget()
    mesh, prepared = runner._mesh(None), {name: one.prepare(MODEL) for name, one in compressors.items()}
    plan = engine.Plan(SAMPLERS["erm"], 0, needs_of(compressors, prepared), mesh)
    indices = engine.trial_indices(0, 300, mesh)
    engine.traced_rates(compressors, prepared, indices, jax.random.key(0), arrays_of(MODEL), plan)


def simulated(compressors: Mapping[str, Any]) -> dict[str, list[float]]:
    forget()
    result = rd.simulate(MODEL, compressors, 300, jax.random.key(0))
    return {
        name: [
            number
            for one in (*result[name].risks.values(), *result[name].rates.values())
            for number in (one.mean, one.sem)
        ]
        for name in compressors
    }


def kept(folder: pathlib.Path) -> set[pathlib.Path]:
    return set((folder / "traces").iterdir()) if folder.exists() else set()


@pytest.mark.parametrize("compressors", [COMPRESSORS, pytest.param(LOOPS, marks=pytest.mark.slow)])
def test_numbers_are_the_same_and_nothing_is_traced_again(monkeypatch, folder, compressors) -> None:
    monkeypatch.setattr(compilation_cache, "_kept_in", None)
    expected = simulated(compressors)
    assert not kept(folder)
    monkeypatch.setattr(compilation_cache, "_kept_in", folder)
    assert simulated(compressors) == expected
    assert len(kept(folder)) == 4
    assert [path.name for path in folder.iterdir()] == [
        "traces"
    ]  # what lies beside programs JAX takes for one
    with monkeypatch.context() as patched:
        patched.setattr(kept_traces, "_traced", None)
        assert simulated(compressors) == expected
    for path in kept(folder):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    damaged = {path: path.read_bytes() for path in kept(folder)}
    assert simulated(compressors) == expected
    assert all(path.read_bytes() != content for path, content in damaged.items())
    compilation_cache.remove_oldest(folder.parent, 0)
    assert not kept(folder)


def test_what_could_be_otherwise_is_traced_anew(monkeypatch, folder) -> None:
    """Kept are draws, and a program of what the compressor does."""
    few = {"codebook": rd.FixedCodebook([0.0])}

    def new(compressors=few) -> int:
        before = kept(folder)
        traced(compressors)
        return len(kept(folder) - before)

    assert new() == 2
    assert new() == 0
    assert new({"codebook": rd.FixedCodebook([-1.0, 1.0])}) == 1  # draws are the same
    # Of one shape, but for what is no array.
    assert [new({"clusters": rd.KMeans(K)}) for K in (1, 2)] == [1, 1]
    # A function of somebody else's.
    assert new({"erm": rd.ERM(), "own": rd.compressor(half, markov=True)}) == 0
    with monkeypatch.context() as patched:
        patched.setattr(kept_traces, "source", lambda: "that of another version")
        assert new() == 2
    with jax_set("jax_numpy_rank_promotion", "warn"):
        assert new() == 2


def half(key: jax.Array, weights: jax.Array, context: rd.Context) -> rd.Compressed:
    return rd.Compressed(0.5 * weights, {})


@contextlib.contextmanager
def jax_set(name: str, value: Any) -> Iterator[None]:
    before = jax.config.values[name]
    jax.config.update(name, value)
    try:
        yield
    finally:
        jax.config.update(name, before)


def test_nothing_is_kept_where_programs_are_not(monkeypatch, folder) -> None:
    erm = {"erm": rd.ERM()}
    with monkeypatch.context() as patched:
        patched.setattr(compilation_cache, "_kept_in", None)
        traced(erm)
    with monkeypatch.context() as patched:
        patched.setenv("JAX_COMPILATION_CACHE_DIR", str(folder / "elsewhere"))
        traced(erm)
    with monkeypatch.context() as patched:  # modules that are no files
        patched.setattr(kept_traces, "source", lambda: "")
        traced(erm)
    with monkeypatch.context() as patched:  # without FlatBuffers
        patched.setitem(sys.modules, "jax._src.export.serialization", None)
        traced(erm)
    with jax_set("jax_enable_compilation_cache", False):
        traced(erm)
    assert not folder.exists()


def test_the_source_is_that_of_all_modules(monkeypatch, tmp_path: pathlib.Path) -> None:
    place = tmp_path / "ratedist"
    (place / "room").mkdir(parents=True)
    monkeypatch.setattr(rd, "__file__", str(place / "__init__.py"))
    of_files = kept_traces.source.__wrapped__

    def written(old: float = 3600.0, **contents: str) -> str:
        for path in place.rglob("*.py"):
            path.unlink()
        for name, content in contents.items():
            path = place / "room" / f"{name}.py"
            path.write_text(content)
            os.utime(path, times=(time.time() - old, time.time() - old))
        return of_files()

    assert written() == ""
    one = written(a="x = 1", b="y = 2")
    assert one == written(b="y = 2", a="x = 1")
    others = [written(a="x = 1"), written(a="x = 1y = 2", b=""), written(a="y = 2", b="x = 1")]
    assert len({one, *others, written(a="x = 1", c="y = 2")}) == 5
    assert written(old=1.0, a="x = 1", b="y = 2") == ""  # may be another than the one imported
