"""A compressor's settings as traced values: refused where JAX's precision does not hold them."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def traced_number(name: str, value: float) -> jax.Array:
    """``value`` as a scalar of JAX's default precision.

    Raises:
        ValueError: a number that would become 0, one with fewer digits than the others, or infinite.
    """
    dtype = jnp.result_type(float)
    held = jnp.finfo(dtype)
    if value != 0 and not float(held.tiny) <= abs(value) <= float(held.max):
        raise ValueError(
            f"{name} must lie within [{float(held.tiny):.2g}, {float(held.max):.2g}], which is what {dtype} "
            f"holds, got {value:g}: rescale the problem or enable x64"
        )
    return jnp.asarray(value, dtype)
