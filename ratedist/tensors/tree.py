"""Quantising the parameters of a model in memory: any pytree of arrays."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from ratedist.container import CompressedTensor, RdzWriter, rdz_size
from ratedist.tensors.budget import clusters_within_budget
from ratedist.tensors.bulk_warning import warn_of_lost_bulks, what_helps
from ratedist.tensors.compression import compress_tensor
from ratedist.tensors.config import QuantizationConfig, described
from ratedist.tensors.file_names import require_rdz_name
from ratedist.tensors.leaves import is_array, named_leaves
from ratedist.tensors.limit import with_limits
from ratedist.tensors.model_checks import listed
from ratedist.tensors.rank_budget import ranks_of
from ratedist.tensors.ratios import entropy_ratio, huffman_ratio
from ratedist.tensors.tensor import check_start, named
from ratedist.tensors.tree_file import check_storable, leaves_as_metadata, raw_entries
from ratedist.tensors.trellis_budget import prices_within_budget

Tensor = TypeVar("Tensor", bound=CompressedTensor)
# Most leaves that a message names.
SHOWN = 5


@dataclasses.dataclass(frozen=True, eq=False)
class QuantizedTree(Generic[Tensor]):
    """A pytree some of whose leaves are quantised, or compressed in another way.

    Attributes:
        quantized: name → ``QuantizedTensor``, or ``FactoredTensor``, ``PrunedTensor`` or ``TrellisTensor``
            if the options ask for them. A name is the path of the leaf with dots between its parts:
            ``params.Dense_0.kernel``, ``layers.0.weight``.
        others: name → leaf, for all others, as they were (tensors of PyTorch as NumPy arrays).
        names: of all leaves, in the order of the tree.
        structure: of the tree.
        coder: of the labels in a file, "huffman" or "ans".
    """

    quantized: dict[str, Tensor]
    others: dict[str, Any]
    names: tuple[str, ...]
    structure: Any
    coder: str = "huffman"

    @property
    def entropy_ratio(self) -> float:
        """Labels at their entropy and codebooks, over the original size of the quantised leaves."""
        return entropy_ratio([tensor.sizes for tensor in self.quantized.values()])

    @property
    def huffman_ratio(self) -> float:
        """Labels in Huffman code and codebooks, over the same: Entropy 2021 eq. (39)."""
        return huffman_ratio([tensor.sizes for tensor in self.quantized.values()])

    @property
    def file_ratio(self) -> float:
        """Bytes of the file that ``save`` writes over those of all arrays of the tree; labels are coded."""
        before = sum(tensor.num_weights * tensor.dtype.itemsize for tensor in self.quantized.values())
        return self.file_bytes() / (before + sum(one.num_bytes for one in raw_entries(self.others).values()))

    def file_bytes(self, coder: str | None = None) -> int:
        """Bytes of the file that ``save`` writes, exactly; labels are coded to know, nothing is written.

        Args:
            coder: "huffman" or "ans"; ``None`` for that of the tree.

        Raises:
            ValueError: arrays of other dtypes than the format knows.
        """
        check_storable(self.others)
        raw = raw_entries(self.others)
        coded = {name: one.stored(coder or self.coder).entry for name, one in self.quantized.items()}
        return rdz_size(raw | coded, leaves_as_metadata(self.others))

    def reconstruction(self) -> Any:
        """The tree with ŵ in place of the leaves that are quantised, as NumPy arrays."""
        return self.with_leaves({name: tensor.reconstruction() for name, tensor in self.quantized.items()})

    def with_leaves(self, new: Mapping[str, Any]) -> Any:
        """The tree with these leaves, by name, in place of those that are quantised."""
        leaves = [new[name] if name in self.quantized else self.others[name] for name in self.names]
        return jax.tree_util.tree_unflatten(self.structure, leaves)

    def save(self, path: str | os.PathLike[str], coder: str | None = None) -> int:
        """Write all arrays to a .rdz file, and return its size in bytes.

        Of leaves that are no arrays the file keeps the names, and of Python's numbers and strings what they
        are. ``load_tree`` takes them from the tree that it is given, and compares.

        Args:
            path: the file.
            coder: "huffman" or "ans"; ``None`` for that of the tree.

        Raises:
            ValueError: a place that cannot be written to, a name of another format, arrays of other dtypes
                than the format knows.
        """
        require_rdz_name(path)
        check_storable(self.others)
        raw = raw_entries(self.others)
        with RdzWriter(path, coder or self.coder, leaves_as_metadata(self.others)) as writer:
            for name in self.names:
                if name in self.quantized:
                    writer.add(name, self.quantized[name])
                elif name in raw:
                    named(name, writer.add_raw, name, np.asarray(self.others[name]))
        return writer.num_bytes


def quantize_tree(
    parameters: Any,
    config: QuantizationConfig | int | None = None,
    *,
    importance: Any = None,
    select: Callable[[str, Any], bool] | None = None,
) -> QuantizedTree[Any]:
    """Quantise the leaves of a pytree, by ``ratedist.kmeans`` or along a trellis, each with its own values.

    Args:
        parameters: dict, list, dataclass, Equinox module, Flax or Haiku parameters, the ``state_dict()`` of
            a PyTorch module, anything that JAX takes apart.
        config: the options, ``rd.QuantizationConfig(...)``; an integer is short for one with that number of
            clusters, ``None`` for one of 16.
        importance: tree of the same structure with h for every leaf that is quantised; ``None`` for equal
            importance.
        select: ``select(name, leaf)`` says, by True or False, whether a leaf may be quantised; it has to pass
            the options of ``config`` too.

    Returns:
        ``QuantizedTree``.

    Raises:
        ValueError: nothing to quantise, the name of a file in place of its arrays, two leaves of one name,
            importances of another structure, tensors of another library that cannot be converted, arrays with
            masked entries, an option that nothing depends on, a budget that cannot be met (with the least
            that can), and whatever ``quantize_tensor`` complains of, with the name of the leaf.

    Warns:
        UserWarning: leaves with NaN or infinite weights, which stay as they are; leaves whose error stays
            above half their energy within a budget; leaves where masks or outliers hide that most weights are
            lost, by ``bulk_signal_to_noise``.

    Example:
        >>> import numpy as np, ratedist as rd
        >>> kernel = np.random.default_rng(0).normal(size=(256, 64)).astype(np.float32)
        >>> parameters = {"dense": {"kernel": kernel, "bias": np.zeros(64, np.float32)}}
        >>> tree = rd.quantize_tree(parameters, 4)  # four values for the kernel, the bias as it was
        >>> len(np.unique(tree.reconstruction()["dense"]["kernel"]))
        4
        >>> options = rd.QuantizationConfig(bits_per_weight=3.5)
        >>> budget = rd.quantize_tree(parameters, options)  # as many values as 3.5 bits a weight allow
        >>> budget.quantized["dense.kernel"].num_clusters
        11
    """
    config = QuantizationConfig.of(config)
    leaves, structure = named_leaves(parameters)
    chosen = without_not_finite(leaves, leaves_to_quantize(leaves, config, select))
    h = None
    if importance is not None:
        h, other = named_leaves(importance)
        if h.keys() != leaves.keys():  # a dict where the model is an OrderedDict will do
            raise ValueError(f"importance must have the structure of parameters, {structure}, got {other}")
    tree = quantize_leaves(leaves, structure, chosen, config, h)
    return dataclasses.replace(tree, quantized=with_limits(tree.quantized, leaves, h))


def leaves_to_quantize(
    leaves: Mapping[str, Any],
    config: QuantizationConfig,
    select: Callable[[str, Any], bool] | None = None,
) -> list[str]:
    """Names of the leaves that are to be quantised.

    Raises:
        ValueError: there is none, with the reasons; a ``select`` that is no function or returns no bool; a
            pattern that is like no name; a start that one of them cannot have.
    """
    config.check_patterns(leaves.keys())
    if select is not None and not callable(select):
        raise ValueError(f"select must be a function, select(name, leaf), got {described(select)}")
    reasons = {name: _reason_to_leave(name, leaf, config, select) for name, leaf in leaves.items()}
    chosen = [name for name, reason in reasons.items() if reason is None]
    if not chosen:
        told = "; ".join(f"{name!r}: {reason}" for name, reason in list(reasons.items())[:SHOWN])
        more = f"; and {len(reasons) - SHOWN} more" if len(reasons) > SHOWN else ""
        raise ValueError(f"parameters have no leaf to quantise: {told or 'they have none at all'}{more}")
    for name in chosen:
        named(name, check_start, config, np.dtype(leaves[name].dtype), leaves[name].size)
    return chosen


def _reason_to_leave(
    name: str, leaf: Any, config: QuantizationConfig, select: Callable[[str, Any], bool] | None
) -> str | None:
    if not is_array(leaf):
        kind = f"an array of {leaf.dtype}" if isinstance(leaf, np.ndarray) else described(leaf)
        return f"no array that a file can hold, but {kind}"
    reason = config.reason_to_leave(name, np.dtype(leaf.dtype), leaf.size)
    if reason is not None or select is None:
        return reason
    wanted = select(name, leaf)
    answer = np.asarray(wanted)
    if answer.shape != () or answer.dtype != bool:  # those of JAX are arrays
        raise ValueError(f"select must return True or False, got {described(wanted)} for {name!r}")
    return None if answer else "not selected"


def without_not_finite(leaves: Mapping[str, Any], chosen: list[str]) -> list[str]:
    """What is chosen but leaves with NaN or infinite weights, with a warning that names them."""
    left = not_finite_leaves({name: leaves[name] for name in chosen})
    if len(left) == len(chosen):
        raise ValueError(f"parameters have no leaf to quantise: {listed(left)} not finite")
    if left:
        rest = ", …" if len(left) > SHOWN else "," * (len(left) == 1)
        warnings.warn(
            f"{listed(left)} not finite, and left as they are; "
            f"exclude=({', '.join(map(repr, left[:SHOWN]))}{rest}) leaves them without this warning",
            stacklevel=3,
        )
    return [name for name in chosen if name not in left]


def not_finite_leaves(leaves: Mapping[str, Any]) -> list[str]:
    """Names of the floating-point arrays that have NaN or infinite entries."""
    return [
        name
        for name, leaf in leaves.items()
        if is_array(leaf)
        and jnp.issubdtype(leaf.dtype, jnp.floating)
        and not np.isfinite(np.asarray(leaf)).all()
    ]


def quantize_leaves(
    leaves: Mapping[str, Any],
    structure: Any,
    chosen: list[str],
    config: QuantizationConfig,
    importance: Mapping[str, Any] | None = None,
) -> QuantizedTree[Any]:
    """``quantize_tree`` for leaves that have names already.

    Args:
        leaves: name → leaf, in the order of the tree.
        structure: of the tree.
        chosen: of ``leaves_to_quantize``.
        config: checked.
        importance: name → h, at least for what is chosen; ``None`` for equal importance.
    """

    def load(name: str) -> tuple[np.ndarray, np.ndarray | None]:
        return np.asarray(leaves[name]), None if importance is None else np.asarray(importance[name])

    taken = set(chosen)
    others = {name: leaf for name, leaf in leaves.items() if name not in taken}
    clusters, prices = dict.fromkeys(chosen, config.clusters), {}
    if config.bits_per_weight is not None:
        beside = raw_entries(others), leaves_as_metadata(others)
        if config.trellis is None:
            clusters = clusters_within_budget(chosen, load, config, *beside).clusters
        else:
            prices = prices_within_budget(chosen, load, config, *beside).log_multipliers
    ranks, _ = ranks_of({name: np.shape(leaves[name]) for name in chosen}, load, config)
    quantized = {}
    for name, K in clusters.items():
        leaf, h = load(name)
        quantized[name] = named(
            name,
            compress_tensor,
            leaf,
            config,
            num_clusters=K,
            importance=h,
            rank=ranks[name],
            log_multiplier=prices.get(name),
        )
    if config.num_clusters != 1:  # else constants were asked for
        warn_of_lost_bulks(quantized, what_helps(config), "exclude=({},)")
    return QuantizedTree(quantized, others, tuple(leaves), structure, config.coder)
