"""Monte Carlo engine: batches of trials of bounded memory, spread over the devices, resumable.

One trial is a pure function of its index: its key is ``fold_in(key, index)``. Results therefore do not
depend on the batch size, on how many devices share a batch, or on interruptions, except through the
rounding of sums.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as Spec
from tqdm import tqdm

from ratedist import _checks, checkpoint, trials
from ratedist.compressors.base import (
    HESSIAN_NAMES,
    BoundCompressor,
    Compressed,
    Compressor,
    Context,
    compress_all,
)
from ratedist.compressors.check import trace_output
from ratedist.compressors.declaration import (
    bounding_rates,
    check_declaration,
    checked_fixed_rates,
    checked_heavy_tailed,
    refuse_rate_names,
)
from ratedist.compressors.kmeans import SHORT_VECTOR
from ratedist.compressors.tails import infinite_expectations, interval_notes
from ratedist.estimate import Moments
from ratedist.files import require_target
from ratedist.problem import GaussianLinearModel
from ratedist.results import SQUARED_DISTANCE, SimulationResult, Source
from ratedist.risks import dataset_risks, erm_risks, statistics_risks
from ratedist.sampling import (
    DatasetDraw,
    Draw,
    ModelArrays,
    StatisticsDraw,
    draw_dataset,
    draw_erm,
    draw_statistics,
)

Sampler = Literal["auto", "erm", "statistics", "dataset"]

RISKS = {"erm": erm_risks, "statistics": statistics_risks, "dataset": dataset_risks}

BATCH_BYTES = 64 * 2**20
# The dynamic programmes of more trials at once leave the cache: at d = 50 a batch of 2048 is half as fast.
MAX_BATCH = 256
CHECKPOINT_SECONDS = 15.0
# A trial's key is folded from 32 bits of its number: beyond, trials would repeat.
MAX_TRIALS = 2**32
# Each compilation keeps some 600 memory maps, of which Linux gives a process 65,530.
MAX_KEPT = 40


def simulate(
    model: GaussianLinearModel,
    compressors: Mapping[str, Compressor],
    num_trials: int,
    key: jax.Array,
    sampler: Sampler = "auto",
    *,
    batch_size: int | None = None,
    progress: bool = False,
    checkpoint_path: str | pathlib.Path | None = None,
    return_samples: bool = False,
) -> SimulationResult:
    """Estimate the risks and rates of compressors of the ERM weights, all from the same draws.

    Args:
        model: the linear model.
        compressors: by the names under which the result is asked.
        num_trials: independent data sets (or draws of their statistics), from 1 to 2³².
        key: one JAX random key, ``jax.random.key(seed)``.
        sampler: "erm" draws the weights from their own law and averages the data out (exact, fastest, for
            compressors that see W alone); "statistics" draws A, W and L_S(W); "dataset" draws X and Y.
            "auto" takes the first that shows the compressors what they need to see.
        batch_size: trials at a time; by default as many as fit in about 64 MiB, at most 256.
        progress: show a progress bar on standard error.
        checkpoint_path: save the state there every few seconds, and go on from it if it exists and
            belongs to the same model, compressors, key, sampler and precision. It may hold fewer
            trials than are now asked for, never more.
        return_samples: keep the values of every trial too, as :meth:`RiskEstimates.generalization_bound`
            needs. They take 8 bytes (4 in single precision) a trial for each compressor and each of its
            rates and of five other quantities; more than 1 GiB is refused. A checkpoint holds none.

    Returns:
        Estimates with standard errors, by name: ``result["kmeans"].population_risk`` and so on, rates in
        nats; ``result.difference("kmeans", "erm")`` is paired.

    Raises:
        ValueError: no compressor, arguments of another kind, a sampler that does not show a compressor what
            it needs, a number of trials or a batch size below 1, a compressor that does not fit the model,
            declares what cannot be or returns what it must not (also NaN, infinities and negative rates),
            samples of more than 1 GiB or beside a checkpoint,
            a trial that needs more memory than the machine has, or a checkpoint of another run.
    """
    num_trials = _checks.integer("num_trials", num_trials, 1, MAX_TRIALS)
    key = trials.checked_key(key)
    for option, value in {"progress": progress, "return_samples": return_samples}.items():
        if not isinstance(value, bool | np.bool_):
            raise ValueError(f"{option} must be True or False, got {value!r}")
    if checkpoint_path is not None and not isinstance(checkpoint_path, str | os.PathLike):
        raise ValueError(f"checkpoint_path must be a path, got {checkpoint_path!r}")
    _check_problem(model, compressors)
    chosen = _choose_sampler(sampler, compressors)
    batch_size = min(_batch_size(batch_size, model, len(compressors), chosen), num_trials)
    fixed_rates = _checked_answers(model, compressors)
    bound = {name: compressor.bind(model) for name, compressor in compressors.items()}
    mesh = Mesh(np.array(jax.devices()), ("trials",))
    arrays = ModelArrays.of(model)
    needs = tuple((name, frozenset(compressor.needs)) for name, compressor in compressors.items())
    # Only a data set has n in its shape; for the other samplers n is traced and one value serves all.
    plan = _Plan(chosen, model.n if chosen == "dataset" else 0, needs, mesh)
    groups = _traced_rates(compressors, bound, _indices(0, batch_size, mesh), key, arrays, plan)
    for names, counted in groups.items():
        for name in names:
            kinds = bounding_rates(name, compressors[name], model)
            refuse_rate_names(f"compressor {name!r}", fixed_rates[name], counted, kinds)
    samples = None
    if return_samples:
        samples = trials.room_for_samples(groups, num_trials, np.dtype(arrays.w_star.dtype), checkpoint_path)

    leaves, structure = jax.tree.flatten((arrays, bound))
    shapes = tuple((leaf.shape, leaf.dtype) for leaf in leaves)
    _bound_kept_compilations((plan, batch_size, structure, shapes))
    state: dict[str, Moments] = {}
    fingerprint = ""
    if checkpoint_path is not None:
        require_target(checkpoint_path)
        trials.check_recognisable(bound)
        fingerprint = checkpoint.fingerprint(arrays, bound, key, chosen, model.n)
        state = checkpoint.load(checkpoint_path, fingerprint)
    done = next(iter(state.values())).count if state else 0
    if done > num_trials:
        raise ValueError(
            f"{checkpoint_path} already holds {done} trials, more than the {num_trials} asked for"
        )

    saved = time.monotonic()
    with tqdm(total=num_trials, initial=done, unit="trial", unit_scale=True, disable=not progress) as bar:
        for start in range(done, num_trials, batch_size):
            count = min(batch_size, num_trials - start)
            columns = _run_batch(_indices(start, batch_size, mesh), count, key, arrays, bound, plan)
            if samples is not None:
                for quantity, (_, values) in columns.items():
                    samples[quantity][start : start + count] = values
            batch = {quantity: Moments.of(*column) for quantity, column in columns.items()}
            state = {quantity: state[quantity].merge(batch[quantity]) for quantity in state} or batch
            bar.update(count)
            if checkpoint_path is not None and time.monotonic() - saved > CHECKPOINT_SECONDS:
                checkpoint.save(checkpoint_path, fingerprint, state)
                saved = time.monotonic()
    if checkpoint_path is not None:
        checkpoint.save(checkpoint_path, fingerprint, state)
    return SimulationResult(
        tuple(compressors),
        num_trials,
        chosen,
        state,
        fixed_rates,
        {name: infinite_expectations(compressor, model) for name, compressor in compressors.items()},
        str(jnp.result_type(float)),
        {name: interval_notes(compressor, model, num_trials) for name, compressor in compressors.items()},
        {name: Source(name, model, compressor) for name, compressor in compressors.items()},
        samples,
    )


@dataclasses.dataclass(frozen=True)
class _Plan:
    """What a batch's compilation depends on, besides shapes and the structure of the compressors."""

    sampler: str
    num_samples: int
    needs: tuple[tuple[str, frozenset[str]], ...]
    mesh: Mesh


