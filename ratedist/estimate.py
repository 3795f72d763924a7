"""Monte Carlo estimates: a mean never travels without its standard error."""

from __future__ import annotations

import dataclasses
import math

import numpy as np


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A Monte Carlo mean, the standard error of that mean, and the number of trials behind both.

    ``sem`` is zero for a quantity that does not vary or is known exactly, NaN from a single trial.
    ``note`` says what a reader must know beside the number, such as a standard error that estimates an
    infinite variance.
    """

    mean: float
    sem: float
    num_trials: int
    note: str = ""

    def __str__(self) -> str:
        text = f"{self.mean:.6g} ± {self.sem:.2g}"
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
        columns = np.ascontiguousarray(values.T, dtype=np.float64)
        mean = columns.mean(axis=1)
        centred = columns - mean[:, None]
        difference_squares = np.stack([np.sum((one - centred) ** 2, axis=1) for one in centred])
        return cls(
            names,
            columns.shape[1],
            mean,
            np.sum(centred**2, axis=1),
            difference_squares,
            columns.max(axis=1),
        )

    def merge(self, other: Moments) -> Moments:
        """Moments of the two sets of trials together."""
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
