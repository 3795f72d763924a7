"""The globally optimal runs of sorted weights without a penalty, and a lower bound less its rounding."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ratedist.quantizers.scalar.dynamic_programming import excess_by_rounding, optimal_runs
from ratedist.quantizers.scalar.run_table import ROUNDING
from ratedist.quantizers.scalar.statistics import Table

# Part of the objective by which a global optimum may miss its lower bound and count as reached.
RESOLUTION = 1e-9
# Room above the ceiling for candidates whose costs rounding has raised.
ROOM = 1e-6
# More than all underflow can add up to where numbers are of ordinary size.
TINY = 1e-290


class CertifiedRuns(NamedTuple):
    """Bounds of K runs, and a lower bound on the cost of any K runs in real arithmetic."""

    edges: np.ndarray
    lower_bound: float


def certified_runs(table: Table, num_clusters: int, ceiling: float = np.inf) -> CertifiedRuns:
    """Optimal runs of M weights; ``ceiling`` is what some K runs are known to cost.

    What rounding may do to divide and conquer is a part of the ceiling. Where that is not small beside the
    optimum, because the ceiling was far above it, what was found is the next one.
    """
    K, M = num_clusters, table.size
    if K >= M:
        return CertifiedRuns(np.arange(M + 1), 0.0)
    while True:
        room = ceiling * (1 + ROOM)
        [(total, edges)] = optimal_runs(table, range(K, K + 1), room)
        if not np.isfinite(total):
            ceiling = np.inf
            continue
        if not np.isfinite(ceiling):
            room = float(table.costs_to(0, 0, M)[0])
        lower = _lower_bound(table, total, K, excess_by_rounding(table, K, _error(table, K) * room))
        if total - lower <= RESOLUTION * total or total >= ceiling / 2:
            return CertifiedRuns(edges, lower)
        ceiling = total


def certified_path(table: Table, max_clusters: int) -> list[CertifiedRuns]:
    """Optimal runs for every K = 1 … ``max_clusters``, which is at most M, from one dynamic programme."""
    solutions = optimal_runs(table, range(1, max_clusters + 1))
    path, excess = [], 0.0
    for K, (total, edges) in enumerate(solutions, 1):
        lower = _lower_bound(table, total, K, excess)
        found = CertifiedRuns(edges, lower)
        if total - lower > RESOLUTION * total:
            found = certified_runs(table, K, total)
        path.append(found)
        if K > 1:
            # Of the layer that D_{K+1} is found from.
            excess += excess_by_rounding(table, 3, _error(table, K) * total)
    return path


def hidden_by_rounding(size: int, num_clusters: int) -> float:
    """Part of the objective by which ``certified_runs`` of many entries may miss its lower bound, about."""
    levels = size.bit_length()
    error = (13 * levels + 24 + num_clusters) * ROUNDING
    return 2 * max(num_clusters - 2, 0) * levels * error


def _error(table: Table, num_clusters: int) -> float:
    return table.relative_error + (num_clusters + 4) * ROUNDING


def _lower_bound(table: Table, total: float, num_clusters: int, excess: float) -> float:
    return max(total * (1 - _error(table, num_clusters)) - excess - TINY, 0.0)
