"""Proximal gradient on a whole training set, with a step found by backtracking: the objective never rises."""

from __future__ import annotations

import dataclasses
import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ratedist import _checks
from ratedist.lowrank.penalties import Penalty
from ratedist.networks.penalized_leaves import (
    Arrays,
    Kernels,
    Penalties,
    Skeleton,
    at,
    chosen,
    length,
    split,
)

# A step is taken if the objective falls by this part of ‖Δ‖²/(2η). Every η ≤ (1 − part)/L makes it.
SUFFICIENT_PART = 0.5
# Halvings of one step before the objective is said to fall no further in this precision.
MAX_HALVINGS = 100
# Where nothing is curved the step would double for ever.
LARGEST_STEP = 1e15


REASONS = {
    "precision": "no step lowers the objective in this precision",
    "iterations": "give more num_iterations, or resume",
}


@dataclasses.dataclass(frozen=True)
class Iteration:
    """One step of ``proximal_descent``.

    Attributes:
        before: loss plus penalties before the step.
        after: the same after it, under the same penalties.
        step: η, which backtracking found.
        moved: ‖Δ‖, how far the step led.
        ranks: name of a chosen matrix → its rank after the step.
    """

    before: float
    after: float
    step: float
    moved: float
    ranks: dict[str, int]


@dataclasses.dataclass(frozen=True, eq=False)
class RankDescent:
    """What ``proximal_descent`` did.

    Attributes:
        parameters: the model after the last step.
        rows: one :class:`Iteration` a step. Penalties may change between steps, hence its two objectives.
        singular_values: name of a chosen matrix → its singular values at the end; what fell away is 0.
        gradient_length: of the gradient of the loss at the start, which ``tolerance`` refers to.
        stopped: "stationary" where ‖Δ‖/η came below the tolerance; "precision" where no step lowers the
            objective in this precision; "iterations" where their number was not enough.
    """

    parameters: Any = dataclasses.field(repr=False)
    rows: tuple[Iteration, ...] = dataclasses.field(repr=False)
    singular_values: dict[str, np.ndarray] = dataclasses.field(repr=False)
    gradient_length: float
    stopped: str

    @property
    def objective(self) -> np.ndarray:
        """Loss plus penalties after each step, shape ``(iterations,)``."""
        return np.array([row.after for row in self.rows])

    @property
    def ranks(self) -> dict[str, int]:
        """Name of a chosen matrix → how many of its singular values are not 0."""
        return {name: int(np.count_nonzero(values)) for name, values in self.singular_values.items()}

    @property
    def converged(self) -> bool:
        """Whether the end is a stationary point to the tolerance."""
        return self.stopped == "stationary"

    @property
    def monotone(self) -> bool:
        """Whether no step raised the objective; under constant penalties it then fell throughout."""
        return all(row.after <= row.before for row in self.rows)


@dataclasses.dataclass(frozen=True, eq=False)
class _Point:
    """Parameters, singular values of the chosen ones, the loss, its gradient, and how long that is."""

    trained: Arrays
    values: dict[str, np.ndarray]
    loss: float
    gradient: Arrays
    length: float


