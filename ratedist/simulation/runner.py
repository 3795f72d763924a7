"""``simulate``: what is asked for is checked and planned, run batch by batch, and kept to be resumed."""

from __future__ import annotations

import contextlib
import functools
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from ratedist import _checks, processes
from ratedist.compressors.base import HESSIAN_NAMES, Compressor
from ratedist.compressors.declaration import (
    bounding_rates,
    check_declaration,
    checked_fixed_rates,
    checked_heavy_tailed,
    refuse_rate_names,
)
from ratedist.compressors.tails import infinite_expectations, interval_notes
from ratedist.linear_model.base import LinearModel
from ratedist.linear_model.multi_output import require_linear_model
from ratedist.linear_model.quantities import SamplerName
from ratedist.linear_model.samplers import arrays_of, samplers_of
from ratedist.quantizers.traced.optimal import SHORT_VECTOR, quantized_side_by_side
from ratedist.simulation import checkpoint, memory, trials
from ratedist.simulation.engine import (
    Plan,
    limit_kept_compilations,
    most_trials,
    run_batch,
    traced_rates,
    trial_indices,
)
from ratedist.simulation.estimates import Source
from ratedist.simulation.identity import Identity, identity_of
from ratedist.simulation.loop import run_trials
from ratedist.simulation.results import SimulationResult
from ratedist.simulation.shared_loop import run_shared
from ratedist.simulation.target import target_of

BATCH_BYTES = 64 * 2**20
# An accelerator does many more trials in the time of a few (benchmarks/devices.py).
ACCELERATOR_BYTES, ACCELERATOR_BATCH = 2**30, 4096
# The dynamic programmes of more trials at once leave the cache: at d = 50 a batch of 2048 is half as fast.
MAX_BATCH = 256
# Where they lie side by side, in long runs. Short ones of any length share a compilation.
LARGE_BATCH, MANY_TRIALS, WHOLE = 1024, 8192, 512
CHECKPOINT_SECONDS = 5.0
# At which a run with a target ends, unless it is told otherwise.
MOST_WITH_TARGET = 10**7


