"""Where Lloyd's algorithm starts."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ratedist import _checks
from ratedist.quantizers.methods import RANDOM_INITIALIZATIONS, Algorithm1, Lloyd
from ratedist.quantizers.scalar.coarse_optimum import coarse_optimum, high_rate_positions
from ratedist.quantizers.scalar.statistics import SortedStatistics


def generator(key: Any) -> np.random.Generator:
    """NumPy generator from a JAX PRNG key (its raw words seed it) or a non-negative integer seed.

    Raises:
        ValueError: anything else.
    """
    try:
        if isinstance(key, _checks.BOOLEANS):
            raise TypeError
        if isinstance(key, (int, np.integer)):
            return np.random.default_rng(operator.index(key))
        import jax  # imported late: integer seeds need no JAX

        return np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel())
    except (TypeError, ValueError):
        raise ValueError(f"key must be a JAX PRNG key or a non-negative integer, got {key!r}") from None


def scalar_starts(
    method: Lloyd | Algorithm1, statistics: SortedStatistics, num_clusters: int, key: Any
) -> list[np.ndarray]:
    """Starting centres, ascending and minus ``statistics.shift``, one array for each start.

    Args:
        method: of which the start and the number of starts matter here; the default is "coarse_optimum".
        statistics: of the weights.
        num_clusters: K.
        key: for the random initialisations, see ``generator``.

    Raises:
        ValueError: centres of another shape, a random initialisation without a key.
    """
    if method.init is not None and not isinstance(method.init, str):
        centers = np.array(method.init)
        if centers.shape != (num_clusters,):
            raise ValueError(f"init must have shape ({num_clusters},), got {centers.shape}")
        return [np.sort(centers) - statistics.shift]
    name = method.init or "coarse_optimum"
    rng = generator(required_key(name, key)) if name in RANDOM_INITIALIZATIONS else None
    # With at least as many centres as distinct weights there is nothing to choose.
    if num_clusters >= statistics.size:
        return [statistics.values]
    return [initial_centers(name, statistics, num_clusters, rng) for _ in range(method.num_starts)]


def required_key(init: str, key: Any) -> Any:
    """Return ``key``, or raise ``ValueError`` if there is none."""
    if key is None:
        raise ValueError(f'init "{init}" is random and needs a key')
    return key


def initial_centers(
    init: str, statistics: SortedStatistics, num_clusters: int, rng: np.random.Generator | None
) -> np.ndarray:
    """K ascending centres (minus ``statistics.shift``), K at most the number of distinct weights.

    "coarse_optimum": the optimum over runs of neighbours in place of weights. "high_rate": spaced as the best
    quantiser is for many centres, with a density in proportion to the cube root of that of the weights, by
    importance. "quantile": the (k + ½)/K quantiles of the weights, by importance. "linear": equally spaced
    from the smallest to the largest. "random": K distinct weights, equally likely. "kmeans++": one
    weight after another, each with probability proportional to h times its squared distance to the nearest
    one so far.

    Source: Panter & Dite 1951 (high_rate); Forgy 1965 (random); Arthur & Vassilvitskii 2007 (k-means++);
    Han, Mao & Dally 2016 (linear)."""
    if init == "coarse_optimum":
        return coarse_optimum(statistics, num_clusters)
    values = statistics.values
    if init == "quantile":
        levels = (np.arange(num_clusters) + 0.5) / num_clusters * statistics.mass[-1]
        return values[np.searchsorted(statistics.mass[1:-1], levels, side="right")]
    if init == "high_rate":
        position = high_rate_positions(statistics, num_clusters)
        levels = (np.arange(num_clusters) + 0.5) / num_clusters * position[-1]
        return np.interp(levels, position, values)
    if init == "linear":
        return np.linspace(values[0], values[-1], num_clusters)
    assert rng is not None
    if init == "random":
        return np.sort(rng.choice(values, num_clusters, replace=False))
    return _kmeans_plus_plus(statistics, num_clusters, rng)


def _kmeans_plus_plus(
    statistics: SortedStatistics, num_clusters: int, rng: np.random.Generator
) -> np.ndarray:
    values, mass, first, second = statistics.values, statistics.mass, statistics.first, statistics.second

    def spread(center: Any, begin: Any, end: Any) -> Any:
        """Σ h (w − center)² of the sorted weights begin … end − 1."""
        square = (second[end] - second[begin]) - 2 * center * (first[end] - first[begin])
        return np.maximum(square + center**2 * (mass[end] - mass[begin]), 0.0)

    index = int(np.searchsorted(mass[1:-1], rng.random() * mass[-1], side="right"))
    chosen = np.array([values[index]])
    edges = np.array([0, values.size])
    weight = spread(chosen, edges[:-1], edges[1:])
    for _ in range(num_clusters - 1):
        cumulative = np.cumsum(weight)
        level = rng.random() * cumulative[-1]
        cell = min(int(np.searchsorted(cumulative, level, side="right")), chosen.size - 1)
        level -= cumulative[cell] - weight[cell]
        low, high = int(edges[cell]), int(edges[cell + 1]) - 1
        while low < high:  # the weight at which the spread of its cell passes the level
            middle = (low + high) // 2
            if spread(chosen[cell], edges[cell], middle + 1) > level:
                high = middle
            else:
                low = middle + 1
        position = int(np.searchsorted(chosen, values[low]))
        chosen = np.insert(chosen, position, values[low])
        near = slice(max(position - 1, 0), position + 2)
        inner = np.searchsorted(values, (chosen[near][1:] + chosen[near][:-1]) / 2, side="right")
        edges = np.insert(edges, position + (position < chosen.size - 1), 0)
        edges[near.start + 1 : near.start + 1 + inner.size] = inner
        weight = np.insert(weight, position, 0.0)
        weight[near] = spread(chosen[near], edges[:-1][near], edges[1:][near])
    return chosen