def _over_trials(one_trial: Callable[[Any, Any, _Plan], Any]) -> Callable[[Any, Any, _Plan], Any]:
    """Map ``one_trial(own, shared, plan)`` over the first axis of ``own``, spread over the devices."""

    @functools.partial(jax.jit, static_argnums=2)
    @functools.wraps(one_trial)
    def batch(own: Any, shared: Any, plan: _Plan) -> Any:
        def on_one_device(own: Any, shared: Any) -> Any:
            return jax.vmap(lambda one: one_trial(one, shared, plan))(own)

        # shard_map, not automatic partitioning: each device runs its own trials, host callbacks included.
        specs = (Spec("trials"), Spec())
        return jax.shard_map(
            on_one_device, mesh=plan.mesh, in_specs=specs, out_specs=specs[0], check_vma=False
        )(own, shared)

    return batch


# Three compilations rather than one: in one, XLA computes every draw again inside each of its uses.


@_over_trials
def _draw(index: jax.Array, shared: tuple[jax.Array, ModelArrays], plan: _Plan) -> tuple[Draw, jax.Array]:
    """The draw of one trial, and the key of its compressors."""
    key, model = shared
    draw_key, compress_key = jax.random.split(jax.random.fold_in(key, index))
    if plan.sampler == "erm":
        return draw_erm(draw_key, model), compress_key
    if plan.sampler == "statistics":
        return draw_statistics(draw_key, model), compress_key
    return draw_dataset(draw_key, model, plan.num_samples), compress_key


