"""Trees of parameters, or of what belongs to them, as safetensors files: ``dense1.weight``."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from ratedist.container import Entry, TensorFile, encode_header, write_tensor_file
from ratedist.container.dtypes import dtype_name, to_bytes
from ratedist.container.tensor_writer import CHECKSUM
from ratedist.tensors.foreign_arrays import is_array_like
from ratedist.tensors.leaves import is_array, named_leaves


def save_parameters(
    path: str | os.PathLike[str], parameters: Any, metadata: Mapping[str, str] | None = None
) -> int:
    """Write the arrays of any pytree to a safetensors file: parameters, or their importances.

    A tensor has the name that ``ratedist.tensors.tree`` gives it, its path with dots between the parts.
    Importances written so are found by ``ratedist quantize MODEL --importance FILE``. A SHA-256 over tensors
    and metadata goes into the header, which ``load_parameters`` compares.

    Args:
        path: the file; written beside and renamed. Its folder has to be there.
        parameters: pytree; leaves that are no arrays are left out.
        metadata: strings by name, kept in the header.

    Returns:
        The size of the file in bytes.

    Raises:
        ValueError: nothing to write, an array of a dtype that the format has not, two leaves of one name, a
            place that cannot be written to.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "model.safetensors"
        ...     size = rd.networks.save_parameters(path, {"dense1": {"weight": np.ones((2, 3))}})
        ...     with rd.container.TensorFile(path) as file:
        ...         print(list(file.entries), size == path.stat().st_size)
        ['dense1.weight'] True
    """
    leaves, _ = named_leaves(parameters)
    arrays = {name: np.asarray(leaf) for name, leaf in leaves.items() if is_array(leaf)}
    for name, leaf in leaves.items():
        if is_array_like(leaf) and not is_array(leaf):
            raise ValueError(f"{name!r} is an array of {leaf.dtype}, which a safetensors file cannot hold")
    if not arrays:
        raise ValueError("a tree to be written must have at least one array")
    entries = {name: Entry(dtype_name(array.dtype), array.shape) for name, array in arrays.items()}
    metadata = dict(metadata or {})
    metadata[CHECKSUM] = _checksum(arrays, metadata)
    header = encode_header(entries, metadata)
    return write_tensor_file(path, entries, header, lambda name: [to_bytes(arrays[name])])


def load_parameters(path: str | os.PathLike[str], like: Any) -> Any:
    """The tree that ``save_parameters`` wrote, its arrays as NumPy arrays.

    Args:
        path: the file that is read.
        like: tree of the structure and shapes that were saved; of what is no array in it the leaves are kept.

    Raises:
        ValueError: a file that cannot be read or is not as it was written, tensors that are missing or have
            other shapes. A file without a checksum, by another program, is taken as it is.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> import pathlib, tempfile
        >>> parameters = {"dense1": {"weight": np.ones((2, 3))}}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "model.safetensors"
        ...     size = rd.networks.save_parameters(path, parameters)
        ...     rd.networks.load_parameters(path, like=parameters)
        {'dense1': {'weight': array([[1., 1., 1.], [1., 1., 1.]])}}
    """
    leaves, structure = named_leaves(like)
    loaded = []
    with TensorFile(path) as file:
        metadata = dict(file.metadata)
        expected = metadata.pop(CHECKSUM, None)
        if expected is not None and expected != _checksum(
            {name: file.read(name) for name in file.entries}, metadata
        ):
            raise ValueError(f"{path} is damaged: its checksum does not match")
        for name, leaf in leaves.items():
            if is_array(leaf) and file.entry(name).shape != tuple(leaf.shape):
                raise ValueError(
                    f"{name!r} must have the shape {tuple(leaf.shape)}, {path} has {file.entry(name).shape}"
                )
            loaded.append(file.read(name) if is_array(leaf) else leaf)
    return jax.tree.unflatten(structure, loaded)


def _checksum(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(dict(metadata), sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {dtype_name(array.dtype)} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
