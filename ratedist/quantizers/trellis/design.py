"""Paths, levels and lengths met by turns until they settle, at a price of a nat."""

from __future__ import annotations

import dataclasses

import numpy as np

from ratedist.quantizers.trellis.codebook import Codebook, Usage, refitted, usage
from ratedist.quantizers.trellis.lanes import in_order, lane_blocks

FAR = 2.0**20


@dataclasses.dataclass(frozen=True, eq=False)
class Fit:
    """A path with the levels that fit it: the best of some turns.

    Attributes:
        codebook: from which the next path would be found.
        symbols: uint16 of shape ``(N,)``, subset · CAPACITY + label.
        found: counts, centroids and costs of the path, in steps.
        objective: distortion + price · nats of labels and levels, in steps.
    """

    codebook: Codebook
    symbols: np.ndarray
    found: Usage
    objective: float


def drawn_near(steps: np.ndarray) -> np.ndarray:
    """Weights or levels with those beyond ``FAR`` steps at a distance that grows as its logarithm.

    There single precision cannot tell steps apart, and would end. Far ones keep their order and stay far.
    """
    size = np.abs(steps)
    if float(size.max()) <= FAR:
        return steps
    return np.where(size > FAR, np.sign(steps) * FAR * (1 + np.log(np.maximum(size, FAR) / FAR)), steps)


def best_path(
    weights: np.ndarray,
    importance: np.ndarray | None,
    codebook: Codebook,
    price: float,
    num_states: int,
    step: float = 1.0,
) -> np.ndarray:
    """Symbols of the path of least ``Σ h (w/step − c)² + price · nats``; levels are in steps."""
    from ratedist.quantizers.trellis.viterbi import cheapest_symbols  # of JAX, which commands start without

    levels = drawn_near(codebook.levels).astype(np.float32)
    prices = (price * codebook.lengths).astype(np.float32)
    blocks = lane_blocks(weights, importance, num_states, lambda own: drawn_near(own / step))
    found = ((own, cheapest_symbols(w, h, rows, levels, prices, num_states)) for own, w, h, rows in blocks)
    return in_order(found, weights.size, np.uint16)


def descended(
    weights: np.ndarray,
    importance: np.ndarray | None,
    codebook: Codebook,
    price: float,
    level_nats: float,
    num_states: int,
    turns: int,
    smallest_gain: float,
    step: float,
) -> Fit:
    """The best of at most ``turns`` turns; they end where one gains less than a part ``smallest_gain``.

    Weights are divided by ``step``. Each level that is used costs ``level_nats`` as well.
    """
    best: Fit | None = None
    for _ in range(turns):
        symbols = best_path(weights, importance, codebook, price, num_states, step)
        found = usage(codebook, symbols, weights, importance, step)
        codebook = refitted(codebook, found, level_nats)
        nats = found.nats + level_nats * np.count_nonzero(found.counts)
        objective = found.distortion + price * nats
        settled = best is not None and not objective < best.objective * (1 - smallest_gain)
        if best is None or objective < best.objective:
            best = Fit(codebook, symbols, found, objective)
        if settled:
            break
    assert best is not None  # of the first turn
    return best