@_over_trials
def _compress(
    own: tuple[Draw, jax.Array], shared: tuple[ModelArrays, dict[str, BoundCompressor]], plan: _Plan
) -> dict[tuple[str, ...], Compressed]:
    """What the compressors make of one trial's weights."""
    (draw, key), (model, compressors) = own, shared
    needs = dict(plan.needs)
    context = _context(model, draw, frozenset().union(*needs.values()))
    return compress_all(compressors, key, draw.weights, context, needs)


@_over_trials
def _assess(
    own: tuple[Draw, dict[tuple[str, ...], Compressed]], model: ModelArrays, plan: _Plan
) -> dict[str, jax.Array]:
    """Per quantity the values of one trial, over all compressors in the order of their groups."""
    draw, compressed = own
    reconstructions = jnp.concatenate([group.reconstruction for group in compressed.values()])
    risks = jax.vmap(lambda one: RISKS[plan.sampler](model, draw, one))(reconstructions)
    squared_distance = jnp.sum((reconstructions - model.w_star[None, :]) ** 2, axis=1)
    return {**risks._asdict(), SQUARED_DISTANCE: squared_distance}


@functools.partial(jax.jit, static_argnums=1)
def _everywhere(tree: Any, mesh: Mesh) -> Any:
    """Give every process the whole of what the devices computed."""
    return jax.lax.with_sharding_constraint(tree, NamedSharding(mesh, Spec()))


def _run_batch(
    indices: jax.Array, count: int, key: jax.Array, model: ModelArrays,
    compressors: dict[str, BoundCompressor], plan: _Plan,
) -> dict[str, trials.Column]:  # fmt: skip
    """Values of every quantity in the first ``count`` of the trials ``indices``."""
    draws, keys = _draw(indices, (key, model), plan)
    compressed = _compress((draws, keys), (model, compressors), plan)
    risks = _assess((draws, compressed), model, plan)
    all_rates = {names: group.rates for names, group in compressed.items()}
    risks, all_rates = jax.device_get(_everywhere((risks, all_rates), plan.mesh))
    columns = trials.by_quantity(all_rates, risks, count)
    trials.check_values(columns, draws.weights, indices)
    return columns


def _traced_rates(
    compressors: Mapping[str, Compressor], bound: dict[str, BoundCompressor], indices: jax.Array,
    key: jax.Array, model: ModelArrays, plan: _Plan,
) -> dict[tuple[str, ...], dict[str, Any]]:  # fmt: skip
    """Shapes of the rates of each group, by tracing alone; what is returned wrongly is refused here.

    Given the shardings that the draws will have, JAX keeps the traces: the first batch traces nothing again.
    """
    own = jax.eval_shape(lambda own, shared: _draw(own, shared, plan), indices, (key, model))
    sharding = NamedSharding(plan.mesh, Spec("trials"))
    own = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), own)
    try:
        compressed = jax.eval_shape(lambda own, shared: _compress(own, shared, plan), own, (model, bound))
    except Exception:
        for name, compressor in compressors.items():
            trace_output(name, compressor, model, bound[name])  # says in words which one, and what it did
        raise
    return {names: group.rates for names, group in compressed.items()}


