"""Layers of low rank: from a network's weights to matrices, their factors in any metric, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from ratedist import _checks
from ratedist.lowrank import Metric, project
from ratedist.networks.architecture import Architecture, Convolution, Dense, Parameters
from ratedist.networks.second_moments import LayerStatistics
from ratedist.tensors.config import QuantizationConfig
from ratedist.tensors.tree import QuantizedTree, quantize_tree

WEIGHTINGS = ("plain", "fwsvd", "asvd", "svd_llm", "kronecker")
# Of a layer: what has a share in the bits, biases have not.
MATRICES = ("weight", "left", "right")


def layer_matrix(layer: Dense | Convolution, weight: Any) -> np.ndarray:
    """A layer's weights as ``(outputs, inputs)``, float64; a convolution's inputs are its 3 × 3 × channels.

    Raises:
        ValueError: weights of another shape than the layer's.
    """
    values = _checks.real_array("weight", weight)
    if values.shape != layer.weight_shape:
        raise ValueError(f"weight of {layer.name} must have shape {layer.weight_shape}, got {values.shape}")
    return values.reshape(-1, layer.outputs).T


def layer_metric(weighting: str, statistics: LayerStatistics, damping: float = 1e-3) -> Metric:
    """What an error in a layer's weights costs, by the name of the method.

    Args:
        weighting: "plain", the identity. "fwsvd", row sums of the Fisher information. "asvd", mean |a|.
            "svd_llm", second moment of the inputs. "kronecker", that and the second moment of the gradients,
            which together are the Kronecker-factored Fisher information.
        statistics: of the layer, from ``layer_statistics``.
        damping: of "kronecker", what is added to both moments as a share of their mean eigenvalue. It bounds
            weights that neither moment sees, as between units that are never active.

    Raises:
        ValueError: an unknown name, a negative damping.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> parameters = {"dense1": {"weight": np.eye(2, dtype=np.float32), "bias": np.zeros(2, np.float32)}}
        >>> images = np.array([[1.0, 0.0], [3.0, 0.0]], np.float32)
        >>> found = rd.networks.layer_statistics(rd.networks.mlp(2, (), 2), parameters, images)
        >>> rd.networks.layer_metric("asvd", found["dense1"]).right.tolist()
        [2.0, 0.0]
    """
    _checks.one_of("weighting", weighting, WEIGHTINGS)
    share = _checks.number("damping", damping, 0.0)
    if weighting == "fwsvd":
        return Metric(left=statistics.fisher_row_sums)
    if weighting == "asvd":
        return Metric(right=statistics.input_magnitude)
    if weighting == "svd_llm":
        return Metric(right=statistics.input_second_moment)
    if weighting == "kronecker":
        moments = statistics.gradient_second_moment, statistics.input_second_moment
        return Metric(*(one + share * np.trace(one) / len(one) * np.eye(len(one)) for one in moments))
    return Metric()


def factorize(
    architecture: Architecture,
    parameters: Parameters,
    rank: int | Mapping[str, int],
    metrics: Mapping[str, Metric] | None = None,
) -> Parameters:
    """Replace weights by two factors of rank r, each layer's by its projection in a metric.

    ``weight`` gives way to ``left``, shape ``(outputs, r)``, and ``right``, shape ``(r, inputs)``: balanced,
    with orthogonal columns and rows of equal length. So a projection is told by its product alone, and
    gradient steps on the factors start alike in any metric. ``train``, ``predict`` and ``logits`` take both.

    Args:
        architecture: the layers of the network, an ``Architecture``.
        parameters: trained.
        rank: r of every layer but the last, whose rank the classes limit already; or by the layer's name.
            From min(outputs, inputs) on a layer stays as it is.
        metrics: by the layer's name, from ``layer_metric``; the identity for those that are not named.

    Returns:
        Parameters in the dtype of the weights; biases and other layers are those given.

    Raises:
        ValueError: names that are no layers, ranks below 1, parameters of another network.

    Example:
        >>> import jax
        >>> import ratedist as rd
        >>> network = rd.networks.mlp(8, (6,), 3)
        >>> parameters = rd.networks.initialize(network, jax.random.key(0))
        >>> factors = rd.networks.factorize(network, parameters, rank=2)
        >>> {name: array.shape for name, array in factors["dense1"].items()}
        {'left': (6, 2), 'right': (2, 8), 'bias': (6,)}
    """
    layers = {layer.name: layer for layer in architecture.layers}
    ranks = rank if isinstance(rank, Mapping) else dict.fromkeys(list(layers)[:-1], rank)
    metrics = {} if metrics is None else metrics
    for name in (*ranks, *metrics):
        if name not in layers:
            raise ValueError(f"{name!r} is no layer; there are {', '.join(layers)}")
    new = dict(parameters)
    for name, r in ranks.items():
        if _checks.integer("rank", r, 1) >= min(_shape(layers[name])):
            continue
        weight = parameters[name]["weight"]
        W = layer_matrix(layers[name], weight)
        nearest = project(W, r, *metrics.get(name, Metric()))
        factors = zip(("left", "right"), _balanced(nearest.left, nearest.right), strict=True)
        new[name] = {key: jnp.asarray(one, weight.dtype) for key, one in factors}
        new[name]["bias"] = parameters[name]["bias"]
    return new


def multiplied(architecture: Architecture, parameters: Parameters) -> Parameters:
    """The network with weights in place of factors: their product, of the shape of the layer's weights.

    Args:
        architecture: the layers of the network, an ``Architecture``.
        parameters: with factors in any of the layers, as ``factorize`` returns them.

    Returns:
        Parameters in the dtype of the factors.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> left, right = np.array([[1], [2]], np.float32), np.array([[3, 4]], np.float32)
        >>> factors = {"dense1": {"left": left, "right": right, "bias": np.zeros(2)}}
        >>> rd.networks.multiplied(rd.networks.mlp(2, (), 2), factors)["dense1"]["weight"].tolist()
        [[3.0, 6.0], [4.0, 8.0]]
    """
    new = {}
    for layer in architecture.layers:
        arrays = dict(parameters[layer.name])
        if "left" in arrays:
            product = np.asarray(arrays.pop("left"), np.float64) @ np.asarray(arrays["right"], np.float64)
            dtype = arrays.pop("right").dtype
            arrays = {"weight": jnp.asarray(product.T.reshape(layer.weight_shape), dtype), **arrays}
        new[layer.name] = arrays
    return new


def quantize_factors(parameters: Parameters, num_clusters: int) -> QuantizedTree:
    """K-means of every weight matrix and every factor, each with a codebook of its own; biases stay.

    Args:
        parameters: with factors or without.
        num_clusters: K of each codebook.

    Raises:
        ValueError: as ``rd.quantize_tree``.

    Example:
        >>> import jax
        >>> import numpy as np
        >>> import ratedist as rd
        >>> network = rd.networks.mlp(8, (6,), 3)
        >>> parameters = rd.networks.initialize(network, jax.random.key(0))
        >>> tree = rd.networks.quantize_factors(rd.networks.factorize(network, parameters, 2), 4)
        >>> len(np.unique(tree.reconstruction()["dense1"]["left"]))
        4
    """
    config = QuantizationConfig(
        num_clusters=num_clusters, include=tuple(f"*.{name}" for name in _present(parameters)), min_size=1
    )
    return quantize_tree(parameters, config)


def weight_bits(parameters: Parameters) -> int:
    """Bits of weights and factors as they are, biases left out."""
    arrays = [layer[name] for layer in parameters.values() for name in MATRICES if name in layer]
    return sum(8 * array.dtype.itemsize * math.prod(array.shape) for array in arrays)


def _balanced(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``U Σ^½`` and ``Σ^½ Vᵀ`` of the product of two factors."""
    (Q, A), (P, B) = np.linalg.qr(left), np.linalg.qr(right.T)
    U, sizes, Vt = np.linalg.svd(A @ B.T)
    root = np.sqrt(sizes)
    return Q @ U * root, root[:, None] * (Vt @ P.T)


def _present(parameters: Parameters) -> list[str]:
    return [name for name in MATRICES if any(name in layer for layer in parameters.values())]


def _shape(layer: Dense | Convolution) -> tuple[int, int]:
    """Outputs and inputs of the layer's matrix."""
    return layer.outputs, math.prod(layer.weight_shape[:-1])
