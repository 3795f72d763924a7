"""Several compressors on the same weights: traced a group at a time, and their outputs checked."""

from __future__ import annotations

import zlib
from collections.abc import Hashable, Mapping, Set
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ratedist.compressors.base import (
    Compressed,
    Context,
    FamilyCompressor,
    PreparedCompressor,
    RandomFamilyCompressor,
)


def compress_all(
    compressors: Mapping[str, PreparedCompressor],
    key: jax.Array,
    weights: jax.Array,
    context: Context,
    needs: Mapping[str, Set[str]],
) -> dict[tuple[str, ...], Compressed]:
    """Compress the same weights by every compressor, group by group.

    The key of each is derived from its name, so that what one compressor draws does not depend on which
    others run beside it; and each sees the entries of ``context`` that are its own ``needs``, whatever the
    others see. Those of a family (optimal K-means at several K, oracles) share
    their work; those that differ in traced values only (ridge at several λ) are traced once. Results
    stay stacked: taking them apart only to stack all of them again would double what XLA compiles.

    Returns:
        By the names of a group's members, their results along a first axis.

    Raises:
        ValueError: a compressor that is no pytree, or returns what is not a :class:`Compressed` of the right
            shapes and types; while tracing, before anything is computed.
    """
    groups: dict[Hashable, dict[str, Any]] = {}
    for name, compressor in compressors.items():
        if isinstance(compressor, FamilyCompressor):
            shared = type(compressor)
        elif isinstance(compressor, RandomFamilyCompressor):
            shared = type(compressor), frozenset(needs[name])
        else:
            shared = signature(name, compressor), frozenset(needs[name])
        groups.setdefault(shared, {})[name] = compressor
    compressed: dict[tuple[str, ...], Compressed] = {}
    for members in groups.values():
        first_name, first = next(iter(members.items()))
        if isinstance(first, FamilyCompressor):
            compressed |= checked_family(members, first.compress_family(members, weights), weights)
            continue
        # One call for all of a group: each call is a generator of its own to compile.
        sums = np.array([zlib.crc32(name.encode()) for name in members], np.uint32)
        keys = jax.vmap(jax.random.fold_in, (None, 0))(key, sums)
        own_context = context.only(needs[first_name])
        if isinstance(first, RandomFamilyCompressor):
            output = first.compress_random_family(members, keys, weights, own_context)
            compressed |= checked_family(members, output, weights)
            continue
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members.values())

        def one_member(
            one: Any, own_key: jax.Array, name: str = first_name, own_context: Context = own_context
        ) -> Compressed:
            return checked_output(name, one.compress(own_key, weights, own_context), weights)

        compressed[tuple(members)] = jax.vmap(one_member)(stacked, keys)
    return compressed


def signature(name: str, prepared: Any) -> Hashable:
    """What compressors must share to be traced as one: the structure, and the shapes of the leaves.

    Raises:
        ValueError: ``prepared`` is not a JAX pytree of arrays.
    """
    leaves, structure = jax.tree.flatten(prepared)
    for leaf in leaves:
        if not hasattr(leaf, "shape") or not hasattr(leaf, "dtype"):
            raise ValueError(
                f"prepare of compressor {name!r} must return a JAX pytree whose leaves are arrays, got a "
                f"{type(leaf).__name__}: register its class by jax.tree_util.register_static (settings only) "
                "or jax.tree_util.register_dataclass (arrays too)"
            )
    return structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves)


def checked_output(name: str, output: Any, weights: jax.Array) -> Compressed:
    """``output`` of ``compress`` if its shapes and types are right; values are not looked at.

    Raises:
        ValueError: not a :class:`Compressed`; a reconstruction of another shape or type than the weights;
            rates that are not one real number each by name.
    """
    where = f"compress of {name!r} must return rd.Compressed(reconstruction, rates)"
    if not isinstance(output, Compressed):
        raise ValueError(f"{where}, got {_described(output)}")
    reconstruction, rates = output
    if not hasattr(reconstruction, "shape") or reconstruction.shape != weights.shape:
        raise ValueError(
            f"{where} with a reconstruction of the shape {weights.shape} of the weights, "
            f"got {_described(reconstruction)}"
        )
    if reconstruction.dtype != weights.dtype:
        raise ValueError(
            f"{where} with a reconstruction of the weights' type {weights.dtype}, got "
            f"{reconstruction.dtype}: cast it by .astype(weights.dtype)"
        )
    if not isinstance(rates, Mapping) or not all(isinstance(rate, str) for rate in rates):
        raise ValueError(f"{where} with rates by name, such as {{}}, got {_described(rates)}")
    for rate, value in rates.items():
        real = isinstance(value, int | float) or (
            hasattr(value, "dtype")
            and (jnp.issubdtype(value.dtype, jnp.floating) or jnp.issubdtype(value.dtype, jnp.integer))
        )
        if not real or getattr(value, "shape", ()) != ():
            raise ValueError(
                f"{where} with rates that are one real number each, got {_described(value)} for {rate!r}"
            )
    return Compressed(reconstruction, dict(rates))


def checked_family(
    members: Mapping[str, FamilyCompressor | RandomFamilyCompressor], output: Any, weights: jax.Array
) -> dict[tuple[str, ...], Compressed]:
    """``output`` of ``compress_family`` if every member is in it once, with the right shapes and types.

    Raises:
        ValueError: anything else.
    """
    where = f"compress_family of {', '.join(map(repr, members))}"
    if not isinstance(output, Mapping) or not all(isinstance(names, tuple) for names in output):
        raise ValueError(f"{where} must return groups by tuples of names, got {_described(output)}")
    found = [name for names in output for name in names]
    if sorted(found, key=str) != sorted(members):
        raise ValueError(f"{where} must return each of them once, got {found!r}")
    for names, group in output.items():
        for leaf in jax.tree.leaves(group):
            if jnp.shape(leaf)[:1] != (len(names),):
                raise ValueError(
                    f"{where} must return {len(names)} along the first axis for {names}, "
                    f"got the shape {jnp.shape(leaf)}"
                )
        one = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), group)
        checked_output(names[0], one, weights)
    return dict(output)


def _described(value: Any) -> str:
    """A value in words: traced arrays say their shape and type, anything else its type."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"an array of shape {tuple(value.shape)} and type {value.dtype}"
    return f"a {type(value).__name__}"
