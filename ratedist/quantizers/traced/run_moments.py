"""Costs and means of runs of few sorted weights in JAX; no digit is lost to what lies outside a run."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ratedist.quantizers.traced.center_update import safe_inverse


class Entries(NamedTuple):
    """Sorted weights in units in which squares neither overflow nor vanish.

    Attributes:
        values: ascending, shape ``(d,)``, in their own unit.
        gaps: from the entry before, 0 at first, in units of ``length_unit``.
        mass: importance in units of ``mass_unit``.
        mass_unit: a power of two, which changes no digit.
        length_unit: likewise.
    """

    values: jax.Array
    gaps: jax.Array
    mass: jax.Array
    mass_unit: jax.Array
    length_unit: jax.Array


def scaled_entries(values: jax.Array, h: jax.Array | None) -> Entries:
    """``values`` ascending of shape ``(d,)``, importance ``h`` likewise, or ``None`` for ones."""
    mass_unit = jnp.ones((), values.dtype) if h is None else power_of_two_below(jnp.max(h))
    length_unit = power_of_two_below(values[-1] - values[0])
    mass = jnp.ones_like(values) if h is None else h / mass_unit
    return Entries(values, jnp.diff(values, prepend=values[:1]) / length_unit, mass, mass_unit, length_unit)


def run_costs(entries: Entries) -> jax.Array:
    """Σh(w − mean)² of all runs to some d units in the last place, of shape ``(d, d)``.

    Differences of prefix sums lose the digits of what is small beside the sum before it. Here all sums have
    positive terms. With N_t = Σh of a run up to the entry t, R_t the distance of w_t from its mean and
    δ = R_{t−1} + (w_t − w_{t−1}), ``R_t = δ N_{t−1}/N_t``, and the cost grows by ``h_t δ R_t``.

    Returns:
        at row t, column i the cost of the run [i, t + 1) in units of ``mass_unit·length_unit²``, infinite
        where i > t.

    Source: Welford 1962; ``ratedist.quantizers.scalar.dense_table`` has the same in NumPy.
    """
    index = jnp.arange(entries.values.size)

    def one_entry(before: tuple, entry: tuple) -> tuple[tuple, jax.Array]:
        mass_before, reach, cost = before
        t, gap, own = entry
        mass = mass_before + jnp.where(index <= t, own, 0)
        distance = reach + gap
        reach = distance * (mass_before * safe_inverse(mass))
        cost = cost + own * distance * reach
        return (mass, reach, cost), jnp.where(index <= t, cost, jnp.inf)

    nothing = jnp.zeros_like(entries.values)
    _, cost = jax.lax.scan(one_entry, (nothing, nothing, nothing), (index, entries.gaps, entries.mass))
    return cost


def run_means(entries: Entries, is_start: jax.Array) -> jax.Array:
    """Mean of the run from the last start up to each entry, for K divisions into runs at once.

    The mean is measured from an entry at which the mass of the run had doubled at least, so that a light
    entry far away costs it no digits.

    Args:
        entries: shape ``(d,)``.
        is_start: whether a run starts at an entry, shape ``(d, K)``.

    Returns:
        shape ``(d, K)``; where no entry of a run has importance yet, the value of the last.
    """

    def one_entry(before: tuple, entry: tuple) -> tuple[tuple, jax.Array]:
        value, gap, own, starts = entry
        mass_before, reach = (jnp.where(starts, 0, one) for one in before[:2])
        anchor, offset = before[2:]
        mass, distance = mass_before + own, reach + gap
        inverse = safe_inverse(mass)
        # After a start there is nothing before, at whatever distance.
        reach = distance * (mass_before * inverse)
        heavier = own >= mass_before
        offset = jnp.where(heavier, -reach, offset + distance * (own * inverse))
        anchor = jnp.where(heavier, value, anchor)
        return (mass, reach, anchor, offset), anchor + offset * entries.length_unit

    nothing = jnp.zeros(is_start.shape[1], entries.values.dtype)
    given = entries.values, entries.gaps, entries.mass, is_start
    return jax.lax.scan(one_entry, (nothing,) * 4, given)[1]


def power_of_two_below(largest: jax.Array) -> jax.Array:
    """The power of two at or below each number, 1 for zero."""
    kind = jnp.finfo(largest.dtype)
    bits = jax.lax.bitcast_convert_type(largest, f"uint{kind.bits}")
    power = jax.lax.bitcast_convert_type(bits >> kind.nmant << kind.nmant, largest.dtype)
    return jnp.where((largest > 0) & jnp.isfinite(largest), power, 1)