def proximal_descent(
    loss: Callable[[Any, Any], Any],
    parameters: Any,
    penalties: Penalties,
    samples: Any,
    *,
    num_iterations: int = 100,
    tolerance: float = 1e-4,
    step: float = 1.0,
    form: str = "channels",
    layout: str = "hwio",
    resume: RankDescent | None = None,
    after_iteration: Callable[[int], object] | None = None,
) -> RankDescent:
    """Minimise ``loss + Σ penalty(singular values)`` over a model, chosen matrices being penalised.

    All parameters take a gradient step, ``w − η∇``, then the chosen matrices their proximal map at η. Nobody
    knows a Lipschitz constant L of a network. So η starts at twice the last one and is halved until the
    objective falls by ``‖Δ‖²/(4η)``, as it does for every η ≤ 1/(2L). Hence the recorded objective never
    rises, for any loss. Limits are stationary points where the loss has a Lipschitz gradient.

    Args:
        loss: ``loss(parameters, samples)``, a number: the mean over all training samples.
        parameters: the model to start from, any pytree. Where a constraint does not hold yet, the start is
            its proximal map.
        penalties: pattern of names → penalty, as ``{"dense*.weight": rd.lowrank.FixedRank(8)}``. A function
            of the number of iterations done may stand for a penalty: an annealed one.
        samples: passed on to ``loss``.
        num_iterations: steps at most, each with a decomposition of every chosen matrix.
        tolerance: the part of the length of the first gradient of the loss that ``‖Δ‖/η`` is at most where
            the descent ends as "stationary".
        step: η that is tried first, above 0.
        form: how a convolution's kernel is a matrix, "channels" or "spatial" as in
            ``rd.lowrank.kernel_matrix``.
        layout: order of the axes of kernels, "hwio" in JAX and "oihw" in PyTorch.
        resume: what an earlier call with these arguments returned. Its parameters are gone on from, and what
            comes out is what one longer call would have given.
        after_iteration: called with the number of iterations done.

    Returns:
        :class:`RankDescent`; with a warning where it did not end as "stationary".

    Raises:
        ValueError: patterns that choose nothing, what is no penalty, a loss that is not finite.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> W, target = {"w": np.zeros((2, 2), np.float32)}, np.diag([3.0, 1.0]).astype(np.float32)
        >>> def loss(parameters, target):
        ...     return ((parameters["w"] - target) ** 2).sum() / 2
        >>> found = rd.networks.proximal_descent(loss, W, {"w": rd.lowrank.NuclearNorm(0.5)}, target)
        >>> found.parameters["w"].round(2).tolist(), found.stopped, found.monotone
        ([[2.5, 0.0], [0.0, 0.5]], 'stationary', True)
    """
    num_iterations = _checks.integer("num_iterations", num_iterations, 1)
    tolerance = _checks.number("tolerance", tolerance)
    eta = _checks.positive_number("step", step) / 2
    kernels = Kernels(form, layout)
    kernels.check()
    trained, fixed, skeleton = split(parameters if resume is None else resume.parameters)
    which = chosen(trained, penalties)

    def evaluated(trained: Arrays, values: dict[str, np.ndarray]) -> _Point:
        number, gradient = _value_and_gradient(loss, skeleton, trained, fixed, samples)
        return _Point(trained, values, float(number), gradient, length(gradient))

    if resume is None:
        point = evaluated(trained, {name: kernels.singular_values(trained[name]) for name in which})
        scale, rows = point.length, []
    else:
        point = evaluated(trained, resume.singular_values)
        scale, rows, eta = resume.gradient_length, list(resume.rows), resume.rows[-1].step
    if not (math.isfinite(point.loss) and math.isfinite(point.length)):
        raise ValueError(f"the loss and its gradient must be finite at the start, the loss is {point.loss}")
    stopped, done = "iterations", len(rows)
    for iteration in range(done, done + num_iterations):
        current = {name: at(penalty, iteration) for name, penalty in which.items()}
        if math.isinf(_penalty(current, point.values)):
            point = evaluated(*_prox(kernels, current, point.trained, eta))
        eta, tries = min(2 * eta, LARGEST_STEP), 0
        row, new = _try(evaluated, kernels, point, current, eta)
        while not _accepted(row, new) and tries < MAX_HALVINGS:
            eta, tries = eta / 2, tries + 1
            row, new = _try(evaluated, kernels, point, current, eta)
        if not _accepted(row, new) or (row.moved == 0 and tries > 0):
            stopped = "precision"
            break
        point = new
        rows.append(row)
        if after_iteration is not None:
            after_iteration(len(rows))
        if row.moved / row.step <= tolerance * scale:
            stopped = "stationary"
            break
    if stopped != "stationary":
        warnings.warn(f"no stationary point to the tolerance: {REASONS[stopped]}", stacklevel=2)
    model = skeleton.rebuild(fixed | point.trained)
    return RankDescent(model, tuple(rows), point.values, scale, stopped)


def _try(
    evaluated: Callable[[Arrays, dict[str, np.ndarray]], _Point],
    kernels: Kernels,
    point: _Point,
    penalties: dict[str, Penalty],
    eta: float,
) -> tuple[Iteration, _Point]:
    """One step at η, whatever comes of it."""
    stepped = _gradient_step(point.trained, point.gradient, eta)
    before = point.loss + _penalty(penalties, point.values)
    if not math.isfinite(length(stepped)):
        return Iteration(before, math.nan, eta, math.nan, {}), point
    new = evaluated(*_prox(kernels, penalties, stepped, eta))
    moved = length(jax.tree.map(jnp.subtract, new.trained, point.trained))
    after = new.loss + _penalty(penalties, new.values)
    ranks = {name: int(np.count_nonzero(values)) for name, values in new.values.items()}
    return Iteration(before, after, eta, moved, ranks), new


def _accepted(row: Iteration, new: _Point) -> bool:
    """Whether the objective falls enough; not a number, it does not."""
    fall = SUFFICIENT_PART * row.moved * row.moved / (2 * row.step)
    return row.after <= row.before - fall and math.isfinite(new.length)


def _prox(
    kernels: Kernels, penalties: dict[str, Penalty], trained: Arrays, eta: float
) -> tuple[Arrays, dict[str, np.ndarray]]:
    """The proximal maps of the chosen matrices, and their singular values."""
    new, values = dict(trained), {}
    for name, penalty in penalties.items():
        new[name], values[name], _ = kernels.prox(trained[name], penalty, eta)
    return new, values


def _penalty(penalties: dict[str, Penalty], values: dict[str, np.ndarray]) -> float:
    return sum(penalty.value(values[name]) for name, penalty in penalties.items())


@functools.partial(jax.jit, static_argnums=(0, 1))
def _value_and_gradient(
    loss: Callable[[Any, Any], Any], skeleton: Skeleton, trained: Arrays, fixed: Arrays, samples: Any
) -> Any:
    return jax.value_and_grad(lambda arrays: loss(skeleton.rebuild(fixed | arrays), samples))(trained)


@jax.jit
def _gradient_step(trained: Arrays, gradient: Arrays, eta: Any) -> Arrays:
    return jax.tree.map(lambda w, g: (w - eta * g).astype(w.dtype), trained, gradient)
