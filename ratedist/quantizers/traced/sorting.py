"""Batcher's sorting network: many short vectors are sorted at once, by the same comparisons."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np


def sorted_columns(values: jax.Array) -> jax.Array:
    """Each column of ``values`` in ascending order, shape ``(d, T)``; NaN makes its whole column NaN.

    XLA sorts one vector after another on CPU. A network compares rows, so a value of every vector at once.

    Source: Batcher 1968; Knuth, The Art of Computer Programming 3, Algorithm 5.2.2M.
    """
    partners, keeps_lower = (jnp.asarray(part) for part in merge_exchange(values.shape[0]))

    def one_step(rows: jax.Array, step: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        partner, lower = step
        others = rows[partner]
        return jnp.where(lower[:, None], jnp.minimum(rows, others), jnp.maximum(rows, others)), None

    return jax.lax.scan(one_step, values, (partners, keeps_lower))[0]


@functools.cache
def merge_exchange(size: int) -> tuple[np.ndarray, np.ndarray]:
    """The network for ``size`` rows, a row of each array a step of comparisons that can be made together.

    Returns:
        the row that each row is compared with, its own where it rests, and whether it keeps the lower of the
        two; both of shape ``(steps, size)``.
    """
    partners, keeps_lower = [], []
    for exponent in range((size - 1).bit_length()):
        p = 2**exponent
        for step in range(exponent, -1, -1):
            reach = 2**step
            partner, lower = np.arange(size), np.ones(size, bool)
            for start in range(reach % p, size - reach, 2 * reach):
                for one in range(start, min(start + reach, size - reach)):
                    if one // (2 * p) == (one + reach) // (2 * p):
                        partner[one], partner[one + reach], lower[one + reach] = one + reach, one, False
            partners.append(partner)
            keeps_lower.append(lower)
    shape = len(partners), size
    return np.reshape(partners, shape).astype(np.int32), np.reshape(keeps_lower, shape).astype(bool)