def _context(model: ModelArrays, draw: Draw, needs: frozenset[str]) -> Context:
    """What any of the compressors declared; which of it each may see is for ``compress_all``."""
    hessian = None
    if needs & HESSIAN_NAMES:
        if isinstance(draw, StatisticsDraw):
            hessian = draw.hessian_factor @ draw.hessian_factor.T
        elif isinstance(draw, DatasetDraw):
            hessian = draw.inputs.T @ draw.inputs / draw.inputs.shape[0]
    return Context(
        model=model, hessian_diagonal=None if hessian is None else jnp.diag(hessian), hessian=hessian
    )


_kept: set[Hashable] = set()


def _bound_kept_compilations(signature: Hashable) -> None:
    """Before the run of one more ``signature``, drop all compilations if there are too many."""
    if signature not in _kept and len(_kept) >= MAX_KEPT:
        for stage in (_draw, _compress, _assess, _everywhere):
            stage.clear_cache()  # pyright: ignore[reportFunctionMemberAccess, reportAttributeAccessIssue]
        _kept.clear()
    _kept.add(signature)


def _check_problem(model: GaussianLinearModel, compressors: Mapping[str, Compressor]) -> None:
    if not isinstance(model, GaussianLinearModel):
        raise ValueError(f"model must be a GaussianLinearModel, got {model!r}")
    if not isinstance(compressors, Mapping):
        raise ValueError(f'compressors must be a mapping such as {{"erm": rd.ERM()}}, got {compressors!r}')
    if not compressors:
        raise ValueError("compressors must name at least one compressor, got none")
    for name, compressor in compressors.items():
        check_declaration(name, compressor)
    held = jnp.finfo(jnp.result_type(float))
    if model.noise_variance > 0 and not float(held.tiny) <= model.noise_variance <= float(held.max):
        raise ValueError(
            f"noise_variance must lie in [{float(held.tiny):.2g}, {float(held.max):.2g}], which is what "
            f"{held.dtype} holds, got {model.noise_variance:g}: rescale the problem or enable x64"
        )
    trials.warn_of_few_digits(model)


def _checked_answers(
    model: GaussianLinearModel, compressors: Mapping[str, Compressor]
) -> dict[str, dict[str, float]]:
    """The fixed rates of each compressor, once all that it says about the model makes sense."""
    for name, compressor in compressors.items():
        checked_heavy_tailed(name, compressor, model)
        bounding_rates(name, compressor, model)
    return {name: checked_fixed_rates(name, one, model) for name, one in compressors.items()}


def _choose_sampler(sampler: str, compressors: Mapping[str, Compressor]) -> str:
    _checks.one_of("sampler", sampler, get_args(Sampler))
    blind = [name for name, one in compressors.items() if not one.markov or one.needs & HESSIAN_NAMES]
    if sampler == "erm" and blind:
        raise ValueError(
            f"sampler 'erm' draws the weights alone, but {', '.join(blind)} must see the data's Hessian: "
            "use 'statistics', 'dataset' or 'auto'"
        )
    if sampler == "auto":
        return "statistics" if blind else "erm"
    return sampler


def _batch_size(asked: int | None, model: GaussianLinearModel, num_compressors: int, sampler: str) -> int:
    if asked is not None:
        _checks.integer("batch_size", asked, 1)
    per_trial = model.d * (6 * num_compressors + 16)
    per_trial += 3 * min(model.d, SHORT_VECTOR) ** 2  # the tables of optimal K-means
    if sampler == "statistics":
        per_trial += 4 * model.d**2
    elif sampler == "dataset":
        per_trial += 3 * model.n * model.d
    _checks.fits_in_memory(
        f"a trial of the sampler {sampler!r} at d = {model.d}, n = {model.n}", 8 * per_trial
    )
    return asked or int(min(max(BATCH_BYTES // (8 * per_trial), 1), MAX_BATCH))


def _indices(start: int, count: int, mesh: Mesh) -> jax.Array:
    """Trial indices from ``start`` on, padded to a multiple of the devices.

    Every batch has this one shape, so that one compilation serves them all; the surplus is dropped.
    """
    padded = -(-count // mesh.size) * mesh.size
    indices = np.arange(start, start + padded).astype(np.uint32)
    return jax.make_array_from_callback(
        indices.shape, NamedSharding(mesh, Spec("trials")), lambda part: indices[part]
    )
