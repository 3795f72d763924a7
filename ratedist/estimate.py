"""Monte Carlo estimates: a mean never travels without its standard error."""

from __future__ import annotations

import dataclasses
import math
import re
import warnings

import numpy as np
from scipy.special import stdtrit

from ratedist import _checks

# Format specifications that lay out the text as a whole rather than its two numbers: "", ">30", "^40s".
LAYOUT = re.compile(r"(.?[<>^])?\d*s?")
# More digits than these of a float64 are rounding.
MOST_DIGITS = 15
# Values at a time of which all differences are taken: more of them leave the processor's cache.
MOST_AT_ONCE = 1024


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A Monte Carlo mean, the standard error of that mean, and the number of trials behind both.

    ``sem`` is zero for a quantity that does not vary or is known exactly, NaN from a single trial. ``note``
    says what a reader must know beside the number, such as a standard error that estimates an infinite
    variance. As text the error has two digits, and the mean none that is finer. A format such as
    ``f"{estimate:.3f}"`` is applied to both, a width such as ``f"{estimate:>30}"`` to the whole.
    """

    mean: float
    sem: float
    num_trials: int
    note: str = ""

    def __str__(self) -> str:
        return self._noted(_with_error(self.mean, self.sem))

    def __format__(self, specification: str) -> str:
        if LAYOUT.fullmatch(specification):
            return format(str(self), specification)
        return self._noted(f"{self.mean:{specification}} ± {self.sem:{specification}}")

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Confidence interval ``mean ± t·sem``, t the quantile of Student's law at num_trials − 1.

        Its coverage is ``level`` for normal values and tends to it with the number of trials for any of
        finite variance. Where ``note`` says why it falls short, a warning repeats the note.

        Args:
            level: between 0 and 1.

        Returns:
            The lower and the upper end, in the unit of ``mean``; both are the mean where ``sem`` is 0.

        Raises:
            ValueError: a level outside (0, 1), or a standard error that is NaN, as from a single trial.
        """
        probability = float(_checks.real_array("level", level)) if np.ndim(level) == 0 else math.nan
        if not 0 < probability < 1:
            raise ValueError(f"level must be one number strictly between 0 and 1, got {level!r}")
        if math.isnan(self.sem):
            raise ValueError(
                f"an interval needs a standard error, and so at least 2 trials, got {self.num_trials}"
            )
        if self.note:
            warnings.warn(self.note, stacklevel=2)
        if self.sem == 0:
            return self.mean, self.mean
        reach = float(stdtrit(self.num_trials - 1, (1 + probability) / 2)) * self.sem
        return self.mean - reach, self.mean + reach

    def _noted(self, text: str) -> str:
        return f"{text} ({self.note})" if self.note else text

    def standard_errors_from(self, value: float) -> float:
        """How many standard errors the mean lies above ``value`` (0 if they are equal)."""
        difference = self.mean - value
        if difference == 0:
            return 0.0
        return difference / self.sem if self.sem else math.copysign(math.inf, difference)


@dataclasses.dataclass(frozen=True, eq=False)
class Moments:
    """Streaming means, centred second moments and maxima of named columns, in float64.

    ``squares`` is the sum of squared deviations of each column, and ``difference_squares[i, j]`` that of
    column i minus column j: paired differences keep all their digits, which variance minus covariance
    would lose. Batches merge by the update of Chan, Golub and LeVeque, so that memory does not grow with
    the number of trials and the result depends on their order only through rounding.
    """

    names: tuple[str, ...]
    count: int
    mean: np.ndarray
    squares: np.ndarray
    difference_squares: np.ndarray
    maximum: np.ndarray

    @classmethod
    def of(cls, names: tuple[str, ...], values: np.ndarray) -> Moments:
        """Moments of one batch, ``values`` of shape ``(num_trials, len(names))``."""
        if values.ndim != 2 or values.shape[1] != len(names) or values.shape[0] == 0:
            raise ValueError(f"values must have shape (num_trials, {len(names)}), got {values.shape}")
        columns = np.ascontiguousarray(values.T, dtype=np.float64)
        # The rounded mean of equal values may be another value, and they would seem to vary.
        constant = columns.min(axis=1) == columns.max(axis=1)
        mean = np.where(constant, columns[:, 0], columns.mean(axis=1))
        centred = columns - mean[:, None]
        difference_squares = np.zeros((len(names), len(names)))
        for start in range(0, values.shape[0], MOST_AT_ONCE):
            some = centred[:, start : start + MOST_AT_ONCE]
            for i in range(len(names) - 1):
                differences = some[i + 1 :] - some[i]
                difference_squares[i, i + 1 :] += np.einsum("ij,ij->i", differences, differences)
        difference_squares += difference_squares.T
        return cls(
            names,
            columns.shape[1],
            mean,
            np.sum(centred**2, axis=1),
            difference_squares,
            columns.max(axis=1),
        )

    def merge(self, other: Moments) -> Moments:
        """Moments of the two sets of trials together, which must be of the same columns."""
        if other.names != self.names:
            raise ValueError(f"moments of {self.names} cannot be merged with those of {other.names}")
        count = self.count + other.count
        shift = other.mean - self.mean
        weight = self.count * other.count / count
        pairwise_shift = shift[:, None] - shift[None, :]
        return Moments(
            self.names,
            count,
            self.mean + shift * (other.count / count),
            self.squares + other.squares + weight * shift**2,
            self.difference_squares + other.difference_squares + weight * pairwise_shift**2,
            np.maximum(self.maximum, other.maximum),
        )

    def estimate(self, name: str) -> Estimate:
        """Mean of one column with its standard error."""
        column = self.names.index(name)
        return Estimate(float(self.mean[column]), self._sem(self.squares[column]), self.count)

    def difference(self, name: str, other: str) -> Estimate:
        """Mean of one column minus another, with the standard error of the paired difference."""
        i, j = self.names.index(name), self.names.index(other)
        return Estimate(
            float(self.mean[i] - self.mean[j]), self._sem(self.difference_squares[i, j]), self.count
        )

    def _sem(self, squares: float) -> float:
        return math.sqrt(squares / (self.count - 1) / self.count) if self.count > 1 else math.nan


def _with_error(mean: float, sem: float) -> str:
    """``mean ± sem`` with two digits of the error, and the mean to the same decimal place."""
    if not math.isfinite(mean) or not math.isfinite(sem) or sem <= 0:
        return f"{mean:.6g} ± {sem:.2g}"
    scale = _exponent(max(abs(mean), sem))
    # Significant digits behind the first one of the larger number.
    digits = scale - _exponent(sem) + 1
    if digits > MOST_DIGITS - 1:  # an error below rounding
        return f"{mean:.6g} ± {sem:.2g}"
    if -5 < scale < 7:
        places = digits - scale
        # Adding 0.0 turns −0.0 into 0.0.
        rounded = round(mean, places) + 0.0, round(sem, places)
        return " ± ".join(f"{value:.{max(places, 0)}f}" for value in rounded)
    mantissas = (f"{round(value / 10.0**scale, digits) + 0.0:.{digits}f}" for value in (mean, sem))
    return f"({' ± '.join(mantissas)})e{scale:+03d}"


def _exponent(value: float) -> int:
    """Decimal exponent of a positive number once it is rounded to two digits."""
    return int(f"{value:.1e}".split("e")[1])
