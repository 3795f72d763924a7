"""Traced batches: what one trial computes, spread over the devices, with a bounded number of compilations.

One trial is a pure function of its number: its key is that of the run, folded with it. Results therefore
depend on batch sizes, on how many devices share a batch and on interruptions by the rounding of sums alone.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection, Hashable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import jaxlib.version
import numpy as np
from jax.extend.random import threefry_2x32
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as Spec

from ratedist.compressors.base import (
    HESSIAN_NAMES,
    Compressed,
    Compressor,
    Context,
    PreparedCompressor,
)
from ratedist.compressors.fixed_codebook import PreparedFixedCodebook
from ratedist.compressors.oracle import PreparedOracle
from ratedist.compressors.together import compress_all
from ratedist.compressors.tracing import trace_output
from ratedist.linear_model.multi_output_sampling import MultiOutputArrays
from ratedist.linear_model.samplers import SAMPLERS, Sampler
from ratedist.linear_model.sampling import ModelArrays
from ratedist.simulation import trials
from ratedist.simulation.estimates import SQUARED_DISTANCE
from ratedist.simulation.kept_traces import traced_once

Arrays = ModelArrays | MultiOutputArrays
# Each compilation keeps some 600 memory maps, of which Linux gives a process 65,530.
MAX_KEPT = 40
# On CPU: LLVM at -O1 and XLA's older emitters of loops. They give what the usual ones give, but for rounding.
QUICK_OPTIONS = (("xla_backend_optimization_level", 1),)
if jaxlib.version.__version_info__ < (0, 11):  # later ones have no older emitters, and refuse the option
    QUICK_OPTIONS += (("xla_cpu_use_fusion_emitters", False),)
if (0, 10, 2) <= jaxlib.version.__version_info__ < (0, 11):  # where it is known to be so
    # Only products are left to the library YNNPACK: its sums over fifty weights take twice as long.
    QUICK_OPTIONS += (("xla_cpu_experimental_ynn_fusion_type", "LIBRARY_FUSION_TYPE_DOT"),)
# These compressors are as quick by them. The dynamic programme of K-means is three times slower.
QUICKLY_COMPILED = PreparedFixedCodebook, PreparedOracle
# Trials whose reconstructions, read once for each risk, stay in the processor's cache.
ASSESSED = 64
# Of one run; 64 bits would do for more.
MOST_TRIALS = 2**63


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a batch's compilation depends on, besides shapes and the structure of the compressors."""

    sampler: Sampler
    num_samples: int
    needs: tuple[tuple[str, frozenset[str], int], ...]  # the number is of the structure: see pytrees.py
    mesh: Mesh

    def of_draws(self) -> Plan:
        """What drawing and assessing depend on: they are compiled once, whatever compressors there are."""
        return dataclasses.replace(self, needs=())

    def of_compressors(self, names: Collection[str]) -> Plan:
        """What compressing by these depends on: if they see the weights alone, on no sampler."""
        plan = dataclasses.replace(self, needs=tuple(pair for pair in self.needs if pair[0] in names))
        weights_alone = dataclasses.replace(plan, sampler=SAMPLERS["erm"], num_samples=0)
        return weights_alone if plan.sees_weights_alone else plan

    @property
    def sees_weights_alone(self) -> bool:
        """Whether no compressor sees anything else."""
        return not any(seen for _, seen, _ in self.needs)


class Weights(NamedTuple):
    """All of a draw that most compressors see."""

    weights: jax.Array


