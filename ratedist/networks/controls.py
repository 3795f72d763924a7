"""What a compressed network is compared with: networks changed as compression changes them, in one way only.

Quantised weights lie in a narrower range, and a smaller last layer makes a network less confident. Each of
these is done here without the rest.
"""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np

from ratedist import _checks
from ratedist.networks.architecture import Architecture, Parameters

Ranges = dict[str, tuple[float, float]]


def scale_last_layer(
    architecture: Architecture, parameters: Parameters, factor: float, bias: bool = True
) -> Parameters:
    """The network with its last layer's weights multiplied by a number.

    Args:
        architecture: the layers of the network, an ``Architecture``.
        parameters: weights and biases of each layer; they are not changed.
        factor: what the weights are multiplied by, above zero.
        bias: whether the bias is, too. If so all logits are multiplied by it, which is exactly a temperature
            of ``1 / factor``.

    Raises:
        ValueError: a factor that is not above zero.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> parameters = {"dense1": {"weight": np.array([[-3.0, 1.0], [2.0, 0.5]]), "bias": np.ones(2)}}
        >>> half = rd.networks.scale_last_layer(rd.networks.mlp(2, (), 2), parameters, 0.5)
        >>> np.asarray(half["dense1"]["weight"]).tolist(), np.asarray(half["dense1"]["bias"]).tolist()
        ([[-1.5, 0.5], [1.0, 0.25]], [0.5, 0.5])
    """
    c = _checks.positive_number("factor", factor)
    last = architecture.layers[-1].name
    scaled = {name: leaf * c if bias or name == "weight" else leaf for name, leaf in parameters[last].items()}
    return {**parameters, last: scaled}


def clip_weights(parameters: Parameters, ranges: Mapping[str, tuple[float, float]]) -> Parameters:
    """The network with weights beyond the range of their layer moved to its nearest end; biases stay.

    Args:
        parameters: weights and biases of each layer; they are not changed.
        ranges: layer → smallest and largest weight; layers not named stay as they are. See
            ``weight_ranges`` and ``quantile_ranges``.

    Raises:
        ValueError: layers that the network does not have, ends that are not finite or not in order.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> parameters = {"dense1": {"weight": np.array([[-3.0, 1.0], [2.0, 0.5]]), "bias": np.zeros(2)}}
        >>> clipped = rd.networks.clip_weights(parameters, {"dense1": (-1.0, 1.5)})
        >>> np.asarray(clipped["dense1"]["weight"]).tolist()
        [[-1.0, 1.0], [1.5, 0.5]]
    """
    if unknown := sorted(ranges.keys() - parameters.keys()):
        raise ValueError(f"ranges must be of layers {', '.join(parameters)}; got {', '.join(unknown)}")
    clipped = dict(parameters)
    for layer, ends in ranges.items():
        interval = _checks.real_array(f"range of {layer}", ends)
        if interval.shape != (2,) or interval[0] > interval[1]:
            raise ValueError(f"range of {layer} must be two rising numbers, got {ends}")
        weight = jnp.clip(parameters[layer]["weight"], *interval.tolist())
        clipped[layer] = {**parameters[layer], "weight": weight}
    return clipped


def weight_ranges(parameters: Parameters) -> Ranges:
    """Smallest and largest weight of each layer.

    Of a compressed network these are the ends of its codebooks, as far as they are in use. The original
    clipped to them has lost its range to compression and nothing else.

    Args:
        parameters: weights and biases of each layer.

    Returns:
        Layer → smallest and largest weight.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> parameters = {"dense1": {"weight": np.array([[-3.0, 1.0], [2.0, 0.5]]), "bias": np.zeros(2)}}
        >>> rd.networks.weight_ranges(parameters)
        {'dense1': (-3.0, 2.0)}
    """
    weights = {layer: np.asarray(arrays["weight"]) for layer, arrays in parameters.items()}
    return {layer: (float(weight.min()), float(weight.max())) for layer, weight in weights.items()}


def quantile_ranges(parameters: Parameters, tail: float) -> Ranges:
    """Range of each layer that leaves the part ``tail`` of its weights beyond either end.

    Args:
        parameters: of the network.
        tail: from 0, everything, to ½, the median.

    Raises:
        ValueError: a tail outside [0, ½].
    """
    part = float(_checks.in_range("tail", tail, 0, 0.5))
    ranges = {}
    for layer, arrays in parameters.items():
        low, high = np.quantile(np.asarray(arrays["weight"], np.float64), [part, 1 - part])
        ranges[layer] = (float(low), float(high))
    return ranges
