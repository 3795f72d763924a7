"""Limits by importances of any unit, of hundreds of decades, and none where numbers are near."""

import numpy as np
import pytest

import ratedist as rd
from ratedist.tensors.limit import limit_of
from ratedist.theory.sources.numbers import rate_limit_of

GENERATOR = np.random.default_rng(0)
NORMAL = GENERATOR.normal(size=300)


@pytest.mark.parametrize("decades", [20, 150, 323])
def test_what_weighs_next_to_nothing_is_as_good_as_nothing(decades: int) -> None:
    weights = NORMAL[:60]
    h = np.where(np.arange(60) < 30, 1.0, 10.0 ** -GENERATOR.uniform(decades - 0.5, decades, 60))
    found, without = limit_of(weights, 0.01, h), rd.theory.numbers_rate_limit(weights[:30], 0.02)
    assert found is not None
    assert found.lower == pytest.approx(without.lower / 2, abs=2e-3)


@pytest.mark.parametrize("unit", [2.0**-1000, pytest.param(2.0**-200, marks=pytest.mark.slow), 2.0**500])
def test_the_unit_of_importances_does_not_matter(unit: float) -> None:
    h = GENERATOR.choice([0.5, 1.0, 4.0], NORMAL.size)
    found = rate_limit_of(NORMAL, 0.01 * unit, unit * h)
    assert found is not None
    assert found == rate_limit_of(NORMAL, 0.01, h)


@pytest.mark.parametrize("largest", [5e-324, 1.5e-323, 1e-310])
def test_importances_that_are_no_normal_numbers(largest: float) -> None:
    """One class that is told has one curve: of five numbers in six, at their error."""
    numbers, h = 1e32 * NORMAL[:6], np.array([largest] * 5 + [0.0])
    variance = largest * float(np.var(numbers[:5])) * 5 / 6
    for part in (0.5, 1 - 1e-9, 1.0):
        found = limit_of(numbers, part * variance, h)
        assert found is not None
        assert found.lower == pytest.approx(
            limit_of(numbers[:5], part * float(np.var(numbers[:5]))).lower * 5 / 6, abs=2e-3
        )


def test_far_numbers_matter_where_the_near_have_no_importance() -> None:
    """Fifty numbers whose neighbours are 10¹¹ errors away, or farther, are all told apart."""
    numbers = np.concatenate([NORMAL[:50], 1e13 * np.arange(1, 51)])
    found = limit_of(numbers, 1e-4, np.repeat([0.0, 1.0], 50))
    assert found is not None
    assert found.lower == pytest.approx(np.log(50) / 2, abs=2e-3)
