"""What a compressor is, and how several of them compress the same weights in one trial."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Hashable, Mapping
from typing import Any, ClassVar, NamedTuple, Protocol

import jax
import jax.numpy as jnp

from ratedist.problem import GaussianLinearModel
from ratedist.sampling import ModelArrays

RISK_NAMES = ("population_risk", "empirical_risk", "distortion", "generalization_error")
HESSIAN_NAMES = frozenset({"hessian_diagonal", "hessian"})


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Context:
    """What a compressor may see besides the weights; each entry is None unless it was declared in ``needs``.

    ``model`` is the true model (only an oracle may ask for it); ``hessian_diagonal`` ``(d,)`` and
    ``hessian`` ``(d, d)`` are diag(A/n) and A/n.
    """

    model: ModelArrays | None = None
    hessian_diagonal: jax.Array | None = None
    hessian: jax.Array | None = None


class Compressed(NamedTuple):
    """What one compressor made of the weights, or several of one kind along a first axis.

    ``reconstruction`` has shape ``(d,)`` and ``rates`` holds scalars in nats by name; for a group of G
    compressors the shapes are ``(G, d)`` and ``(G,)``.
    """

    reconstruction: jax.Array
    rates: dict[str, jax.Array]


class BoundCompressor(Protocol):
    """A compressor made ready for one model: a JAX pytree whose traced values are its parameters."""

    def compress(self, key: jax.Array, weights: jax.Array, context: Context) -> Compressed:
        """Reconstruction of shape ``(d,)``, and the rates in nats that vary from trial to trial."""
        ...


class Compressor(Protocol):
    """A map from ERM weights to a reconstruction, as a small frozen record.

    Attributes:
        markov: whether S → W → Ŵ holds: the compressor sees the data through the weights alone. Bounds
            through I(W; Ŵ) apply to these only.
        needs: which entries of :class:`Context` it reads.
    """

    markov: ClassVar[bool]
    needs: ClassVar[frozenset[str]]

    def bind(self, model: GaussianLinearModel) -> BoundCompressor:
        """Check the compressor against the model, and compute what it needs beforehand."""
        ...

    def heavy_tailed(self, model: GaussianLinearModel) -> frozenset[str]:
        """The risks whose expectation is infinite for n <= d + 1, because they grow with ‖W‖²."""
        ...

    def fixed_rates(self, model: GaussianLinearModel) -> dict[str, float]:
        """Rates in nats, by name, that are the same in every trial."""
        ...


def compress_all(
    compressors: Mapping[str, BoundCompressor], key: jax.Array, weights: jax.Array, context: Context
) -> dict[tuple[str, ...], Compressed]:
    """Compress the same weights by every compressor, group by group.

    The key of each is derived from its name, so that what one compressor draws does not depend on which
    others run beside it. Compressors with a ``compress_family`` (optimal K-means at several K) share
    their work; those that differ in traced values only (oracles at several α) are traced once. Results
    stay stacked: taking them apart only to stack all of them again would double what XLA compiles.

    Returns:
        By the names of a group's members, their results along a first axis.
    """
    groups: dict[Hashable, dict[str, Any]] = {}
    for name, compressor in compressors.items():
        shared = type(compressor) if hasattr(compressor, "compress_family") else _signature(compressor)
        groups.setdefault(shared, {})[name] = compressor
    compressed: dict[tuple[str, ...], Compressed] = {}
    for members in groups.values():
        first = next(iter(members.values()))
        if hasattr(first, "compress_family"):
            compressed |= first.compress_family(members, weights)
            continue
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members.values())
        keys = jnp.stack([jax.random.fold_in(key, zlib.crc32(name.encode())) for name in members])
        together = jax.vmap(lambda one, own_key: one.compress(own_key, weights, context))
        compressed[tuple(members)] = together(stacked, keys)
    return compressed


def _signature(compressor: Any) -> Hashable:
    leaves, structure = jax.tree.flatten(compressor)
    return structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves)
