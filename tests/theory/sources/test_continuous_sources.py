"""Uniform and Laplace sources, squared error: printed values, the bracket, a plain discretisation."""

import math

import numpy as np
import pytest

from ratedist.theory.sources.continuous import laplace_rate_distortion, point_at_rate, uniform_rate_distortion
from ratedist.theory.sources.discrete import blahut_arimoto
from ratedist.theory.sources.textbook import (
    bernoulli_rate,
    gaussian_rate,
    laplace_entropy,
    shannon_lower_bound,
    uniform_entropy,
)
from ratedist.units import bits_to_nats, nats_to_bits

UNIT_WIDTH, UNIT_SCALE = math.sqrt(12), math.sqrt(0.5)


@pytest.mark.parametrize(
    ("bits", "distortion"), [(1.0, 0.20723545), pytest.param(2.0, 0.04744910, marks=pytest.mark.slow)]
)
def test_uniform_printed_values(bits, distortion):
    point = point_at_rate(lambda slope: uniform_rate_distortion(UNIT_WIDTH, slope), bits_to_nats(bits))
    assert point.distortion == pytest.approx(distortion, abs=5e-9)
    assert nats_to_bits(point.rate) == pytest.approx(bits, abs=1e-8)
    assert 0 <= nats_to_bits(point.gap) < 1e-8


def test_laplace_printed_value():
    """At a slope whose rate is one bit to 1e-6; the rest of the way along the tangent."""
    point = laplace_rate_distortion(UNIT_SCALE, 2.284946)
    excess = point.rate - bits_to_nats(1.0)
    assert abs(excess) < 2e-6
    assert point.distortion + excess / point.slope == pytest.approx(0.21712240, abs=1e-7)
    assert 0 <= nats_to_bits(point.gap) < 4e-6


@pytest.mark.parametrize("slope", [0.3, 0.8, 1.5])
def test_bracket_lies_between_shannon_and_gaussian(slope):
    for point, entropy in (
        (uniform_rate_distortion(UNIT_WIDTH, slope), uniform_entropy(UNIT_WIDTH)),
        (laplace_rate_distortion(UNIT_SCALE, slope), laplace_entropy(UNIT_SCALE)),
    ):
        assert float(shannon_lower_bound(entropy, point.distortion)) <= point.rate
        assert point.rate_lower <= float(gaussian_rate(1.0, point.distortion)) + 1e-9
        assert -1e-12 <= point.gap < 5e-6
        assert point.output.sum() == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize("slope", [0.8, 3.0])
def test_uniform_against_blahut_arimoto_on_a_plain_grid(slope):
    """Midpoints as letters of equal probability: wrong by order spacing², nothing shared but the theorem."""
    x = (np.arange(400) + 0.5) / 400 * UNIT_WIDTH - UNIT_WIDTH / 2
    plain = blahut_arimoto(np.full(400, 1 / 400), (x[:, None] - x[::2]) ** 2, slope, tolerance=1e-7)
    point = uniform_rate_distortion(UNIT_WIDTH, slope)
    intercept = point.rate + slope * point.distortion
    assert plain.rate + slope * plain.distortion == pytest.approx(intercept, abs=1e-4)


def test_uniform_below_its_critical_slope_is_not_coded():
    point = uniform_rate_distortion(UNIT_WIDTH, 0.5)
    assert point.distortion == pytest.approx(1.0, rel=1e-12)
    assert point.rate == pytest.approx(0.0, abs=1e-12)


def test_scaling():
    for curve in (uniform_rate_distortion, laplace_rate_distortion):
        small, large = curve(1.0, 0.9), curve(3.0, 0.1)
        assert large.distortion == pytest.approx(9 * small.distortion, rel=1e-12)
        assert large.rate == pytest.approx(small.rate, rel=1e-12)


def test_point_at_rate_on_a_discrete_source():
    point = point_at_rate(lambda slope: blahut_arimoto([0.3, 0.7], 1 - np.eye(2), slope), 0.2)
    assert float(bernoulli_rate(0.3, point.distortion)) == pytest.approx(0.2, abs=1e-9)
    with pytest.raises(ValueError, match="beyond this source"):
        point_at_rate(lambda slope: blahut_arimoto([0.3, 0.7], 1 - np.eye(2), slope), 1.0)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: uniform_rate_distortion(0.0, 1.0), "width"),
        (lambda: laplace_rate_distortion(1.0, 0.0), "slope"),
        (lambda: laplace_rate_distortion(1.0, 1e4), "slope must be at most"),
        (lambda: point_at_rate(lambda _: uniform_rate_distortion(1.0, 1.0), -1.0), "rate"),
    ],
)
def test_bad_input_is_refused_in_words(call, name):
    with pytest.raises(ValueError, match=name):
        call()
