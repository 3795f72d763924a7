"""Trees in .rdz files: what is saved of leaves that are no arrays, and a tree read back."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from ratedist.container import Entry, RdzFile
from ratedist.container.dtypes import NAMES, dtype_name
from ratedist.tensors.foreign_arrays import is_array_like
from ratedist.tensors.leaves import is_array, named_leaves

# Where a file keeps the leaves that are no arrays.
LEAVES_KEY = "ratedist.leaves"
VALUES = (bool, int, float, complex, str, bytes)


def load_tree(path: str | os.PathLike[str], like: Any) -> Any:
    """A tree like ``like`` with the arrays of a .rdz file, reconstructed.

    Args:
        path: the .rdz file that ``QuantizedTree.save`` wrote.
        like: tree of the structure, shapes and dtypes that were saved; what is no array in it is kept.

    Returns:
        The tree, its arrays as NumPy arrays.

    Raises:
        ValueError: as ``RdzFile``; arrays of other names, shapes or dtypes; numbers and strings that are
            not those of the tree that was saved.

    Example:
        >>> import pathlib, tempfile
        >>> import numpy as np, ratedist as rd
        >>> parameters = {"kernel": np.random.default_rng(0).normal(size=(64, 32)).astype(np.float32)}
        >>> tree = rd.quantize_tree(parameters, 4)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "model.rdz"
        ...     size = tree.save(path)
        ...     loaded = rd.load_tree(path, parameters)
        >>> parameters["kernel"].nbytes // size  # times smaller
        9
        >>> bool(np.all(loaded["kernel"] == tree.reconstruction()["kernel"]))
        True
    """
    leaves, structure = named_leaves(like)
    arrays = {name for name, leaf in leaves.items() if is_array(leaf)}
    with RdzFile(path) as file:
        if arrays != file.entries.keys():
            odd = sorted(arrays ^ file.entries.keys())
            raise ValueError(f"{path} and the tree differ in their arrays: {', '.join(map(repr, odd[:5]))}")
        _check_metadata(path, file.metadata, {n: leaf for n, leaf in leaves.items() if n not in arrays})
        # Before anything is decoded: what a file claims to hold may be much larger than the file.
        for name in arrays:
            entry, leaf = file.entries[name], leaves[name]
            if (entry.shape, entry.dtype) != (tuple(leaf.shape), dtype_name(leaf.dtype)):
                raise ValueError(
                    f"{name!r} must have shape {leaf.shape} and dtype {leaf.dtype} as in the tree, "
                    f"{path} has {entry.shape} and {entry.dtype}"
                )
        for name, tensor in file.read_many(name for name in leaves if name in arrays):
            leaves[name] = tensor if isinstance(tensor, np.ndarray) else tensor.reconstruction()
    return jax.tree_util.tree_unflatten(structure, list(leaves.values()))


def raw_entries(others: Mapping[str, Any]) -> dict[str, Entry]:
    """Dtype and shape of the arrays among leaves that a file keeps as they are."""
    return {
        name: Entry(dtype_name(leaf.dtype), leaf.shape) for name, leaf in others.items() if is_array(leaf)
    }


def check_storable(others: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` for an array of another dtype than the format knows."""
    for name, leaf in others.items():
        if is_array_like(leaf) and not is_array(leaf):
            raise ValueError(
                f"{name!r} is an array of {leaf.dtype}, which a .rdz file cannot hold: its dtypes are "
                f"{', '.join(map(str, NAMES))}"
            )


def leaves_as_metadata(others: Mapping[str, Any]) -> dict[str, str]:
    """Metadata of a file: names of the leaves that are no arrays, and what they are if they are values."""
    described = {
        name: repr(leaf) if isinstance(leaf, VALUES) else None
        for name, leaf in others.items()
        if not is_array_like(leaf)
    }
    return {LEAVES_KEY: json.dumps(described, separators=(",", ":"))} if described else {}


def _check_metadata(path: Any, metadata: Mapping[str, str], others: Mapping[str, Any]) -> None:
    """Whether values in a tree are those that were saved; a file need not tell any."""
    try:
        saved = json.loads(metadata.get(LEAVES_KEY, "{}"))
        expected = {name: value for name, value in saved.items() if value is not None}
    except (ValueError, AttributeError, RecursionError):
        raise ValueError(f"{path} has something else than leaves in its metadata {LEAVES_KEY!r}") from None
    for name, value in expected.items():
        found = repr(others[name]) if name in others else "nothing"
        if found != value:
            raise ValueError(f"{name!r} is {found} in the tree, and was {value} in the one that {path} holds")
