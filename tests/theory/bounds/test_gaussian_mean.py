"""The Gaussian mean: closed forms against simulation, and the individual-sample bound against the truth."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratedist.estimate import Estimate
from ratedist.theory.bounds.gaussian_mean import (
    gaussian_mean_generalization_error,
    gaussian_mean_individual_bound,
    gaussian_mean_individual_information,
)
from tests.statistics import assert_agrees


def test_generalization_error_by_simulation():
    rng, d, n, variance = np.random.default_rng(0), 3, 5, 2.0
    Z = 4.0 + math.sqrt(variance) * rng.standard_normal((100_000, n, d))
    W = Z.mean(axis=1)
    population = d * variance + np.sum((W - 4.0) ** 2, axis=1)
    empirical = np.mean(np.sum((Z - W[:, None]) ** 2, axis=2), axis=1)
    gap = population - empirical
    estimate = Estimate(float(gap.mean()), float(gap.std(ddof=1) / math.sqrt(gap.size)), gap.size)
    assert_agrees(estimate, gaussian_mean_generalization_error(d, n, variance), max_sem=0.02)


@pytest.mark.parametrize(("d", "n"), [(1, 2), (1, 10), (4, 3)])
def test_information_from_the_covariance_of_mean_and_sample(d, n):
    # (W, Z_i) has coordinates of covariance [[1/n, 1/n], [1/n, 1]]: I = −½ ln(1 − 1/n) each.
    correlation_squared = (1 / n) ** 2 / (1 / n)
    expected = -d / 2 * math.log(1 - correlation_squared)
    assert gaussian_mean_individual_information(d, n) == pytest.approx(expected, rel=1e-14)
    assert gaussian_mean_individual_information(d, 1) == math.inf


@given(d=st.integers(1, 100), n=st.integers(1, 10**6), variance=st.floats(0, 1e6))
def test_individual_bound_is_above_the_truth(d, n, variance):
    truth = gaussian_mean_generalization_error(d, n, variance)
    bound = gaussian_mean_individual_bound(d, n, variance)
    assert truth <= bound * (1 + 1e-12)
    sub_gaussian_like = (
        2 * variance * d * (1 + 1 / n) * math.sqrt(gaussian_mean_individual_information(d, n) / d)
    )
    assert variance == 0 or bound <= sub_gaussian_like * (1 + 1e-12)


def test_individual_bound_is_of_order_one_over_the_root_of_n():
    assert gaussian_mean_individual_bound(1, 10**8) == pytest.approx(math.sqrt(2 / 10**8), rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "name"), [((0, 3), "dimension"), ((1, 0), "num_samples"), ((1, 2, -1.0), "noise")]
)
def test_bad_input_is_refused_in_words(arguments, name):
    with pytest.raises(ValueError, match=name):
        gaussian_mean_generalization_error(*arguments)
