"""Bins of neighbouring weights in place of weights, and what that may cost."""

from __future__ import annotations

import dataclasses

import numpy as np

from ratedist.quantizers.scalar.run_table import ROUNDING
from ratedist.quantizers.scalar.statistics import SortedEntries


@dataclasses.dataclass(frozen=True, eq=False)
class Bins:
    """Bins as entries, each at its mean.

    Attributes:
        entries: the bins.
        product: largest mass times width of a bin.
        bulk: length of the hull of the bins of positive width.
        bulk_mass: Σh in it.
        displacement: square root of the sum over bins of mass times the squared rounding of the mean.
        longest: largest number of weights in a bin.
    """

    entries: SortedEntries
    product: float
    bulk: float
    bulk_mass: float
    displacement: float
    longest: int

    def loss(self, diameter: float, objective: float) -> float:
        """By how much the best objective over bins may exceed that over weights.

        If whole bins are assigned instead of weights, the cost of given centres c_1 < … < c_K grows by at
        most ``½ max_b (mass · width) (c_K − c_1)``: the better of the two ways to assign a bin that the
        threshold between c and c′ cuts adds at most 2(c′ − c)·mass·width/4. Only thresholds in the bulk
        count, the hull of the bins that have a width. With two of them the centres between are in the bulk
        and the outer ones no further from it than it is long; with one, all its mass A pays for the distance.
        What the rounding e of the means costs is ``2 Σ h |c − mean| e``, at most twice the root of the cost
        times ``displacement``.

        Args:
            diameter: bound on c_K − c_1 of the optimum over weights.
            objective: bound on its objective.
        """
        bulk = max(3 * self.bulk, 2 * self.bulk + 2 * np.sqrt(objective / self.bulk_mass))
        binning = self.product * min(diameter, bulk) / 2
        cost = objective + binning
        rounding = 2 * np.sqrt(cost) * self.displacement + (self.longest + 10) * ROUNDING * cost
        return float(binning + rounding) * (1 + 1e-9)


def binned(entries: SortedEntries, num_bins: int) -> Bins:
    """At most ``num_bins`` bins of the weights. Edges balance mass times width."""
    w, h = entries.position, np.ones(entries.size) if entries.mass is None else entries.mass
    edges = _edges(np.sqrt((h[1:] + h[:-1]) / 2) * np.sqrt(np.diff(w)), num_bins)
    first, count = edges[:-1], np.diff(edges)
    mass = np.add.reduceat(h, first)
    start = w[first]
    mean = start + np.add.reduceat(h * (w - np.repeat(start, count)), first) / mass
    # Rounding must not carry a mean out of its bin.
    mean = np.clip(mean, start, w[edges[1:] - 1])
    scatter = np.add.reduceat(h * (w - np.repeat(mean, count)) ** 2, first)
    width = w[edges[1:] - 1] - start
    wide = np.flatnonzero(count > 1)
    bulk = slice(wide[0], wide[-1] + 1)
    error = np.where(count > 1, ROUNDING * (np.abs(mean) + 2 * (count + 2) * width), 0.0)
    return Bins(
        SortedEntries(mean, mass, scatter),
        float(np.max(mass * width)),
        float(w[edges[wide[-1] + 1] - 1] - start[wide[0]]),
        float(np.sum(mass[bulk])),
        float(np.sqrt(np.sum(mass * error**2))),
        int(count.max()),
    )


def _edges(share: np.ndarray, num_bins: int) -> np.ndarray:
    """Edges of bins that hold the same sum of ``share`` between neighbours.

    No share counts for more than one bin: a weight far from all others ends one bin and begins another, and
    takes nothing from the rest.
    """
    size, cuts = share.size + 1, num_bins - 1
    largest = np.sort(np.partition(share, share.size - cuts)[share.size - cuts :])[::-1]
    # With t shares of a bin each the others hold what is left: t is the least for which none holds more.
    rest = np.partition(share, share.size - cuts)[: share.size - cuts].sum() + np.cumsum(largest[::-1])[::-1]
    held = rest / (cuts - np.arange(cuts))
    held = held[int(np.argmax(largest <= held))]
    position = np.concatenate([[0.0], np.cumsum(np.minimum(share / held, 1.0))])
    # Closer than one, so that a share that counts for a bin is cut.
    marks = np.arange(1, num_bins) * (cuts / num_bins)
    return np.unique(np.concatenate([[0], np.minimum(np.searchsorted(position, marks), size - 1), [size]]))
