"""Feed-forward classifiers as data: a tuple of layers, a pytree of parameters, and one pure function."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ratedist import _checks

Parameters = dict[str, dict[str, jax.Array]]


@dataclasses.dataclass(frozen=True)
class Dense:
    """``a W + b``, with W of shape ``(inputs, outputs)``."""

    name: str
    inputs: int
    outputs: int

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return (self.inputs, self.outputs)


@dataclasses.dataclass(frozen=True)
class Convolution:
    """3 × 3 convolution of stride 1, padded with zeros to its input's size; W: ``(3, 3, inputs, outputs)``.

    Attributes:
        pooling: whether the maximum over 2 × 2 squares follows.
    """

    name: str
    inputs: int
    outputs: int
    pooling: bool = False

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return (3, 3, self.inputs, self.outputs)


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Layers in order, with ReLU (then pooling, then dropout) between them.

    Attributes:
        name: for messages and file names.
        input_shape: of one image.
        layers: convolutions first; what the first dense layer gets is flattened.
    """

    name: str
    input_shape: tuple[int, ...]
    layers: tuple[Dense | Convolution, ...]

    @property
    def num_weights(self) -> int:
        """Weights without biases."""
        return sum(math.prod(layer.weight_shape) for layer in self.layers)


def mlp(inputs: int = 784, hidden: tuple[int, ...] = (256, 256), classes: int = 10) -> Architecture:
    """Fully connected network; the default, 784-256-256-10, is the papers' on MNIST.

    Args:
        inputs: how many numbers an input has.
        hidden: width of each hidden layer.
        classes: width of the last layer, one output for each class.

    Raises:
        ValueError: a width below 1.

    Example:
        >>> import ratedist as rd
        >>> [layer.weight_shape for layer in rd.networks.mlp(4, (3,), 2).layers]
        [(4, 3), (3, 2)]
    """
    widths = [_checks.integer("width", width, 1) for width in (inputs, *hidden, classes)]
    layers = tuple(
        Dense(f"dense{place}", before, after)
        for place, (before, after) in enumerate(itertools.pairwise(widths), start=1)
    )
    return Architecture("mlp", (inputs,), layers)


def convolutional_network(
    input_shape: tuple[int, int, int] = (32, 32, 3),
    channels: tuple[int, ...] = (32, 64, 128, 128, 128),
    hidden: tuple[int, ...] = (256, 128),
    classes: int = 10,
    pooling_after: tuple[int, ...] = (1, 2, 5),
) -> Architecture:
    """Convolutions, then dense layers; the default has the papers' five and three for CIFAR10.

    The article gives the number of layers but not their widths; these are narrow enough for a CPU.

    Args:
        input_shape: height, width, channels of an image.
        channels: width of each convolution.
        hidden: widths of the dense layers but the last.
        classes: width of the last.
        pooling_after: convolutions, counted from 1, that pooling follows.

    Raises:
        ValueError: a width below 1, an image too small for that much pooling.

    Example:
        >>> import ratedist as rd
        >>> small = rd.networks.convolutional_network((8, 8, 1), (2, 4), (), classes=3, pooling_after=(1, 2))
        >>> [layer.name for layer in small.layers], small.num_weights  # 3·3·1·2 + 3·3·2·4 + 2·2·4·3
        (['conv1', 'conv2', 'dense1'], 138)
    """
    height, width, before = input_shape
    layers: list[Dense | Convolution] = []
    for place, after in enumerate(channels, start=1):
        pooling = place in pooling_after
        layers.append(Convolution(f"conv{place}", before, _checks.integer("channels", after, 1), pooling))
        before = after
        if pooling:
            height, width = height // 2, width // 2
    if min(height, width) < 1:
        raise ValueError(f"input_shape {input_shape} is too small for pooling after {pooling_after}")
    dense = mlp(height * width * before, hidden, classes).layers
    return Architecture("convolutional", tuple(input_shape), (*layers, *dense))


