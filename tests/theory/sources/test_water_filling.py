"""Reverse water-filling against the printed point and against a convex optimiser that knows no water."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from ratedist.theory.sources.water_filling import (
    reverse_water_filling,
    water_filling_at_distortion,
    water_filling_at_rate,
)
from ratedist.units import nats_to_bits

variances = st.lists(st.one_of(st.just(0.0), st.floats(1e-3, 1e3)), min_size=1, max_size=8).filter(any)


def test_printed_point():
    point = reverse_water_filling([4.0, 1.0, 0.25], 0.5)
    assert point.distortion == 1.25
    assert nats_to_bits(point.rate) == pytest.approx(2.0, rel=1e-14)
    np.testing.assert_array_equal(point.component_distortions, [0.5, 0.5, 0.25])


@given(variances, st.floats(1e-4, 1.0))
def test_by_distortion(s2, fraction):
    point = water_filling_at_distortion(s2, fraction * sum(s2))
    assert point.distortion == pytest.approx(fraction * sum(s2), rel=1e-12)
    assert np.all(point.component_distortions <= np.array(s2))


@given(variances, st.floats(0.0, 50.0))
def test_by_rate(s2, rate):
    point = water_filling_at_rate(s2, rate)
    assert point.rate == pytest.approx(rate, abs=1e-10)
    again = water_filling_at_distortion(s2, point.distortion)
    assert again.rate == pytest.approx(rate, abs=1e-6)


@pytest.mark.parametrize("rate", [0.1, 0.7, 3.0])
def test_no_other_split_of_the_rate_is_better(rate):
    s2 = np.array([3.0, 1.0, 0.4, 0.05])
    found = minimize(
        lambda r: np.sum(s2 * np.exp(-2 * r)),
        np.full(4, rate / 4),
        jac=lambda r: -2 * s2 * np.exp(-2 * r),
        bounds=[(0, None)] * 4,
        constraints={"type": "eq", "fun": lambda r: r.sum() - rate, "jac": np.ones_like},
        method="SLSQP",
        options={"ftol": 1e-14},
    )
    assert water_filling_at_rate(s2, rate).distortion == pytest.approx(found.fun, rel=1e-7)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: reverse_water_filling([1.0, -1.0], 0.5), "variances"),
        (lambda: reverse_water_filling([0.0], 0.5), "variances"),
        (lambda: reverse_water_filling([1.0], 0.0), "water_level"),
        (lambda: water_filling_at_distortion([1.0], 0.0), "distortion"),
        (lambda: water_filling_at_rate([1.0], math.inf), "rate"),
    ],
)
def test_bad_input_is_refused_in_words(call, name):
    with pytest.raises(ValueError, match=name):
        call()
