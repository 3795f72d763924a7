"""Lloyd's algorithm for one short weight vector in JAX, to be called inside a vmapped trial (d ~ 50).

Everything works in the dtype it is given, on shapes known beforehand, and under ``vmap``; inputs are data and
only shapes are checked. Long single vectors belong to ``ratedist.quantizers.kmeans``.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ratedist import _checks
from ratedist.quantizers.methods import Lloyd
from ratedist.quantizers.objective import PENALTIES, quantization_objective
from ratedist.quantizers.traced.assignment import (
    check_shapes,
    label_counts,
    labels_up_to,
    lookup,
    midpoints,
    nearest_labels,
)
from ratedist.quantizers.traced.center_update import confined_centers, safe_inverse
from ratedist.quantizers.traced.initialization import INITIALIZATIONS, checked_start
from ratedist.quantizers.traced.split import split_for_empty


class LloydResult(NamedTuple):
    """What Lloyd's algorithm ended with.

    Attributes:
        labels: shape ``(d,)``, int32; label k is the k-th smallest centre.
        centers: shape ``(K,)``, ascending.
        reconstruction: shape ``(d,)``.
        counts: shape ``(K,)``, int32.
        objective: Σ_j h_j (w_j − ŵ_j)² + P(max c − min c).
        converged: whether the assignment came to rest within ``max_iterations``.
    """

    labels: jax.Array
    centers: jax.Array
    reconstruction: jax.Array
    counts: jax.Array
    objective: jax.Array
    converged: jax.Array


def lloyd(
    key: jax.Array,
    weights: jax.Array,
    num_clusters: int,
    method: Lloyd,
    importance: jax.Array | None = None,
    diameter_penalty: float | jax.Array = 0.0,
    penalty: str = "squared",
) -> LloydResult:
    """Alternate nearest-centre assignment and exact centres, the best of several starts: a local minimiser.

    The objective is ``Σ_j h_j (w_j − c_{k(j)})² + P(max c − min c)``, which no iteration raises. An empty
    cluster (or one whose weights all have importance zero) takes half of another one, see
    ``split_for_empty``. Hence at β = 0 none is empty at the end, if at least K distinct weights matter.
    Weights count as distinct where the middle of two is below the larger. As ``kmeans(method="lloyd")`` but
    for ties: repeated weights, centres that coincide, cuts of equal gain. It also drops importances up to
    2⁻⁵² of their sum, which count here. Numbers below the smallest normal one are zero, as in XLA.

    Args:
        key: PRNG key; only the initialisations "random" and "kmeans++" use it.
        weights: shape ``(d,)``.
        num_clusters: K, static, at most d.
        method: static; of its starts those of ``INITIALIZATIONS``, in which weights of importance zero take
            no part. By default it is "coarse_optimum", here the optimum without penalty itself.
        importance: h, shape ``(d,)``, non-negative, or ``None``.
        diameter_penalty: β >= 0, may be traced.
        penalty: P, "squared" (βs²) or "linear" (βs/2), static.

    Raises:
        ValueError: K outside 1 … d, shapes that disagree, or a start that is none of these.

    Source: the objective (34) of Entropy 2021, with the exact update in place of (37).
    """
    check_shapes(weights, num_clusters, importance, "num_clusters")
    start_of = INITIALIZATIONS[checked_start(method)]
    _checks.one_of("penalty", penalty, PENALTIES)
    h = jnp.ones_like(weights) if importance is None else importance.astype(weights.dtype)

    def one_start(start_key: jax.Array) -> LloydResult:
        initial = jnp.sort(start_of(start_key, weights, h, num_clusters))
        return descend(weights, h, initial, method.max_iterations, diameter_penalty, penalty)

    runs = jax.vmap(one_start)(jax.random.split(key, method.num_starts))
    best = jnp.argmin(runs.objective)
    return jax.tree.map(lambda leaf: leaf[best], runs)


class _State(NamedTuple):
    centers: jax.Array
    labels: jax.Array
    moved: jax.Array
    iteration: jax.Array


class _Assignment(NamedTuple):
    """A cluster holds the weights up to its end; ``means`` of empty ones are their centres."""

    ends: jax.Array
    labels: jax.Array
    mass: jax.Array
    means: jax.Array


def descend(
    weights: jax.Array,
    h: jax.Array,
    initial: jax.Array,
    max_iterations: int | jax.Array,
    diameter_penalty: float | jax.Array = 0.0,
    penalty: str = "squared",
) -> LloydResult:
    """One start of :func:`lloyd`, from the ascending centres ``initial`` of shape ``(K,)``.

    The other arguments are those of :func:`lloyd`, but for ``max_iterations``, which may be traced.
    """
    num_clusters = initial.size
    index = jnp.arange(num_clusters)

    def members(labels: jax.Array) -> jax.Array:
        return labels[None, :] == index[:, None]

    def assigned(ends: jax.Array, near: jax.Array) -> _Assignment:
        """Clusters up to their ends; ``near`` is a number close to each."""
        labels = labels_up_to(weights, ends[:-1])
        member = members(labels)
        mass = jnp.sum(jnp.where(member, h[None, :], 0), axis=1)
        # Sums of distances from a number nearby: exact to the last bits, and zero once it is the mean.
        pull = jnp.sum(jnp.where(member, h[None, :] * (weights[None, :] - near[:, None]), 0), axis=1)
        # Means lie inside their clusters, and so does the centre of an empty one: in order up to rounding.
        means = jax.lax.cummax(near + pull * safe_inverse(mass))
        return _Assignment(ends, labels, mass, means)

    def filled(nearest: _Assignment, centers: jax.Array, unfinished: jax.Array) -> _Assignment:
        """The same, empty clusters having taken halves of others."""
        confined = jnp.asarray(diameter_penalty) > 0
        outer = jnp.where(confined, centers[0], -jnp.inf), jnp.where(confined, centers[-1], jnp.inf)

        def split(state: tuple[_Assignment, jax.Array]) -> tuple[_Assignment, jax.Array]:
            _, labels, mass, means = found = state[0]
            ends, near = split_for_empty(weights, h, members(labels), mass, means, found.ends, outer)
            return assigned(ends, near), jnp.array(False)

        # A loop of one pass: a condition under ``vmap`` computes both sides, and few iterations need this.
        pending = unfinished & jnp.any(nearest.mass <= 0)
        return jax.lax.while_loop(lambda state: state[1], split, (nearest, pending))[0]

    def unfinished(state: _State) -> jax.Array:
        return state.moved & (state.iteration < max_iterations)

    def step(state: _State) -> _State:
        nearest = assigned(jnp.append(midpoints(state.centers), jnp.inf), state.centers)
        found = filled(nearest, state.centers, state.moved)
        centers = confined_centers(found.means, found.mass, diameter_penalty, penalty)
        # By the assignment: a distance below which centres rest would depend on the weight farthest out.
        moved = jnp.any((found.labels != state.labels) & (h > 0))
        return _State(centers, found.labels, moved, state.iteration + 1)

    unknown = jnp.full(weights.shape, -1, jnp.int32)
    start = _State(initial, unknown, jnp.array(True), jnp.array(0, jnp.int32))
    centers, _, moved, _ = jax.lax.while_loop(unfinished, step, start)
    labels = nearest_labels(weights, centers)
    reconstruction = lookup(centers, labels)
    diameter = centers[-1] - centers[0]
    objective = quantization_objective(weights, reconstruction, h, diameter, diameter_penalty, penalty)
    return LloydResult(labels, centers, reconstruction, label_counts(labels, num_clusters), objective, ~moved)