def simulate(
    model: LinearModel,
    compressors: Mapping[str, Compressor],
    num_trials: int,
    key: jax.Array,
    sampler: SamplerName = "auto",
    *,
    batch_size: int | None = None,
    progress: bool = False,
    checkpoint_path: str | pathlib.Path | None = None,
    return_samples: bool = False,
    target_sem: float | None = None,
    max_trials: int = MOST_WITH_TARGET,
    first_trial: int = 0,
    devices: Sequence[jax.Device] | None = None,  # pyright: ignore[reportInvalidTypeForm]
) -> SimulationResult:
    """Estimate the risks and rates of compressors of the ERM weights, all from the same draws.

    Trials are computed in the precision that JAX is set to: single, unless
    ``jax.config.update("jax_enable_x64", True)`` came first. The result names it, and a warning says where
    its digits are too few for the model.

    Args:
        model: the Gaussian linear model that data sets are drawn from, n ≥ d, with one output or several. Of
            several the compressors see the weights row by row, all in one vector of shape ``(o·d,)``.
        compressors: by the names under which the result is asked.
        num_trials: independent data sets (or draws of their statistics), at least 1. With ``target_sem`` the
            fewest.
        key: one JAX random key, ``jax.random.key(seed)``.
        sampler: "erm" draws the weights from their own law and averages the data out: exact and fastest, for
            compressors that see W alone. "statistics" draws A, W and L_S(W), "dataset" the inputs and
            outputs. "auto" takes the first that shows the compressors what they need to see.
        batch_size: trials at a time. By default as many as fit in about 64 MiB: at most 256, or 1024 of few
            weights in a long run. On accelerators a long run has as many as fit in 1 GiB, at most 4,096.
        progress: show a progress bar on standard error.
        checkpoint_path: file in which the state is saved every few seconds. A run goes on from it if it
            belongs to the same model, compressors, key, sampler and precision. It then ends with the numbers
            of one that was never stopped, bit for bit, or to rounding if its batches were of another size.
            The file may hold fewer trials than are now asked for, never more. Another run at the same time is
            refused.
        return_samples: keep the values of every trial too, as :meth:`RiskEstimates.generalization_bound`
            needs. Each compressor has five quantities besides its rates, of 8 bytes a trial, or 4 in single
            precision. More than 1 GiB is refused. A checkpoint holds none.
        target_sem: the run ends as soon as no risk of any compressor has a larger standard error, in units of
            the loss. It is looked at from ``num_trials`` on, after every 1,024 trials. Stopping by the error
            biases a mean by about −γ/√N of it, γ the skewness of one trial and N their number.
        max_trials: the most that a run with ``target_sem`` has; if they are not enough, a warning says so.
        first_trial: number of the first trial. Runs of trials 0 to 99 and 100 to 199 draw what one of 0 to
            199 draws.
        devices: devices of this process that share the trials, which are then its own. If not given, all
            devices of all processes of ``jax.distributed`` share them, and every process gets the result.

    Returns:
        Estimates with standard errors, by name: ``result["kmeans"].population_risk`` and so on, rates in
        nats; ``result.difference("kmeans", "erm")`` is paired.

    Raises:
        ValueError: no compressor, arguments of another kind, a sampler that does not show a compressor what
            it needs, a number of trials or a batch size below 1, a compressor that does not fit the model,
            declares what cannot be or returns what it must not (also NaN, infinities and negative rates),
            samples of more than 1 GiB or beside a checkpoint, a target of risks without variance, devices
            that are not this process's, a trial that needs more memory than the machine has, or a checkpoint
            of another run or in use.

    Example:
        >>> import jax
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=20, w_star=rd.two_level_weights(4))
        >>> compressors = {"erm": rd.ERM(), "kmeans": rd.KMeans(num_clusters=2)}
        >>> result = rd.simulate(model, compressors, num_trials=500, key=jax.random.key(0))
        >>> abs(result["erm"].population_risk.standard_errors_from(rd.theory.erm_population_risk(model))) < 4
        True
        >>> result.difference("kmeans", "erm").population_risk.mean < 0  # two clusters are better here
        True
    """
    key = trials.checked_key(key)
    limit = most_trials(key)
    first_trial = _checks.integer("first_trial", first_trial, 0, limit - 1)
    num_trials = _checks.integer("num_trials", num_trials, 1, limit - first_trial)
    if target_sem is not None:
        # A standard error needs two.
        max_trials = _checks.integer("max_trials", max_trials, max(num_trials, 2), limit - first_trial)
    for option, value in {"progress": progress, "return_samples": return_samples}.items():
        if not isinstance(value, bool | np.bool_):
            raise ValueError(f"{option} must be True or False, got {value!r}")
    if checkpoint_path is not None and not isinstance(checkpoint_path, str | os.PathLike):
        raise ValueError(f"checkpoint_path must be a path, got {checkpoint_path!r}")
    _check_problem(model, compressors)
    chosen = _choose_sampler(sampler, model, compressors)
    fixed_rates = _checked_answers(model, compressors)
    target = target_of(target_sem, num_trials, model, compressors)
    most = max_trials if target else num_trials
    prepared = {name: compressor.prepare(model) for name, compressor in compressors.items()}
    mesh = _mesh(devices)
    several = devices is None and processes.count() > 1
    batch_size = min(_batch_size(batch_size, model, compressors, chosen, most, mesh), most)
    arrays = arrays_of(model)
    needs = trials.needs_of(compressors, prepared)
    # Only a data set has n in its shape; for the other samplers n is traced and one value serves all.
    drawn = samplers_of(model)[chosen]
    plan = Plan(drawn, model.n if drawn.sized_by_samples else 0, needs, mesh)
    groups = traced_rates(compressors, prepared, trial_indices(0, batch_size, mesh), key, arrays, plan)
    for names, counted in groups.items():
        for name in names:
            kinds = bounding_rates(name, compressors[name], model)
            refuse_rate_names(f"compressor {name!r}", fixed_rates[name], counted, kinds)
    dtype = np.dtype(arrays.w_star.dtype)
    samples = trials.room_for_samples(groups, most, dtype, checkpoint_path) if return_samples else None

    leaves, structure = jax.tree.flatten((arrays, prepared))
    shapes = tuple((leaf.shape, leaf.dtype) for leaf in leaves)
    limit_kept_compilations((plan, batch_size, structure, shapes))
    memory.keep_what_is_freed()
    with contextlib.ExitStack() as stack:
        kept = None
        if checkpoint_path is not None:
            trials.check_recognisable(prepared)
            identity = identity_of(model, arrays, compressors, prepared, key, chosen, first_trial)
            opened = functools.partial(_opened, stack, checkpoint_path, identity, most)
            kept = processes.in_first(opened) if several else opened()
        run = run_shared if several else run_trials
        total = run(
            lambda start, count: run_batch(
                trial_indices(first_trial + start, batch_size, mesh), count, key, arrays, prepared, plan
            ),
            most,
            batch_size,
            kept=kept,
            save_seconds=CHECKPOINT_SECONDS,
            target=target,
            samples=samples,
            progress=progress,
        )
    num_trials = total.num_trials
    if samples is not None:
        samples = {quantity: values[:num_trials] for quantity, values in samples.items()}
    if target is not None:
        target.warn_if_missed(total, most)
    return SimulationResult(
        tuple(compressors),
        num_trials,
        chosen,
        total.moments(),
        fixed_rates,
        {name: infinite_expectations(compressor, model) for name, compressor in compressors.items()},
        str(jnp.result_type(float)),
        {name: interval_notes(compressor, model, num_trials) for name, compressor in compressors.items()},
        {name: Source(name, model, compressor) for name, compressor in compressors.items()},
        samples,
    )


