"""Parameters as safetensors files, named by their paths in the tree: ``dense1.weight``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from ratedist.container import Entry, TensorFile, encode_header, write_tensor_file
from ratedist.container.dtypes import dtype_name, to_bytes


def write_parameters(
    path: str | os.PathLike[str], parameters: Any, metadata: Mapping[str, str] | None = None
) -> int:
    """Write the arrays of any pytree to a safetensors file, and return its size in bytes.

    Args:
        path: the file; written beside and renamed.
        parameters: pytree of arrays.
        metadata: strings by name, kept in the header.

    Raises:
        ValueError: leaves that are no arrays, two leaves of one name, a place that cannot be written to.
    """
    arrays = named_arrays(parameters)
    entries = {name: Entry(dtype_name(array.dtype), array.shape) for name, array in arrays.items()}
    header = encode_header(entries, metadata)
    return write_tensor_file(path, entries, header, lambda name: [to_bytes(arrays[name])])


def read_parameters(path: str | os.PathLike[str], like: Any) -> Any:
    """The arrays of a safetensors file in a pytree of the structure and shapes of ``like``.

    Raises:
        ValueError: a file that cannot be read, tensors of other names or shapes than ``like`` has.
    """
    expected = named_arrays(like)
    with TensorFile(path) as file:
        if file.entries.keys() != expected.keys():
            odd = sorted(file.entries.keys() ^ expected.keys())
            raise ValueError(f"{path} and the parameters differ in their arrays: {', '.join(odd[:5])}")
        for name, entry in file.entries.items():
            if entry.shape != expected[name].shape:
                raise ValueError(
                    f"{name!r} of {path} must have shape {expected[name].shape}, got {entry.shape}"
                )
        leaves = [file.read(name) for name in expected]
    return jax.tree_util.tree_unflatten(jax.tree_util.tree_structure(like), leaves)


def named_arrays(tree: Any) -> dict[str, np.ndarray]:
    """The leaves of a pytree as NumPy arrays, by the parts of their path with dots between.

    Raises:
        ValueError: leaves that are no arrays, two leaves of one name.
    """
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    arrays = {}
    for path, leaf in leaves:
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        if not hasattr(leaf, "shape") or not hasattr(leaf, "dtype"):
            raise ValueError(f"parameters must be arrays, but {name!r} is a {type(leaf).__name__}")
        arrays[name] = np.asarray(leaf)
    if len(arrays) != len(leaves):
        raise ValueError("two leaves have the same name, their paths with dots between the parts")
    return arrays
