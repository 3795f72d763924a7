"""Training by a recipe with the hidden layers kept at a rank from the first step to the last."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import optax

from ratedist import _checks
from ratedist.lowrank.penalties import FixedRank
from ratedist.networks.architecture import Architecture, Convolution, Dense, Parameters, initialize, logits
from ratedist.networks.rank_training import proximal_training
from ratedist.networks.training import Recipe, check_images, optimizer_of


def train_thresholded(
    architecture: Architecture,
    recipe: Recipe,
    images: np.ndarray,
    labels: np.ndarray,
    key: jax.Array,
    rank: int,
    *,
    annealed: bool = False,
    prox_every: int = 100,
    after_step: Callable[[int], object] | None = None,
) -> Parameters:
    """Train one network by iterative singular value thresholding: as ``train``, at rank r.

    Start, number of steps and optimiser are those of ``train`` with this key. Only the order of the images
    is another. Every few steps each layer but the last keeps its r largest singular values and loses the
    others.

    Args:
        architecture: the layers of the network, an ``Architecture``.
        recipe: how the network is trained, a ``Recipe``.
        images: shape ``(n, *input_shape)``, scaled, float32.
        labels: integers of shape ``(n,)``.
        key: JAX PRNG key, for the start, the order of the images and dropout.
        rank: r, at least 1. Hidden layers of no larger rank are trained as they are.
        annealed: whether each layer's rank falls from its full rank to r, in equal ratios over the first half
            of the steps. Else it is r from the first thresholding on.
        prox_every: steps from one thresholding to the next.
        after_step: called with the number of steps done.

    Returns:
        The parameters, weights of the layers' shapes and of rank r up to rounding.

    Raises:
        ValueError: as ``train``; a rank below 1, or not below that of any hidden layer.

    Example:
        >>> import jax
        >>> import numpy as np
        >>> import ratedist as rd
        >>> inputs = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
        >>> labels = (inputs[:, 0] > 0).astype(int)
        >>> network, recipe = rd.networks.mlp(4, (3,), 2), rd.networks.Recipe(epochs=2)
        >>> trained = rd.networks.train_thresholded(
        ...     network, recipe, inputs, labels, jax.random.key(0), 1, prox_every=2
        ... )
        >>> int(np.linalg.matrix_rank(trained["dense1"]["weight"]))
        1
    """
    check_images(architecture, recipe, images, labels)
    r = _checks.integer("rank", rank, 1)
    start_key, steps_key = jax.random.split(_checks.random_key(key))
    num_steps = recipe.epochs * (len(images) // recipe.batch_size)
    full = {layer.name: min(layer.outputs, _inputs(layer)) for layer in architecture.layers[:-1]}
    penalties = {
        f"{name}.weight": _annealed(most, r, num_steps / 2) if annealed else FixedRank(r)
        for name, most in full.items()
        if r < most
    }
    if not penalties:
        raise ValueError(f"rank must be below that of some hidden layer, {max(full.values())}, got {r}")
    loss, optimizer = _loss_and_optimizer(architecture, recipe)
    trained = proximal_training(
        loss,
        initialize(architecture, start_key),
        penalties,
        (np.asarray(images, np.float32), np.asarray(labels, np.int32)),
        optimizer,
        steps_key,
        num_steps=num_steps,
        batch_size=recipe.batch_size,
        prox_every=prox_every,
        after_step=after_step,
    )
    return trained.parameters


def _inputs(layer: Dense | Convolution) -> int:
    return math.prod(layer.weight_shape[:-1])


def _annealed(first: int, last: int, num_steps: float) -> Callable[[int], FixedRank]:
    """The rank after so many steps, from the first to the last in equal ratios."""

    def at(step: int) -> FixedRank:
        share = min(step / num_steps, 1.0)
        return FixedRank(round(first ** (1 - share) * last**share))

    return at


@functools.cache
def _loss_and_optimizer(
    architecture: Architecture, recipe: Recipe
) -> tuple[Callable[[Any, Any, jax.Array], jax.Array], optax.GradientTransformation]:
    """The same objects for the same arguments, so that what is compiled is found again."""

    def loss(parameters: Parameters, batch: Any, key: jax.Array) -> jax.Array:
        outputs = logits(architecture, parameters, batch[0], recipe.dropout, key)
        return optax.softmax_cross_entropy_with_integer_labels(outputs, batch[1]).mean()

    return loss, optimizer_of(recipe)
