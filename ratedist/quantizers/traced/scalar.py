"""Scalar K-means of one short weight vector in JAX, to be called inside a vmapped trial (d ~ 50).

Everything works in the dtype it is given, on shapes known beforehand, and under ``vmap``; inputs are data and
only shapes are checked. Long single vectors belong to ``ratedist.quantizers.kmeans``.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ratedist import _checks
from ratedist.quantizers.objective import PENALTIES, quantization_objective
from ratedist.quantizers.traced.initialization import INITIALIZATIONS
from ratedist.quantizers.traced.split import split_for_empty


class OptimalPath(NamedTuple):
    """Optimal quantisers for every K = 1 … K_max; row K − 1 belongs to K clusters.

    Attributes:
        labels: shape ``(K_max, d)``, int32, in the order of the weights; label k is the k-th smallest centre.
        centers: shape ``(K_max, K_max)``, ascending in the first K entries of row K − 1, zero beyond them.
        reconstruction: shape ``(K_max, d)``, the centre of each weight.
        counts: shape ``(K_max, K_max)``, int32, |C_k|; zero beyond K.
    """

    labels: jax.Array
    centers: jax.Array
    reconstruction: jax.Array
    counts: jax.Array


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


def optimal_path(weights: jax.Array, max_clusters: int, importance: jax.Array | None = None) -> OptimalPath:
    """Global minimisers of ``Σ_j h_j (w_j − c_{k(j)})²`` for every K up to ``max_clusters`` at once.

    The clusters of an optimal scalar quantiser are runs of the sorted weights, so with D_k[j] the least cost
    of the j smallest weights in k clusters, ``D_k[j] = min_i D_{k−1}[i] + cost(i, j)``. The forward pass
    keeps the minima only, which vectorise; the minimisers are recovered on the way back, for all K at once.

    Args:
        weights: shape ``(d,)``.
        max_clusters: K_max, static, at most d.
        importance: h, shape ``(d,)``, non-negative; ``None`` for equal importance. A weight of importance
            zero goes to the nearest centre.

    Raises:
        ValueError: K_max outside 1 … d, or shapes that disagree.

    Source: the objective (30) of Entropy 2021; Wang & Song 2011 for the dynamic programme.
    """
    check_shapes(weights, max_clusters, importance, "max_clusters")
    d, dtype = weights.size, weights.dtype
    h = None if importance is None else importance.astype(dtype)
    if h is None:
        values = jnp.sort(weights)
    else:
        values, h = jax.lax.sort((weights, h), num_keys=1)
    shift = values[d // 2]
    values = values - shift
    if h is None:
        first, second = sums_from_middle(values), sums_from_middle(values**2)
        mass = jnp.arange(d + 1, dtype=dtype)
    else:
        first, second, mass = (sums_from_middle(h * values**power) for power in (1, 2, 0))
    # cost[j, i] is that of one cluster holding the sorted weights i … j − 1.
    inverse_mass = _safe_inverse(mass[:, None] - mass[None, :])
    cost = (second[:, None] - second[None, :]) - (first[:, None] - first[None, :]) ** 2 * inverse_mass
    index = jnp.arange(d + 1)
    cost = jnp.where(index[:, None] > index[None, :], cost, jnp.inf)
    # Of a weight far out the difference is rounding as large as the cost of all others.
    cost = jnp.where(index[:, None] == index[None, :] + 1, 0.0, cost)

    # Loops rather than unrolled layers: the same speed, and a fraction of the compilation.
    def next_layer(layer: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
        return jnp.min(layer[None, :] + cost, axis=1), layer

    no_weights = jnp.where(index == 0, jnp.zeros((), dtype), jnp.inf)
    _, least_cost = jax.lax.scan(next_layer, no_weights, None, length=max_clusters)

    # Row K − 1 walks back through the clusters K − 1, K − 2, … of the K-cluster optimum, all rows together.
    row = jnp.arange(max_clusters)

    def walk_back(end: jax.Array, steps: jax.Array) -> tuple[jax.Array, jax.Array]:
        total = least_cost[jnp.maximum(row - steps, 0)] + cost[end]
        # The first minimiser, by two minima: XLA does not vectorise argmin on CPU.
        at_minimum = total == jnp.min(total, axis=1, keepdims=True)
        start = jnp.min(jnp.where(at_minimum, index[None, :], d), axis=1)
        start = jnp.where(row >= steps, start, 0).astype(jnp.int32)
        return start, start

    _, starts = jax.lax.scan(walk_back, jnp.full(max_clusters, d, jnp.int32), row)
    steps_back = row[:, None] - row[None, :]
    used = steps_back >= 0
    start = jnp.where(used, starts[jnp.maximum(steps_back, 0), row[:, None]], d)
    end = jnp.concatenate([start[:, 1:], jnp.full((max_clusters, 1), d, jnp.int32)], axis=1)

    cluster_mass = mass[end] - mass[start]
    means = (first[end] - first[start]) * _safe_inverse(cluster_mass)
    centers = jnp.where(cluster_mass > 0, means, values[jnp.minimum(start, d - 1)]) + shift
    labels = jax.vmap(lambda c, u: nearest_labels(weights, jnp.where(u, c, jnp.inf)))(centers, used)
    centers = jnp.where(used, centers, 0)
    reconstruction = jax.vmap(lookup)(centers, labels)
    return OptimalPath(
        labels, centers, reconstruction, jax.vmap(label_counts, (0, None))(labels, max_clusters)
    )


def lloyd(
    key: jax.Array,
    weights: jax.Array,
    num_clusters: int,
    init: str = "random",
    num_starts: int = 1,
    max_iterations: int = 100,
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
        key: PRNG key; not used by the initialisations "quantile" and "linear".
        weights: shape ``(d,)``.
        num_clusters: K, static, at most d.
        init: "random" (K different entries of ``weights``), "kmeans++", "quantile" or "linear"; weights of
            importance zero take no part.
        num_starts: independent starts, static.
        max_iterations: cap on the iterations of each start, static.
        importance: h, shape ``(d,)``, non-negative, or ``None``.
        diameter_penalty: β >= 0, may be traced.
        penalty: P, "squared" (βs²) or "linear" (βs/2), static.

    Raises:
        ValueError: K outside 1 … d, shapes that disagree, unknown names, or counts below 1.

    Source: the objective (34) of Entropy 2021, with the exact update in place of (37).
    """
    check_shapes(weights, num_clusters, importance, "num_clusters")
    _checks.one_of("init", init, tuple(INITIALIZATIONS))
    _checks.one_of("penalty", penalty, PENALTIES)
    _checks.integer("num_starts", num_starts, 1)
    _checks.integer("max_iterations", max_iterations, 1)
    h = jnp.ones_like(weights) if importance is None else importance.astype(weights.dtype)

    def one_start(start_key: jax.Array) -> LloydResult:
        initial = jnp.sort(INITIALIZATIONS[init](start_key, weights, h, num_clusters))
        return descend(weights, h, initial, max_iterations, diameter_penalty, penalty)

    runs = jax.vmap(one_start)(jax.random.split(key, num_starts))
    best = jnp.argmin(runs.objective)
    return jax.tree.map(lambda leaf: leaf[best], runs)


