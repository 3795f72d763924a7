r"""Which entries of the kernel between source letters and reproduction radii matter: bounds on them, by row.

``λd = aligned + α(1 − t²) + β(1 − t)``, every term at least zero, and ``X = α(1 − t²) + β(1 − t)``. What is
known of the angle enters as a table of ``ln E_t exp(−a(1 − t²))``, convex in a, so that chords lie above it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
from scipy import special

from ratedist.theory.exact.radial_source import RadialCells

ROWS_PER_BLOCK = 1000
TABLE_POINTS = 800
TANGENT_STEPS = 4
LEAST_TANGENT = 0.05
LEAST_SQUARE = 1e-300


@dataclasses.dataclass(frozen=True, eq=False)
class LaplaceTable:
    """``log_values`` = upper bounds on ``ln E_t exp(−a(1 − t²))`` at the arguments a, both shape ``(m,)``."""

    argument: np.ndarray
    log_values: np.ndarray

    def __call__(self, argument: np.ndarray) -> np.ndarray:
        """An upper bound at other arguments: the chord, and beyond the last one the last value."""
        return np.interp(argument, self.argument, self.log_values)


@dataclasses.dataclass(frozen=True, eq=False)
class Entries:
    """Entries to evaluate, in row order, all of shape ``(k,)``, and the scale of each row of the block."""

    row: np.ndarray
    column: np.ndarray
    aligned: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray
    log_scale: np.ndarray

    def part(self, chosen: np.ndarray) -> Entries:
        """Those of the entries for which ``chosen``, shape ``(k,)``, holds."""
        return Entries(
            self.row[chosen],
            self.column[chosen],
            self.aligned[chosen],
            self.alpha[chosen],
            self.beta[chosen],
            self.log_scale,
        )


def table_arguments(radius: np.ndarray, energy_scale: float) -> np.ndarray:
    """Arguments from 0 to the largest that ``kept_entries`` may ask for."""
    largest = energy_scale * float(np.max(radius)) * (1 + float(np.max(radius)))
    # 1/(2·LEAST_TANGENT) is the most by which a tangent multiplies β.
    largest /= 2 * LEAST_TANGENT
    return np.concatenate([[0.0], np.geomspace(1e-3, max(1.0, largest), TABLE_POINTS)])


def blocks(letters: RadialCells) -> Iterator[slice]:
    """Slices of the rows: pieces of work between which time is looked at."""
    for start in range(0, letters.probability.size, ROWS_PER_BLOCK):
        yield slice(start, start + ROWS_PER_BLOCK)


def kept_entries(
    letters: RadialCells,
    rows: slice,
    radius: np.ndarray,
    energy_scale: float,
    d: int,
    laplace: LaplaceTable,
    depth: float,
    log_scale: np.ndarray | None,
) -> Entries:
    """The entries whose upper bound is not more than ``depth`` nats below the scale of their row.

    Of three upper bounds on ``ln K`` the last is within a few nats of it: ``−aligned`` leaves an interval of
    the radii, which rise; the plain one and the close one then choose among its entries. By default the scale
    of a row is the largest of the last two together.
    """
    s2, c2, product = letters.sine_squared[rows], letters.cosine_squared[rows], letters.sine_cosine[rows]

    def entries(row: np.ndarray, column: np.ndarray) -> Entries:
        rho = radius[column]
        # Rounding alone can make the first negative.
        aligned = np.maximum(energy_scale * (rho**2 * c2[row] - 2 * rho * product[row] + s2[row]), 0.0)
        alpha, beta = energy_scale * rho**2 * s2[row], 2 * energy_scale * rho * product[row]
        return Entries(row, column, aligned, alpha, beta, np.empty(0))

    def plain(of: Entries) -> np.ndarray:
        return laplace(of.alpha + of.beta / 2) - of.aligned

    def close(of: Entries) -> np.ndarray:
        shift, curvature = _tangent(of.alpha, of.beta, d)
        return laplace(curvature) - of.aligned + shift

    every = np.arange(s2.size)
    if log_scale is None:
        # Any entry's bound is one from below on the largest; near the likeliest radius it is a good one.
        nearest = np.searchsorted(radius, _likeliest_radius(s2, c2, product, energy_scale, d))
        least = np.full(every.size, -np.inf)
        for column in (np.zeros_like(nearest), nearest - 1, nearest):
            candidate = entries(every, np.clip(column, 0, radius.size - 1))
            least = np.maximum(least, np.minimum(plain(candidate), close(candidate)))
    else:
        least = log_scale[rows]
    candidates = entries(*_interval(s2, c2, product, radius, (depth - least) / energy_scale))
    candidates = candidates.part(plain(candidates) >= least[candidates.row] - depth)
    bound = np.minimum(plain(candidates), close(candidates))
    if log_scale is None:
        scale = np.full(every.size, -np.inf)
        np.maximum.at(scale, candidates.row, bound)
    else:
        scale = log_scale[rows]
    kept = candidates.part(bound >= scale[candidates.row] - depth)
    return dataclasses.replace(kept, log_scale=scale)


def _likeliest_radius(
    s2: np.ndarray, c2: np.ndarray, product: np.ndarray, energy_scale: float, d: int
) -> np.ndarray:
    """About the ρ at which K is largest: y = 1 − t² where ``−L s²y/(c² + s²y) + (d − 3)/2 · ln y`` is."""
    k = max(d - 3, 0) / 2
    y = np.ones_like(s2)
    if energy_scale > 4 * k:
        root = np.sqrt(energy_scale * (energy_scale - 4 * k))
        y = np.minimum(1.0, 2 * k / (energy_scale - 2 * k + root) * c2 / np.maximum(s2, LEAST_SQUARE))
    return np.sqrt(1 - y) * product / (c2 + s2 * y)


def _interval(
    s2: np.ndarray, c2: np.ndarray, product: np.ndarray, radius: np.ndarray, most: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns with ``ρ²c² − 2ρsc + s² ≤ most``, with a column to spare on either side."""
    half = np.sqrt(np.maximum(product**2 - c2 * (s2 - most), 0.0))
    first = np.maximum(np.searchsorted(radius, (product - half) / c2) - 1, 0)
    last = np.minimum(np.searchsorted(radius, (product + half) / c2) + 1, radius.size)
    count = np.maximum(last - first, 1)
    row = np.repeat(np.arange(s2.size), count)
    start = np.cumsum(count) - count
    return row, np.arange(row.size) - start[row] + np.minimum(first, radius.size - 1)[row]


