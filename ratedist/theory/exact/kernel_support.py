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

ROWS_TIMES_COLUMNS = 1_000_000
TABLE_POINTS = 800
TANGENT_STEPS = 4
LEAST_TANGENT = 0.05


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


def table_arguments(radius: np.ndarray, energy_scale: float) -> np.ndarray:
    """Arguments from 0 to the largest that ``kept_entries`` may ask for."""
    largest = energy_scale * float(np.max(radius)) * (1 + float(np.max(radius)))
    # 1/(2·LEAST_TANGENT) is the most by which a tangent multiplies β.
    largest /= 2 * LEAST_TANGENT
    return np.concatenate([[0.0], np.geomspace(1e-3, max(1.0, largest), TABLE_POINTS)])


def blocks(letters: RadialCells, radius: np.ndarray) -> Iterator[slice]:
    """Slices of the rows, small enough for dense work on a block."""
    size = max(1, ROWS_TIMES_COLUMNS // radius.size)
    for start in range(0, letters.probability.size, size):
        yield slice(start, start + size)


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

    Two upper bounds on ``ln K``: a plain one, dense, and one within a few nats of it where that may not do.
    By default the scale of a row is the largest of the second.
    """
    s2, c2, product = (
        column[rows, None] for column in (letters.sine_squared, letters.cosine_squared, letters.sine_cosine)
    )
    # Rounding alone can make the first negative.
    aligned = np.maximum(energy_scale * (radius**2 * c2 - 2 * radius * product + s2), 0.0)
    alpha, beta = energy_scale * radius**2 * s2, 2 * energy_scale * radius * product
    plain = laplace(alpha + beta / 2) - aligned

    def close(row: np.ndarray, column: np.ndarray) -> np.ndarray:
        shift, curvature = _tangent(alpha[row, column], beta[row, column], d)
        return laplace(curvature) - aligned[row, column] + shift

    every = np.arange(plain.shape[0])
    # Where the plain bound is largest, the close one is a bound from below on the largest close one.
    least = close(every, np.argmax(plain, axis=1)) if log_scale is None else log_scale[rows]
    row, column = np.nonzero(plain >= least[:, None] - depth)
    bound = np.minimum(plain[row, column], close(row, column))
    if log_scale is None:
        scale = np.full(every.size, -np.inf)
        np.maximum.at(scale, row, bound)
    else:
        scale = log_scale[rows]
    kept = bound >= scale[row] - depth
    row, column = row[kept], column[kept]
    return Entries(row, column, aligned[row, column], alpha[row, column], beta[row, column], scale)


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
    for rows in blocks(letters, radius):
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
