"""The global optimum under the diameter penalty for one short weight vector in JAX (d ~ 50)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ratedist import _checks
from ratedist.quantizers.objective import PENALTIES, diameter_cost, quantization_objective
from ratedist.quantizers.traced.assignment import check_shapes, label_counts, lookup, nearest_labels
from ratedist.quantizers.traced.lloyd import LloydResult
from ratedist.quantizers.traced.run_moments import run_costs, run_means, scaled_entries


def optimal_under_diameter_penalty(
    weights: jax.Array,
    num_clusters: int,
    importance: jax.Array,
    diameter_penalty: float | jax.Array,
    penalty: str = "squared",
) -> LloydResult:
    """Global minimiser of ``Σ_j h_j (w_j − c_{k(j)})² + P(max c − min c)`` for β > 0.

    The weights of an optimum outside its two outer runs lie between c_1 and c_K, or they would be nearer to
    one of these. Hence the inner clusters feel no penalty and are an optimal clustering of a run [i, j) into
    K − 2; the outer two solve (37) jointly (the linear penalty moves each by β/4 over its mass); and it
    remains to try all i and j for which c_1 and c_K then enclose the inner weights. The table of inner
    clusterings, K − 2 min-plus products of d × d matrices, does not depend on β: under ``vmap`` over β it is
    computed once.

    Args:
        weights: shape ``(d,)``.
        num_clusters: K, static, at most d.
        importance: h, shape ``(d,)``, non-negative, not all zero.
        diameter_penalty: β > 0, may be traced; β = 0 is for ``optimal_path``.
        penalty: P, "squared" (βs²) or "linear" (βs/2), static.

    Returns:
        the optimum, as ``lloyd`` returns its result; unused centres are copies of others.

    Raises:
        ValueError: K outside 1 … d, shapes that disagree, an unknown penalty.

    Source: docs/quantizers.md §6; objective (34) of Entropy 2021.
    """
    check_shapes(weights, num_clusters, importance, "num_clusters")
    _checks.one_of("penalty", penalty, PENALTIES)
    K, d, dtype = num_clusters, weights.size, weights.dtype
    h = importance.astype(dtype)
    values, mass_of = jax.lax.sort((weights, h), num_keys=1)
    # All that follows is in the units of the entries, in which squares neither overflow nor vanish.
    entries = scaled_entries(values, mass_of)
    unit = entries.length_unit
    beta = jnp.asarray(diameter_penalty, dtype) / entries.mass_unit
    beta = beta if penalty == "squared" else beta / unit
    # cost[j, i] is that of one cluster holding the sorted weights i … j − 1; none at all costs nothing.
    index = jnp.arange(d + 1)
    empty = index[:, None] == index[None, :]
    cost = jnp.where(empty, 0.0, jnp.pad(run_costs(entries), ((1, 0), (0, 1)), constant_values=jnp.inf))

    def one_more(inner: jax.Array, _: None) -> tuple[jax.Array, None]:
        return jnp.min(inner[:, None, :] + cost[None, :, :], axis=2), None

    # inner[i, j]: the least cost of [i, j) in at most K − 2 clusters.
    nothing = jnp.where(empty, jnp.zeros((), dtype), jnp.inf)
    inner, _ = jax.lax.scan(one_more, nothing, None, length=max(K - 2, 0))

    # Row i: the lower run is [0, i); column j: the upper one is [j, d), a lower one seen from the other side.
    # They are counted from the middle, where distances keep the digits that values far from zero have not.
    shift = values[d // 2]
    moved = values - shift
    masses, means = jax.vmap(_lowest_runs)(
        jnp.stack([moved, -moved[::-1]]), jnp.stack([mass_of, mass_of[::-1]])
    )
    low_mass, high_mass = masses[0][:, None], masses[1][None, ::-1]
    low_mean, high_mean = means[0][:, None], -means[1][None, ::-1]
    filled = (low_mass > 0) & (high_mass > 0)
    low_inverse, high_inverse = (1 / jnp.where(m > 0, m, 1) for m in (low_mass, high_mass))
    gap, compliance = high_mean - low_mean, low_inverse + high_inverse
    tension = beta * gap / (1 + beta * compliance) if penalty == "squared" else jnp.full_like(gap, beta / 4)
    low, high = low_mean + tension * low_inverse, high_mean - tension * high_inverse
    padded = jnp.concatenate([moved / unit, jnp.zeros(1, dtype)])
    encloses = (padded[:, None] >= low) & (jnp.roll(padded, 1)[None, :] <= high)
    possible = filled & (low <= high) & (empty | ((index[:, None] < index[None, :]) & encloses))
    total = cost[:, 0][:, None] + cost[-1][None, :] + inner + tension**2 * compliance
    total = jnp.where(possible, total + diameter_cost(high - low, beta, penalty), jnp.inf)
    # The linear penalty may leave one centre only.
    together = jnp.min(total) > cost[-1, 0]
    i, j = jnp.unravel_index(jnp.argmin(total), total.shape)

    # The inner clusters of the best (i, j): the same recursion for one row, and back.
    def next_layer(layer: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
        return jnp.min(layer[None, :] + cost, axis=1), layer

    _, layers = jax.lax.scan(next_layer, nothing[i], None, length=max(K - 2, 0))

    def walk_back(end: jax.Array, layer: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        start = jnp.argmin(layer + cost[end])
        return start, (start, end)

    _, (starts, ends) = jax.lax.scan(walk_back, j, layers, reverse=True)
    is_start = jnp.any(starts[None, :] == index[:-1, None], axis=1)
    inner_means = run_means(entries, is_start[:, None])[jnp.maximum(ends, 1) - 1, 0]
    lowest, highest, middle = (x * unit + shift for x in (low[i, j], high[i, j], low_mean[-1, 0]))
    # Empty inner clusters stand at the upper centre.
    inner_means = jnp.where(starts < ends, inner_means, highest)
    centers = jnp.concatenate([lowest[None], inner_means, highest[None]])[:K]
    centers = jnp.where(together | (K == 1), middle, jnp.sort(centers))
    labels = nearest_labels(weights, centers)
    reconstruction = lookup(centers, labels)
    objective = quantization_objective(
        weights, reconstruction, h, centers[-1] - centers[0], diameter_penalty, penalty
    )
    counts = label_counts(labels, K)
    return LloydResult(labels, centers, reconstruction, counts, objective, jnp.array(True))


def _lowest_runs(values: jax.Array, h: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Mass and mean of the runs [0, i) for i = 0 … d, in the units of ``scaled_entries``; zero of none."""
    entries = scaled_entries(values, h)
    only_first = jnp.arange(values.size)[:, None] == 0
    means = run_means(entries, only_first)[:, 0] / entries.length_unit
    none = jnp.zeros(1, values.dtype)
    return jnp.concatenate([none, jnp.cumsum(entries.mass)]), jnp.concatenate([none, means])
