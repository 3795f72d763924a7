"""Records of arrays which JAX takes apart, and does not take for records of another class."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, TypeVar

import jax

Record = TypeVar("Record")


def register_record(cls: type[Record]) -> type[Record]:
    """Register a dataclass with JAX: its fields are traced, those with the metadata ``static`` are settings.

    ``jax.tree_util.register_dataclass`` does so too, but in JAX 0.10 and 0.12 structures of two classes with
    as many traced fields and equal settings are equal. Only their hashes differ, of which a cache looks at
    a few bits first: for some 2% of such pairs ``jax.jit`` runs for one class what it compiled for the other
    (``benchmarks/record_classes.py``). Structures of other nodes compare their classes.

    Args:
        cls: a dataclass.

    Returns:
        ``cls``.
    """
    fields = dataclasses.fields(cls)  # pyright: ignore[reportArgumentType]
    settings = [field.name for field in fields if field.metadata.get("static")]
    traced = [field.name for field in fields if field.name not in settings]

    def taken_apart(record: Record) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        values = tuple(getattr(record, name) for name in traced)
        return values, tuple(getattr(record, name) for name in settings)

    def with_keys(record: Record) -> tuple[tuple[tuple[Any, Any], ...], tuple[Any, ...]]:
        values, rest = taken_apart(record)
        keys = map(jax.tree_util.GetAttrKey, traced)
        return tuple(zip(keys, values, strict=True)), rest

    def together(rest: Iterable[Any], values: Iterable[Any]) -> Record:
        return cls(**dict(zip(traced, values, strict=True)), **dict(zip(settings, rest, strict=True)))

    jax.tree_util.register_pytree_with_keys(cls, with_keys, together, taken_apart)
    return cls


def structure_number(tree: Any) -> int:
    """A number of the structure of a tree, which differs where classes do, however they are registered."""
    return hash(jax.tree.structure(tree))
