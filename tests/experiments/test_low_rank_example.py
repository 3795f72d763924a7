"""The two examples of low rank: the risks that the notes give, and least squares in closed form."""

import numpy as np
import pytest

from ratedist.estimate import Estimate
from ratedist.experiments import low_rank_example as example
from tests.statistics import assert_agrees

TRIALS = 100


def estimate(values: np.ndarray) -> Estimate:
    return Estimate(float(values.mean()), float(values.std(ddof=1) / len(values) ** 0.5), len(values))


@pytest.fixture(scope="module")
def unequal() -> dict:
    return example.excess_risks(example.unequal_noise(), (1, 2, 3, 4), TRIALS, seed=1)


@pytest.fixture(scope="module")
def correlated() -> dict:
    return example.excess_risks(example.correlated_inputs(), (3,), TRIALS, seed=1)


def test_least_squares_has_its_closed_form(unequal, correlated):
    """tr MΓ · d/(n − d − 1)."""
    assert_agrees(estimate(unequal["erm"]), 20 * 50 / 29, max_sem=0.5)
    assert_agrees(estimate(correlated["erm"]), 50 / 29, max_sem=0.025)


def test_the_given_risks_of_unequal_noise(unequal):
    given = example.UNEQUAL_NOISE
    assert_agrees(estimate(unequal["erm"]), given.erm, max_sem=0.5)
    assert_agrees(estimate(unequal["plain", 1]), given.plain_rank_one, max_sem=0.4)
    assert_agrees(estimate(unequal["plain", 3]), given.plain, max_sem=0.5)
    assert_agrees(estimate(unequal["inputs", 3]), given.inputs, max_sem=0.25)
    assert_agrees(estimate(unequal["information", 3]), given.information, max_sem=0.2)


def test_information_has_its_minimum_at_the_true_rank_and_plain_at_one(unequal):
    for metric, best in (("information", 3), ("plain", 1)):
        for rank in {1, 2, 3, 4} - {best}:
            difference = estimate(unequal[metric, rank] - unequal[metric, best])
            assert difference.mean > 4 * difference.sem


def test_the_given_risks_of_correlated_inputs(correlated):
    given = example.CORRELATED_INPUTS
    assert_agrees(estimate(correlated["erm"]), given.erm, max_sem=0.025)
    assert_agrees(estimate(correlated["plain", 3]), given.plain, max_sem=0.06)
    assert_agrees(estimate(correlated["information", 3]), given.information, max_sem=0.006)
    worse = estimate(correlated["plain", 3] - correlated["erm"])
    assert worse.mean > 4 * worse.sem
    # Equal noise: both metrics are the same.
    np.testing.assert_allclose(correlated["information", 3], correlated["inputs", 3], rtol=1e-9)
