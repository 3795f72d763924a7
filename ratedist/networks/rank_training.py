"""Training by batches with matrices kept at low rank: steps of an optimiser, proximal maps between them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ratedist import _checks
from ratedist.lowrank.penalties import FixedRank, Penalty
from ratedist.networks.curvature.tree_moments import num_samples
from ratedist.networks.penalized_leaves import (
    Arrays,
    Kernels,
    Penalties,
    Schedule,
    Skeleton,
    at,
    chosen,
    split,
)

DIVERGED = "training diverged, it is not finite any more: take a smaller learning rate"


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingState:
    """Where a training stands: all that one needs to go on as if it had not been interrupted.

    Attributes:
        arrays: what is trained, by name, as the optimiser left it: before a last proximal map.
        optimizer_state: of optax.
        losses: of each batch so far, before its step.
        removed: for each proximal map so far, by name, the part of ‖W‖² that it took away.
    """

    arrays: Arrays = dataclasses.field(repr=False)
    optimizer_state: Any = dataclasses.field(repr=False)
    losses: tuple[float, ...] = dataclasses.field(repr=False)
    removed: tuple[dict[str, float], ...] = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, eq=False)
class RankTraining:
    """What ``proximal_training`` did.

    Attributes:
        parameters: the model after the last step and one more proximal map: constraints on ranks hold.
        singular_values: name of a chosen matrix → its singular values; what fell away is exactly 0.
        losses: of each batch before its step, shape ``(steps,)``: what shows how far it has come.
        removed: name of a chosen matrix → the part of ‖W‖² that each proximal map took away. It falls to
            near 0 as steps and maps come to agree.
        state: to go on from.
    """

    parameters: Any = dataclasses.field(repr=False)
    singular_values: dict[str, np.ndarray] = dataclasses.field(repr=False)
    losses: np.ndarray = dataclasses.field(repr=False)
    removed: dict[str, np.ndarray] = dataclasses.field(repr=False)
    state: TrainingState = dataclasses.field(repr=False)

    @property
    def ranks(self) -> dict[str, int]:
        """Name of a chosen matrix → how many of its singular values are not 0."""
        return {name: int(np.count_nonzero(values)) for name, values in self.singular_values.items()}


def proximal_training(
    loss: Callable[[Any, Any, jax.Array], Any],
    parameters: Any,
    penalties: Penalties,
    samples: Any,
    optimizer: optax.GradientTransformation,
    key: jax.Array,
    *,
    num_steps: int,
    batch_size: int = 64,
    prox_every: int = 1,
    prox_step: float | None = None,
    form: str = "channels",
    layout: str = "hwio",
    state: TrainingState | None = None,
    after_step: Callable[[int], object] | None = None,
) -> RankTraining:
    """Train a model by batches, chosen matrices being thresholded every few steps: from the start, or tuned.

    After every ``prox_every`` steps of the optimiser the chosen matrices are replaced by their proximal maps.
    With ``FixedRank`` this is iterative hard thresholding: what comes out has that rank, up to rounding.
    Nothing else is promised. Batches are noisy, and steps of a momentum or of Adam are no proximal
    gradient. The objective may rise, and a limit need not be stationary. ``losses`` and ``removed`` say what
    happened; :func:`proximal_descent` is the version that promises descent.

    Args:
        loss: ``loss(parameters, batch, key)``, a number: the mean over the batch. The key is for dropout.
        parameters: the model to start from, any pytree.
        penalties: pattern of names → penalty, as ``{"dense*.weight": rd.lowrank.FixedRank(8)}``. A function
            of the number of steps done may stand for a penalty: an annealed one.
        samples: pytree of arrays with samples along their first axis.
        optimizer: of optax, as ``optax.sgd(0.01, momentum=0.9)``. Its state is not changed by the maps. The
            same object again finds the compiled step of the last call.
        key: JAX PRNG key, for the orders of the samples and for ``loss``.
        num_steps: steps in this call.
        batch_size: samples a step, in a new order each pass; what does not fill a batch is left out of it.
        prox_every: steps from one proximal map to the next. A map costs a decomposition of each matrix.
        prox_step: η of the proximal maps, near learning rate times ``prox_every``. Only ``FixedRank`` does
            without.
        form: how a convolution's kernel is a matrix, "channels" or "spatial" as in
            ``rd.lowrank.kernel_matrix``.
        layout: order of the axes of kernels, "hwio" in JAX and "oihw" in PyTorch.
        state: of an earlier call with these arguments. Training goes on there, with the bits of one call.
        after_step: called with the number of steps done.

    Returns:
        :class:`RankTraining`.

    Raises:
        ValueError: patterns that choose nothing, fewer samples than a batch, a penalty other than
            ``FixedRank`` without ``prox_step``, training that diverged.

    Example:
        >>> import jax
        >>> import numpy as np
        >>> import optax
        >>> import ratedist as rd
        >>> x = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
        >>> def loss(parameters, batch, key):
        ...     return ((batch @ parameters["w"] - batch) ** 2).mean()
        >>> start, which = {"w": np.ones((3, 3), np.float32)}, {"w": rd.lowrank.FixedRank(2)}
        >>> trained = rd.networks.proximal_training(
        ...     loss, start, which, x, optax.sgd(0.1), jax.random.key(0), num_steps=100, batch_size=16
        ... )
        >>> trained.ranks, bool(trained.losses[-1] < trained.losses[0])
        ({'w': 2}, True)
    """
    num_steps = _checks.integer("num_steps", num_steps, 0)
    every = _checks.integer("prox_every", prox_every, 1)
    length = num_samples(samples)
    size = _checks.integer("batch_size", batch_size, 1, length)
    kernels = Kernels(form, layout)
    kernels.check()
    trained, fixed, skeleton = split(parameters)
    which = chosen(trained, penalties)
    eta = None if prox_step is None else _checks.positive_number("prox_step", prox_step)
    for name, penalty in which.items():
        if isinstance(penalty, Penalty):
            _step_for(name, penalty, eta)
    samples = jax.tree.map(jnp.asarray, samples)
    if state is None:
        state = TrainingState(trained, optimizer.init(trained), (), ())
    arrays, moments = dict(state.arrays), state.optimizer_state
    losses, removed = list(state.losses), list(state.removed)
    order_key, loss_key = jax.random.split(_checks.random_key(key))
    steps_of_pass = length // size
    order = epoch = None
    for step in range(len(losses), len(losses) + num_steps):
        if order is None or epoch != step // steps_of_pass:
            epoch = step // steps_of_pass
            order = _order(order_key, epoch, length)
        start = step % steps_of_pass * size
        arrays, moments, value = _step(
            loss, optimizer, skeleton, size, arrays, moments, fixed, samples, order, start, loss_key, step
        )
        losses.append(value)
        if (step + 1) % every == 0:
            arrays, parts, _ = _thresholded(kernels, arrays, which, step + 1, eta)
            removed.append(parts)
        if after_step is not None:
            after_step(step + 1)
    numbers = np.array([float(value) for value in losses])
    if not np.isfinite(numbers).all():
        raise ValueError(DIVERGED)
    final, _, values = _thresholded(kernels, arrays, which, len(losses), eta)
    return RankTraining(
        skeleton.rebuild(fixed | final),
        values,
        numbers,
        {name: np.array([parts[name] for parts in removed]) for name in which},
        TrainingState(arrays, moments, tuple(numbers.tolist()), tuple(removed)),
    )


def _thresholded(
    kernels: Kernels, arrays: Arrays, which: dict[str, Penalty | Schedule], done: int, eta: float | None
) -> tuple[Arrays, dict[str, float], dict[str, np.ndarray]]:
    """Proximal maps of the chosen matrices, the part of ‖W‖² that each took away, and singular values."""
    new, parts, values = dict(arrays), {}, {}
    for name, one in which.items():
        penalty = at(one, done)
        if not np.isfinite(np.asarray(arrays[name])).all():
            raise ValueError(DIVERGED)
        step = _step_for(name, penalty, eta)
        new[name], values[name], parts[name] = kernels.prox(arrays[name], penalty, step)
    return new, parts, values


def _step_for(name: str, penalty: Penalty, prox_step: float | None) -> float:
    """η of a proximal map; that of a fixed rank is the same for all."""
    if prox_step is None and not isinstance(penalty, FixedRank):
        raise ValueError(
            f"prox_step must be given for {name!r}: only FixedRank does without, not {penalty!r}"
        )
    return 1.0 if prox_step is None else prox_step


@functools.partial(jax.jit, static_argnums=2)
def _order(key: jax.Array, epoch: Any, length: int) -> jax.Array:
    return jax.random.permutation(jax.random.fold_in(key, epoch), length)


@functools.partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _step(
    loss: Callable[[Any, Any, jax.Array], Any],
    optimizer: optax.GradientTransformation,
    skeleton: Skeleton,
    size: int,
    arrays: Arrays,
    state: Any,
    fixed: Arrays,
    samples: Any,
    order: jax.Array,
    start: Any,
    key: jax.Array,
    step: Any,
) -> tuple[Arrays, Any, jax.Array]:
    """One step on the samples at ``order[start : start + size]``."""
    rows = jax.lax.dynamic_slice(order, (start,), (size,))
    batch = jax.tree.map(lambda leaf: leaf[rows], samples)
    step_key = jax.random.fold_in(key, step)
    value, gradient = jax.value_and_grad(
        lambda arrays: loss(skeleton.rebuild(fixed | arrays), batch, step_key)
    )(arrays)
    updates, state = optimizer.update(gradient, state, arrays)
    new: Any = optax.apply_updates(arrays, updates)
    return new, state, value
