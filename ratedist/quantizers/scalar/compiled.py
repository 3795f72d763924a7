"""Cheapest runs of sorted weights at a price a run, compiled by Numba: needs the extra "fast"."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from ratedist.quantizers.scalar.compiling import compiled

# Columns of the table: Σh, Σhx and Σhx² before a boundary, each as a float and what is left to it; the least
# cost of the runs up to there, and where the last of these begins. One line of the cache.
COLUMNS = 8
TOTAL, START = 6, 7
ROUGH = 32 * 2.0**-53
# Guesses along the tangent before the middle is taken, and how far they may go.
TRIES, MANY = 8, 2.0**40
# Entries over which the growth of a gain is averaged.
AHEAD = 32


def _multiply_add(context: Any, a: Any, b: Any, c: Any) -> Any:
    """a·b + c, rounded once."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), code


multiply_add: Any = intrinsic(_multiply_add)


@compiled
def _sum(a, b):
    """a + b and what rounding took from it (Knuth)."""
    s = a + b
    part = s - a
    return s, (a - (s - part)) + (b - part)


@compiled
def _grown(high, low, rest, term, error):
    """The sum ``high + low + rest`` of three floats, and ``term + error``."""
    high, first = _sum(high, term)
    low, second = _sum(low, first)
    low, third = _sum(low, error)
    rest += second + third
    total = high + low
    return total, low - (total - high), rest


@compiled
def fill(x, h, table):
    """Prefix sums of entries ``x`` of masses ``h`` into ``table``; how far a difference of them may be off.

    Each is kept as two floats and summed with three: what is stored is off by one rounding of its second.
    """
    mass, mass_low, mass_rest = 0.0, 0.0, 0.0
    first, first_low, first_rest = 0.0, 0.0, 0.0
    second, second_low, second_rest = 0.0, 0.0, 0.0
    errors = np.zeros(3)
    table[0, :] = 0.0
    for t in range(x.size):
        mass, mass_low, mass_rest = _grown(mass, mass_low, mass_rest, h[t], 0.0)
        term = h[t] * x[t]
        error = multiply_add(h[t], x[t], -term)
        first, first_low, first_rest = _grown(first, first_low, first_rest, term, error)
        square = x[t] * x[t]
        error = multiply_add(x[t], x[t], -square) * h[t]
        term = h[t] * square
        error += multiply_add(h[t], square, -term)
        second, second_low, second_rest = _grown(second, second_low, second_rest, term, error)
        row = table[t + 1]
        row[0], row[1] = mass, mass_low + mass_rest
        row[2], row[3] = first, first_low + first_rest
        row[4], row[5] = second, second_low + second_rest
        errors[0] = max(errors[0], abs(row[1]))
        errors[1] = max(errors[1], abs(row[3]))
        errors[2] = max(errors[2], abs(row[5]))
    return errors


@compiled
def _moments(table, i, j):
    """Σh, Σhx and Σhx² of the run [i, j), each as two floats."""
    low, high = table[i], table[j]
    mass, mass_low = _sum(high[0], -low[0])
    first, first_low = _sum(high[2], -low[2])
    second, second_low = _sum(high[4], -low[4])
    return (
        mass,
        mass_low + (high[1] - low[1]),
        first,
        first_low + (high[3] - low[3]),
        second,
        second_low + (high[5] - low[5]),
    )


@compiled
def cost(table, i, j):
    """Least Σh(x − c)² over the run [i, j).

    For any m it is ``Σhx² − m(2Σhx − mΣh)`` less Σh(mean − m)². With m the rounded mean the latter is of the
    size of a squared rounding, and so is what is lost in the former: both differences are nearly exact.
    """
    mass, mass_low, first, first_low, second, second_low = _moments(table, i, j)
    m = (first + first_low) / (mass + mass_low)
    product = m * mass
    twice = 2.0 * first - product
    twice_low = 2.0 * first_low - multiply_add(m, mass, -product) - m * mass_low
    part = m * twice
    part_low = multiply_add(m, twice, -part) + m * twice_low
    return max((second - part) + (second_low - part_low), 0.0)


@compiled
def entry_costs(table):
    """Least cost of each entry by itself: nothing for a weight, its scatter for a bin."""
    costs = np.empty(table.shape[0] - 1)
    for t in range(costs.size):
        costs[t] = cost(table, t, t + 1)
    return costs


@compiled
def run_costs(table, edges):
    """Costs of the runs between ascending ``edges``."""
    costs = np.empty(edges.size - 1)
    for k in range(costs.size):
        costs[k] = cost(table, edges[k], edges[k + 1])
    return costs


