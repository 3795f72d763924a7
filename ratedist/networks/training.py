"""Training a classifier by stochastic gradient descent, several on a GPU at once."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ratedist import _checks
from ratedist.kept_programs import few_kept
from ratedist.networks.architecture import Architecture, Convolution, Dense, Parameters, initialize, logits


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a network is trained: stochastic gradient descent with momentum, on the mean cross-entropy.

    Attributes:
        learning_rate: η, constant.
        momentum: of the velocity ``v ← momentum·v + ∇``, ``w ← w − ηv``.
        weight_decay: λ of ``∇ + λw``, on weights and biases.
        batch_size: images per step; each epoch leaves out what does not fill a batch.
        epochs: passes over the training images, in a new order each.
        dropout: probability of leaving a hidden unit of a dense layer out of a step.
    """

    learning_rate: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 1e-4
    batch_size: int = 10
    epochs: int = 25
    dropout: float = 0.2

    def check(self) -> None:
        """Raise ``ValueError`` if a number is out of its range."""
        _checks.positive_number("learning_rate", self.learning_rate)
        _checks.in_range("momentum", self.momentum, 0.0, 1.0)
        _checks.in_range("weight_decay", self.weight_decay)
        _checks.integer("batch_size", self.batch_size, 1)
        _checks.integer("epochs", self.epochs, 0)
        if not 0 <= _checks.number("dropout", self.dropout, 0.0, 1.0) < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, got {self.dropout!r}")


def train(
    architecture: Architecture,
    recipe: Recipe,
    images: np.ndarray,
    labels: np.ndarray,
    key: jax.Array,
    after_epoch: Callable[[int], object] | None = None,
    start: Parameters | None = None,
) -> Parameters:
    """Train one network, from a random start or from given parameters.

    Args:
        architecture: the layers of the network, an ``Architecture``.
        recipe: how the network is trained, a ``Recipe``.
        images: shape ``(n, *input_shape)``, scaled, float32.
        labels: integers of shape ``(n,)``.
        key: JAX PRNG key, for the start, the order of the images and dropout.
        after_epoch: called with the number of epochs done.
        start: parameters to go on from, of a network that was trained before; ``None`` for random ones. Of
            layers that ``factorize`` has split both factors are trained. Its arrays stay as they are.

    Returns:
        The parameters after the last step.

    Raises:
        ValueError: images of another shape than the network takes, labels that do not match them, fewer
            images than a batch, a recipe out of range, a start that is not of this network, training that
            diverged.

    Example:
        >>> import jax
        >>> import numpy as np
        >>> import ratedist as rd
        >>> inputs = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
        >>> labels = (inputs[:, 0] > 0).astype(int)
        >>> network, recipe = rd.networks.mlp(4, (), 2), rd.networks.Recipe(epochs=5)
        >>> parameters = rd.networks.train(network, recipe, inputs, labels, jax.random.key(0))
        >>> losses = rd.networks.sample_losses(network, parameters, (inputs, labels))
        >>> bool(losses.mean() < 0.4)  # ln 2 = 0.693 before
        True
    """
    check_images(architecture, recipe, images, labels)
    start_key, epochs_key = jax.random.split(_checks.random_key(key))
    parameters = initialize(architecture, start_key) if start is None else _copied(architecture, start)
    state = optimizer_of(recipe).init(parameters)
    x, y = jnp.asarray(images, jnp.float32), jnp.asarray(labels, jnp.int32)
    for epoch in range(recipe.epochs):
        epoch_key = jax.random.fold_in(epochs_key, epoch)
        if _steps_in_python(architecture):
            parameters, state = _epoch_of_steps(architecture, recipe, parameters, state, x, y, epoch_key)
        else:
            parameters, state = _epoch(architecture, recipe, parameters, state, x, y, epoch_key)
        if after_epoch is not None:
            jax.block_until_ready(parameters)
            after_epoch(epoch + 1)
    return _finite(parameters)


def train_together(
    architecture: Architecture, recipe: Recipe, images: np.ndarray, labels: np.ndarray, keys: jax.Array
) -> Parameters:
    """Train several networks at once, each on images and with a key of its own: for a GPU.

    Args:
        architecture: of the networks.
        recipe: how the network is trained, a ``Recipe``.
        images: shape ``(models, n, *input_shape)``.
        labels: shape ``(models, n)``.
        keys: JAX PRNG keys, shape ``(models,)``.

    Returns:
        Parameters with a leading axis of models; each model as ``train`` would give, up to rounding.

    Raises:
        ValueError: as ``train``.
    """
    for one, those in zip(images, labels, strict=True):
        check_images(architecture, recipe, one, those)
    x, y = jnp.asarray(images, jnp.float32), jnp.asarray(labels, jnp.int32)
    return _finite(_together(architecture, recipe, x, y, keys))


@few_kept
@functools.partial(jax.jit, static_argnums=(0, 1))
def _together(
    architecture: Architecture, recipe: Recipe, images: jax.Array, labels: jax.Array, keys: jax.Array
) -> Parameters:
    """Several networks from their starts to their ends as one computation."""

    def whole(x: jax.Array, y: jax.Array, key: jax.Array) -> Parameters:
        start_key, epochs_key = jax.random.split(key)
        parameters = initialize(architecture, start_key)
        carry = parameters, optimizer_of(recipe).init(parameters)

        def one_epoch(carry: Any, epoch: jax.Array) -> tuple[Any, None]:
            parameters, state = carry
            epoch_key = jax.random.fold_in(epochs_key, epoch)
            return _epoch(architecture, recipe, parameters, state, x, y, epoch_key), None

        return jax.lax.scan(one_epoch, carry, jnp.arange(recipe.epochs))[0][0]

    return jax.vmap(whole)(images, labels, keys)