def nearest_labels(weights: jax.Array, centers: jax.Array) -> jax.Array:
    """Label of the nearest of ascending ``centers`` (K,) for each of ``weights`` (d,): int32; ties go down.

    Infinite entries at the end stand for centres that are not there.
    """
    return labels_up_to(weights, _midpoints(centers))


def labels_up_to(weights: jax.Array, thresholds: jax.Array) -> jax.Array:
    """How many of ascending ``thresholds`` (K − 1,) are below each of ``weights`` (d,): int32."""
    labels = jnp.zeros(weights.shape, jnp.int32)
    for k in range(thresholds.size):
        labels = jnp.where(weights > thresholds[k], k + 1, labels)
    return labels


def _midpoints(centers: jax.Array) -> jax.Array:
    return (centers[1:] + centers[:-1]) / 2


def lookup(centers: jax.Array, labels: jax.Array) -> jax.Array:
    """``centers[labels]`` for few centres, by selection: a gather under ``vmap`` is slower on CPU."""
    reconstruction = jnp.broadcast_to(centers[0], labels.shape)
    for k in range(1, centers.size):
        reconstruction = jnp.where(labels == k, centers[k], reconstruction)
    return reconstruction


def label_counts(labels: jax.Array, num_clusters: int) -> jax.Array:
    """|C_k|, how often each of K labels occurs, int32 of shape ``(K,)``."""
    return jnp.sum(labels[None, :] == jnp.arange(num_clusters)[:, None], axis=1, dtype=jnp.int32)


