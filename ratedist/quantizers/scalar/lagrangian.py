"""The globally optimal runs of many sorted weights by a price a run, where Numba is installed."""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

import numpy as np

from ratedist.quantizers.scalar.certified_runs import RESOLUTION, TINY, hidden_by_rounding
from ratedist.quantizers.scalar.prefix_table import PrefixTable, compiled_functions, even_boundaries
from ratedist.quantizers.scalar.price_search import SHARP, Priced, cheapest_at_some_price, middle_price
from ratedist.quantizers.scalar.run_table import ROUNDING
from ratedist.quantizers.scalar.statistics import DENSE_SIZE, SortedEntries

# Weights from which it pays to load Numba, since no dense table holds their costs.
FEWEST = DENSE_SIZE + 1
# Boundaries on which the price is looked for.
BOUNDARIES = 1 << 13
# Weights in a bin, and bins for a cluster, without which bins save nothing.
FEWEST_EACH = 8
# Weights from which a pass over them costs more than the middle of the right prices on the bins.
MANY = 1 << 16


class _Disk:
    """Whether it was too full in this process for what Numba keeps: compiling in vain takes longest."""

    is_full = False


class PricedRuns(NamedTuple):
    """Edges of K runs, their means, and a lower bound on the cost of any K runs in real arithmetic."""

    edges: np.ndarray
    means: np.ndarray
    lower_bound: float


def lagrangian_runs(entries: SortedEntries, num_clusters: int) -> PricedRuns | None:
    """Optimal runs of sorted weights, in O(M) for each of a few prices.

    Let L(λ) be the least of ``cost + λ · number`` over any number of runs. K runs cost at least ``L − Kλ``,
    and exactly that where the cheapest runs at the price λ are K. By the Monge property the least cost is
    convex in K. So there is such a price, or one at which fewer runs and more runs are as cheap as K are.
    Then K runs are joined from both (``spliced``). The price is looked for on bins first.

    Args:
        entries: M distinct weights.
        num_clusters: K.

    Returns:
        ``None`` where M is small, without Numba or room on the disk for what it compiles, and where two
        floats do not hold the digits of prefix sums.

    Source: Aggarwal, Schieber & Tokuyama 1994 (price, splice); Grønlund et al. 2017 (K-means).
    """
    if entries.size < FEWEST or not 1 < num_clusters < entries.size or _Disk.is_full:
        return None
    compiled = compiled_functions()
    if compiled is None:
        return None
    first, last = _outliers(entries, num_clusters)
    kept = slice(first, entries.size - last)
    rest = SortedEntries(entries.position[kept], None if entries.mass is None else entries.mass[kept])
    try:
        found = _priced(rest, num_clusters - first - last, compiled)
    except OSError:  # Numba cannot write what it keeps
        _Disk.is_full = True
        return None
    if found is None or first + last == 0:
        return found
    alone = entries.position[:first], entries.position[entries.size - last :]
    edges = np.arange(first), found.edges + first, entries.size + 1 - np.arange(last, 0, -1)
    means = alone[0], found.means, alone[1]
    return PricedRuns(np.concatenate(edges), np.concatenate(means), found.lower_bound)


def _priced(entries: SortedEntries, K: int, compiled: ModuleType) -> PricedRuns | None:
    if entries.size <= K or (table := PrefixTable.of(entries, compiled)) is None:
        return None
    bins = table.at(even_boundaries(entries, min(BOUNDARIES, entries.size // FEWEST_EACH)))
    if K == 1:
        edges = np.array([0, table.size])
        cost = table.cost(edges)
        found = Priced(edges, cost, max(cost * (1 - 16 * ROUNDING) - 2 * table.error - TINY, 0.0), 0.0)
    elif bins.size < FEWEST_EACH * K:
        found = cheapest_at_some_price(table, K, table.high_rate_price(K))
    else:
        of_bins = cheapest_at_some_price(bins, K, bins.high_rate_price(K), any_price=True)
        price = of_bins.price if entries.size < MANY else middle_price(bins, K, of_bins.price)
        found = cheapest_at_some_price(table, K, price, bins.boundaries[of_bins.edges])
    is_sharp = 3 * K * table.error <= SHARP * found.cost
    # For very many clusters the dynamic programme certifies less, in hours.
    enough = max(RESOLUTION, hidden_by_rounding(table.size, K))
    if not is_sharp or found.cost - found.lower_bound > enough * found.cost:
        return None
    means = compiled.run_means(table.rows, found.edges) + table.shift
    return PricedRuns(found.edges, means, found.lower_bound)


def _outliers(entries: SortedEntries, K: int) -> tuple[int, int]:
    """How many of the first and of the last weights have a cluster to themselves in every optimum.

    With its neighbour an outer weight costs at least ``h h'/(h + h') · gap²``. Where that is more than K − 1
    cells of equal width cost for all others it is alone. Prefix sums need not hold the digits of a mask.
    """
    w, h = entries.position, entries.mass
    total = float(w.size) if h is None else float(h.sum())
    first, last = 0, 0
    while (left := K - first - last) > 1:
        start, stop = first, w.size - 1 - last
        gaps = w[start + 1] - w[start], w[stop] - w[stop - 1]
        at_start = gaps[0] >= gaps[1]
        outer, inner = (start, start + 1) if at_start else (stop, stop - 1)
        pair = 0.5 if h is None else h[outer] * (h[inner] / (h[outer] + h[inner]))
        span = w[stop] - w[start] - max(gaps)
        if pair * max(gaps) ** 2 * (1 - 1e-9) <= total * (span / (left - 1)) ** 2 / 4:
            break
        first, last = first + at_start, last + (not at_start)
    return int(first), int(last)
