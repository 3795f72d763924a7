"""Code lengths that fit a rounding compressor, found by simulation: round, count, and code by the counts."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ratedist.compressors import CenteredRounding, FeedbackRounding
from ratedist.compressors.base import Context
from ratedist.compressors.nearest_plane import ONE_STATE, branch_of
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.linear_model.sampling import ModelArrays, StatisticsDraw, draw_statistics
from ratedist.quantizers.trellis.convolutional import Trellis

ROUNDS = 6
# Multiples further out than any that was counted are coded too, by the last of these.
BEYOND_COUNTED = 2
# Of each multiple, so that none is without a codeword.
PRIOR_COUNT = 0.5


def designed(
    compressor: CenteredRounding | FeedbackRounding,
    model: GaussianLinearModel,
    num_trials: int,
    key: jax.Array,
) -> CenteredRounding | FeedbackRounding:
    """The compressor with code lengths that are its own frequencies' under this model.

    With a multiplier the choices follow the code and the code the choices: both settle in a few rounds on the
    same draws, whose key must not be that of the trials it is judged by. The code is symmetric and agreed
    beforehand, so that the length of a trial is that of a code its decoder has.

    Args:
        compressor: rounding with or without feedback, with equal steps, along a trellis or not.
        model: the linear model.
        num_trials: draws that are counted in each round.
        key: of these draws.
    """
    lengths: Any = None
    trellis = compressor.trellis if isinstance(compressor, FeedbackRounding) else ONE_STATE
    for _ in range(ROUNDS if compressor.multiplier else 1):
        current = dataclasses.replace(compressor, code_lengths=lengths)
        labels = _labels(current.prepare(model), model, num_trials, key)
        if trellis.num_states == 1:
            lengths = _lengths(np.abs(labels))
            continue
        unions = _unions(labels, trellis)
        # Even multiples in steps of two; odd ones after 0 as 1, 2, 3, …
        lengths = tuple(_lengths((np.abs(labels[unions == u]) + u) // 2) for u in range(2))
    return dataclasses.replace(compressor, code_lengths=lengths)


def _lengths(sizes: np.ndarray) -> tuple[float, ...]:
    """Nats of −K, …, K by how often each size was counted."""
    most = int(sizes.max(initial=0)) + BEYOND_COUNTED
    counts = np.bincount(sizes.ravel(), minlength=most + 1) + PRIOR_COUNT
    masses = counts / counts.sum() / np.where(np.arange(most + 1) > 0, 2, 1)
    one_side = -np.log(masses)
    return tuple(np.concatenate([one_side[:0:-1], one_side]).tolist())


def _unions(labels: np.ndarray, trellis: Trellis) -> np.ndarray:
    """The union that each multiple is of, as a decoder finds it: from the last weight to the first."""
    states, unions = np.zeros(labels.shape[0], np.int64), np.zeros_like(labels)
    for j in range(labels.shape[1] - 1, -1, -1):
        unions[:, j] = states & 1
        branch = branch_of(labels[:, j], unions[:, j])
        states = trellis.next_states[states, branch.astype(np.int64)]
    return unions


def _labels(prepared: Any, model: GaussianLinearModel, num_trials: int, key: jax.Array) -> np.ndarray:
    """The multiples of all weights of all draws, shape ``(num_trials, d)``."""
    arrays = ModelArrays.of(model)
    # Apart, as trials are: a triangular solve and a loop in one program take turns waiting for each other.
    draws = _draws(arrays, jax.random.split(key, num_trials))
    return np.asarray(_many_labels(prepared, arrays, draws))


@jax.jit
def _draws(arrays: ModelArrays, keys: jax.Array) -> StatisticsDraw:
    return jax.vmap(lambda key: draw_statistics(key, arrays))(keys)


@jax.jit
def _many_labels(prepared: Any, arrays: ModelArrays, draws: StatisticsDraw) -> jax.Array:
    def one(draw: StatisticsDraw) -> jax.Array:
        hessian = draw.hessian_factor @ draw.hessian_factor.T
        context = Context(model=arrays, hessian=hessian)
        # Nothing is drawn by a compressor that rounds.
        found = prepared.compress(jax.random.key(0), draw.weights, context).reconstruction
        step = prepared.step if hasattr(prepared, "step") else prepared.steps
        return jnp.round((found - arrays.w_star) / step).astype(jnp.int32)

    return jax.vmap(one)(draws)
