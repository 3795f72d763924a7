r"""How few bits a given mean squared error needs for numbers that are at hand: R(D) of their own law.

The law puts 1/N on each of N numbers, as if each were drawn anew from all of them. They are counted in cells
much narrower than the error, and both ends of the bracket count what that loses: see
:mod:`ratedist.theory.sources.line_dual`. Nothing is assumed of a density behind the numbers. So R(D) ends at
the entropy of their values, which is what they cost without an error, where Shannon's lower bound for a
density goes on to infinity. With importances see :mod:`ratedist.theory.sources.weighted_cells`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr

from ratedist import _checks
from ratedist.theory.sources.brackets import Limit
from ratedist.theory.sources.cells import cells_of
from ratedist.theory.sources.line_dual import CELL, Line, line_at, steepest
from ratedist.theory.sources.line_search import distortion_between, rate_between
from ratedist.theory.sources.weighted_cells import weighted_law

# Cells at most, and their width over √D, which no kernel is narrower than: for a narrow bracket, and for a
# good lower end.
MOST_CELLS, FINE, COARSE = 1 << 17, 1 / 64, 1 / 16
# Numbers so many times the root of D are not told apart from their neighbours by float64.
FARTHEST = 2.0**40
# Nats: wanted of a bracket.
TOLERANCE = 5e-4
# Deviations and errors whose squares are float64.
SMALLEST, LARGEST = 1e-150, 1e150
# A smaller error needs no fewer bits.
LEAST = 1e-300


def numbers_rate_limit(
    numbers: ArrayLike,
    distortion: float,
    num_bins: int = MOST_CELLS,
    importance: ArrayLike | None = None,
) -> Limit:
    """R(D) in nats a number of the law of given numbers, squared error, bracketed.

    With importances h the error is the mean of ``h(x − y)²``. The bracket is then that of R(D) where both
    ends know the importance of each number, but for a factor of √2. Where numbers are few the factor is
    larger. A decoder that knows less needs no less. For it the lower end is a lower bound, and the upper
    end none.

    Args:
        numbers: any shape, finite, not all equal. Their order carries no information here.
        distortion: D above 0 and below the variance of the numbers, a mean square in their own units. With
            importances below what is left at rate 0.
        num_bins: at most so many cells, which are wider then.
        importance: h of the shape of ``numbers``, at least 0, not all 0; ``None`` for equal ones.

    Returns:
        The bracket, 7e-4 bit wide or so up to ten bits; wider beside far outliers at tiny errors.

    Raises:
        ValueError: numbers that are none, not finite or all equal; D out of range; importances that are none.

    Cost: a tenth of a second for a million numbers at four bits, half a second at seven; with importances
    some seconds.

    Source: docs/audit.md.

    Example:
        >>> import ratedist as rd
        >>> limit = rd.theory.numbers_rate_limit([-1.0, 1.0], 0.1)
        >>> round(rd.units.nats_to_bits(limit.lower), 3)
        0.828
    """
    x = checked_numbers(numbers)
    D = _checks.positive_number("distortion", distortion)
    count = _checks.integer("num_bins", num_bins, 2)
    h = None if importance is None else _importance(importance, np.shape(numbers))
    found = rate_limit_of(x, D, h, num_cells=count)
    if found is None:
        raise ValueError(
            "distortion must be below the variance of the numbers, by their importances, which needs no "
            f"bits, got {distortion:g}"
        )
    return found


def rate_limit_of(
    x: np.ndarray,
    distortion: float,
    importance: np.ndarray | None = None,
    tolerance: float = TOLERANCE,
    num_cells: int = MOST_CELLS,
    *,
    upper: bool = True,
) -> Limit | None:
    """``numbers_rate_limit`` of checked numbers of any floating-point type, in pieces; ``None`` for rate 0.

    Args:
        x: shape ``(d,)``.
        distortion: D above 0.
        importance: shape ``(d,)``, or ``None``.
        tolerance: nats, wanted of the bracket.
        num_cells: at most.
        upper: whether the upper end matters; else only the lower one is good.
    """
    largest, finest = float(np.abs(x).max()), FINE if upper else COARSE
    heaviest = 1.0 if importance is None else float(importance.max())
    # In units of the largest importance, which may be at an end of float64.
    D = distortion / heaviest
    if importance is not None and LEAST > D:
        found = rate_limit_of(x, 2 * LEAST * heaviest, importance, tolerance, num_cells, upper=False)
        return None if found is None else Limit(found.lower, math.inf)
    unit = math.sqrt(D)
    if largest <= unit:
        return None
    if largest > FARTHEST * unit:
        near = np.abs(x) <= FARTHEST * unit
        if near.any():
            # Ends that are told which numbers are far need no more bits, and spend all of D on the others.
            share = float(np.count_nonzero(near)) / x.size
            h = None if importance is None else importance[near]
            found = None
            if h is None or h.any():
                found = rate_limit_of(x[near], distortion / share, h, tolerance, num_cells, upper=False)
            low = 0.0 if found is None else share * found.lower
            # Nor does a larger error, at which float64 tells all apart.
            larger = (1.001 * largest / FARTHEST) ** 2 * heaviest
            found = None
            if larger < LARGEST**2:
                found = rate_limit_of(x, larger, importance, tolerance, num_cells, upper=False)
            low = max(low, 0.0 if found is None else found.lower)
            return Limit(low, math.inf if importance is not None else max(low, values_entropy(x)))
    narrowest = max(largest / FARTHEST / 16, SMALLEST)
    if importance is not None:
        law = weighted_law(x, importance, D, max(finest, 2 * FINE), num_cells, narrowest)
        if law.variance <= D:
            return None
        return rate_between(
            lambda slope: law.line(slope, tolerance / 2),
            D,
            law.variance,
            law.steepest,
            tolerance,
            law.all_told,
            start=law.gaussian_slope(D),
            upper=upper,
        )
    cells = cells_of(x, max(finest * unit, narrowest)).at_most(num_cells)
    if cells.spread <= D:
        return None
    found = rate_between(
        lambda slope: line_at(cells, slope, tolerance / 2),
        D,
        cells.spread,
        steepest(cells),
        tolerance,
        (cells.within, cells.entropy),
        upper=upper,
    )
    if upper and found.upper == math.inf:
        return Limit(found.lower, max(values_entropy(x), found.lower))
    return found


def numbers_distortion_limit(numbers: ArrayLike, rate: float, num_bins: int = MOST_CELLS) -> Limit:
    """D(R) of the law of given numbers in their own units squared: the inverse of ``numbers_rate_limit``.

    Args:
        numbers: any shape, finite, not all equal.
        rate: R above 0 in nats a number. From the entropy of their values on D is 0.
        num_bins: at most so many cells.

    Returns:
        The bracket.

    Raises:
        ValueError: as :func:`numbers_rate_limit`.

    Source: docs/audit.md.

    Example:
        >>> import ratedist as rd
        >>> limit = rd.theory.numbers_distortion_limit([-1.0, 1.0], rd.units.bits_to_nats(0.828))
        >>> round(limit.lower, 3)
        0.1
    """
    R = _checks.positive_number("rate", rate)
    x, count = checked_numbers(numbers), _checks.integer("num_bins", num_bins, 2)
    if values_entropy(x) <= R:
        return Limit(0.0, 0.0)
    variance = _deviation(x) ** 2
    narrowest = max(float(np.abs(x).max()) / FARTHEST / 16, SMALLEST)
    cells = cells_of(x, max(FINE * math.sqrt(variance) * math.exp(-R), narrowest)).at_most(count)

    def line(slope: float) -> Line:
        # A discrete law may need slopes that are much steeper than those of a Gaussian.
        nonlocal cells
        if slope > steepest(cells) and cells.mass.size < count:
            cells = cells_of(x, max(CELL / 4 / math.sqrt(2 * slope), narrowest)).at_most(count)
        return line_at(cells, min(slope, steepest(cells)), TOLERANCE / 2)

    return distortion_between(line, R, variance, TOLERANCE)


def values_entropy(numbers: ArrayLike) -> float:
    """Entropy in nats of the values that numbers have: what they cost without any error."""
    _, counts = np.unique(_checks.real_array("numbers", numbers), return_counts=True)
    return float(np.sum(entr(counts / counts.sum())))


def checked_numbers(numbers: ArrayLike) -> np.ndarray:
    """A float64 vector; ``ValueError`` where numbers do not differ, or their variance is beyond float64."""
    x = _checks.real_array("numbers", numbers).ravel()
    if x.size == 0 or x.min() == x.max():
        raise ValueError(f"numbers must be at least two that differ, got {x.size} of one value at most")
    if not SMALLEST < _deviation(x) < LARGEST:
        raise ValueError(
            f"numbers must have a variance in the range of float64, got a largest of {np.abs(x).max():g}"
        )
    return x


def _deviation(x: np.ndarray) -> float:
    scale = float(np.abs(x).max())  # squares neither overflow nor vanish
    return scale * float(np.std(x / scale))


def _importance(importance: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    h = _checks.in_range("importance", importance, high=LARGEST)
    if h.shape != shape or not h.any():
        raise ValueError(f"importance must have the shape {shape} of the numbers, and not be all zero")
    return h.ravel()
