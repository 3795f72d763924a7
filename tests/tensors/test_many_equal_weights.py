"""Half-precision weights of which many are equal: NumPy does not sort them on every processor."""

import numpy as np
import pytest

from ratedist.tensors.bulk import Bulk
from ratedist.tensors.limit import limit_of
from ratedist.theory.sources.cells import distinct

QUARTERS = np.round(4 * np.random.default_rng(0).normal(size=6000)).astype(np.int64)
WEIGHTS = (QUARTERS / 4).astype(np.float16)


def test_values_are_counted_once_each() -> None:
    """Beside the counts of whole numbers."""
    values, counts = distinct(WEIGHTS)
    of_whole = np.bincount(QUARTERS - QUARTERS.min())
    assert np.array_equal(counts, of_whole[of_whole > 0])
    assert np.array_equal(4 * values, np.flatnonzero(of_whole) + QUARTERS.min())


def test_without_an_error_they_need_the_entropy_of_their_values() -> None:
    p = np.bincount(QUARTERS - QUARTERS.min()) / QUARTERS.size
    limit = limit_of(WEIGHTS, 0.0)
    assert limit is not None
    assert limit.lower == pytest.approx(-float(np.sum(p[p > 0] * np.log(p[p > 0]))), rel=1e-12)


def test_their_bulk_and_their_limits_are_those_of_wider_numbers() -> None:
    wide, h = WEIGHTS.astype(np.float64), (WEIGHTS**2 + np.float16(1)).astype(np.float16)
    assert Bulk.of(WEIGHTS) == Bulk.of(wide)
    assert limit_of(WEIGHTS, 0.05, h) == limit_of(wide, 0.05, h.astype(np.float64))
