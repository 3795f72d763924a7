"""Sums over images of the squared gradients of each layer, of which diagonals of curvature are made."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike
from tqdm import tqdm

from ratedist import _checks
from ratedist.kept_programs import few_kept
from ratedist.networks.architecture import Architecture, Dense, Parameters, activate, affine
from ratedist.networks.curvature import checks

# From logits and labels to B, of shape (rows, batch, classes).
Root = Callable[[jax.Array, jax.Array], jax.Array]
# Float64 arrays in the shape of Parameters.
Diagonal = dict[str, dict[str, np.ndarray]]


@dataclasses.dataclass(frozen=True, eq=False)
class CurvatureMoments:
    """What is summed over n images of ``h_n = Σ_r (B_n J_n)_r²``, the squared gradients of the rows of B.

    Attributes:
        diagonal: mean over the images of h.
        squares: mean of h².
        totals: the sum of each image's h over an array, each of shape ``(n,)``.
    """

    diagonal: Diagonal
    squares: Diagonal
    totals: Diagonal


def curvature_moments(
    root: Root,
    architecture: Architecture,
    parameters: Parameters,
    images: ArrayLike,
    labels: ArrayLike,
    chunk: int,
    progress: bool,
) -> CurvatureMoments:
    """Moments over the images, ``chunk`` at a time; arguments as in ``architectures``.

    A dense layer with inputs a has gradients ``a δ_rᵀ`` and needs no loop: ``Σ_n a_n² (Σ_r δ_nr²)ᵀ``. For a
    convolution the gradient of each row and image is formed from the patches of its input, and squared.
    A loop of compiled steps: XLA's scan is an order of magnitude slower around convolutions on CPUs.

    Raises:
        ValueError: images of another shape, parameters that are not those of the architecture, labels that
            are no classes.
    """
    x, y = checked_samples(architecture, parameters, images, labels)
    size = min(_checks.integer("chunk", chunk, 1), len(x))
    sums: Any = None
    totals = []
    with tqdm(total=len(x), unit="image", disable=not progress, leave=False) as bar:
        for start in range(0, len(x), size):
            # The last chunk repeats its last image with weight zero: one shape, one compilation.
            rows = np.arange(start, start + size)
            valid = rows < len(x)
            rows = np.minimum(rows, len(x) - 1)
            step = _step(architecture, root, parameters, x[rows], y[rows], valid)
            part, total = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), step)
            sums = part if sums is None else jax.tree.map(np.add, sums, part)
            totals.append(total)
            bar.update(int(valid.sum()))
    checks.finite_diagonal(jax.tree.leaves(sums[0]))
    diagonal, squares = jax.tree.map(lambda leaf: leaf / len(x), sums)
    together = jax.tree.map(lambda *parts: np.concatenate(parts)[: len(x)], *totals)
    return CurvatureMoments(diagonal, squares, together)


def checked_samples(
    architecture: Architecture, parameters: Parameters, images: ArrayLike, labels: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    expected = {
        layer.name: {"weight": layer.weight_shape, "bias": (layer.outputs,)} for layer in architecture.layers
    }
    found = _shapes(parameters)
    if found != expected:
        came = checks.described(parameters) if found is None else found
        raise ValueError(f"parameters must have the shapes {expected}, got {came}")
    for leaf in jax.tree.leaves(parameters):
        if not checks.is_floating(leaf):
            raise ValueError(f"parameters must be floating-point arrays, got {checks.described(leaf)}")
    x, y = checked_images(architecture, images), np.asarray(labels)
    for name, tree in (("parameters", parameters), ("inputs", x), ("labels", labels)):
        checks.numbers(name, tree)
    if x.dtype.kind != "f":
        raise ValueError(f"inputs must be floating-point, scaled as for training, got dtype {x.dtype}")
    classes = architecture.layers[-1].outputs
    checks.at_least_two_classes(classes)
    if y.shape != x.shape[:1] or y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= classes:
        raise ValueError(f"labels must be {len(x)} integers from 0 to {classes - 1}, got shape {y.shape}")
    return x.astype(parameters[architecture.layers[0].name]["weight"].dtype, copy=False), y


def checked_images(architecture: Architecture, images: Any) -> np.ndarray:
    """Images as an array of the shape that the architecture takes, or ``ValueError``."""
    _checks.unmasked("inputs", images)
    shape = str(("samples", *architecture.input_shape)).replace("'", "")
    if isinstance(images, tuple | dict | str) or images is None or isinstance(images, Architecture):
        came = checks.described(images)
        raise ValueError(f"inputs must have shape {shape}, one array without labels, got {came}")
    try:
        x = np.asarray(images)
    except (TypeError, ValueError):
        raise ValueError(
            f"inputs must have shape {shape}, got what is no array: {type(images).__name__}"
        ) from None
    if x.ndim == 0 or len(x) == 0 or x.shape[1:] != architecture.input_shape:
        raise ValueError(f"inputs must have shape {shape}, got {x.shape}")
    return x


def _shapes(parameters: Any) -> Any:
    """``{layer: {name: shape}}`` of dictionaries of arrays, ``None`` of anything else."""
    try:
        return {
            layer: {name: tuple(leaf.shape) for name, leaf in arrays.items()}
            for layer, arrays in parameters.items()
        }
    except AttributeError:
        return None


@few_kept
@functools.partial(jax.jit, static_argnames=("architecture", "root"))
def _step(
    architecture: Architecture,
    root: Root,
    parameters: Parameters,
    images: jax.Array,
    labels: jax.Array,
    valid: jax.Array,
) -> Any:
    """Sums over a chunk of h and of h², and the sum over each array of every image's h."""
    gradients = layer_gradients(architecture, root, parameters, images, labels, valid)
    sums, squares, totals = {}, {}, {}
    for layer, (inputs, deltas) in zip(architecture.layers, gradients, strict=True):
        moments = _dense if isinstance(layer, Dense) else _convolution
        sums[layer.name], squares[layer.name], totals[layer.name] = moments(wide(inputs), wide(deltas))
    return (sums, squares), totals