@compiled
def run_means(table, edges):
    """Means of the runs between ascending ``edges``."""
    means = np.empty(edges.size - 1)
    for k in range(means.size):
        mass, mass_low, first, first_low, _, _ = _moments(table, edges[k], edges[k + 1])
        means[k] = (first + first_low) / (mass + mass_low)
    return means


@compiled
def _rough(low, high):
    """Mean, Σhx² and cost of the run between two rows, the cost but for ``ROUGH`` times Σhx²."""
    first = (high[2] - low[2]) + (high[3] - low[3])
    square = (high[4] - low[4]) + (high[5] - low[5])
    mean = first / ((high[0] - low[0]) + (high[1] - low[1]))
    return mean, square, square - first * mean


@compiled
def _gain(table, new, old, end, margin, ceiling):
    """By how much more than ``margin`` it is better that the last run up to ``end`` begins at ``new``.

    And how much that grows with the next entry. Only the sign of the gain is sure.
    """
    ahead = min(AHEAD, table.shape[0] - 1 - end)
    last, following = table[end], table[end + ahead]
    new_mean, new_square, new_cost = _rough(table[new], last)
    old_mean, old_square, old_cost = _rough(table[old], last)
    total = table[old, TOTAL] + old_cost
    gain = total - (table[new, TOTAL] + new_cost) - margin
    growth = 2.0 * (following[2] - last[2]) - (following[0] - last[0]) * (new_mean + old_mean)
    growth *= (new_mean - old_mean) / max(ahead, 1)
    error = ROUGH * (new_square + old_square + total)
    if gain > error or (gain < -error and old_cost + error < ceiling):
        return gain, growth
    old_cost = cost(table, old, end)
    if old_cost > ceiling:
        return np.inf, growth
    gain = (table[old, TOTAL] + old_cost) - (table[new, TOTAL] + cost(table, new, end)) - margin
    return gain, growth


@compiled
def _first_better(table, new, old, low, gain, growth, margin, ceiling):
    """First end from which ``new`` is better than ``old``; at ``low`` it is not. M + 1 if there is none."""
    high, end = table.shape[0], low
    tries = 0
    while high - low > 1:
        tries += 1
        if tries > TRIES or not growth > 0.0 or gain == np.inf:
            end = (low + high) // 2
        else:
            end -= int(np.floor(min(max(gain / growth, -MANY), MANY))) + (gain > 0.0)
            end = min(max(end, low + 1), high - 1)
        gain, growth = _gain(table, new, old, end, margin, ceiling)
        if gain > 0.0:
            high = end
        else:
            low = end
    return high


@compiled
def cheapest_runs(table, price, ceiling, margin):
    """Edges of the runs of which the sum of cost and ``price`` is least, and that sum.

    ``table[j, TOTAL] = min_i table[i, TOTAL] + cost(i, j) + price`` for one j after the other. By the Monge
    property a later i that is better at one end j is better at all further ones. So the starts that may still
    be best are a queue, each with the first end from which it is: what a new start beats at the beginning of
    its ends leaves, and in those of the last that stays the change is looked for in steps that double.

    A start counts as better if it is so by more than ``margin``, twice the error of a sum as computed, or if
    the other's run costs more than ``ceiling``. Then no true order is mistaken: of no runs within the ceiling
    the sum is less than what is returned by more than four margins a run.

    Source: Galil & Giancarlo 1989; Wu 1991 (quantisation).
    """
    size = table.shape[0] - 1
    starts, begins = np.empty(size + 1, dtype=np.int64), np.empty(size + 1, dtype=np.int64)
    front, back = 0, 0
    starts[0], begins[0] = 0, 1
    table[0, TOTAL] = 0.0
    for j in range(1, size + 1):
        while front < back and begins[front + 1] <= j:
            front += 1
        i = starts[front]
        table[j, TOTAL] = table[i, TOTAL] + (cost(table, i, j) + price)
        table[j, START] = i
        if j == size:
            break
        while True:
            old, low = starts[back], max(begins[back], j + 1)
            gain, growth = _gain(table, j, old, low, margin, ceiling)
            if gain > 0.0:
                if back > front:
                    back -= 1
                    continue
                starts[back], begins[back] = j, j + 1
                break
            high = _first_better(table, j, old, low, gain, growth, margin, ceiling)
            if high <= size:
                back += 1
                starts[back], begins[back] = j, high
            break
    number, j = 0, size
    while j > 0:
        number, j = number + 1, int(table[j, START])
    edges = np.empty(number + 1, dtype=np.int64)
    edges[number] = j = size
    while j > 0:
        number, j = number - 1, int(table[j, START])
        edges[number] = j
    return edges, table[size, TOTAL]
