"""The leaves of a pytree by their names."""

from __future__ import annotations

import os
from typing import Any

import jax

from ratedist.container.dtypes import NAMES
from ratedist.tensors.foreign_arrays import as_array


def named_leaves(tree: Any) -> tuple[dict[str, Any], Any]:
    """Leaves by the path of each with dots between its parts, and the structure of the tree.

    Tensors of other libraries become NumPy arrays.

    Raises:
        ValueError: the name of a file in place of what is in it, two leaves of one name, tensors that cannot
            be converted.
    """
    if isinstance(tree, str | bytes | os.PathLike):
        raise ValueError(
            f"{tree!r:.80} is no tree of arrays: read the file first, e.g. by safetensors.numpy.load_file"
        )
    paths, structure = jax.tree_util.tree_flatten_with_path(tree)
    leaves = {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in paths}
    if len(leaves) != len(paths):
        raise ValueError("two leaves have the same name, their paths with dots between the parts")
    return {name: as_array(name, leaf) for name, leaf in leaves.items()}, structure


def is_array(leaf: Any) -> bool:
    """Whether a leaf is an array of a dtype that a file can hold."""
    if not (hasattr(leaf, "dtype") and hasattr(leaf, "shape") and hasattr(leaf, "__array__")):
        return False
    return leaf.dtype in NAMES
