"""Loops of many short steps on CPU, compiled as one function in place of one for each operation."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, cast

import jax
import jaxlib.version
from jax.experimental.xla_metadata import set_xla_metadata

# Known to heed the marks. For others there are none: the same numbers, later.
HEEDED = (0, 10, 2) <= jaxlib.version.__version_info__ < (0, 11)


def compiled_whole(
    function: Callable[..., jax.Array], static_argnums: Sequence[int] = ()
) -> Callable[..., jax.Array]:
    """``function`` as one call that XLA neither inlines nor takes apart: the same bits, on CPU.

    Otherwise each operation of each step is called by itself.

    Args:
        function: returns one array. All of it runs on one thread.
        static_argnums: which arguments are settings, as ``jax.jit`` has them.
    """
    compiled = jax.jit(function, static_argnums=tuple(static_argnums))

    @functools.wraps(function)
    def whole(*arguments: Any) -> jax.Array:
        if not (HEEDED and stays_on_one_device()):
            return function(*arguments)
        # By the first XLA marks what it finds to be a small loop. It inlines calls without the second.
        marks = {"xla_cpu_small_call": "true", "inlineable": "false"}
        return cast("jax.Array", set_xla_metadata(compiled(*arguments), **marks))

    return whole


def stays_on_one_device() -> bool:
    """Whether what is traced now is the work of one device, which XLA will not spread over several.

    Where it does, it puts exchanges between devices into a loop, and those cannot be compiled whole.
    """
    mesh = jax.sharding.get_abstract_mesh()
    inside_shard_map = bool(mesh.axis_names) and mesh.manual_axes == mesh.axis_names
    return inside_shard_map or jax.device_count() == 1
