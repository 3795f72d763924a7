"""Slow oracles for the quantisers: enumeration of runs and of all assignments, with a penalty too."""

import itertools

import numpy as np

from ratedist.quantizers.objective import diameter_cost


def partition_cost(weights, importance, labels, num_clusters):
    """Cost of an assignment with each cluster's centre at its weighted mean."""
    cost = 0.0
    for k in range(num_clusters):
        w, h = weights[labels == k], importance[labels == k]
        if h.sum() > 0:
            cost += np.sum(h * (w - np.sum(h * w) / h.sum()) ** 2)
    return cost


def best_assignment(weights, importance, num_clusters):
    """Least cost over all assignments, of which those with the same clusters count once."""
    labels = np.stack(list(set_partitions(weights.size, num_clusters)))
    costs = np.zeros(len(labels))
    for k in range(num_clusters):
        h = np.where(labels == k, importance, 0.0)
        mass = h.sum(axis=1)
        means = h @ weights / np.where(mass > 0, mass, 1.0)
        costs += np.sum(h * (weights - means[:, None]) ** 2, axis=1)
    return costs.min()


def best_partition(weights, importance, num_clusters):
    """Least cost over all partitions of the sorted weights into runs, empty ones allowed."""
    order = np.argsort(weights)
    w, h = weights[order], importance[order]
    one_cluster = np.zeros(w.size, int)
    runs = itertools.combinations_with_replacement(range(w.size + 1), 2)
    cost = {(i, j): partition_cost(w[i:j], h[i:j], one_cluster[i:j], 1) for i, j in runs}
    cuts = itertools.combinations_with_replacement(range(w.size + 1), num_clusters - 1)
    return min(sum(cost[run] for run in itertools.pairwise((0, *c, w.size))) for c in cuts)


def cost_of_centers(centers, means, mass, beta, penalty):
    return np.sum(mass * (centers - means) ** 2) + diameter_cost(np.ptp(centers), beta, penalty)


def least_cost(means, mass, beta, penalty):
    """Independent of the closed form: every set of lowest and highest clusters that could be clipped."""
    order = np.argsort(means)
    m, A = means[order], mass[order]
    best = cost_of_centers(np.full(m.size, np.average(m, weights=A)), m, A, beta, penalty)
    sizes = itertools.product(range(1, m.size), repeat=2)
    p, q = np.array([pair for pair in sizes if sum(pair) <= m.size], int).reshape(-1, 2).T
    # Masses and weighted sums of the p lowest clusters and of the q highest.
    P, Q = np.cumsum(A)[p - 1], np.cumsum(A[::-1])[q - 1]
    low, high = np.cumsum(A * m)[p - 1], np.cumsum((A * m)[::-1])[q - 1]
    if penalty == "squared":
        # (P + β) lo − β hi = low and (Q + β) hi − β lo = high.
        lo, hi = np.stack([low * (Q + beta) + beta * high, high * (P + beta) + beta * low]) / (
            P * Q + beta * (P + Q)
        )
    else:
        lo, hi = (low + beta / 4) / P, (high - beta / 4) / Q
    for lowest, highest in zip(lo[lo <= hi], hi[lo <= hi], strict=True):
        best = min(best, cost_of_centers(np.clip(m, lowest, highest), m, A, beta, penalty))
    return best


def set_partitions(size, num_clusters):
    """Labels of every partition into at most K clusters, each once."""
    labels = [0] * size

    def extend(position, used):
        if position == size:
            yield np.array(labels)
            return
        for k in range(min(used + 1, num_clusters)):
            labels[position] = k
            yield from extend(position + 1, max(used, k + 1))

    yield from extend(0, 0)


def best_objective(weights, importance, num_clusters, beta, penalty):
    best = np.inf
    for labels in set_partitions(weights.size, num_clusters):
        mass = np.bincount(labels, importance)
        means = np.bincount(labels, importance * weights) / mass
        scatter = np.sum(importance * (weights - means[labels]) ** 2)
        best = min(best, scatter + least_cost(means, mass, beta, penalty))
    return best