class Stage:
    """``one_trial(own, shared, plan)`` mapped over the first axis of ``own``, spread over the devices.

    Args:
        one_trial: a pure function of one trial.
        quickly: whether to compile in a third of the time, where that makes the program no slower.
        at_a_time: how many trials are done together on a device; all if there are not several times as many.
    """

    def __init__(
        self, one_trial: Callable[[Any, Any, Plan], Any], *, quickly: bool = False, at_a_time: int = 0
    ) -> None:
        self.quickly = quickly

        @functools.wraps(one_trial)
        def batch(own: Any, shared: Any, plan: Plan) -> Any:
            def on_one_device(own: Any, shared: Any) -> Any:
                def one(own: Any) -> Any:
                    return one_trial(own, shared, plan)

                count = jax.tree.leaves(own)[0].shape[0]
                if at_a_time and count > at_a_time and count % at_a_time == 0:
                    return jax.lax.map(one, own, batch_size=at_a_time)
                return jax.vmap(one)(own)

            # shard_map, not automatic partitioning: each device runs its own trials, host callbacks included.
            specs = (Spec("trials"), Spec())
            mapped = jax.shard_map(
                on_one_device, mesh=plan.mesh, in_specs=specs, out_specs=specs[0], check_vma=False
            )
            return traced_once(one_trial.__name__, mapped, own, shared, plan)

        self._compiled = {
            options: jax.jit(batch, static_argnums=2, compiler_options=dict(options) or None)
            for options in (QUICK_OPTIONS, ())
        }

    def __call__(self, own: Any, shared: Any, plan: Plan) -> Any:
        return self._for(plan)(own, shared, plan)

    def eval_shape(self, own: Any, shared: Any, plan: Plan) -> Any:
        """Shapes and types of what a call returns, which then needs no tracing."""
        return self._for(plan).eval_shape(own, shared, plan)

    def clear_cache(self) -> None:
        """Forget what is compiled."""
        for compiled in self._compiled.values():
            compiled.clear_cache()  # pyright: ignore[reportAttributeAccessIssue]

    def cache_size(self) -> int:
        """How many programs are compiled."""
        return sum(compiled._cache_size() for compiled in self._compiled.values())  # pyright: ignore[reportAttributeAccessIssue, reportFunctionMemberAccess]

    def _for(self, plan: Plan) -> Any:
        on_cpu = plan.mesh.devices.flat[0].platform == "cpu"
        return self._compiled[QUICK_OPTIONS if self.quickly and on_cpu else ()]


def trial_key(key: jax.Array, index: jax.Array) -> jax.Array:
    """The key of the trial whose number has these upper and lower 32 bits.

    Below 2³² it is ``fold_in(key, number)``, which enciphers ``(0, number)`` by threefry. Beyond, the upper
    bits take the place of the 0: no two numbers have the same key. Keys of other kinds take 32 bits.
    """
    if _has_64_bits(key):
        data = threefry_2x32(jax.random.key_data(key), index)
        return jax.random.wrap_key_data(data, impl=jax.random.key_impl(key))
    return jax.random.fold_in(key, index[1])


def most_trials(key: jax.Array) -> int:
    """How many trials have keys of their own."""
    return MOST_TRIALS if _has_64_bits(key) else 2**32


def _has_64_bits(key: jax.Array) -> bool:
    return str(jax.random.key_impl(key)) == "threefry2x32"


# Stages rather than one program: in one, XLA computes every draw again inside each of its uses.


def _draw_one(index: jax.Array, shared: tuple[jax.Array, Arrays], plan: Plan) -> tuple[Any, jax.Array]:
    """The draw of one trial, and the key of its compressors."""
    key, model = shared
    draw_key, compress_key = jax.random.split(trial_key(key, index))
    return plan.sampler.draw(draw_key, model, plan.num_samples), compress_key


def _compress_one(
    own: tuple[Any, jax.Array], shared: tuple[Arrays | None, dict[str, PreparedCompressor]], plan: Plan
) -> dict[tuple[str, ...], Compressed]:
    """What the compressors make of one trial's weights."""
    (draw, key), (model, compressors) = own, shared
    needs = {name: seen for name, seen, _ in plan.needs}
    context = _context(model, draw, plan.sampler, frozenset().union(*needs.values()))
    return compress_all(compressors, key, draw.weights, context, needs)


def _assess_one(own: tuple[Any, list[jax.Array]], model: Arrays, plan: Plan) -> dict[str, jax.Array]:
    """Per quantity the values of one trial, over all reconstructions, group by group."""
    draw, groups = own
    reconstructions = jnp.concatenate(groups)
    risks = jax.vmap(lambda one: plan.sampler.risks(model, draw, one))(reconstructions)
    squared_distance = jnp.sum((reconstructions - model.w_star[None, :]) ** 2, axis=1)
    return {**risks._asdict(), SQUARED_DISTANCE: squared_distance}


_draw, _assess = Stage(_draw_one, quickly=True), Stage(_assess_one, quickly=True, at_a_time=ASSESSED)
_compress, _compress_quickly = Stage(_compress_one), Stage(_compress_one, quickly=True)
Part = tuple[Stage, dict[str, PreparedCompressor], Plan]


