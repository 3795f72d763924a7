"""Options that need not be given: help names what they take, and not the absence of it."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any

from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

# What help shows as the default of an option that has none, and what may be typed for it.
NOT_GIVEN = "none"

REGISTRY = ConstructorRegistry()


@REGISTRY.primitive_rule
def _option_or_none(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec | None:
    """``T | None`` is parsed, and shown in help, as ``T``."""
    options = typing.get_args(info.type)
    if info.type_origin not in (typing.Union, types.UnionType) or type(None) not in options:
        return None
    given: Any = typing.Union[tuple(one for one in options if one is not type(None))]  # noqa: UP007 - of a tuple
    spec = ConstructorRegistry.get_primitive_spec(PrimitiveTypeInfo.make(given, info.markers))
    if not isinstance(spec, PrimitiveConstructorSpec):
        return None

    def from_words(words: list[str]) -> Any:
        return None if [word.lower() for word in words] == [NOT_GIVEN] else spec.instance_from_str(words)

    def to_words(instance: Any) -> list[str]:
        return [NOT_GIVEN] if instance is None else spec.str_from_instance(instance)

    def suits(instance: Any) -> bool:
        return instance is None or bool(spec.is_instance(instance))

    # A pair is two words, and its absence one.
    several = isinstance(spec.nargs, int) and spec.nargs > 1
    return dataclasses.replace(
        spec,
        nargs=(1, spec.nargs) if several else spec.nargs,
        instance_from_str=from_words,
        str_from_instance=to_words,
        is_instance=suits,
    )
