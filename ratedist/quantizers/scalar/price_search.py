"""The price a run at which the cheapest runs of sorted weights are K."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ratedist.quantizers.scalar.certified_runs import TINY
from ratedist.quantizers.scalar.prefix_table import PrefixTable
from ratedist.quantizers.scalar.run_table import ROUNDING

# Prices tried at most, and those of them that are guessed by the number of runs.
MOST_PRICES, MOST_GUESSES = 60, 6
# Part of the cost within which its bound ends the search.
SHARP = 1e-11
# Some runs of an even share of the cost may cost this many times as much, before they are not looked at.
ROOM = 32
# Prices tried on bins for each end of the right ones.
HALVINGS = 3


class Priced(NamedTuple):
    """Edges of K runs, what they cost and what they cost at least, and the last price."""

    edges: np.ndarray
    cost: float
    lower_bound: float
    price: float


class _Side(NamedTuple):
    """The cheapest runs at a price, too few or too many; no edges for every entry by itself."""

    number: int
    cost: float
    edges: np.ndarray
    price: float


def cheapest_at_some_price(
    table: PrefixTable, K: int, price: float, known: np.ndarray | None = None, any_price: bool = False
) -> Priced:
    """The best K runs, by prices from ``price`` on; ``known`` are edges of K runs, as good as there are.

    With ``any_price`` the first price at which there are K runs will do.
    """
    rows, compiled = table.rows, table.compiled
    whole = np.array([0, table.size])
    few = _Side(1, table.cost(whole), whole, np.inf)
    # Each by itself: a bin costs something, a weight does not.
    many = _Side(table.size, table.cost(np.arange(table.size + 1)) if any_price else 0.0, whole[:0], 0.0)
    sides = few, many
    best, least = (None, np.inf) if known is None else (known, table.cost(known))
    # What the best K runs cost at most: errors of sums are parts of it.
    bound = min(few.cost, least)
    lower, by_chord = 0.0, False
    for attempt in range(MOST_PRICES):
        ceiling = bound * (1 + ROOM / K) + table.error
        # Twice the error of a sum of costs and prices as it is computed, and half as much again. A cost is
        # off by some roundings of itself; all that the prices add is the rounding of the sum.
        margin = 3 * (ROUNDING * (20 * ceiling + 2 * (K + 1) * price) + table.error)
        edges, total = compiled.cheapest_runs(rows, price, ceiling, margin)
        found = _Side(edges.size - 1, table.cost(edges), edges, price)
        lower = max(lower, total - K * price - 3 * K * margin - 4 * ROUNDING * total - TINY)
        stuck = by_chord and not few.number < found.number < many.number
        if few.number <= found.number < K:
            few = found
        elif K < found.number <= many.number:
            many = found
        if many.edges.size == 0 and (stuck or attempt == MOST_PRICES - 1):
            many = many._replace(edges=np.arange(table.size + 1))
        joined = edges if found.number == K else None
        if joined is None and many.edges.size:
            joined = spliced(few.edges, many.edges, K)
        if joined is not None and (cost := table.cost(joined)) <= least:
            best, least = joined, cost
        # Runs that are too few cost more than K.
        known_now = min(bound, least, found.cost if found.number < K else np.inf)
        is_near, bound = bound <= 2 * known_now, known_now
        if best is not None and least - lower <= SHARP * least:
            break
        if found.number == K:
            if any_price or (is_near and price <= least):
                break
            # The least price of K runs is what another run would gain, which is no more than they cost.
            price = min(price, least)
        elif not is_near:
            # With errors of a ceiling that was far too high they need not be the cheapest of their number.
            few, many = sides
            price, by_chord = _next_price(few, many, found, K, attempt)
        elif not stuck:
            price, by_chord = _next_price(few, many, found, K, attempt)
        else:
            break
    assert best is not None
    return Priced(best, least, min(lower, least), price)


def _next_price(few: _Side, many: _Side, last: _Side, K: int, attempt: int) -> tuple[float, bool]:
    """A price between those of too few and too many runs, and whether it is that of both.

    First as if the price fell as the cube of the number, as it does for many clusters, then by the chord:
    the price at which both are as cheap. If nothing is cheaper there, no number between has another price.
    """
    chord = (few.cost - many.cost) / (many.number - few.number)
    if attempt < MOST_GUESSES and many.number - few.number > 2:
        guess = last.price * (last.number / K) ** 3
        if many.price < guess < few.price:
            return guess, False
    return max(chord, TINY), True


def middle_price(bins: PrefixTable, K: int, price: float) -> float:
    """The middle of the prices at which there are K runs of bins, or ``price`` itself, one of them."""
    ends = []
    for factor in (1 - 1.5 / (K + 1), 1 + 1.5 / K):
        good, bad = price, price * factor
        for _ in range(HALVINGS):
            middle = float(np.sqrt(good * bad))
            edges, _ = bins.compiled.cheapest_runs(bins.rows, middle, np.inf, 0.0)
            good, bad = (middle, bad) if edges.size == K + 1 else (good, middle)
        ends.append(good)
    return float(np.sqrt(ends[0] * ends[1]))


def spliced(few: np.ndarray, many: np.ndarray, number: int) -> np.ndarray:
    """Edges of ``number`` runs, the first of ``few`` and the last of ``many``.

    The two are joined where a run of ``few`` holds one of ``many`` that is as many numbers further as runs
    are too many. By the Monge property what is joined, and what is left of both, cost no more than both: if
    both are cheapest at a price, so is what is joined.

    Args:
        few: ascending edges of fewer runs, shape ``(K₁ + 1,)``.
        many: ascending edges of more runs, shape ``(K₂ + 1,)``.
        number: K, from K₁ to K₂.
    """
    surplus = many.size - 1 - number
    last = int(np.argmax(few[1:] >= many[surplus + 1 : surplus + few.size]))
    return np.concatenate([few[: last + 1], many[last + 1 + surplus :]])
