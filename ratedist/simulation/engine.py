"""Traced batches: what one trial computes, spread over the devices, with a bounded number of compilations.

One trial is a pure function of its number: its key is that of the run, folded with it. Results therefore do
not depend on the batch size, on how many devices share a batch, or on interruptions, except through the
rounding of sums.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
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
from ratedist.compressors.together import compress_all
from ratedist.compressors.tracing import trace_output
from ratedist.linear_model.multi_output_sampling import MultiOutputArrays
from ratedist.linear_model.samplers import Sampler
from ratedist.linear_model.sampling import ModelArrays
from ratedist.simulation import trials
from ratedist.simulation.estimates import SQUARED_DISTANCE

Arrays = ModelArrays | MultiOutputArrays
# Each compilation keeps some 600 memory maps, of which Linux gives a process 65,530.
MAX_KEPT = 40
# Of one run; 64 bits would do for more.
MOST_TRIALS = 2**63


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a batch's compilation depends on, besides shapes and the structure of the compressors."""

    sampler: Sampler
    num_samples: int
    needs: tuple[tuple[str, frozenset[str]], ...]
    mesh: Mesh

    def of_draws(self) -> Plan:
        """What drawing and assessing depend on: they are compiled once, whatever compressors there are."""
        return dataclasses.replace(self, needs=())


def _over_trials(one_trial: Callable[[Any, Any, Plan], Any]) -> Callable[[Any, Any, Plan], Any]:
    """Map ``one_trial(own, shared, plan)`` over the first axis of ``own``, spread over the devices."""

    @functools.partial(jax.jit, static_argnums=2)
    @functools.wraps(one_trial)
    def batch(own: Any, shared: Any, plan: Plan) -> Any:
        def on_one_device(own: Any, shared: Any) -> Any:
            return jax.vmap(lambda one: one_trial(one, shared, plan))(own)

        # shard_map, not automatic partitioning: each device runs its own trials, host callbacks included.
        specs = (Spec("trials"), Spec())
        return jax.shard_map(
            on_one_device, mesh=plan.mesh, in_specs=specs, out_specs=specs[0], check_vma=False
        )(own, shared)

    return batch


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


# Three compilations rather than one: in one, XLA computes every draw again inside each of its uses.


@_over_trials
def _draw(index: jax.Array, shared: tuple[jax.Array, Arrays], plan: Plan) -> tuple[Any, jax.Array]:
    """The draw of one trial, and the key of its compressors."""
    key, model = shared
    draw_key, compress_key = jax.random.split(trial_key(key, index))
    return plan.sampler.draw(draw_key, model, plan.num_samples), compress_key


@_over_trials
def _compress(
    own: tuple[Any, jax.Array], shared: tuple[Arrays, dict[str, PreparedCompressor]], plan: Plan
) -> dict[tuple[str, ...], Compressed]:
    """What the compressors make of one trial's weights."""
    (draw, key), (model, compressors) = own, shared
    needs = dict(plan.needs)
    context = _context(model, draw, plan.sampler, frozenset().union(*needs.values()))
    return compress_all(compressors, key, draw.weights, context, needs)


@_over_trials
def _assess(
    own: tuple[Any, dict[tuple[str, ...], Compressed]], model: Arrays, plan: Plan
) -> dict[str, jax.Array]:
    """Per quantity the values of one trial, over all compressors in the order of their groups."""
    draw, compressed = own
    reconstructions = jnp.concatenate([group.reconstruction for group in compressed.values()])
    risks = jax.vmap(lambda one: plan.sampler.risks(model, draw, one))(reconstructions)
    squared_distance = jnp.sum((reconstructions - model.w_star[None, :]) ** 2, axis=1)
    return {**risks._asdict(), SQUARED_DISTANCE: squared_distance}


def run_batch(
    indices: jax.Array, count: int, key: jax.Array, model: Arrays,
    compressors: dict[str, PreparedCompressor], plan: Plan,
) -> dict[str, trials.Column]:  # fmt: skip
    """Values of every quantity in the first ``count`` of the trials ``indices``."""
    draws, keys = _draw(indices, (key, model), plan.of_draws())
    compressed = _compress((draws, keys), (model, compressors), plan)
    risks = _assess((draws, compressed), model, plan.of_draws())
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
    own = jax.eval_shape(lambda own, shared: _draw(own, shared, plan.of_draws()), indices, (key, model))
    sharding = NamedSharding(plan.mesh, Spec("trials"))
    own = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), own)
    try:
        compressed = jax.eval_shape(lambda own, shared: _compress(own, shared, plan), own, (model, prepared))
    except Exception:
        for name, compressor in compressors.items():
            trace_output(name, compressor, model, prepared[name])  # says in words which one, and what it did
        raise
    return {names: group.rates for names, group in compressed.items()}


def _context(model: Arrays, draw: Any, sampler: Sampler, needs: frozenset[str]) -> Context:
    """What any of the compressors declared; which of it each may see is for ``compress_all``."""
    if sampler.input_hessian is None or not needs & HESSIAN_NAMES:
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
        for stage in (_draw, _compress, _assess):
            stage.clear_cache()  # pyright: ignore[reportFunctionMemberAccess, reportAttributeAccessIssue]
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