def _parts(compressors: Mapping[str, PreparedCompressor], plan: Plan) -> list[Part]:
    """The compressors by how they are compiled, each part with its plan."""
    parts: list[Part] = []
    for stage in (_compress, _compress_quickly):
        own = {
            name: one
            for name, one in compressors.items()
            if isinstance(one, QUICKLY_COMPILED) == stage.quickly
        }
        if own:
            parts.append((stage, own, plan.of_compressors(own)))
    return parts


def _seen(draws: Any, model: Arrays, plan: Plan) -> tuple[Any, Arrays | None]:
    """Of draws and model what compressors may see: a program of the weights alone serves all of them."""
    return (Weights(draws.weights), None) if plan.sees_weights_alone else (draws, model)


def run_batch(
    indices: jax.Array, count: int, key: jax.Array, model: Arrays,
    compressors: dict[str, PreparedCompressor], plan: Plan,
) -> dict[str, trials.Column]:  # fmt: skip
    """Values of every quantity in the first ``count`` of the trials ``indices``."""
    draws, keys = _draw(indices, (key, model), plan.of_draws())
    compressed: dict[tuple[str, ...], Compressed] = {}
    for stage, part, own_plan in _parts(compressors, plan):
        seen, seen_model = _seen(draws, model, own_plan)
        compressed |= stage((seen, keys), (seen_model, part), own_plan)
    groups = [compressed[names].reconstruction for names in sorted(compressed)]  # as device_get sorts rates
    risks = _assess((draws, groups), model, plan.of_draws())
    all_rates = {names: group.rates for names, group in compressed.items()}
    risks, all_rates = jax.device_get((risks, all_rates))
    columns = trials.by_quantity(all_rates, risks, count)
    trials.check_values(columns, draws.weights, indices)
    return columns


def traced_rates(
    compressors: Mapping[str, Compressor], prepared: dict[str, PreparedCompressor], indices: jax.Array,
    key: jax.Array, model: Arrays, plan: Plan,
) -> dict[tuple[str, ...], dict[str, Any]]:  # fmt: skip
    """Shapes of the rates of each group, by tracing alone; what is returned wrongly is refused here.

    Given the shardings that the draws will have, JAX keeps the traces: the first batch traces nothing again.
    """
    own = _draw.eval_shape(indices, (key, model), plan.of_draws())
    sharding = NamedSharding(plan.mesh, Spec("trials"))
    own = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), own)
    draws, keys = own
    compressed: dict[tuple[str, ...], Compressed] = {}
    try:
        for stage, part, own_plan in _parts(prepared, plan):
            seen, seen_model = _seen(draws, model, own_plan)
            compressed |= stage.eval_shape((seen, keys), (seen_model, part), own_plan)
    except Exception:
        for name, compressor in compressors.items():
            trace_output(name, compressor, model, prepared[name])  # says in words which one, and what it did
        raise
    return {names: group.rates for names, group in compressed.items()}


def _context(model: Arrays | None, draw: Any, sampler: Sampler, needs: frozenset[str]) -> Context:
    """What any of the compressors declared; which of it each may see is for ``compress_all``."""
    if model is None or sampler.input_hessian is None or not needs & HESSIAN_NAMES:
        return Context(model=model)
    input_hessian = sampler.input_hessian(draw)
    return Context(
        model=model,
        hessian_diagonal=model.hessian_diagonal(input_hessian),
        # Of several outputs it is larger than all the rest.
        hessian=model.hessian(input_hessian) if "hessian" in needs else None,
        input_hessian=input_hessian,
    )


_kept: set[Hashable] = set()


def limit_kept_compilations(signature: Hashable) -> None:
    """Before the run of one more ``signature``, drop all compilations if there are too many."""
    if signature not in _kept and len(_kept) >= MAX_KEPT:
        for stage in (_draw, _compress, _compress_quickly, _assess):
            stage.clear_cache()
        _kept.clear()
    _kept.add(signature)


def trial_indices(start: int, count: int, mesh: Mesh) -> jax.Array:
    """Numbers of trials from ``start`` on, as upper and lower 32 bits, padded to a multiple of the devices.

    Every batch has this one shape, so that one compilation serves them all; the surplus is dropped.
    """
    padded = -(-count // mesh.size) * mesh.size
    numbers = np.uint64(start) + np.arange(padded, dtype=np.uint64)
    indices = np.stack([numbers >> np.uint64(32), numbers], axis=1).astype(np.uint32)
    return jax.make_array_from_callback(
        indices.shape, NamedSharding(mesh, Spec("trials")), lambda part: indices[part]
    )
