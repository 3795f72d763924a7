"""Parameters for which nothing has to be compiled."""

import math

import jax
import numpy as np

from ratedist.networks.architecture import Architecture, Parameters


def drawn(architecture: Architecture, seed: int = 0) -> Parameters:
    """Of the law of ``initialize``, by NumPy."""
    rng = np.random.default_rng(seed)
    parameters = {}
    for layer in architecture.layers:
        bound = 1 / math.sqrt(math.prod(layer.weight_shape[:-1]))
        parameters[layer.name] = {
            name: jax.device_put(rng.uniform(-bound, bound, shape).astype(np.float32))
            for name, shape in (("weight", layer.weight_shape), ("bias", (layer.outputs,)))
        }
    return parameters


def flat(tree: object) -> np.ndarray:
    """All leaves in a row, by NumPy."""
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])
