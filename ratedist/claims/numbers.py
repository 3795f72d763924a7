"""What gathering evidence gives: numbers, and what a claim asserts of each. Nothing here judges."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ratedist.estimate import Estimate

# An equality is confirmed once the interval is within this part of the size of the predicted quantity.
RESOLUTION = 0.05


class Relation(enum.StrEnum):
    """What a claim asserts of an estimate and its prediction."""

    EQUAL = "="
    AT_MOST = "≤"
    AT_LEAST = "≥"


class Course(enum.StrEnum):
    """What a claim asserts of a sequence along a rising parameter."""

    VANISHES = "tends to 0"
    GROWS = "grows without bound"
    BOUNDED = "stays bounded"


EQUAL, AT_MOST, AT_LEAST = Relation.EQUAL, Relation.AT_MOST, Relation.AT_LEAST


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One number, and what a claim asserts of it: ``estimate`` = (≤, ≥) ``prediction``.

    Attributes:
        measured: what it is a number of.
        relation: what is asserted.
        prediction: what the claim says.
        estimate: what was found.
        error: bound on the numerical error of a computed estimate (certified gap, accuracy of a quadrature),
            or half a unit of the last digit of a prediction that is quoted.
        standard_error: of a simulated estimate, else ``None``.
        num_trials: independent trials behind ``standard_error``.
        skewness: of one trial where it is known, else 0.
        scale: the size of the quantity, which an equality is resolved against; ``None`` for |prediction|.
        resolution: the part of the scale that an equality has to be known to.
        is_share: whether the estimate is a share of the trials: its interval is Hoeffding's.
    """

    measured: str
    relation: Relation
    prediction: float
    estimate: float
    error: float = 0.0
    standard_error: float | None = None
    num_trials: int | None = None
    skewness: float = 0.0
    scale: float | None = None
    resolution: float = RESOLUTION
    is_share: bool = False


@dataclasses.dataclass(frozen=True)
class Trend:
    """Numbers along a parameter that goes to its limit, and what a claim asserts of their course.

    Attributes:
        measured: what they are numbers of.
        course: what is asserted.
        parameters: rising, at least three; of equal ratios where growth is asserted or denied.
        values: at least 0 where they are to vanish: sizes of violations.
        errors: bounds on the error of each value.
    """

    measured: str
    course: Course
    parameters: tuple[float, ...]
    values: tuple[float, ...]
    errors: tuple[float, ...]


Check = Comparison | Trend


@dataclasses.dataclass(frozen=True)
class Numbers:
    """Everything that one claim is judged by.

    Attributes:
        checks: the claim asserts all of them.
        premise: its premise asserts all of these; empty where it is met by construction.
        comment: what a reader should know beside the verdict.
        missing: what could not be found at all; then there are no checks.
    """

    checks: tuple[Check, ...]
    premise: tuple[Check, ...] = ()
    comment: str = ""
    missing: str = ""

    @property
    def num_simulated(self) -> int:
        """Comparisons that may come out wrong by chance."""
        return sum(
            isinstance(check, Comparison) and check.standard_error is not None
            for check in (*self.checks, *self.premise)
        )


def computed(measured: str, relation: Relation, prediction: float, value: float, error: float) -> Comparison:
    """A number known to within ``error``: a certified gap, or the accuracy of a quadrature."""
    return Comparison(measured, relation, float(prediction), float(value), float(error))


def simulated(
    measured: str,
    relation: Relation,
    prediction: float,
    estimate: Estimate,
    scale: float | None = None,
    resolution: float = RESOLUTION,
    error: float = 0.0,
    skewness: float = 0.0,
) -> Comparison:
    """A Monte Carlo mean; the skewness of its trials is the estimate's own, or what is known of it."""
    return Comparison(
        measured,
        relation,
        float(prediction),
        estimate.mean,
        error,
        estimate.sem,
        estimate.num_trials,
        getattr(estimate, "skewness", skewness),
        scale,
        resolution,
    )


def share(
    measured: str, relation: Relation, prediction: float, successes: int, num_trials: int
) -> Comparison:
    """A share of independent trials."""
    part = successes / num_trials
    return Comparison(
        measured,
        relation,
        float(prediction),
        part,
        0.0,
        (part * (1 - part) / num_trials) ** 0.5,
        num_trials,
        is_share=True,
    )


def trend(
    measured: str,
    course: Course,
    parameters: ArrayLike,
    values: ArrayLike,
    errors: ArrayLike = 0.0,
) -> Trend:
    """A sequence, by one error for all or one for each."""
    found = np.asarray(values, dtype=float)
    each = np.broadcast_to(np.asarray(errors, dtype=float), found.shape)
    rising = np.asarray(parameters, dtype=float)
    return Trend(measured, course, tuple(rising.tolist()), tuple(found.tolist()), tuple(each.tolist()))


def numbers(checks: Sequence[Check], comment: str = "", premise: Sequence[Check] = ()) -> Numbers:
    """What a claim is judged by."""
    return Numbers(tuple(checks), tuple(premise), comment)
