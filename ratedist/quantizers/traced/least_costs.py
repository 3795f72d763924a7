"""Least costs of runs of many vectors side by side: the forward pass of the dynamic programme."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from ratedist.quantizers.traced.whole_loops import compiled_whole

# Up to as many weights, that many of the 52 bits of a cost keep the start of the last run.
START_BITS = {64: 6, 256: 8, 1024: 10, 16384: 14}
# Starts and ends of runs at a time.
BLOCK = 5
# Of what is no clustering; its multiples are still finite.
IMPOSSIBLE = 1e300


@functools.partial(compiled_whole, static_argnums=[1])
def least_costs(gaps: jax.Array, max_clusters: int) -> jax.Array:
    """Least cost of the j lowest weights in k clusters, the start of the last one in its last bits.

    Let F(i, j) be the least cost of the weights up to j if the last run begins at i. By the Monge property
    ``F(i', j + 1) − F(i, j + 1) ≥ F(i', j) − F(i, j)`` for i' < i: of more weights the last run begins no
    earlier. So starts are tried from the earliest one on that any of the T vectors had at the end of the
    block before. Starts whose costs differ by less than ε may be mistaken, in each block of ends anew.

    Args:
        gaps: from each weight to the next lower one, shape ``(d, T)``.
        max_clusters: K.

    Returns:
        the bits of costs, int64 of shape ``(K + 1, d + 1 or a little more, T)``, in squares of the unit.
    """
    d, lanes = gaps.shape
    mask = start_mask(d)
    num_blocks = -(-d // BLOCK)
    block = -(-d // num_blocks)
    padded = num_blocks * block
    gaps = jnp.pad(gaps, ((0, padded - d), (0, 0)))
    index = jnp.arange(padded)
    impossible = _bits(jnp.asarray(IMPOSSIBLE, gaps.dtype))

    def one_block(state: tuple, number: jax.Array) -> tuple[tuple, None]:
        """The costs of all runs that end in a block, and what is least with one of them as the last."""
        reach, before, least, last_starts = state
        earliest = jnp.min(last_starts, axis=1)  # of each number of clusters; 0 where there was none so far
        first = number * block

        longer, cost = before, jnp.zeros((block, padded, lanes), gaps.dtype)
        for row in range(block):
            # As ``run_moments.run_costs``: R is the distance of the last weight from the mean of its run.
            length = first + row - index
            distance = reach + jax.lax.dynamic_slice_in_dim(gaps, first + row, 1)
            reach = distance * jnp.where(length > 0, length / (length + 1), 0)[:, None]
            own = jnp.where(length == 0, 0.0, IMPOSSIBLE)[:, None]
            longer = jnp.where((length > 0)[:, None], longer + distance * reach, own)
            cost = cost.at[row].set(longer)

        def one_layer(k: jax.Array, state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            least, last_starts = state

            def some_starts(start_block: jax.Array, lowest: jax.Array) -> jax.Array:
                for start in (start_block * block + offset for offset in range(block)):
                    shorter = jax.lax.dynamic_slice(least, (k - 1, start, 0), (1, 1, lanes))[0]
                    last = jax.lax.dynamic_slice(cost, (0, start, 0), (block, 1, lanes))[:, 0]
                    lowest = jnp.minimum(lowest, marked(_number(shorter) + last, start, mask))
                return lowest

            nothing = jnp.full((block, lanes), impossible)
            first_block = jnp.maximum(k - 1, earliest[k]) // block
            lowest = jax.lax.fori_loop(first_block, number + 1, some_starts, nothing)
            least = jax.lax.dynamic_update_slice(least, lowest[None], (k, first + 1, 0))
            return least, jax.lax.dynamic_update_slice(last_starts, lowest[-1:] & mask, (k, 0))

        least = jax.lax.dynamic_update_slice(least, marked(cost[:, 0], 0, mask)[None], (1, first + 1, 0))
        # Nobody asks for the last layer but at the last end, and j weights have at most j clusters.
        layers = jnp.where(number == num_blocks - 1, max_clusters, max_clusters - 1)
        layers = jnp.minimum(layers, first + block)
        least, last_starts = jax.lax.fori_loop(2, layers + 1, one_layer, (least, last_starts))
        return (reach, cost[-1], least, last_starts), None

    nothing = jnp.zeros((padded, lanes), gaps.dtype)
    least = jnp.full((max_clusters + 1, padded + 1, lanes), impossible)
    # Of all weights up to a block: read from ``least`` itself, XLA would copy that for every block.
    last_starts = jnp.zeros((max_clusters + 1, lanes), jnp.int64)
    first = nothing, nothing, least, last_starts
    return jax.lax.scan(one_block, first, jnp.arange(num_blocks))[0][2]


def _bits(costs: jax.Array) -> jax.Array:
    """Numbers of at least 0 as integers of the same order."""
    return jax.lax.bitcast_convert_type(costs, jnp.int64)


def _number(bits: jax.Array) -> jax.Array:
    return jax.lax.bitcast_convert_type(bits, jnp.float64)


def start_mask(num_weights: int) -> int:
    """The bits of a cost that a start is kept in."""
    return 2 ** next(bits for most, bits in START_BITS.items() if num_weights <= most) - 1


def marked(costs: jax.Array, start: int | jax.Array, mask: int) -> jax.Array:
    """The bits of costs with a start in the last of them."""
    return (_bits(costs) & ~mask) | start