def confined_centers(
    means: jax.Array, mass: jax.Array, diameter_penalty: float | jax.Array, penalty: str
) -> jax.Array:
    """Minimise ``Σ_k A_k (c_k − m_k)² + P(max c − min c)`` over centres, for ascending means of shape
    ``(K,)``.

    As ``ratedist.quantizers.center_update.confined_centers``, which explains it. Here the tension is read
    off at once as the largest root over all pairs of a set of lowest and a set of highest clusters, K² of
    them."""
    low_mass, high_mass = jnp.cumsum(mass), jnp.cumsum(mass[::-1])[::-1]
    low_inverse, high_inverse = _safe_inverse(low_mass), _safe_inverse(high_mass)
    low_mean = jnp.where(low_mass > 0, jnp.cumsum(mass * means) * low_inverse, jnp.inf)
    high_mean = jnp.where(high_mass > 0, jnp.cumsum((mass * means)[::-1])[::-1] * high_inverse, -jnp.inf)
    if isinstance(diameter_penalty, (int, float)) and diameter_penalty == 0:
        return means
    beta = jnp.asarray(diameter_penalty, means.dtype)
    gap = jnp.maximum(high_mean[None, :] - low_mean[:, None], 0)
    compliance = low_inverse[:, None] + high_inverse[None, :]
    if penalty == "squared":
        tension = jnp.max(gap / (1 / beta + compliance))
        low = jnp.min(low_mean + tension * low_inverse)
        high = low + jnp.max(gap / (1 + beta * compliance))
    else:
        tension = jnp.max(gap * _safe_inverse(compliance))
        together, tension = tension < beta / 4, jnp.minimum(tension, beta / 4)
        low = jnp.where(together, low_mean[-1], jnp.min(low_mean + tension * low_inverse))
        high = jnp.where(together, low, jnp.max(high_mean - tension * high_inverse))
    penalized = (beta > 0) & (low_mass[-1] > 0)
    return jnp.where(penalized, jnp.clip(means, low, jnp.maximum(low, high)), means)


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
        means = jax.lax.cummax(near + pull * _safe_inverse(mass))
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
        nearest = assigned(jnp.append(_midpoints(state.centers), jnp.inf), state.centers)
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


def sums_from_middle(values: jax.Array) -> jax.Array:
    """Sums from the middle entry to each of d + 1 boundaries, negative before it, to be subtracted.

    A sum of sorted weights that starts at one end holds what is far out on that side ever after, and loses
    the digits of the rest.
    """
    middle = values.size // 2
    below = -jnp.cumsum(values[:middle][::-1])[::-1]
    return jnp.concatenate([below, jnp.zeros(1, values.dtype), jnp.cumsum(values[middle:])])


def _safe_inverse(values: jax.Array) -> jax.Array:
    positive = values > 0
    return jnp.where(positive, 1 / jnp.where(positive, values, 1), 0)


def check_shapes(weights: jax.Array, clusters: int, importance: jax.Array | None, name: str) -> None:
    """Refuse, in words, shapes that disagree and numbers of clusters outside 1 … d."""
    if weights.ndim != 1 or weights.size == 0:
        raise ValueError(f"weights must have shape (d,) with d >= 1, got shape {weights.shape}")
    if _checks.integer(name, clusters, 1) > weights.size:
        raise ValueError(f"{name} must be at most the number of weights, {weights.size}, got {clusters}")
    if importance is not None and importance.shape != weights.shape:
        raise ValueError(f"importance must have the shape {weights.shape} of weights, got {importance.shape}")
