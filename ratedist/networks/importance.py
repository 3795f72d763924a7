"""Importances for quantisers: a diagonal of curvature on a scale of its own, and in a file."""

from __future__ import annotations

import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ratedist import _checks
from ratedist.container import Entry, TensorFile, encode_header, write_tensor_file
from ratedist.container.dtypes import dtype_name, to_bytes
from ratedist.trees import is_array, named_leaves

# Layer means of 1 make this far less than any weight that matters, and keep all of them above zero.
FLOOR = 1e-6


def normalized_importance(diagonal: Any, floor: float = FLOOR) -> Any:
    """Importances of mean 1 in each array, ``h / mean h + floor``.

    A diameter penalty β is in the units of h: with the curvature of a trained network, which may be 10⁻⁴,
    the same β presses ten thousand times harder than with importances of mean 1. This is the convention
    under which the β = 50 of Entropy 2021, Section 7, acts as its figures show.

    Args:
        diagonal: pytree of arrays, none negative; leaves that are no floating-point arrays stay as they are.
        floor: added to all; without it weights of no curvature are all put into one cluster, whatever they
            are.

    Returns:
        The tree with float64 arrays. An array of zeros only, which says nothing, becomes ``1 + floor``.

    Raises:
        ValueError: entries that are negative or not finite, a negative floor.
    """
    _checks.in_range("floor", floor, high=np.finfo(np.float64).max)
    leaves, structure = named_leaves(diagonal)
    scaled = []
    for name, leaf in leaves.items():
        if not is_array(leaf) or not jnp.issubdtype(leaf.dtype, jnp.floating):
            scaled.append(leaf)
            continue
        h = _checks.real_array(f"diagonal of {name}", leaf)
        _checks.in_range(f"diagonal of {name}", h)
        scaled.append((h / h.mean() if h.any() else np.ones_like(h)) + floor)
    return jax.tree.unflatten(structure, scaled)


def save_importance(path: str | os.PathLike[str], importance: Any) -> int:
    """Write a tree of importances to a safetensors file, for ``ratedist quantize --importance``.

    A tensor has the name that ``ratedist.trees`` gives it, the parts of its path with dots between them:
    ``dense1.weight``. A model saved under the same names finds its importances there.

    Args:
        path: the file, replaced if it exists.
        importance: pytree of arrays; leaves that are no arrays are left out.

    Returns:
        The size of the file in bytes.

    Raises:
        ValueError: nothing to write, two leaves of one name, a place that cannot be written to.
    """
    leaves, _ = named_leaves(importance)
    arrays = {name: np.asarray(leaf) for name, leaf in leaves.items() if is_array(leaf)}
    if not arrays:
        raise ValueError("importance must have at least one array")
    entries = {name: Entry(dtype_name(array.dtype), array.shape) for name, array in arrays.items()}
    return write_tensor_file(path, entries, encode_header(entries), lambda name: [to_bytes(arrays[name])])


def load_importance(path: str | os.PathLike[str], like: Any) -> Any:
    """The tree of importances that ``save_importance`` wrote.

    Args:
        path: the file.
        like: tree of the structure and shapes that were saved, such as the parameters; of what is no array
            in it the leaves are kept.

    Raises:
        ValueError: a file that cannot be read, tensors that are missing or have other shapes.
    """
    leaves, structure = named_leaves(like)
    loaded = []
    with TensorFile(path) as file:
        for name, leaf in leaves.items():
            if is_array(leaf) and file.entry(name).shape != tuple(leaf.shape):
                raise ValueError(
                    f"importance of {name!r} must have the shape {tuple(leaf.shape)}, "
                    f"{path} has {file.entry(name).shape}"
                )
            loaded.append(file.read(name) if is_array(leaf) else leaf)
    return jax.tree.unflatten(structure, loaded)