def _finite(parameters: Parameters) -> Parameters:
    # By NumPy: JAX would compile this for every shape.
    if not all(np.isfinite(leaf).all() for leaf in jax.device_get(jax.tree.leaves(parameters))):
        raise ValueError("training diverged, its parameters are not finite: take a smaller learning_rate")
    return parameters


def check_images(architecture: Architecture, recipe: Recipe, images: np.ndarray, labels: np.ndarray) -> None:
    """Raise ``ValueError``, in words, for what cannot be trained on."""
    recipe.check()
    if images.shape[1:] != architecture.input_shape or labels.shape != images.shape[:1]:
        raise ValueError(
            f"images must have shape (n, {', '.join(map(str, architecture.input_shape))}) and labels (n,), "
            f"got {images.shape} and {labels.shape}"
        )
    if not np.issubdtype(images.dtype, np.floating):
        raise ValueError(f"images must be scaled, of a floating-point dtype, got {images.dtype}")
    classes = architecture.layers[-1].outputs
    if labels.dtype.kind not in "iu" or np.any((labels < 0) | (labels >= classes)):
        raise ValueError(f"labels must be integers from 0 to {classes - 1}, got {labels.dtype}")
    if len(images) < recipe.batch_size:
        raise ValueError(f"a batch of {recipe.batch_size} needs as many images, got {len(images)}")


def _copied(architecture: Architecture, start: Parameters) -> Parameters:
    """The start in arrays of its own, as steps may reuse the memory of those that they are given."""
    layers = {layer.name: layer for layer in architecture.layers}
    if (
        not isinstance(start, Mapping)
        or start.keys() != layers.keys()
        or not all(_fits(layer, start[name]) for name, layer in layers.items())
    ):
        raise ValueError(f"start must be parameters of this network, of layers {', '.join(layers)}")
    return jax.tree.map(jnp.array, dict(start))


def _fits(layer: Dense | Convolution, arrays: Any) -> bool:
    """Whether these are a layer's weights, or its factors, and its bias."""
    if not isinstance(arrays, Mapping):
        return False
    shapes = {name: np.shape(array) for name, array in arrays.items()}
    rest = {"weight": layer.weight_shape}
    if "left" in shapes:
        rank = shapes["left"][-1] if shapes["left"] else 0
        rest = {"left": (layer.outputs, rank), "right": (rank, math.prod(layer.weight_shape[:-1]))}
    return shapes == {"bias": (layer.outputs,), **rest}


def _steps_in_python(architecture: Architecture) -> bool:
    """Whether to loop over steps outside of JAX: a scan around a convolution is slow on XLA's CPU backend."""
    convolutional = any(isinstance(layer, Convolution) for layer in architecture.layers)
    return convolutional and jax.default_backend() == "cpu"


def optimizer_of(recipe: Recipe) -> optax.GradientTransformation:
    """What turns gradients into steps."""
    return optax.chain(
        optax.add_decayed_weights(recipe.weight_decay),
        optax.sgd(recipe.learning_rate, momentum=recipe.momentum),
    )


def _step(
    architecture: Architecture, recipe: Recipe, parameters: Any, state: Any, x: Any, y: Any, key: Any
) -> tuple[Any, Any]:
    def loss(parameters: Parameters) -> jax.Array:
        outputs = logits(architecture, parameters, x, recipe.dropout, key)
        return optax.softmax_cross_entropy_with_integer_labels(outputs, y).mean()

    updates, state = optimizer_of(recipe).update(jax.grad(loss)(parameters), state, parameters)
    return optax.apply_updates(parameters, updates), state


def _batches(recipe: Recipe, key: jax.Array, size: int) -> tuple[jax.Array, jax.Array]:
    """Indices of the images of each step, shape ``(steps, batch_size)``, and a key for each step."""
    order_key, dropout_key = jax.random.split(key)
    steps = size // recipe.batch_size
    order = jax.random.permutation(order_key, size)[: steps * recipe.batch_size]
    return order.reshape(steps, recipe.batch_size), jax.random.split(dropout_key, steps)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _epoch(
    architecture: Architecture, recipe: Recipe, parameters: Any, state: Any, x: Any, y: Any, key: Any
) -> tuple[Any, Any]:
    """One pass over the images as one computation."""

    def step(carry: Any, batch: Any) -> tuple[Any, None]:
        rows, step_key = batch
        parameters, state = carry
        return _step(architecture, recipe, parameters, state, x[rows], y[rows], step_key), None

    return jax.lax.scan(step, (parameters, state), _batches(recipe, key, len(x)))[0]


def _epoch_of_steps(
    architecture: Architecture, recipe: Recipe, parameters: Any, state: Any, x: Any, y: Any, key: Any
) -> tuple[Any, Any]:
    """As ``_epoch``, one computation a step."""
    rows, keys = _batches(recipe, key, len(x))
    for place in range(len(rows)):
        parameters, state = _jitted_step(
            architecture, recipe, parameters, state, x, y, rows[place], keys[place]
        )
    return parameters, state


@functools.partial(jax.jit, static_argnums=(0, 1), donate_argnums=(2, 3))
def _jitted_step(
    architecture: Architecture,
    recipe: Recipe,
    parameters: Any,
    state: Any,
    x: Any,
    y: Any,
    rows: Any,
    key: Any,
) -> tuple[Any, Any]:
    return _step(architecture, recipe, parameters, state, x[rows], y[rows], key)
