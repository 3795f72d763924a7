"""What a layer's inputs and the gradients at its outputs say of its weights: second moments of both."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.kept_programs import few_kept
from ratedist.networks import losses
from ratedist.networks.architecture import Architecture, Dense, Parameters
from ratedist.networks.curvature.moments import (
    Root,
    checked_images,
    checked_samples,
    layer_gradients,
    patches_of,
)

FISHERS = ("exact", "empirical")


@dataclasses.dataclass(frozen=True, eq=False)
class LayerStatistics:
    """Of a layer with o outputs and d inputs, all in float64; a pixel of a convolution has d = 9 · channels.

    Attributes:
        input_second_moment: mean of ``Σ_t a_t a_tᵀ``, shape ``(d, d)``, over pixels t; a dense layer has one.
        input_magnitude: mean of ``Σ_t |a_t|``, shape ``(d,)``.
        gradient_second_moment: mean of ``gᵗgᵗᵀ``, shape ``(o, o)``, over labels and pixels; g is the
            derivative of a sample's loss by the layer's outputs.
        fisher_row_sums: sum over its inputs of the Fisher information of each weight of an output, ``(o,)``.
    """

    input_second_moment: np.ndarray
    input_magnitude: np.ndarray
    gradient_second_moment: np.ndarray
    fisher_row_sums: np.ndarray


def layer_statistics(
    architecture: Architecture,
    parameters: Parameters,
    images: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    fisher: str = "exact",
    temperature: float = 1.0,
    chunk: int = 64,
) -> dict[str, LayerStatistics]:
    r"""Second moments of inputs and back-propagated gradients of every layer: the Kronecker factors.

    The Fisher information of a dense layer's weights is ``E[ggᵀ ⊗ aaᵀ]``, and K-FAC approximates it by
    ``E[ggᵀ] ⊗ E[aaᵀ]``. For a convolution pixels count as independent samples (KFC). Memory is that of one
    chunk and of the moments.

    Args:
        architecture: the layers of the network, an ``Architecture``.
        parameters: at which; no dropout.
        images: shape ``(n, *input_shape)``, scaled as for training.
        labels: of the images; needed by ``fisher="empirical"`` alone.
        fisher: "exact", the expectation over labels drawn from the network's own probabilities, taken over
            all classes without sampling; or "empirical", with the labels given.
        temperature: T, of the network ``softmax(z/T)`` whose Fisher information it is. With that of
            ``fit_temperature`` images that an over-confident network is sure of count too.
        chunk: images at a time; changes rounding, time and memory only.

    Returns:
        ``LayerStatistics`` by the name of the layer.

    Raises:
        ValueError: images of another shape, parameters that are not those of the architecture, labels that
            are missing or no classes, a temperature that is not above zero.

    Source: Martens & Grosse 2015, eq. (1); Grosse & Martens 2016, for convolutions.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> parameters = {"dense1": {"weight": np.eye(2, dtype=np.float32), "bias": np.zeros(2, np.float32)}}
        >>> images = np.array([[1.0, 0.0], [3.0, 0.0]], np.float32)  # the second pixel is dead
        >>> found = rd.networks.layer_statistics(rd.networks.mlp(2, (), 2), parameters, images)
        >>> found["dense1"].input_second_moment.tolist()
        [[5.0, 0.0], [0.0, 0.0]]
    """
    empirical = _checks.one_of("fisher", fisher, FISHERS) == "empirical"
    if empirical and labels is None:
        raise ValueError('fisher="empirical" needs labels')
    T = _checks.positive_number("temperature", temperature)
    root = losses.gradient_root if empirical else losses.hessian_root
    number = len(checked_images(architecture, images))
    y = np.asarray(labels) if empirical else np.zeros(number, np.int32)
    x, y = checked_samples(architecture, parameters, images, y)
    size = min(_checks.integer("chunk", chunk, 1), len(x))
    sums: dict[str, list[np.ndarray]] = {}
    for start in range(0, len(x), size):
        # The last chunk repeats its last image, and that does not count: one shape, one compilation.
        rows = np.minimum(np.arange(start, start + size), len(x) - 1)
        count = min(size, len(x) - start)
        pieces = _inputs_and_gradients(architecture, root, parameters, x[rows], y[rows], T)
        for layer, (inputs, gradients) in zip(architecture.layers, pieces, strict=True):
            one = _moments(np.asarray(inputs)[:count], np.asarray(gradients)[:, :count])
            sums[layer.name] = [a + b for a, b in zip(sums[layer.name], one, strict=True)] if start else one
    return {name: LayerStatistics(*(total / len(x) for total in totals)) for name, totals in sums.items()}


@few_kept
@functools.partial(jax.jit, static_argnums=(0, 1))
def _inputs_and_gradients(
    architecture: Architecture, root: Root, parameters: Any, images: Any, labels: Any, temperature: Any
) -> list[tuple[jax.Array, jax.Array]]:
    """Per layer a of shape ``(batch, pixels, d)`` and g of shape ``(rows, batch, pixels, o)``."""

    def tempered(z: jax.Array, labels: jax.Array) -> jax.Array:
        T = jnp.asarray(temperature, z.dtype)
        return root(z / T, labels) / T

    valid = jnp.ones(len(images))
    pieces = layer_gradients(architecture, tempered, parameters, images, labels, valid)
    shaped = []
    for layer, (inputs, gradients) in zip(architecture.layers, pieces, strict=True):
        batch, rows = len(inputs), len(gradients)
        a = inputs.reshape(batch, 1, -1) if isinstance(layer, Dense) else patches_of(inputs)
        shaped.append((a, gradients.reshape(rows, batch, a.shape[1], layer.outputs)))
    return shaped


def _moments(a: np.ndarray, g: np.ndarray) -> list[np.ndarray]:
    """Sums over the images of a chunk, in the order of ``LayerStatistics``."""
    pixels, d, o = a.shape[1], a.shape[2], g.shape[3]
    a, g = a.astype(np.float64), g.astype(np.float64)
    flat = a.reshape(-1, d)
    gradients = g.reshape(-1, o)
    if pixels == 1:
        row_sums = np.sum(flat**2, axis=1) @ np.sum(g[:, :, 0] ** 2, axis=0)
    else:
        # Image by image, so that the gradients of all rows, many times the weights, are there for one alone.
        gradients_squared = [np.sum((a[n].T @ g[:, n]) ** 2, axis=(0, 1)) for n in range(len(a))]
        row_sums = np.sum(gradients_squared, axis=0)
    return [flat.T @ flat, np.sum(np.abs(flat), axis=0), gradients.T @ gradients / pixels, row_sums]