def initialize(architecture: Architecture, key: jax.Array) -> Parameters:
    """Random parameters: weights and biases uniform on ±1/√fan_in, as PyTorch's layers start.

    Args:
        architecture: the layers of the network, an ``Architecture``.
        key: JAX PRNG key that decides what is random here.

    Returns:
        ``{layer: {"weight": …, "bias": …}}``, float32.

    Example:
        >>> import jax
        >>> import ratedist as rd
        >>> parameters = rd.networks.initialize(rd.networks.mlp(4, (3,), 2), jax.random.key(0))
        >>> {layer: arrays["weight"].shape for layer, arrays in parameters.items()}
        {'dense1': (4, 3), 'dense2': (3, 2)}
    """
    _checks.random_key(key)
    parameters = {}
    for place, layer in enumerate(architecture.layers):
        bound = 1 / math.sqrt(math.prod(layer.weight_shape[:-1]))
        weight_key, bias_key = jax.random.split(jax.random.fold_in(key, place))
        parameters[layer.name] = {
            "weight": jax.random.uniform(weight_key, layer.weight_shape, jnp.float32, -bound, bound),
            "bias": jax.random.uniform(bias_key, (layer.outputs,), jnp.float32, -bound, bound),
        }
    return parameters


def logits(
    architecture: Architecture,
    parameters: Parameters,
    images: jax.Array,
    dropout: float = 0.0,
    key: Any = None,
) -> jax.Array:
    """Outputs of the last layer, shape ``(batch, classes)``.

    Args:
        architecture: the layers of the network, an ``Architecture``.
        parameters: from ``initialize`` or training.
        images: shape ``(batch, *input_shape)``, scaled as for training.
        dropout: probability that a hidden unit of a dense layer is set to zero (others grow in return).
        key: JAX PRNG key, needed if ``dropout`` is above zero.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> parameters = {"dense1": {"weight": np.eye(2), "bias": np.ones(2)}}
        >>> rd.networks.logits(rd.networks.mlp(2, (), 2), parameters, np.array([[3.0, 5.0]])).tolist()
        [[4.0, 6.0]]
    """
    hidden = images
    for place, layer in enumerate(architecture.layers):
        hidden = affine(layer, parameters[layer.name], hidden)
        if place == len(architecture.layers) - 1:
            break
        hidden = activate(layer, hidden)
        if dropout > 0 and isinstance(layer, Dense):
            # The dtype of the probability decides which bits are drawn: the same with and without x64.
            keep = jnp.float32(1 - dropout)
            kept = jax.random.bernoulli(jax.random.fold_in(key, place), keep, hidden.shape)
            hidden = jnp.where(kept, hidden / (1 - dropout), 0)
    return hidden


def logits_function(name: str, model: Any) -> Callable[[Any, Any], Any]:
    """A function of parameters and inputs as it is, or the logits of an ``Architecture``.

    Raises:
        ValueError: what is neither, among them the class ``Architecture`` and functions that make one.
    """
    if isinstance(model, Architecture):
        return functools.partial(logits, model)
    expected = f"{name} must be an Architecture or a function of (parameters, inputs)"
    if isinstance(model, type):
        raise ValueError(f"{expected}, got the class {model.__name__} itself")
    if any(model is one for one in (mlp, convolutional_network)):
        word = getattr(model, "__name__", "")
        raise ValueError(f"{expected}, got {word} itself: call it, rd.networks.{word}(...)")
    if any(model is one for one in (logits, initialize)):
        word = getattr(model, "__name__", "")
        raise ValueError(f"{expected}, got rd.networks.{word}: pass the Architecture itself")
    if not callable(model):
        raise ValueError(f"{expected}, got {' '.join(repr(model).split()):.80}")
    return model


def affine(layer: Dense | Convolution, parameters: dict[str, jax.Array], hidden: jax.Array) -> jax.Array:
    """A layer before its non-linearity, ``hidden ∗ weight + bias``; dense layers flatten what they get.

    In place of ``weight`` there may be the factors ``left`` and ``right`` of ``networks.low_rank``.
    """
    bias = parameters["bias"]
    if isinstance(layer, Dense):
        flat = hidden.reshape(hidden.shape[0], -1)
        if "left" in parameters:
            return flat @ parameters["right"].T @ parameters["left"].T + bias[None]
        return flat @ parameters["weight"] + bias[None]
    if "left" in parameters:
        weight = (parameters["left"] @ parameters["right"]).T.reshape(layer.weight_shape)
    else:
        weight = parameters["weight"]
    convolved = jax.lax.conv_general_dilated(
        hidden, weight, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return convolved + bias[None, None, None]


def activate(layer: Dense | Convolution, preactivation: jax.Array) -> jax.Array:
    """ReLU, then pooling where the layer says so."""
    hidden = jax.nn.relu(preactivation)
    if isinstance(layer, Convolution) and layer.pooling:
        batch, height, width, channels = hidden.shape
        squares = hidden[:, : height // 2 * 2, : width // 2 * 2].reshape(
            batch, height // 2, 2, width // 2, 2, channels
        )
        return squares.max(axis=(2, 4))
    return hidden
