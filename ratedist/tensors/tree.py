"""Quantising the parameters of a model in memory: any pytree of arrays."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from ratedist.container import Entry, QuantizedTensor, RdzFile, RdzWriter
from ratedist.container.dtypes import NAMES, dtype_name
from ratedist.tensors.budget import clusters_within_budget
from ratedist.tensors.foreign_arrays import as_array, is_array_like
from ratedist.tensors.tensor import QuantizationConfig, named, quantize_tensor

# Where a file keeps the leaves that are no arrays.
LEAVES_KEY = "ratedist.leaves"
VALUES = (bool, int, float, complex, str, bytes)


@dataclasses.dataclass(frozen=True, eq=False)
class QuantizedTree:
    """A pytree some of whose leaves are quantised.

    Attributes:
        quantized: name → ``QuantizedTensor``, for the leaves that are. A name is the path of the leaf with
            dots between its parts: ``params.Dense_0.kernel``, ``layers.0.weight``.
        others: name → leaf, for all others, as they were (tensors of PyTorch as NumPy arrays).
        names: of all leaves, in the order of the tree.
        structure: of the tree.
    """

    quantized: dict[str, QuantizedTensor]
    others: dict[str, Any]
    names: tuple[str, ...]
    structure: Any

    @property
    def entropy_ratio(self) -> float:
        """Labels at their entropy and codebooks, over the original size of the quantised leaves."""
        sizes = [tensor.sizes for tensor in self.quantized.values()]
        return sum(s.entropy + s.codebook for s in sizes) / sum(s.original for s in sizes)

    @property
    def huffman_ratio(self) -> float:
        """Labels in Huffman code and codebooks, over the same: Entropy 2021 eq. (39)."""
        sizes = [tensor.sizes for tensor in self.quantized.values()]
        return sum(s.huffman + s.codebook for s in sizes) / sum(s.original for s in sizes)

    def bytes_on_disk_ratio(self, path: str | os.PathLike[str]) -> float:
        """Bytes of the file at ``path``, where ``save`` put it, over those of all arrays of the tree."""
        arrays = [np.asarray(leaf) for leaf in self.others.values() if is_array(leaf)]
        before = sum(t.num_weights * t.dtype.itemsize for t in self.quantized.values())
        return os.path.getsize(path) / (before + sum(array.nbytes for array in arrays))

    def reconstruction(self) -> Any:
        """The tree with ŵ in place of the leaves that are quantised, as NumPy arrays."""
        leaves = [
            self.quantized[name].reconstruction() if name in self.quantized else self.others[name]
            for name in self.names
        ]
        return jax.tree_util.tree_unflatten(self.structure, leaves)

    def save(self, path: str | os.PathLike[str], coder: str = "huffman") -> int:
        """Write all arrays to a .rdz file, and return its size in bytes.

        Of leaves that are no arrays the file keeps the names, and of Python's numbers and strings what they
        are. ``load_tree`` takes them from the tree that it is given, and compares.

        Raises:
            ValueError: a place that cannot be written to, arrays of other dtypes than the format knows.
        """
        for name, leaf in self.others.items():
            if is_array_like(leaf) and not is_array(leaf):
                raise ValueError(
                    f"{name!r} is an array of {leaf.dtype}, which a .rdz file cannot hold: its dtypes are "
                    f"{', '.join(map(str, NAMES))}"
                )
        with RdzWriter(path, coder, _described(self.others)) as writer:
            for name in self.names:
                if name in self.quantized:
                    writer.add(name, self.quantized[name])
                elif is_array(self.others[name]):
                    named(name, writer.add_raw, name, np.asarray(self.others[name]))
        return writer.num_bytes


def quantize_tree(
    parameters: Any,
    num_clusters: int | None = None,
    *,
    bits_per_weight: float | None = None,
    min_clusters: int | None = None,
    importance: Any = None,
    diameter_penalty: float = 0.0,
    relative_penalty: bool = False,
    block_length: int = 1,
    codebook_dtype: str | None = None,
    select: Callable[[str, Any], bool] | None = None,
    include: tuple[str, ...] = ("*",),
    exclude: tuple[str, ...] = (),
    min_size: int = 1024,
    seed: int | None = None,
    method: str | None = None,
) -> QuantizedTree:
    """Quantise the leaves of a pytree by ``ratedist.kmeans``, each with a codebook of its own.

    Args:
        parameters: dict, list, dataclass, Equinox module, Flax or Haiku parameters, the ``state_dict()`` of
            a PyTorch module, anything that JAX takes apart.
        num_clusters: K, 16 if neither it nor a budget is given.
        bits_per_weight: in place of K, a budget: the file that ``save`` writes (in Huffman code) takes at
            most so many bits for each weight of a quantised leaf, codebooks, counts and header included,
            beside the data of the other leaves. Each leaf gets its own K, at most 256.
        min_clusters: fewest clusters that a budget may give a leaf, 2 if not given. One makes a constant.
        importance: tree of the same structure with h for every leaf that is quantised.
        diameter_penalty: β.
        relative_penalty: whether β is in units of the total importance of each leaf, Σh.
        block_length: m.
        codebook_dtype: "float32", "float16" or "bfloat16"; as the leaf if ``None``, float32 for float64.
        select: ``select(name, leaf)`` says whether a leaf may be quantised, besides what follows.
        include: names, or patterns with ``*`` and ``?``; a leaf is quantised if its name is like one of them
        exclude: and like none of these.
        min_size: leaves with fewer weights, or fewer blocks than K, stay as they are.
        seed: of the random start where m > 1, 0 if not given.
        method: how ``ratedist.kmeans`` looks for the centres: "lloyd" (if not given), "optimal" or
            "algorithm1".

    Returns:
        ``QuantizedTree``.

    Raises:
        ValueError: nothing to quantise, two leaves of one name, importances of another structure, tensors of
            another library that cannot be converted, arrays with masked entries, an option that nothing
            depends on, a budget that cannot be met (with the least that can), and whatever
            ``quantize_tensor`` complains of, with the name of the leaf.

    Warns:
        UserWarning: leaves whose error stays above half their energy within a budget.
    """
    config = QuantizationConfig(
        num_clusters,
        bits_per_weight,
        diameter_penalty,
        block_length,
        codebook_dtype,
        include=include,
        exclude=exclude,
        min_size=min_size,
        seed=seed,
        relative_penalty=relative_penalty,
        method=method,
        min_clusters=min_clusters,
    )
    config.check()
    leaves, structure = named_leaves(parameters)
    config.check_patterns(leaves)
    chosen = [
        name
        for name, leaf in leaves.items()
        if is_array(leaf)
        and config.selects(name, np.dtype(leaf.dtype), leaf.size)
        and (select is None or select(name, leaf))
    ]
    if not chosen:
        raise ValueError("parameters have no leaf to quantise: see select, include, exclude and min_size")
    h: dict[str, Any] = {}
    if importance is not None:
        h, other = named_leaves(importance)
        if h.keys() != leaves.keys():  # a dict where the model is an OrderedDict will do
            raise ValueError(f"importance must have the structure of parameters, {structure}, got {other}")

    def load(name: str) -> tuple[np.ndarray, np.ndarray | None]:
        return np.asarray(leaves[name]), np.asarray(h[name]) if h else None

    others = {name: leaf for name, leaf in leaves.items() if name not in chosen}
    clusters = dict.fromkeys(chosen, config.clusters)
    if bits_per_weight is not None:
        raw = {
            name: Entry(dtype_name(leaf.dtype), leaf.shape) for name, leaf in others.items() if is_array(leaf)
        }
        clusters = clusters_within_budget(chosen, load, config, raw, _described(others)).clusters
    quantized = {}
    for name, K in clusters.items():
        leaf, weight = load(name)
        quantized[name] = named(name, quantize_tensor, leaf, config, K, weight)
    return QuantizedTree(quantized, others, tuple(leaves), structure)


def load_tree(path: str | os.PathLike[str], like: Any) -> Any:
    """A tree like ``like`` with the arrays of a .rdz file, reconstructed.

    Args:
        path: what ``QuantizedTree.save`` wrote.
        like: tree of the structure, shapes and dtypes that were saved; what is no array in it is kept.

    Returns:
        The tree, its arrays as NumPy arrays.

    Raises:
        ValueError: as ``RdzFile``; arrays of other names, shapes or dtypes; numbers and strings that are
            not those of the tree that was saved.
    """
    leaves, structure = named_leaves(like)
    arrays = {name for name, leaf in leaves.items() if is_array(leaf)}
    with RdzFile(path) as file:
        if arrays != file.entries.keys():
            odd = sorted(arrays ^ file.entries.keys())
            raise ValueError(f"{path} and the tree differ in their arrays: {', '.join(map(repr, odd[:5]))}")
        _check_described(path, file.metadata, {n: leaf for n, leaf in leaves.items() if n not in arrays})
        # Before anything is decoded: what a file claims to hold may be much larger than the file.
        for name in arrays:
            entry, leaf = file.entries[name], leaves[name]
            if (entry.shape, entry.dtype) != (tuple(leaf.shape), dtype_name(leaf.dtype)):
                raise ValueError(
                    f"{name!r} must have shape {leaf.shape} and dtype {leaf.dtype} as in the tree, "
                    f"{path} has {entry.shape} and {entry.dtype}"
                )
        tensors = file.read_many(name for name in leaves if name in arrays)
        loaded = []
        for name, leaf in leaves.items():
            if name not in arrays:
                loaded.append(leaf)
                continue
            _, tensor = next(tensors)
            loaded.append(tensor.reconstruction() if isinstance(tensor, QuantizedTensor) else tensor)
    return jax.tree_util.tree_unflatten(structure, loaded)


def is_array(leaf: Any) -> bool:
    """Whether a leaf is an array of a dtype that a file can hold."""
    return hasattr(leaf, "dtype") and hasattr(leaf, "shape") and hasattr(leaf, "__array__") and _known(leaf)


def _known(leaf: Any) -> bool:
    return leaf.dtype in NAMES


def named_leaves(tree: Any) -> tuple[dict[str, Any], Any]:
    """Leaves by the path of each with dots between its parts, and the structure of the tree.

    Tensors of other libraries become NumPy arrays.

    Raises:
        ValueError: two leaves of one name, tensors that cannot be converted.
    """
    paths, structure = jax.tree_util.tree_flatten_with_path(tree)
    leaves = {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in paths}
    if len(leaves) != len(paths):
        raise ValueError("two leaves have the same name, their paths with dots between the parts")
    return {name: as_array(name, leaf) for name, leaf in leaves.items()}, structure


def _described(others: dict[str, Any]) -> dict[str, str]:
    """Metadata of a file: names of the leaves that are no arrays, and what they are if they are values."""
    described = {
        name: repr(leaf) if isinstance(leaf, VALUES) else None
        for name, leaf in others.items()
        if not is_array_like(leaf)
    }
    return {LEAVES_KEY: json.dumps(described, separators=(",", ":"))} if described else {}


def _check_described(path: Any, metadata: dict[str, str], others: dict[str, Any]) -> None:
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
