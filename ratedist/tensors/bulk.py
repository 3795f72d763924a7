"""The error of most weights of a tensor, which a few huge ones or a mask constant cannot hide."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable

import numpy as np

from ratedist.theory.sources.cells import distinct

# Part of the mass that an interval has to hold, and the most that weights of one value count of it.
MOST, ONE_VALUE = 0.9, 0.002
# Weights that an interval is found from; of more, as many are drawn.
DRAWN = 1 << 20
CHUNK = 1 << 20
# Room for the rounding of sums of masses.
ROOM = 1e-12


@dataclasses.dataclass(frozen=True)
class Bulk:
    """The interval in which most weights of a tensor are, and a weight in its middle.

    Attributes:
        low: weights below it are outliers.
        high: weights above it are outliers.
        middle: median of the weights between.
    """

    low: float
    high: float
    middle: float

    @classmethod
    def of(cls, weights: np.ndarray, importance: np.ndarray | None = None) -> Bulk:
        r"""The bulk of a tensor.

        The shortest interval ``[a, b]`` that holds nine tenths of the weights, with as much again on either
        side: ``[2a − b, 2b − a]``. Here all weights of one value together count as two thousandths of the
        tensor at most. So neither a tenth of the weights, wherever they are, nor the values of masks, however
        many weights have them, move it far; and of a normal or a Laplace distribution it has nearly all.
        What more than a tenth of the weights do, with values of their own, is no outlier.

        Args:
            weights: shape ``(d,)``, of any floating-point type, finite.
            importance: h of shape ``(d,)``, not all zero: by which weights count; ``None`` for one each.

        Returns:
            ``Bulk``. Above a million weights it is found from a million of them, drawn at random with
            probabilities in proportion to h.
        """
        values, masses = _values(weights, importance)
        counted = np.minimum(masses, ONE_VALUE * masses.sum())
        after = np.cumsum(counted)
        before = after - counted
        last = np.searchsorted(after, before + MOST * after[-1] * (1 - ROOM))
        first = np.flatnonzero(last < values.size)
        with np.errstate(over="ignore"):
            lengths = values[last[first]] - values[first]
            place = first[np.argmin(lengths)]
            a, b = float(values[place]), float(values[last[place]])
            length = b - a
        inside = slice(
            int(np.searchsorted(values, a - length)), int(np.searchsorted(values, b + length, "right"))
        )
        mass = np.cumsum(masses[inside])
        middle = values[inside][np.searchsorted(mass, mass[-1] / 2)]
        return cls(a - length, b + length, float(middle))

    def error(
        self, weights: np.ndarray, importance: np.ndarray | None, pieces: Iterable[np.ndarray]
    ) -> float:
        r"""``Σ h(w − ŵ)² / Σ h(w − w̄)²`` over the weights w of the bulk, w̄ their mean.

        One is what a constant in the place of all of them would have. For a bulk of one value, which has no
        spread, the denominator is ``Σ hw²``.

        Args:
            weights: shape ``(d,)``.
            importance: as ``of``.
            pieces: ŵ in the order of the weights.

        Returns:
            0 where nothing is lost, else above, ∞ where a bulk of zeros is lost.
        """
        # In units in which squares are neither too large nor too small.
        largest = max(self.high - self.middle, self.middle - self.low)
        unit = min(largest, np.finfo(np.float64).max) or abs(self.middle) or 1.0
        scale = math.ldexp(1.0, -math.frexp(unit)[1]) if unit > 1e-290 else 1e290
        sums, position = np.zeros(4), 0
        for piece in pieces:
            rows = slice(position, position + piece.size)
            position += piece.size
            w = weights[rows].astype(np.float64)
            h = np.ones(1) if importance is None else importance[rows].astype(np.float64)
            inside = (w >= self.low) & (w <= self.high)
            if not inside.all():
                w, piece, h = w[inside], piece[inside], h if importance is None else h[inside]
            h = np.broadcast_to(h, w.shape)
            difference = scale * (w - self.middle)
            with np.errstate(over="ignore"):
                error = scale * (w - piece.astype(np.float64))
                sums += [h.sum(), h @ difference, h @ difference**2, h @ error**2]
        mass, first, second, error = sums
        if error == 0:
            return 0.0
        spread = second - first * (first / mass)
        if spread <= 0:
            spread = mass * (scale * self.middle) ** 2
        return float(error / spread) if spread > 0 else math.inf


def _values(weights: np.ndarray, importance: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Ascending values, and the mass of each; of many weights those of a million."""
    if weights.size > DRAWN:
        weights, importance = weights[_drawn(weights.size, importance)], None
    if importance is None:
        values, counts = distinct(weights)
        return values, counts.astype(np.float64)
    counts_for = importance > 0
    values, places = np.unique(weights[counts_for], return_inverse=True)
    h = importance[counts_for].astype(np.float64)
    return values.astype(np.float64), np.bincount(places.reshape(-1), h / h.max())


def _drawn(size: int, importance: np.ndarray | None) -> np.ndarray:
    """Indices of weights, one from each of so many parts of equal mass."""
    points = (np.arange(DRAWN) + np.random.default_rng(0).random(DRAWN)) / DRAWN
    if importance is None:
        return np.minimum((points * size).astype(np.int64), size - 1)
    totals = [
        float(importance[start : start + CHUNK].astype(np.float64).sum()) for start in range(0, size, CHUNK)
    ]
    ends = np.cumsum(totals)
    points *= ends[-1]
    chunk_of = np.minimum(np.searchsorted(ends, points, "right"), ends.size - 1)
    drawn = []
    for number in np.unique(chunk_of):
        start = int(number) * CHUNK
        mass = np.cumsum(importance[start : start + CHUNK].astype(np.float64))
        inside = points[chunk_of == number] - (ends[number] - totals[number])
        # The first weight whose mass is not behind the point: none without importance.
        place = np.searchsorted(mass, np.clip(inside, 0.0, mass[-1]), "right")
        drawn.append(start + np.minimum(place, np.searchsorted(mass, mass[-1])))
    return np.concatenate(drawn)