def reached_range(
    letters: RadialCells, radius: np.ndarray, energy_scale: float, d: int, depth: float
) -> float:
    """About the largest ``−ln E exp(−X)`` among the entries a kernel of this depth keeps: sizes its rule.

    An estimate from closed forms; the errors that are reported rest on what the rule itself says afterwards.
    """
    if d == 1:
        return 0.0
    arguments = table_arguments(radius, energy_scale)
    laplace = LaplaceTable(arguments, _log_laplace_estimate(arguments, d))
    steepest = 0.0
    for rows in blocks(letters):
        entries = kept_entries(letters, rows, radius, energy_scale, d, laplace, depth, None)
        steepest = max(steepest, float(np.max(entries.alpha + entries.beta)))
    return float(-_log_laplace_estimate(np.array([steepest]), d)[0]) + 2


def _log_laplace_estimate(argument: np.ndarray, d: int) -> np.ndarray:
    """A lower bound on ``ln E_t exp(−ay)``, ``y = 1 − t² ~ Beta((d−1)/2, ½)``: its ``(1 − y)^{−½} ≥ 1``."""
    p = (d - 1) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        tail = np.log(special.gammainc(p, argument)) - p * np.log(argument)
    tail += special.gammaln(p) - special.betaln(p, 0.5)
    return np.maximum(-argument, np.where(np.isnan(tail), -np.inf, tail))


def _tangent(alpha: np.ndarray, beta: np.ndarray, d: int) -> tuple[np.ndarray, np.ndarray]:
    """b and a in ``X ≥ a(1 − t²) − b``, close to equality where the mean of exp(−X) comes from.

    ``1 − t ≥ (1 − t²)/2r − (1 − r)²/2r`` for every r > 0, with equality at t = r.
    """
    # The r at which cosh^{−(d−3)}τ exp(−X) peaks: the root of (2αr + β)(1 − r²) = (d − 3)r. The difference is
    # concave and negative at 1, so that Newton's method descends to the root from there.
    r, slack = np.ones_like(alpha), max(d - 3, 0)
    for _ in range(TANGENT_STEPS if slack > 0 else 0):
        linear, rest = 2 * alpha * r + beta, (1 - r) * (1 + r)
        r -= (linear * rest - slack * r) / (2 * alpha * rest - 2 * linear * r - slack)
        r = np.clip(r, LEAST_TANGENT, 1.0)
    return beta * (1 - r) ** 2 / (2 * r), alpha + beta / (2 * r)
