"""Slow oracles for the quantisers: enumeration of contiguous partitions and of all assignments."""

import itertools

import numpy as np


def partition_cost(weights, importance, labels, num_clusters):
    """Cost of an assignment with each cluster's centre at its weighted mean."""
    cost = 0.0
    for k in range(num_clusters):
        w, h = weights[labels == k], importance[labels == k]
        if h.sum() > 0:
            cost += np.sum(h * (w - np.sum(h * w) / h.sum()) ** 2)
    return cost


def best_assignment(weights, importance, num_clusters):
    """Least cost over all K^N assignments."""
    assignments = itertools.product(range(num_clusters), repeat=weights.size)
    return min(partition_cost(weights, importance, np.array(a), num_clusters) for a in assignments)


def best_partition(weights, importance, num_clusters):
    """Least cost over all partitions of the sorted weights into runs, empty ones allowed."""
    order = np.argsort(weights)
    w, h = weights[order], importance[order]
    cuts = itertools.combinations_with_replacement(range(w.size + 1), num_clusters - 1)
    index = np.arange(w.size)
    return min(
        partition_cost(w, h, np.searchsorted(np.array(c), index, side="right"), num_clusters) for c in cuts
    )
