"""What JAX has traced for a command is kept beside what it compiled: the next one need not trace it again.

Nothing depends on it. A file is a program of StableHLO, where ``compilation_cache`` keeps programs and under
the conditions that it says: in a folder of the user's own, with a checksum, removed with the oldest. Its name
is a digest of all that tracing depends on: this package's source, JAX and its settings, shapes, static parts.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import jaxlib.version
from jax import export

import ratedist
from ratedist import compilation_cache
from ratedist.compressors.base import Compressed
from ratedist.compressors.erm import ERM
from ratedist.compressors.fixed_codebook import PreparedFixedCodebook
from ratedist.compressors.kmeans import PreparedOptimal
from ratedist.compressors.oracle import PreparedOracle
from ratedist.files import write_together
from ratedist.linear_model.samplers import SAMPLERS
from ratedist.linear_model.sampling import DatasetDraw, ErmDraw, StatisticsDraw

# Nothing of anybody else's is in these: what they do is in the source of this package.
OWN = ERM, PreparedOptimal, PreparedFixedCodebook, PreparedOracle
# A folder in that of the programs, of which JAX thinks that all is its own.
TRACES = "traces"
# Modules are imported within so many seconds; older ones are those that are imported.
IMPORTED, SETTLED_SECONDS = time.time(), 60
NAMED = {kind.__name__: kind for kind in (Compressed, ErmDraw, StatisticsDraw, DatasetDraw)}


def traced_once(name: str, stage: Callable[[Any, Any], Any], own: Any, shared: Any, plan: Any) -> Any:
    """``stage(own, shared)`` while it is traced, by the program that an earlier process has traced.

    Args:
        name: of the stage.
        stage: a pure function of its arguments and of the plan.
        own: tracers of what each trial has of its own.
        shared: tracers of what all have; of compressors, if there are any in the plan, after the model.
        plan: of the compilation, as in ``engine.Plan``.
    """
    folder = compilation_cache.folder() if jax.config.values["jax_enable_compilation_cache"] else None
    alone = plan.mesh.size == 1 and plan.mesh.devices.flat[0].platform == jax.default_backend() == "cpu"
    sampler = [key for key, one in SAMPLERS.items() if one is plan.sampler]
    compressors = shared[1].values() if plan.needs else ()
    if not (folder and alone and sampler and all(type(one) in OWN for one in compressors) and source()):
        return stage(own, shared)
    leaves, structure = jax.tree.flatten((own, shared))
    needs = [(compressor, sorted(seen)) for compressor, seen, _ in plan.needs]
    types = [(leaf.shape, str(leaf.dtype), leaf.weak_type) for leaf in leaves]
    settings = sorted((key, str(value)) for key, value in jax.config.values.items())
    versions = jax.__version__, jaxlib.version.__version__, sys.version, source()
    about = repr((name, versions, settings, sampler, plan.num_samples, needs, types, str(structure)))
    path = folder / TRACES / f"{hashlib.sha256(about.encode()).hexdigest()}{compilation_cache.SUFFIX}"
    try:
        found, program = _read(path) or _traced(path, stage, leaves, structure)
    except ImportError:  # JAX needs FlatBuffers for it
        return stage(own, shared)
    return _filled(found, iter(program.call(*map(_plain, leaves))))


@functools.cache
def source() -> str:
    """A digest of all modules of this package; nothing where it need not be that of the modules imported.

    Those are not there as files, or somebody was writing them when this process began.
    """
    digest, place = hashlib.sha256(), Path(ratedist.__file__).parent
    paths = sorted(place.rglob("*.py"))
    for path in paths:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(place)} {len(content)} ".encode() + content)
    settled = all(path.stat().st_mtime < IMPORTED - SETTLED_SECONDS for path in paths)
    return digest.hexdigest() if paths and settled else ""


def _read(path: Path) -> tuple[Any, export.Exported] | None:
    """What was traced, or nothing where there is no file, or a damaged one."""
    with contextlib.suppress(OSError, ValueError, zlib.error):
        described, _, program = zlib.decompress(path.read_bytes()).partition(b"\n")
        return json.loads(described), export.deserialize(bytearray(program))
    return None


def _traced(
    path: Path, stage: Callable[[Any, Any], Any], leaves: list[Any], structure: Any
) -> tuple[Any, export.Exported]:
    """Trace it and keep it: how its values belong together, and the program of all of them."""
    kinds, described = [_kind(leaf) for leaf in leaves], []

    def values(*plain: jax.Array) -> list[jax.Array]:
        keyed = [_keyed(one, kind) for one, kind in zip(plain, kinds, strict=True)]
        found: list[Any] = []
        described[:] = [_described(stage(*jax.tree.unflatten(structure, keyed)), found)]
        return [_plain(one) for one in found]

    shapes = [
        jax.ShapeDtypeStruct(one.shape, one.dtype, weak_type=one.weak_type) for one in map(_plain, leaves)
    ]
    program = export.export(jax.jit(values))(*shapes)
    content = json.dumps(described[0]).encode() + b"\n" + program.serialize()
    with contextlib.suppress(OSError, ValueError):
        write_together({path: zlib.compress(content, 1)})
    return described[0], program


def _described(tree: Any, leaves: list[Any]) -> Any:
    """The structure of what a stage returns, as JSON holds it; its leaves are put into a row."""
    if isinstance(tree, dict):
        return {"dict": [[key, _described(value, leaves)] for key, value in tree.items()]}
    if isinstance(tree, tuple):
        return {type(tree).__name__: [_described(one, leaves) for one in tree]}
    leaves.append(tree)
    return _kind(tree)


def _filled(described: Any, values: Iterator[Any]) -> Any:
    """The same structure with other leaves; groups of compressors have tuples of names as keys."""
    if not isinstance(described, dict):
        return _keyed(next(values), described)
    ((name, parts),) = described.items()
    if name == "dict":
        return {tuple(key) if isinstance(key, list) else key: _filled(value, values) for key, value in parts}
    filled = [_filled(part, values) for part in parts]
    return tuple(filled) if name == "tuple" else NAMED[name](*filled)


def _kind(leaf: Any) -> str | None:
    """Of a random key, which generator it is for."""
    return str(jax.random.key_impl(leaf)) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else None


def _plain(leaf: Any) -> Any:
    """A random key as the numbers that it is."""
    return jax.random.key_data(leaf) if _kind(leaf) else leaf


def _keyed(plain: Any, kind: str | None) -> Any:
    """The random key again, if it was one."""
    return jax.random.wrap_key_data(plain, impl=kind) if kind else plain
