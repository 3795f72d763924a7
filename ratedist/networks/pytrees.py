"""Models of any kind as JAX wants them: arrays apart from what is no array."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ratedist.tensors.leaves import named_leaves
from ratedist.tensors.tree import QuantizedTree

Arrays = dict[str, Any]


def split_arrays(tree: Any) -> tuple[Arrays, Callable[[Mapping[str, Any]], Any]]:
    """The arrays of a pytree by name, and the function that puts them, or others, back in their places.

    Leaves that are no arrays, such as the activations of an Equinox module, stay inside that function, so
    that the arrays alone can be arguments of a compiled one.

    Raises:
        ValueError: two leaves of one name.
    """
    leaves, structure = named_leaves(tree)
    arrays = {
        name: leaf for name, leaf in leaves.items() if hasattr(leaf, "dtype") and hasattr(leaf, "shape")
    }

    def rebuild(new: Mapping[str, Any]) -> Any:
        return jax.tree.unflatten(structure, [new.get(name, leaf) for name, leaf in leaves.items()])

    return arrays, rebuild


def restored(tree: QuantizedTree[Any], like: Mapping[str, Any]) -> Any:
    """The reconstruction of a quantised tree.

    Args:
        tree: quantised.
        like: name → leaf before: where it is an array of JAX, so is the new one, else it is one of NumPy.
    """
    new = {name: tensor.reconstruction() for name, tensor in tree.quantized.items()}
    return tree.with_leaves(
        {name: jnp.asarray(one) if isinstance(like[name], jax.Array) else one for name, one in new.items()}
    )


def take(samples: Any, rows: np.ndarray) -> Any:
    """The samples at some positions, along the first axis of every array."""
    return jax.tree.map(lambda leaf: np.asarray(leaf)[rows], samples)