def _opened(
    stack: contextlib.ExitStack, path: str | pathlib.Path, identity: Identity, most: int
) -> checkpoint.Checkpoint:
    """The checkpoint of a run, until ``stack`` closes it."""
    kept = stack.enter_context(checkpoint.opened(path, identity))
    if kept.state.num_trials > most:
        raise ValueError(
            f"{path} already holds {kept.state.num_trials} trials, more than the {most} asked for"
        )
    return kept


def _mesh(devices: Sequence[Any] | None) -> Mesh:
    if devices is not None:
        here = jax.local_devices()
        # The processor is beside an accelerator, though not among the devices that JAX names unasked.
        own = [*here, *jax.local_devices(backend="cpu")]
        if not isinstance(devices, Sequence) or not devices or any(one not in own for one in devices):
            raise ValueError(f"devices must be some of {here}, got {devices!r}")
        if len(set(devices)) < len(devices):
            raise ValueError(f"devices must be named once each, got {devices!r}")
    return Mesh(np.array(jax.local_devices() if devices is None else devices), ("trials",))


def _check_problem(model: LinearModel, compressors: Mapping[str, Compressor]) -> None:
    require_linear_model(model)
    if not isinstance(compressors, Mapping):
        raise ValueError(f'compressors must be a mapping such as {{"erm": rd.ERM()}}, got {compressors!r}')
    if not compressors:
        raise ValueError("compressors must name at least one compressor, got none")
    for name, compressor in compressors.items():
        check_declaration(name, compressor)
    trials.require_held(model)
    trials.warn_of_few_digits(model)


def _checked_answers(
    model: LinearModel, compressors: Mapping[str, Compressor]
) -> dict[str, dict[str, float]]:
    """The fixed rates of each compressor, once all that it says about the model makes sense."""
    for name, compressor in compressors.items():
        checked_heavy_tailed(name, compressor, model)
        bounding_rates(name, compressor, model)
    return {name: checked_fixed_rates(name, one, model) for name, one in compressors.items()}


def _choose_sampler(sampler: str, model: LinearModel, compressors: Mapping[str, Compressor]) -> str:
    samplers = samplers_of(model)
    _checks.one_of("sampler", sampler, ("auto", *samplers))
    blind = [name for name, one in compressors.items() if not one.markov or one.needs & HESSIAN_NAMES]
    able = [name for name, one in samplers.items() if one.input_hessian or not blind]
    if sampler == "auto":
        return able[0]  # they are listed from the fastest on
    if sampler not in able:
        raise ValueError(
            f"sampler {sampler!r} draws the weights alone, but {', '.join(blind)} must see the data's "
            f"Hessian: use {', '.join(map(repr, able))} or 'auto'"
        )
    return sampler


def _batch_size(
    asked: int | None,
    model: LinearModel,
    compressors: Mapping[str, Compressor],
    sampler: str,
    num_trials: int,
    mesh: Mesh,
) -> int:
    if asked is not None:
        _checks.integer("batch_size", asked, 1)
    o, d, weights = model.num_outputs, model.num_inputs, model.num_weights
    per_trial = weights * (6 * len(compressors) + 16)
    side_by_side = quantized_side_by_side(weights, jnp.result_type(float))
    if not side_by_side:
        per_trial += 3 * min(weights, SHORT_VECTOR) ** 2  # the tables of optimal K-means
    per_trial += samplers_of(model)[sampler].numbers(o, d, model.n)
    if o > 1 and any("hessian" in one.needs for one in compressors.values()):
        per_trial += 4 * weights**2
    _checks.fits_in_memory(
        f"a trial of the sampler {sampler!r} at {'' if o == 1 else f'o = {o}, '}d = {d}, n = {model.n}",
        8 * per_trial,
    )
    room, most = BATCH_BYTES, LARGE_BATCH if side_by_side and num_trials >= MANY_TRIALS else MAX_BATCH
    if mesh.devices.flat[0].platform != "cpu" and num_trials >= MANY_TRIALS:
        room, most = ACCELERATOR_BYTES, ACCELERATOR_BATCH
    # Stages take 64 or 128 trials at a time, and a batch that they do not divide all at once, which is slow.
    fitting = max(room // (8 * per_trial), 1)
    return asked or mesh.size * int(min(fitting - (fitting % WHOLE if fitting > WHOLE else 0), most))