def layer_gradients(
    architecture: Architecture,
    root: Root,
    parameters: Parameters,
    images: jax.Array,
    labels: jax.Array,
    valid: jax.Array,
) -> list[tuple[jax.Array, jax.Array]]:
    """Of each layer its inputs, and the derivatives of every row of B by its outputs.

    Args:
        architecture: the layers of the network.
        root: B of logits and labels.
        parameters: at which.
        images: a batch.
        labels: of these.
        valid: shape ``(batch,)``, 0 for images that do not count: their derivatives are 0.

    Returns:
        Inputs of shape ``(batch, …)`` and derivatives of shape ``(rows, batch, …)``, layer by layer.
    """
    layers = architecture.layers
    inputs, pullbacks = [images], []
    outputs = affine(layers[0], parameters[layers[0].name], images)
    for before, layer in itertools.pairwise(layers):

        def block(preactivation: jax.Array, before=before, layer=layer) -> tuple[jax.Array, jax.Array]:
            hidden = activate(before, preactivation)
            return affine(layer, parameters[layer.name], hidden), hidden

        outputs, pullback, hidden = jax.vjp(block, outputs, has_aux=True)
        pullbacks.append(pullback)
        inputs.append(hidden)
    deltas = [root(outputs, labels) * valid.astype(outputs.dtype)[None, :, None]]
    for pullback in reversed(pullbacks):
        (before,) = jax.vmap(pullback)(deltas[-1])
        deltas.append(before)
    return list(zip(inputs, reversed(deltas), strict=True))


def wide(array: jax.Array) -> jax.Array:
    """In single precision at least: squares of what half precision holds would underflow in it."""
    return array.astype(jnp.promote_types(array.dtype, jnp.float32))


def _dense(inputs: jax.Array, deltas: jax.Array) -> Any:
    a = inputs.reshape(inputs.shape[0], -1) ** 2
    s = jnp.sum(deltas**2, axis=0)
    return (
        {"weight": a.T @ s, "bias": s.sum(0)},
        {"weight": (a**2).T @ s**2, "bias": jnp.sum(s**2, axis=0)},
        {"weight": a.sum(1) * s.sum(1), "bias": s.sum(1)},
    )


def patches_of(inputs: jax.Array) -> jax.Array:
    """What each output pixel of a convolution sees, ``(batch, pixels, 9·channels)``, as its weights lie."""
    batch, height, width, channels = inputs.shape
    padded = jnp.pad(inputs, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifted = [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
    return jnp.stack(shifted, axis=3).reshape(batch, height * width, 9 * channels)


def _convolution(inputs: jax.Array, deltas: jax.Array) -> Any:
    batch, height, width, channels = inputs.shape
    patches = patches_of(inputs)
    deltas = deltas.transpose(1, 2, 3, 4, 0).reshape(batch, height * width, -1, len(deltas))
    # Image by image, so that the gradients of all rows, many times the weights, stay in the cache.
    h = jnp.stack([_squared_gradients(*pair) for pair in zip(patches, deltas, strict=True)])
    s = jnp.sum(deltas.sum(1) ** 2, axis=-1)
    shape = (3, 3, channels, s.shape[-1])
    return (
        {"weight": h.sum(0).reshape(shape), "bias": s.sum(0)},
        {"weight": jnp.sum(h**2, axis=0).reshape(shape), "bias": jnp.sum(s**2, axis=0)},
        {"weight": h.sum((1, 2)), "bias": s.sum(1)},
    )


def _squared_gradients(patches: jax.Array, deltas: jax.Array) -> jax.Array:
    """``Σ_r (AᵀD_r)²`` of one image: A of shape ``(pixels, patch)``, D ``(pixels, outputs, rows)``."""
    gradients = patches.T @ deltas.reshape(len(deltas), -1)
    return jnp.sum(gradients.reshape(-1, *deltas.shape[1:]) ** 2, axis=-1)
